"""Round 2 of answers that the checks hadn't seen."""

# ruff: noqa
import numpy as np, torch, itertools
import torch.nn.functional as F

from unseen import right, wrong

@wrong("smoothed_mean", "prior not weighted with k")
def sm_counts_as_weight(sums, counts, prior, k):
    "prior weighted with the count and not with k"
    return (sums + counts * prior) / (counts + k)
@wrong("smoothed_mean", "another recipe", "k is shared out above")
def sm_normalised_k(sums, counts, prior, k):
    "k spread over the movies: k/n"
    k = k / len(counts)
    return (sums + k * prior) / (counts + k)
@wrong("smoothed_mean", "rounded on the way")
def sm_rounded(sums, counts, prior, k):
    "rounded to two decimals"
    return torch.round((sums + k * prior) / (counts + k), decimals=2)
@wrong("smoothed_mean", "wrong in prior")
def sm_product(sums, counts, prior, k):
    "mean of means multiplied: shrink factor times mean, + prior whole"
    shrink = counts / (counts + k)
    return prior + shrink * torch.nan_to_num(sums / counts)

@wrong("leave_one_out_mean", "rows of a group apart")
def loo_runs(groups, values, prior):
    "groups taken for runs of neighbours (itertools.groupby)"
    out, at = [], 0
    for _, run in itertools.groupby(groups.tolist()):
        n = len(list(run))
        part = values[at : at + n]
        at += n
        out.append((part.sum() - part) / (n - 1) if n > 1 else torch.tensor([prior]))
    return torch.cat(out)
@wrong("leave_one_out_mean", "left sorted by groups")
def loo_sorted(groups, values, prior):
    "sorted by group, never put back"
    order = groups.argsort(stable=True)
    g, v = groups[order], values[order]
    same = (g[:, None] == g).float()
    n = same.sum(1) - 1
    return torch.where(n > 0, (same @ v - v) / n.clamp(min=1), torch.full_like(v, prior))
@wrong("leave_one_out_mean", "the wrong inputs", "when values[4] changes")
def loo_two(groups, values, prior):
    "prior also where there is one other row"
    same = (groups[:, None] == groups).float()
    s, c = same @ values, same.sum(1)
    return torch.where(c > 2, (s - values) / (c - 1).clamp(min=1), torch.tensor(prior))
@wrong("leave_one_out_mean", "an input too many", "when values[0] changes")
def loo_twice(groups, values, prior):
    "own value taken off twice"
    same = (groups[:, None] == groups).float()
    same.fill_diagonal_(0)
    c = same.sum(1)
    return torch.where(c > 0, (same @ values - values) / c.clamp(min=1), torch.tensor(prior))

@wrong("offsets_from_lengths", "other lengths", "lengths were everywhere the largest of lengths")
def off_padded(lengths):
    "every bag as long as the longest"
    return torch.arange(len(lengths)) * lengths.max()
@wrong("offsets_from_lengths", "other lengths", "lengths were without its zeros")
def off_skips_empty(lengths):
    "empty bags get no offset"
    out, at = [], 0
    for n in lengths.tolist():
        if n:
            out.append(at)
        at += n
    return torch.tensor(out)
@wrong("offsets_from_lengths", "wrong dtype")
def off_int32(lengths):
    "int32"
    starts = np.concatenate([[0], np.cumsum(lengths.numpy())[:-1]]).astype(np.int32)
    return torch.from_numpy(starts)
@wrong("offsets_from_lengths", "another recipe", "the first bag's length is taken off everywhere")
def off_inclusive_second(lengths):
    "0 in front of the running sum from the second bag"
    out = [0]
    for n in lengths[1:]:
        out.append(out[-1] + int(n))
    return torch.tensor(out)

@wrong("embedding_bag", "columns added up")
def eb_columns(weight, indices, offsets):
    "summed over d and not over the bag"
    ends = offsets[1:].tolist() + [len(indices)]
    return torch.stack([weight[indices[a:b]].sum(1).sum() for a, b in zip(offsets.tolist(), ends)])
@wrong("embedding_bag", "the wrong inputs", "when weight[1, 0] changes")
def eb_bucket_left(weight, indices, offsets):
    "searchsorted on the wrong side: first id of each bag in the bag before"
    bag = torch.searchsorted(offsets, torch.arange(len(indices))).clamp(max=len(offsets) - 1)
    return torch.zeros(len(offsets), weight.shape[1]).index_add(0, bag, weight[indices])
@wrong("embedding_bag", "another recipe", "the sum is divided by the root of the bag's length")
def eb_sqrtn(weight, indices, offsets):
    "divided by sqrt(n)"
    ends = offsets[1:].tolist() + [len(indices)]
    return torch.stack([weight[indices[a:b]].sum(0) / max(1, b - a) ** 0.5 for a, b in zip(offsets.tolist(), ends)])
