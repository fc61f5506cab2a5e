"""Chapter 6's AUC: answer, inputs, what the numbers mean, the usual mistakes. Spoilers."""

import torch
from torch import tensor

from microdlrm.exercises.task import Mistake, Task


def _pairs(scores, labels):
    """Of each (click, non-click) pair, 1 if it is ranked right, a half if tied, 0 if wrong."""
    clicks, others = scores[labels == 1], scores[labels == 0]
    return (clicks[:, None] > others).double() + 0.5 * (clicks[:, None] == others)  # (clicks, others)


def _auc_from_ranks(scores, labels):
    return float(_pairs(scores, labels).mean())


def _by_ranks(rank):
    """The formula in ranks, with the ranks made by `rank`."""

    def formula(scores, labels):
        m, n = float(labels.sum()), len(labels)
        return float((rank(scores).double()[labels == 1].sum() - m * (m + 1) / 2) / (m * (n - m)))

    return formula


def _because(scores, labels):
    pairs = _pairs(scores, labels)
    right, tied = int((pairs == 1).sum()), int((pairs == 0.5).sum())
    yield f"{right} of {pairs.numel()} pairs right" + (f", {tied} tied" if tied else "")


def _read(scores, labels):
    n = _pairs(scores, labels).numel()
    whole = lambda x: abs(x - round(x)) < 1e-4  # noqa: E731
    return lambda number, row: f"{number * n:g} of {n} pairs" if whole(2 * number * n) and 0 <= number <= 1 else ""


def _rows(*pairs):
    return tensor([float(s) for s, _ in pairs]), tensor([float(y) for _, y in pairs])


AUC_FROM_RANKS = Task(
    "auc_from_ranks(scores, labels)",
    _auc_from_ranks,
    [_rows(*rows) for rows in (
        [(0.1, 0), (0.4, 1), (0.6, 0), (0.9, 1)], [(0.9, 1), (0.1, 0), (0.4, 1), (0.6, 0)], [(0.2, 0), (0.7, 1)],
        [(0.7, 0), (0.2, 1)], [(0.5, 0), (0.5, 1)], [(0.1, 0), (0.5, 0), (0.5, 1)], [(0.5, 1), (0.5, 0), (0.9, 1)],
        [(0.9, 0), (0.5, 0), (0.1, 1)], [(0.3, 1), (0.2, 0), (0.1, 0), (0.4, 0), (0.5, 1)], [(-3, 0), (-1, 1), (-2, 1), (5, 0)],
        [(0.5, 0), (0.5, 1), (0.5, 1), (0.2, 0)], [(3, 1), (1, 0), (2, 0), (5, 1), (4, 0), (7, 1), (6, 1), (0, 0), (8, 0)],
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
        Mistake("positions for ranks", "Sorting gives the row that stands at each place. A rank is the place of each row.",
                _by_ranks(lambda s: s.argsort() + 1)),
        Mistake("ranked downwards", "Your ranks begin with the highest score: rank 1 is the lowest.",
                lambda s, y: 1 - _auc_from_ranks(s, y)),
        Mistake("ties not shared", "Equal scores need equal ranks, the mean of the places they take.",
                _by_ranks(lambda s: s.argsort(stable=True).argsort() + 1)),
        Mistake("ties count in full", "A tie counts half, and yours counts it as right.",
                lambda s, y: float((_pairs(s, y) > 0).double().mean())),
        Mistake("ties count for nothing", "A tie counts half, and yours counts it as wrong.",
                lambda s, y: float((_pairs(s, y) == 1).double().mean())),
        Mistake("ranks from 0", "Your ranks count from 0, and the formula from 1.",
                _by_ranks(lambda s: (s[:, None] > s).sum(1) + 0.5 * ((s[:, None] == s).sum(1) - 1))),
        Mistake("dense ranks", "Equal scores share a rank, but the next rank goes on as if there had been one row.",
                _by_ranks(lambda s: s.unique(return_inverse=True)[1] + 1)),
        Mistake("never below a half", "Yours is turned round where it is below a half. A model can be worse than chance.",
                lambda s, y: max(_auc_from_ranks(s, y), 1 - _auc_from_ranks(s, y))),
        Mistake("divided by all pairs of rows", "Only pairs of a click and a non-click count.",
                lambda s, y: float(_pairs(s, y).sum() / (len(y) * (len(y) - 1) / 2))),
        Mistake("Gini", "This is 2 AUC − 1.", lambda s, y: 2 * _auc_from_ranks(s, y) - 1),
    ],
    read=_read,
    because=_because,
    returns="one number",
)  # fmt: skip
