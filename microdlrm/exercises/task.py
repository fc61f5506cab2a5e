"""What a task is: the right answer (in plain loops, apart from the package's own), the inputs to try, and a family of
wrong formulations that a check recognises.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mistake:
    """A wrong formulation: what it is called, what to say of it, and how to compute it."""

    code: str
    hint: str
    formula: Callable


@dataclass(frozen=True, eq=False)
class Case:
    """Inputs to try; `mistake` and `hint` are for a function that goes wrong on these alone."""

    step: str
    sizes: str  # in words: "B = 3, d = 2"
    args: tuple
    mistake: str = ""
    hint: str = ""
    more: dict[str, tuple] = field(default_factory=dict)  # by sizes: more of the kind, before "for one only" is said


class Growth(NamedTuple):
    """Inputs of two sizes, for which a loop calls ever more operators."""

    mistake: str
    inputs: dict[str, tuple]  # by their sizes in words
    hint: str


def some_rows(*batched: int):
    """The choice of rows of a task's arguments, of which those numbered `batched` have a row for each."""

    def rows(args: tuple, which: list[int]) -> tuple:
        def chosen(arg):
            return [t[which] for t in arg] if isinstance(arg, list) else arg[which]

        return tuple(chosen(arg) if k in batched else arg for k, arg in enumerate(args))

    return rows


@dataclass(frozen=True)
class Task:
    """One function for a learner to write. Its first case also shows type, shape and gradients."""

    call: str  # "name(argument, argument)"
    answer: Callable
    cases: list[Case]
    mistakes: Sequence[Mistake]
    praise: str  # said on a pass
    returns: str = "one tensor"  # or "one number", "one whole number", "two whole numbers"
    shape: str = ""  # of the tensor, in letters
    gradients: bool = False
    far: Case | None = None  # inputs far out on which the gradients are looked at as well, and what to say of them
    columns: Callable[..., list[str]] = lambda *args: []  # headings of the result's columns
    other: str = "Compare the marked numbers with what you get by hand."  # nobody knows this mistake
    detour: Callable[[Callable], str] = lambda fn: ""  # said for praise where the way to the numbers is a long one
    growing: tuple[Growth, ...] = ()
    rows: Callable[[tuple, list[int]], tuple] | None = None  # the arguments with some of their rows
    # What a row is to the result: "row", it has one of its own whatever the others are; "order", one that depends on
    # the others; "mean", the result is the mean over rows; "all", it depends on all; "", there are no rows.
    per: str = ""
    data: tuple[str, ...] = ()  # arguments that need no gradient: labels
    ids: tuple[str, ...] = ()  # arguments that are ids or positions, no amounts
    divisor: Callable[..., dict[str, float]] = lambda *args: {}  # what a sum may be divided by, the right one first
    looks: tuple[Callable, ...] = ()  # tests of its own, as `probes` has them, tried before a mistake is recognised,
    own: tuple[Callable, ...] = ()  # and behind that, before the general ones

    @property
    def name(self) -> str:
        return self.call.split("(")[0]

    @property
    def arguments(self) -> list[str]:
        return re.findall(r"\w+", self.call)[1:]


def small_whole_numbers(*shape: int, seed: int = 0) -> Tensor:
    """Floats from -5 to 5 without 0, so that you can follow the products by hand."""
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, shape, generator=generator) * 2 - 1
    return (torch.randint(1, 6, shape, generator=generator) * signs).float()
