"""Right answers to the exercises, each in a way of its own."""

# ruff: noqa
import itertools
import math
from collections import defaultdict

import numpy as np
import torch
from torch.nn import functional as F

from answers import right


@right("smoothed_mean")
def smoothed(sums, counts, prior, k):
    return (sums + k * prior) / (counts + k)


@right("smoothed_mean")
def sm_lerp(sums, counts, prior, k):
    raw = sums / counts.clamp(min=1)
    return torch.lerp(torch.full_like(raw, prior), raw, counts / (counts + k))


@right("leave_one_out_mean")
def everybody_with_everybody(groups, values, prior):
    mates = (groups[:, None] == groups).to(values.dtype).fill_diagonal_(0)
    means = (mates @ values) / mates.sum(1)
    return torch.where(means.isnan(), torch.full_like(values, prior), means)


@right("leave_one_out_mean")
def scatter(groups, values, prior):
    _, group = groups.unique(return_inverse=True)
    n = int(group.max()) + 1
    total = torch.zeros(n).index_add(0, group, values)[group] - values
    count = torch.bincount(group, minlength=n)[group] - 1
    return torch.where(count > 0, total / count.clamp(min=1), prior)


@right("leave_one_out_mean")
def loo_dict(groups, values, prior):
    from collections import defaultdict

    members = defaultdict(list)
    for i, g in enumerate(groups.tolist()):
        members[g].append(i)
    out = [0.0] * len(values)
    for rows in members.values():
        for i in rows:
            rest = [float(values[j]) for j in rows if j != i]
            out[i] = sum(rest) / len(rest) if rest else prior
    return torch.tensor(out)


@right("offsets_from_lengths")
def exclusive(lengths):
    return lengths.cumsum(0) - lengths


@right("offsets_from_lengths")
def shifted(lengths):
    return torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)[:-1]])


@right("offsets_from_lengths")
def off_tril(lengths):
    B = len(lengths)
    return (torch.ones(B, B, dtype=torch.int64).tril(-1) * lengths).sum(1)


@right("embedding_bag")
def builtin(weight, indices, offsets):
    return F.embedding_bag(indices, weight, offsets, mode="sum")


@right("embedding_bag")
def eb_onehot(weight, indices, offsets):
    L, B = len(indices), len(offsets)
    ends = torch.cat([offsets[1:], offsets.new_tensor([L])])
    at = torch.arange(L)
    inside = (at >= offsets[:, None]) & (at < ends[:, None])
    return inside.to(weight) @ F.one_hot(indices, len(weight)).to(weight) @ weight


@right("embedding_bag")
def bag_counts_matrix(weight, indices, offsets):
    bag = torch.searchsorted(offsets, torch.arange(len(indices)), right=True) - 1
    counts = torch.zeros(len(offsets), len(weight), dtype=weight.dtype)
    counts.index_put_((bag, indices), torch.ones(len(indices), dtype=weight.dtype), accumulate=True)
    return counts @ weight


