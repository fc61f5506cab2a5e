"""Functions that stop with an error, never stop, or ask for too much."""

# ruff: noqa
import sys
from itertools import combinations

import numpy as np
import torch

from mistakes import wrong


@wrong("shapes don't multiply", "matrix product")
def no_transpose(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = torch.bmm(T, T)
    return Z


@wrong("shapes don't multiply", "matrix product")
def transposed_in_front(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = torch.bmm(T, T.transpose(0, 1))
    return Z


@wrong("wrong number of dimensions", "dimension")
def bmm_of_matrices(x_dense, x_sparse):
    Z = torch.bmm(x_dense, x_sparse[0])
    return Z


@wrong("wrong number of dimensions", "dimension")
def dot_of_matrices(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *(torch.dot(a, b) for a, b in combinations(v, 2))], 1)


@wrong("wrong number of dimensions", "dimension")
def t_of_three_dimensions(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    return T @ T.t()


@wrong("joined along the wrong dimension", "joined")
def cat_along_the_batch(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    dots = torch.stack([(a * b).sum(1) for a, b in combinations(v, 2)])
    return torch.cat([x_dense, dots], 1)


@wrong("joined with different dimensions", "dimension")
def cat_of_vectors(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).sum(1) for a, b in combinations(v, 2))], 1)


@wrong("a list where a tensor is due", "list")
def nested_list(x_dense, x_sparse):
    T = torch.stack([x_dense, x_sparse], 1)
    return T


@wrong("a list where a tensor is due", "list")
def list_as_tensor(x_dense, x_sparse):
    n = x_sparse.shape[0]
    return n


@wrong("a list where a tensor is due", "list")
def plus_list(x_dense, x_sparse):
    v = x_dense + x_sparse
    return torch.stack(v, 1)


@wrong("a list where a tensor is due", "list")
def dense_times_list(x_dense, x_sparse):
    return torch.cat([x_dense, (x_dense * x_sparse).sum(1)], 1)


@wrong("index out of range", "last index")
def one_too_far(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    out = [x_dense]
    for i in range(len(v)):
        for j in range(i + 1, len(v) + 1):
            out.append((v[i] * v[j]).sum(1, keepdim=True))
    return torch.cat(out, 1)


@wrong("no such dimension", "dimension")
def dim_too_high(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).sum(2) for a, b in combinations(v, 2))], 1)


@wrong("shapes don't fit", "Print both")
def broadcast(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    return (T * T.transpose(1, 2)).sum(2)


@wrong("reshape doesn't fit", "multiply it out")
def wrong_view(x_dense, x_sparse):
    T = torch.cat([x_dense, *x_sparse], 1).view(len(x_dense), len(x_sparse), -1)
    return T.view(len(x_dense), 5)


@wrong("unknown name", "misspelt")
def misspelt(x_dense, x_sparse):
    return torch.cat([x_dens, *x_sparse], 1)


@wrong("unknown name", "assigned")
def assigned_too_late(x_dense, x_sparse):
    pairs = pairs + [x_dense]
    return torch.cat(pairs, 1)


@wrong("unknown module", "installed")
def imports(x_dense, x_sparse):
    import tensorflow_of_my_own

    return tensorflow_of_my_own.dot(x_dense, x_sparse)


@wrong("nothing to join", "empty")
def empty_loop(x_dense, x_sparse):
    out = []
    for i in range(0):
        out.append(x_dense)
    return torch.cat(out, 1)


@wrong("a tensor where a number is due", "one number")
def if_tensor(x_dense, x_sparse):
    if x_dense > 0:
        return x_dense
    return x_sparse[0]


@wrong("calls itself without end", "itself")
def recursion(x_dense, x_sparse):
    return recursion(x_dense, x_sparse)


@wrong("too much memory", "memory")
def endless_list(x_dense, x_sparse):
    kept = []
    while True:
        kept.append(torch.zeros(10_000_000))


@wrong("too much memory", "sizes")
def huge(x_dense, x_sparse):
    return torch.zeros(len(x_dense), 10**12)


@wrong("runs without end", "loop")
def endless(x_dense, x_sparse):
    i = 0
    while i < len(x_sparse):
        x_dense = x_dense + 0
    return x_dense


@wrong("runs without end", "loop")
def endless_and_stubborn(x_dense, x_sparse):
    while len(x_sparse):
        try:
            x_dense = x_dense + 0
        except:
            return x_dense


@wrong("calls exit", "program")
def exits(x_dense, x_sparse):
    sys.exit(0)


@wrong("exception", "line where it did")
def asserts(x_dense, x_sparse):
    assert len(x_sparse) == 4, "four tables"


@wrong("wrong dtype or device", "device")
def to_the_gpu(x_dense, x_sparse):
    return torch.cat([x_dense.to("meta"), *x_sparse], 1)


@wrong("batch axis lost", "sum")
def summed_over_rows(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).sum(0, keepdim=True) for a, b in combinations(v, 2))], 1)


