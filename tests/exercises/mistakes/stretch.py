"""The stretch tasks of chapter 5, as learners write them."""

# ruff: noqa
import torch

from mistakes import wrong


@wrong("diagonal missing", "itself", "dot_interaction_itself")
def unchanged(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)


@wrong("lower triangle's order", "order", "dot_interaction_itself")
def lower_itself(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.tril_indices(T.shape[1], T.shape[1])
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)


@wrong("whole matrix", "twice", "dot_interaction_itself")
def whole_itself(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    return torch.cat([x_dense, (T @ T.mT).flatten(1)], 1)


@wrong("dense vector missing", "come first", "dot_interaction_itself")
def products_only(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1])
    return (T @ T.mT)[:, i, j]


@wrong("diagonal behind the pairs", "behind", "dot_interaction_itself")
def diagonal_behind(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = T @ T.mT
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j], Z.diagonal(dim1=1, dim2=2)], 1)


@wrong("entries from both sides of the diagonal", "sign", "dot_interaction_itself")
def itself_minus_one(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], -1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)


@wrong("batch size hard-coded", "batch size", "low_rank_cross")
def cross_of_three_rows(x0, x, U, V, b):
    return x0 * ((x @ V @ U.T).view(3, -1) + b) + x


@wrong("shapes don't fit", "element by element", "low_rank_cross")
def columns_added_to_rows(x0, x, U, V, b):
    return x0 * (U @ V.T @ x.T + b) + x


@wrong("x not added", "last term", "low_rank_cross")
def no_residual(x0, x, U, V, b):
    return x0 * (x @ V @ U.T + b)


@wrong("x instead of x0 in front", "x0", "low_rank_cross")
def crosses_itself(x0, x, U, V, b):
    return x * (x @ V @ U.T + b) + x


@wrong("U and V exchanged", "down to r", "low_rank_cross")
def exchanged_factors(x0, x, U, V, b):
    return x0 * (x @ U @ V.T + b) + x


@wrong("bias outside", "inside", "low_rank_cross")
def bias_outside(x0, x, U, V, b):
    return x0 * (x @ V @ U.T) + b + x


@wrong("shapes don't multiply", "matrix product", "low_rank_cross")
def column_convention(x0, x, U, V, b):
    return x0 * (U @ V.T @ x + b) + x