@right("mlp_cost")
def cost(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + sum(widths[1:]), 2 * weights


@right("mlp_cost")
def cost_by_module(widths):
    layers = [torch.nn.Linear(a, b) for a, b in zip(widths, widths[1:])]
    return [
        sum(p.numel() for m in layers for p in m.parameters()),
        sum(2 * m.weight.numel() for m in layers),
    ]


@right("mlp_cost")
def mc_numpy(widths):
    w = np.asarray(widths)
    p = (w[:-1] * w[1:]).sum()
    return p + w[1:].sum(), 2 * p


@right("stable_logloss")
def with_logits(logits, y):
    return F.binary_cross_entropy_with_logits(logits, y)


@right("stable_logloss")
def sl_logaddexp(logits, y):
    return torch.logaddexp(torch.zeros_like(logits), (1 - 2 * y) * logits).mean()


@right("interaction_width")
def iw_sum(n_tables, m_spa, d, kind):
    return d + (sum(range(n_tables + 1)) if kind == "dot" else n_tables * m_spa)


@right("interaction_width")
def width(n_tables, m_spa, d, kind):
    n = 1 + n_tables
    return d + n * (n - 1) // 2 if kind == "dot" else d + n_tables * m_spa


@right("dot_interaction")
def vectorised_pairs(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=1)
    i, j = torch.combinations(torch.arange(T.shape[1])).unbind(1)
    return torch.cat([x_dense, (T[:, i] * T[:, j]).sum(-1)], dim=1)


@right("dot_interaction")
def bmm(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = torch.bmm(T, T.transpose(1, 2))
    i, j = torch.triu_indices(T.shape[1], T.shape[1], offset=1)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)


@right("dot_interaction")
def einsum(x_dense, x_sparse):
    v = torch.stack([x_dense, *x_sparse])
    z = torch.einsum("nbd,mbd->bnm", v, v)
    mask = torch.ones(len(v), len(v), dtype=torch.bool).triu(1)
    return torch.cat([x_dense, z[:, mask]], dim=-1)


@right("dot_interaction")
def stacked_view(x_dense, x_sparse):
    B, d = x_dense.shape
    T = torch.cat([x_dense, *x_sparse], dim=1).view(B, -1, d)
    Z = torch.matmul(T, T.permute(0, 2, 1))
    parts = [Z[:, i, i + 1 :] for i in range(T.shape[1] - 1)]
    return torch.cat([x_dense, *parts], dim=1)


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


@right("dot_interaction_itself")
def itself(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1])
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], dim=1)


@right("dot_interaction_itself")
def di_where(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, 1)
    Z = torch.einsum("bnd,bmd->bnm", T, T)
    i, j = torch.where(torch.ones(Z.shape[1:]).triu() == 1)
    return torch.cat([x_dense, Z[:, i, j]], dim=-1)


@right("dot_interaction_itself")
def combinations_with_replacement(x_dense, x_sparse):
    X = torch.stack([x_dense, *x_sparse])  # (n, B, d)
    pairs = torch.combinations(torch.arange(len(X)), 2, with_replacement=True)
    products = torch.linalg.vecdot(X[pairs[:, 0]], X[pairs[:, 1]])  # (p, B)
    return torch.cat([x_dense, products.T], dim=1)


@right("low_rank_cross")
def cross(x0, x, U, V, b):
    return x0 * (x @ V @ U.T + b) + x


@right("low_rank_cross")
def cross_by_einsum(x0, x, U, V, b):
    return torch.addcmul(x, x0, torch.einsum("bv,vr,wr->bw", x, V, U) + b)


@right("auc_from_ranks")
def by_sklearn(scores, labels):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(labels.numpy(), scores.numpy())


@right("auc_from_ranks")
def rank_sum(scores, labels):
    below = (scores[:, None] > scores).sum(1)
    tied = (scores[:, None] == scores).sum(1)
    ranks = below + (tied + 1) / 2
    m = labels.sum()
    return float((ranks[labels == 1].sum() - m * (m + 1) / 2) / (m * (len(labels) - m)))


@right("auc_from_ranks")
def auc_searchsorted(scores, labels):
    neg = scores[labels == 0].sort().values
    pos = scores[labels == 1].contiguous()
    below = torch.searchsorted(neg, pos)
    not_above = torch.searchsorted(neg, pos, right=True)
    return ((below + not_above).double().mean() / (2 * len(neg))).item()


@right("rows_that_leak")
def rl_xor(feature, y, train):
    flipped = (y.bool() ^ ~train).to(y.dtype)
    return (feature(y, train) - feature(flipped, train)).ne(0).sum().item()


@right("rows_that_leak")
def flip_and_compare(feature, y, train):
    flipped = y.clone()
    flipped[~train] = 1 - flipped[~train]
    return (feature(y, train) != feature(flipped, train)).sum().item()


@right("rows_that_leak")
def leak_plain_loop(feature, y, train):
    flipped = (y - (~train).to(y.dtype)).abs()
    return sum(
        a != b for a, b in zip(feature(y.clone(), train).tolist(), feature(flipped, train).tolist())
    )


