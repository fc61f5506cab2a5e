"""Whether two results agree, and a picture of where they don't."""

from itertools import zip_longest

import torch
from torch import Tensor

from microdlrm.exercises.verdict import Picture

RTOL, ATOL = 1e-4, 1e-5  # float32 sums, in whatever order a learner takes them


def as_tensor(value) -> Tensor:
    """A tensor to compare: a number becomes (1,), two numbers (2,)."""
    return value.detach() if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64).reshape(-1)


def equal(a: Tensor, b: Tensor, rtol: float = RTOL) -> bool:
    """Shape before value: nothing is broadcast."""
    if a.shape != b.shape:
        return False
    return torch.allclose(a.detach().double(), b.detach().double(), rtol=rtol, atol=ATOL, equal_nan=True)


def close(a: Tensor, b: Tensor, rtol: float) -> bool:
    """Whether two results differ by rounding only, each number by its own size, unless it is tiny."""
    a, b = a.detach().double(), b.detach().double()
    if a.shape != b.shape or not b.any() or not a.isfinite().all():
        return False
    return bool(((a - b).abs() <= rtol * b.abs().clamp(min=0.01 * float(b.abs().max()))).all())


def same(a, b) -> bool:
    """Whether two arguments are equal to the last bit, lists item by item."""
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if not isinstance(a, Tensor) or not isinstance(b, Tensor) or a.shape != b.shape or a.dtype != b.dtype:
        return a is b if isinstance(a, Tensor) else a == b
    return bool(((a == b) | ((a != a) & (b != b))).all())  # nan is nan


def draw(columns: list[str], sizes: str, got: Tensor, want: Tensor) -> Picture | None:
    """Up to three rows and twelve columns, among them the first that is wrong; None if they can't be compared.

    `columns` holds the headings of what is wanted, if it has any; `sizes` says in words what it was tried with.
    One row is enough where the widths differ.
    """
    if got.ndim != want.ndim or want.ndim > 2 or (want.ndim == 2 and len(got) != len(want)):
        return None
    rows = [list(zip_longest(*pair)) for pair in zip(_rows(got), _rows(want), strict=True)]
    wrong = [[not _close(g, w) for g, w in row] for row in rows]
    top = next((k for k, row in enumerate(wrong) if any(row)), 0)
    top = 0 if top < 3 else top
    left = min(row.index(True) for row in wrong[top : top + 3] if any(row))
    left = 0 if left < 12 else left
    count = 3 if got.shape == want.shape else 1
    shown, window = range(top, min(top + count, len(rows))), slice(left, left + 12)
    columns = columns or [str(k) for k in range(_rows(want).shape[1])]
    if got.shape != want.shape:
        columns = [str(k) for k in range(len(rows[0]))]  # what stands where in a wrong result is anyone's guess
    total = len(columns)
    fits = left == 0 and total <= 12

    def cut(cells, dots="…"):
        """The cells in the window, `dots` where the row goes on."""
        return ((dots,) if left else ()) + tuple(cells[window]) + ((dots,) if left + 12 < total else ())

    return Picture(
        columns=cut(columns),
        rows=tuple(f"row {k}" if len(rows) > 1 else "" for k in shown),
        got=tuple(cut([_text(g) for g, _ in rows[k]]) for k in shown),
        expected=tuple(cut([_text(w) for _, w in rows[k]]) for k in shown),
        wrong=tuple(cut(wrong[k], False) for k in shown),
        caption=f"With {sizes}; {'' if fits else f'{total} columns, {len(columns[window])} shown; '}"
        "✗ marks what differs:",
    )


def _rows(tensor: Tensor) -> Tensor:
    return tensor.detach().reshape(-1, tensor.shape[-1] if tensor.ndim else 1).double()


def _close(a: Tensor | None, b: Tensor | None) -> bool:
    return a is not None and b is not None and equal(a, b)


def _text(x: Tensor | None) -> str:
    return "" if x is None else f"{x.item():.4g}"
