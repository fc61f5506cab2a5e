"""What a task is: the right answer (in plain loops, apart from the package's own), the inputs to try, and a family of
wrong formulations that a check recognises.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    columns: Callable[..., list[str]] = lambda *args: []  # headings of the result's columns
    other: str = "Compare the marked numbers with what you get by hand."  # nobody knows this mistake
    detour: Callable[[Callable], str] = lambda fn: ""  # said for praise where the way to the numbers is a long one
    growing: dict[str, tuple] | None = None  # inputs, by their sizes in words, for which a loop calls ever more

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
