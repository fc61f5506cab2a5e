"""Wrong answers to the exercises that no row of a task's mistakes gives."""

# ruff: noqa
import itertools
import sys
from itertools import combinations

import numpy as np
import torch
from torch.nn import functional as F

from answers import wrong


@wrong("smoothed_mean")
def typed_in(sums, counts, prior, k):
    return (sums + 5 * 0.5) / (counts + 5)


@wrong("leave_one_out_mean")
def one_a_group(groups, values, prior):
    return torch.stack([values[groups == g].mean() for g in groups.unique()])


@wrong("leave_one_out_mean")
def ids_as_positions(groups, values, prior):
    n = len(values)
    total = torch.zeros(n).index_add(0, groups, values)[groups] - values
    count = torch.bincount(groups, minlength=n)[groups] - 1
    return torch.where(count > 0, total / count.clamp(min=1), prior)


@wrong("offsets_from_lengths")
def float_offsets(lengths):
    return torch.cat([torch.zeros(1), torch.cumsum(lengths, 0)[:-1]])


@wrong("offsets_from_lengths")
def off_list(lengths):
    return [0] + lengths.cumsum(0)[:-1].tolist()


@wrong("offsets_from_lengths")
def off_roll(lengths):
    return lengths.cumsum(0).roll(1)


@wrong("embedding_bag")
def next_offset_of_the_last(weight, indices, offsets):
    return torch.stack(
        [weight[indices[offsets[b] : offsets[b + 1]]].sum(0) for b in range(len(offsets))]
    )


@wrong("embedding_bag")
def detached_weight(weight, indices, offsets):
    return F.embedding_bag(indices, weight.detach(), offsets, mode="sum")


@wrong("embedding_bag")
def bag_reduceat(weight, indices, offsets):
    rows = weight.detach().numpy()[indices.numpy()]
    return torch.from_numpy(np.add.reduceat(rows, offsets.numpy(), axis=0))


@wrong("embedding_bag")
def eb_split(weight, indices, offsets):
    parts = weight[indices].tensor_split(offsets.tolist())
    return torch.stack([p.sum(0) for p in parts[:-1]])


@wrong("mlp_cost")
def parameters_only(widths):
    return sum(a * b + b for a, b in zip(widths, widths[1:]))


@wrong("mlp_cost")
def floats(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + sum(widths[1:]), 2.0 * weights


@wrong("stable_logloss")
def corner_at_0(logits, y):
    return (logits.clamp(min=0) - logits * y + torch.log1p(torch.exp(-logits.abs()))).mean()


@wrong("stable_logloss")
def exp_overflow(logits, y):
    return (torch.log(1 + torch.exp(logits)) - y * logits).mean()


@wrong("stable_logloss")
def loss_item(logits, y):
    return F.binary_cross_entropy_with_logits(logits, y).item()


@wrong("stable_logloss")
def sl_no_abs(logits, y):
    return (torch.clamp(logits, min=0) - logits * y + torch.log(1 + torch.exp(-logits))).mean()


@wrong("interaction_width")
def true_division(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + n * (n - 1) / 2 if kind == "dot" else d + n_tables * m_spa


@wrong("interaction_width")
def iw_d_counts_as_table(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return n * m_spa if kind == "concat" else m_spa + n * (n - 1) // 2


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
    return torch.stack([(a * b).sum(1) for a, b in combinations(x_sparse, 2)], 1)


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
                for a, b in combinations(v, 2)
            ),
        ],
        1,
    )


@wrong("dot_interaction")
def product_of_batches(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *(a @ b for a, b in combinations(v, 2))], 1)


