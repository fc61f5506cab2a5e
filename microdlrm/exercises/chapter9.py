"""Chapter 9's exercises: answers, inputs, and the mistakes to recognise. Spoilers."""

import math

import torch

from microdlrm.exercises import chapter9_mistakes as mistakes
from microdlrm.exercises import recipes_lists
from microdlrm.exercises.task import Case, Task, some_rows


def _collides(ids, a, b, p, rows):
    where = [((a * i + b) % p) % rows for i in ids.tolist()]
    return torch.tensor([any(w == v and i != j for v, j in zip(where, ids, strict=True))
                         for w, i in zip(where, ids, strict=True)])  # (n,)  # fmt: skip


COLLIDES = Task(
    "collides(ids, a, b, p, rows)",
    _collides,
    [
        Case(
            "",
            "ids 7, 10, 4, 14, 10, 28, 3, 57, 41, 6, a = 34, b = 24, p = 61, 10 rows",
            (torch.tensor([7, 10, 4, 14, 10, 28, 3, 57, 41, 6]), 34, 24, 61, 10),
        ),
        Case(
            "other hashes",
            "the same ids, a = 12, b = 9, p = 37, 8 rows",
            (torch.tensor([7, 10, 4, 14, 10, 28, 3, 57, 41, 6]), 12, 9, 97, 8),
            "right for one hash only",
            "Right for one hash and not for another: take a, b, p and rows from the arguments.",
            {"a = 3, b = 1": (torch.tensor([7, 10, 4, 14, 10, 28]), 3, 1, 97, 8),
             "ids 1, 2, 9": (torch.tensor([1, 2, 9]), 1, 0, 97, 8)},
        ),
        Case("copies beside others", "ids 1, 5, 5, 5, 9 and 4 rows", (torch.tensor([5, 1, 5, 9, 5]), 1, 0, 61, 4)),
        Case("ids beyond p", "ids 3, 14, 25, 7, p = 11", (torch.tensor([3, 14, 25, 7]), 2, 1, 11, 10)),
        Case("one row", "ids 4, 2, 4 and a table of 1 row", (torch.tensor([4, 2, 4]), 5, 1, 13, 1)),
        Case("one id, three times", "ids 7, 7, 7", (torch.tensor([7, 7, 7]), 5, 1, 13, 4)),
        Case(
            "large ids",
            "four ids of nine digits, 1,000 rows",
            (torch.tensor([123456789, 987654321, 111111111, 222222222]), 1103515245, 12345, 2147483647, 1000),
            "breaks for large ids",
            "Right for small ids. With large ones a · id needs 64 bits: stay with whole numbers, and with int64.",
        ),
        Case("many ids", "ids 0 to 39, 50 rows", (torch.arange(40), 30, 17, 101, 50)),
    ],
    mistakes.COLLIDES,
    "Right. An id alone in its row is safe from the others, and how often it comes has nothing to do with it.",
    shape="(n,), True where another id has the same row",
    own=(recipes_lists.COLLIDES,),
    per="",
    other="Work out each id's row by hand, write the ids below their rows, and see which stand together.",
)


def _recalibrated(p, w):
    return torch.stack([x / (x + (1 - x) / w) for x in p])  # (N,)


RECALIBRATED = Task(
    "recalibrated(p, w)",
    _recalibrated,
    [
        Case("", "p = 0.5, 0.2, 0.9, 0.75 and w = 0.1", (torch.tensor([0.5, 0.2, 0.9, 0.75]), 0.1)),
        Case(
            "other shares",
            "w = 0.4",
            (torch.tensor([0.5, 0.2, 0.9]), 0.4),
            "w hard-coded",
            "Right for one w only: take it from the argument.",
            {"w = 0.05": (torch.tensor([0.5, 0.2, 0.9]), 0.05)},
        ),
        Case("nothing thrown away", "w = 1", (torch.tensor([0.3, 0.6]), 1.0)),
        Case("rare clicks", "p = 0.0002, 0.003 and w = 0.05", (torch.tensor([0.0002, 0.003, 0.04]), 0.05)),
        Case("rare non-clicks", "p = 0.9997, 0.98 and w = 0.25", (torch.tensor([0.9997, 0.98, 0.5]), 0.25)),
    ],
    mistakes.RECALIBRATED,
    "Right. The order stays, the promise is mended.",
    shape="(N,), one probability a row",
    rows=some_rows(0),
    per="row",
    own=(recipes_lists.RECALIBRATED,),
    other="Think of 100 rows that the model gives p: how many clicks, how many non-clicks? How many were there before "
    "the log was thinned out?",
)


def _ndcg_at_k(scores, relevant, k):
    places = sorted(range(len(scores)), key=lambda i: -float(scores[i]))
    got = sum(float(relevant[i]) / math.log2(2 + place) for place, i in enumerate(places[:k]))
    return got / sum(1 / math.log2(2 + place) for place in range(min(k, int(relevant.sum()))))


