"""Chapter 9's other exercises: answers, inputs, the usual mistakes. Spoilers."""

import torch
from torch import tensor

from microdlrm.exercises.task import Mistake, Task, several

# --- collides ---


def _rows(ids, a, b, p, rows):
    return (a * ids + b) % p % rows


def _met(ids, *h):
    """Of each two places in ids, whether they hold two ids with one row."""
    row = _rows(ids, *h)
    return (row[:, None] == row) & (ids[:, None] != ids)  # (n, n)


def _not_first(ids, *h):
    row = _rows(ids, *h)
    return ids != ids[(row[:, None] == row).int().argmax(1)]


_COLLIDES_MISTAKES = [
    *several("an id collides with itself", "Another id has to land in its row.",
             lambda ids, *h: (_rows(ids, *h)[:, None] == _rows(ids, *h)).sum(1) > 1,
             lambda ids, *h: ids == ids),
    *several("the first of two is let off", "The earlier one shares its row, too.", _not_first,
             lambda *args: _met(*args).tril().any(1)),
    Mistake("the last of two is let off", "The later one shares its row, too.",
            lambda *args: _met(*args).triu().any(1)),
    Mistake("one answer for each different id", "Each place in ids needs its own, in their order.",
            lambda ids, *h: _met(ids.unique(), *h).any(1)),
    Mistake("how many, not whether", "True or False is due.", lambda *args: _met(*args).sum(1)),
    Mistake("nothing collides", "You say no of every id. Is the hash the formula's (`%` binds as "
            "`*` does), and do equal rows count as equal? (As keys no two tensors are.)",
            lambda ids, *h: ids != ids),
]  # fmt: skip


def _copied(ids, met):
    return any(ids.tolist().count(i) > 1 for i in ids[met.any(1)].tolist())


def _hashed(row, ids, a=1, b=0, p=101):
    return tensor(ids), a, b, p, row


def _collides(ids, a, b, p, rows):
    where = [((a * i + b) % p) % rows for i in ids.tolist()]
    each = list(zip(where, ids.tolist(), strict=True))
    return tensor([any(w == v and i != j for v, j in each) for w, i in each])  # (n,)


def _because_collides(ids, a, b, p, rows):
    for i in ids.tolist():
        yield f"row {((a * i + b) % p) % rows}"


COLLIDES = Task(
    "collides(ids, a, b, p, rows)",
    _collides,
    [
        # Two that meet; apart; copies; each part of the hash; sizes that break arithmetic.
        _hashed(10, [1, 2, 11]),
        _hashed(10, [11, 2, 3, 1]),
        _hashed(10, [3, 3, 4]),
        _hashed(10, [3, 13, 3, 4]),
        _hashed(10, [1, 4, 7], a=34, b=24, p=61),
        _hashed(8, [7, 10, 4, 14, 10, 28, 3], a=12, b=9, p=97),
        _hashed(10, [7, 10, 4, 14, 10, 28, 3, 57, 41, 6], a=34, b=24, p=61),
        _hashed(10, [3, 14, 25, 7], a=2, b=1, p=11),
        _hashed(1, [4, 2, 4], a=5, b=1, p=13),
        _hashed(4, [7, 7, 7], a=5, b=1, p=13),
        _hashed(5, [123456789, 987654321, 111111111, 222222222], 1103515245, 12345, 2147483647),
        _hashed(50, list(range(40)), a=30, b=17, p=101),
    ],
    "Right. An id alone in its row is safe from the others, however often it comes.",
    places=lambda ids, *_: [f"id {i}" for i in ids.tolist()],
    draw=lambda dice: (
        dice.whole(0, 20, dice.size(7)) * dice.choice((1, 1, 1, 10**9)),
        *(dice.size(9), dice.size(9), dice.choice((11, 31, 101)), dice.size(9)),
    ),
    facts=lambda ids, a, b, p, rows: {
        "the id comes twice": [ids.tolist().count(i) > 1 for i in ids.tolist()],
        "an id that collides comes twice": _copied(ids, _met(ids, a, b, p, rows)),
        "the ids are large": bool((ids > 10**6).any()),
    },
    mistakes=_COLLIDES_MISTAKES,
    because=_because_collides,
    tells={"the ids are large": "a · id needs 64 bits: stay with int64."},
    typical=6,
    shape="(n,), True where another id has the same row",
    row="id",
    legend="1 is True.",
)


