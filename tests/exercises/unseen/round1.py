"""Round 1 of answers that the checks hadn't seen."""

# ruff: noqa
import numpy as np, torch, itertools
import torch.nn.functional as F
from torch import nn

from unseen import right, wrong

# smoothed mean
@wrong("smoothed_mean", "brackets missing")
def sm_precedence(sums, counts, prior, k):
    "brackets around the sum missing: only k*prior is divided"
    return sums + k * prior / (counts + k)
@wrong("smoothed_mean", "weights exchanged")
def sm_weights_exchanged(sums, counts, prior, k):
    "weights exchanged: the mean is weighted with k"
    mean = torch.where(counts > 0, sums / counts.clamp(min=1), torch.zeros_like(sums))
    w = k / (counts + k)
    return w * mean + (1 - w) * prior
@wrong("smoothed_mean", "another recipe", "the counts of all groups are added up below")
def sm_all_counts(sums, counts, prior, k):
    "divides by everybody's count"
    return (sums + k * prior) / (counts.sum() + k)
@wrong("smoothed_mean", "another recipe", "You take the mean of all ratings at hand for the prior, and")
def sm_own_prior(sums, counts, prior, k):
    "overall mean instead of prior argument"
    prior = sums.sum() / counts.sum()
    return (sums + k * prior) / (counts + k)
@wrong("smoothed_mean", "inputs changed")
def sm_inplace(sums, counts, prior, k):
    "changes counts"
    counts += k
    return (sums + k * prior) / counts

# leave one out
@wrong("leave_one_out_mean", "another recipe", "You average over the rows of the *other* groups")
def loo_complement(groups, values, prior):
    "mean of the OTHER groups' rows"
    out = torch.empty_like(values)
    for i in range(len(values)):
        rest = values[groups != groups[i]]
        out[i] = rest.mean() if len(rest) else prior
    return out
@wrong("leave_one_out_mean", "an input too many", "when prior changes")
def loo_smoothed(groups, values, prior):
    "prior joins every mean"
    same = groups[:, None] == groups[None]
    same.fill_diagonal_(False)
    return (same.float() @ values + prior) / (same.sum(1) + 1)
@wrong("leave_one_out_mean", "wrong where groups is the largest of all", "you have prior itself")
def loo_range_short(groups, values, prior):
    "last group never visited"
    out = torch.full_like(values, prior)
    for g in range(int(groups.max())):
        idx = (groups == g).nonzero()[:, 0]
        if len(idx) > 1:
            for i in idx:
                out[i] = (values[idx].sum() - values[i]) / (len(idx) - 1)
    return out
@wrong("leave_one_out_mean", "median instead of mean")
def loo_median(groups, values, prior):
    "median"
    out = []
    for i in range(len(values)):
        keep = groups == groups[i]
        keep[i] = False
        out.append(values[keep].median() if keep.any() else torch.tensor(prior))
    return torch.stack(out)

# offsets
@wrong("offsets_from_lengths", "an input too many", "when lengths changes")
def off_roll(lengths):
    "total in front"
    return lengths.cumsum(0).roll(1)
@wrong("offsets_from_lengths", "another recipe", "the first bag's length is taken off everywhere")
def off_minus_first(lengths):
    "subtracts first length everywhere"
    return torch.cumsum(lengths, dim=0) - lengths[0]
@wrong("offsets_from_lengths", "the wrong inputs", "when lengths changes")
def off_from_end(lengths):
    "ids from bag b to the end"
    return lengths.flip(0).cumsum(0).flip(0)

# embedding bag
@wrong("embedding_bag", "rows overwritten")
def eb_plus_equals(weight, indices, offsets):
    "out[bag] += doesn't accumulate"
    bag = torch.bucketize(torch.arange(len(indices)), offsets, right=True) - 1
    out = torch.zeros(len(offsets), weight.shape[1])
    out[bag] += weight[indices]
    return out
@wrong("embedding_bag", "bags start at the beginning")
def eb_running(weight, indices, offsets):
    "sum never set back between bags"
    total = torch.zeros(weight.shape[1])
    out = []
    for b in range(len(offsets)):
        end = offsets[b + 1] if b + 1 < len(offsets) else len(indices)
        for k in range(offsets[b], end):
            total = total + weight[indices[k]]
        out.append(total)
    return torch.stack(out)
@wrong("embedding_bag", "last id left out")
def eb_minus_one(weight, indices, offsets):
    "last slice ends at -1"
    ends = offsets[1:].tolist() + [-1]
    return torch.stack([weight[indices[a:b]].sum(0) for a, b in zip(offsets.tolist(), ends)])
@wrong("embedding_bag", "shifted by one")
def eb_split(weight, indices, offsets):
    "tensor_split's first piece is empty, all one bag late"
    parts = weight[indices].tensor_split(offsets.tolist())
    return torch.stack([p.sum(0) for p in parts[:-1]])

