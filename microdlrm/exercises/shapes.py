"""General tests of a result of another shape: what is missing, what is too much, what was added up."""

import torch

from microdlrm.exercises.compare import equal
from microdlrm.exercises.finding import Finding, Probe, columns
from microdlrm.exercises.otherwise import agrees, other_inputs


def rows_and_columns(probe: Probe) -> Finding | None:
    """Rows or columns missing or too many, the others right."""
    got, want = probe.got.double(), probe.want.double()
    if got.ndim != want.ndim or got.ndim not in (1, 2) or 0 in got.shape:
        return None
    for dim, name in enumerate(("row", "column")[: got.ndim]) if got.ndim == 2 else [(0, "number")]:
        if got.ndim == 2 and got.shape[1 - dim] != want.shape[1 - dim]:
            continue
        mine, due = ([tuple(t.select(dim, k).reshape(-1).tolist()) for k in range(t.shape[dim])] for t in (got, want))
        if len(mine) < len(due) and (lacking := _without(due, mine)) is not None:
            verb = "is" if len(lacking) == 1 else "are"
            which = columns(probe, lacking) if name == "column" else f"{name} {', '.join(map(str, lacking))}"
            return Finding(f"{name}s missing", f"What you have is right and in order, and {which} {verb} missing.")
        if len(mine) > len(due) and (extra := _without(mine, due)) is not None:
            return Finding(
                f"{name}s too many",
                f"All that is due is in your result and in order, and {name} {', '.join(map(str, extra))} "
                f"(counted from 0) should not be there.",
            )
    return None


def _without(long: list, short: list) -> list[int] | None:
    """The places of `long` that are left when `short` is taken out of it in order; None if it isn't in it."""
    left, rest = [], list(short)
    for place, item in enumerate(long):
        if rest and equal(torch.tensor(item), torch.tensor(rest[0])):
            rest.pop(0)
        else:
            left.append(place)
    return None if rest else left


def summed_up(probe: Probe) -> Finding | None:
    """Is it what is due, with one axis added up, averaged or cut down to its largest?"""
    got, want = probe.got.double(), probe.want.double()
    for dim, axis in ((0, "rows"), (1, "columns")) if want.ndim == 2 else ():
        for says, reduce in (("added up", torch.sum), ("averaged", torch.mean), ("cut to the largest", torch.amax)):
            for keepdim in (False, True):
                if equal(got, reduce(want, dim, keepdim=keepdim)):
                    return Finding(
                        f"{axis} {says}",
                        f"You have what is due, but its {axis} are {says} into one. "
                        "Which axis does your sum run along?",
                    )
    return None


def taken_for_rows(probe: Probe) -> Finding | None:
    """Does the width depend on the number of rows?"""
    task, args = probe.task, probe.case.args
    if task.per != "row" or task.rows is None or (n := probe.rows) < 3:
        return None
    fewer = probe.call(task.rows(args, list(range(n - 1))))
    if fewer is not None and (fewer.ndim < 1 or fewer.shape[1:] == probe.got.shape[1:]):
        return None
    comes = "it stops with an error" if fewer is None else f"its shape is {tuple(fewer.shape)}"
    return Finding(
        "rows taken for something else",
        f"Take one row away, and {comes}: how many rows there are decides more than how many rows come out. Is the "
        "batch's axis, dim 0, taken for another? Stacking puts the new axis where you say, at the front if you don't.",
    )


def thinned(probe: Probe) -> Finding | None:
    """Are equal numbers, or zeros, left out of what is due?"""
    for says, done in (
        ("each number once only: `unique`, a set or a dict drops what is equal", lambda t: t.unique()),
        ("each number once only: equal neighbours are dropped", lambda t: t.unique_consecutive()),
        ("without the zeros: select by position, not by value", lambda t: t[t != 0]),
    ):
        if probe.want.ndim == 1 and agrees(probe, lambda *args, done=done: done(probe.task.answer(*args))):
            return Finding("numbers missing", f"You have the numbers that are due, {says}.")
    return None


OF_THE_SHAPE = (thinned, other_inputs, rows_and_columns, summed_up, taken_for_rows)
