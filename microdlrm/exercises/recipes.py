"""What the answers of chapters 1, 2, 4 and 5 are made of, part by part, and what learners take in its place. Spoilers.

Each recipe is a test for `Task.own`; of each part, "" is the right choice.
"""

# ruff: noqa: E501 — a table: a choice and its words on one line

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F

from microdlrm.exercises.otherwise import recipe

# --- chapter 1 ---

SMOOTHED_MEAN = recipe(
    lambda real, weight, worth, counted, added: lambda s, c, p, k: (
        real(s, c) + weight(c, k) * worth(s, c, p)
    ) / (counted(c) + added(c, p, k)),
    {
        "": lambda s, c: s,
        "the mean stands where the sum of the ratings should": lambda s, c: s / c.clamp(min=1),
        "the count stands where the sum of the ratings should": lambda s, c: c,
        "the real ratings are missing from the sum": lambda s, c: 0 * s,
        "you take the sum over all groups, and not each group's own": lambda s, c: s.sum(),
        "the sum is taken times the count": lambda s, c: s * c,
    },
    {
        "": lambda c, k: k,
        "the prior is added once, and not k times": lambda c, k: 1,
        "the prior is weighted with the count, and not with k": lambda c, k: c,
        "the prior is missing above": lambda c, k: 0,
        "k is shared out above: each group has k imagined ratings of its own": lambda c, k: k / len(c),
        "the prior is added k + 1 times": lambda c, k: k + 1,
        "the prior is added k - 1 times": lambda c, k: k - 1,
        "the prior is weighted with count + k": lambda c, k: c + k,
        "the prior is taken off, and not added": lambda c, k: -k,
        "the prior is weighted with k squared": lambda c, k: k * k,
    },
    {
        "": lambda s, c, p: p,
        "you take the mean of all ratings at hand for the prior, and not the argument": lambda s, c, p: s.sum() / c.sum(),
        "you take the mean of the groups' means for the prior, and not the argument": lambda s, c, p: (
            s / c.clamp(min=1)
        ).mean(),
        "each imagined rating counts as 1, and not as the prior": lambda s, c, p: 1,
        "each imagined rating counts as 1 - prior": lambda s, c, p: 1 - p,
        "you take the group's own mean for the prior": lambda s, c, p: s / c.clamp(min=1),
    },
    {
        "": lambda c: c,
        "the real ratings aren't counted below": lambda c: 0 * c,
        "the counts of all groups are added up below": lambda c: c.sum(),
        "a count of 0 is taken for 1": lambda c: c.clamp(min=1),
        "below stands the mean count, and not the group's own": lambda c: c.mean(),
        "one is added to the count": lambda c: c + 1,
        "one is taken off the count": lambda c: c - 1,
    },
    {
        "": lambda c, p, k: k,
        "k is missing below": lambda c, p, k: 0,
        "below, one imagined rating is counted, and not k": lambda c, p, k: 1,
        "below, k is taken times the prior: it is a count there": lambda c, p, k: k * p,
        "below, the prior stands where k should": lambda c, p, k: p,
        "k is shared out below: each group has k imagined ratings of its own": lambda c, p, k: k / len(c),
        "k is counted twice below": lambda c, p, k: 2 * k,
        "below, k is taken off": lambda c, p, k: -k,
    },
)  # fmt: skip


def _others(member: Callable, own: Callable, statistic: Callable, alone: Callable) -> Callable:
    def formula(groups, values, prior):
        out = []
        for i in range(len(values)):
            at = torch.arange(len(values))
            rest = values[member(groups, values, i, at) & own(values, i, at)]
            out.append(statistic(rest) if len(rest) else alone(values, i, prior))
        return torch.stack([torch.as_tensor(x, dtype=values.dtype) for x in out])

    return formula


