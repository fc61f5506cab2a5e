"""What a general test is given, and what it finds; and where, in words."""

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


class Probe(NamedTuple):
    """A wrong result, what was expected, and the means to ask for more. `call` gives None where a call fails."""

    task: Task
    case: Case
    got: Tensor
    want: Tensor
    call: Callable[[tuple], Tensor | None]
    answer: Callable[[tuple], Tensor]

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
