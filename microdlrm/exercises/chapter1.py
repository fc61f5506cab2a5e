"""Chapter 1's exercises: answers, inputs, and the mistakes to recognise. Spoilers."""

import torch

from microdlrm.exercises import recipes
from microdlrm.exercises.compare import equal
from microdlrm.exercises.finding import Finding, Probe
from microdlrm.exercises.task import Case, Mistake, Task, some_rows


def _smoothed_mean(sums, counts, prior, k):
    return torch.stack([(s + k * prior) / (c + k) for s, c in zip(sums, counts, strict=True)])  # (n,)


_PLAIN_MEAN = "This is the plain mean: it believes a movie with one rating as firmly as one with hundreds"

_SMOOTHED_MEAN_MISTAKES = [
    Mistake("plain mean", f"{_PLAIN_MEAN}, and it is nan where the count is 0.", lambda s, c, p, k: s / c),
    Mistake(
        "plain mean",
        f"{_PLAIN_MEAN}. Dividing by at least 1 only hides the 0/0.",
        lambda s, c, p, k: s / c.clamp(min=1),
    ),
    Mistake(
        "prior only where nothing is known",
        f"{_PLAIN_MEAN}. The prior should pull on every mean, the more the smaller the count.",
        lambda s, c, p, k: torch.where(c > 0, s / c, p),
    ),
    Mistake(
        "k missing below",
        "You added k imagined ratings to the sum, and forgot to count them.",
        lambda s, c, p, k: (s + k * p) / c,
    ),
    Mistake(
        "prior missing above",
        "You counted k imagined ratings, and forgot to add what they are worth to the sum: all means shrink "
        "towards 0 rather than towards the prior.",
        lambda s, c, p, k: s / (c + k),
    ),
    Mistake(
        "prior not weighted",
        "You added the prior once, while k imagined ratings are counted. Each of the k is worth the prior.",
        lambda s, c, p, k: (s + p) / (c + k),
    ),
    Mistake(
        "prior not used",
        "You added k itself: each imagined rating counts as 1 rather than as the prior.",
        lambda s, c, p, k: (s + k) / (c + k),
    ),
    Mistake(
        "k ignored",
        "You added one imagined rating whatever k says. There should be k of them.",
        lambda s, c, p, k: (s + p) / (c + 1),
    ),
    Mistake(
        "mean where the sum is due",
        "You divided twice: the mean stands where the sum should.",
        lambda s, c, p, k: (s / c.clamp(min=1) + k * p) / (c + k),
    ),
    Mistake(
        "prior not weighted with k",
        "You weighted the prior with the counts. It is worth k ratings, whatever the count.",
        lambda s, c, p, k: (s + c * p) / (c + k),
    ),
    Mistake(
        "prior only where little is known",
        f"{_PLAIN_MEAN} as soon as there are k ratings. The prior should pull on every mean, the more the smaller the "
        "count.",
        lambda s, c, p, k: torch.where(c >= k, s / c, p),
    ),
    Mistake(
        "brackets missing",
        "You divided the imagined ratings alone: `/` reaches as far as its brackets. The whole sum is divided.",
        lambda s, c, p, k: s + k * p / (c + k),
    ),
    Mistake(
        "weights exchanged",
        "You weighted the mean by k and the prior by the count: the more ratings there are, the less yours believes "
        "them.",
        lambda s, c, p, k: (k * s / c.clamp(min=1) + c * p) / (c + k),
    ),
    Mistake(
        "half and half",
        "You took the average of mean and prior. Their weights should depend on the count.",
        lambda s, c, p, k: (s / c.clamp(min=1) + p) / 2,
    ),
]

