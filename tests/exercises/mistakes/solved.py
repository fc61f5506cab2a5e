"""Right answers, each in another way."""

# ruff: noqa
from itertools import combinations

import torch

from mistakes import right


@right()
def bmm(x_dense, x_sparse):
    T = torch.stack([x_dense] + x_sparse, dim=1)
    Z = torch.bmm(T, T.transpose(1, 2))
    i, j = torch.triu_indices(T.shape[1], T.shape[1], offset=1)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)


@right()
def flat_index(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=1)
    n = T.shape[1]
    i, j = torch.triu_indices(n, n, 1)
    return torch.cat([x_dense, torch.bmm(T, T.mT).flatten(1).index_select(1, i * n + j)], dim=1)


@right()
def einsum(x_dense, x_sparse):
    v = torch.stack([x_dense, *x_sparse])
    z = torch.einsum("nbd,mbd->bnm", v, v)
    mask = torch.ones(len(v), len(v), dtype=torch.bool).triu(1)
    return torch.cat([x_dense, z[:, mask]], dim=-1)


@right()
def loops(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    out = [x_dense]
    for i in range(len(v)):
        for j in range(i + 1, len(v)):
            out.append((v[i] * v[j]).sum(dim=1, keepdim=True))
    return torch.cat(out, dim=1)


@right()
def filled_in(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    d, n = x_dense.shape[1], len(v)
    out = torch.zeros(len(x_dense), d + n * (n - 1) // 2)
    out[:, :d] = x_dense
    for k, (a, b) in enumerate(combinations(v, 2), start=d):
        out[:, k] = (a * b).sum(1)
    return out


@right()
def stacked_view(x_dense, x_sparse):
    B, d = x_dense.shape
    T = torch.cat([x_dense, *x_sparse], dim=1).view(B, -1, d)
    Z = torch.matmul(T, T.permute(0, 2, 1))
    parts = [Z[:, i, i + 1 :] for i in range(T.shape[1] - 1)]
    return torch.cat([x_dense, *parts], dim=1)


@right()
def vectorised_pairs(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=1)
    i, j = torch.combinations(torch.arange(T.shape[1])).unbind(1)
    return torch.cat([x_dense, (T[:, i] * T[:, j]).sum(-1)], dim=1)


class Module(torch.nn.Module):
    def forward(self, x_dense, x_sparse):
        return bmm(x_dense, x_sparse)


RIGHT_OBJECTS = [
    Module(),
    # Dynamo alone: the default backend needs a C compiler and half a minute, and learners may have neither.
    torch.compile(bmm, backend="eager"),
    torch.vmap(lambda x, xs: bmm(x[None], [s[None] for s in xs])[0]),
]
for k, fn in enumerate(RIGHT_OBJECTS):
    right()(fn)


@right("dot_interaction_itself")
def itself(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], dim=1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1])
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], dim=1)


@right("low_rank_cross")
def cross(x0, x, U, V, b):
    return x0 * (x @ V @ U.T + b) + x


@right("low_rank_cross")
def full_cross(x0, x, U, V, b):
    return x0 * (torch.nn.functional.linear(x, U @ V.T, b)) + x


@right("low_rank_cross")
def cross_by_brackets(x0, x, U, V, b):
    return x0 * (x @ (V @ U.T) + b) + x


@right("smoothed_mean")
def smoothed(sums, counts, prior, k):
    return (sums + k * prior) / (counts + k)


@right("leave_one_out_mean")
def scatter(groups, values, prior):
    _, group = groups.unique(return_inverse=True)
    n = int(group.max()) + 1
    total = torch.zeros(n).index_add(0, group, values)[group] - values
    count = torch.bincount(group, minlength=n)[group] - 1
    return torch.where(count > 0, total / count.clamp(min=1), prior)


@right("offsets_from_lengths")
def exclusive(lengths):
    return lengths.cumsum(0) - lengths


@right("offsets_from_lengths")
def shifted(lengths):
    return torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)[:-1]])


@right("embedding_bag")
def builtin(weight, indices, offsets):
    return torch.nn.functional.embedding_bag(indices, weight, offsets, mode="sum")


@right("embedding_bag")
def loop_of_slices(weight, indices, offsets):
    ends = [*offsets.tolist()[1:], len(indices)]
    out = torch.zeros(len(offsets), weight.shape[1])
    for b, (start, end) in enumerate(zip(offsets.tolist(), ends)):
        for k in range(start, end):
            out[b] = out[b] + weight[indices[k]]
    return out


@right("mlp_cost")
def cost(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + sum(widths[1:]), 2 * weights


@right("mlp_cost")
def cost_by_module(widths):
    layers = [torch.nn.Linear(a, b) for a, b in zip(widths, widths[1:])]
    return [sum(p.numel() for m in layers for p in m.parameters()), sum(2 * m.weight.numel() for m in layers)]


@right("stable_logloss")
def with_logits(logits, y):
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, y)


@right("stable_logloss")
def softplus(logits, y):
    return (torch.nn.functional.softplus(logits) - y * logits).mean()


@right("stable_logloss")
def logsigmoid(logits, y):
    log_p, log_q = torch.nn.functional.logsigmoid(logits), torch.nn.functional.logsigmoid(-logits)
    return -(y * log_p + (1 - y) * log_q).mean()


@right("stable_logloss")
def max_trick(logits, y):
    return (logits.clamp(min=0) - logits * y + torch.log1p(torch.exp(-logits.abs()))).mean()


@right("interaction_width")
def width(n_tables, m_spa, d, kind):
    n = 1 + n_tables
    return d + n * (n - 1) // 2 if kind == "dot" else d + n_tables * m_spa


@right("auc_from_ranks")
def rank_sum(scores, labels):
    below = (scores[:, None] > scores).sum(1)
    tied = (scores[:, None] == scores).sum(1)
    ranks = below + (tied + 1) / 2
    m = labels.sum()
    return float((ranks[labels == 1].sum() - m * (m + 1) / 2) / (m * (len(labels) - m)))


@right("auc_from_ranks")
def by_sklearn(scores, labels):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(labels.numpy(), scores.numpy())


@right("rows_that_leak")
def flip_and_compare(feature, y, train):
    flipped = y.clone()
    flipped[~train] = 1 - flipped[~train]
    return (feature(y, train) != feature(flipped, train)).sum().item()