# mlp cost
@wrong("mlp_cost", "counted otherwise")
def mc_first_last(widths):
    "input × output only"
    a, b = widths[0], widths[-1]
    return a * b + b, 2 * a * b
@wrong("mlp_cost", "multiplications and additions apart")
def mc_exact_adds(widths):
    "n multiplications and n-1 additions"
    p = f = 0
    for n, m in zip(widths, widths[1:]):
        p += n * m + m
        f += m * (2 * n - 1)
    return p, f
@wrong("mlp_cost", "twice the parameters")
def mc_flops_from_params(widths):
    "2 × parameters, biases included"
    p = sum((a + 1) * b for a, b in zip(widths[:-1], widths[1:]))
    return p, 2 * p

# logloss
@wrong("stable_logloss", "another recipe", "log σ(y z) is meant for labels -1 and 1")
def sl_labels_as_signs(logits, y):
    "labels 0 and 1 used as signs -1 and 1"
    return F.softplus(-y * logits).mean()
@wrong("stable_logloss", "right only where logits is above 0", "with logits -1.25, y 0 alone")
def sl_no_abs(logits, y):
    "abs missing in the exponent"
    return (torch.clamp(logits, min=0) - logits * y + torch.log(1 + torch.exp(-logits))).mean()
@wrong("stable_logloss", "sigmoid twice")
def sl_double(logits, y):
    "sigmoid twice"
    p = torch.sigmoid(logits)
    return (F.softplus(p) - y * p).mean()
@wrong("stable_logloss", "clamped")
def sl_eps(logits, y):
    "eps clip: wrong for large logits"
    p = torch.sigmoid(logits).clamp(1e-7, 1 - 1e-7)
    return -(y * p.log() + (1 - y) * (1 - p).log()).mean()

# width
@wrong("interaction_width", "the whole matrix")
def iw_lower_precedence(n_tables, m_spa, d, kind):
    "precedence: n*n - 1//2"
    n = n_tables + 1
    return d + n_tables * m_spa if kind == "concat" else d + n * n - 1 // 2
@wrong("interaction_width", "another recipe", "dot: each pair counts as m_spa numbers")
def iw_dot_m(n_tables, m_spa, d, kind):
    "each pair counted with m_spa numbers"
    n = n_tables + 1
    if kind == "dot":
        return d + m_spa * n * (n - 1) // 2
    return d + m_spa * n_tables

# dot
@wrong("dot_interaction", "pairs with the first vector only")
def dot_dense_only(x_dense, x_sparse):
    "only pairs with the dense vector"
    return torch.cat([x_dense] + [(x_dense * e).sum(1, keepdim=True) for e in x_sparse], dim=1)
@wrong("dot_interaction", "neighbours only")
def dot_chain(x_dense, x_sparse):
    "neighbours only"
    v = [x_dense] + list(x_sparse)
    return torch.cat([x_dense] + [(a * b).sum(-1, keepdim=True) for a, b in zip(v, v[1:])], dim=1)
@wrong("dot_interaction", "cosine instead of dot product")
def dot_cosine(x_dense, x_sparse):
    "normalised"
    T = F.normalize(torch.stack([x_dense, *x_sparse], 1), dim=-1)
    i, j = torch.triu_indices(T.size(1), T.size(1), 1)
    return torch.cat([x_dense, (T @ T.transpose(1, 2))[:, i, j]], 1)
@wrong("dot_interaction", "scaled products")
def dot_attention(x_dense, x_sparse):
    "divided by sqrt(d)"
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = torch.bmm(T, T.mT) / T.shape[-1] ** 0.5
    i, j = torch.triu_indices(T.size(1), T.size(1), 1)
    return torch.cat([x_dense, Z[:, i, j]], 1)
@wrong("dot_interaction", "mean instead of sum")
def dot_mean(x_dense, x_sparse):
    "mean instead of sum of the products"
    v = [x_dense, *x_sparse]
    pairs = [(a * b).mean(1, keepdim=True) for a, b in itertools.combinations(v, 2)]
    return torch.cat([x_dense, *pairs], 1)
@wrong("dot_interaction", "last vector left out")
def dot_range_short(x_dense, x_sparse):
    "last vector never the partner"
    v = [x_dense, *x_sparse]
    out = [x_dense]
    for i in range(len(v)):
        for j in range(i + 1, len(v) - 1):
            out.append(torch.sum(v[i] * v[j], dim=1).unsqueeze(1))
    return torch.cat(out, dim=1)
@wrong("dot_interaction", "reshaped instead of transposed")
def dot_view(x_dense, x_sparse):
    "view in place of transpose"
    B, d = x_dense.shape
    T = torch.cat([x_dense] + x_sparse, dim=1).view(B, -1, d)
    Z = torch.bmm(T, T.reshape(B, d, -1))
    i, j = torch.triu_indices(T.size(1), T.size(1), 1)
    return torch.cat([x_dense, Z[:, i, j]], 1)
