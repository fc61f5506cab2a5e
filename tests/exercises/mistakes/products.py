"""The right pairs, and something else than their dot products."""

# ruff: noqa
from itertools import combinations

import torch
import torch.nn.functional as F

from mistakes import wrong


def _with_dense(x_dense, x_sparse, product):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *(product(a, b) for a, b in combinations(v, 2))], 1)


@wrong("elementwise products", "their sum")
def hadamard(x_dense, x_sparse):
    return _with_dense(x_dense, x_sparse, lambda a, b: a * b)


@wrong("mean instead of sum", "sum")
def averaged(x_dense, x_sparse):
    return _with_dense(x_dense, x_sparse, lambda a, b: (a * b).mean(1, keepdim=True))


@wrong("scaled products", "square root")
def as_in_attention(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = T @ T.mT / T.shape[-1] ** 0.5
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j]], 1)


@wrong("cosine instead of dot product", "cosine")
def cosine(x_dense, x_sparse):
    return _with_dense(x_dense, x_sparse, lambda a, b: F.cosine_similarity(a, b)[:, None])


@wrong("cosine instead of dot product", "lengths")
def normalised(x_dense, x_sparse):
    T = F.normalize(torch.stack([x_dense, *x_sparse], 1), dim=-1)
    Z = T @ T.mT
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j]], 1)


@wrong("distances instead of products", "distances")
def distances(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, torch.cdist(T, T)[:, i, j]], 1)


@wrong("activation added", "softmax")
def softmaxed(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = F.softmax(T @ T.mT, dim=-1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j]], 1)


@wrong("activation added", "ReLU")
def rectified(x_dense, x_sparse):
    return _with_dense(x_dense, x_sparse, lambda a, b: F.relu((a * b).sum(1, keepdim=True)))


@wrong("sums instead of products", "multiplied")
def plus(x_dense, x_sparse):
    return _with_dense(x_dense, x_sparse, lambda a, b: (a + b).sum(1, keepdim=True))


@wrong("outer products", "d × d")
def outer(x_dense, x_sparse):
    return _with_dense(x_dense, x_sparse, lambda a, b: torch.einsum("bi,bj->bij", a, b).flatten(1))


@wrong("sum over the wrong axis", "coordinates")
def transposed_first(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=1)
    Z = torch.bmm(T.transpose(1, 2), T)
    i, j = torch.triu_indices(Z.shape[1], Z.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)


@wrong("sum over the wrong axis", "coordinates")
def stacked_last(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=2)
    Z = torch.bmm(T, T.transpose(1, 2))
    i, j = torch.triu_indices(Z.shape[1], Z.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)


@wrong("sum over the wrong axis", "element by element")
def summed_over_pairs(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    products = torch.stack([a * b for a, b in combinations(v, 2)])
    return torch.cat([x_dense, products.sum(0)], 1)


@wrong("reshaped instead of transposed", "transposed")
def view_for_transpose(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=1)
    B, n, d = T.shape
    Z = torch.bmm(T, T.reshape(B, d, n))
    i, j = torch.triu_indices(n, n, 1)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)


@wrong("some columns wrong", "0·2, 1·2, 2·3")
def a_typo(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    v[2] = v[2] + 1
    return torch.cat([x_dense, *((a * b).sum(1, keepdim=True) for a, b in combinations(v, 2))], 1)


@wrong("not a number", "nan")
def divided_by_zero(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=1)
    Z = T @ T.mT
    Z = Z * torch.triu(torch.ones_like(Z), 1) / torch.triu(torch.zeros_like(Z), 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)
