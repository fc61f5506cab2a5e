"""What goes wrong in chapter 9's exercises: a table for each. Spoilers."""

import math

import torch

from microdlrm.exercises.task import Mistake

# --- collides ---


def share(row_of, ids):
    """For each id, whether another id, not the same once more, has its row."""
    return torch.stack([((row_of == row_of[i]) & (ids != ids[i])).any() for i in range(len(ids))])  # (n,)


def _with(row_of):
    return lambda ids, a, b, p, rows: share(row_of(ids, a, b, p, rows), ids)


def _rows(ids, a, b, p, rows):
    return (a * ids + b) % p % rows


def _again(ids, a, b, p, rows):
    where = _rows(ids, a, b, p, rows)
    return torch.stack([(where[:i] == where[i]).any() & ~(ids[:i] == ids[i]).any() for i in range(len(ids))])


def _later(ids, a, b, p, rows):
    where = _rows(ids, a, b, p, rows)
    return torch.stack([((where[i:] == where[i]) & (ids[i:] != ids[i])).any() for i in range(len(ids))])


def _beside(ids, a, b, p, rows):
    where = _rows(ids, a, b, p, rows)
    same = (where[1:] == where[:-1]) & (ids[1:] != ids[:-1])
    edge = torch.tensor([False])
    return torch.cat([edge, same]) | torch.cat([same, edge])


_FORMULA = "The row is ((a · id + b) mod p) mod rows: "

COLLIDES = [
    Mistake(
        "an id collides with itself",
        "An id that comes twice lands in its own row twice. That is no collision: another id has to land there.",
        lambda ids, *h: (_rows(ids, *h)[:, None] == _rows(ids, *h)).sum(1) > 1,
    ),
    Mistake(
        "an id collides with itself",
        "You say that every id shares its row: each was compared with itself as well.",
        lambda ids, *h: (_rows(ids, *h)[:, None] == _rows(ids, *h)).any(1),
    ),
    Mistake(
        "the first of two is let off",
        "You mark an id if an earlier one has its row. The earlier one shares its row, too.",
        _again,
    ),
    Mistake(
        "the last of two is let off",
        "You mark an id if a later one has its row. The later one shares its row, too.",
        _later,
    ),
    Mistake(
        "one answer for each different id",
        "An id that comes twice needs its answer twice: one for each place in ids, in their order.",
        lambda ids, *h: share(_rows(ids.unique(), *h), ids.unique()),
    ),
    Mistake("the free ones marked", "You marked the ids that have a row to themselves.",
            lambda ids, *h: ~share(_rows(ids, *h), ids)),
    Mistake("not hashed", "You took the id itself modulo rows: a, b and p are missing, so that neighbours never meet.",
            _with(lambda ids, a, b, p, rows: ids % rows)),
    Mistake("mod rows missing", "You compared numbers below p. Two of them that differ may still land in one row.",
            _with(lambda ids, a, b, p, rows: (a * ids + b) % p)),
    Mistake("mod p missing", _FORMULA + "the division by p comes first. Without it, or behind the other one, "
            "a · id + b goes straight into the table.",
            _with(lambda ids, a, b, p, rows: (a * ids + b) % rows)),
    Mistake("b left out", _FORMULA + "b is missing, or it is added after the first division. Then it only "
            "moves all rows along.", _with(lambda ids, a, b, p, rows: a * ids % p % rows)),
    Mistake("a left out", _FORMULA + "a is missing.", _with(lambda ids, a, b, p, rows: (ids + b) % p % rows)),
    Mistake("a times the sum", _FORMULA + "only the id is multiplied by a, not b.",
            _with(lambda ids, a, b, p, rows: a * (ids + b) % p % rows)),
    Mistake("a and b exchanged", _FORMULA + "you multiplied by b and added a.",
            _with(lambda ids, a, b, p, rows: (b * ids + a) % p % rows)),
    Mistake("nothing collides", "You find no collision, whatever the ids. Do the brackets stand as in the formula? `%` "
            "binds as `*` does: without brackets it is b alone that is divided.",
            _with(lambda ids, a, b, p, rows: a * ids + b % p % rows)),
    Mistake("neighbours only", "You compared each id with the one beside it. Any two of them can meet.", _beside),
]  # fmt: skip


# --- recalibrated ---

