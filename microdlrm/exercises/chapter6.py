"""Chapter 6's exercises: answers, inputs, and the mistakes to recognise. Spoilers."""

from itertools import pairwise

import torch

from microdlrm.exercises import recipes_counts
from microdlrm.exercises.compare import equal
from microdlrm.exercises.finding import Finding, Probe
from microdlrm.exercises.probes import scaled
from microdlrm.exercises.task import Case, Mistake, Task, small_whole_numbers, some_rows


def _auc(tie, compare=torch.gt):
    def formula(scores, labels):
        p, q = scores[labels == 1][:, None], scores[labels == 0]
        return float((compare(p, q).float() + tie * (p == q)).mean())

    return formula


_TIE = "A click and a non-click of equal score count half. You counted such a pair as "


def _by_position(s, y):
    ranks = torch.empty(len(s)).index_copy(0, s.argsort(stable=True), torch.arange(1.0, len(s) + 1))
    m = y.sum()
    return float((ranks[y == 1].sum() - m * (m + 1) / 2) / (m * (len(y) - m)))


def _undiminished(first):
    def formula(s, y):
        below = (s[:, None] > s).float().sum(1)
        ranks = first + below + ((s[:, None] == s).float().sum(1) - 1) / 2
        return float(ranks[y == 1].sum() / (y.sum() * (1 - y).sum()))

    return formula


def _extremes(probe: Probe) -> Finding | None:
    """What comes out where all clicks lie above all non-clicks, and below."""
    scores, labels, *_ = probe.case.args
    sorted_rows = scores.argsort(stable=True).tolist()
    for low, high in pairwise(sorted_rows):
        if labels[low] != labels[high] and scores[low] != scores[high]:
            exchanged = scores.clone()
            exchanged[low], exchanged[high] = scores[high], scores[low]
            got = probe.call((exchanged, labels))
            if got is not None and equal(got, probe.got):
                return Finding(
                    "not every pair counts",
                    f"Let the scores of rows {low} and {high}, a click and a non-click, change places: that pair is "
                    "then ranked the other way, and your result stays the same. Is there a threshold, or are only some "
                    "pairs looked at?",
                    (exchanged, labels),
                )
    risen = probe.call((probe.case.args[0].exp(), probe.case.args[1]))
    if risen is not None and not equal(risen, probe.got):
        return Finding(
            "more than the order",
            "Put the scores through exp: their order stays, and your result changes. Only the order counts, so look "
            "for a threshold, a mean or a difference of scores.",
        )
    labels = torch.tensor([0.0, 0, 0, 1, 1])
    for scores, due, where in ((torch.arange(5.0), 1.0, "above"), (-torch.arange(5.0), 0.0, "below")):
        got = probe.call((scores, labels))
        if got is not None and not equal(got.double().reshape(-1), torch.tensor([due], dtype=torch.float64)):
            return Finding(
                f"not {due:g} where the clicks are {where}",
                f"Where all clicks have scores {where} all non-clicks, {due:g} is due, and yours is {got.item():.4g}. "
                "Try it by hand on scores 0, 1, 2, 3, 4: what do you take off, and what do you divide by?",
                (scores, labels),
            )
    return None


_CLICKS_BELOW = (
    "A click's rank also counts the clicks below it. Take off what the clicks would have if they were alone, so "
    "that only non-clicks remain."
)

_AUC_MISTAKES = [
    Mistake("ties count nothing", _TIE + "wrong.", _auc(0.0)),
    Mistake("ties count in full", _TIE + "right.", _auc(1.0)),
    Mistake(
        "ties broken by position",
        "Sorting gives tied scores different ranks, by where they stood. Tied scores share the mean of their ranks.",
        _by_position,
    ),
    Mistake("upside down", "Yours is 1 - AUC: clicks should have the *higher* scores.", _auc(0.5, torch.lt)),
    Mistake(
        "accuracy",
        "This is the accuracy at a threshold of 0.5. AUC needs no threshold.",
        lambda s, y: float(((s >= 0.5) == y.bool()).float().mean()),
    ),
    Mistake(
        "not divided",
        "You have the number of pairs ranked right. Divide by the number of all (click, non-click) pairs.",
        lambda s, y: _auc(0.5)(s, y) * float(y.sum() * (1 - y).sum()),
    ),
    Mistake(
        "divided by all rows",
        "You divided by N². Only pairs of a click and a non-click count.",
        lambda s, y: _auc(0.5)(s, y) * float(y.sum() * (1 - y).sum()) / len(s) ** 2,
    ),
    Mistake("clicks against clicks counted", _CLICKS_BELOW, _undiminished(first=1)),
    Mistake("clicks against clicks counted", _CLICKS_BELOW, _undiminished(first=0)),
    Mistake(
        "ranks from 0",
        "Your ranks start at 0, and what you take off is meant for ranks that start at 1.",
        lambda s, y: _auc(0.5)(s, y) - float(1 / (1 - y).sum()),
    ),
]