LEAVE_ONE_OUT_MEAN = recipe(
    _others,
    {
        "": lambda g, v, i, at: g == g[i],
        "you average over the rows of the *other* groups: the other rows of the *same* group are due": lambda g, v, i, at: (
            g != g[i]
        ),
        "you average over all rows, whatever their group": lambda g, v, i, at: g == g,
        "you average over earlier rows only": lambda g, v, i, at: (g == g[i]) & (at <= i),
        "you average over later rows only": lambda g, v, i, at: (g == g[i]) & (at >= i),
        "you average over the rows right beside it only": lambda g, v, i, at: (g == g[i]) & ((at - i).abs() <= 1),
        "you leave out rows whose value is 0": lambda g, v, i, at: (g == g[i]) & (v != 0),
        "equal values of a group are counted once": lambda g, v, i, at: (g == g[i])
        & ~((v[:, None] == v) & (g[:, None] == g)).tril(-1).any(1),
    },
    {
        "": lambda v, i, at: at != i,
        "the row's own value is still in its mean": lambda v, i, at: at >= 0,
        "you leave out every row that has the same value, and not the row itself": lambda v, i, at: v != v[i],
        "you leave out the first row, and not the row itself": lambda v, i, at: at != 0,
        "you leave out the last row, and not the row itself": lambda v, i, at: at != len(v) - 1,
        "you leave out the row before, and not the row itself": lambda v, i, at: at != i - 1,
        "you leave out the row behind, and not the row itself": lambda v, i, at: at != i + 1,
    },
    {
        "": torch.mean,
        "you take the sum of the others, and not their mean": torch.sum,
        "you take the median of the others, and not their mean": torch.median,
        "you take the largest of the others, and not their mean": torch.max,
        "you take the smallest of the others, and not their mean": torch.min,
        "you take the first of the others, and not their mean": lambda t: t[0],
        "you take the last of the others, and not their mean": lambda t: t[-1],
        "you divide by one too many": lambda t: t.sum() / (len(t) + 1),
        "you divide by one too few": lambda t: t.sum() / (len(t) - 1),
        "you take the mean of the largest and the smallest": lambda t: (t.max() + t.min()) / 2,
    },
    {
        "": lambda v, i, p: p,
        "a row alone in its group has 0, and not the prior": lambda v, i, p: 0.0,
        "a row alone in its group has nan, and not the prior": lambda v, i, p: torch.nan,
        "a row alone in its group has its own value, and not the prior": lambda v, i, p: v[i],
        "a row alone in its group has the mean of all, and not the prior": lambda v, i, p: v.mean(),
        "a row alone in its group has the mean of all others, and not the prior": lambda v, i, p: (
            v.sum() - v[i]
        ) / max(1, len(v) - 1),
    },
)  # fmt: skip

# --- chapter 2 ---

OFFSETS_FROM_LENGTHS = recipe(
    lambda read, off, end: lambda n: end(read(n).cumsum(0) - off(read(n))),
    {
        "": lambda n: n,
        "the lengths are read from the last to the first": lambda n: n.flip(0),
        "the lengths are sorted first": lambda n: n.sort().values,
        "an empty bag is taken to hold one id": lambda n: n.clamp(min=1),
        "the lengths are added up twice": lambda n: n.cumsum(0),
        "each bag counts as 1": torch.ones_like,
    },
    {
        "": lambda n: n,
        "the first bag's length is taken off everywhere: a bag's *own* length is due": lambda n: n[:1],
        "the last bag's length is taken off everywhere: a bag's *own* length is due": lambda n: n[-1:],
        "the longest bag's length is taken off everywhere: a bag's *own* length is due": lambda n: n.max(),
        "the length of the bag before is taken off: a bag's *own* length is due": lambda n: n.roll(1, 0),
        "the length of the bag behind is taken off: a bag's *own* length is due": lambda n: n.roll(-1, 0),
        "nothing is taken off: these are the bags' ends": torch.zeros_like,
        "1 is taken off: a bag's own length is due": torch.ones_like,
        "a bag's own length is taken off twice": lambda n: 2 * n,
    },
    {
        "": lambda t: t,
        "all is moved so that the first is 0": lambda t: t - t[0],
        "the first is set to 0": lambda t: torch.cat([t[:1] * 0, t[1:]]),
        "1 is added": lambda t: t + 1,
        "the result is reversed": lambda t: t.flip(0),
        "the number of each bag is added": lambda t: t + torch.arange(len(t)),
        "the numbers are added up once more": lambda t: t.cumsum(0),
        "the numbers are sorted": lambda t: t.sort().values,
    },
)  # fmt: skip


def _bag_sums(span: Callable, row: Callable, total: Callable) -> Callable:
    def formula(weight, indices, offsets):
        bags = []
        for b, (start, end) in enumerate(pairwise([*offsets.tolist(), len(indices)])):
            at = torch.arange(len(indices))[slice(*span(start, end, b, len(indices)))]
            rows = row(weight, indices, at)
            bags.append(total(rows, indices[at]) if len(rows) else weight.new_zeros(weight.shape[1]))
        return torch.stack(bags)

    return formula