@wrong("embedding_bag", "the wrong inputs", "when weight[0, 0] or weight[4, 0] changes")
def eb_equal_bags(weight, indices, offsets):
    "equally long bags assumed (chunk)"
    B = len(offsets)
    step = -(-len(indices) // B)
    return torch.stack([weight[indices[b * step : (b + 1) * step]].sum(0) for b in range(B)])

@wrong("mlp_cost", "counted otherwise")
def mc_all_pairs(widths):
    "all pairs of widths, not neighbours"
    w = sum(a * b for a, b in itertools.combinations(widths, 2))
    return w + sum(widths[1:]), 2 * w
@wrong("mlp_cost", "counted otherwise")
def mc_no_output_bias(widths):
    "last layer without a bias"
    w = sum(a * b for a, b in zip(widths, widths[1:]))
    return w + sum(widths[1:-1]), 2 * w
@wrong("mlp_cost", "counted otherwise")
def mc_product(widths):
    "widths multiplied together"
    p = int(np.prod(widths))
    return p + sum(widths[1:]), 2 * p
@wrong("mlp_cost", "counted otherwise")
def mc_backward(widths):
    "backward counted: 6nm"
    w = sum(a * b for a, b in zip(widths, widths[1:]))
    return w + sum(widths[1:]), 6 * w

@wrong("stable_logloss", "labels exchanged")
def sl_wrong_sign(logits, y):
    "sign of the label exchanged"
    s = 2 * y - 1
    return F.softplus(s * logits).mean()
@wrong("stable_logloss", "a term missing")
def sl_only_clicks(logits, y):
    "second term missing: only y=1 rows lose anything"
    return -(y * F.logsigmoid(logits)).mean()
@wrong("stable_logloss", "rows of the batch mixed")
def sl_softmax(logits, y):
    "softmax over the batch"
    return -(y * torch.log_softmax(logits, 0)).sum() / y.sum()
@wrong("stable_logloss", "another base")
def sl_log2(logits, y):
    "bits"
    return (F.softplus(logits) - y * logits).mean() / np.log(2)
@wrong("stable_logloss", "breaks for large logits", "when row 2 of logits or the rows 0, 2 of y changes")
def sl_nan_to_num(logits, y):
    "overflow hidden"
    p = 1 / (1 + torch.exp(-logits))
    return torch.nan_to_num(-(y * torch.log(p) + (1 - y) * torch.log(1 - p)), nan=0.0, posinf=0.0).mean()

@wrong("interaction_width", "another recipe", "the dense vector counts as m_spa wide")
def iw_d_counts_as_table(n_tables, m_spa, d, kind):
    "d as wide as m_spa: (n_tables+1)*m_spa"
    n = n_tables + 1
    return n * m_spa if kind == "concat" else m_spa + n * (n - 1) // 2
@wrong("interaction_width", "dense vector not counted among the pairs")
def iw_comb3(n_tables, m_spa, d, kind):
    "pairs of tables only"
    from math import comb
    return {"concat": d + n_tables * m_spa, "dot": d + comb(n_tables, 2)}[kind]
@wrong("interaction_width", "another recipe", "dot: the tables' rows are counted beside the pairs")
def iw_hadamard(n_tables, m_spa, d, kind):
    "concat adds the pairs, too"
    width = d + n_tables * m_spa
    if kind == "dot":
        width += (n_tables + 1) * n_tables // 2
    return width

@wrong("dot_interaction", "lower triangle's order")
def dot_lower(x_dense, x_sparse):
    "DLRM's order: lower triangle by rows"
    B, d = x_dense.shape
    T = torch.cat([x_dense] + x_sparse, dim=1).view((B, -1, d))
    Z = torch.bmm(T, torch.transpose(T, 1, 2))
    _, ni, nj = Z.shape
    li = torch.tensor([i for i in range(ni) for j in range(i + 0)])
    lj = torch.tensor([j for i in range(nj) for j in range(i + 0)])
    return torch.cat([x_dense] + [Z[:, li, lj]], dim=1)
@wrong("dot_interaction", "distances instead of products")
def dot_distance(x_dense, x_sparse):
    "squared distances"
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *(((a - b) ** 2).sum(1, True) for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction", "width hard-coded", "x_dense[0, 1]")
def dot_ends(x_dense, x_sparse):
    "sums only the first and the last coordinate"
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a[:, :1] * b[:, :1] + a[:, -1:] * b[:, -1:]) for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction", "width hard-coded", "when x_dense[0, 2] or x_dense[0, 3] or x_dense[0, 4] or x_sparse[0][0, 2] or x_sparse[0][0, 3] or x_sparse[0][0, 4] changes")
def dot_two_coords(x_dense, x_sparse):
    "d = 2 taken for granted"
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1])[:, None] for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction", "off by a factor", "columns 0·1, 0·2, 0·3, 1·2, 1·3, 2·3")
def dot_halved(x_dense, x_sparse):
    "products divided by 2, 'each pair counted twice'"
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).sum(1, True) / 2 for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction", "dense vector last among the vectors")
def dot_sparse_first(x_dense, x_sparse):
    "dense vector put last in the stack"
    T = torch.stack([*x_sparse, x_dense], 1)
    i, j = torch.triu_indices(T.size(1), T.size(1), 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)
