"""What the answers of chapter 9 are made of, part by part, and what learners take in its place. Spoilers.

Each recipe is a test for `Task.own`; of each part, "" is the right choice.
"""

# ruff: noqa: E501 — a table: a choice and its words on one line

import math

import torch

from microdlrm.exercises.otherwise import recipe

RECALIBRATED = recipe(
    lambda at, factor, way, end: lambda p, w: end(way(at(p), factor(w))),
    {
        "": lambda p: p,
        "you start from 1 - p": lambda p: 1 - p,
        **{
            f"p is kept at least {e} away from 0 and 1, so that rare clicks become frequent ones": lambda p, e=e: p.clamp(
                e, 1 - e
            )
            for e in (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 1e-3, 5e-4)
        },
        **{f"p is rounded to {n} places": lambda p, n=n: p.round(decimals=n) for n in (1, 2, 3)},
    },
    {
        "": lambda w: w,
        "you went the wrong way, with 1/w for w": lambda w: 1 / w,
        "you took 1 - w for w: w is the share of the non-clicks that was *kept*": lambda w: 1 - w,
        "you took 1/(1 - w) for w": lambda w: 1 / (1 - w),
        "you took the root of w": lambda w: w**0.5,
        "you took w squared": lambda w: w * w,
        "you took w/(1 - w): w is a share, no odds": lambda w: w / (1 - w),
        "you took w/(1 + w) for w": lambda w: w / (1 + w),
        "you took 1 + w for w": lambda w: 1 + w,
        "you took log w to base 2": lambda w: math.exp(math.log2(w)),
        "you took log w to base 10": lambda w: math.exp(math.log10(w)),
        "1/w is rounded down: a non-click stands for 1/w of them, whole or not": lambda w: 1 / (1 // w),
        "1/w is rounded to a whole number": lambda w: 1 / round(1 / w),
        "1/w is rounded up": lambda w: 1 / math.ceil(1 / w),
        "w is rounded": lambda w: round(w, 1),
        "you took half of the factor": lambda w: w / 2,
    },
    {
        "": lambda p, f: f * p / (f * p + 1 - p),
        "the probability is multiplied: it is the odds that have to be": lambda p, f: f * p,
        "the probability of no click is multiplied: it is the odds that have to be": lambda p, f: 1 - f * (1 - p),
        "the logit is multiplied: it is the odds that have to be": lambda p, f: torch.sigmoid(torch.logit(p) * f),
        "the factor itself is added to the logit: its logarithm is due": lambda p, f: torch.sigmoid(torch.logit(p) + f),
        "the factor itself is taken off the logit: its logarithm is due": lambda p, f: torch.sigmoid(torch.logit(p) - f),
        "the probability is raised to a power": lambda p, f: p**f,
        "p and w are mixed as a mean is": lambda p, f: f * p + (1 - f),
        "above, the factor is missing": lambda p, f: p / (f * p + 1 - p),
        "below, the factor is missing": lambda p, f: f * p / (p + 1 - p),
        "below stands 1 + p, and not what is left of the rows": lambda p, f: f * p / (1 + f * p),
        "the mean is mended, not the odds of each row": lambda p, f: p * f / (f * p.mean() + 1 - p.mean()),
    },
    {
        "": lambda q: q,
        "you return the odds: a probability is due": lambda q: q / (1 - q),
        "you return the logit, and not the probability": lambda q: torch.logit(q),
        "you return the probability of no click": lambda q: 1 - q,
        "all is divided by its sum": lambda q: q / q.sum(),
        "all is divided by its largest": lambda q: q / q.max(),
    },
)  # fmt: skip


def _places(order, gains, cut, worth, best, end):
    def formula(scores, relevant, k):
        hits = [float(gains(scores, relevant)[i]) for i in order(scores, relevant)][: cut(k, len(scores), int(relevant.sum()))]
        got = sum(g * w for g, w in zip(hits, map(worth, range(1, len(hits) + 1)), strict=True))
        return end(got / best(hits, relevant, k, worth))

    return formula


def _ideal(length):
    return lambda hits, r, k, worth: sum(map(worth, range(1, int(length(hits, int(r.sum()), k)) + 1)))


def _best_first(s, r):
    return s.argsort(descending=True).tolist()


NDCG_AT_K = recipe(
    _places,
    {
        "": _best_first,
        "you went from the lowest score upwards": lambda s, r: s.argsort().tolist(),
        "the films aren't ordered by their scores": lambda s, r: range(len(s)),
        "you took the film at each place for the place of each film": lambda s, r: s.argsort(descending=True).argsort().tolist(),
        "you leave out the first film": lambda s, r: _best_first(s, r)[1:],
        "the films are sorted by relevance": lambda s, r: r.argsort(descending=True, stable=True).tolist(),
    },
    {
        "": lambda s, r: r,
        "you counted scores, and not whether a film is relevant": lambda s, r: s,
        "you counted scores of relevant films, and not 1 for each": lambda s, r: s * r,
        "you counted the films that aren't relevant": lambda s, r: 1 - r,
    },
    {
        "": lambda k, n, m: k,
        "the list is cut at the number of relevant films: it is the best order that can't be longer": lambda k, n, m: min(k, m),
        "the list has k - 1 places: a range ends before its last number": lambda k, n, m: k - 1,
        "the list has k + 1 places": lambda k, n, m: k + 1,
        "you went down the whole list, and not k places": lambda k, n, m: n,
    },
    {
        "": lambda place: 1 / math.log2(1 + place),
        "you divide by the logarithm of the place, and by 1 at place 1, so that the first two places count alike: one more "
        "than the place is due in it": lambda place: 1 / max(1.0, math.log2(place)),
        "your places start one too late: it is the logarithm of one more than the place, not of two": lambda place: 1 / math.log2(2 + place),
        "you divide by one plus the logarithm: the one belongs inside": lambda place: 1 / (1 + math.log2(place)),
        "you divide by the place, without a logarithm": lambda place: 1 / place,
        "you divide by 1 + place, without a logarithm": lambda place: 1 / (1 + place),
        "you divide by the root of the place": lambda place: place**-0.5,
        "you divide by the place squared": lambda place: place**-2.0,
        "you divide by the logarithm squared": lambda place: math.log2(1 + place) ** -2,
        "places aren't discounted at all": lambda place: 1.0,
        "each place counts half of the one before": lambda place: 0.5**place,
        "you multiply by the logarithm, where you should divide": lambda place: math.log2(1 + place),
        "place 1 isn't counted": lambda place: 0.0 if place == 1 else 1 / math.log2(place),
        "only place 1 counts": lambda place: float(place == 1),
    },
    {
        "": _ideal(lambda hits, m, k: min(k, m)),
        "the best order runs over all relevant films: it has k places, too": _ideal(lambda hits, m, k: m),
        "the best order is taken to fill all k places": _ideal(lambda hits, m, k: k),
        "the best order is taken to fill all places shown": _ideal(lambda hits, m, k: len(hits)),
        "the best order rearranges the films shown: it chooses from all of them": _ideal(lambda hits, m, k: sum(hits)),
        "the best order has a film too few": _ideal(lambda hits, m, k: min(k, m) - 1),
        "the best order has a film too many": _ideal(lambda hits, m, k: min(k, m) + 1),
        "it isn't divided by what the best order gives": lambda hits, r, k, worth: 1,
        "it is divided by k": lambda hits, r, k, worth: k,
        "it is divided by the number of relevant films, and not by what they could give": lambda hits, r, k, worth: r.sum(),
        "it is divided by how many films could be found": lambda hits, r, k, worth: min(k, int(r.sum())),
        "it is divided by how many were found": lambda hits, r, k, worth: sum(hits) or 1,
        "in the best order, places are discounted as they should, and in the list they aren't": lambda hits, r, k, worth: sum(
            1 / math.log2(1 + p) for p in range(1, min(k, int(r.sum())) + 1)
        ),
    },
    {
        "": float,
        "it is 1 less what is due": lambda x: 1 - float(x),
        "it is rounded": lambda x: round(float(x), 2),
    },
)  # fmt: skip

SHARE_THAT_DIFFERS = recipe(
    lambda gap, apart, limit, missing, total: lambda a, b, t: total(
        missing(apart(gap(a, b), limit(t)), a, b), a, b
    ).to(a.dtype),
    {
        "": lambda a, b: (a - b).abs(),
        "you look one way only: served may be the larger one, too": lambda a, b: a - b,
        "you look one way only: trained may be the larger one, too": lambda a, b: b - a,
        "you compare relative to trained: the tolerance is absolute": lambda a, b: ((a - b) / a).abs(),
        "you compare relative to served: the tolerance is absolute": lambda a, b: ((a - b) / b).abs(),
        "you compare the squared difference": lambda a, b: (a - b) ** 2,
        "you sort both sides first": lambda a, b: (a.sort(0).values - b.sort(0).values).abs(),
        "you compare the rounded numbers": lambda a, b: (a.round() - b.round()).abs(),
        "you compare with the row before": lambda a, b: (a - b.roll(1, 0)).abs(),
        "you compare the features' means": lambda a, b: (a.nanmean(0) - b.nanmean(0)).abs().expand_as(a),
        "you compare whole numbers": lambda a, b: (a.nan_to_num().long() - b.nan_to_num().long()).abs().double(),
    },
    {
        "": torch.gt,
        "you count the rows that agree": torch.le,
    },
    {
        "": lambda t: t,
        "the tolerance is ignored": lambda t: 0.0,
        "the tolerance is doubled": lambda t: 2 * t,
        "the tolerance is halved": lambda t: t / 2,
        "the tolerance is squared": lambda t: t * t,
    },
    {
        "": lambda d, a, b: d & ~(a.isnan() & b.isnan()) | (a.isnan() != b.isnan()),
        "a number missing on one side counts as agreement": lambda d, a, b: d & ~(a.isnan() | b.isnan()),
        "numbers missing on both sides count as a difference": lambda d, a, b: d | a.isnan() | b.isnan(),
        "a number missing in training alone counts as agreement": lambda d, a, b: (d & ~a.isnan()) | (~a.isnan() & b.isnan()),
        "a number missing in service alone counts as agreement": lambda d, a, b: (d & ~b.isnan()) | (a.isnan() & ~b.isnan()),
        "numbers missing on both sides count as a difference, and on one side as none": lambda d, a, b: (
            d | (a.isnan() & b.isnan())
        ) & (a.isnan() == b.isnan()),
    },
    {
        "": lambda d, a, b: d.float().mean(0),
        "the share is of the rows without a missing number: it is of all rows": lambda d, a, b: (
            (d & ~(a.isnan() | b.isnan())).sum(0) / (~(a.isnan() | b.isnan())).sum(0).clamp(min=1)
        ),
        "you divide by the rows without a missing number: divide by all": lambda d, a, b: (
            d.sum(0) / (~(a.isnan() | b.isnan())).sum(0).clamp(min=1)
        ),
        "you return the number of rows, and not their share": lambda d, a, b: d.sum(0),
        "you say whether any row differs, and not on what share": lambda d, a, b: d.any(0),
        "you return percent: a share is from 0 to 1": lambda d, a, b: 100 * d.float().mean(0),
        "you divide by the number of features, and not of rows": lambda d, a, b: d.sum(0) / d.shape[1],
        "you divide by one row less": lambda d, a, b: d.sum(0) / (len(d) - 1),
        "you divide by all numbers of the table": lambda d, a, b: d.sum(0) / d.numel(),
        "you divide by the differing rows of all features": lambda d, a, b: d.sum(0) / d.sum().clamp(min=1),
        "you average over the features of each row, and not over the rows": lambda d, a, b: d.float().mean(1),
        "a row that differs in one feature counts for all": lambda d, a, b: (
            d.any(1).float().mean().expand(d.shape[1])
        ),
    },
)  # fmt: skip


def _collisions(row_of, compared):
    return lambda ids, a, b, p, rows: compared(row_of(ids, a, b, p, rows), ids)


def _pairs(where):
    return lambda row, ids: (
        (row[:, None] == row) & (ids[:, None] != ids) & where(torch.arange(len(ids))[:, None], torch.arange(len(ids)))
    ).any(1)


def _beside_sorted(row, ids):
    order = (row * (ids.max() + 1) + ids).argsort(stable=True)
    beside = (row[order][1:] == row[order][:-1]) & (ids[order][1:] != ids[order][:-1])
    hit, edge = torch.zeros(len(ids), dtype=torch.bool), torch.tensor([False])
    hit[order] = torch.cat([edge, beside]) | torch.cat([beside, edge])
    return hit


COLLIDES = recipe(
    _collisions,
    {
        "": lambda i, a, b, p, r: (a * i + b) % p % r,
        "mod p is missing": lambda i, a, b, p, r: (a * i + b) % r,
        "mod rows is missing": lambda i, a, b, p, r: (a * i + b) % p,
        "the two remainders are taken in the wrong order": lambda i, a, b, p, r: (a * i + b) % r % p,
        "b is missing": lambda i, a, b, p, r: a * i % p % r,
        "a is missing": lambda i, a, b, p, r: (i + b) % p % r,
        "b is added behind the first remainder": lambda i, a, b, p, r: (a * i % p + b) % r,
        "b is added behind both remainders": lambda i, a, b, p, r: a * i % p % r + b,
        "a also multiplies b": lambda i, a, b, p, r: a * (i + b) % p % r,
        "a and b have changed places": lambda i, a, b, p, r: (b * i + a) % p % r,
        "a is added, and not multiplied": lambda i, a, b, p, r: (i + a + b) % p % r,
        "the ids aren't hashed": lambda i, a, b, p, r: i % r,
        "the ids aren't hashed, nor cut": lambda i, a, b, p, r: i,
        "you divide by rows, and don't take the remainder": lambda i, a, b, p, r: (a * i + b) % p // r,
        "you hash positions, and not ids": lambda i, a, b, p, r: (a * torch.arange(len(i)) + b) % p % r,
        "rows is taken 1 too small": lambda i, a, b, p, r: (a * i + b) % p % max(1, r - 1),
        "rows is taken 1 too large": lambda i, a, b, p, r: (a * i + b) % p % (r + 1),
    },
    {
        "": _pairs(lambda i, j: i != j),
        "an id is taken to collide with itself": lambda row, ids: (row[:, None] == row).sum(1) > 1,
        "only the later of two ids is marked: the earlier shares its row, too": _pairs(lambda i, j: i > j),
        "only the earlier of two ids is marked: the later shares its row, too": _pairs(lambda i, j: i < j),
        "only ids right beside each other are compared": _pairs(lambda i, j: (i - j).abs() == 1),
        "after sorting, each entry is compared with its neighbours only: copies of an id hide the ids behind them": _beside_sorted,
        "an id is compared only with the one in front": _pairs(lambda i, j: i - j == 1),
        "only entries in a row that holds an id twice are marked": lambda row, ids: (
            (row[:, None] == row) & (ids[:, None] == ids)
        ).sum(1) > 1,
        "an id that comes more than once is never marked": lambda row, ids: (
            _pairs(lambda i, j: i != j)(row, ids) & ((ids[:, None] == ids).sum(1) == 1)
        ),
        "the ids that have a row to themselves are marked": lambda row, ids: ~_pairs(lambda i, j: i != j)(row, ids),
        "a row with more than two entries is marked: two different ids are enough": lambda row, ids: (
            (row[:, None] == row).sum(1) > 2
        ),
        "a row with more than two ids is marked: two are enough": lambda row, ids: torch.tensor(
            [ids[row == x].unique().numel() > 2 for x in row]
        ),
        "neighbouring rows count as one": lambda row, ids: (
            ((row[:, None] - row).abs() <= 1) & (ids[:, None] != ids)
        ).any(1),
    },
)  # fmt: skip