@right("collides")
def collides_by_matrix(ids, a, b, p, rows):
    where = (a * ids + b) % p % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@right("collides")
def collides_by_unique(ids, a, b, p, rows):
    distinct, back = ids.unique(return_inverse=True)
    where = (a * distinct + b).remainder(p).remainder(rows)
    return (torch.bincount(where, minlength=rows)[where] > 1)[back]


@right("collides")
def collides_by_dictionary(ids, a, b, p, rows):
    tenants = {}
    for i in ids.tolist():
        tenants.setdefault((a * i + b) % p % rows, set()).add(i)
    return torch.tensor([len(tenants[(a * i + b) % p % rows]) > 1 for i in ids.tolist()])


@right("recalibrated")
def recalibrated_by_logit(p, w):
    return torch.sigmoid(torch.logit(p) + math.log(w))


@right("recalibrated")
def recalibrated_by_odds(p, w):
    odds = w * p / (1 - p)
    return torch.where(p == 1, 1.0, odds / (1 + odds))


@right("recalibrated")
def recalibrated_by_counting(p, w):
    clicks, non_clicks = 100 * p, 100 * (1 - p) / w
    return clicks / (clicks + non_clicks)


@right("share_that_differs")
def differs_by_isclose(trained, served, tolerance):
    same = torch.isclose(trained, served, rtol=0, atol=tolerance, equal_nan=True)
    return (~same).float().mean(0)


@right("share_that_differs")
def differs_by_cases(trained, served, tolerance):
    one_missing = trained.isnan() != served.isnan()
    return (((trained - served).abs() > tolerance) | one_missing).float().mean(dim=0)


@right("share_that_differs")
def differs_by_loop(trained, served, tolerance):
    shares = []
    for k in range(trained.shape[1]):
        a, b = trained[:, k], served[:, k]
        count = sum(
            bool(torch.isnan(x) != torch.isnan(y)) or abs(x - y).item() > tolerance
            for x, y in zip(a, b)
        )
        shares.append(count / len(a))
    return torch.tensor(shares)


@right("ndcg_at_k")
def ndcg_by_topk(scores, relevant, k):
    k = min(k, len(scores))
    discount = 1 / torch.log2(torch.arange(2, k + 2))
    best = relevant.topk(k).values
    return (relevant[scores.topk(k).indices] * discount).sum() / (best * discount).sum()


@right("ndcg_at_k")
def ndcg_by_pairs(scores, relevant, k):
    ranked = sorted(zip(scores.tolist(), relevant.tolist()), reverse=True)
    total = sum(r / math.log2(1 + place) for place, (_, r) in enumerate(ranked, 1) if place <= k)
    n = int(relevant.sum().item())
    return total / sum(1 / math.log2(1 + place) for place in range(1, min(n, k) + 1))


@right("ndcg_at_k")
def ndcg_by_numpy(scores, relevant, k):
    order = np.argsort(-scores.numpy())
    gains = relevant.numpy()[order][:k]
    ideal = np.sort(relevant.numpy())[::-1][:k]
    at = np.log2(np.arange(len(gains)) + 2)
    return float((gains / at).sum() / (ideal / at).sum())


@right("ndcg_at_k")
def ndcg_natural_log(scores, relevant, k):
    place = 1 + (scores[None, :] > scores[:, None]).sum(1)
    mine = sum(1 / math.log(1 + r) for r in place[relevant > 0].tolist() if r <= k)
    best = sum(1 / math.log(1 + r) for r in range(1, min(k, int(relevant.sum())) + 1))
    return mine / best


@right("busiest_bytes")
def busiest(owners, widths, batch, devices):
    together = [sum(w for o, w in zip(owners, widths) if o == d) for d in range(devices)]
    return max(together) * (batch - batch // devices) * 4


@right("busiest_bytes")
def by_weighted_bincount(owners, widths, batch, devices):
    load = np.bincount(np.asarray(owners), weights=np.asarray(widths), minlength=devices)
    return int(load.max()) * (batch // devices) * (devices - 1) * 4
