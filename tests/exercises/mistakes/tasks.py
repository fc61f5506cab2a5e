"""Mistakes in the small exercises and the stretch tasks, as learners write them."""

# ruff: noqa
import torch
import torch.nn.functional as F

from mistakes import wrong


# chapter 1


@wrong("plain mean", "nan", "smoothed_mean")
def plain(sums, counts, prior, k):
    return sums / counts


@wrong("plain mean", "0/0", "smoothed_mean")
def plain_safe(sums, counts, prior, k):
    return sums / torch.clamp(counts, min=1)


@wrong("prior not weighted", "Each of the k", "smoothed_mean")
def prior_once(sums, counts, prior, k):
    return (sums + prior) / (counts + k)


@wrong("k missing below", "count them", "smoothed_mean")
def not_counted(sums, counts, prior, k):
    return (sums + k * prior) / counts


@wrong("prior missing above", "towards 0", "smoothed_mean")
def only_counted(sums, counts, prior, k):
    return sums / (counts + k)


@wrong("prior or k hard-coded", "arguments", "smoothed_mean")
def typed_in(sums, counts, prior, k):
    return (sums + 5 * 0.5) / (counts + 5)


@wrong("mean where the sum is due", "twice", "smoothed_mean")
def divided_twice(sums, counts, prior, k):
    means = sums / counts.clamp(min=1)
    return (means + k * prior) / (counts + k)


@wrong("own row included", "leak", "leave_one_out_mean")
def in_sample(groups, values, prior):
    return torch.stack([values[groups == g].mean() for g in groups])


@wrong("nan for a row alone", "prior", "leave_one_out_mean")
def nan_alone(groups, values, prior):
    out = []
    for i, g in enumerate(groups):
        mask = groups == g
        mask[i] = False
        out.append(values[mask].mean())
    return torch.stack(out)


@wrong("groups ignored", "same group", "leave_one_out_mean")
def all_others(groups, values, prior):
    return (values.sum() - values) / (len(values) - 1)


@wrong("own row still counted", "count", "leave_one_out_mean")
def still_counted(groups, values, prior):
    out = []
    for i, g in enumerate(groups):
        mask = groups == g
        out.append((values[mask].sum() - values[i]) / mask.sum() if mask.sum() > 1 else torch.tensor(prior))
    return torch.stack(out)


@wrong("group ids taken for positions", "ids", "leave_one_out_mean")
def ids_as_positions(groups, values, prior):
    n = len(values)
    total = torch.zeros(n).index_add(0, groups, values)[groups] - values
    count = torch.bincount(groups, minlength=n)[groups] - 1
    return torch.where(count > 0, total / count.clamp(min=1), prior)


@wrong("one number a group", "Each row", "leave_one_out_mean")
def one_a_group(groups, values, prior):
    return torch.stack([values[groups == g].mean() for g in groups.unique()])


# chapter 2


@wrong("lengths returned", "starts", "offsets_from_lengths")
def lengths_as_offsets(lengths):
    return lengths


@wrong("ends instead of starts", "end", "offsets_from_lengths")
def inclusive(lengths):
    return torch.cumsum(lengths, 0)


@wrong("one too many", "B + 1", "offsets_from_lengths")
def csr(lengths):
    return torch.cat([torch.tensor([0]), torch.cumsum(lengths, 0)])


@wrong("wrong dtype", "float32", "offsets_from_lengths")
def float_offsets(lengths):
    return torch.cat([torch.zeros(1), torch.cumsum(lengths, 0)[:-1]])


@wrong("one id a bag assumed", "one id", "offsets_from_lengths")
def aranged(lengths):
    return torch.arange(len(lengths))


@wrong("returns a list", "list", "offsets_from_lengths")
def listed(lengths):
    out, at = [], 0
    for n in lengths:
        out.append(at)
        at += n
    return out


@wrong("one id a bag assumed", "first", "embedding_bag")
def one_each(weight, indices, offsets):
    return weight[indices[offsets]]


@wrong("rows not summed", "added up", "embedding_bag")
def lookup(weight, indices, offsets):
    return F.embedding(indices, weight)


@wrong("mean instead of sum", "sum", "embedding_bag")
def averaged_bag(weight, indices, offsets):
    return F.embedding_bag(indices, weight, offsets)


@wrong("last bag missing", "last bag", "embedding_bag")
def no_last_bag(weight, indices, offsets):
    return torch.stack([weight[indices[offsets[b] : offsets[b + 1]]].sum(0) for b in range(len(offsets) - 1)])


@wrong("last id left out", "last id", "embedding_bag")
def minus_one(weight, indices, offsets):
    ends = torch.cat([offsets[1:], torch.tensor([-1])])
    return torch.stack([weight[indices[a:b]].sum(0) for a, b in zip(offsets, ends)])


@wrong("offsets taken for lengths", "number of ids", "embedding_bag")
def offsets_as_lengths(weight, indices, offsets):
    out, at = [], 0
    for n in offsets.tolist():
        out.append(weight[indices[at : at + n]].sum(0))
        at += n
    return torch.stack(out)


