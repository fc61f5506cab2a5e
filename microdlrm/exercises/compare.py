"""A call of the learner's function, number by number: right, or wrong and then what."""

from collections import Counter
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor

from microdlrm.exercises.task import Task

RTOL, ATOL = 1e-4, 1e-5  # float32 sums, in whatever order a learner takes them


def as_tensor(value) -> Tensor:
    """A result as a tensor to compare: counts as int64, other numbers as float64."""
    if isinstance(value, Tensor):
        return value.detach()
    numbers = list(value) if isinstance(value, tuple | list) else [value]
    whole = all(isinstance(n, Integral) for n in numbers)
    return torch.tensor(numbers, dtype=torch.int64 if whole else torch.float64)


def alike(a: Tensor, b: Tensor, rtol: float = RTOL) -> Tensor:
    """Of two results of one shape, number by number, whether they agree; counts exactly."""
    if not b.is_floating_point():
        return a.detach().double() == b.detach().double()
    return torch.isclose(
        a.detach().double(), b.detach().double(), rtol=rtol, atol=ATOL, equal_nan=True
    )


def equal(a: Tensor, b: Tensor, rtol: float = RTOL) -> bool:
    """Shape before value: nothing is broadcast."""
    return a.shape == b.shape and bool(alike(a, b, rtol).all())


def same(a, b) -> bool:
    """Whether two arguments are equal to the last bit, lists item by item."""
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if (
        not isinstance(a, Tensor)
        or not isinstance(b, Tensor)
        or a.shape != b.shape
        or a.dtype != b.dtype
    ):
        return a is b if isinstance(a, Tensor) else a == b
    return bool(((a == b) | ((a != a) & (b != b))).all())  # nan is nan


@dataclass
class Try:
    """One call: the arguments, what is due, and what came (None, and an error, if nothing did)."""

    args: tuple
    want: Tensor
    got: Tensor | None = None
    error: Exception | None = None
    returned: object = None  # as it came

    @property
    def right(self) -> bool:
        return self.got is not None and equal(self.got, self.want)

    @property
    def fits(self) -> bool:
        return self.got is not None and self.got.shape == self.want.shape

    @property
    def rearranged(self) -> bool:
        """Whether the numbers are right, one after the other, in another shape."""
        wrong_shape = (
            self.got is not None and not self.fits and self.got.numel() == self.want.numel()
        )
        return wrong_shape and equal(self.got.reshape(self.want.shape), self.want)

    def items(self) -> list[bool]:
        """Of each row of a matrix, or each number of a vector, whether it is right."""
        if not self.fits:
            return [False] * max(1, len(self.want) if self.want.ndim else 1)
        good = alike(self.got, self.want)
        return (good.all(1) if good.ndim == 2 else good.reshape(-1)).tolist()


def lines(t: Tensor, rows: int | None) -> list[list[float]]:
    """A result as rows of numbers: a vector is one row, and so is what can't be cut into `rows`."""
    t = t.detach().double()
    return (
        t.reshape(rows, -1).tolist()
        if rows and t.ndim > 1 and len(t) == rows
        else [t.reshape(-1).tolist()]
    )


@dataclass
class Place:
    """One number: where it stands, what is due and what came, and what each of them is."""

    name: str
    due: float | None
    due_is: str
    got: float | None
    got_is: str
    right: bool


def places(task: Task, t: Try) -> list[list[Place]]:
    """The numbers of a call, row by row, beside what is due; blanks where one side is longer."""
    rows = len(t.want) if t.want.ndim == 2 else None
    due, got = lines(t.want, rows), lines(t.got, rows)
    names, read, because = task.places(*t.args), task.read(*t.args), iter(task.because(*t.args))
    if len(got) != len(due):
        due = [[x for row in due for x in row]]
        names = [f"{task.row} {k}: {name}" for k in range(rows or 1) for name in names]
    elsewhere = [dict(zip(names, row, strict=False)) for row in due]
    found = []
    for k, (want, have) in enumerate(zip(due, got, strict=True)):
        row = []
        for at in range(max(len(want), len(have))):
            d, g = want[at] if at < len(want) else None, have[at] if at < len(have) else None
            right = d is not None and g is not None and _near(d, g)
            due_is = next(because, "") if d is not None else ""
            due_is = due_is or (read(d, k) if d is not None else "")
            got_is = "" if g is None or right else _name(g, k, elsewhere, read)
            row.append(Place(names[at] if at < len(names) else "–", d, due_is, g, got_is, right))
        found.append(row)
    return found