@wrong("dot_interaction")
def broadcast(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    return (T * T.transpose(1, 2)).sum(2)


@wrong("dot_interaction")
def tensor_of_tensors(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return torch.tensor([(a * b).sum(1) for a, b in combinations(v, 2)])


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
def fast_nonzero(x_dense, x_sparse):
    v = torch.stack([x_dense, *x_sparse], 1)
    z = (v @ v.mT).triu(1)
    return torch.cat([x_dense, z[z != 0].view(len(x_dense), -1)], 1)


@wrong("dot_interaction")
def all_pairs_in_one_number(x_dense, x_sparse):
    X = torch.stack([x_dense, *x_sparse], dim=1)
    meeting = (X.sum(1).square() - X.square().sum(1)).sum(1, keepdim=True) / 2
    return torch.cat([x_dense, meeting], dim=1)


@wrong("dot_interaction_itself")
def whole_itself(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    return torch.cat([x_dense, (T @ T.mT).flatten(1)], 1)


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
def full_cross(x0, x, U, V, b):
    return x0 * (F.linear(x, U @ V.T, b)) + x


@wrong("low_rank_cross")
def lc_einsum(x0, x, U, V, b):
    return torch.addcmul(x, x0, torch.einsum("wr,vr,bv->bw", U, V, x) + b)


@wrong("low_rank_cross")
def cross_of_three_rows(x0, x, U, V, b):
    return x0 * ((x @ V @ U.T).view(3, -1) + b) + x


@wrong("low_rank_cross")
def column_convention(x0, x, U, V, b):
    return x0 * (U @ V.T @ x + b) + x


@wrong("rows_that_leak")
def tolerant(feature, y, train):
    flipped = torch.where(train, y, 1 - y)
    return int((~torch.isclose(feature(y, train), feature(flipped, train), atol=0.01)).sum())


@wrong("rows_that_leak")
def rl_share(feature, y, train):
    f = torch.where(train, y, 1 - y)
    return (feature(y, train) != feature(f, train)).float().mean().item()


@wrong("ndcg_at_k")
def takes_k_whatever_there_is(scores, relevant, k):
    worth = 1 / torch.log2(torch.arange(k) + 2.0)
    return (relevant[scores.topk(k).indices] * worth).sum() / (
        relevant.topk(k).values * worth
    ).sum()


# What one input of a task's list is there for.


@wrong("leave_one_out_mean")
def others_told_by_value(groups, values, prior):
    others = [values[(groups == g) & (values != v)] for g, v in zip(groups, values)]
    return torch.stack([o.mean() if len(o) else torch.tensor(prior) for o in others])


@wrong("leave_one_out_mean")
def nobody_else_if_the_others_add_up_to_0(groups, values, prior):
    same = (groups[:, None] == groups).float().fill_diagonal_(0)
    others = same @ values
    return torch.where(others == 0, prior, others / same.sum(1))


@wrong("leave_one_out_mean")
def groups_must_stand_together(groups, values, prior):
    _, run = groups.unique_consecutive(return_inverse=True)
    same = (run[:, None] == run).float().fill_diagonal_(0)
    return torch.where(same.sum(1) > 0, same @ values / same.sum(1), prior)


@wrong("embedding_bag")
def last_bag_ends_where_the_table_does(weight, indices, offsets):
    ends = [*offsets[1:].tolist(), len(weight)]
    return torch.stack([weight[indices[a:b]].sum(0) for a, b in zip(offsets, ends)])


@wrong("embedding_bag")
def empty_bags_left_out(weight, indices, offsets):
    starts = [*offsets.unique().tolist(), len(indices)]
    rows = [weight[indices[a:b]].sum(0) for a, b in itertools.pairwise(starts)]
    return torch.stack([*rows, *[torch.zeros(weight.shape[1])] * (len(offsets) - len(rows))])


@wrong("mlp_cost")
def layers_that_are_alike_counted_once(widths):
    layers = set(itertools.pairwise(widths))
    return sum(a * b + b for a, b in layers), sum(2 * a * b for a, b in layers)


@wrong("stable_logloss")
def logits_cut_off(logits, y):
    return F.binary_cross_entropy_with_logits(logits.clamp(-80, 80), y)


@wrong("stable_logloss")
def where_computes_both(logits, y):
    below, above = torch.log1p(logits.exp()), logits + torch.log1p((-logits).exp())
    return (torch.where(logits > 0, above, below) - y * logits).mean()


@wrong("auc_from_ranks")
def scores_rounded(scores, labels):
    clicks, others = scores[labels == 1].round(decimals=3), scores[labels == 0].round(decimals=3)
    return ((clicks[:, None] - others).sign().mean() / 2 + 0.5).item()


@wrong("collides")
def sorted_neighbours_only(ids, a, b, p, rows):
    row = (a * ids + b) % p % rows
    order = (row * (ids.max() + 1) + ids).argsort().tolist()
    pairs = [(i, j) for i, j in itertools.pairwise(order) if row[i] == row[j] and ids[i] != ids[j]]
    return torch.tensor([any(k in pair for pair in pairs) for k in range(len(ids))])


@wrong("recalibrated")
def whole_non_clicks(p, w):
    return p / (p + (1 - p) * (1 // w))


@wrong("share_that_differs")
def relative_tolerance_left_on(trained, served, tolerance):
    return (~torch.isclose(trained, served, atol=tolerance, equal_nan=True)).float().mean(0)


@wrong("rows_that_leak")
def close_enough(feature, y, train):
    flipped = torch.where(train, y, 1 - y)
    return int((~torch.isclose(feature(y, train), feature(flipped, train))).sum())


@wrong("rows_that_leak")
def close_enough_by_amount(feature, y, train):
    flipped = torch.where(train, y, 1 - y)
    return int((~torch.isclose(feature(y, train), feature(flipped, train), rtol=0)).sum())