AUC_FROM_RANKS = Task(
    "auc_from_ranks(scores, labels)",
    _auc(0.5),
    [
        Case(
            "",
            "seven scores, no two of them equal",
            (torch.tensor([0.9, 0.4, 0.7, 0.2, 0.6, 0.1, 0.3]), torch.tensor([1.0, 1, 0, 0, 1, 1, 0])),
        ),
        Case(
            "other orders",
            "five scores, most clicks below",
            (torch.tensor([0.5, 0.2, 0.8, 0.1, 0.6]), torch.tensor([1.0, 1, 0, 1, 0])),
        ),
        Case(
            "other orders",
            "six scores, all clicks below",
            (torch.tensor([5.0, 2, 8, 1, 6, 3]), torch.tensor([0.0, 1, 0, 1, 0, 1])),
        ),
        Case(
            "ties",
            "nine scores, three ties",
            (torch.tensor([0.9, 0.4, 0.4, 0.7, 0.2, 0.6, 0.6, 0.2, 0.1]), torch.tensor([1.0, 1, 0, 0, 0, 1, 0, 1, 1])),
            "wrong where scores are tied",
            "Right as long as no two scores are equal. A click and a non-click of equal score count half.",
        ),
        Case(
            "close scores",
            "scores 0.5, 0.5004, 0.4996, 0.5001",
            (torch.tensor([0.5, 0.5004, 0.4996, 0.5001]), torch.tensor([0.0, 1, 0, 1])),
            "close scores taken for ties",
            "Scores that differ by little do differ: only equal ones are a tie. Is something rounded, or compared with "
            "a tolerance?",
        ),
        Case("all tied", "four equal scores", (torch.full((4,), 0.3), torch.tensor([1.0, 0, 0, 1]))),
        Case("scores below 0", "scores -3, -1, 2", (torch.tensor([-3.0, -1, 2]), torch.tensor([0.0, 1, 0]))),
        Case(
            "more rows",
            "40 rows, many ties",
            (small_whole_numbers(40, seed=8), (small_whole_numbers(40, seed=9) > 0).float()),
        ),
    ],
    _AUC_MISTAKES,
    "Right, ties included.",
    returns="one number",
    rows=some_rows(0, 1),
    per="all",
    own=(recipes_counts.AUC_FROM_RANKS, scaled, _extremes),
    divisor=lambda s, y: {
        "the number of (click, non-click) pairs": float(y.sum() * (1 - y).sum()),
        "the number of all pairs of rows": len(y) * (len(y) - 1) / 2,
        "the number of clicks": float(y.sum()),
        "the number of non-clicks": float((1 - y).sum()),
        "the number of rows": len(y),
        "the number of clicks squared": float(y.sum()) ** 2,
        "the number of non-clicks squared": float((1 - y).sum()) ** 2,
    },
    columns=lambda *args: ["AUC"],
    other="Write down every (click, non-click) pair, 1 if the click is higher, ½ if tied, and average.",
)


def _feature_of_held_out(rows, scale=1.0):
    """A feature that is the sum of labels over the held-out rows `rows`, the same for every row."""

    def feature(y, train):
        return (y * ~train)[rows].sum().mul(scale).expand(len(y))

    return feature


def _feature_of_training(y, train):
    return (y * train).cumsum(0)


def _feature_leaks_sideways(y, train):
    """Held-out rows move with their neighbour in front, if that is held out as well; training rows never do."""
    held_out = 12 * y * ~train  # so that how far a row moves isn't how many do
    return (held_out.roll(1) + y) * ~train + (y * train).sum()


def _rows_that_leak(feature, y, train):
    flipped = [1 - label if not known else label for label, known in zip(y, train, strict=True)]
    before, after = feature(y, train), feature(torch.stack(flipped), train)
    return sum(int(b != a) for b, a in zip(before, after, strict=True))


def _moved(flip, rows=lambda train: slice(None)):
    return lambda f, y, train: int((f(y, train) != f(flip(y, train), train))[rows(train)].sum())


def _flip_held_out(y, train):
    return torch.where(train, y, 1 - y)


def _flip_one(y, k):
    return y.index_fill(0, k, float(1 - y[k]))


def _as_asked(probe: Probe) -> Finding | None:
    """What the learner's function gives the feature: it is the check's own, and can be watched."""
    feature, y, train = probe.case.args
    calls = []

    def watched(*args, **kwargs):
        calls.append([*args, *kwargs.values()])
        return feature(*args, **kwargs)

    if probe.call((watched, y, train)) is None or any(len(call) != 2 for call in calls):
        return None
    if any(not torch.equal(torch.as_tensor(call[1]), train) for call in calls):
        return Finding(
            "the mask changed",
            "You give the feature another mask. Which rows train stays as it is; the held-out *labels* are flipped.",
        )
    given = [torch.as_tensor(call[0]) for call in calls]
    if any(labels.shape != y.shape for labels in given):
        return Finding("labels of another shape", "You give the feature labels of another shape than y's.")
    others = [labels for labels in given if not torch.equal(labels.to(y.dtype), y)]
    two = "It takes two values to see what moves: the feature of y, and that of y with the held-out labels flipped."
    if len(given) < 2:
        return Finding("no second look", f"You call the feature {'once' if given else 'not at all'}. {two}")
    if not others:
        return Finding("no second look", f"You call the feature with the same labels each time. {two}")
    return _flipped_how(others[0].to(y.dtype), y, train) if len(others) == 1 else None


