"""Chapter 6's AUC: answer, inputs, what the numbers mean, the usual mistakes. Spoilers."""

from itertools import pairwise

import torch
from torch import tensor

from microdlrm.exercises.task import Mistake, Task


def _pairs(scores, labels):
    """Of each (click, non-click) pair, 1 if it is ranked right, a half if tied, 0 if wrong."""
    clicks, others = scores[labels == 1], scores[labels == 0]
    return (clicks[:, None] > others).double() + 0.5 * (
        clicks[:, None] == others
    )  # (clicks, others)


def _auc_from_ranks(scores, labels):
    return float(_pairs(scores, labels).mean())


def _by_ranks(rank):
    """The formula in ranks, with the ranks made by `rank`."""

    def formula(scores, labels):
        m, n = float(labels.sum()), len(labels)
        return float((rank(scores).double()[labels == 1].sum() - m * (m + 1) / 2) / (m * (n - m)))

    return formula


def _below(scores):
    """How many scores lie below each."""
    return (scores[:, None] > scores).sum(1)


def _because(scores, labels):
    pairs = _pairs(scores, labels)
    right, tied = int((pairs == 1).sum()), int((pairs == 0.5).sum())
    yield f"{right} of {pairs.numel()} pairs right" + (f", {tied} tied" if tied else "")


def _read(scores, labels):
    n = _pairs(scores, labels).numel()
    whole = lambda x: abs(x - round(x)) < 1e-4  # noqa: E731
    return lambda number, row: (
        f"{number * n:g} of {n} pairs" if whole(2 * number * n) and 0 <= number <= 1 else ""
    )


def _rows(*pairs):
    return tensor([float(s) for s, _ in pairs]), tensor([float(y) for _, y in pairs])


def _of_neighbours(y):
    rises = [(a, b) for a, b in pairwise(y) if a != b]
    return sum(float(b > a) for a, b in rises) / max(len(rises), 1)


