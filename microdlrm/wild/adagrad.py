"""Adagrad by rows, the optimiser that production trains its embedding tables with."""

import torch
from torch import Tensor


class RowwiseAdagrad(torch.optim.Optimizer):
    """Adagrad (Duchi et al. 2011) with one number of state a row, the mean of its squared
    gradients, instead of d.

    For embedding tables (R, d) with sparse or dense gradients: state += mean(g²), row -= lr · g /
    (√state + eps). Only rows with a gradient move. As in FBGEMM's "exact row-wise Adagrad"
    (Mudigere et al. 2022, section 4.1.4).
    """

    def __init__(self, tables, lr: float = 0.05, eps: float = 1e-8):
        super().__init__(tables, dict(lr=lr, eps=eps))

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is None:
                    continue
                seen = self.state[table].setdefault("squares", table.new_zeros(len(table)))  # (R,)
                # The rows that have a gradient; of a row looked up twice, the sum.
                gradient = table.grad.to_sparse(1).coalesce()
                rows, g = gradient.indices()[0], gradient.values()  # (n,), (n, d)
                seen[rows] += g.square().mean(1)
                table[rows] -= group["lr"] * g / (seen[rows].sqrt()[:, None] + group["eps"])


def state_bytes(optimiser: torch.optim.Optimizer) -> int:
    """The bytes of what an optimiser keeps beside the parameters, once it has taken a step."""
    kept = [value for state in optimiser.state.values() for value in state.values()]
    return sum(t.nbytes for t in kept if isinstance(t, Tensor) and t.numel() > 1)
