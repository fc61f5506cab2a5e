"""What a general test is given, and what it finds; and where, in words."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from microdlrm.exercises.compare import ATOL, RTOL, equal
from microdlrm.exercises.task import Case, Task


class Finding(NamedTuple):
    """What was found; `args` are the inputs on which it shows, where they aren't the case's own."""

    mistake: str
    hint: str
    args: tuple | None = None
    sure: bool = False  # it holds on many inputs, those that come out right among them


class Probe(NamedTuple):
    """A wrong result, what was expected, and the means to ask for more. `call` gives None where a call fails."""

    task: Task
    case: Case
    got: Tensor
    want: Tensor
    call: Callable[[tuple], Tensor | None]
    answer: Callable[[tuple], Tensor]
    kept: dict  # what several tests need, worked out once

    @property
    def rows(self) -> int:
        """How many rows the arguments have."""
        if self.task.per in ("row", "order"):
            return len(self.want)
        return len(next(arg for arg in self.case.args if isinstance(arg, Tensor)))

    def right(self, args: tuple) -> bool | None:
        got = self.call(args)
        return None if got is None else equal(got, self.answer(args))


def first_marked(probe: Probe) -> str:
    """The first number that is wrong, in words; of results that can't be laid side by side, nothing."""
    got, want = probe.got.double(), probe.want.double()
    if got.shape != want.shape or got.ndim not in (1, 2) or got.numel() < 2:
        return ""
    wrong = ~got.isfinite() & want.isfinite()
    if not wrong.any():
        wrong = ~torch.isclose(got, want, rtol=RTOL, atol=ATOL, equal_nan=True)
    place = tuple(wrong.nonzero()[0].tolist())
    where = [f"row {place[0]}"] if got.ndim == 2 else []
    where += [columns(probe, [place[-1]])] if got.ndim == 2 or probe.task.columns(*probe.case.args) else []
    where = ", ".join(where) or f"number {place[0]}"
    return f" Begin with {where}: {want[place].item():.4g} is due, and yours is {got[place].item():.4g}."


def columns(probe: Probe, which: list[int]) -> str:
    names = probe.task.columns(*probe.case.args) or [str(k) for k in range(probe.want.shape[-1])]
    names = [f"{names[k]} ({k})" if names.count(names[k]) > 1 else names[k] for k in which]
    return f"column {names[0]}" if len(names) == 1 else f"the columns {', '.join(names)}"


def place(probe: Probe, k: int) -> str:
    """The k-th number of the result, in words."""
    want = probe.want
    if want.numel() == 1:
        return "Your number"
    at = torch.unravel_index(torch.tensor(k), want.shape)
    if want.ndim == 2:
        return f"Row {int(at[0])}, {columns(probe, [int(at[1])])}"
    named = probe.task.columns(*probe.case.args)
    return f"The number of {named[k]}" if named else f"Number {k}"


def places_of(args: tuple, names: list[str], inputs: list[tuple[str, tuple[int, ...]]]) -> str:
    """Inputs in words, whole arguments and whole rows by one name: "row 0 of x_sparse[1]", "lengths[2]"."""
    sizes = {}
    for name, arg in zip(names, args, strict=True):
        sizes |= {f"{name}[{k}]": t.shape for k, t in enumerate(arg)} if isinstance(arg, list) else {}
        sizes[name] = arg.shape if isinstance(arg, Tensor) else (len(arg),) if isinstance(arg, tuple) else ()
    words = []
    for name in dict.fromkeys(name for name, _ in inputs):
        at = [place for other, place in inputs if other == name]
        shape = sizes[name]
        rows = sorted({place[0] for place in at if place})
        if len(at) == math.prod(shape):
            words.append(name)
        elif len(shape) > 1 and len(at) == len(rows) * math.prod(shape[1:]):
            words.append(f"row {rows[0]} of {name}" if len(rows) == 1 else f"the rows {_listed(rows)} of {name}")
        else:
            words += [f"{name}[{', '.join(map(str, place))}]" for place in at[:4]] + ["…"] * (len(at) > 4)
    return " or ".join(words)


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