# --- recalibrated ---


_ODDS = "Training found the odds of a click 1/w times too high"

_RECALIBRATED_MISTAKES = [
    Mistake("p times w", f"{_ODDS}, not the probability.", lambda p, w: p * w),
    Mistake("odds returned", "A probability is due.", lambda p, w: w * p / (1 - p)),
    *several("the logit changed by w", f"{_ODDS}: a logit too high by log 1/w.",
             lambda p, w: torch.sigmoid(torch.logit(p) * w),
             lambda p, w: torch.sigmoid(torch.logit(p) + w)),
    Mistake("1 − w in place of w", "w is the share of the non-clicks that was kept.",
            lambda p, w: (1 - w) * p / ((1 - w) * p + 1 - p)),
]  # fmt: skip


def _recalibrated(p, w):
    return torch.stack([x / (x + (1 - x) / w) for x in p])  # (N,)


def _because_recalibrated(p, w):
    for x in p.tolist():
        yield f"{1000 * x:g} clicks beside {1000 * (1 - x) / w:.7g} non-clicks"


RECALIBRATED = Task(
    "recalibrated(p, w)",
    _recalibrated,
    [
        # One probability and a share of a half, where counting is easy; others; near 0 and 1.
        (tensor([0.5]), 0.5),
        (tensor([0.5, 0.8]), 0.25),
        (tensor([0.5, 0.2, 0.9, 0.75]), 0.125),
        (tensor([0.3, 0.6]), 1.0),
        (tensor([0.5, 0.2, 0.9]), 0.4),
        (tensor([0.5, 0.2, 0.9]), 0.0625),
        (tensor([0.0002, 0.03, 0.4]), 0.07),
        (tensor([0.9997, 0.98, 0.5]), 0.25),
    ],
    "Right. The order stays, the promise is mended.",
    places=lambda p, w: [f"p = {x:.4g}" for x in p.tolist()],
    draw=lambda dice: (
        (dice.whole(1, 99, dice.size()) / 100) ** dice.choice((1, 2)),
        dice.choice((0.0625, 0.07, 0.25, 0.4, 0.5, 1.0)),
    ),
    facts=lambda p, w: {
        "1/w isn't whole": (1 / w) % 1 > 0,
        "nothing was thrown away": w == 1,
        "for w": w,
    },
    mistakes=_RECALIBRATED_MISTAKES,
    because=_because_recalibrated,
    typical=2,
    shape="(N,), one probability a row",
)


# --- share_that_differs ---


def differs(a, b, tolerance):
    """Beyond the tolerance, or a number on one side and none on the other."""
    both = a.isnan() & b.isnan()
    return ~((a - b).abs() <= tolerance) & ~both


def _apart(make):
    """Of each feature, the share of rows for which `make` says yes."""
    return lambda a, b, tolerance: make(a, b, tolerance).float().mean(0)


_DIFFERS_MISTAKES = [
    *several("the sign forgotten", "A difference counts in both directions.",
             _apart(lambda a, b, t: a - b > t),
             _apart(lambda a, b, t: (a - b > t) | (a.isnan() != b.isnan())),
             _apart(lambda a, b, t: (b - a > t) | (a.isnan() != b.isnan()))),
    Mistake("two missing numbers called different", "nan equals nothing, not even itself.",
            _apart(lambda a, b, t: ~((a - b).abs() <= t))),
    Mistake("a missing number overlooked", "nan is neither larger nor smaller: `>` passes over it.",
            _apart(lambda a, b, t: (a - b).abs() > t)),
    Mistake("missing taken for 0", "A missing number then equals a real 0.",
            _apart(lambda a, b, t: (a.nan_to_num() - b.nan_to_num()).abs() > t)),
    Mistake("count where a share is due", "Divide by how many rows there are.",
            lambda a, b, t: differs(a, b, t).float().sum(0)),
    Mistake("one number a row", "One for each feature is due: average over the rows.",
            lambda a, b, t: differs(a, b, t).float().mean(1)),
]  # fmt: skip


def _ratio(a, b, tolerance):
    beyond = (a - b).abs() - tolerance
    return torch.where(beyond > 0, b.abs() / beyond, 0).amax(0)  # (F,)


