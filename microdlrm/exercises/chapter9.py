"""Chapter 9's other exercises: answers, inputs, the usual mistakes. Spoilers."""

import math

import torch
from torch import tensor

from microdlrm.exercises.task import Mistake, Task

# --- collides ---


def _shared(row_of, ids):
    """For each id, whether another id, not the same once more, has its row."""
    return torch.stack(
        [((row_of == row_of[i]) & (ids != ids[i])).any() for i in range(len(ids))]
    )  # (n,)


def _with(row_of):
    return lambda ids, a, b, p, rows: _shared(row_of(ids, a, b, p, rows), ids)


def _rows(ids, a, b, p, rows):
    return (a * ids + b) % p % rows


def _again(ids, a, b, p, rows):
    where = _rows(ids, a, b, p, rows)
    return torch.stack(
        [(where[:i] == where[i]).any() & ~(ids[:i] == ids[i]).any() for i in range(len(ids))]
    )


def _later(ids, a, b, p, rows):
    where = _rows(ids, a, b, p, rows)
    return torch.stack(
        [((where[i:] == where[i]) & (ids[i:] != ids[i])).any() for i in range(len(ids))]
    )


def _beside(ids, a, b, p, rows):
    where = _rows(ids, a, b, p, rows)
    same = (where[1:] == where[:-1]) & (ids[1:] != ids[:-1])
    edge = torch.tensor([False])
    return torch.cat([edge, same]) | torch.cat([same, edge])


_FORMULA = "The row is ((a · id + b) mod p) mod rows: "

_COLLIDES_MISTAKES = [
    Mistake("an id collides with itself", "An id that comes twice lands in its own row twice. That "
            "is no collision: another id has to land there.",
            lambda ids, *h: (_rows(ids, *h)[:, None] == _rows(ids, *h)).sum(1) > 1),
    Mistake("an id collides with itself", "You say that every id shares its row: each was compared "
            "with itself as well.",
            lambda ids, *h: (_rows(ids, *h)[:, None] == _rows(ids, *h)).any(1)),
    Mistake("the first of two is let off", "You mark an id if an earlier one has its row. The "
            "earlier one shares its row, too.", _again),
    Mistake("the last of two is let off", "You mark an id if a later one has its row. The later "
            "one shares its row, too.", _later),
    Mistake("one answer for each different id", "An id that comes twice needs its answer twice: "
            "one for each place in ids, in their order.",
            lambda ids, *h: _shared(_rows(ids.unique(), *h), ids.unique())),
    Mistake("the free ones marked", "You marked the ids that have a row to themselves.",
            lambda ids, *h: ~_shared(_rows(ids, *h), ids)),
    Mistake("not hashed", "You took the id itself modulo rows: a, b and p are missing, so that "
            "neighbours never meet.", _with(lambda ids, a, b, p, rows: ids % rows)),
    Mistake("mod rows missing", "You compared numbers below p. Two of them that differ may still "
            "land in one row.", _with(lambda ids, a, b, p, rows: (a * ids + b) % p)),
    Mistake("mod p missing",
            _FORMULA + "the division by p comes first. Without it, a · id + b goes straight in.",
            _with(lambda ids, a, b, p, rows: (a * ids + b) % rows)),
    Mistake("b left out",
            _FORMULA + "b is missing, or added too late: then it only moves all rows along.",
            _with(lambda ids, a, b, p, rows: a * ids % p % rows)),
    Mistake("a times the sum", _FORMULA + "only the id is multiplied by a, not b.",
            _with(lambda ids, a, b, p, rows: a * (ids + b) % p % rows)),
    Mistake("nothing collides", "You find no collision, whatever the ids. Do the brackets stand as "
            "in the formula? `%` binds as `*` does: without brackets it is b alone that is "
            "divided.", _with(lambda ids, a, b, p, rows: a * ids + b % p % rows)),
]  # fmt: skip


def _hashed(row, ids, a=1, b=0, p=101):
    return torch.tensor(ids), a, b, p, row


def _collides(ids, a, b, p, rows):
    where = [((a * i + b) % p) % rows for i in ids.tolist()]
    each = list(zip(where, ids.tolist(), strict=True))
    return torch.tensor([any(w == v and i != j for v, j in each) for w, i in each])  # (n,)


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
        _hashed(1000, [123456789, 987654321, 111111111, 222222222], 1103515245, 12345, 2147483647),
        _hashed(50, list(range(40)), a=30, b=17, p=101),
    ],
    "Right. An id alone in its row is safe from the others, however often it comes.",
    places=lambda ids, *_: [f"id {i}" for i in ids.tolist()],
    facts=lambda ids, a, b, p, rows: {
        "an id comes twice": len(ids.unique()) < len(ids),
        "the id comes twice": [ids.tolist().count(i) > 1 for i in ids.tolist()],
        "an id is p or more": bool((ids >= p).any()),
        "the ids are large": bool((ids > 10**6).any()),
        "the table has one row": rows == 1,
        "for rows": rows,
    },
    mistakes=_COLLIDES_MISTAKES,
    because=_because_collides,
    tells={"the ids are large": "With large ids a · id needs 64 bits: stay with int64."},
    typical=6,
    shape="(n,), True where another id has the same row",
    row="id",
    legend="1 is True.",
)


