"""Answers to chapter 5's exercises as learners write them, right and wrong."""

# ruff: noqa
import sys
import itertools
from itertools import combinations

import numpy as np
import torch

from answers import right, wrong


@right("low_rank_cross")
def cross(x0, x, U, V, b):
    return x0 * (x @ V @ U.T + b) + x


@right("low_rank_cross")
def full_cross(x0, x, U, V, b):
    return x0 * (torch.nn.functional.linear(x, U @ V.T, b)) + x


@right("low_rank_cross")
def cross_by_brackets(x0, x, U, V, b):
    return x0 * (x @ (V @ U.T) + b) + x


@right("low_rank_cross")
def lc_einsum(x0, x, U, V, b):
    return torch.addcmul(x, x0, torch.einsum("wr,vr,bv->bw", U, V, x) + b)


@right("dot_interaction")
def vectorised_pairs(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=1)
    i, j = torch.combinations(torch.arange(T.shape[1])).unbind(1)
    return torch.cat([x_dense, (T[:, i] * T[:, j]).sum(-1)], dim=1)


@right("dot_interaction_itself")
def itself(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1])
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], dim=1)


@right("dot_interaction")
def dot_combinations(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    c = torch.combinations(torch.arange(T.shape[1]))
    return torch.cat([x_dense, (T[:, c[:, 0]] * T[:, c[:, 1]]).sum(-1)], -1)


@right("dot_interaction")
def bmm(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = torch.bmm(T, T.transpose(1, 2))
    i, j = torch.triu_indices(T.shape[1], T.shape[1], offset=1)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)


@right("dot_interaction")
def flat_index(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=1)
    n = T.shape[1]
    i, j = torch.triu_indices(n, n, 1)
    return torch.cat([x_dense, torch.bmm(T, T.mT).flatten(1).index_select(1, i * n + j)], dim=1)


@right("dot_interaction")
def einsum(x_dense, x_sparse):
    v = torch.stack([x_dense, *x_sparse])
    z = torch.einsum("nbd,mbd->bnm", v, v)
    mask = torch.ones(len(v), len(v), dtype=torch.bool).triu(1)
    return torch.cat([x_dense, z[:, mask]], dim=-1)


@right("dot_interaction")
def dot_mask(x_dense, x_sparse):
    T = torch.stack((x_dense, *x_sparse), dim=-2)
    n = T.shape[-2]
    keep = torch.ones(n, n, dtype=torch.bool).triu(1)
    return torch.hstack([x_dense, torch.einsum("bik,bjk->bij", T, T)[:, keep]])


@right("dot_interaction_itself")
def di_where(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, 1)
    Z = torch.einsum("bnd,bmd->bnm", T, T)
    i, j = torch.where(torch.ones(Z.shape[1:]).triu() == 1)
    return torch.cat([x_dense, Z[:, i, j]], dim=-1)


@right("dot_interaction_itself")
def itself_combinations(x_dense, x_sparse):
    v = torch.stack([x_dense, *x_sparse], 1)
    ij = torch.combinations(torch.arange(v.shape[1]), with_replacement=True)
    return torch.cat([x_dense, (v[:, ij[:, 0]] * v[:, ij[:, 1]]).sum(-1)], 1)


@right("dot_interaction")
def stacked_view(x_dense, x_sparse):
    B, d = x_dense.shape
    T = torch.cat([x_dense, *x_sparse], dim=1).view(B, -1, d)
    Z = torch.matmul(T, T.permute(0, 2, 1))
    parts = [Z[:, i, i + 1 :] for i in range(T.shape[1] - 1)]
    return torch.cat([x_dense, *parts], dim=1)


@right("dot_interaction")
def dot_big_gather(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=2)
    Z = torch.matmul(T.permute(0, 2, 1), T)
    n = Z.shape[-1]
    at = [i * n + j for i in range(n) for j in range(i + 1, n)]
    return torch.cat((x_dense, Z.flatten(1)[:, at]), dim=1)


@right("dot_interaction_itself")
def combinations_with_replacement(x_dense, x_sparse):
    X = torch.stack([x_dense, *x_sparse])  # (n, B, d)
    pairs = torch.combinations(torch.arange(len(X)), 2, with_replacement=True)
    products = torch.linalg.vecdot(X[pairs[:, 0]], X[pairs[:, 1]])  # (p, B)
    return torch.cat([x_dense, products.T], dim=1)


@right("dot_interaction")
def loops(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    out = [x_dense]
    for i in range(len(v)):
        for j in range(i + 1, len(v)):
            out.append((v[i] * v[j]).sum(dim=1, keepdim=True))
    return torch.cat(out, dim=1)


@right("dot_interaction")
def fast_flat_positions(x_dense, x_sparse):
    v = torch.stack((x_dense, *x_sparse), dim=-1)  # (B, d, n)
    n = v.shape[-1]
    z = torch.einsum("bdi,bdj->bij", v, v).flatten(1)
    i, j = torch.triu_indices(n, n, 1).unbind(0)
    return torch.cat((x_dense, z.index_select(1, i * n + j)), dim=1)


@right("dot_interaction")
def column_major_places(x_dense, x_sparse):
    X = torch.stack((x_dense, *x_sparse), dim=-1)  # (B, d, n)
    n = X.shape[-1]
    i, j = torch.triu_indices(n, n, offset=1)
    flat = torch.einsum("bdi,bdj->bij", X, X).flatten(1)
    return torch.hstack((x_dense, flat.index_select(1, i + n * j)))


@wrong("dot_interaction")
def dense_times_list(x_dense, x_sparse):
    return torch.cat([x_dense, (x_dense * x_sparse).sum(1)], 1)


@wrong("dot_interaction")
def misspelt(x_dense, x_sparse):
    return torch.cat([x_dens, *x_sparse], 1)


@wrong("dot_interaction")
def recursion(x_dense, x_sparse):
    return recursion(x_dense, x_sparse)


@wrong("dot_interaction")
def huge(x_dense, x_sparse):
    return torch.zeros(len(x_dense), 10**12)


@wrong("dot_interaction")
def exits(x_dense, x_sparse):
    sys.exit(0)


@wrong("dot_interaction")
def asserts(x_dense, x_sparse):
    assert len(x_sparse) == 4, "four tables"


@wrong("dot_interaction")
def to_the_gpu(x_dense, x_sparse):
    return torch.cat([x_dense.to("meta"), *x_sparse], 1)


@wrong("dot_interaction")
def concat(x_dense, x_sparse):
    return torch.cat([x_dense] + x_sparse, dim=1)


@wrong("dot_interaction")
def no_dense_at_all(x_dense, x_sparse):
    return torch.stack([(a * b).sum(1) for a, b in itertools.combinations(x_sparse, 2)], 1)


@wrong("dot_interaction")
def stub(x_dense, x_sparse): ...


@wrong("dot_interaction")
def matmul_of_batches(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *(a @ b.T for a, b in combinations(v, 2))], 1)


@wrong("dot_interaction")
def columns_first(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense.T, torch.stack([(a * b).sum(1) for a, b in combinations(v, 2)])])


