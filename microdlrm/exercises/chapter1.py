"""Chapter 1's exercises: answers, inputs, what the numbers mean, the usual mistakes. Spoilers."""

import torch
from torch import nan, tensor

from microdlrm.exercises.task import Mistake, Task, made_of, several


def _f(*numbers):
    return tensor(numbers, dtype=torch.float32)


def _smoothed_mean(sums, counts, prior, k):
    pairs = zip(sums, counts, strict=True)
    return torch.stack([(s + k * prior) / (c + k) for s, c in pairs])  # (n,)


def _of_rated(formula):
    """Any number for a movie without ratings, where 0/0 may have been mended somehow."""
    return lambda s, c, p, k: torch.where(c > 0, formula(s, c, p, k), nan)


def _draw_smoothed_mean(dice):
    counts = dice.whole(0, 9, dice.size()).float()
    sums = (counts * dice.whole(0, 4, len(counts)) / 4).round()
    return sums, counts, dice.choice((0.25, 0.5, 0.75, 3.6)), dice.choice((0.5, 1.0, 2.0, 5.0))


SMOOTHED_MEAN = Task(
    "smoothed_mean(sums, counts, prior, k)",
    _smoothed_mean,
    [
        # One movie; k = 1; no ratings; a sum of 0; several movies, twice.
        (_f(3), _f(4), 0.5, 2.0),
        (_f(3), _f(4), 0.5, 1.0),
        (_f(0), _f(0), 0.5, 2.0),
        (_f(0), _f(5), 0.25, 3.0),
        (_f(3, 0, 5, 30), _f(4, 0, 7, 80), 0.5, 5.0),
        (_f(3, 0, 5, 30), _f(4, 0, 7, 80), 3.6, 2.5),
    ],
    "Right. With no ratings you get the prior; with many, all but the plain mean.",
    places=lambda s, *_: [f"movie {i}" for i in range(len(s))],
    draw=_draw_smoothed_mean,
    facts=lambda s, c, p, k: {
        "a movie has no ratings": c == 0,
        "a movie's sum is 0": s == 0,
        "a movie has k ratings or more": c >= k,
        "for k": k,
        "it is the first movie": torch.arange(len(s)) == 0,
        "movies": len(s),
    },
    mistakes=[
        Mistake("plain mean", "It believes one rating as firmly as hundreds.",
                _of_rated(lambda s, c, p, k: s / c)),
        *several("mean where the sum is due", "However many ratings there are, they count as one.",
                 _of_rated(lambda s, c, p, k: (s / c + k * p) / (c + k)),
                 _of_rated(lambda s, c, p, k: (s / c + k * p) / (1 + k))),
        Mistake("k above alone", "The k ratings at the prior are ratings: count them below, too.",
                _of_rated(lambda s, c, p, k: (s + k * p) / c)),
        Mistake("prior only where little is known", "Every mean is pulled, the less the more it "
                "counts.", lambda s, c, p, k: torch.where(c >= k, s / c, p)),
    ],
    because=lambda s, c, p, k: [
        f"({a:g} + {k:g}·{p:g}) / ({b:g} + {k:g})" for a, b in zip(s, c, strict=True)
    ],
    typical=4,
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


def _in_company(make):
    """A formula for the rows that aren't alone; any number for the others."""
    return lambda g, v, p: torch.where(_same(g).sum(1) > 1, make(_same(g), v), nan)


def _group_facts(groups, values, prior):
    same = _same(groups)
    twins = same * (values[:, None] == values)
    return {
        "a row is alone in its group": same.sum(1) == 1,
        "rows of a group stand apart": len(groups.unique_consecutive()) > len(groups.unique()),
        "ids have gaps, or don't start at 0": int(groups.max()) >= len(groups.unique()),
        "another row of the group has the same value": twins.sum(1) > 1,
        "the others add up to 0": (same @ values - values == 0) & (same.sum(1) > 1),
        "another row of the group has the value 0": same @ (values == 0).float() > (values == 0),
    }


def _because(groups, values, prior):
    for i in range(len(groups)):
        others = [f"{values[j]:g}" for j in range(len(groups)) if groups[j] == groups[i] and j != i]
        alone = others[0] if others else "the prior: no other row"
        yield f"({' + '.join(others)}) / {len(others)}" if len(others) > 1 else alone


def _read_values(groups, values, prior):
    known = {f"{v:g}": v for v in values.tolist()}
    distinct = len(known) == len(values) < 5
    read = made_of(known if distinct else {}, most=1, least=-1)
    return lambda number, row: "the prior" if number == prior else read(number)


def _draw_groups(dice):
    n = dice.size(7)
    groups = dice.whole(0, dice.size(3), n) * dice.choice((1, 1, 7)) + dice.choice((0, 0, 2))
    return groups, dice.whole(-2, 5, n).float(), dice.choice((0.125, 0.5, 3.5))


LEAVE_ONE_OUT_MEAN = Task(
    "leave_one_out_mean(groups, values, prior)",
    _leave_one_out_mean,
    [
        # A group of three, of one; two groups; rows apart; ids with gaps; equal values, sums of 0,
        # values of 0; groups of all sizes.
        (tensor([0, 0, 0]), _f(1, 10, 100), 0.5),
        (tensor([0]), _f(10), 0.5),
        (tensor([1, 0]), _f(1, 10), 0.25),
        (tensor([1, 0, 1]), _f(1, 10, 100), 4.0),
        (tensor([40, 7, 40]), _f(1, 10, 100), 0.5),
        (tensor([0, 0, 0, 0]), _f(4, 4, 10, 1), 0.5),
        (tensor([0, 0, 1]), _f(0, 10, 100), 0.5),
        (tensor([0, 0, 0]), _f(5, -2, 2), 0.5),
        (tensor([0, 0, 0]), _f(3, 0, 0), 0.5),
        (tensor([0, 0, 1, 1]), _f(1, 10, 100, 1000), 2.0),
        (tensor([2, 0, 2, 1, 0, 2, 2]), _f(1, 4, 5, 3, 2, 9, 7), 0.5),
    ],
    "Right. No row sees its own value, and a row alone gets the prior.",
    places=lambda g, *_: [f"row {i}" for i in range(len(g))],
    draw=_draw_groups,
    facts=_group_facts,
    mistakes=[
        Mistake("own row included", "This is the leak that the exercise is about.",
                _in_company(lambda same, v: same @ v / same.sum(1))),
        Mistake("own row still counted", "You took the row out of the sum alone.",
                _in_company(lambda same, v: (same @ v - v) / same.sum(1))),
        Mistake("own value taken off the mean", "Take it off the sum, then divide.",
                _in_company(lambda same, v: same @ v / same.sum(1) - v)),
        Mistake("the prior counted as a row", "It stands in only where there is no other row.",
                lambda g, v, p: (_same(g) @ v - v + p) / _same(g).sum(1)),
    ],
    read=_read_values,
    because=_because,
    tells={
        "a row is alone in its group": "There is no other row, and the prior is due.",
        "ids have gaps, or don't start at 0": "Ids needn't be positions.",
        "the others add up to 0": "A sum of 0 is not the same as no rows.",
        "another row of the group has the same value": "Tell rows apart by their position.",
    },
    typical=10,
    shape="(N,), one mean a row",
)  # fmt: skip