EMBEDDING_BAG = recipe(
    _bag_sums,
    {
        "": lambda a, b, k, n: (a, b),
        "each bag also takes the first id of the next": lambda a, b, k, n: (a, b + 1),
        "each bag also takes the last id of the one before": lambda a, b, k, n: (max(0, a - 1), b),
        "the last id of each bag is missing": lambda a, b, k, n: (a, max(a, b - 1)),
        "the first id of each bag is missing": lambda a, b, k, n: (min(a + 1, b), b),
        "each bag starts at the beginning": lambda a, b, k, n: (0, b),
        "each bag runs to the end": lambda a, b, k, n: (a, n),
        "the first bag is taken to start at its end": lambda a, b, k, n: (a, b) if k else (b, b),
        "all bags lie one place further on": lambda a, b, k, n: (a + 1, b + 1),
        "all bags lie one place too early": lambda a, b, k, n: (max(0, a - 1), max(0, b - 1)),
        "an empty bag gets the id that comes next": lambda a, b, k, n: (a, max(b, a + 1)),
        "an empty bag gets the id before it": lambda a, b, k, n: (a, b) if b > a else (max(0, a - 1), a),
        "each bag holds one id only, its first": lambda a, b, k, n: (a, min(a + 1, b)),
        "each bag holds one id only, its last": lambda a, b, k, n: (max(a, b - 1), b),
    },
    {
        "": lambda w, i, at: w[i[at]],
        "you add up the rows of weight that stand at the bag's *positions*, and never look an id up in `indices`": (
            lambda w, i, at: w[at]
        ),
        "the ids are taken 1 too high": lambda w, i, at: w[(i[at] + 1) % len(w)],
        "the ids are taken 1 too low": lambda w, i, at: w[i[at] - 1],
        "the ids are read from the end of the table": lambda w, i, at: w.flip(0)[i[at]],
        "the ids are sorted first": lambda w, i, at: w[i.sort().values[at]],
        "the ids are taken in reversed order": lambda w, i, at: w[i.flip(0)[at]],
    },
    {
        "": lambda r, i: r.sum(0),
        "you take the mean of a bag's rows, and not their sum": lambda r, i: r.mean(0),
        "you take the largest of a bag's rows, and not their sum": lambda r, i: r.amax(0),
        "you take the smallest of a bag's rows, and not their sum": lambda r, i: r.amin(0),
        "you multiply a bag's rows": lambda r, i: r.prod(0),
        "only the first row of a bag counts": lambda r, i: r[0],
        "only the last row of a bag counts: each is written over the one before": lambda r, i: r[-1],
        "the sum is divided by the root of the bag's length": lambda r, i: r.sum(0) / len(r) ** 0.5,
        "an id that comes twice in a bag is counted once": lambda r, i: torch.stack(
            [r[k] for k in range(len(r)) if i[k] not in i[:k]]
        ).sum(0),
        "an id that comes twice in a row is counted once": lambda r, i: torch.stack(
            [r[k] for k in range(len(r)) if k == 0 or i[k] != i[k - 1]]
        ).sum(0),
        "id 0 is taken for padding and left out": lambda r, i: r[i != 0].sum(0),
        "a bag's rows are weighted 1, 2, 3, … by their place": lambda r, i: (
            r * torch.arange(1, len(r) + 1)[:, None]
        ).sum(0),
        "a bag's rows are taken with changing signs": lambda r, i: (
            r * (1 - 2 * (torch.arange(len(r)) % 2))[:, None]
        ).sum(0),
        "each row is divided by its length": lambda r, i: F.normalize(r, dim=1).sum(0),
        "the sum is divided by its length": lambda r, i: F.normalize(r.sum(0), dim=0),
    },
)  # fmt: skip

# --- chapter 4 ---

INTERACTION_WIDTH = recipe(
    lambda lead, n, pairs, tables, width: lambda t, m, d, kind: (
        lead(t, m, d) + (tables(t) * width(m, d) if kind == "concat" else pairs(n(t), m, d))
    ),
    {
        "": lambda t, m, d: d,
        "the dense vector's own d numbers are missing": lambda t, m, d: 0,
        "the dense vector counts as m_spa wide: it has d numbers": lambda t, m, d: m,
        "the dense vector counts as one number: it has d": lambda t, m, d: 1,
        "the dense vector is counted twice": lambda t, m, d: 2 * d,
        "the vectors themselves are counted beside what is made of them: only the dense one is passed on": (
            lambda t, m, d: d + t * m
        ),
    },
    {
        "": lambda t: t + 1,
        "dot: the dense vector isn't counted among those that pair": lambda t: t,
        "dot: there is a vector too many among those that pair": lambda t: t + 2,
    },
    {
        "": lambda n, m, d: n * (n - 1) // 2,
        "dot: each vector's product with itself is counted": lambda n, m, d: n * (n + 1) // 2,
        "dot: every pair is counted twice": lambda n, m, d: n * (n - 1),
        "dot: all n × n products are counted": lambda n, m, d: n * n,
        "dot: only pairs with the first vector are counted": lambda n, m, d: n - 1,
        "dot: each pair counts as m_spa numbers: a dot product gives one": lambda n, m, d: m * n * (n - 1) // 2,
        "dot: each pair counts as d numbers: a dot product gives one": lambda n, m, d: d * n * (n - 1) // 2,
        "dot: the tables' rows are counted beside the pairs: only the dense vector is passed on": lambda n, m, d: (
            n * (n - 1) // 2 + (n - 1) * m
        ),
        "dot: the dense vector's pairs are counted twice": lambda n, m, d: n * (n - 1) // 2 + n - 1,
        "dot: all choices of three vectors are counted": lambda n, m, d: n * (n - 1) * (n - 2) // 6,
        "dot: n is counted, and not the pairs": lambda n, m, d: n,
        "dot: the n × n products are halved, and the diagonal isn't taken off first": lambda n, m, d: n * n // 2,
        "dot: every choice of vectors is counted, and not the pairs alone": lambda n, m, d: 2**n,
    },
    {
        "": lambda t: t,
        "concat: one table is counted, and not all": lambda t: 1,
        "concat: there is a table too many": lambda t: t + 1,
        "concat: there is a table too few": lambda t: t - 1,
    },
    {
        "": lambda m, d: m,
        "concat: the tables' rows count as d wide: they are m_spa wide": lambda m, d: d,
        "concat: each table counts as one number: it gives m_spa of them": lambda m, d: 1,
        "concat: each table is taken times d": lambda m, d: m * d,
    },
)  # fmt: skip