def _flipped_how(labels, y, train) -> Finding | None:
    changed, held = labels != y, labels[~train]
    if (changed == train).all():
        return None  # the list knows
    if changed[train].any() and not changed[train].all():
        return Finding(
            "training labels changed", "Your second labels differ in training rows too, which stay as they are."
        )
    if not changed[train].any() and not torch.equal(held, 1 - y[~train]) and len(held.unique()) > 1:
        k = int((~train & (labels != 1 - y)).nonzero()[0])
        return Finding(
            "held-out labels not flipped",
            f"Your second labels aren't the flipped ones. In row {k}, held out, the label is {y[k]:g}, so "
            f"{1 - y[k]:g} is due, and yours is {labels[k]:g}.",
        )
    return None


_ROWS_THAT_LEAK_MISTAKES = [
    Mistake(
        "all labels flipped",
        "You flipped the training labels too. A feature may depend on them: leave them as they are.",
        _moved(lambda y, train: 1 - y),
    ),
    Mistake(
        "training labels flipped",
        "You flipped the training labels and left the held-out ones: the mask says True where a row trains.",
        _moved(lambda y, train: torch.where(train, 1 - y, y)),
    ),
    Mistake(
        "held-out rows only",
        "You counted among the held-out rows. A held-out label can reach the features of training rows as well.",
        _moved(_flip_held_out, lambda train: ~train),
    ),
    Mistake(
        "training rows only",
        "You counted among the training rows. The held-out rows' own features can move as well.",
        _moved(_flip_held_out, lambda train: train),
    ),
    Mistake("yes or no", "You say whether any row moves. How many do?", lambda *args: min(_rows_that_leak(*args), 1)),
    Mistake(
        "sizes added up",
        "You added up how far the rows move. How many do?",
        lambda f, y, train: int((f(y, train) - f(_flip_held_out(y, train), train)).abs().sum()),
    ),
    Mistake(
        "flipped one at a time",
        "You flipped one held-out label at a time, and counted a row once for each flip that moves it. Flip all of "
        "them at once; each row counts once.",
        lambda f, y, train: sum(int((f(y, train) != f(_flip_one(y, k), train)).sum()) for k in (~train).nonzero()),
    ),
    Mistake(
        "each row asked about itself",
        "You flipped one held-out label at a time, and looked at that row alone. A label can leak into other rows, and "
        "into training rows: flip them all, and count on all rows.",
        lambda f, y, train: sum(
            int(f(y, train)[k] != f(_flip_one(y, k), train)[k]) for k in (~train).nonzero().flatten()
        ),
    ),
    Mistake(
        "rows that stay counted",
        "You counted the rows whose feature stays.",
        lambda f, y, train: len(y) - _rows_that_leak(f, y, train),
    ),
    Mistake(
        "labels blanked, not flipped",
        "You set the held-out labels to 0. Those that were 0 before haven't changed, and a feature that reads them "
        "stays as it was. Flip them.",
        _moved(lambda y, train: y * train),
    ),
    Mistake(
        "labels blanked, not flipped",
        "You set the held-out labels to 1. Those that were 1 before haven't changed. Flip them.",
        _moved(lambda y, train: torch.where(train, y, torch.ones_like(y))),
    ),
]

_Y = torch.tensor([1.0, 0, 0, 1, 1, 0, 1, 0])
_TRAIN = torch.tensor([True, True, False, True, False, False, True, False])
ROWS_THAT_LEAK = Task(
    "rows_that_leak(feature, y, train)",
    _rows_that_leak,
    [
        Case("", "eight rows, a feature that moves on some of them", (_feature_leaks_sideways, _Y, _TRAIN)),
        Case("an honest feature", "a feature of training labels", (_feature_of_training, _Y, _TRAIN)),
        Case("a leak into all rows", "a feature of a held-out label, 0", (_feature_of_held_out([2]), _Y, _TRAIN)),
        Case("a leak into all rows", "a feature of a held-out label, 1", (_feature_of_held_out([4]), _Y, _TRAIN)),
        Case(
            "a small leak",
            "a feature that moves by 0.001",
            (_feature_of_held_out([2], 1e-3), _Y, _TRAIN),
            "misses a leak",
            "A leak can be small. Compare exactly: an honest feature doesn't move at all.",
        ),
    ],
    _ROWS_THAT_LEAK_MISTAKES,
    "Right. Now let it look at the three features.",
    returns="one whole number",
    columns=lambda *args: ["rows"],
    looks=(_as_asked,),
    other="Write the feature down before and after the flip, row by row: how many rows differ?",
)