def _rows_that_differ(trained, served, tolerance):
    """Of each feature, which rows differ."""
    for columns in zip(trained.T.tolist(), served.T.tolist(), strict=True):
        pairs = enumerate(zip(*columns, strict=True))
        yield [k for k, (a, b) in pairs if (a == a or b == b) and not abs(a - b) <= tolerance]


def _share_that_differs(trained, served, tolerance):
    rows = _rows_that_differ(trained, served, tolerance)
    return tensor([len(differ) / len(trained) for differ in rows])  # (F,)


def _because_differs(trained, served, tolerance):
    for rows in _rows_that_differ(trained, served, tolerance):
        named = f": {', '.join(map(str, rows))}" if rows else ""
        yield f"{len(rows)} of {len(trained)} rows{named}"


_NAN = float("nan")
_TRAINED = tensor([
    [1.0, 5, 200, 0, _NAN], [2, 3, 4, 1, 7], [3, 4, 6, 0, 7], [4, 2, _NAN, 1, 9],
    [5, 1, 8, 1, _NAN],
])  # fmt: skip
_SERVED = tensor([
    [1.0, 3, 201, 0.004, _NAN], [2, 5, 4.5, 1, 0], [3, 2, 5, 0, 7], [4, 4, 3, 0.9, 9],
    [5, 1, 8, 1, _NAN],
])  # fmt: skip


def _sides(trained, served, tolerance=0.5):
    return tensor(trained), tensor(served), tolerance


def _draw_sides(dice):
    shape = dice.size(), dice.size(4)
    sides = [dice.whole(-2, 2, *shape) / 2 + dice.choice((0, 0, 0, 10**6)) for _ in range(2)]
    if dice.random() < 0.7:
        sides = [torch.where(dice.whole(0, 3, *shape) == 0, _NAN, side) for side in sides]
    return *sides, dice.choice((0.25, 0.75))


SHARE_THAT_DIFFERS = Task(
    "share_that_differs(trained, served, tolerance)",
    _share_that_differs,
    [
        # One feature; both signs; within the tolerance; missing on one side, the other, both.
        _sides([[1.0], [2], [3], [4]], [[1.0], [5], [3], [4]]),
        _sides([[5.0], [2], [3]], [[1.0], [2], [3]]),
        _sides([[1.0], [5], [2], [2]], [[5.0], [1], [2], [2]]),
        _sides([[1.0, 2, 3], [1, 2, 3]], [[1.0, 4, 5], [1, 2, 5]]),
        _sides([[1.0], [2]], [[1.25], [4]]),
        _sides([[1.0, 2], [3, 4]], [[1.5, 2], [3, 4.5]]),
        _sides([[_NAN], [2], [3], [4]], [[_NAN], [2], [5], [4]]),
        _sides([[0.0], [2], [3]], [[_NAN], [2], [3]], 0.1),
        _sides([[0.0], [1], [3]], [[_NAN], [_NAN], [3]], 2.0),
        _sides([[1.0], [_NAN], [3], [4]], [[1.0], [2], [_NAN], [4]]),
        (_TRAINED, _SERVED, 0.01),
        (_TRAINED, _SERVED, 1.0),
        _sides([[20000.0], [20000], [5]], [[20000.125], [20000], [5]], 0.1),
        (_TRAINED, _TRAINED.clone(), 0.01),
        (_TRAINED[1:3, :3], _SERVED[1:3, :3], 0.1),
    ],
    "Right: row by row, in both directions, missing numbers included.",
    places=lambda trained, *_: [f"feature {k}" for k in range(trained.shape[1])],
    draw=_draw_sides,
    facts=lambda a, b, tolerance: {
        "a difference is the tolerance": ((a - b).abs() == tolerance).any(0),
        "something is missing": (a.isnan() | b.isnan()).any(0),
        "something is missing on both sides": (a.isnan() & b.isnan()).any(0),
        "something is missing on one side": (a.isnan() ^ b.isnan()).any(0),
        "a number is larger in service": (b > a).any(0),
        "a number is larger in training": (a > b).any(0),
        "the tolerance is passed by under a 100,000th of the number": _ratio(a, b, tolerance) > 1e5,
    },
    mistakes=_DIFFERS_MISTAKES,
    because=_because_differs,
    tells={
        "a difference is the tolerance": "It is allowed.",
        "the tolerance is passed by under a 100,000th of the number": "What asks whether numbers "
        "are close may allow for their size, and is told not to.",
    },
    typical=8,
    shape="(F,), one share a feature",
)