SMOOTHED_MEAN = Task(
    "smoothed_mean(sums, counts, prior, k)",
    _smoothed_mean,
    [
        Case(
            "",
            "four movies, prior 0.5, k = 5",
            (torch.tensor([3.0, 0, 5, 30]), torch.tensor([4.0, 0, 7, 80]), 0.5, 5.0),
        ),
        Case(
            "other priors and k",
            "prior 0.25, k = 2",
            (torch.tensor([1.0, 2]), torch.tensor([1.0, 7]), 0.25, 2.0),
            "prior or k hard-coded",
            "Right for one prior and one k only: take both from the arguments.",
            {
                "prior 0.75, k = 5": (torch.tensor([1.0, 2]), torch.tensor([1.0, 7]), 0.75, 5.0),
                "prior 0.5, k = 3": (torch.tensor([1.0, 2]), torch.tensor([1.0, 7]), 0.5, 3.0),
            },
        ),
        Case("one movie", "one movie", (torch.tensor([2.0]), torch.tensor([3.0]), 0.5, 5.0)),
    ],
    _SMOOTHED_MEAN_MISTAKES,
    "Right. With no ratings you get the prior; with many, all but the plain mean.",
    shape="(n,), one mean a movie",
    rows=some_rows(0, 1),
    per="row",
    own=(recipes.SMOOTHED_MEAN,),
    other="Work out by hand what one movie should get: k ratings at the prior join its own.",
)


def _leave_one_out_mean(groups, values, prior):
    means = []
    for i, group in enumerate(groups):
        others = [v for j, v in enumerate(values) if groups[j] == group and j != i]
        means.append(sum(others) / len(others) if others else torch.tensor(prior))
    return torch.stack(means)  # (N,)


def _sums_and_counts(groups, values):
    same = (groups[:, None] == groups).float()  # (N, N)
    return same @ values, same.sum(1)


def _others(groups, values, i):
    """The values of the other rows in row i's group."""
    return values[(groups == groups[i]) & (torch.arange(len(values)) != i)]


def _alone(otherwise):
    """Right where a row has company, `otherwise` where it is alone in its group."""

    def formula(g, v, p):
        s, c = _sums_and_counts(g, v)
        return torch.where(c > 1, (s - v) / (c - 1), otherwise(v, p))

    return formula


def _of_group(make):
    return lambda g, v, p: make(*_sums_and_counts(g, v), v, p)


_NO_OTHER_ROW = "Where a row is alone in its group there is no other row, and the prior is due: you have "
_STILL_COUNTED = "You took the row out of the sum, and still count it."
_STILL_IN_THE_SUM = "You count one row less, and its value is still in the sum."

_LEAVE_ONE_OUT_MISTAKES = [
    Mistake(
        "own row included",
        "The row's own value is still in its mean: this is the leak that the exercise is about.",
        _of_group(lambda s, c, v, p: s / c),
    ),
    Mistake(
        "groups ignored",
        "You left the row out, and averaged over all the others. Only those of the same group are due.",
        lambda g, v, p: (v.sum() - v) / (len(v) - 1),
    ),
    Mistake(
        "groups ignored", "This is the mean of all rows, whatever their group.", lambda g, v, p: v.mean().expand(len(v))
    ),
    Mistake("nan for a row alone", _NO_OTHER_ROW + "nan, from 0/0.", _alone(lambda v, p: v * torch.nan)),
    Mistake("0 for a row alone", _NO_OTHER_ROW + "0.", _alone(lambda v, p: v * 0)),
    Mistake("own value for a row alone", _NO_OTHER_ROW + "its own value, which leaks.", _alone(lambda v, p: v)),
    Mistake(
        "overall mean for a row alone",
        _NO_OTHER_ROW + "the mean of all rows.",
        _alone(lambda v, p: v.mean().expand(len(v))),
    ),
    Mistake("own row still counted", _STILL_COUNTED, _of_group(lambda s, c, v, p: (s - v) / c)),
    Mistake("own row still counted", _STILL_COUNTED, _of_group(lambda s, c, v, p: torch.where(c > 1, (s - v) / c, p))),
    Mistake("own row still in the sum", _STILL_IN_THE_SUM, _of_group(lambda s, c, v, p: s / (c - 1))),
    Mistake(
        "own row still in the sum", _STILL_IN_THE_SUM, _of_group(lambda s, c, v, p: torch.where(c > 1, s / (c - 1), p))
    ),
    Mistake(
        "sum where a mean is due",
        "You have the sum of the other rows. Divide it by how many they are.",
        _of_group(lambda s, c, v, p: s - v),
    ),
    Mistake(
        "sum where a mean is due",
        "You have the sum of the other rows. Divide it by how many they are.",
        _of_group(lambda s, c, v, p: torch.where(c > 1, s - v, p)),
    ),
    *(
        Mistake(
            f"{name} instead of mean",
            f"You took the {name} of the other rows. Their mean is due.",
            lambda g, v, p, of=of: torch.stack(
                [of(rest) if len(rest := _others(g, v, i)) else torch.tensor(p) for i in range(len(v))]
            ),
        )
        for name, of in (("median", torch.median), ("largest", torch.max), ("smallest", torch.min))
    ),
    Mistake(
        "earlier rows only",
        "You average over the earlier rows of the group. All the others are due, later ones too.",
        lambda g, v, p: torch.stack(
            [v[:i][g[:i] == g[i]].mean() if (g[:i] == g[i]).any() else torch.tensor(p) for i in range(len(v))]
        ),
    ),
    Mistake(
        "one number a group",
        "You return one number a group. Each row needs its own, since each leaves out another value.",
        lambda g, v, p: torch.stack([v[g == k].mean() for k in g.unique()]),
    ),
]