_ODDS = "Training saw w of the non-clicks, so it found the odds of a click 1/w times too high. "

RECALIBRATED = [
    Mistake("not recalibrated", "These are the probabilities as the model gave them.", lambda p, w: p),
    Mistake("the wrong way", "You went the wrong way: yours are even higher than what the model says. " + _ODDS,
            lambda p, w: p / (p + (1 - p) * w)),
    Mistake("p times w", "You multiplied the probability by w. That is close only where clicks are rare. " + _ODDS,
            lambda p, w: p * w),
    Mistake("p divided by w", "You divided the probability by w, and some exceed 1. " + _ODDS, lambda p, w: p / w),
    Mistake("odds returned", "These are the odds, q / (1 − q). A probability is due.", lambda p, w: w * p / (1 - p)),
    Mistake("complement returned", "These are the probabilities of no click.",
            lambda p, w: 1 - p / (p + (1 - p) / w)),
    Mistake("the clicks weighted below", "In the sum below you weighted the clicks. It is the non-clicks that were "
            "thinned out.", lambda p, w: p / (p / w + (1 - p))),
    Mistake("not divided", "You have the non-clicks as they were, added to the clicks, below nothing: what share of "
            "that sum are the clicks?", lambda p, w: p + (1 - p) / w),
    Mistake("1 − w in place of w", "w is the share of the non-clicks that was kept, not the share thrown away.",
            lambda p, w: p / (p + (1 - p) / (1 - w))),
    Mistake("w taken for one in w", "You multiplied the non-clicks by 1 + 1/w. Each of those kept stands for 1/w in "
            "all, itself included.", lambda p, w: p / (p + (1 - p) * (1 + 1 / w))),
    Mistake("the logit scaled", "You multiplied the logit by w. Odds that are too high by a factor are logits that are "
            "too high by a *constant*.", lambda p, w: torch.sigmoid(torch.logit(p) * w)),
    Mistake("w itself added to the logit", "You took w, or its neighbour 1/w, off the logit. Odds multiply where "
            "logits add: what number is added when odds are multiplied by w?",
            lambda p, w: torch.sigmoid(torch.logit(p) - 1 / w)),
    Mistake("w itself added to the logit", "You took w off the logit. Odds multiply where logits add: what number is "
            "added when odds are multiplied by w?", lambda p, w: torch.sigmoid(torch.logit(p) - w)),
    Mistake("the wrong way", "You added to the logit what was to be taken off. " + _ODDS,
            lambda p, w: torch.sigmoid(torch.logit(p) - math.log(w))),
    Mistake("shifted to fit the mean", "You multiplied all probabilities by one factor, so that their mean fits. Their "
            "odds have to be multiplied.", lambda p, w: p * (p / (p + (1 - p) / w)).mean() / p.mean()),
]  # fmt: skip


# --- ndcg_at_k ---


def dcg(gains, log=math.log2, first=2):
    return sum(float(g) / log(place) for place, g in enumerate(gains, start=first))


def best_first(scores, relevant):
    return [float(relevant[i]) for i in torch.argsort(scores, descending=True, stable=True)]


def _cut(make):
    """A measure of the first k, best first."""
    return lambda scores, relevant, k: make(best_first(scores, relevant)[:k], relevant, k)


def _ideal(relevant, k, **how):
    return dcg([1.0] * min(k, int(relevant.sum())), **how)


def _reciprocal(first, relevant, k):
    return next((1 / place for place, g in enumerate(first, 1) if g), 0.0)


def _average_precision(first, relevant, k):
    hits = [sum(first[: place + 1]) / (place + 1) for place, g in enumerate(first) if g]
    return sum(hits) / min(k, int(relevant.sum()))


_PLACE = "A place is divided by the logarithm, to base 2, of one more than its number: place 1 counts in full. "


def _without_k(scores, relevant, k):
    return dcg(best_first(scores, relevant)) / _ideal(relevant, len(scores))


def _lowest_first(scores, relevant, k):
    return dcg(best_first(-scores, relevant)[:k]) / _ideal(relevant, k)


def _position(scores):
    """What `argsort` gives, one behind another: not the place of each film, but the film of each place."""
    return torch.argsort(scores, descending=True).tolist()


def _argsort_for_places(scores, relevant, k):
    pairs = zip(relevant, _position(scores), strict=True)
    return sum(float(r) / math.log2(2 + place) for r, place in pairs if place < k) / _ideal(relevant, k)


