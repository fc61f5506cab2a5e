"""Wrong pairs, wrong order, the dense vector out of place."""

# ruff: noqa
import itertools

import torch

from mistakes import wrong


@wrong("diagonal kept", "itself")
def triu_without_offset(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = torch.bmm(T, T.transpose(1, 2))
    n = T.shape[1]
    i, j = torch.triu_indices(n, n)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)


@wrong("diagonal kept", "itself")
def loop_from_i(x_dense, x_sparse):
    vectors = [x_dense, *x_sparse]
    out = [x_dense]
    for i in range(len(vectors)):
        for j in range(i, len(vectors)):
            out.append((vectors[i] * vectors[j]).sum(dim=1, keepdim=True))
    return torch.cat(out, dim=1)


@wrong("lower triangle's order", "order")
def tril(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = T @ T.transpose(1, 2)
    i, j = torch.tril_indices(T.shape[1], T.shape[1], offset=-1)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)


@wrong("lower triangle's order", "order")
def facebook_dlrm(x_dense, x_sparse):
    # the loop of facebookresearch/dlrm, arch_interaction_itself = False
    batch_size, d = x_dense.shape
    T = torch.cat([x_dense] + x_sparse, dim=1).view((batch_size, -1, d))
    Z = torch.bmm(T, torch.transpose(T, 1, 2))
    _, ni, nj = Z.shape
    li = torch.tensor([i for i in range(ni) for j in range(i)])
    lj = torch.tensor([j for i in range(nj) for j in range(i)])
    return torch.cat([x_dense, Z[:, li, lj]], dim=1)


