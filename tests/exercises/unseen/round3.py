"""Round 3 of answers that the checks hadn't seen."""

# ruff: noqa
import numpy as np, torch, itertools, math
import torch.nn.functional as F

from unseen import right, wrong

@wrong("smoothed_mean", "other k", "k were the root of k")
def sm_log(sums, counts, prior, k):
    "k reduced to square root"
    return (sums + math.sqrt(k) * prior) / (counts + math.sqrt(k))
@wrong("smoothed_mean", "prior only where little is known")
def sm_min_count(sums, counts, prior, k):
    "prior below k ratings, plain mean above: a threshold"
    return torch.where(counts >= k, sums / counts.clamp(min=1), torch.full_like(sums, prior))
@wrong("smoothed_mean", "an input too many", "when k changes")
def sm_prior_whole(sums, counts, prior, k):
    "k added below twice: k in denominators"
    return sums / (counts + k) + k * prior / counts.clamp(min=1)
@wrong("smoothed_mean", "returns a list")
def sm_list(sums, counts, prior, k):
    "returns a list"
    return [(s + k * prior) / (c + k) for s, c in zip(sums.tolist(), counts.tolist())]

@wrong("leave_one_out_mean", "rows told apart by value")
def loo_value_key(groups, values, prior):
    "the other rows of the group counted once by value (set)"
    out = []
    for i in range(len(values)):
        rest = {float(values[j]) for j in range(len(values)) if groups[j] == groups[i] and j != i}
        out.append(sum(rest) / len(rest) if rest else prior)
    return torch.tensor(out)
@wrong("leave_one_out_mean", "another recipe", "You average over later rows only")
def loo_next_only(groups, values, prior):
    "only later rows of the group"
    out = torch.full_like(values, prior)
    for i in range(len(values)):
        later = [values[j] for j in range(i + 1, len(values)) if groups[j] == groups[i]]
        if later:
            out[i] = sum(later) / len(later)
    return out
@wrong("leave_one_out_mean", "an input too many", "when values[0] changes")
def loo_mean_minus(groups, values, prior):
    "mean minus own value instead of leaving it out"
    same = (groups[:, None] == groups).float()
    c = same.sum(1)
    return torch.where(c > 1, same @ values / c - values, torch.tensor(prior))
@wrong("leave_one_out_mean", "values counts wrongly", "Whenever values changes")
def loo_over_n(groups, values, prior):
    "divides by the number of all other rows"
    same = (groups[:, None] == groups).float()
    same.fill_diagonal_(0)
    return torch.where(same.sum(1) > 0, same @ values / (len(values) - 1), torch.tensor(prior))

@wrong("offsets_from_lengths", "the wrong inputs", "when lengths[0] or lengths[1] changes")
def off_mean(lengths):
    "average length times position"
    return torch.arange(len(lengths)) * lengths.sum() // len(lengths)
@wrong("offsets_from_lengths", "another recipe", "the lengths are sorted first")
def off_sort(lengths):
    "lengths sorted before adding up"
    s = lengths.sort().values
    return s.cumsum(0) - s
@wrong("offsets_from_lengths", "an input left out", "when lengths[0] changes")
def off_pairs(lengths):
    "two lengths before only"
    n = F.pad(lengths, (2, 0))
    return n[:-2] + n[1:-1]
@wrong("offsets_from_lengths", "inputs changed")
def off_inplace(lengths):
    "overwrites lengths"
    total = 0
    for b in range(len(lengths)):
        n = int(lengths[b]); lengths[b] = total; total += n
    return lengths

@wrong("embedding_bag", "an input left out", "when weight[0, 0] changes")
def eb_first_last(weight, indices, offsets):
    "first and last row of each bag only"
    ends = offsets[1:].tolist() + [len(indices)]
    out = []
    for a, b in zip(offsets.tolist(), ends):
        out.append(weight[indices[a]] + weight[indices[b - 1]] if b - a > 1 else weight[indices[a:b]].sum(0))
    return torch.stack(out)
@wrong("embedding_bag", "another recipe", "You add up the rows of weight that stand at the bag's *posit")
def eb_range_rows(weight, indices, offsets):
    "rows between the first and last id, as a slice of the table"
    ends = offsets[1:].tolist() + [len(indices)]
    return torch.stack([weight[a:b].sum(0) for a, b in zip(offsets.tolist(), ends)])
