"""Chapter 9's NDCG: answer, inputs, what the numbers mean, the usual mistakes. Spoilers."""

import math

from torch import tensor

from microdlrm.exercises.task import Mistake, Task, several


def _worth(place):
    return 1 / math.log2(1 + place)


def _list(scores, relevant, k, worth=_worth):
    """What the first k places give, by score."""
    order = sorted(range(len(scores)), key=lambda i: -float(scores[i]))
    return sum(float(relevant[i]) * worth(place) for place, i in enumerate(order[:k], 1))


def _found(scores, relevant, k):
    """How many of the first k are relevant."""
    return _list(scores, relevant, k, lambda place: 1)


def _best(relevant, k, worth=_worth):
    """What the best order gives."""
    return sum(worth(place) for place in range(1, int(min(k, relevant.sum())) + 1))


def _ndcg_at_k(scores, relevant, k, worth=_worth):
    return _list(scores, relevant, k, worth) / _best(relevant, k, worth)


def _by(worth):
    return lambda s, r, k: _ndcg_at_k(s, r, k, worth)


def _over(films):
    """Divided by what so many places give; any number if there are none."""

    def formula(s, r, k):
        best = sum(_worth(place) for place in range(1, int(films(s, r, k)) + 1))
        return _list(s, r, k) / (best or math.nan)

    return formula


def _films(scores, relevant, k):
    return tensor(scores), tensor(relevant, dtype=tensor(0.5).dtype), k


def _because(scores, relevant, k):
    order = scores.argsort(descending=True).tolist()
    hits = [f"{_worth(place):.4g}" for place, i in enumerate(order[:k], 1) if relevant[i]]
    best = [f"{_worth(place):.4g}" for place in range(1, int(min(k, relevant.sum())) + 1)]
    films = ", ".join(f"film {i}" + "*" * bool(relevant[i]) for i in order)
    yield f"in order: {films} (* relevant); ({' + '.join(hits) or '0'}) / ({' + '.join(best)})"


_SCORES = [0.1, 0.9, 0.4, 0.7, 0.3, 0.8, 0.2, 0.6]


def _draw(dice):
    n = dice.size(8)
    scores = tensor(dice.sample(range(-2, 10), n)) / 4
    return scores, dice.labels(1.0, more=n - 1), dice.size(9)


NDCG_AT_K = Task(
    "ndcg_at_k(scores, relevant, k)",
    _ndcg_at_k,
    [_films(*films) for films in (
        # One relevant film of three, one, two; two of them; k that cuts; out of order; longer.
        ([0.9, 0.5, 0.1], [0, 1, 0], 3), ([0.9, 0.5, 0.1], [0, 0, 1], 3), ([0.5], [1], 1),
        ([0.9, 0.5], [0, 1], 2), ([0.9, 0.5], [1, 0], 2), ([0.5, 0.9], [1, 0], 2),
        ([0.9, 0.5], [1, 1], 1),
        ([0.9, 0.5], [0, 1], 1), ([0.9, 0.5, 0.1], [0, 1, 1], 3), ([0.9, 0.5, 0.1], [0, 1, 1], 2),
        ([0.9, 0.5, 0.1], [1, 0, 1], 3), ([0.1, 0.5, 0.9], [0, 0, 1], 3),
        ([0.5, 0.1, 0.9], [1, 1, 0], 3),
        ([0.9, 0.5], [0, 1], 5), ([-3.0, -1, -2], [0, 0, 1], 2),
        (_SCORES, [0, 0, 1, 1, 0, 1, 0, 0], 5),
        (_SCORES, [1, 0, 0, 0, 0, 0, 0, 1], 6), (_SCORES, [1, 0, 1, 1, 0, 1, 0, 1], 2),
        (_SCORES, [1, 0, 0, 0, 1, 0, 0, 0], 3),
        (_SCORES[:5], [1, 0, 1, 0, 0], 20), (_SCORES, [0, 0, 1, 1, 0, 1, 0, 1], 4),
    )],
    "Right. Found is not enough: a relevant film counts by where it stands.",
    places=lambda *_: ["NDCG@k"],
    draw=_draw,
    facts=lambda s, r, k: {
        "k exceeds the list": k > len(s),
        "the films are in order already": s.tolist() == sorted(s.tolist(), reverse=True),
        "fewer films are relevant than k": bool(r.sum() < k),
        "more films are relevant than k": bool(r.sum() > k),
        "no relevant film is among the first k": _list(s, r, k) == 0,
        "k cuts the list": k < len(s),
    },
    mistakes=[
        Mistake("not normalised", "This is the DCG. Divide it by the best order's.", _list),
        Mistake("lowest first", "The highest score comes first.",
                lambda s, r, k: _ndcg_at_k(-s, r, k)),
        Mistake("k ignored", "Only the first k count.",
                lambda s, r, k: _ndcg_at_k(s, r, len(s))),
        *several("divided by a full list", "The best order can't fill all k places where fewer "
                 "films are relevant.", _over(lambda s, r, k: k),
                 _over(lambda s, r, k: min(k, len(s))), _over(lambda s, r, k: len(s))),
        Mistake("divided by all relevant films", "The best order has k places, too.",
                _over(lambda s, r, k: r.sum())),
        Mistake("best order of the films shown", "It chooses from all of them.", _over(_found)),
        *several("another weight", "Divide by the logarithm of one more than the place.",
                 _by(lambda place: 1 / place), _by(lambda place: _worth(1 + place)),
                 _by(lambda place: 1 / (1 + math.log2(place)))),
        *several("another measure", "This is recall, precision or the like. A film counts by where "
                 "it stands.", lambda s, r, k: _found(s, r, k) / float(r.sum()),
                 lambda s, r, k: _found(s, r, k) / min(k, int(r.sum())),
                 lambda s, r, k: _found(s, r, k) / k),
    ],
    read=lambda *_: lambda number, row: "" if math.isfinite(number) else "divided by 0?",
    because=_because,
    typical=15,
    returns="one number",
    tells={"k exceeds the list": "A list can be shorter than k. Then all of it counts."},
)  # fmt: skip