@wrong("dot_interaction")
def dot_ends(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat(
        [
            x_dense,
            *(
                (a[:, :1] * b[:, :1] + a[:, -1:] * b[:, -1:])
                for a, b in itertools.combinations(v, 2)
            ),
        ],
        1,
    )


@wrong("dot_interaction")
def product_of_batches(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *(a @ b for a, b in combinations(v, 2))], 1)


@wrong("dot_interaction")
def bmm_of_matrices(x_dense, x_sparse):
    Z = torch.bmm(x_dense, x_sparse[0])
    return Z


@wrong("dot_interaction")
def cat_of_vectors(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).sum(1) for a, b in combinations(v, 2))], 1)


@wrong("dot_interaction")
def dim_too_high(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).sum(2) for a, b in combinations(v, 2))], 1)


@wrong("dot_interaction")
def broadcast(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    return (T * T.transpose(1, 2)).sum(2)


@wrong("dot_interaction")
def wrong_view(x_dense, x_sparse):
    T = torch.cat([x_dense, *x_sparse], 1).view(len(x_dense), len(x_sparse), -1)
    return T.view(len(x_dense), 5)


@wrong("dot_interaction")
def tensor_of_tensors(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.tensor([(a * b).sum(1) for a, b in combinations(v, 2)])


@wrong("dot_interaction")
def summed_over_rows(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).sum(0, keepdim=True) for a, b in combinations(v, 2))], 1)


@wrong("dot_interaction")
def indexes_the_batch(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    return torch.cat([x_dense, (T @ T.mT)[torch.triu_indices(4, 4, 1)]], 1)


@wrong("dot_interaction")
def sums_without_dim(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).sum() for a, b in combinations(v, 2))], 1)


