"""The dot interaction with half its backward: chapter 8 measures what that saves."""

import torch
from torch import Tensor
from torch.nn.functional import pad


def half_backward_dot(x_dense: Tensor, x_sparse: list[Tensor]) -> Tensor:
    """What `model.dot_interaction` gives, and the same gradients: (B, d), n - 1 times (B, d) ->
    (B, d + n(n-1)/2).

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
        n = v.shape[1]
        i, j = torch.triu_indices(n, n, 1)
        # Which pair stands at each place of an (n, n) matrix; on the diagonal none: one beyond.
        pair = torch.full((n, n), len(i))
        pair[i, j] = pair[j, i] = torch.arange(len(i))
        ctx.save_for_backward(v, pair.flatten())
        return torch.bmm(v, v.mT).flatten(1).index_select(1, i * n + j)  # (B, n(n-1)/2)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        v, pair = ctx.saved_tensors
        g = pad(gradient, (0, 1)).index_select(1, pair)  # (B, n * n), zeros on the diagonal
        return torch.bmm(g.unflatten(1, (v.shape[1], -1)), v)  # (B, n, d)
