"""Round 4 of answers that the checks hadn't seen."""

# ruff: noqa
import numpy as np, torch, itertools
import torch.nn.functional as F

from unseen import right, wrong

@wrong("smoothed_mean", "another recipe", "the prior is taken off, and not added")
def sm_prior_minus(sums, counts, prior, k):
    "k*prior subtracted"
    return (sums - k * prior) / (counts + k)
@wrong("smoothed_mean", "other counts", "counts were everywhere the first of counts")
def sm_first_row(sums, counts, prior, k):
    "count of the first movie for all"
    return (sums + k * prior) / (counts[0] + k)
@wrong("leave_one_out_mean", "every row the same")
def loo_prior_always(groups, values, prior):
    "nothing but the prior"
    return torch.full_like(values, prior)
@wrong("leave_one_out_mean", "another recipe", "You take the first of the others, and not their mean")
def loo_first_of_group(groups, values, prior):
    "value of the group's first other row"
    out = torch.full_like(values, prior)
    for i in range(len(values)):
        for j in range(len(values)):
            if i != j and groups[i] == groups[j]:
                out[i] = values[j]
                break
    return out
@wrong("offsets_from_lengths", "another recipe", "the lengths are added up twice")
def off_double(lengths):
    "cumulated twice"
    s = lengths.cumsum(0) - lengths
    return s.cumsum(0)
@wrong("offsets_from_lengths", "returns a list")
def off_list(lengths):
    "list"
    return [0] + lengths.cumsum(0)[:-1].tolist()
@wrong("embedding_bag", "another recipe", "the ids are taken 1 too high")
def eb_first(weight, indices, offsets):
    "ids +1"
    ends = offsets[1:].tolist() + [len(indices)]
    return torch.stack([weight[(indices[a:b] + 1) % len(weight)].sum(0) for a, b in zip(offsets.tolist(), ends)])
@wrong("embedding_bag", "another recipe", "a bag's rows are weighted 1, 2, 3, … by their place")
def eb_weighted(weight, indices, offsets):
    "weighted by position in the bag"
    ends = offsets[1:].tolist() + [len(indices)]
    out = []
    for a, b in zip(offsets.tolist(), ends):
        rows = weight[indices[a:b]]
        out.append((rows * torch.arange(1, len(rows) + 1)[:, None]).sum(0))
    return torch.stack(out)
@wrong("embedding_bag", "other weight", "weight were cut off below 0")
def eb_relu(weight, indices, offsets):
    "relu on the rows"
    ends = offsets[1:].tolist() + [len(indices)]
    return torch.stack([weight[indices[a:b]].relu().sum(0) for a, b in zip(offsets.tolist(), ends)])
@wrong("mlp_cost", "counts otherwise", "When widths[1] grows")
def mc_skip(widths):
    "every other layer"
    p = f = 0
    for i in range(0, len(widths) - 1, 2):
        p += widths[i] * widths[i + 1] + widths[i + 1]
        f += 2 * widths[i] * widths[i + 1]
    return p, f
@wrong("mlp_cost", "a bias for every width")
def mc_batch(widths):
    "activations' sizes as parameters"
    w = sum(a * b for a, b in zip(widths, widths[1:]))
    return w + sum(widths), 2 * w
@wrong("stable_logloss", "median instead of mean")
def sl_rms(logits, y):
    "median of losses"
    return F.softplus((1 - 2 * y) * logits).median()
@wrong("stable_logloss", "labels smoothed")
def sl_label_smoothing(logits, y):
    "labels smoothed"
    y = y * 0.9 + 0.05
    return (F.softplus(logits) - y * logits).mean()
@wrong("stable_logloss", "other logits")
def sl_temperature(logits, y):
    "logits halved"
    z = logits / 2
    return (F.softplus(z) - y * z).mean()
