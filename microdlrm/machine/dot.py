"""The dot interaction with half its backward: chapter 8 measures what that saves."""

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import pad


def half_backward_dot(x_dense: Tensor, x_sparse: list[Tensor]) -> Tensor:
    """What `model.dot_interaction` gives, and the same first gradients: (B, d), n - 1 times (B, d)
    -> (B, d + n(n-1)/2).

    `MicroDLRM(interaction=half_backward_dot, ...)` trains with it.
    """
    v = torch.stack([x_dense, *x_sparse], dim=1)  # (B, n, d)
    return torch.cat([x_dense, _PairDots.apply(v)], dim=1)  # (B, d + n(n-1)/2)


class _PairDots(torch.autograd.Function):
    """v (B, n, d) -> v_i . v_j for i < j: (B, n(n-1)/2).

    Autograd's own gradient multiplies twice, G v + Gᵀ v; but G, mirrored, is symmetric: once is
    enough.
    """

    @staticmethod
    def forward(ctx, v: Tensor) -> Tensor:
        ctx.save_for_backward(v)
        pairs, _ = _pair_positions(v.shape[1])
        return torch.bmm(v, v.mT).flatten(1).index_select(1, pairs)  # (B, n(n-1)/2)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor) -> Tensor:
        (v,) = ctx.saved_tensors
        n = v.shape[1]
        _, mirrored = _pair_positions(n)
        g = pad(gradient, (0, 1)).index_select(1, mirrored).view(len(v), n, n)  # (B, n, n)
        return torch.bmm(g, v)  # (B, n, d)


@cache
@torch.inference_mode(False)  # made once, used in training too
def _pair_positions(n: int) -> tuple[Tensor, Tensor]:
    """Where the pairs i < j stand in a flattened (n, n) matrix: (n(n-1)/2,); and which pair, or the
    zero behind the last one on the diagonal, stands at each of the matrix's places: (n * n,)."""
    i, j = torch.triu_indices(n, n, 1)
    which = torch.full((n, n), len(i))
    which[i, j] = which[j, i] = torch.arange(len(i))
    return i * n + j, which.flatten()
