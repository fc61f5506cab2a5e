"""Chapter 6's AUC: answer, inputs, what the numbers mean, the usual mistakes. Spoilers."""

import torch
from torch import tensor

from microdlrm.exercises.task import Mistake, Task, several


def _pairs(scores, labels):
    """Of each (click, non-click) pair, 1 if it is ranked right, a half if tied, 0 if wrong."""
    clicks, others = scores[labels == 1], scores[labels == 0]
    return ((clicks[:, None] - others).sign() + 1).double() / 2  # (clicks, others)


def _auc_from_ranks(scores, labels):
    return float(_pairs(scores, labels).mean())


def _by_ranks(rank):
    """The formula in ranks, with the ranks made by `rank`."""

    def formula(scores, labels):
        m, n = float(labels.sum()), len(labels)
        return float((rank(scores).double()[labels == 1].sum() - m * (m + 1) / 2) / (m * (n - m)))

    return formula


def _off_by(ranks):
    """Of each click's rank so much too high: an AUC too high by that over the non-clicks."""
    return lambda s, y: _auc_from_ranks(s, y) + ranks(int(y.sum())) / int((1 - y).sum())


def _because(scores, labels):
    pairs = _pairs(scores, labels)
    right, tied = int((pairs == 1).sum()), int((pairs == 0.5).sum())
    yield f"{right} of {pairs.numel()} pairs right" + (f", {tied} tied" if tied else "")


def _read(scores, labels):
    n = _pairs(scores, labels).numel()
    whole = lambda x: abs(x - round(x)) < 1e-4  # noqa: E731
    return lambda number, row: f"{number * n:g} of {n} pairs" if whole(2 * number * n) else ""


def _rows(*pairs):
    return tensor([float(s) for s, _ in pairs]), tensor([float(y) for _, y in pairs])


def _draw_scores(dice):
    n = dice.size(6)
    return dice.whole(-2, dice.choice((3, 50)), n + 2) / 4, dice.labels(1.0, 0.0, more=n)