@wrong("interaction_width", "another recipe", "the dense vector is counted twice")
def iw_d_twice(n_tables, m_spa, d, kind):
    "d counted twice"
    n = n_tables + 1
    return 2 * d + (n_tables * m_spa if kind == "concat" else n * (n - 1) // 2)
@wrong("interaction_width", "diagonal kept")
def iw_n_plus(n_tables, m_spa, d, kind):
    "n = n_tables + 2"
    n = n_tables + 2
    return d + (n_tables * m_spa if kind == "concat" else n * (n - 1) // 2)
@wrong("dot_interaction", "the wrong inputs", "when row 0 of x_dense or row 0 of x_sparse[0] changes")
def dot_reuse(x_dense, x_sparse):
    "i-th with i+1-th overwritten: same last pair in all columns"
    v = [x_dense, *x_sparse]
    n = len(v)
    out = torch.zeros(len(x_dense), n * (n - 1) // 2)
    for i in range(n):
        for j in range(i + 1, n):
            out[:] = (v[i] * v[j]).sum(1, keepdim=True)
    return torch.cat([x_dense, out], 1)
@wrong("dot_interaction", "an input left out", "when x_dense[0, 1] or x_sparse[0][0, 1] changes")
def dot_first_minus(x_dense, x_sparse):
    "first coordinate only"
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *(a[:, :1] * b[:, :1] for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction", "coordinates mismatched")
def dot_cross_flip(x_dense, x_sparse):
    "partner's coordinates reversed"
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b.flip(1)).sum(1, True) for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction", "not linear")
def dot_max(x_dense, x_sparse):
    "max of products, not the sum"
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b).amax(1, True) for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction", "the sign is lost")
def dot_self(x_dense, x_sparse):
    "a*a by slip"
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * a).sum(1, True) for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction", "not linear")
def dot_dense_scaled(x_dense, x_sparse):
    "dense normalised in front, pairs right"
    v = [x_dense, *x_sparse]
    return torch.cat([F.normalize(x_dense), *((a * b).sum(1, True) for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction", "the wrong inputs", "when row 1 of x_sparse[0] changes")
def dot_row0(x_dense, x_sparse):
    "partner is always row 0 of the batch"
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *((a * b[0]).sum(1, True) for a, b in itertools.combinations(v, 2))], 1)
@wrong("dot_interaction_itself", "off by a factor", "columns 0·0, 1·1, 2·2, 3·3")
def di_half(x_dense, x_sparse):
    "diagonal halved"
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = T @ T.mT
    Z = Z - 0.5 * torch.diag_embed(torch.diagonal(Z, dim1=1, dim2=2))
    i, j = torch.triu_indices(T.size(1), T.size(1))
    return torch.cat([x_dense, Z[:, i, j]], 1)
@wrong("low_rank_cross", "another recipe", "tanh stands between the two matrices")
def lc_tanh(x0, x, U, V, b):
    "tanh on the rank"
    return x0 * (torch.tanh(x @ V) @ U.T + b) + x
@wrong("low_rank_cross", "another recipe", "U is used twice")
def lc_uu(x0, x, U, V, b):
    "U twice"
    return x0 * (x @ U @ U.T + b) + x
@wrong("low_rank_cross", "another recipe", "the sum of b is added")
def lc_bscalar(x0, x, U, V, b):
    "bias summed"
    return x0 * (x @ V @ U.T + b.sum()) + x
@wrong("auc_from_ranks", "not every pair counts")
def auc_neigh(scores, labels):
    "only the best click"
    p, n = scores[labels == 1].max(), scores[labels == 0]
    return float((p > n).float().mean())
@wrong("auc_from_ranks", "more than the order")
def auc_diff(scores, labels):
    "mean difference of scores"
    return float(scores[labels == 1].mean() - scores[labels == 0].mean())
@wrong("rows_that_leak", "held-out labels not flipped")
def rl_first(feature, y, train):
    "one held-out label flipped only"
    f = y.clone(); k = int((~train).nonzero()[0]); f[k] = 1 - f[k]
    return int((feature(y, train) != feature(f, train)).sum())
