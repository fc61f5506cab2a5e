"""On which inputs a function is right."""

import re
from collections import defaultdict
from collections.abc import Iterator
from math import comb
from typing import NamedTuple

from torch import Tensor

from microdlrm.exercises.compare import Try
from microdlrm.exercises.task import COUNTED, Task

CHANCE = 1e-4  # that all wrong numbers share a fact by coincidence; more where no right one does
LEAST = 0.5  # the share of wrong ones where a fact is said to tell: some are right by coincidence
MANY = 9  # values of a number that may decide by themselves, and not by a threshold
DUE = {"0 is due": 0, "1 is due": 1}  # facts that are said where nothing better is known


class Parting(NamedTuple):
    """A fact whose values `bad` hold all that is wrong, and of that what is right by chance."""

    share: float  # of what is wrong, among all with those values
    name: str
    good: set
    bad: set


def where_right(task: Task, tries: list[Try]) -> tuple[str, str, bool]:
    """What tells right from wrong best: in few words, in a sentence, whether it always does.

    Of each number or row, or of whole inputs.
    """
    found = []
    for by_row in (True, False):
        seen: dict[str, list[tuple]] = defaultdict(list)  # fact: what it was, right or not, where
        for k, t in enumerate(tries):
            items = t.items()
            facts = dict(task.facts(*t.args))
            facts |= {name: t.want == n for name, n in DUE.items() if t.want.ndim == 1}
            facts |= {name: bool(t.want == n) for name, n in DUE.items() if t.want.ndim == 0}
            for name, value in facts.items():
                each = value.tolist() if isinstance(value, Tensor) else value
                if not isinstance(each, list):
                    some = items if by_row else [all(items)]
                    seen[name] += [(each, good, k) for good in some]
                elif by_row:
                    seen[name] += [(v, good, k) for v, good in zip(each, items, strict=True)]
        found += [parting for name, met in seen.items() for parting in _partings(name, met)]
    best = max(found, key=lambda p: (p.name not in DUE, p.share), default=None)
    return (*_said(task, best), best.share == 1) if best else ("", "", False)


def _partings(name: str, met: list[tuple]) -> Iterator[Parting]:
    values, wrong = {v for v, *_ in met}, {v for v, good, _ in met if not good}
    if not wrong:
        return
    bad_sets = [wrong]
    if not any(isinstance(v, str | bool) for v in values):  # a threshold, some values
        bad_sets = [{v for v in values if v >= min(wrong)}, {v for v in values if v <= max(wrong)}]
        bad_sets += [wrong] if len(values) < MANY or len(wrong) == len(values) - 1 else []
    for bad in bad_sets:
        outside = [k for v, _, k in met if v not in bad]
        inside = [k for v, good, k in met if v in bad and not good]
        there, several = len(met) - len(outside), min(len(set(outside)), len(set(inside))) > 1
        share = len(inside) / there
        chance = comb(there, len(inside)) / comb(len(met), len(inside))
        if several and share > LEAST and chance < (CHANCE if share < 1 else 30 * CHANCE):
            yield Parting(share, name, values - bad, bad)


def _said(task: Task, parting: Parting) -> tuple[str, str]:
    share, name, good, bad = parting
    often = "" if share == 1 else "mostly "
    if all(isinstance(v, bool) for v in good | bad):
        if bad == {False}:
            says = f"Right where {name}, {often}wrong elsewhere."
            return f"right only where {name}" if share == 1 else "", says
        says = f"Right everywhere but where {name}."
        says = says if share == 1 else f"Wrong only where {name}, though not always there."
        return f"wrong where {name}", f"{says} {task.tells.get(name, '')}".strip()
    these, those = _range(good, bad), _range(bad, good)
    if not re.match(f"{COUNTED}$|as |for ", name):  # a word, or a number with a name of its own
        says = f"Right where {name} {these}; {often}wrong where {name} {those}."
        return f"wrong where {name} {those}", says
    one = re.sub(r"^(\w+)s\b", r"\1", name)
    title = f"wrong with {those} {one if bad == {1} else name}"
    says = f"Right with {these} {one if good == {1} else name}, {often}wrong with {those}."
    tell = task.tells.get(f"1 {name}" if bad == {1} else name if max(good) < min(bad) else "", "")
    return title, f"{says} {tell}".strip()


def _range(values: set, others: set) -> str:
    if any(isinstance(v, str) for v in values):
        return " or ".join(sorted(values))
    if len(values) > 3 and min(values) > max(others):
        return f"{min(values):.4g} and more"
    if len(values) > 3 and max(values) < min(others):
        return f"{max(values):.4g} and less"
    most = ", …" if len(values) > 6 else ""
    return ", ".join(f"{v:.4g}" for v in sorted(values)[:6]) + most
