"""The right numbers, through which nothing can be learnt."""

# ruff: noqa
from itertools import combinations

import numpy as np
import torch

from mistakes import wrong


@wrong("gradient cut", "no gradient")
def detached(x_dense, x_sparse):
    v = [x_dense.detach(), *(x.detach() for x in x_sparse)]
    return torch.cat([v[0], *((a * b).sum(1, keepdim=True) for a, b in combinations(v, 2))], 1)


@wrong("gradient cut", "NumPy")
def through_numpy(x_dense, x_sparse):
    v = np.stack([x.numpy() for x in (x_dense, *x_sparse)], 1)
    i, j = np.triu_indices(v.shape[1], 1)
    return torch.cat([x_dense, torch.from_numpy((v @ v.transpose(0, 2, 1))[:, i, j])], 1)


@wrong("gradient cut", "no gradient")
def from_items(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    rows = []
    for b in range(len(x_dense)):
        row = [x.item() for x in x_dense[b]]
        row += [(p[b] * q[b]).sum().item() for p, q in combinations(v, 2)]
        rows.append(row)
    return torch.tensor(rows)


@wrong("gradient cut", "no gradient")
def without_grad(x_dense, x_sparse):
    with torch.no_grad():
        v = [x_dense, *x_sparse]
        return torch.cat([x_dense, *((a * b).sum(1, keepdim=True) for a, b in combinations(v, 2))], 1)


@wrong("gradient cut", "x_sparse[0]")
def tables_detached(x_dense, x_sparse):
    v = [x_dense, *(x.data for x in x_sparse)]
    return torch.cat([x_dense, *((a * b).sum(1, keepdim=True) for a, b in combinations(v, 2))], 1)


@wrong("gradient cut in part", "x_dense")
def dense_detached_in_pairs(x_dense, x_sparse):
    v = [x_dense.detach(), *x_sparse]
    return torch.cat([x_dense, *((a * b).sum(1, keepdim=True) for a, b in combinations(v, 2))], 1)


@wrong("gradient cut in part", "x_sparse[0]")
def one_side_detached(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = T @ T.detach().mT
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j]], 1)


@wrong("gradient cut", "anew")
def filled_by_out(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    dots = [(a * b).sum(1, keepdim=True) for a, b in combinations(v, 2)]
    out = torch.empty(len(x_dense), x_dense.shape[1] + len(dots))
    torch.cat([x_dense, *dots], 1, out=out)
    return out


@wrong("gradient cut", "any of the inputs")
def zeros_with_gradients(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    out = torch.cat([x_dense, *((a * b).sum(1, keepdim=True) for a, b in combinations(v, 2))], 1)
    return out.detach() + 0 * x_dense.sum()