AUC_FROM_RANKS = Task(
    "auc_from_ranks(scores, labels)",
    _auc_from_ranks,
    [_rows(*rows) for rows in (
        # In order and not; two rows; ties; worse than chance; more of one kind; below 0; longer.
        [(0.1, 0), (0.4, 1), (0.6, 0), (0.9, 1)], [(0.9, 1), (0.1, 0), (0.4, 1), (0.6, 0)],
        [(0.2, 0), (0.7, 1)], [(0.7, 0), (0.2, 1)], [(0.5, 0), (0.5, 1)],
        [(0.1, 0), (0.5, 0), (0.5, 1)], [(0.5, 1), (0.5, 0), (0.9, 1)],
        [(0.9, 0), (0.5, 0), (0.1, 1)],
        [(0.3, 1), (0.2, 0), (0.1, 0), (0.4, 0), (0.5, 1)], [(-3, 0), (-1, 1), (-2, 1), (5, 0)],
        [(0.5, 0), (0.5, 1), (0.5, 1), (0.2, 0)],
        [(3, 1), (1, 0), (2, 0), (5, 1), (4, 0), (7, 1), (6, 1), (0, 0), (8, 0)],
        [(2, 1), (2, 0), (2, 1), (5, 1), (5, 0), (1, 0), (7, 1)], [(0.50001, 0), (0.50002, 1)],
    )],
    "Right: the share of pairs that are ranked right, a tie counting half.",
    places=lambda *_: ["AUC"],
    facts=lambda s, y: {
        "two scores are equal": len(s.unique()) < len(s),
        "a click and a non-click are tied": bool((_pairs(s, y) == 0.5).any()),
        "the rows come in the order of their scores": s.tolist() == sorted(s.tolist()),
        "there are as many clicks as non-clicks": bool(2 * y.sum() == len(y)),
        "all pairs are right": _auc_from_ranks(s, y) == 1,
        "most pairs are wrong": _auc_from_ranks(s, y) < 0.5,
        "a score is below 0": bool((s < 0).any()),
        "clicks": int(y.sum()),
        "rows": len(s),
    },
    mistakes=[
        Mistake("positions for ranks", "Sorting gives the row that stands at each place. A rank is "
                "the place of each row.", _by_ranks(lambda s: s.argsort() + 1)),
        Mistake("ranked downwards",
                "Your ranks begin with the highest score: rank 1 is the lowest.",
                lambda s, y: 1 - _auc_from_ranks(s, y)),
        Mistake("ties not shared", "Equal scores need equal ranks, the mean of the places they "
                "take.", _by_ranks(lambda s: s.argsort(stable=True).argsort() + 1)),
        Mistake("ties count in full", "A tie counts half, and yours counts it as right.",
                lambda s, y: float((_pairs(s, y) > 0).double().mean())),
        Mistake("ties count for nothing", "A tie counts half, and yours counts it as wrong.",
                lambda s, y: float((_pairs(s, y) == 1).double().mean())),
        Mistake("ranks from 0", "Your ranks count from 0, and the formula from 1.",
                _by_ranks(lambda s: _below(s) + 0.5 * ((s[:, None] == s).sum(1) - 1))),
        Mistake("dense ranks", "Equal scores share a rank, but the next rank goes on as if there "
                "had been one row.", _by_ranks(lambda s: s.unique(return_inverse=True)[1] + 1)),
        Mistake("never below a half", "Yours is turned round where it is below a half. A model can "
                "be worse than chance.",
                lambda s, y: max(_auc_from_ranks(s, y), 1 - _auc_from_ranks(s, y))),
        Mistake("divided by all pairs of rows", "Only pairs of a click and a non-click count.",
                lambda s, y: float(_pairs(s, y).sum() / (len(y) * (len(y) - 1) / 2))),
        Mistake("Gini", "This is 2 AUC − 1.", lambda s, y: 2 * _auc_from_ranks(s, y) - 1),
        Mistake("the mean rank of the clicks", "This is the clicks' mean rank, divided by the "
                "rows. From it, take the least it could be.",
                lambda s, y: float((s.argsort().argsort() + 1.0)[y == 1].mean() / len(s))),
        Mistake("neighbours only", "You compare neighbours in the order of scores. Every click "
                "meets every non-click.", lambda s, y: _of_neighbours(y[s.argsort()])),
        Mistake("accuracy", "This is an accuracy: the share of rows on the right side of a "
                "threshold.", lambda s, y: float(((s > s.median()) == (y == 1)).float().mean())),
        Mistake("differences averaged", "You average how far the clicks are above. Only the order "
                "counts.", lambda s, y: float((s[y == 1][:, None] - s[y == 0]).mean())),
        Mistake("ranks from 0", "Your ranks count from 0, and the formula expects them from 1.",
                lambda s, y: float(_auc_from_ranks(s, y) - 1 / (len(y) - y.sum()))),
    ],
    read=_read,
    because=_because,
    returns="one number",
)  # fmt: skip

# --- rows that leak: the features are the inputs ---


def own_label(y, train):
    return y


def label_in_front(y, train):
    return y.roll(1)


def mean_of_training(y, train):
    return ((y * train).sum() / train.sum()).expand(len(y))


def sum_of_held_out(y, train):
    return (y * ~train).sum().expand(len(y))


def ten_times_own_label(y, train):
    return 10 * y


def a_thousandth_of_own_label(y, train):
    return 1 + y / 1000


def own_label_in_training(y, train):
    return y * train


def _rows_that_leak(feature, y, train):
    flipped = [1 - label if not known else label for label, known in zip(y, train, strict=True)]
    before, after = feature(y, train), feature(torch.stack(flipped), train)
    return sum(int(b != a) for b, a in zip(before, after, strict=True))


def _moved(flip, rows=lambda train: slice(None)):
    return lambda f, y, train: int((f(y, train) != f(flip(y, train), train))[rows(train)].sum())


def _flip_held_out(y, train):
    return torch.where(train, y, 1 - y)


def _moved_by_one(feature, y, train, k):
    return feature(y, train) != feature(y.index_fill(0, k, float(1 - y[k])), train)