_SCORES = torch.tensor([0.1, 0.9, 0.4, 0.7, 0.3, 0.8, 0.2, 0.6])
NDCG_AT_K = Task(
    "ndcg_at_k(scores, relevant, k)",
    _ndcg_at_k,
    [
        Case("", "eight films, three of them relevant, k = 5",
             (_SCORES, torch.tensor([0.0, 0, 1, 1, 0, 1, 0, 0]), 5)),
        Case("fewer relevant than k", "two relevant, k = 6", (_SCORES, torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 1]), 6)),
        Case("more relevant than k", "five relevant, k = 2", (_SCORES, torch.tensor([1.0, 0, 1, 1, 0, 1, 0, 1]), 2)),
        Case("nothing found", "k = 3, no relevant film among the first three",
             (_SCORES, torch.tensor([1.0, 0, 0, 0, 1, 0, 0, 0]), 3)),
        Case("k beyond the list", "five films, k = 20", (_SCORES[:5], torch.tensor([1.0, 0, 1, 0, 0]), 20),
             "breaks where k exceeds the list", "A list can be shorter than k. Then all of it counts."),
        Case("another k", "k = 4", (_SCORES, torch.tensor([0.0, 0, 1, 1, 0, 1, 0, 1]), 4),
             "k hard-coded", "Right for one k only: take it from the argument."),
        Case("scores below 0", "scores -3, -1, -2", (torch.tensor([-3.0, -1, -2]), torch.tensor([0.0, 0, 1]), 2)),
    ],
    mistakes.NDCG_AT_K,
    "Right. Found is not enough: a relevant film counts by where it stands.",
    returns="one number",
    rows=some_rows(0, 1),
    per="all",
    own=(recipes_lists.NDCG_AT_K,),
    columns=lambda *args: ["NDCG@k"],
    other="Write the films in order, best score first, and below each relevant one its worth: one over the logarithm, "
    "to base 2, of one more than its place. Add up the first k. Then the same for the best order there could be.",
)  # fmt: skip


def _share_that_differs(trained, served, tolerance):
    shares = []
    for column in range(trained.shape[1]):
        unequal = 0
        for a, b in zip(trained[:, column].tolist(), served[:, column].tolist(), strict=True):
            both_missing = math.isnan(a) and math.isnan(b)
            unequal += not both_missing and not abs(a - b) <= tolerance
        shares.append(unequal / len(trained))
    return torch.tensor(shares)  # (F,)


_NAN = float("nan")
_TRAINED = torch.tensor(
    [[1.0, 5, 200, 0, _NAN], [2, 3, 4, 1, 7], [3, 4, 6, 0, 7], [4, 2, _NAN, 1, 9], [5, 1, 8, 1, _NAN]]
)
_SERVED = torch.tensor(
    [[1.0, 3, 201, 0.004, _NAN], [2, 5, 4.5, 1, 0], [3, 2, 5, 0, 7], [4, 4, 3, 0.9, 9], [5, 1, 8, 1, _NAN]]
)
SHARE_THAT_DIFFERS = Task(
    "share_that_differs(trained, served, tolerance)",
    _share_that_differs,
    [
        Case("", "five rows, five features, tolerance 0.01", (_TRAINED, _SERVED, 0.01)),
        Case("another tolerance", "tolerance 1", (_TRAINED, _SERVED, 1.0),
             "tolerance hard-coded", "Right for one tolerance only: take it from the argument."),
        Case("one missing", "a 0 in training, nan in service",
             (torch.tensor([[0.0], [2], [3]]), torch.tensor([[_NAN], [2], [3]]), 0.1)),
        Case("small differences of large numbers", "20,000 and 20,000.125, tolerance 0.1",
             (torch.tensor([[20000.0], [20000], [5]]), torch.tensor([[20000.125], [20000], [5]]), 0.1),
             "tolerance grows with the number", "The tolerance is absolute: 20,000 and 20,000.125 differ by more than "
             "0.1. Functions that ask whether numbers are close allow 0.00001 of the number "
             "on top, unless told not to."),
        Case("no skew", "both sides the same", (_TRAINED, _TRAINED.clone(), 0.01)),
        Case("three features, two rows", "two rows, three features", (_TRAINED[1:3, :3], _SERVED[1:3, :3], 0.1)),
        Case("larger in service", "service larger on every row",
             (torch.tensor([[1.0, 2], [3, 4]]), torch.tensor([[2.0, 3], [4, 4]]), 0.5)),
    ],
    mistakes.SHARE_THAT_DIFFERS,
    "Right: row by row, in both directions, missing numbers included.",
    shape="(F,), one share a feature",
    own=(recipes_lists.SHARE_THAT_DIFFERS,),
    columns=lambda trained, *_: [f"feature {k}" for k in range(trained.shape[1])],
    other="Take one feature and put its two columns side by side. In how many of the rows would you say that they "
    "differ?",
)  # fmt: skip