def _argsort_for_places_cut_late(scores, relevant, k):
    pairs = list(zip(relevant, _position(scores), strict=True))[:k]
    return sum(float(r) / math.log2(2 + place) for r, place in pairs) / _ideal(relevant, k)


def _sorted_by_label(scores, relevant, k):
    return dcg(relevant[:k]) / _ideal(relevant, k)


_ARGSORT = (
    "Sorting the positions gives the film that stands at each place. You read it as the place where each film stands."
)

NDCG_AT_K = [
    Mistake("films taken for places", _ARGSORT, _argsort_for_places),
    Mistake("films taken for places", _ARGSORT, _argsort_for_places_cut_late),
    Mistake("best order one film short", "Your best order has a film too few: does a range end before its last number?",
            _cut(lambda first, relevant, k: dcg(first) / dcg([1.0] * (min(k, int(relevant.sum())) - 1)))),
    Mistake("not normalised", "This is the DCG. Divide it by what the best order would give.",
            _cut(lambda first, relevant, k: dcg(first))),
    Mistake("lowest first", "You went from the lowest score upwards.", _lowest_first),
    Mistake("not sorted", "You took the films as they stood. Order them by score first.", _sorted_by_label),
    Mistake("k ignored", "You went down the whole list. Only the first k count.", _without_k),
    Mistake("divided by a full list", "The best order can't put relevant films on all k places where there are fewer. "
            "How many can it?", _cut(lambda first, relevant, k: dcg(first) / dcg([1.0] * k))),
    Mistake("divided by all relevant films", "You let the best order run over all relevant films. It has k places, "
            "too.", _cut(lambda first, relevant, k: dcg(first) / dcg([1.0] * int(relevant.sum())))),
    Mistake("best order of the films shown", "Your best order rearranges the k films that were chosen. The best order "
            "chooses from all of them.",
            _cut(lambda first, relevant, k: dcg(first) / dcg(sorted(first, reverse=True)) if any(first) else 0.0)),
    Mistake("places off by one", _PLACE + "Yours start one later: did you add 2 to a place that counts from 1?",
            _cut(lambda first, relevant, k: dcg(first, first=3) / _ideal(relevant, k, first=3))),
    Mistake("places off by one", _PLACE + "In the best order you start elsewhere than in the list.",
            _cut(lambda first, relevant, k: dcg(first, first=3) / _ideal(relevant, k))),
    Mistake("log of 1 + log", "You divide by one plus the logarithm of the place. The one belongs inside.",
            _cut(lambda first, relevant, k: dcg(first, lambda x: 1 + math.log2(x), 1)
                 / _ideal(relevant, k, log=lambda x: 1 + math.log2(x), first=1))),
    Mistake("no logarithm", "You divide by the place. The logarithm of one more than it is due.",
            _cut(lambda first, relevant, k: dcg(first, float, 1) / _ideal(relevant, k, log=float, first=1))),
    Mistake("no logarithm", "You divide by one more than the place. The logarithm of that is due.",
            _cut(lambda first, relevant, k: dcg(first, float) / _ideal(relevant, k, log=float))),
    Mistake("divided by the number of relevant films", "You divided by how many relevant films there are. The best "
            "order isn't worth 1 a film: its later places count less.",
            _cut(lambda first, relevant, k: dcg(first) / float(relevant.sum()))),
    Mistake("divided by the number of relevant films", "You divided by how many relevant films fit into k places. The "
            "best order isn't worth 1 a film: its later places count less.",
            _cut(lambda first, relevant, k: dcg(first) / min(k, float(relevant.sum())))),
    Mistake("divided by k", "You divided by k. Divide by what the best order would give.",
            _cut(lambda first, relevant, k: dcg(first) / k)),
    Mistake("recall", "This is recall@k: it asks how many are there, not where.",
            _cut(lambda first, relevant, k: sum(first) / float(relevant.sum()))),
    Mistake("recall", "This is recall@k: it asks how many are there, not where.",
            _cut(lambda first, relevant, k: sum(first) / min(k, float(relevant.sum())))),
    Mistake("precision", "This is the share of relevant films among the first k: it doesn't ask where they stand.",
            _cut(lambda first, relevant, k: sum(first) / k)),
    Mistake("first hit only", "You looked for the first relevant film. Each of them counts, by its place.",
            _cut(_reciprocal)),
    Mistake("average precision", "This is the average precision, another measure of a list. NDCG divides each hit by a "
            "logarithm of its place.", _cut(_average_precision)),
    Mistake("scores for gains", "You added up the scores. What counts is whether a film is relevant, 1 or 0.",
            lambda s, r, k: dcg(s.sort(descending=True).values[:k]) / _ideal(r, k)),
]  # fmt: skip


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