def _sorted_by_group(probe: Probe) -> Finding | None:
    """Is it right where the rows of a group stand together?"""
    groups, values, prior = probe.case.args
    together = groups.argsort(stable=True)
    if equal(groups[together], groups) or equal(probe.got.sort().values, probe.want.sort().values):
        return None
    if not probe.right((groups[together], values[together], prior)):
        return None
    return Finding(
        "rows of a group apart",
        "Yours comes out right if the rows are sorted by their group, and wrong as they are. The rows of a group "
        "needn't stand together.",
    )


LEAVE_ONE_OUT_MEAN = Task(
    "leave_one_out_mean(groups, values, prior)",
    _leave_one_out_mean,
    [
        Case(
            "",
            "groups 2, 0, 2, 1, 0, 2, 2 and values 1, 4, 5, 3, 2, 9, 7",
            (torch.tensor([2, 0, 2, 1, 0, 2, 2]), torch.tensor([1.0, 4, 5, 3, 2, 9, 7]), 0.5),
        ),
        Case(
            "other priors",
            "prior 4",
            (torch.tensor([0, 1, 1]), torch.tensor([1.0, 2, 6]), 4.0),
            "prior hard-coded",
            "Right for one prior only: take it from the argument.",
            {"prior 2": (torch.tensor([0, 1, 1]), torch.tensor([1.0, 2, 6]), 2.0)},
        ),
        Case(
            "group ids with gaps",
            "groups 40, 7, 40",
            (torch.tensor([40, 7, 40]), torch.tensor([1.0, 2, 6]), 0.5),
            "group ids taken for positions",
            "The groups' ids needn't be 0, 1, 2, …: 7 and 40 are ids as well.",
        ),
        Case(
            "equal values",
            "groups 1, 1, 1, 0, 0, 1 and values 4, 4, 1, 2, 2, 9",
            (torch.tensor([1, 1, 1, 0, 0, 1]), torch.tensor([4.0, 4, 1, 2, 2, 9]), 0.5),
            "rows told apart by value",
            "Right as long as all values differ. A row leaves out itself, and not the rows that happen to have its "
            "value; and a value that two rows have counts twice. Tell rows apart by position.",
        ),
        Case(
            "others that add up to 0",
            "groups 5, 5, 5, 8, 8 and values 1, 0, 0, -2, 2",
            (torch.tensor([5, 5, 5, 8, 8]), torch.tensor([1.0, 0, 0, -2, 2]), 0.5),
            "a sum of 0 taken for no rows",
            "Others whose values are 0, or add up to 0, are others all the same. Whether there are any is for their "
            "number to say, not for their sum.",
        ),
        Case(
            "others that are 0",
            "groups 5, 5, 5, 5 and values 0, 0, 0, 3",
            (torch.tensor([5, 5, 5, 5]), torch.tensor([0.0, 0, 0, 3]), 0.5),
        ),
        Case("one row", "one row", (torch.tensor([3]), torch.tensor([2.0]), 0.5)),
    ],
    _LEAVE_ONE_OUT_MISTAKES,
    "Right. No row sees its own value, and a row alone gets the prior.",
    shape="(N,), one mean a row",
    rows=some_rows(0, 1),
    per="order",
    ids=("groups",),
    own=(_sorted_by_group, recipes.LEAVE_ONE_OUT_MEAN),
    other="Write down the group of one row, leave the row itself out, and take the mean of the others.",
)