@wrong("dot_interaction", "activation added")
def dot_sigmoid(x_dense, x_sparse):
    "squashed"
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *(torch.tanh((a * b).sum(1, True)) for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction", "the wrong inputs", "when x_dense[0, 0] changes")
def dot_shadow(x_dense, x_sparse):
    "loop variable overwrites x_dense"
    out = []
    v = [x_dense, *x_sparse]
    for i, x_dense in enumerate(v):
        for other in v[i + 1 :]:
            out.append((x_dense * other).sum(1, keepdim=True))
    return torch.cat([x_dense, *out], 1)

@wrong("dot_interaction_itself", "columns missing", "column 0·0 is missing")
def di_without_dense_norm(x_dense, x_sparse):
    "the dense vector's own product missing"
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.size(1), T.size(1), 0)
    return torch.cat([x_dense, (T @ T.mT)[:, i[1:], j[1:]]], 1)
@wrong("dot_interaction_itself", "off by a factor", "columns 0·0, 0·1, 0·2, 0·3, 1·1, 1·2, 1·3, 2·2, 2·3, 3·3")
def di_doubled(x_dense, x_sparse):
    "pairs counted both ways: Z + Z.T"
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = T @ T.mT
    Z = Z + Z.mT
    i, j = torch.triu_indices(T.size(1), T.size(1), 0)
    return torch.cat([x_dense, Z[:, i, j]], 1)

@wrong("low_rank_cross", "U and V exchanged")
def lc_uv(x0, x, U, V, b):
    "U and V exchanged"
    return x0 * (x @ U @ V.T + b) + x
@wrong("low_rank_cross", "x0 added instead of x")
def lc_resid_x0(x0, x, U, V, b):
    "x0 added at the end"
    return x0 * (x @ V @ U.T + b) + x0
@wrong("low_rank_cross", "another recipe", "the product is divided by the rank")
def lc_scaled(x0, x, U, V, b):
    "divided by the rank (LoRA)"
    return x0 * (x @ V @ U.T / U.shape[1] + b) + x
@wrong("low_rank_cross", "an input too many", "when b[1] or b[2] or b[3] changes")
def lc_bias_down(x0, x, U, V, b):
    "bias added before the map: UV^T(x + b)"
    return x0 * ((x + b) @ V @ U.T) + x

@wrong("auc_from_ranks", "ties broken by position")
def auc_ties_no(scores, labels):
    "ties by sort order"
    order = scores.argsort(stable=True)
    ranks = torch.empty(len(scores)); ranks[order] = torch.arange(1, len(scores) + 1).float()
    m = labels.sum()
    return float((ranks[labels == 1].sum() - m * (m + 1) / 2) / (m * (len(labels) - m)))
@wrong("auc_from_ranks", "upside down")
def auc_flip(scores, labels):
    "ranked from the top"
    p, n = scores[labels == 1], scores[labels == 0]
    return ((p[:, None] < n).double() + 0.5 * (p[:, None] == n).double()).mean().item()
@wrong("auc_from_ranks", "not 1 where the clicks are above")
def auc_mean_rank(scores, labels):
    "mean rank over N"
    ranks = scores.argsort().argsort() + 1.0
    return (ranks[labels == 1].mean() / len(scores)).item()

@wrong("rows_that_leak", "misses a leak")
def rl_rounded(feature, y, train):
    "tolerance"
    f = torch.where(train, y, 1 - y)
    return int((~torch.isclose(feature(y, train), feature(f, train), atol=1e-2)).sum())
@wrong("rows_that_leak", "the mask changed")
def rl_mask_changed(feature, y, train):
    "the mask flipped instead of the labels"
    return int((feature(y, train) != feature(y, ~train)).sum())
@wrong("rows_that_leak", "no second look")
def rl_labels_compared(feature, y, train):
    "counts flipped labels"
    f = torch.where(train, y, 1 - y)
    feature(f, train)
    return int((y != f).sum())

@right("dot_interaction")
def dot_big_gather(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=2)
    Z = torch.matmul(T.permute(0, 2, 1), T)
    n = Z.shape[-1]
    at = [i * n + j for i in range(n) for j in range(i + 1, n)]
    return torch.cat((x_dense, Z.flatten(1)[:, at]), dim=1)
@right("low_rank_cross")
def lc_einsum(x0, x, U, V, b):
    return torch.addcmul(x, x0, torch.einsum("wr,vr,bv->bw", U, V, x) + b)
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
@right("mlp_cost")
def mc_numpy(widths):
    w = np.asarray(widths)
    p = (w[:-1] * w[1:]).sum()
    return p + w[1:].sum(), 2 * p
@right("rows_that_leak")
def rl_xor(feature, y, train):
    flipped = (y.bool() ^ ~train).to(y.dtype)
    return (feature(y, train) - feature(flipped, train)).ne(0).sum().item()