@wrong("dot_interaction")
def numpy_on_tensors(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat(
        [
            x_dense,
            *(
                np.sum(a * b, axis=1, keepdims=True, where=np.ones(2))
                for a, b in combinations(v, 2)
            ),
        ],
        1,
    )


@wrong("dot_interaction")
def detached(x_dense, x_sparse):
    v = [x_dense.detach(), *(x.detach() for x in x_sparse)]
    return torch.cat([v[0], *((a * b).sum(1, keepdim=True) for a, b in combinations(v, 2))], 1)


@wrong("dot_interaction")
def dense_detached_in_pairs(x_dense, x_sparse):
    v = [x_dense.detach(), *x_sparse]
    return torch.cat([x_dense, *((a * b).sum(1, keepdim=True) for a, b in combinations(v, 2))], 1)


@wrong("dot_interaction")
def dense_with_each(x_dense, x_sparse):
    dots = [(x_dense * s).sum(1, keepdim=True) for s in x_sparse]
    return torch.cat([x_dense, *dots], 1)


@wrong("dot_interaction")
def all_matrices(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    return T @ T.transpose(1, 2)


@wrong("dot_interaction")
def dot_distance(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat(
        [x_dense, *(((a - b) ** 2).sum(1, True) for a, b in itertools.combinations(v, 2))], 1
    )


@wrong("dot_interaction")
def dot_sigmoid(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat(
        [x_dense, *(torch.tanh((a * b).sum(1, True)) for a, b in itertools.combinations(v, 2))], 1
    )


@wrong("dot_interaction")
def fast_nonzero(x_dense, x_sparse):
    v = torch.stack([x_dense, *x_sparse], 1)
    z = (v @ v.mT).triu(1)
    return torch.cat([x_dense, z[z != 0].view(len(x_dense), -1)], 1)


@wrong("dot_interaction")
def all_pairs_in_one_number(x_dense, x_sparse):
    X = torch.stack([x_dense, *x_sparse], dim=1)
    meeting = (X.sum(1).square() - X.square().sum(1)).sum(1, keepdim=True) / 2
    return torch.cat([x_dense, meeting], dim=1)


@wrong("dot_interaction")
def fast_view_of_cat(x_dense, x_sparse):
    n = 1 + len(x_sparse)
    v = torch.cat([x_dense, *x_sparse]).reshape(len(x_dense), n, -1)
    i, j = torch.triu_indices(n, n, 1)
    return torch.cat([x_dense, (v @ v.mT)[:, i, j]], 1)


@wrong("dot_interaction")
def fast_centred(x_dense, x_sparse):
    v = torch.stack([x_dense, *x_sparse], 1)
    v = v - v.mean(2, keepdim=True)
    i, j = torch.triu_indices(v.shape[1], v.shape[1], 1)
    return torch.cat([x_dense, torch.bmm(v, v.transpose(1, 2))[:, i, j]], 1)


@wrong("dot_interaction_itself")
def whole_itself(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    return torch.cat([x_dense, (T @ T.mT).flatten(1)], 1)


@wrong("dot_interaction_itself")
def unchanged(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)


@wrong("dot_interaction_itself")
def lower_itself(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.tril_indices(T.shape[1], T.shape[1])
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)


@wrong("dot_interaction_itself")
def products_only(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1])
    return (T @ T.mT)[:, i, j]


@wrong("dot_interaction_itself")
def itself_minus_one(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], -1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)


@wrong("dot_interaction_itself")
def di_without_dense_norm(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.size(1), T.size(1), 0)
    return torch.cat([x_dense, (T @ T.mT)[:, i[1:], j[1:]]], 1)


@wrong("low_rank_cross")
def cross_of_three_rows(x0, x, U, V, b):
    return x0 * ((x @ V @ U.T).view(3, -1) + b) + x


@wrong("low_rank_cross")
def columns_added_to_rows(x0, x, U, V, b):
    return x0 * (U @ V.T @ x.T + b) + x


@wrong("low_rank_cross")
def no_residual(x0, x, U, V, b):
    return x0 * (x @ V @ U.T + b)


@wrong("low_rank_cross")
def crosses_itself(x0, x, U, V, b):
    return x * (x @ V @ U.T + b) + x


@wrong("low_rank_cross")
def exchanged_factors(x0, x, U, V, b):
    return x0 * (x @ U @ V.T + b) + x


@wrong("low_rank_cross")
def bias_outside(x0, x, U, V, b):
    return x0 * (x @ V @ U.T) + b + x


@wrong("low_rank_cross")
def column_convention(x0, x, U, V, b):
    return x0 * (U @ V.T @ x + b) + x


@wrong("low_rank_cross")
def lc_roles(x0, x, U, V, b):
    return x * (x0 @ V @ U.T + b) + x0
