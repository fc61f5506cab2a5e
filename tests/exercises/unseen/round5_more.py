"""Round 5 of answers that the checks hadn't seen."""

# ruff: noqa
import itertools
import math
from collections import Counter, defaultdict
import numpy as np
import torch
import torch.nn.functional as F

from unseen import right, wrong

@wrong("interaction_width", "dense vector taken for a table")
def width_dense_as_table(n_tables, m_spa, d, kind):
    "Concat as n vectors of one width, (T + 1) m."
    n = n_tables + 1
    return n * m_spa if kind == "concat" else d + n * (n - 1) // 2
@wrong("interaction_width", "dense vector not counted among the pairs")
def width_pairs_of_tables(n_tables, m_spa, d, kind):
    "Pairs among the tables only: the dense vector is passed on but meets nobody."
    return d + (n_tables * m_spa if kind == "concat" else math.comb(n_tables, 2))
@wrong("interaction_width", "another recipe", "dot: the tables' rows are counted beside the pairs")
def width_dot_keeps_vectors(n_tables, m_spa, d, kind):
    "Dot passes the concatenation on and the pairs besides."
    n = n_tables + 1
    return d + n_tables * m_spa + (n * (n - 1) // 2 if kind == "dot" else 0)
@wrong("dot_interaction", "diagonal by diagonal")
def slow_by_distance(x_dense, x_sparse):
    "All neighbours first, then all pairs two apart, and so on: diagonal by diagonal."
    v = [x_dense, *x_sparse]
    out = [x_dense]
    for gap in range(1, len(v)):
        for i in range(len(v) - gap):
            out.append((v[i] * v[i + gap]).sum(1, keepdim=True))
    return torch.cat(out, 1)
@wrong("dot_interaction", "inputs changed")
def slow_insert(x_dense, x_sparse):
    "Puts the dense vector into the caller's list."
    x_sparse.insert(0, x_dense)
    out = [x_dense]
    for i in range(len(x_sparse)):
        for j in range(i + 1, len(x_sparse)):
            out.append((x_sparse[i] * x_sparse[j]).sum(1, keepdim=True))
    return torch.cat(out, 1)
@wrong("dot_interaction", "cosine instead of dot product")
def slow_cosine(x_dense, x_sparse):
    "Cosines, not dot products: 'fits' is taken as 'points the same way', and the lengths are divided out."
    v = [x_dense, *x_sparse]
    pairs = [F.cosine_similarity(a, b, dim=1) for a, b in itertools.combinations(v, 2)]
    return torch.column_stack([x_dense, *pairs])
@wrong("dot_interaction", "summed over the batch")
def slow_batch_total(x_dense, x_sparse):
    "Sums a pair's products over both axes and gives each row the total of the batch."
    v = [x_dense, *x_sparse]
    out = [x_dense]
    for i in range(len(v)):
        for j in range(i + 1, len(v)):
            out.append((v[i] * v[j]).sum().expand(len(x_dense), 1))
    return torch.cat(out, 1)
@right("dot_interaction")
def slow_recursive(x_dense, x_sparse):
    "The first vector with each of the rest, then the same for the rest"
    def pairs(first, rest):
        if not rest:
            return []
        mine = [torch.einsum("bd,bd->b", first, other)[:, None] for other in rest]
        return mine + pairs(rest[0], rest[1:])
    return torch.hstack([x_dense] + pairs(x_dense, list(x_sparse)))
@wrong("dot_interaction_fast", "selected by value")
def fast_nonzero(x_dense, x_sparse):
    "Blanks the lower triangle and keeps what isn't 0."
    v = torch.stack([x_dense, *x_sparse], 1)
    z = (v @ v.mT).triu(1)
    return torch.cat([x_dense, z[z != 0].view(len(x_dense), -1)], 1)
@wrong("dot_interaction_fast", "batch scrambled")
def fast_view_of_cat(x_dense, x_sparse):
    "Lays the vectors one under another and calls the result (B, n, d): the shape fits, but it mixes rows of the …"
    n = 1 + len(x_sparse)
    v = torch.cat([x_dense, *x_sparse]).reshape(len(x_dense), n, -1)
    i, j = torch.triu_indices(n, n, 1)
    return torch.cat([x_dense, (v @ v.mT)[:, i, j]], 1)
@wrong("dot_interaction_fast", "a mean taken off")
def fast_centred(x_dense, x_sparse):
    "A statistician's covariance: takes the mean off each vector first."
    v = torch.stack([x_dense, *x_sparse], 1)
    v = v - v.mean(2, keepdim=True)
    i, j = torch.triu_indices(v.shape[1], v.shape[1], 1)
    return torch.cat([x_dense, torch.bmm(v, v.transpose(1, 2))[:, i, j]], 1)
@wrong("dot_interaction_fast", "scaled products")
def fast_attention_scale(x_dense, x_sparse):
    "Divides by the square root of d, as attention does."
    v = torch.stack([x_dense, *x_sparse], 1)
    z = v @ v.mT / v.shape[-1] ** 0.5
    i, j = torch.triu_indices(v.shape[1], v.shape[1], 1)
    return torch.cat([x_dense, z[:, i, j]], 1)
@right("dot_interaction_fast")
def fast_flat_positions(x_dense, x_sparse):
    "Flattens the n x n products and selects the places i * n + j"
    v = torch.stack((x_dense, *x_sparse), dim=-1)  # (B, d, n)
    n = v.shape[-1]
    z = torch.einsum("bdi,bdj->bij", v, v).flatten(1)
    i, j = torch.triu_indices(n, n, 1).unbind(0)
    return torch.cat((x_dense, z.index_select(1, i * n + j)), dim=1)
@wrong("dot_interaction_itself", "diagonal behind the pairs")
def itself_at_the_end(x_dense, x_sparse):
    "The pairs as before, and the squares appended behind them."
    v = torch.stack([x_dense, *x_sparse], 1)
    z = v @ v.mT
    i, j = torch.triu_indices(v.shape[1], v.shape[1], 1)
    return torch.cat([x_dense, z[:, i, j], z.diagonal(dim1=1, dim2=2)], 1)
@wrong("dot_interaction_itself", "root taken")
def itself_lengths(x_dense, x_sparse):
    "The diagonal holds lengths, not squared lengths."
    v = torch.stack([x_dense, *x_sparse], 1)
    n = v.shape[1]
    z = v @ v.mT
    z = torch.where(torch.eye(n, dtype=torch.bool), v.norm(dim=2).diag_embed(), z)
    i, j = torch.triu_indices(n, n)
    return torch.cat([x_dense, z[:, i, j]], 1)
@wrong("dot_interaction_itself", "the sign is lost")
def itself_squares_in_place_of_dense(x_dense, x_sparse):
    "Replaces the dense vector by its squared numbers: 'itself' read as each number times itself, one by one."
    v = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(v.shape[1], v.shape[1], 0)
    return torch.cat([x_dense * x_dense, (v @ v.mT)[:, i, j]], 1)
@right("dot_interaction_itself")
def itself_combinations(x_dense, x_sparse):
    "torch.combinations with replacement lists i <= j; the pairs of vectors are multiplied and summed"
    v = torch.stack([x_dense, *x_sparse], 1)
    ij = torch.combinations(torch.arange(v.shape[1]), with_replacement=True)
    return torch.cat([x_dense, (v[:, ij[:, 0]] * v[:, ij[:, 1]]).sum(-1)], 1)
@wrong("low_rank_cross", "x0 instead of x inside")
def cross_first_layer_only(x0, x, U, V, b):
    "Sends x0 through U and V instead of x."
    return x0 * (x0 @ V @ U.T + b) + x
@wrong("low_rank_cross", "bias outside")
def cross_bias_outside(x0, x, U, V, b):
    "b is added outside the bracket and isn't multiplied by x0."
    return x0 * (x @ V @ U.T) + b + x
@wrong("low_rank_cross", "U and V exchanged")
def cross_swapped(x0, x, U, V, b):
    "x @ U @ V.T: read from left to right, as the formula stands."
    return x0 * torch.addmm(b, x @ U, V.T) + x
@wrong("low_rank_cross", "inputs changed")
def cross_x_in_place(x0, x, U, V, b):
    "Right numbers, but written into the caller's x with addcmul_, under no_grad, so that no gradient flows …"
    update = (x @ V) @ U.T + b
    with torch.no_grad():
        return x.addcmul_(x0, update)
@right("low_rank_cross")
def cross_columns(x0, x, U, V, b):
    "As on paper, with the batch as columns: U (Vᵀ xᵀ) + b, transposed back"
    return ((U @ (V.mT @ x.mT) + b[:, None]).mT * x0).add(x)
@wrong("auc_from_ranks", "another recipe", "You turn it round where it is below a half")
def auc_proc(scores, labels):
    "Turns the AUC round if it is below a half, as a well-known R package does by default."
    pos, neg = scores[labels == 1], scores[labels == 0]
    d = pos[:, None] - neg
    auc = ((d > 0).float() + (d == 0).float() / 2).mean()
    return torch.maximum(auc, 1 - auc)
@wrong("auc_from_ranks", "wrong where scores are tied", "equal scores get the highest of their ranks, and not the mea")
def auc_last_rank_of_ties(scores, labels):
    "Equal scores get their last rank instead of the mean one: a tie of a click and a non-click counts as a full …"
    _, inverse, counts = scores.unique(return_inverse=True, return_counts=True)
    rank = counts.cumsum(0)[inverse]
    n1 = int((labels == 1).sum())
    n0 = len(labels) - n1
    return (rank[labels == 1].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)
@wrong("auc_from_ranks", "wrong where scores are tied", "behind equal scores you count on from the next number, as if")
def auc_dense_ranks(scores, labels):
    "Dense ranks: after a tie the next rank is one more, however many were tied, so fewer rows stand below than …"
    rank = scores.unique(return_inverse=True)[1].double() + 1
    n1 = labels.double().sum()
    n0 = len(labels) - n1
    return ((rank * labels).sum() - n1 * (n1 + 1) / 2) / (n1 * n0)
@wrong("auc_from_ranks", "not every pair counts")
def auc_neighbours(scores, labels):
    "After sorting, compares neighbours only: the share of non-click/click steps that go up."
    y = labels[scores.argsort()].float()
    step = y.diff()
    turns = (step != 0).sum()
    return (step > 0).sum() / turns
@right("auc_from_ranks")
def auc_searchsorted(scores, labels):
    "For each click, the non-clicks below and those not above, halved"
    neg = scores[labels == 0].sort().values
    pos = scores[labels == 1].contiguous()
    below = torch.searchsorted(neg, pos)
    not_above = torch.searchsorted(neg, pos, right=True)
    return ((below + not_above).double().mean() / (2 * len(neg))).item()
@wrong("rows_that_leak", "not deterministic", "You call the feature with the same labels each time")
def leak_shuffled(feature, y, train):
    "Shuffles the held-out labels instead of flipping them."
    where = (~train).nonzero().flatten()
    other = y.clone()
    other[where] = y[where[torch.randperm(len(where))]]
    return int((feature(y, train) != feature(other, train)).sum())
@wrong("rows_that_leak", "labels blanked, not flipped")
def leak_zeroed(feature, y, train):
    "Blanks held-out labels with 0. A held-out label that was 0 already hasn't changed, and where all of them are …"
    return int((feature(y, train) != feature(torch.where(train, y, torch.zeros_like(y)), train)).sum())
@wrong("rows_that_leak", "the mask changed")
def leak_mask_flipped(feature, y, train):
    "Flips the *mask* for the second call: the feature is then computed from other rows and moves even if it is …"
    return (feature(y, train) != feature(y, ~train)).sum().item()
@wrong("rows_that_leak", "inputs changed")
def leak_y_spoilt(feature, y, train):
    "Flips the caller's labels in place and doesn't flip them back: the next feature is tested on spoilt data."
    before = feature(y, train).clone()
    y[~train] = 1 - y[~train]
    return int((before != feature(y, train)).sum())
@right("rows_that_leak")
def leak_plain_loop(feature, y, train):
    "One clone, one sign trick, and a plain comparison of numbers"
    flipped = (y - (~train).to(y.dtype)).abs()
    return sum(a != b for a, b in zip(feature(y.clone(), train).tolist(), feature(flipped, train).tolist()))
@wrong("collides", "an id collides with itself")
def coll_occurrences(ids, a, b, p, rows):
    "Counts entries per row: an id that stands in the log twice collides with itself."
    row = (a * ids + b) % p % rows
    return row.bincount(minlength=rows)[row] > 1
@wrong("collides", "the first of two is let off")
def coll_latecomer(ids, a, b, p, rows):
    "Only the id that comes later is marked; the one that had the row first isn't."
    owner, out = {}, []
    for i in ids.tolist():
        out.append(owner.setdefault((a * i + b) % p % rows, i) != i)
    return torch.tensor(out, dtype=torch.bool)
@wrong("collides", "one answer for each different id")
def coll_one_answer_an_id(ids, a, b, p, rows):
    "Drops repeated ids first and answers for each distinct id, sorted."
    ids = ids.unique()
    row = (a * ids + b) % p % rows
    return row.bincount(minlength=rows)[row] > 1
@wrong("collides", "mod p missing")
def coll_no_prime(ids, a, b, p, rows):
    "Leaves the prime out, 'mod p mod rows is mod rows'."
    row = (a * ids + b) % rows
    return ((row[:, None] == row) & (ids[:, None] != ids)).any(1)
@right("collides")
def coll_rooms(ids, a, b, p, rows):
    "Who lives in each row; more than one tenant, and all of them collide"
    tenants = defaultdict(set)
    where = [((a * i + b) % p) % rows for i in ids.tolist()]
    for r, i in zip(where, ids.tolist()):
        tenants[r].add(i)
    return torch.tensor([len(tenants[r]) > 1 for r in where], dtype=torch.bool)
@wrong("recalibrated", "p times w")
def recal_probability_times_w(p, w):
    "Multiplies the probability by w."
    return p * w
@wrong("recalibrated", "another recipe", "the mean is mended, not the odds of each row")
def recal_mean_matched(p, w):
    "Scales all probabilities so that the *mean* comes out right."
    mean = p.mean()
    return p * (mean / (mean + (1 - mean) / w)) / mean
@wrong("recalibrated", "1 − w in place of w")
def recal_dropped_share(p, w):
    "Takes w for the share that was thrown away and multiplies the odds by 1 - w."
    odds = (1 - w) * p / (1 - p)
    return odds / (1 + odds)
@wrong("recalibrated", "another recipe", "p is kept at least 0.001 away from 0 and 1, so that rare cli")
def recal_eps(p, w):
    "The logit shifted by log w, but with eps = 0.001 inside torch.logit: rare clicks, p below 0.001, are all …"
    return torch.sigmoid(torch.logit(p, eps=1e-3) + math.log(w))
@right("recalibrated")
def recal_non_clicks_per_click(p, w):
    "Non-clicks per click, each of them standing for 1/w; p = 0 has infinitely many and stays 0"
    per_click = (1 - p) / (p * w)
    return 1 / (1 + per_click)
@wrong("ndcg_at_k", "best order of the films shown")
def ndcg_ideal_of_the_shown(scores, relevant, k):
    "The best order *of the k films shown*: relevant films that the list missed are forgotten, and a list with …"
    top = relevant[scores.argsort(descending=True)][:k]
    gain = 1 / torch.log2(torch.arange(2, len(top) + 2).float())
    ideal = (top.sort(descending=True).values * gain).sum()
    return float((top * gain).sum() / ideal) if ideal > 0 else 0.0
@wrong("ndcg_at_k", "divided by all relevant films")
def ndcg_ideal_without_k(scores, relevant, k):
    "The ideal adds up all relevant films, though it has k places only."
    order = scores.argsort(descending=True)
    gain = 1 / torch.log2(torch.arange(2, len(scores) + 2).float())
    return float((relevant[order] * gain)[:k].sum() / gain[: int(relevant.sum())].sum())
@wrong("ndcg_at_k", "films taken for places")
def ndcg_order_as_place(scores, relevant, k):
    "Takes argsort's output for each film's place."
    place = scores.argsort(descending=True) + 1
    hit = (place <= k) * relevant / torch.log2(1 + place.float())
    ideal = sum(1 / math.log2(1 + r) for r in range(1, min(k, int(relevant.sum())) + 1))
    return hit.sum().item() / ideal
@wrong("ndcg_at_k", "another recipe", "You divide by the logarithm of the place, and by 1 at place 1")
def ndcg_1_1_63(scores, relevant, k):
    "The discount starts late: 1/log2(r) from the second place on, so the first two places count the same."
    def dcg(hits):
        return sum(h / max(1.0, math.log2(r)) for r, h in enumerate(hits[:k], 1))
    order = scores.argsort(descending=True)
    return dcg(relevant[order].tolist()) / dcg(sorted(relevant.tolist(), reverse=True))
@right("ndcg_at_k")
def ndcg_natural_log(scores, relevant, k):
    "Natural logarithms: the base cancels."
    place = 1 + (scores[None, :] > scores[:, None]).sum(1)
    mine = sum(1 / math.log(1 + r) for r in place[relevant > 0].tolist() if r <= k)
    best = sum(1 / math.log(1 + r) for r in range(1, min(k, int(relevant.sum())) + 1))
    return mine / best
@wrong("share_that_differs", "missing taken for 0")
def share_missing_is_zero(trained, served, tolerance):
    "Fills missing numbers with 0 before comparing."
    return ((trained.nan_to_num() - served.nan_to_num()).abs() > tolerance).float().mean(0)
@wrong("share_that_differs", "rows with missing numbers dropped")
def share_of_known_rows(trained, served, tolerance):
    "Drops rows where a number is missing, and divides by those left."
    gap = (trained - served).abs()
    known = ~gap.isnan()
    return ((gap > tolerance) & known).sum(0) / known.sum(0).clamp(min=1)
@wrong("share_that_differs", "tolerance taken for a share")
def share_relative(trained, served, tolerance):
    "A relative tolerance: a year that is off by one passes, since 1/1990 is small."
    return (~torch.isclose(trained, served, rtol=tolerance, atol=0, equal_nan=True)).float().mean(0)
@wrong("share_that_differs", "sorted first")
def share_distributions(trained, served, tolerance):
    "Sorts both columns first and compares their distributions."
    t, s = trained.sort(0).values, served.sort(0).values
    return (((t - s).abs() > tolerance) | (t.isnan() != s.isnan())).float().mean(0)
@right("share_that_differs")
def share_not_at_most(trained, served, tolerance):
    "Counts agreement and turns it round: no comparison with nan is true"
    agree = ((trained - served).abs() <= tolerance) | (trained.isnan() & served.isnan())
    return 1 - agree.float().mean(dim=0)
@wrong("busiest_bytes", "tables counted, not widths")
def busiest_most_tables(owners, widths, batch, devices):
    "The busiest device is taken to be the one with the most tables."
    busiest = Counter(owners).most_common(1)[0][0]
    held = sum(w for o, w in zip(owners, widths) if o == busiest)
    return held * (batch - batch // devices) * 4
@wrong("busiest_bytes", "its own share counted")
def busiest_own_part_too(owners, widths, batch, devices):
    "Sends every device's part, its own included."
    return max(sum(w for o, w in zip(owners, widths) if o == k) for k in range(devices)) * batch * 4
@wrong("busiest_bytes", "the widest table only")
def busiest_widest_table(owners, widths, batch, devices):
    "The widest single table, not all the tables of a device."
    return max(widths) * (batch - batch // devices) * 4