@wrong("embedding_bag", "the wrong inputs", "when weight[6, 0] changes")
def eb_cumsum(weight, indices, offsets):
    "difference of running sums, off by one"
    c = weight[indices].cumsum(0)
    ends = torch.cat([offsets[1:], torch.tensor([len(indices)])])
    return c[ends - 1] - c[offsets.clamp(max=len(indices) - 1)]
@wrong("embedding_bag", "reversed")
def eb_reverse(weight, indices, offsets):
    "bags returned back to front"
    out, end = [], len(indices)
    for a in offsets.flip(0).tolist():
        out.append(weight[indices[a:end]].sum(0)); end = a
    return torch.stack(out)

@wrong("mlp_cost", "a bias for each input")
def mc_bias_of_input(widths):
    "bias as wide as the layer's input"
    p = f = 0
    for i in range(len(widths) - 1):
        p += widths[i] * widths[i + 1] + widths[i]
        f += 2 * widths[i] * widths[i + 1]
    return p, f
@wrong("mlp_cost", "one bias a layer")
def mc_one_bias(widths):
    "a bias is a single number a layer"
    w = sum(a * b for a, b in zip(widths, widths[1:]))
    return w + len(widths) - 1, 2 * w
@wrong("mlp_cost", "only the last layer")
def mc_overwrites(widths):
    "= instead of +=: the last layer only"
    for a, b in zip(widths, widths[1:]):
        p = a * b + b
        f = 2 * a * b
    return p, f
@wrong("mlp_cost", "bias adds counted")
def mc_activation(widths):
    "activation a FLOP each"
    w = sum(a * b for a, b in zip(widths, widths[1:]))
    return w + sum(widths[1:]), 2 * w + sum(widths[1:])

@wrong("stable_logloss", "another recipe", "the sum is divided by the number of clicks")
def sl_sum_over_len0(logits, y):
    "divided by the number of clicks"
    return F.softplus((1 - 2 * y) * logits).sum() / y.sum()
@wrong("stable_logloss", "an input left out", "when row 3 of logits changes")
def sl_log1p_missing(logits, y):
    "log of e^-|z| without the 1"
    return (logits.clamp(min=0) - y * logits + torch.log(torch.exp(-logits.abs()))).mean()
@wrong("stable_logloss", "breaks for large logits")
def sl_clamped_logits(logits, y):
    "logits clamped to ±20"
    z = logits.clamp(-20, 20)
    return (torch.log1p(torch.exp(z)) - y * z).mean()
@wrong("stable_logloss", "rows of the batch mixed")
def sl_squeezed(logits, y):
    "(B,) meets (B, 1)"
    z = logits.squeeze(1)
    return (F.softplus(z) - y * z).mean()
@wrong("stable_logloss", "squared error")
def sl_brier(logits, y):
    "squared error of the probability"
    return ((torch.sigmoid(logits) - y) ** 2).mean()
@wrong("stable_logloss", "hinge")
def sl_hinge(logits, y):
    "log of 1+e dropped: hinge"
    return torch.relu(-(2 * y - 1) * logits).mean()

@wrong("interaction_width", "one kind only")
def iw_case(n_tables, m_spa, d, kind):
    "compares kind with another word: always falls to concat"
    if kind == "dot_product":
        n = n_tables + 1
        return d + n * (n - 1) // 2
    return d + n_tables * m_spa
@wrong("interaction_width", "an input too many", "when m_spa changes")
def iw_triangle(n_tables, m_spa, d, kind):
    "pairs of numbers instead of vectors"
    w = d + n_tables * m_spa
    return w if kind == "concat" else d + w * (w - 1) // 2
@wrong("interaction_width", "both triangles")
def iw_no_half(n_tables, m_spa, d, kind):
    "each pair twice"
    return d + (n_tables * m_spa if kind == "concat" else (n_tables + 1) * n_tables)