_ROWS_THAT_LEAK_MISTAKES = [
    Mistake("all labels flipped", "You flipped the training labels too. A feature may depend on "
            "them: leave them as they are.", _moved(lambda y, train: 1 - y)),
    Mistake("training labels flipped", "You flipped the training labels and left the held-out "
            "ones: the mask says True where a row trains.",
            _moved(lambda y, train: torch.where(train, 1 - y, y))),
    Mistake("held-out rows only", "You counted among the held-out rows. A held-out label can reach "
            "the features of training rows as well.", _moved(_flip_held_out, lambda train: ~train)),
    Mistake("yes or no", "You say whether any row moves. How many do?",
            lambda *args: min(_rows_that_leak(*args), 1)),
    Mistake("each row asked about itself", "You flipped one held-out label at a time, and looked "
            "at that row alone. A label can leak into other rows, and into training rows: flip "
            "them all, and count on all rows.",
            lambda f, y, t: sum(_moved_by_one(f, y, t, k)[k].item() for k in (~t).nonzero())),
    Mistake("rows that stay counted", "You counted the rows whose feature stays.",
            lambda f, y, train: len(y) - _rows_that_leak(f, y, train)),
    Mistake("labels blanked, not flipped", "You set the held-out labels to 0. Those that were 0 "
            "before haven't changed, and a feature that reads them stays as it was. Flip them.",
            _moved(lambda y, train: y * train)),
    Mistake("held-out rows counted", "You counted the held-out rows. Count the rows whose feature "
            "moves.", lambda f, y, train: int((~train).sum())),
]  # fmt: skip


def _leak(feature, labels, train):
    return feature, torch.tensor(labels, dtype=torch.float32), torch.tensor(train) == 1


def _moving(feature, y, train):
    return (feature(y, train) != feature(_flip_held_out(y, train), train)).tolist()


def _because_leak(feature, y, train):
    rows = [str(k) for k, moves in enumerate(_moving(feature, y, train)) if moves]
    yield f"rows {', '.join(rows)} move" if rows else "no row moves"


ROWS_THAT_LEAK = Task(
    "rows_that_leak(feature, y, train)",
    _rows_that_leak,
    [
        # What moves: held-out rows, training rows, both, all, none; then by much, and by little.
        _leak(own_label, [1, 0, 1, 0, 0], [1, 1, 1, 0, 0]),
        _leak(label_in_front, [1, 0, 1, 0], [1, 0, 1, 1]),
        _leak(label_in_front, [1, 0, 1, 0, 1], [1, 0, 0, 1, 1]),
        _leak(sum_of_held_out, [1, 0, 1, 0, 1, 1], [1, 0, 0, 1, 0, 1]),
        _leak(own_label_in_training, [1, 0, 1, 0], [1, 0, 0, 1]),
        _leak(mean_of_training, [1, 0, 1, 0], [1, 1, 0, 0]),
        _leak(own_label, [1, 1, 1, 0, 1], [1, 0, 0, 1, 0]),
        _leak(own_label, [0, 0, 0, 1], [0, 0, 1, 1]),
        _leak(ten_times_own_label, [1, 0, 1], [0, 0, 1]),
        _leak(a_thousandth_of_own_label, [1, 0, 1, 0], [0, 0, 1, 1]),
        _leak(sum_of_held_out, [0, 0, 0, 1, 1, 0, 1, 0], [1, 1, 0, 1, 0, 0, 1, 1]),
    ],
    "Right. Now let it look at the three features.",
    places=lambda *_: ["rows"],
    facts=lambda f, y, train: {
        "a training row moves": bool((torch.tensor(_moving(f, y, train)) & train).any()),
        "a held-out row moves": bool((torch.tensor(_moving(f, y, train)) & ~train).any()),
        "the feature moves by little": f is a_thousandth_of_own_label,
        "the feature moves by much": f is ten_times_own_label,
        "all held-out labels are 1": bool((y[~train] == 1).all()),
        "all held-out labels are 0": bool((y[~train] == 0).all()),
        "rows": len(y),
    },
    mistakes=_ROWS_THAT_LEAK_MISTAKES,
    because=_because_leak,
    tells={"the feature moves by little": "A leak can be small. Compare exactly."},
    typical=2,
    returns="one whole number",
)