SHARE_THAT_DIFFERS = [
    Mistake("means compared", "You compared the columns' means. Two columns can differ in every row and have one mean: "
            "compare row by row.", _columns(lambda a, b, t: (a.nanmean() - b.nanmean()).abs() > t)),
    Mistake("means compared", "You compared the columns' means. Two columns can differ in every row and have one mean: "
            "compare row by row.", _columns(lambda a, b, t: (a.nanmean() - b.nanmean()).abs())),
    Mistake("sorted first", "You sorted each side by itself. What belongs together is one row's number on both sides.",
            _columns(lambda a, b, t: _share(differs(a.sort().values, b.sort().values, t)))),
    Mistake("the sign forgotten", "A difference can be negative as well. You count only what is larger in training.",
            _columns(lambda a, b, t: _share((a - b > t) | (a.isnan() != b.isnan())))),
    Mistake("the sign forgotten", "A difference can be positive as well. You count only what is larger in service.",
            _columns(lambda a, b, t: _share((b - a > t) | (a.isnan() != b.isnan())))),
    Mistake("the sign forgotten", "A difference can be negative as well. You count only what is larger in training.",
            _columns(lambda a, b, t: _share(a - b > t))),
    Mistake("two missing numbers called different", "Where both sides have nan, both say the same: missing. But nan "
            "equals nothing, not even itself.", _columns(lambda a, b, t: _share(~((a - b).abs() <= t)))),
    Mistake("a missing number overlooked", "Where one side has a number and the other nan, they differ. No comparison "
            "with nan is true, so `>` passes it over.", _columns(lambda a, b, t: _share((a - b).abs() > t))),
    Mistake("rows with missing numbers dropped", "You left out the rows in which a number is missing. One side missing "
            "is the plainest difference there is, and both missing is agreement; the share is of all rows.",
            _columns(lambda a, b, t: _share(((a - b).abs() > t)[~(a.isnan() | b.isnan())]))),
    Mistake("missing taken for 0", "You put 0 for nan. A missing number then equals a real 0, and it isn't one.",
            _columns(lambda a, b, t: _share((a.nan_to_num() - b.nan_to_num()).abs() > t))),
    Mistake("count where a share is due", "You have the number of rows. Divide it by how many there are.",
            _columns(lambda a, b, t: differs(a, b, t).sum())),
    Mistake("yes or no", "You say whether a feature differs anywhere. On what share of the rows does it?",
            _columns(lambda a, b, t: differs(a, b, t).any())),
    Mistake("the rows that agree", "This is the share of rows that agree.",
            _columns(lambda a, b, t: 1 - _share(differs(a, b, t)))),
    Mistake("one number a row", "You have one number a row. One for each feature is due: average over the rows.",
            lambda a, b, t: differs(a, b, t).float().mean(1)),
    Mistake("one number for all", "You have one number for the whole table. Which feature is it?",
            lambda a, b, t: differs(a, b, t).float().mean()),
    Mistake("how far, not how often", "This is how far the two are apart on average. On what share of the rows do they "
            "differ?", _columns(lambda a, b, t: (a - b).abs().nanmean())),
    Mistake("tolerance ignored", "You compare exactly. What differs by less than the tolerance is rounding.",
            _columns(lambda a, b, t: _share((a != b) & ~(a.isnan() & b.isnan())))),
    Mistake("tolerance ignored", "You compare exactly, and nan equals nothing. What differs by less than the tolerance "
            "is rounding.", _columns(lambda a, b, t: _share(a != b))),
    Mistake("tolerance taken for a share", "You allow for a difference *relative* to the number. The tolerance is in "
            "the feature's own units.",
            _columns(lambda a, b, t: _share(~((a - b).abs() <= t * b.abs()) & ~(a.isnan() & b.isnan())))),
]  # fmt: skip
