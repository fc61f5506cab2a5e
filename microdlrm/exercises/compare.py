"""A call of the learner's function, number by number: right, or wrong and then what."""

from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from numbers import Integral

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

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
    mine, due = a.detach().double(), b.detach().double()
    if not b.is_floating_point():
        return mine == due
    return torch.isclose(mine, due, rtol=rtol, atol=ATOL, equal_nan=True)


def equal(a: Tensor, b: Tensor, rtol: float = RTOL) -> bool:
    """Shape before value: nothing is broadcast."""
    return a.shape == b.shape and bool(alike(a, b, rtol).all())


def same(a, b) -> bool:
    """Whether two arguments are equal to the last bit, lists item by item."""
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if not isinstance(a, Tensor):
        return a == b
    if not isinstance(b, Tensor) or (a.shape, a.dtype) != (b.shape, b.dtype):
        return False
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
    def size(self) -> int:
        """The numbers that go in."""
        return sum(t.numel() if isinstance(t, Tensor) else 1 for t in tree_leaves(self.args))

    @property
    def right(self) -> bool:
        return self.got is not None and equal(self.got, self.want)

    @property
    def fits(self) -> bool:
        return self.got is not None and self.got.shape == self.want.shape

    @property
    def rearranged(self) -> bool:
        """Whether the numbers are right, one after the other, in another shape."""
        reshaped = self.got is not None and not self.fits and self.got.numel() == self.want.numel()
        return reshaped and equal(self.got.reshape(self.want.shape), self.want)

    def items(self) -> list[bool]:
        """Of each row of a matrix, or each number of a vector, whether it is right."""
        if not self.fits:
            return [False] * max(1, len(self.want) if self.want.ndim else 1)
        good = alike(self.got, self.want)
        return (good.all(1) if good.ndim == 2 else good.reshape(-1)).tolist()


@dataclass
class Place:
    """One number: where it stands, what is due and what came, and what each of them is."""

    name: str
    due: float | None
    due_is: str
    got: float | None
    got_is: str

    @property
    def right(self) -> bool:
        return self.due is not None and self.got is not None and _near(self.due, self.got)


def places(task: Task, t: Try) -> list[list[Place]]:
    """The numbers of a call, row by row, beside what is due; blanks where one side is longer."""
    due, got = t.want.double(), t.got.double()
    names, read, because = task.places(*t.args), task.read(*t.args), iter(task.because(*t.args))
    if due.ndim < 2 or got.ndim < 2 or len(due) != len(got):  # in one row
        if due.ndim == 2:
            names = [f"{task.row} {k}: {name}" for k in range(len(due)) for name in names]
        due, got = due.reshape(1, -1), got.reshape(1, -1)
    due, got = due.tolist(), got.reshape(len(got), -1).tolist()
    elsewhere = [dict(zip(names, row, strict=False)) for row in due]
    given = [arg for arg in t.args if isinstance(arg, float)]  # may be due somewhere by chance
    found = []
    for k, pairs in enumerate(zip(due, got, strict=True)):
        row = []
        for name, d, g in zip_longest(names[: max(map(len, pairs))], *pairs):
            due_is = next(because, "") or read(d, k) if d is not None else ""
            place = Place(name or "–", d, due_is, g, "")
            if g is not None and not place.right:
                place.got_is = read(g, k) if g in given else _name(g, k, elsewhere, read)
            row.append(place)
        found.append(row)
    return found


def _near(a: float, b: float) -> bool:
    return a == b if a % 1 == 0 == b % 1 else bool(alike(torch.tensor(a), torch.tensor(b)))


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
    if t.want.dtype == torch.bool and t.got.dtype != torch.bool:
        return "", f"Yes or no is due, a bool. Yours are of {t.got.dtype}."
    if t.got.ndim < t.want.ndim and t.got.numel() == 1:
        return "one number for all", ""
    row = next((row for row in rows if not all(p.right for p in row)), None)
    if row is None:
        return "right numbers, wrong shape", "The numbers are right, their arrangement isn't."
    due = [p.name for p in row if p.due is not None]
    got = [p.name if p.right else p.got_is for p in row if p.got is not None]
    numbers_due = sorted(p.due for p in row if p.due is not None)
    numbers_got = sorted(p.got for p in row if p.got is not None)
    if len(due) == len(got) > 1 and all(map(_near, numbers_due, numbers_got)):
        return "in another order", "All that is due is there, in another order."
    if len(row) < 2 or "" in got or "–" in due or (t.fits and t.want.ndim < 2):
        return "", ""
    extra, missing = Counter(got) - Counter(due), Counter(due) - Counter(got)
    if not missing:
        return "too much in it", f"All that is due is there, and too much: {_listed(extra)}."
    if not extra:
        return "not all there", f"What is there is due, and not all: {_listed(missing)} missing."
    return "other numbers", f"Missing: {_listed(missing)}. In their place: {_listed(extra)}."


def _listed(names: Counter) -> str:
    said = [f"{name} ({n} times)" if n > 1 else name for name, n in names.items()]
    return ", ".join(said[:6]) + (f" and {len(said) - 6} more" if len(said) > 6 else "")


def all_alike(tries: list[Try]) -> tuple[str, str]:
    """What all wrong numbers share, as a title and a sentence: a factor, an amount, little."""
    wrong = [~alike(t.got, t.want) for t in tries]
    got = torch.cat([t.got.double()[w] for t, w in zip(tries, wrong, strict=True)])
    want = torch.cat([t.want.double()[w] for t, w in zip(tries, wrong, strict=True)])
    every = "Every number" if all(w.all() for w in wrong) else "Every number that is wrong"
    if len(want.unique()) < 3:
        return "", ""
    ratio, off = got / want, got - want
    if equal(ratio, ratio[:1].expand_as(ratio)) and ratio[0]:
        return "off by a factor", f"{every} is {ratio[0]:.4g} times what is due."
    if equal(off, off[:1].expand_as(off)):
        return "off by an amount", f"{every} is off by {off[0]:.4g}."
    if (off.abs() <= 1e-2 * want.abs().max()).all() and (off.abs() <= 0.1 * want.abs()).all():
        most = f"{off.abs().max():.2g}"
        return "nearly right", f"{every} is off by {most} at most: rounded, or half precision?"
    return "", ""