@wrong("offsets taken for ids", "positions", "embedding_bag")
def rows_of_offsets(weight, indices, offsets):
    return weight[offsets]


@wrong("index out of range", "runs past the end", "embedding_bag")
def next_offset_of_the_last(weight, indices, offsets):
    return torch.stack([weight[indices[offsets[b] : offsets[b + 1]]].sum(0) for b in range(len(offsets))])


@wrong("empty bags filled", "empty", "embedding_bag")
def at_least_one(weight, indices, offsets):
    ends = [*offsets.tolist()[1:], len(indices)]
    out = []
    for a, b in zip(offsets.tolist(), ends):
        total = weight[indices[a]]
        for k in range(a + 1, b):
            total = total + weight[indices[k]]
        out.append(total)
    return torch.stack(out)


@wrong("gradient cut", "no gradient", "embedding_bag")
def detached_weight(weight, indices, offsets):
    return F.embedding_bag(indices, weight.detach(), offsets, mode="sum")


# chapter 3


@wrong("biases forgotten", "bias", "mlp_cost")
def no_biases(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights, 2 * weights


@wrong("multiply-adds counted once", "two operations", "mlp_cost")
def macs(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + sum(widths[1:]), weights


@wrong("last layer missing", "last", "mlp_cost")
def short(widths):
    p = f = 0
    for k in range(len(widths) - 2):
        p += widths[k] * widths[k + 1] + widths[k + 1]
        f += 2 * widths[k] * widths[k + 1]
    return p, f


@wrong("answers exchanged", "first", "mlp_cost")
def exchanged(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return 2 * weights, weights + sum(widths[1:])


@wrong("index out of range", "runs past the end", "mlp_cost")
def past_the_end(widths):
    p = 0
    for k in range(len(widths)):
        p += widths[k] * widths[k + 1]
    return p, 2 * p


@wrong("returns a number", "Two whole numbers", "mlp_cost")
def parameters_only(widths):
    return sum(a * b + b for a, b in zip(widths, widths[1:]))


@wrong("a float where a whole number is due", "whole number", "mlp_cost")
def floats(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + sum(widths[1:]), 2.0 * weights


@wrong("log of a rounded probability", "rounds", "stable_logloss")
def textbook(logits, y):
    p = torch.sigmoid(logits)
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()


@wrong("clamped", "edge", "stable_logloss")
def clamped(logits, y):
    p = torch.sigmoid(logits).clamp(1e-7, 1 - 1e-7)
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()


@wrong("clamped", "edge", "stable_logloss")
def bce_of_probabilities(logits, y):
    return F.binary_cross_entropy(torch.sigmoid(logits), y)


@wrong("overflow", "overflows", "stable_logloss")
def exp_overflow(logits, y):
    return (torch.log(1 + torch.exp(logits)) - y * logits).mean()


@wrong("sum instead of mean", "mean", "stable_logloss")
def summed(logits, y):
    return F.binary_cross_entropy_with_logits(logits, y, reduction="sum")


@wrong("not averaged", "mean", "stable_logloss")
def per_sample(logits, y):
    return F.softplus(logits) - y * logits


@wrong("a term missing", "y = 1", "stable_logloss")
def one_term(logits, y):
    return -(y * F.logsigmoid(logits)).mean()


@wrong("sign", "minus", "stable_logloss")
def no_minus(logits, y):
    return (y * F.logsigmoid(logits) + (1 - y) * F.logsigmoid(-logits)).mean()


@wrong("returns a number", "One tensor", "stable_logloss")
def loss_item(logits, y):
    return F.binary_cross_entropy_with_logits(logits, y).item()


@wrong("sigmoid twice", "squashed", "stable_logloss")
def squashed_twice(logits, y):
    return F.binary_cross_entropy_with_logits(torch.sigmoid(logits), y)


# chapter 4


@wrong("dense vector not counted among the pairs", "1 + n_tables", "interaction_width")
def tables_only(n_tables, m_spa, d, kind):
    return d + n_tables * (n_tables - 1) // 2 if kind == "dot" else d + n_tables * m_spa


@wrong("diagonal kept", "itself", "interaction_width")
def with_diagonal(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + n * (n + 1) // 2 if kind == "dot" else d + n_tables * m_spa


@wrong("the whole matrix", "all n × n", "interaction_width")
def squared(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + n * n if kind == "dot" else d + n_tables * m_spa


@wrong("dense vector missing", "d numbers", "interaction_width")
def only_the_pairs(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return n * (n - 1) // 2 if kind == "dot" else d + n_tables * m_spa


@wrong("a float where a whole number is due", "//", "interaction_width")
def true_division(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + n * (n - 1) / 2 if kind == "dot" else d + n_tables * m_spa


@wrong("dense vector taken for a table", "d wide", "interaction_width")
def dense_as_table(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + n * (n - 1) // 2 if kind == "dot" else n * m_spa


@wrong("nothing returned", "return", "interaction_width")
def misspelt_kind(n_tables, m_spa, d, kind):
    n = n_tables + 1
    if kind == "concatenate":
        return d + n_tables * m_spa
    if kind == "dots":
        return d + n * (n - 1) // 2


# chapter 5, stretch


@wrong("diagonal missing", "itself", "dot_interaction_itself")
def unchanged(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)


@wrong("lower triangle's order", "order", "dot_interaction_itself")
def lower_itself(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.tril_indices(T.shape[1], T.shape[1])
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)


@wrong("whole matrix", "twice", "dot_interaction_itself")
def whole_itself(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    return torch.cat([x_dense, (T @ T.mT).flatten(1)], 1)


@wrong("dense vector missing", "come first", "dot_interaction_itself")
def products_only(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1])
    return (T @ T.mT)[:, i, j]


@wrong("diagonal behind the pairs", "behind", "dot_interaction_itself")
def diagonal_behind(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    Z = T @ T.mT
    i, j = torch.triu_indices(T.shape[1], T.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j], Z.diagonal(dim1=1, dim2=2)], 1)


@wrong("entries from both sides of the diagonal", "sign", "dot_interaction_itself")
def itself_minus_one(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(T.shape[1], T.shape[1], -1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)


@wrong("batch size hard-coded", "batch size", "low_rank_cross")
def cross_of_three_rows(x0, x, U, V, b):
    return x0 * ((x @ V @ U.T).view(3, -1) + b) + x


@wrong("shapes don't fit", "element by element", "low_rank_cross")
def columns_added_to_rows(x0, x, U, V, b):
    return x0 * (U @ V.T @ x.T + b) + x


@wrong("x not added", "last term", "low_rank_cross")
def no_residual(x0, x, U, V, b):
    return x0 * (x @ V @ U.T + b)


@wrong("x instead of x0 in front", "x0", "low_rank_cross")
def crosses_itself(x0, x, U, V, b):
    return x * (x @ V @ U.T + b) + x


@wrong("U and V exchanged", "down to r", "low_rank_cross")
def exchanged_factors(x0, x, U, V, b):
    return x0 * (x @ U @ V.T + b) + x


@wrong("bias outside", "inside", "low_rank_cross")
def bias_outside(x0, x, U, V, b):
    return x0 * (x @ V @ U.T) + b + x


@wrong("shapes don't multiply", "matrix product", "low_rank_cross")
def column_convention(x0, x, U, V, b):
    return x0 * (U @ V.T @ x + b) + x


# chapter 6


@wrong("ties count nothing", "half", "auc_from_ranks")
def strict(scores, labels):
    p, q = scores[labels == 1], scores[labels == 0]
    return (p[:, None] > q).float().mean().item()


@wrong("ties count in full", "half", "auc_from_ranks")
def lenient(scores, labels):
    p, q = scores[labels == 1], scores[labels == 0]
    return (p[:, None] >= q).float().mean()


@wrong("upside down", "higher", "auc_from_ranks")
def reversed_labels(scores, labels):
    p, q = scores[labels == 0], scores[labels == 1]
    return float(((p[:, None] > q).float() + 0.5 * (p[:, None] == q)).mean())


@wrong("ties broken by position", "tied", "auc_from_ranks")
def argsorted(scores, labels):
    ranks = torch.empty(len(scores))
    ranks[scores.argsort(stable=True)] = torch.arange(1.0, len(scores) + 1)
    m = labels.sum()
    return float((ranks[labels == 1].sum() - m * (m + 1) / 2) / (m * (len(labels) - m)))


def moved(feature, before, after, train):
    return feature(before, train) != feature(after, train)


@wrong("all labels flipped", "training labels", "rows_that_leak")
def flips_everything(feature, y, train):
    return int(moved(feature, y, 1 - y, train).sum())


@wrong("training labels flipped", "mask", "rows_that_leak")
def flips_what_trains(feature, y, train):
    return int(moved(feature, y, torch.where(train, 1 - y, y), train).sum())


@wrong("held-out rows only", "training rows", "rows_that_leak")
def looks_at_held_out_rows(feature, y, train):
    return int(moved(feature, y, torch.where(train, y, 1 - y), train)[~train].sum())


@wrong("labels blanked, not flipped", "Flip", "rows_that_leak")
def blanks(feature, y, train):
    return int(moved(feature, y, y * train, train).sum())


@wrong("yes or no", "How many", "rows_that_leak")
def whether(feature, y, train):
    return bool(moved(feature, y, torch.where(train, y, 1 - y), train).any())


@wrong("rows that stay counted", "stays", "rows_that_leak")
def counts_equal_ones(feature, y, train):
    return int((~moved(feature, y, torch.where(train, y, 1 - y), train)).sum())


@wrong("inputs changed", "changed y", "rows_that_leak")
def flips_in_place(feature, y, train):
    before = feature(y, train).clone()
    y[~train] = 1 - y[~train]
    return int((feature(y, train) != before).sum())


@wrong("misses a leak", "0.001", "rows_that_leak")
def tolerant(feature, y, train):
    flipped = torch.where(train, y, 1 - y)
    return int((~torch.isclose(feature(y, train), feature(flipped, train), atol=0.01)).sum())
