"""Chapter 1's exercises: answers, inputs, what the numbers mean, the usual mistakes. Spoilers."""

import torch
from torch import tensor

from microdlrm.exercises.task import Mistake, Task, made_of


def _smoothed_mean(sums, counts, prior, k):
    pairs = zip(sums, counts, strict=True)
    return torch.stack([(s + k * prior) / (c + k) for s, c in pairs])  # (n,)


def _movies(n):
    return [f"movie {i}" for i in range(n)]


def _f(*numbers):
    return tensor(numbers, dtype=torch.float32)


SMOOTHED_MEAN = Task(
    "smoothed_mean(sums, counts, prior, k)",
    _smoothed_mean,
    [
        (_f(3), _f(4), 0.5, 2.0),
        (_f(3), _f(4), 0.5, 1.0),
        (_f(1), _f(1), 0.25, 2.0),
        (_f(0), _f(0), 0.5, 2.0),
        (_f(0), _f(5), 0.25, 3.0),
        (_f(7), _f(9), 0.75, 4.0),
        (_f(3, 0), _f(4, 0), 0.5, 2.0),
        (_f(1, 2), _f(1, 7), 0.25, 2.0),
        (_f(1, 2), _f(1, 7), 0.25, 5.0),
        (_f(1, 2), _f(1, 7), 0.75, 5.0),
        (_f(3, 0, 5, 30), _f(4, 0, 7, 80), 0.5, 5.0),
        (_f(3, 0, 5, 30), _f(4, 0, 7, 80), 3.6, 2.5),
    ],
    "Right. With no ratings you get the prior; with many, all but the plain mean.",
    places=lambda s, *_: _movies(len(s)),
    facts=lambda s, c, p, k: {
        "movies": len(s),
        "a movie has no ratings": c == 0,
        "for k": k,
        "as the prior": p,
        "a movie has k ratings or more": c >= k,
        "a movie's sum is 0": s == 0,
        "it is the first movie": torch.arange(len(s)) == 0,
    },
    mistakes=[
        Mistake("plain mean",
                "This is the plain mean: it believes a movie with one rating as firmly as one with "
                "hundreds.",
                lambda s, c, p, k: torch.where(c > 0, s / c, torch.nan)),
        Mistake("k missing below",
                "You added k imagined ratings to the sum, and forgot to count them.",
                lambda s, c, p, k: torch.where(c > 0, (s + k * p) / c, torch.nan)),
        Mistake("prior missing above",
                "You counted k imagined ratings, and forgot to add what they are worth to the sum.",
                lambda s, c, p, k: s / (c + k)),
        Mistake("prior not weighted",
                "You added the prior once, while k imagined ratings are counted, each worth the "
                "prior.",
                lambda s, c, p, k: (s + p) / (c + k)),
        Mistake("mean where the sum is due",
                "You divided twice: the mean stands where the sum should.",
                lambda s, c, p, k: (s / c.clamp(min=1) + k * p) / (c + k)),
        Mistake("brackets missing",
                "You divided the imagined ratings alone: `/` reaches as far as its brackets.",
                lambda s, c, p, k: s + k * p / (c + k)),
        Mistake("weights exchanged", "You weighted the mean by k and the prior by the count.",
                lambda s, c, p, k: (k * s / c.clamp(min=1) + c * p) / (c + k)),
        Mistake("prior weighted with the counts",
                "You weight the prior with the counts. k imagined ratings stand for it.",
                lambda s, c, p, k: torch.where(c > 0, (s + c * p) / (c + k), torch.nan)),
        Mistake("the given prior not used",
                "You work out a prior of your own from the ratings at hand. It is an argument.",
                lambda s, c, p, k: (s + k * s.sum() / c.sum()) / (c + k)),
        Mistake("prior only where little is known",
                "You choose between mean and prior. Every mean is pulled, the less the more it "
                "counts.",
                lambda s, c, p, k: torch.where(c >= k, s / c.clamp(min=1), p)),
        Mistake("all counts below",
                "You divide by the ratings of all movies. Each movie has its own count.",
                lambda s, c, p, k: (s + k * p) / (c.sum() + k)),
        Mistake("k shared out",
                "You share k out over the movies. Each of them gets k imagined ratings.",
                lambda s, c, p, k: (s + k / len(s) * p) / (c + k / len(s))),
        Mistake("prior added whole", "You shrink the mean and add the whole prior.",
                lambda s, c, p, k: torch.where(c > 0, p + s / (c + k), p)),
        Mistake("the root of k", "You took the root of k.",
                lambda s, c, p, k: (s + k**0.5 * p) / (c + k**0.5)),
    ],
    because=lambda s, c, p, k: [
        f"({a:g} + {k:g}·{p:g}) / ({b:g} + {k:g})" for a, b in zip(s, c, strict=True)
    ],
    typical=10,
    shape="(n,), one mean a movie",
)  # fmt: skip


def _leave_one_out_mean(groups, values, prior):
    means = []
    for i, group in enumerate(groups):
        others = [v for j, v in enumerate(values) if groups[j] == group and j != i]
        means.append(sum(others) / len(others) if others else tensor(float(prior)))
    return torch.stack(means)  # (N,)


def _same(groups):
    return (groups[:, None] == groups).float()  # (N, N)


def _others(make):
    """Of the other rows' values in a row's group, one number; the prior where none are."""

    def formula(groups, values, prior):
        rows = torch.arange(len(groups))
        rest = [values[(groups == groups[i]) & (rows != i)] for i in rows]
        return torch.stack([make(r) if len(r) else tensor(float(prior)) for r in rest])

    return formula


