"""On which inputs a function is right, and which of its arguments have a say."""

import copy
import re
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from microdlrm.exercises.compare import Try, equal
from microdlrm.exercises.task import Task


def where_right(task: Task, tries: list[Try]) -> tuple[str, str]:
    """The first fact that tells right from wrong, in few words and in a sentence, or ""."""
    for by_row in (True, False):
        table: dict[str, tuple[set, set]] = {}
        for t in tries:
            items = t.items()
            for name, value in task.facts(*t.args).items():
                values = value.tolist() if isinstance(value, Tensor) else value
                if isinstance(values, list) and not by_row:
                    continue
                pairs = zip(
                    values if isinstance(values, list) else [values] * len(items),
                    items,
                    strict=True,
                )
                for v, good in pairs if by_row else [(values, all(items))]:
                    table.setdefault(name, (set(), set()))[not good].add(v)
        for name, (right, wrong) in table.items():
            if right and wrong and not right & wrong and _telling(right, wrong):
                return _said(task, name, right, wrong)
    return "", ""


def _telling(right: set, wrong: set) -> bool:
    """Numbers tell if a threshold parts them, or if one alone is right; else it may be chance."""
    if any(isinstance(v, str | bool) for v in right | wrong):
        return True
    return len(right) == 1 or max(right) < min(wrong) or max(wrong) < min(right)


def _said(task: Task, name: str, right: set, wrong: set) -> tuple[str, str]:
    if all(isinstance(v, bool) for v in right | wrong):
        if False in wrong:
            return f"right only where {name}", f"Right only where {name}."
        return (
            f"wrong where {name}",
            f"Right everywhere but where {name}. {task.tells.get(name, '')}".strip(),
        )
    good, bad = _range(right, wrong), _range(wrong, right)
    if any(isinstance(v, str) for v in right | wrong):
        return f"wrong where {name} {bad}", f"Right where {name} {good}; wrong where {name} {bad}."
    one = re.sub(r"^(\w+)s\b", r"\1", name)
    title = f"wrong with {bad} {one if wrong == {1} else name}"
    says = f"Right with {good} {one if right == {1} else name}, wrong with {bad}."
    more = ""
    if len(right) == 1 and min(wrong) < min(right):
        more = f"Is {max(right):g} written into your code? Take it from the arguments."
    elif wrong == {1}:
        more = task.tells.get(f"1 {name}", "")
    elif max(right) < min(wrong):
        more = task.tells.get(name, "")
    return title, f"{says} {more}".strip()


def _range(values: set, others: set) -> str:
    if any(isinstance(v, str) for v in values):
        return ", ".join(sorted(map(str, values)))
    if len(values) > 3 and min(values) > max(others):
        return f"{min(values):g} and more"
    if len(values) > 3 and max(values) < min(others):
        return f"{max(values):g} and less"
    return ", ".join(f"{v:g}" for v in sorted(values))


def company(task: Task, t: Try, call: Callable[[tuple], Tensor | None]) -> str:
    """Whether a row's numbers change when the other rows are taken away."""
    if not task.batched or not t.fits or len(t.want) < 2:
        return ""
    for k in range(len(t.want)):
        alone = [_row(arg, k) if place in task.batched else arg for place, arg in enumerate(t.args)]
        got = call(tuple(alone))
        if got is None or got.shape[1:] != t.got.shape[1:]:
            return ""
        if not equal(got[0], t.got[k]):
            return (
                f"Row {k} of yours changes when the other rows are taken away. Rows never meet: "
                "what runs over their axis?"
            )
    return ""


def _row(arg, k: int):
    return [t[k : k + 1] for t in arg] if isinstance(arg, list) else arg[k : k + 1]


def without_a_say(task: Task, tries: list[Try], call: Callable[[tuple], Tensor | None]) -> str:
    """The arguments that change the answer and never the result."""
    names = []
    for k, name in enumerate(task.arguments):
        moves = []
        fitting = [t for t in tries if t.fits]
        for t in [t for t in fitting if not t.right][-3:] + [t for t in fitting if t.right][-2:]:
            for other in _others(t.args[k]):
                args = copy.deepcopy((*t.args[:k], other, *t.args[k + 1 :]))
                try:
                    moved = not equal(torch.as_tensor(task.answer(*args)), t.want.to(torch.float64))
                except (RuntimeError, ValueError, IndexError, ArithmeticError):
                    continue
                if moved and (got := call(args)) is not None:
                    moves.append(not equal(got, t.got))
        if len(moves) > 2 and not any(moves):
            names.append(name)
    return (
        f"In our tries {' or '.join(names)} changed, and the answer. Yours stayed as it was."
        if names
        else ""
    )


def _others(arg) -> Iterator:
    """Two other values of an argument."""
    if isinstance(arg, Tensor) and arg.is_floating_point():
        labels = set(arg.unique().tolist()) <= {0.0, 1.0}
        steps = torch.arange(arg.numel()).reshape(arg.shape).to(arg.dtype)
        yield from (1 - arg, arg.roll(1, 0)) if labels else (arg + 1 + steps, 2 * arg - steps)
    elif isinstance(arg, Tensor):
        yield from (arg.flip(0), arg.roll(1, 0))
    elif isinstance(arg, list):
        yield from ([next(_others(t)) for t in arg], [t * 3 + 1 for t in arg])
    elif isinstance(arg, int | float) and not isinstance(arg, bool):
        yield from (arg + 1, arg + 2)