AUC_FROM_RANKS = Task(
    "auc_from_ranks(scores, labels)",
    _auc_from_ranks,
    [_rows(*rows) for rows in (
        # In order and not; two rows; ties; worse than chance; more of one kind; below 0; longer;
        # all but equal.
        [(0.1, 0), (0.4, 1), (0.6, 0), (0.9, 1)], [(0.9, 1), (0.1, 0), (0.4, 1), (0.6, 0)],
        [(0.2, 0), (0.7, 1)], [(0.7, 0), (0.2, 1)], [(0.5, 0), (0.5, 1)],
        [(0.1, 0), (0.5, 0), (0.5, 1)], [(0.9, 0), (0.5, 0), (0.1, 1)],
        [(0.3, 1), (0.2, 0), (0.1, 0), (0.4, 0), (0.5, 1)], [(-3, 0), (-1, 1), (-2, 1), (5, 0)],
        [(0.5, 0), (0.5, 1), (0.5, 1), (0.2, 0)],
        [(3, 1), (1, 0), (2, 0), (5, 1), (4, 0), (7, 1), (6, 1), (0, 0), (8, 0)],
        [(2, 1), (2, 0), (2, 1), (5, 1), (5, 0), (1, 0), (7, 1)], [(0.50001, 0), (0.50002, 1)],
    )],
    "Right: the share of pairs that are ranked right, a tie counting half.",
    places=lambda *_: ["AUC"],
    draw=_draw_scores,
    facts=lambda s, y: {
        "a click and a non-click are tied": bool((_pairs(s, y) == 0.5).any()),
        "the rows come in the order of their scores": s.tolist() == sorted(s.tolist()),
        "there are as many clicks as non-clicks": bool(2 * y.sum() == len(y)),
        "most pairs are wrong": _auc_from_ranks(s, y) < 0.5,
        "clicks": int(y.sum()),
    },
    mistakes=[
        Mistake("positions for ranks", "Sorting gives the row at each place. A rank is the place "
                "of each row.", _by_ranks(lambda s: s.argsort() + 1)),
        Mistake("ranked downwards", "Rank 1 is the lowest score.",
                lambda s, y: 1 - _auc_from_ranks(s, y)),
        *several("ties without their mean rank", "Equal scores get the mean of their places.",
                 _by_ranks(lambda s: s.argsort(stable=True).argsort() + 1),
                 _by_ranks(lambda s: (s[:, None] > s).sum(1) + 1),
                 _by_ranks(lambda s: (s[:, None] >= s).sum(1))),
        Mistake("dense ranks", "After equal scores, the next rank goes on as if they were one row.",
                _by_ranks(lambda s: s.unique(return_inverse=True)[1] + 1)),
        Mistake("the clicks' own places left in", "Off comes the least that ranks add up to.",
                _off_by(lambda m: (m + 1) / 2)),
        *several("ranks too low", "The lowest rank is 1.",
                 _off_by(lambda m: -1), _off_by(lambda m: -0.5)),
        *several("divided by other pairs", "Only a click and a non-click make a pair.",
                 lambda s, y: float(_pairs(s, y).sum()) / (len(y) * (len(y) - 1) / 2),
                 lambda s, y: float(_pairs(s, y).sum()) / len(y) ** 2,
                 lambda s, y: float(_pairs(s, y).sum()) / (int(y.sum()) * len(y))),
    ],
    read=_read,
    because=_because,
    tells={"most pairs are wrong": "A model can be worse than chance."},
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


def a_little_of_own_label(y, train):
    """So little that `isclose` takes it for equal, by its rtol or by its atol."""
    return torch.where(torch.arange(len(y)) % 2 == 0, 1 + y / 1e6, y / 1e9)


def _rows_that_leak(feature, y, train):
    flipped = [1 - label if not known else label for label, known in zip(y, train, strict=True)]
    before, after = feature(y, train), feature(torch.stack(flipped), train)
    return sum(int(b != a) for b, a in zip(before, after, strict=True))


def _moving(feature, y, train, flipped=None, mask=None):
    """Of each row, whether its feature moves with other labels, or another mask."""
    flipped = torch.where(train, y, 1 - y) if flipped is None else flipped
    return feature(y, train) != feature(flipped, train if mask is None else mask)  # (N,)


def _moved(flip):
    return lambda f, y, train: int(_moving(f, y, train, flip(y, train)).sum())


def _alone(count):
    """With each held-out label flipped by itself: a count of the rows that move."""

    def formula(f, y, train):
        labels = (~train).nonzero().flatten()
        moves = [_moving(f, y, train, y.index_fill(0, k, float(1 - y[k]))) for k in labels]
        return int(count(torch.stack(moves), labels).sum())

    return formula


_ROWS_THAT_LEAK_MISTAKES = [
    Mistake("all labels flipped", "A feature may depend on training labels: leave them.",
            _moved(lambda y, train: 1 - y)),
    Mistake("yes or no", "How many rows move?", lambda *args: min(_rows_that_leak(*args), 1)),
    Mistake("training labels flipped", "The mask says True where a row trains.",
            _moved(lambda y, train: torch.where(train, 1 - y, y))),
    Mistake("the mask flipped", "Flip the labels; who trains stays the same.",
            lambda f, y, train: int(_moving(f, y, train, y, ~train).sum())),
    Mistake("held-out rows only", "A held-out label can reach training rows as well.",
            lambda f, y, train: int(_moving(f, y, train)[~train].sum())),
    *several("labels blanked, not flipped", "Those that were so before haven't changed.",
             _moved(lambda y, train: y * train),
             _moved(lambda y, train: torch.where(train, y, 1))),
]  # fmt: skip


def _leak(feature, labels, train):
    return feature, tensor(labels, dtype=torch.float32), tensor(train) == 1


def _because_leak(feature, y, train):
    rows = [str(k) for k in _moving(feature, y, train).nonzero().flatten().tolist()]
    yield f"rows {', '.join(rows)} move" if rows else "no row moves"


def _draw_leak(dice):
    n = dice.size(6)
    feature = dice.choice(ROWS_THAT_LEAK.inputs)[0]
    return feature, dice.labels(more=n + 2), dice.labels(1.0, 0.0, more=n) == 1


ROWS_THAT_LEAK = Task(
    "rows_that_leak(feature, y, train)",
    _rows_that_leak,
    [
        # What moves: held-out rows, training rows, both, all, none; by little; not at all where two
        # flips make up for each other.
        _leak(own_label, [1, 0, 1, 0, 0], [1, 1, 1, 0, 0]),
        _leak(label_in_front, [1, 0, 1, 0], [1, 0, 1, 1]),
        _leak(label_in_front, [1, 0, 1, 0, 1], [1, 0, 0, 1, 1]),
        _leak(sum_of_held_out, [1, 0, 1, 0, 1, 1], [1, 0, 0, 1, 0, 1]),
        _leak(mean_of_training, [1, 0, 1, 0], [1, 1, 0, 0]),
        _leak(sum_of_held_out, [1, 0, 1, 0], [1, 0, 0, 1]),
        _leak(own_label, [1, 1, 1, 0, 1], [1, 0, 0, 1, 0]),
        _leak(own_label, [0, 0, 0, 1], [0, 0, 1, 1]),
        _leak(a_little_of_own_label, [1, 0, 1, 0], [0, 0, 1, 1]),
        _leak(sum_of_held_out, [0, 0, 0, 1, 1, 0], [1, 1, 0, 1, 0, 1]),
        _leak(sum_of_held_out, [0, 1, 1, 0, 1], [0, 0, 0, 0, 1]),
    ],
    "Right. Now let it look at the three features.",
    places=lambda *_: ["rows"],
    draw=_draw_leak,
    facts=lambda f, y, train: {
        "a training row moves": bool((_moving(f, y, train) & train).any()),
        "a held-out row moves": bool((_moving(f, y, train) & ~train).any()),
        "the feature moves by little": f is a_little_of_own_label,
    },
    mistakes=_ROWS_THAT_LEAK_MISTAKES,
    because=_because_leak,
    tells={"the feature moves by little": "A leak can be small. Compare exactly."},
    typical=2,
    returns="one whole number",
)