def _in_company(make):
    """A formula for the rows that aren't alone; any number for the others."""
    return lambda g, v, p: torch.where(_same(g).sum(1) > 1, make(_same(g), v), torch.nan)


def _mean_of(rows):
    """Of each row, the mean of the values of `rows(groups, values, row)`; any number if none."""
    return lambda g, v, p: torch.stack([v[rows(g, v, i)].mean() for i in range(len(v))])


def _group_facts(groups, values, prior):
    same = _same(groups)
    apart = groups.unique_consecutive().numel() > groups.unique().numel()
    return {
        "a row is alone in its group": same.sum(1) == 1,
        "rows in the group": same.sum(1).int(),
        "groups": len(groups.unique()),
        "rows of a group stand apart": apart,
        "ids have gaps, or don't start at 0": int(groups.max()) >= len(groups.unique()),
        "another row of the group has the same value": (same * (values[:, None] == values)).sum(1)
        > 1,
        "the others add up to 0": (same @ values - values == 0) & (same.sum(1) > 1),
        "a value is 0": values == 0,
        "as the prior": prior,
        "rows": len(groups),
    }


def _because(groups, values, prior):
    for i in range(len(groups)):
        others = [f"{values[j]:g}" for j in range(len(groups)) if groups[j] == groups[i] and j != i]
        alone = others[0] if others else "the prior: no other row"
        yield f"({' + '.join(others)}) / {len(others)}" if len(others) > 1 else alone


def _read_values(groups, values, prior):
    known = {f"{v:g}": v for v in values.tolist()}
    if len(values) > 4 or len(known) < len(values):
        return lambda number, row: ""
    read = made_of(known, most=1, least=-1)
    return lambda number, row: "the prior" if number == prior else read(number)


LEAVE_ONE_OUT_MEAN = Task(
    "leave_one_out_mean(groups, values, prior)",
    _leave_one_out_mean,
    [
        (tensor([0, 0, 0]), _f(1, 10, 100), 0.5),
        (tensor([0]), _f(10), 0.5),
        (tensor([0, 0]), _f(1, 10), 0.5),
        (tensor([0, 1]), _f(1, 10), 0.5),
        (tensor([1, 0]), _f(1, 10), 0.25),
        (tensor([0, 0, 1]), _f(1, 10, 100), 0.5),
        (tensor([0, 1, 0]), _f(1, 10, 100), 0.5),
        (tensor([1, 0, 1]), _f(1, 10, 100), 4.0),
        (tensor([7, 7, 40]), _f(1, 10, 100), 0.5),
        (tensor([40, 7, 40]), _f(1, 10, 100), 0.5),
        (tensor([0, 0, 0]), _f(4, 4, 10), 0.5),
        (tensor([0, 0, 0, 0]), _f(4, 4, 10, 1), 0.5),
        (tensor([0, 0, 1]), _f(0, 10, 100), 0.5),
        (tensor([0, 0, 0]), _f(5, -2, 2), 0.5),
        (tensor([0, 0, 0]), _f(3, 0, 0), 0.5),
        (tensor([0, 0, 1, 1]), _f(1, 10, 100, 1000), 2.0),
        (tensor([2, 0, 2, 1, 0, 2, 2]), _f(1, 4, 5, 3, 2, 9, 7), 0.5),
    ],
    "Right. No row sees its own value, and a row alone gets the prior.",
    places=lambda g, *_: [f"row {i}" for i in range(len(g))],
    facts=_group_facts,
    mistakes=[
        Mistake("own row included",
                "The row's own value is still in its mean: this is the leak that the exercise is "
                "about.",
                _in_company(lambda same, v: same @ v / same.sum(1))),
        Mistake("groups ignored",
                "You left the row out, and averaged over all others, whatever their group.",
                lambda g, v, p: (v.sum() - v) / (len(v) - 1)),
        Mistake("groups ignored", "This is the mean of all rows.",
                lambda g, v, p: v.mean().expand(len(v))),
        Mistake("own row still counted", "You took the row out of the sum, and still count it.",
                _in_company(lambda same, v: (same @ v - v) / same.sum(1))),
        Mistake("earlier rows only",
                "You average over the earlier rows of the group. Later ones are due, too.",
                _mean_of(lambda g, v, i: (g == g[i]) & (torch.arange(len(g)) < i))),
        Mistake("median instead of mean", "You took the median of the other rows.",
                _others(torch.median)),
        Mistake("the other groups' rows", "You average over the rows of the other groups.",
                _mean_of(lambda g, v, i: g != g[i])),
        Mistake("own value taken off the mean",
                "You take the row's value off the group's mean. Take it off the sum, then divide.",
                _in_company(lambda same, v: same @ v / same.sum(1) - v)),
        Mistake("the prior counted as a row",
                "You count the prior as one more row. It stands in only where there is no other "
                "row.",
                lambda g, v, p: (_same(g) @ v - v + p) / _same(g).sum(1)),
        Mistake("the prior everywhere", "You give every row the prior.",
                lambda g, v, p: torch.full_like(v, p)),
    ],
    read=_read_values,
    because=_because,
    tells={
        "a row is alone in its group": "There is no other row, and the prior is due.",
        "ids have gaps, or don't start at 0": (
            "7 and 40 are ids as well: they needn't be positions."
        ),
        "the others add up to 0": "A sum of 0 is not the same as no rows.",
        "another row of the group has the same value": "Tell rows apart by their position.",
    },
    typical=16,
    shape="(N,), one mean a row",
)  # fmt: skip