@wrong("dot_interaction", "rows of the batch mixed")
def dot_einsum_rows(x_dense, x_sparse):
    "einsum sums over the batch"
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = torch.einsum("bid,cjd->bij", T, T)
    i, j = torch.triu_indices(T.size(1), T.size(1), 1)
    return torch.cat([x_dense, Z[:, i, j]], 1)

# itself
@wrong("dot_interaction_itself", "root taken")
def di_norms(x_dense, x_sparse):
    "lengths on the diagonal, not squared"
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = T @ T.mT
    n = T.shape[1]
    Z[:, range(n), range(n)] = T.norm(dim=2)
    i, j = torch.triu_indices(n, n)
    return torch.cat([x_dense, Z[:, i, j]], 1)
@wrong("dot_interaction_itself", "diagonal behind the pairs")
def di_appended(x_dense, x_sparse):
    "own products behind all the pairs"
    v = [x_dense, *x_sparse]
    pairs = [(a * b).sum(1, True) for a, b in itertools.combinations(v, 2)]
    return torch.cat([x_dense, *pairs, *[(a * a).sum(1, True) for a in v]], 1)

# cross
@wrong("low_rank_cross", "x and x0 exchanged")
def lc_roles(x0, x, U, V, b):
    "x and x0 exchanged"
    return x * (x0 @ V @ U.T + b) + x0
@wrong("low_rank_cross", "bias outside")
def lc_bias_out(x0, x, U, V, b):
    "bias outside of the product with x0"
    return x0 * (x @ V @ U.mT) + b + x
@wrong("low_rank_cross", "another recipe", "a ReLU stands between the two matrices")
def lc_relu(x0, x, U, V, b):
    "a ReLU between"
    return x0 * (torch.relu(x @ V) @ U.T + b) + x

# auc
@wrong("auc_from_ranks", "not every pair counts")
def auc_argsort_once(scores, labels):
    "argsort once isn't ranks"
    ranks = scores.argsort() + 1
    m = labels.sum()
    return float((ranks[labels == 1].sum() - m * (m + 1) / 2) / (m * (len(labels) - m)))
@wrong("auc_from_ranks", "another recipe", "it is divided by all pairs of rows")
def auc_norm_total(scores, labels):
    "divided by all pairs"
    s = scores.numpy(); l = labels.numpy()
    pos, neg = s[l == 1], s[l == 0]
    good = (pos[:, None] > neg).sum() + 0.5 * (pos[:, None] == neg).sum()
    return good / (len(s) * (len(s) - 1) / 2)

# leak
@wrong("rows_that_leak", "a float where a whole number is due")
def rl_share(feature, y, train):
    "share instead of count"
    f = torch.where(train, y, 1 - y)
    return (feature(y, train) != feature(f, train)).float().mean().item()
@wrong("rows_that_leak", "held-out labels not flipped")
def rl_negated(feature, y, train):
    "labels negated: 0 stays 0"
    z = y.clone()
    z[~train] *= -1
    return int((feature(z, train) != feature(y, train)).sum())

# right ones, unusual
@right("embedding_bag")
def eb_library(weight, indices, offsets):
    return F.embedding_bag(indices, weight, offsets, mode="sum")
@right("embedding_bag")
def eb_onehot(weight, indices, offsets):
    L, B = len(indices), len(offsets)
    ends = torch.cat([offsets[1:], offsets.new_tensor([L])])
    at = torch.arange(L)
    inside = (at >= offsets[:, None]) & (at < ends[:, None])
    return inside.to(weight) @ F.one_hot(indices, len(weight)).to(weight) @ weight
@right("dot_interaction")
def dot_combinations(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    c = torch.combinations(torch.arange(T.shape[1]))
    return torch.cat([x_dense, (T[:, c[:, 0]] * T[:, c[:, 1]]).sum(-1)], -1)
@right("dot_interaction")
def dot_mask(x_dense, x_sparse):
    T = torch.stack((x_dense, *x_sparse), dim=-2)
    n = T.shape[-2]
    keep = torch.ones(n, n, dtype=torch.bool).triu(1)
    return torch.hstack([x_dense, torch.einsum("bik,bjk->bij", T, T)[:, keep]])
@right("auc_from_ranks")
def auc_scipy_like(scores, labels):
    below = (scores[:, None] > scores).double().sum(1) + 0.5 * ((scores[:, None] == scores).double().sum(1) - 1)
    m = int(labels.sum())
    return ((below[labels > 0].sum() - m * (m - 1) / 2) / m / (len(labels) - m)).item()
@right("stable_logloss")
def sl_logaddexp(logits, y):
    return torch.logaddexp(torch.zeros_like(logits), (1 - 2 * y) * logits).mean()