# --- recalibrated ---

_ODDS = "Training saw w of the non-clicks, so it found the odds of a click 1/w times too high. "

_RECALIBRATED_MISTAKES = [
    Mistake("not recalibrated", "These are the probabilities as the model gave them.",
            lambda p, w: p),
    Mistake("the wrong way",
            "You went the wrong way: yours are even higher than what the model says. " + _ODDS,
            lambda p, w: p / (p + (1 - p) * w)),
    Mistake("p times w",
            "You multiplied the probability by w. That is close where clicks are rare. " + _ODDS,
            lambda p, w: p * w),
    Mistake("p divided by w", "You divided the probability by w, and some exceed 1. " + _ODDS,
            lambda p, w: p / w),
    Mistake("odds returned", "These are the odds, q / (1 − q). A probability is due.",
            lambda p, w: w * p / (1 - p)),
    Mistake("the clicks weighted below", "In the sum below you weighted the clicks. It is the "
            "non-clicks that were thinned out.", lambda p, w: p / (p / w + (1 - p))),
    Mistake("1 − w in place of w", "w is the share of the non-clicks that was kept, not the share "
            "thrown away.", lambda p, w: p / (p + (1 - p) / (1 - w))),
    Mistake("the logit scaled", "You multiplied the logit by w. Odds that are too high by a factor "
            "are logits that are too high by a *constant*.",
            lambda p, w: torch.sigmoid(torch.logit(p) * w)),
    Mistake("the wrong way", "You added to the logit what was to be taken off. " + _ODDS,
            lambda p, w: torch.sigmoid(torch.logit(p) - math.log(w))),
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
        # One probability and a share of a half, where counting is easy; others; the edges.
        (tensor([0.5]), 0.5),
        (tensor([0.5, 0.8]), 0.25),
        (tensor([0.5, 0.2, 0.9, 0.75]), 0.1),
        (tensor([0.3, 0.6]), 1.0),
        (tensor([0.5, 0.2, 0.9]), 0.4),
        (tensor([0.5, 0.2, 0.9]), 0.05),
        (tensor([0.0002, 0.003, 0.04]), 0.05),
        (tensor([0.9997, 0.98, 0.5]), 0.25),
        (tensor([0.0, 1.0]), 0.1),
    ],
    "Right. The order stays, the promise is mended.",
    places=lambda p, w: [f"p = {x:.4g}" for x in p.tolist()],
    facts=lambda p, w: {
        "w is": w,
        "nothing was thrown away": w == 1,
        "p is 0 or 1": ((p == 0) | (p == 1)),
        "p is below 0.05": (p < 0.05),
        "p is above 0.95": (p > 0.95),
    },
    mistakes=_RECALIBRATED_MISTAKES,
    because=_because_recalibrated,
    tells={
        "p is 0 or 1": "A certain answer stays certain. What divides by 0, or has a logarithm of 0?"
    },
    typical=2,
    shape="(N,), one probability a row",
)


# --- share_that_differs ---


def differs(a, b, tolerance):
    """Beyond the tolerance, or a number on one side and none on the other."""
    both = a.isnan() & b.isnan()
    return ~((a - b).abs() <= tolerance) & ~both


def _columns(make):
    """A number for each feature, made from its two columns."""
    return lambda a, b, tolerance: torch.stack(
        [torch.as_tensor(make(x, y, tolerance)).float() for x, y in zip(a.T, b.T, strict=True)]
    )


def _share(x):
    return x.float().mean()