@wrong("batch axis lost", "in front")
def unsqueezed_in_front(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).sum(1).unsqueeze(0) for a, b in combinations(v, 2))], 1)


@wrong("joined along the wrong dimension", "joined")
def cat_without_dim(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]])


@wrong("indices not unpacked", "two tensors")
def indexes_the_batch(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    return torch.cat([x_dense, (T @ T.mT)[torch.triu_indices(4, 4, 1)]], 1)


@wrong("a tensor where a number is due", "stacking")
def tensor_of_tensors(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.tensor([(a * b).sum(1) for a, b in combinations(v, 2)])


@wrong("selected by value", "position")
def masked_by_value(x_dense, x_sparse):
    # a product that happens to be 0 is lost
    Z = torch.stack([x_dense, *x_sparse], 1)
    Z = torch.triu(Z @ Z.mT, 1)
    return torch.cat([x_dense, Z[Z != 0].view(len(x_dense), -1)], 1)


@wrong("indices not unpacked", "(2, p)")
def indices_kept_together(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    where = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, (T @ T.mT)[:, where]], 1)


@wrong("joined along the wrong dimension", "what you stacked")
def stacked_in_front_n_of_shape(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse])
    Z = torch.bmm(T, T.transpose(1, 2))
    i, j = torch.triu_indices(len(T), len(T), 1)
    return torch.cat([x_dense, Z[:, i, j]], 1)


@wrong("index out of range", "what you stacked")
def batch_taken_for_vectors(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(len(T), len(T), 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)


@wrong("shapes don't multiply", "last two should change places")
def reverses_all_axes(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = T @ T.T
    return Z


@wrong("shapes don't multiply", "matrix product")
def batches_that_do_not_meet(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    U = T.permute(2, 1, 0)
    return T.mT @ U


@wrong("shapes don't multiply", "mixes the rows")
def product_of_batches(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *(a @ b for a, b in combinations(v, 2))], 1)


@wrong("summed over everything", "rows of the batch")
def sums_without_dim(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).sum() for a, b in combinations(v, 2))], 1)


@wrong("mask on the wrong axes", "batch")
def mask_of_pairs_alone(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    mask = torch.ones(T.shape[1], T.shape[1]).triu(1) > 0
    return torch.cat([x_dense, (T @ T.mT)[mask].view(len(x_dense), -1)], 1)


@wrong("mask of numbers", "Boolean")
def mask_of_floats(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    mask = torch.ones(T.shape[1], T.shape[1]).triu(1)
    return torch.cat([x_dense, (T @ T.mT)[:, mask]], 1)


@wrong("wrong arguments in a call", "exchange")
def transposed_as_in_numpy(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = T @ T.transpose(0, 2, 1)
    return Z


@wrong("a NumPy function on a tensor", "gradients")
def numpy_on_tensors(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *(np.sum(a * b, axis=1, keepdims=True, where=np.ones(2)) for a, b in combinations(v, 2))], 1)


@wrong("no such dimension", "dimension")
def too_many_indices(x_dense, x_sparse):
    T = torch.cat([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(4, 4, 1)
    return torch.cat([x_dense, (T @ T.T)[:, i, j]], 1)