@wrong("dot_interaction", "columns missing", "columns 1·2, 1·3 are missing")
def dot_first_table(x_dense, x_sparse):
    "first sparse table never paired with later ones: inner loop from 1"
    v = [x_dense, *x_sparse]
    out = [x_dense]
    for i in range(len(v)):
        for j in range(1, len(v)):
            if i != j and i < j + 0 and i != 1:
                out.append((v[i] * v[j]).sum(1, keepdim=True))
    return torch.cat(out, 1)
@wrong("dot_interaction", "diagonal by diagonal")
def dot_grouped(x_dense, x_sparse):
    "order by distance: (0,1),(1,2),..., then (0,2)..."
    v = [x_dense, *x_sparse]
    out = [x_dense]
    for step in range(1, len(v)):
        for i in range(len(v) - step):
            out.append((v[i] * v[i + step]).sum(1, keepdim=True))
    return torch.cat(out, 1)
@wrong("dot_interaction", "a mean taken off")
def dot_centered(x_dense, x_sparse):
    "vectors centred first (covariance)"
    T = torch.stack([x_dense, *x_sparse], 1)
    T = T - T.mean(-1, keepdim=True)
    i, j = torch.triu_indices(T.size(1), T.size(1), 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)
@wrong("dot_interaction", "rows of the batch mixed")
def dot_batchnorm(x_dense, x_sparse):
    "dense vector centred over the batch"
    x_dense = x_dense - x_dense.mean(0)
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).sum(1, True) for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction", "pairs added up")
def dot_pooled(x_dense, x_sparse):
    "each vector with the sum of all"
    T = torch.stack([x_dense, *x_sparse], 1)
    return torch.cat([x_dense, (T * T.sum(1, keepdim=True)).sum(-1)], 1)
@wrong("dot_interaction", "the wrong inputs", "when row 0 of x_sparse[0] changes")
def dot_mixed_rows(x_dense, x_sparse):
    "partner taken from the next row"
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b.roll(1, 0)).sum(1, True) for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction", "wrong shape")
def dot_stack0(x_dense, x_sparse):
    "stack along 0: batch and vectors exchanged"
    T = torch.stack([x_dense, *x_sparse])
    Z = torch.bmm(T, T.mT)
    n = T.shape[0]
    i, j = torch.triu_indices(Z.shape[1], Z.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j].T[: len(x_dense)]], 1)
@wrong("dot_interaction", "gradient cut in part")
def dot_stopgrad(x_dense, x_sparse):
    "pairs detached"
    with torch.no_grad():
        v = [x_dense, *x_sparse]
        pairs = [(a * b).sum(1, True) for a, b in itertools.combinations(v, 2)]
    return torch.cat([x_dense, *pairs], 1)
@wrong("dot_interaction", "absolute values")
def dot_abs(x_dense, x_sparse):
    "absolute values"
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).sum(1, True).abs() for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction", "the wrong inputs", "when row 0 of x_sparse[1] or row 0 of x_sparse[2] changes")
def dot_dense_weighted(x_dense, x_sparse):
    "last pair repeated, one left out (index slip)"
    v = torch.stack([x_dense, *x_sparse], 1)
    n = v.shape[1]
    i, j = torch.triu_indices(n, n, 1)
    i, j = i.clone(), j.clone()
    i[-1], j[-1] = i[0], j[0]
    return torch.cat([x_dense, (v @ v.mT)[:, i, j]], 1)

@wrong("dot_interaction_itself", "diagonal missing")
def di_strict(x_dense, x_sparse):
    "the task before: no own products"
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.size(1), T.size(1), 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)
@wrong("dot_interaction_itself", "whole matrix")
def di_full(x_dense, x_sparse):
    "whole matrix"
    T = torch.stack([x_dense, *x_sparse], 1)
    return torch.cat([x_dense, (T @ T.mT).flatten(1)], 1)
@wrong("dot_interaction_itself", "lower triangle's order")
def di_lower(x_dense, x_sparse):
    "lower triangle's order with diagonal"
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.tril_indices(T.size(1), T.size(1))
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)

@wrong("low_rank_cross", "another recipe", "only the first of the r numbers is used")
def lc_first_rank(x0, x, U, V, b):
    "first of r directions only"
    return x0 * ((x @ V[:, :1]) @ U[:, :1].T + b) + x
