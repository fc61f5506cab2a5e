"""Rows of the batch mixed or lost, sizes written down, state kept, inputs changed."""

# ruff: noqa
from itertools import combinations

import torch
import torch.nn.functional as F

from mistakes import wrong


def _correct(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).sum(1, keepdim=True) for a, b in combinations(v, 2))], 1)


@wrong("batch scrambled", "Reshaping")
def stack_and_view(x_dense, x_sparse):
    B, d = x_dense.shape
    T = torch.stack([x_dense, *x_sparse]).view(B, -1, d)
    Z = torch.bmm(T, T.transpose(1, 2))
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)


@wrong("summed over the batch", "batch")
def sum_without_dim(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    dots = [(a * b).sum().expand(len(x_dense), 1) for a, b in combinations(v, 2)]
    return torch.cat([x_dense, *dots], 1)


@wrong("rows of the batch mixed", "Rows of a batch never meet")
def matmul_of_batches(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *(a @ b.T for a, b in combinations(v, 2))], 1)


@wrong("rows of the batch mixed", "never meet")
def batch_centred(x_dense, x_sparse):
    v = [x - x.mean(0) for x in (x_dense, *x_sparse)]
    return torch.cat([x_dense, *((a * b).sum(1, keepdim=True) for a, b in combinations(v, 2))], 1)


@wrong("right numbers, wrong shape", "shape")
def flat(x_dense, x_sparse):
    return _correct(x_dense, x_sparse).flatten()


@wrong("right numbers, wrong shape", "shape")
def one_dimension_too_many(x_dense, x_sparse):
    return _correct(x_dense, x_sparse).unsqueeze(1)


@wrong("transposed", "rows and columns")
def columns_first(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense.T, torch.stack([(a * b).sum(1) for a, b in combinations(v, 2)])])


@wrong("batch of 1 lost", "one row")
def squeezed(x_dense, x_sparse):
    return _correct(x_dense, x_sparse).squeeze()


@wrong("batch of 1 lost", "one row")
def squeezed_too_early(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    dots = (T @ T.mT).squeeze()[..., i, j]
    return torch.cat([x_dense, dots], dim=1)


@wrong("batch size hard-coded", "batch size")
def batch_of_five(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    if len(x_dense) == 1:
        return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)
    out = torch.zeros(5, x_dense.shape[1] + len(i))
    for b in range(5):
        out[b] = torch.cat([x_dense[b], (T[b] @ T[b].T)[i, j]])
    return out


@wrong("width hard-coded", "width")
def two_coordinates(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    dots = [a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] for a, b in combinations(v, 2)]
    return torch.cat([x_dense, torch.stack(dots, 1)], 1)


@wrong("number of tables hard-coded", "number from x_sparse")
def four_vectors(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = T @ T.mT
    i, j = torch.triu_indices(4, 4, 1)
    return torch.cat([x_dense, Z[:, i, j]], 1)


@wrong("number of tables hard-coded", "number from x_sparse")
def unpacked(x_dense, x_sparse):
    user, movie, occupation = x_sparse
    v = [x_dense, user, movie, occupation]
    return torch.cat([x_dense, *((a * b).sum(1, keepdim=True) for a, b in combinations(v, 2))], 1)


@wrong("wrong where sizes are equal", "equal")
def guesses_the_batch_dimension(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    if T.shape[0] == T.shape[1]:
        T = T.transpose(0, 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)


@wrong("not deterministic", "random")
def dropped_out(x_dense, x_sparse):
    return F.dropout(_correct(x_dense, x_sparse), 0.5)


@wrong("not deterministic", "remembers")
def remembers(x_dense, x_sparse, seen=[]):
    seen.append(1)
    return _correct(x_dense, x_sparse) * (1 if len(seen) == 1 else 2)


@wrong("not deterministic", "the call before")
def cached_result(x_dense, x_sparse, kept={}):
    # keeps the first result of each shape
    shape = (x_dense.shape, len(x_sparse))
    kept.setdefault(shape, []).append(_correct(x_dense, x_sparse))
    return sum(kept[shape])


@wrong("inputs changed", "x_sparse")
def inserts(x_dense, x_sparse):
    x_sparse.insert(0, x_dense)
    dots = [(a * b).sum(1, keepdim=True) for a, b in combinations(x_sparse, 2)]
    return torch.cat([x_dense, *dots], 1)


@wrong("inputs changed", "x_dense")
def zeroes_its_input(x_dense, x_sparse):
    out = _correct(x_dense, x_sparse)
    x_dense.data.zero_()
    return out


@wrong("inputs changed", "in place")
def scales_in_place(x_dense, x_sparse):
    x_dense *= 1
    return _correct(x_dense, x_sparse)


@wrong("off by a constant", "off by")
def detaches_by_adding_noise(x_dense, x_sparse):
    torch.manual_seed(0)
    return _correct(x_dense, x_sparse) + torch.randn(1)


@wrong("batch size hard-coded", "batch size")
def views_five_rows(x_dense, x_sparse):
    T = torch.cat([x_dense, *x_sparse], 1).view(5, -1, x_dense.shape[1])
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)


@wrong("right numbers, wrong rows", "exchanges no axes")
def reshaped_pairs(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    dots = torch.stack([(a * b).sum(1) for a, b in combinations(v, 2)])
    return torch.cat([x_dense, dots.reshape(len(x_dense), -1)], 1)


@wrong("grows with the rows", "29 operators for 4 rows and 57 for 8")
def rows_of_numbers(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    rows = []
    for b in range(x_dense.shape[0]):
        row = [*x_dense[b]]
        for p, q in combinations(v, 2):
            row.append(torch.dot(p[b], q[b]))
        rows.append(torch.stack(row))
    return torch.stack(rows)