# --- chapter 5 ---

LOW_RANK_CROSS = recipe(
    lambda inner, down, bias, gate, rest: lambda x0, x, U, V, b: rest(
        x0, x, bias(down(inner(x0, x), U, V), b, gate(x0, x))
    ),
    {
        "": lambda x0, x: x,
        "x0 goes through the two matrices: x, the layer's own input, is due there": lambda x0, x: x0,
        "the product of x0 and x goes through the two matrices": lambda x0, x: x0 * x,
        "the sum of x0 and x goes through the two matrices": lambda x0, x: x0 + x,
    },
    {
        "": lambda x, U, V: x @ V @ U.T,
        "U and V have changed places": lambda x, U, V: x @ U @ V.T,
        "what comes out for columns, (w, B), is reshaped to (B, w): that exchanges no axes": lambda x, U, V: (
            (U @ (V.T @ x.T)).reshape(x.shape)
        ),
        "U is used twice": lambda x, U, V: x @ U @ U.T,
        "V is used twice": lambda x, U, V: x @ V @ V.T,
        "the two matrices are added, and not multiplied": lambda x, U, V: x @ (U + V) @ torch.ones_like(U.T),
        "a ReLU stands between the two matrices": lambda x, U, V: (x @ V).relu() @ U.T,
        "tanh stands between the two matrices": lambda x, U, V: (x @ V).tanh() @ U.T,
        "a sigmoid stands between the two matrices": lambda x, U, V: (x @ V).sigmoid() @ U.T,
        "the product is divided by the rank": lambda x, U, V: x @ V @ U.T / U.shape[1],
        "the product is divided by the root of the rank": lambda x, U, V: x @ V @ U.T / U.shape[1] ** 0.5,
        "only the first of the r numbers is used": lambda x, U, V: x @ V[:, :1] @ U[:, :1].T,
    },
    {
        "": lambda h, b, gate: gate * (h + b),
        "b is added outside the bracket": lambda h, b, gate: gate * h + b,
        "b is missing": lambda h, b, gate: gate * h,
        "b is taken off": lambda h, b, gate: gate * (h - b),
        "b is added twice": lambda h, b, gate: gate * (h + 2 * b),
        "b multiplies, where it is added": lambda h, b, gate: gate * h * b,
        "the sum of b is added": lambda h, b, gate: gate * (h + b.sum()),
        "the mean of b is added": lambda h, b, gate: gate * (h + b.mean()),
        "a ReLU stands behind the bracket": lambda h, b, gate: gate * (h + b).relu(),
        "a sigmoid stands behind the bracket": lambda h, b, gate: gate * (h + b).sigmoid(),
        "tanh stands behind the bracket": lambda h, b, gate: gate * (h + b).tanh(),
        "what is due element by element is a dot product": lambda h, b, gate: (gate * (h + b)).sum(1, keepdim=True),
        "x0 is added, where it multiplies": lambda h, b, gate: gate + h + b,
    },
    {
        "": lambda x0, x: x0,
        "x multiplies the bracket: x0 is due there": lambda x0, x: x,
        "nothing multiplies the bracket: x0 is due there": lambda x0, x: torch.ones_like(x0),
    },
    {
        "": lambda x0, x, h: h + x,
        "x isn't added at the end": lambda x0, x, h: h,
        "x0 is added at the end: x is due there": lambda x0, x, h: h + x0,
        "both x0 and x are added at the end": lambda x0, x, h: h + x0 + x,
        "x is taken off at the end": lambda x0, x, h: h - x,
        "x is added twice at the end": lambda x0, x, h: h + 2 * x,
        "x multiplies at the end, where it is added": lambda x0, x, h: h * x,
        "x and the rest are averaged": lambda x0, x, h: (h + x) / 2,
    },
)  # fmt: skip