def _near(a: float, b: float) -> bool:
    if a % 1 == 0 == b % 1:
        return a == b
    return bool(alike(torch.tensor(a), torch.tensor(b)))


def _name(number: float, row: int, elsewhere: list[dict[str, float]], read) -> str:
    """What a number is: due in another place, made of what, or due in another row."""
    if number in (0.0, 1.0) or number != number:
        return read(number, row)
    for k in (row, *(k for k in range(len(elsewhere)) if k != row)):
        there = [name for name, due in elsewhere[k].items() if _near(due, number)]
        if k != row and (made := read(number, row)):
            return made
        if len(there) == 1:
            return there[0] if k == row else f"{there[0]} of row {k}"
    return read(number, row)


def in_sum(t: Try, rows: list[list[Place]]) -> tuple[str, str]:
    """What the first wrong row lacks and has too much: in few words, in a sentence, or ""."""
    row = next((row for row in rows if not all(p.right for p in row)), None)
    if row is None:
        return "right numbers, wrong shape", "The numbers are right, their arrangement isn't."
    numbers = [
        sorted(p for p in side if p is not None)
        for side in zip(*((p.due, p.got) for p in row), strict=True)
    ]
    if len(row) > 1 and len(numbers[0]) == len(numbers[1]) and all(map(_near, *numbers)):
        return "in another order", "All that is due is there, in another order."
    due = [p.name for p in row if p.due is not None]
    got = [p.name if p.right else p.got_is for p in row if p.got is not None]
    if len(row) < 2 or "" in got or "–" in due or (t.fits and t.want.ndim < 2):
        return "", ""
    extra, missing = (
        list((Counter(got) - Counter(due)).elements()),
        list((Counter(due) - Counter(got)).elements()),
    )
    if not missing:
        return "too much in it", f"All that is due is there, and too much: {_listed(extra)}."
    if not extra:
        return "not all there", f"What is there is due, and not all: {_listed(missing)} missing."
    return "other numbers", f"Missing: {_listed(missing)}. In their place: {_listed(extra)}."


def _listed(names: list[str]) -> str:
    names = [f"{name} ({n} times)" if n > 1 else name for name, n in Counter(names).items()]
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


# (what was done to what is due, how)
DONE = [
    ("lost its signs", Tensor.abs),
    ("had 0 put for what is below 0", lambda t: t.clamp(min=0)),
    ("been rounded to whole numbers", Tensor.round),
    ("been cut to whole numbers", Tensor.trunc),
    ("been taken off 1", lambda t: 1 - t),
    ("been turned upside down, 1 divided by it", lambda t: 1 / t),
    ("been squared", lambda t: t * t),
    ("been put under a root", Tensor.sqrt),
    ("been put through a logarithm", Tensor.log),
    ("been put through a sigmoid", Tensor.sigmoid),
]


def all_alike(tries: list[Try]) -> str:
    """What all wrong numbers share: a factor, an amount, something done to them, a rounding."""
    wrong = [~alike(t.got, t.want) for t in tries]
    got, want = (
        torch.cat([getattr(t, side).double()[w] for t, w in zip(tries, wrong, strict=True)])
        for side in ("got", "want")
    )
    every = "Every number" if all(w.all() for w in wrong) else "Every number that is wrong"
    if len(want.unique()) < 3 or not got.isfinite().all():
        return ""
    ratio, off = got / want, got - want
    if equal(ratio, ratio[:1].expand_as(ratio)) and ratio[0]:
        return f"{every} is {ratio[0]:.4g} times what is due."
    if equal(off, off[:1].expand_as(off)):
        return f"{every} is off by {off[0]:.4g}."
    for says, done in DONE:
        if equal(got, done(want)):
            return f"{every} is what is due, but it has {says}."
    if (off.abs() <= 1e-2 * want.abs().max()).all() and (off.abs() <= 0.1 * want.abs()).all():
        most = f"{off.abs().max():.2g}"
        return f"{every} is nearly right, off by {most} at most: rounded, or half precision?"
    return ""
