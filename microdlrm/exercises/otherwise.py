"""General tests by comparison: is a wrong result what is due for other inputs, in some rows only, or by another recipe?

Each tries many wrong formulations, made from the right one. What is said holds on every input that was tried: the
task's own cases and variations of them, on two of which, at least, the formulation isn't right.
"""

from collections.abc import Callable, Iterator
from itertools import combinations, islice, product

import torch
from torch import Tensor

from microdlrm.exercises.altered import altered, alternatives
from microdlrm.exercises.arguments import varied
from microdlrm.exercises.compare import as_tensor, equal
from microdlrm.exercises.finding import Finding, Probe, first_marked

TRIED = 10  # variations of the inputs, besides the task's own cases
ERRORS = (RuntimeError, ValueError, IndexError, ArithmeticError, TypeError, KeyError, StopIteration)


def value(formula: Callable, args: tuple) -> Tensor | None:
    """What a formulation gives, None where it doesn't apply."""
    try:
        return as_tensor(formula(*args))
    except ERRORS:
        return None


def tried(probe: Probe) -> list[tuple[tuple, Tensor, Tensor]]:
    """Inputs, what the learner's function gives on them, and what is due: the failing ones first."""
    if "tried" not in probe.kept:
        others = [case.args for case in probe.task.cases if case is not probe.case]
        found = [(probe.case.args, probe.got, probe.want)]
        for args in (*others, *islice(varied(probe), TRIED)):
            got, want = probe.call(args), value(probe.task.answer, args)
            if got is not None and want is not None:
                found.append((args, got, want))
        probe.kept["tried"] = found
    return probe.kept["tried"]


def agrees(probe: Probe, formula: Callable) -> bool:
    """Whether a formulation gives what the learner's function gives, and on two inputs not what is due."""
    here = value(formula, probe.case.args)
    if here is None or not equal(here, probe.got) or equal(here, probe.want):
        return False
    apart = 0
    for args, got, want in tried(probe):
        theirs = value(formula, args)
        if theirs is None:
            continue
        if not equal(theirs, got):
            return False
        apart += not equal(theirs, want)
    return apart >= 2


def other_inputs(probe: Probe) -> Finding | None:
    """Is it the right answer to other inputs: one of the arguments altered, or two of them exchanged?"""
    if any(map(callable, probe.case.args)):
        return None
    for name, says, change in altered(probe.task.arguments, probe.case.args):
        if name in probe.task.data and "everywhere" in says:
            continue  # the labels' mean is what comes of (B, 1) meeting (B,): `company` says that
        if agrees(probe, lambda *args, change=change: probe.task.answer(*change(args))):
            return Finding(
                f"other {name}",
                f"You have what is due for other inputs: your numbers are those that come out if {says}. "
                f"Look at what you do with {name}.{first_marked(probe)}",
                sure=True,
            )
    return None


# --- right in some rows ---


def conditions(arguments: list[str], args: tuple) -> Iterator[tuple[str, Callable[[tuple], Tensor]]]:
    """What may hold of some rows and not of others: in words, and as (n,) bool."""
    numbers = [(k, n) for k, (n, a) in enumerate(zip(arguments, args, strict=True)) if isinstance(a, int | float)]
    for k, (name, arg) in enumerate(zip(arguments, args, strict=True)):
        if not isinstance(arg, Tensor) or arg.ndim != 1:
            continue
        for j, number in numbers:
            yield f"{name} is at least {number}", lambda a, k=k, j=j: a[k] >= a[j]
            yield f"{name} is above {number}", lambda a, k=k, j=j: a[k] > a[j]
            yield f"{name} is below {number}", lambda a, k=k, j=j: a[k] < a[j]
            yield f"{name} is at most {number}", lambda a, k=k, j=j: a[k] <= a[j]
        for says, holds in (
            ("is 0", lambda t: t == 0),
            ("is 1", lambda t: t == 1),
            ("is above 0", lambda t: t > 0),
            ("is below 0", lambda t: t < 0),
            ("is above 1", lambda t: t > 1),
            ("comes once only", lambda t: (t[:, None] == t).sum(1) == 1),
            ("comes more than once", lambda t: (t[:, None] == t).sum(1) > 1),
            ("came before", lambda t: (t[:, None] == t).tril(-1).any(1)),
            ("comes again", lambda t: (t[:, None] == t).triu(1).any(1)),
            ("is the largest of all", lambda t: t == t.max()),
            ("is the smallest of all", lambda t: t == t.min()),
        ):
            yield f"{name} {says}", lambda a, k=k, holds=holds: holds(a[k])
    rows = next((k for k, a in enumerate(args) if isinstance(a, Tensor) and a.ndim == 1), None)
    if rows is not None:
        yield "a row is the first", lambda a: torch.arange(len(a[rows])) == 0
        yield "a row is the last", lambda a: torch.arange(len(a[rows])) == len(a[rows]) - 1
        yield "a row isn't the first", lambda a: torch.arange(len(a[rows])) > 0


def some_rows_only(probe: Probe) -> Finding | None:
    """Is it right but for the rows of a kind, and what stands there instead?"""
    task, args, got, want = probe.task, probe.case.args, probe.got, probe.want
    if got.shape != want.shape or got.ndim == 0 or any(map(callable, args)):
        return None
    wrong = ~torch.isclose(got.double(), want.double(), rtol=1e-4, atol=1e-5, equal_nan=True)
    wrong = wrong.reshape(len(wrong), -1).any(1)
    for says, holds in conditions(task.arguments, args):
        where = value(lambda *a, holds=holds: holds(a), args)
        if where is None or where.shape != wrong.shape or (wrong & ~where).any() or where.all():
            continue
        for there, other in alternatives(task, args):

            def formula(*a, holds=holds, other=other):
                mine, due = as_tensor(other(*a)), as_tensor(task.answer(*a))
                chosen = holds(a).reshape(-1, *[1] * (due.ndim - 1))
                return torch.where(chosen, mine.to(due.dtype) if due.is_floating_point() else mine, due)

            if agrees(probe, formula):
                return Finding(
                    f"wrong where {says}",
                    f"All is right but where {says}. There, {there}.{first_marked(probe)}",
                    sure=True,
                )
    return None


# --- another recipe ---


def recipe(make: Callable, *parts: dict[str, object], most: int = 2) -> Callable[[Probe], Finding | None]:
    """Make a test that says which parts of the answer's recipe were exchanged.

    Each of `parts` names the choices for one part of the recipe, the right one by "". `make` takes one choice of each
    and gives a formulation; up to `most` of them are exchanged at once.
    """

    def exchanged() -> Iterator[tuple[list[str], Callable]]:
        for count in range(1, most + 1):
            for which in combinations(range(len(parts)), count):
                others = ([name for name in parts[k] if name] for k in which)
                for names in product(*others):
                    chosen = dict(zip(which, names, strict=True))
                    yield list(names), make(*(part[chosen.get(k, "")] for k, part in enumerate(parts)))

    def test(probe: Probe) -> Finding | None:
        for names, formula in exchanged():
            if agrees(probe, formula):
                says = "; and ".join(names)
                if len(names) > 1:
                    return Finding(
                        "another recipe",
                        f"Your numbers come out if two things are so: {says}. {probe.task.other}",
                        sure=True,
                    )
                says = f"Y{says[1:]}" if says.startswith("you ") else f"In yours, {says}"
                return Finding("another recipe", f"{says}. {probe.task.other}", sure=True)
        return None

    test.words = [name for part in parts for name in part if name]
    return test