@wrong("low_rank_cross", "an input too many", "when x0[0, 1] or x0[0, 2] or x0[0, 3] or the rows 1, 2, 3 of U changes")
def lc_sum(x0, x, U, V, b):
    "inner product with x0 summed (DCN-v1)"
    return (x0 * (x @ V @ U.T)).sum(1, keepdim=True) + b + x
@wrong("low_rank_cross", "x subtracted")
def lc_minus(x0, x, U, V, b):
    "residual subtracted"
    return x0 * (x @ V @ U.T + b) - x
@wrong("low_rank_cross", "an input left out", "when x[0, 1] or x[0, 2] or x[0, 3] or the rows 1, 2, 3 of V changes")
def lc_product(x0, x, U, V, b):
    "U*V elementwise, summed"
    return x0 * (x * (U * V).sum(1) + b) + x

@wrong("auc_from_ranks", "ranks from 0")
def auc_zero_ranks(scores, labels):
    "ranks from 0 with the formula for ranks from 1"
    _, inv, cnt = scores.unique(return_inverse=True, return_counts=True)
    ranks = (cnt.cumsum(0) - 1 - (cnt - 1) / 2)[inv]
    m = labels.sum()
    return float((ranks[labels == 1].sum() - m * (m + 1) / 2) / (m * (len(labels) - m)))
@wrong("auc_from_ranks", "ties count in full")
def auc_ge(scores, labels):
    "ties count as won"
    return float(np.mean([p >= n for p in scores[labels == 1] for n in scores[labels == 0]]))
@wrong("auc_from_ranks", "another recipe", "it is 2 AUC - 1")
def auc_gini(scores, labels):
    "Gini: 2 AUC - 1"
    p, n = scores[labels == 1][:, None], scores[labels == 0]
    return (torch.sign(p - n)).mean().item()
@wrong("auc_from_ranks", "not every pair counts")
def auc_median_split(scores, labels):
    "accuracy at the median"
    return ((scores > scores.median()).float() == labels).float().mean().item()

@wrong("rows_that_leak", "held-out labels not flipped")
def rl_shuffled(feature, y, train):
    "labels permuted and not flipped"
    f = y.clone()
    held = (~train).nonzero()[:, 0]
    f[held] = y[held.flip(0)]
    return int((feature(y, train) != feature(f, train)).sum())
@wrong("rows_that_leak", "yes or no")
def rl_bool(feature, y, train):
    "whether any, a bool"
    f = torch.where(train, y, 1 - y)
    return bool((feature(y, train) != feature(f, train)).any())
@wrong("rows_that_leak", "inputs changed")
def rl_alias(feature, y, train):
    "changes y before the first call: never differs"
    f = y
    f[~train] = 1 - f[~train]
    return int((feature(y, train) != feature(f, train)).sum())

@right("stable_logloss")
def sl_where(logits, y):
    return -torch.where(y > 0.5, F.logsigmoid(logits), F.logsigmoid(-logits)).sum() / y.numel()
@right("smoothed_mean")
def sm_convex(sums, counts, prior, k):
    w = counts / (counts + k)
    return torch.lerp(torch.full_like(sums, prior), torch.nan_to_num(sums / counts), w)
@right("offsets_from_lengths")
def off_tril(lengths):
    B = len(lengths)
    return (torch.ones(B, B, dtype=torch.int64).tril(-1) * lengths).sum(1)
@right("interaction_width")
def iw_sum(n_tables, m_spa, d, kind):
    return d + (sum(range(n_tables + 1)) if kind == "dot" else n_tables * m_spa)
@right("dot_interaction_itself")
def di_where(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, 1)
    Z = torch.einsum("bnd,bmd->bnm", T, T)
    i, j = torch.where(torch.ones(Z.shape[1:]).triu() == 1)
    return torch.cat([x_dense, Z[:, i, j]], dim=-1)
@right("rows_that_leak")
def rl_loop(feature, y, train):
    f = y.clone()
    for k in range(len(y)):
        if not train[k]:
            f[k] = 1.0 - y[k]
    before, after = feature(y, train).tolist(), feature(f, train).tolist()
    return sum(a != b for a, b in zip(before, after))