_DIFFERS_MISTAKES = [
    Mistake("means compared", "You compared the columns' means. Two columns can differ in every "
            "row and have one mean: compare row by row.",
            _columns(lambda a, b, t: (a.nanmean() - b.nanmean()).abs() > t)),
    Mistake("means compared", "You compared the columns' means. Two columns can differ in every "
            "row and have one mean: compare row by row.",
            _columns(lambda a, b, t: (a.nanmean() - b.nanmean()).abs())),
    Mistake("sorted first", "You sorted each side by itself. What belongs together is one row's "
            "number on both sides.",
            _columns(lambda a, b, t: _share(differs(a.sort().values, b.sort().values, t)))),
    Mistake("the sign forgotten", "A difference can be negative as well. You count only what is "
            "larger in training.",
            _columns(lambda a, b, t: _share((a - b > t) | (a.isnan() != b.isnan())))),
    Mistake("the sign forgotten", "A difference can be positive as well. You count only what is "
            "larger in service.",
            _columns(lambda a, b, t: _share((b - a > t) | (a.isnan() != b.isnan())))),
    Mistake("the sign forgotten", "A difference can be negative as well. You count only what is "
            "larger in training.", _columns(lambda a, b, t: _share(a - b > t))),
    Mistake("two missing numbers called different", "Where both sides have nan, both say the same: "
            "missing. But nan equals nothing, not even itself.",
            _columns(lambda a, b, t: _share(~((a - b).abs() <= t)))),
    Mistake("a missing number overlooked", "Where one side has a number and the other nan, they "
            "differ. No comparison with nan is true, so `>` passes it over.",
            _columns(lambda a, b, t: _share((a - b).abs() > t))),
    Mistake("rows with missing numbers dropped", "You left out the rows in which a number is "
            "missing. One side missing is the plainest difference there is, and both missing is "
            "agreement; the share is of all rows.",
            _columns(lambda a, b, t: _share(((a - b).abs() > t)[~(a.isnan() | b.isnan())]))),
    Mistake("missing taken for 0", "You put 0 for nan. A missing number then equals a real 0, and "
            "it isn't one.",
            _columns(lambda a, b, t: _share((a.nan_to_num() - b.nan_to_num()).abs() > t))),
    Mistake("count where a share is due", "You have the number of rows. Divide it by how many "
            "there are.", _columns(lambda a, b, t: differs(a, b, t).sum())),
    Mistake("the rows that agree", "This is the share of rows that agree.",
            _columns(lambda a, b, t: 1 - _share(differs(a, b, t)))),
    Mistake("one number a row", "You have one number a row. One for each feature is due: average "
            "over the rows.", lambda a, b, t: differs(a, b, t).float().mean(1)),
    Mistake("tolerance ignored", "You compare exactly. What differs by less than the tolerance is "
            "rounding.", _columns(lambda a, b, t: _share((a != b) & ~(a.isnan() & b.isnan())))),
    Mistake("tolerance ignored", "You compare exactly, and nan equals nothing. What differs by "
            "less than the tolerance is rounding.", _columns(lambda a, b, t: _share(a != b))),
    Mistake("tolerance taken for a share", "You allow for a difference *relative* to the number. "
            "The tolerance is in the feature's own units.",
            _columns(lambda a, b, t: _share(differs(a, b, t * b.abs())))),
]  # fmt: skip


def _share_that_differs(trained, served, tolerance):
    shares = []
    for column in range(trained.shape[1]):
        pairs = zip(trained[:, column].tolist(), served[:, column].tolist(), strict=True)
        unequal = [not (a != a and b != b) and not abs(a - b) <= tolerance for a, b in pairs]
        shares.append(sum(unequal) / len(unequal))
    return tensor(shares)  # (F,)


def _because_differs(trained, served, tolerance):
    for a, b in zip(trained.T, served.T, strict=True):
        rows = differs(a, b, tolerance).nonzero().flatten().tolist()
        yield f"{len(rows)} of {len(a)} rows" + (f": {', '.join(map(str, rows))}" if rows else "")


_NAN = float("nan")
_TRAINED = tensor(
    [
        [1.0, 5, 200, 0, _NAN],
        [2, 3, 4, 1, 7],
        [3, 4, 6, 0, 7],
        [4, 2, _NAN, 1, 9],
        [5, 1, 8, 1, _NAN],
    ]
)
_SERVED = tensor(
    [
        [1.0, 3, 201, 0.004, _NAN],
        [2, 5, 4.5, 1, 0],
        [3, 2, 5, 0, 7],
        [4, 4, 3, 0.9, 9],
        [5, 1, 8, 1, _NAN],
    ]
)


def _sides(trained, served, tolerance=0.5):
    return tensor(trained), tensor(served), tolerance


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
        _sides([[_NAN], [2], [3], [4]], [[_NAN], [2], [5], [4]]),
        _sides([[0.0], [2], [3]], [[_NAN], [2], [3]], 0.1),
        _sides([[0.0], [1], [3]], [[_NAN], [_NAN], [3]], 2.0),
        _sides([[1.0], [_NAN], [3], [4]], [[1.0], [2], [_NAN], [4]]),
        (_TRAINED, _SERVED, 0.01),
        (_TRAINED, _SERVED, 1.0),
        _sides([[20000.0], [20000], [5]], [[20000.125], [20000], [5]], 0.1),
        (_TRAINED, _TRAINED.clone(), 0.01),
        (_TRAINED[1:3, :3], _SERVED[1:3, :3], 0.1),
        _sides([[1.0, 2], [3, 4]], [[2.0, 3], [4, 4]]),
    ],
    "Right: row by row, in both directions, missing numbers included.",
    places=lambda trained, *_: [f"feature {k}" for k in range(trained.shape[1])],
    facts=lambda a, b, tolerance: {
        "features": a.shape[1],
        "something is missing": (a.isnan() | b.isnan()).any(0),
        "something is missing on both sides": (a.isnan() & b.isnan()).any(0),
        "something is missing on one side": (a.isnan() ^ b.isnan()).any(0),
        "a number is larger in service": (b > a).any(0),
        "a number is larger in training": (a > b).any(0),
        "the tolerance is": tolerance,
        "the numbers are large": (a.abs() > 1000).any(0),
        "there are as many rows as features": a.shape[0] == a.shape[1],
    },
    mistakes=_DIFFERS_MISTAKES,
    because=_because_differs,
    tells={
        "the numbers are large": "The tolerance is absolute. Functions that ask "
        "whether numbers are close allow for the number's size on top, unless told not to."
    },
    typical=8,
    shape="(F,), one share a feature",
)