@wrong("diagonal kept, lower triangle's order", "diagonal")
def facebook_dlrm_itself(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = torch.bmm(T, T.transpose(1, 2))
    i, j = torch.tril_indices(T.shape[1], T.shape[1])
    return torch.cat([x_dense, Z[:, i, j]], dim=1)


@wrong("both triangles", "twice")
def permutations(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    pairs = [(a * b).sum(1) for a, b in itertools.permutations(v, 2)]
    return torch.cat([x_dense, torch.stack(pairs, 1)], 1)


@wrong("whole matrix", "twice")
def flattened(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = torch.bmm(T, T.transpose(1, 2))
    return torch.cat([x_dense, Z.flatten(1)], dim=1)


@wrong("zeros kept", "zero")
def triu_flattened(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = torch.bmm(T, T.transpose(1, 2))
    return torch.cat([x_dense, torch.triu(Z, diagonal=1).flatten(1)], dim=1)


@wrong("zeros and diagonal kept", "zero")
def triu_default_flattened(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = torch.bmm(T, T.transpose(1, 2)).triu()
    return torch.cat([x_dense, Z.reshape(len(x_dense), -1)], dim=1)


@wrong("zeros kept, lower triangle", "zero")
def tril_flattened(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = torch.bmm(T, T.transpose(1, 2)).tril(-1)
    return torch.cat([x_dense, Z.reshape(len(x_dense), -1)], dim=1)


@wrong("diagonal by diagonal", "order")
def by_distance(x_dense, x_sparse):
    v = torch.stack([x_dense] + x_sparse, dim=1)
    Z = v @ v.mT
    parts = [Z.diagonal(k, 1, 2) for k in range(1, v.shape[1])]
    return torch.cat([x_dense, *parts], 1)


@wrong("reversed order", "reversed")
def from_the_end(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    out = []
    for i in reversed(range(len(v))):
        for j in reversed(range(i + 1, len(v))):
            out.append((v[i] * v[j]).sum(1))
    return torch.cat([x_dense, torch.stack(out, 1)], 1)


@wrong("neighbours only", "every other")
def pairwise(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    dots = [(a * b).sum(1, keepdim=True) for a, b in itertools.pairwise(v)]
    return torch.cat([x_dense, *dots], 1)


@wrong("pairs with the first vector only", "first vector")
def dense_with_each(x_dense, x_sparse):
    dots = [(x_dense * s).sum(1, keepdim=True) for s in x_sparse]
    return torch.cat([x_dense, *dots], 1)


@wrong("diagonal only", "itself")
def self_products(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = T @ T.mT
    return torch.cat([x_dense, torch.diagonal(Z, dim1=1, dim2=2)], 1)


@wrong("pairs added up", "column of its own")
def factorisation_machine(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    fm = ((T.sum(1) ** 2 - (T**2).sum(1)) / 2).sum(1, keepdim=True)
    return torch.cat([x_dense, fm], 1)


@wrong("pairs added up", "column of its own")
def row_sums(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = torch.bmm(T, T.transpose(1, 2))
    return torch.cat([x_dense, Z.sum(2)], 1)


@wrong("dense vector missing", "d numbers come first")
def only_pairs(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = torch.bmm(T, T.transpose(1, 2))
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return Z[:, i, j]


@wrong("dense vector at the end", "comes first")
def dense_behind(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = torch.bmm(T, T.transpose(1, 2))
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([Z[:, i, j], x_dense], dim=1)


@wrong("dense vector not paired", "vector 0")
def sparse_pairs_only(x_dense, x_sparse):
    T = torch.stack(x_sparse, dim=1)
    Z = torch.bmm(T, T.transpose(1, 2))
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)


@wrong("dense vector last among the vectors", "vector 0")
def sparse_first(x_dense, x_sparse):
    T = torch.stack(x_sparse + [x_dense], dim=1)
    Z = torch.bmm(T, T.transpose(1, 2))
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)


@wrong("last vector left out", "range")
def off_by_one(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    out = [x_dense]
    for i in range(len(v) - 1):
        for j in range(i + 1, len(v) - 1):
            out.append((v[i] * v[j]).sum(1, keepdim=True))
    return torch.cat(out, 1)


@wrong("all vectors kept", "Only the dense vector")
def concat_and_dots(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    dots = [(a * b).sum(1, keepdim=True) for a, b in itertools.combinations(v, 2)]
    return torch.cat([*v, *dots], 1)


@wrong("no pairs", "concatenation")
def concat(x_dense, x_sparse):
    return torch.cat([x_dense] + x_sparse, dim=1)


@wrong("diagonal kept, dense vector missing", "Two things")
def two_at_once(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = T @ T.transpose(1, 2)
    i, j = torch.triu_indices(T.shape[1], T.shape[1])
    return Z[:, i, j]


@wrong("lower triangle's order, dense vector at the end", "Two things")
def two_others_at_once(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = T @ T.transpose(1, 2)
    i, j = torch.tril_indices(T.shape[1], T.shape[1], -1)
    return torch.cat([Z[:, i, j], x_dense], 1)


@wrong("dense vector missing, dense vector not paired", "Two things")
def no_dense_at_all(x_dense, x_sparse):
    return torch.stack([(a * b).sum(1) for a, b in itertools.combinations(x_sparse, 2)], 1)


@wrong("right numbers, wrong order", "another order")
def sorted_pairs(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    dots = torch.stack([(a * b).sum(1) for a, b in itertools.combinations(v, 2)], 1)
    return torch.cat([x_dense, dots.sort(1).values], 1)


@wrong("matrices returned", "n × n")
def all_matrices(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    return T @ T.transpose(1, 2)


@wrong("matrices returned", "zero")
def triangular_matrices(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    return torch.triu(T @ T.transpose(1, 2), diagonal=1)


@wrong("last vector left out", "range")
def counted_without_dense(x_dense, x_sparse):
    n = len(x_sparse)
    T = torch.stack([x_dense] + x_sparse, dim=1)
    i, j = torch.triu_indices(n, n, 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], dim=1)


@wrong("entries from both sides of the diagonal", "offset")
def offset_minus_one(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], -1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], dim=1)


@wrong("entries from both sides of the diagonal", "sign")
def lower_offset_plus_one(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    i, j = torch.tril_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], dim=1)


@wrong("lower triangle's order", "Exchanging")
def lower_indices_exchanged(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    j, i = torch.tril_indices(T.shape[1], T.shape[1], -1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], dim=1)


@wrong("neighbours missing", "too far")
def offset_two(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 2)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], dim=1)


@wrong("first vector with itself", "NumPy")
def arguments_of_numpy(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    i, j = torch.triu_indices(T.shape[1], 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], dim=1)
