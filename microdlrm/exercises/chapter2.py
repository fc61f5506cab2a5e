"""Chapter 2's exercises: answers, inputs, what the numbers mean, the usual mistakes. Spoilers."""

from itertools import pairwise

import torch
from torch import tensor

from microdlrm.exercises.dice import Dice
from microdlrm.exercises.task import Mistake, Task, made_of, several


def _offsets_from_lengths(lengths):
    return tensor([sum(lengths[:b].tolist()) for b in range(len(lengths))])  # (B,)


def _read_lengths(lengths):
    parts = {f"length {b}": n for b, n in enumerate(lengths.tolist()) if n}
    return made_of(parts | {"1": 1}, most=1, least=-1)


OFFSETS_FROM_LENGTHS = Task(
    "offsets_from_lengths(lengths)",
    _offsets_from_lengths,
    # Powers of ten: the digits of a sum say what was added up. Then empty bags; many.
    [(tensor(n),) for n in (
        [10, 100, 1000], [10], [0, 10], [10, 0], [0, 0, 10, 0], [2, 3, 0, 1, 4],
    )],
    "Right. An empty bag starts where the next one does.",
    places=lambda n: [f"bag {b}" for b in range(len(n))],
    draw=lambda dice: (dice.whole(0, dice.size(), dice.size(6)),),
    facts=lambda n: {
        "bags": len(n),
        "a bag is empty": bool((n == 0).any()),
        "it is the first bag": torch.arange(len(n)) == 0,
    },
    mistakes=[
        Mistake("ends instead of starts", "A bag starts where the one before it ended.",
                lambda n: n.cumsum(0)),
        Mistake("one too many", "The last of your numbers is where the last bag ends.",
                lambda n: torch.cat([n.new_zeros(1), n.cumsum(0)])),
        Mistake("the bag before alone", "A bag starts behind all those before it.",
                lambda n: torch.cat([n.new_zeros(1), n[:-1]])),
    ],
    read=_read_lengths,
    because=lambda n: [
        " + ".join(map(str, n[:b].tolist())) or "nothing before it" for b in range(len(n))
    ],
    typical=5,
    shape="(B,), one start a bag",
)  # fmt: skip


def _spans(indices, offsets):
    return pairwise([*offsets.tolist(), len(indices)])


def _bags(row, spans=_spans):
    return lambda w, i, o: torch.stack([row(w[i[a:b]]) for a, b in spans(i, o)])  # (B, d)


_embedding_bag = _bags(lambda rows: rows.sum(0))


def _tens(rows, d=1):
    """A table whose row r holds 10^r: a sum's digits say which rows are in it, and how often."""
    return 10.0 ** torch.arange(rows)[:, None] * torch.arange(1, d + 1)  # (rows, d)


def _table(*shape):
    return Dice(3).whole(-5, 5, *shape).float()


def _read_rows(weight, indices, offsets):
    tens = {f"row {r}": 10.0**r for r in range(len(weight))}
    tens = tens if weight.tolist() == [[ten] for ten in tens.values()] else {}
    return made_of(tens, most=3, least=-1)


def _lengths(indices, offsets):
    return tensor([b - a for a, b in _spans(indices, offsets)])  # (B,)


def _bag_facts(weight, indices, offsets):
    spans, lengths = list(_spans(indices, offsets)), _lengths(indices, offsets)
    return {
        "the bag is empty": lengths == 0,
        "the bag is empty, and ids follow": (lengths == 0) & (offsets < len(indices)),
        "the bag has one id": lengths == 1,
        "ids in the bag": lengths,
        "it is the first bag": torch.arange(len(spans)) == 0,
        "it is the last bag": torch.arange(len(spans)) == len(spans) - 1,
        "an id comes twice in the bag": [len(set(indices[a:b].tolist())) < b - a for a, b in spans],
        "bags": len(spans),
        "an empty bag is followed by another": bool((lengths[:-1] == 0).any()),
        "some bag is empty": bool((lengths == 0).any()),
    }


def _draw_bags(dice):
    rows, bags, d = dice.size(), dice.size(), dice.size(3)
    lengths = dice.whole(0, dice.size(3), bags)
    indices = dice.whole(0, rows - 1, max(1, int(lengths.sum())))
    lengths[-1] += len(indices) - lengths.sum()  # one id at least
    return dice.floats(rows, d), indices, lengths.cumsum(0) - lengths


EMBEDDING_BAG = Task(
    "embedding_bag(weight, indices, offsets)",
    _embedding_bag,
    [
        # Two bags, one; an id twice; empty bags, first, last, between; more ids than rows.
        *((_tens(4), tensor(i), tensor(o)) for i, o in [
            ([1, 2, 3], [0, 1]), ([1, 2, 3], [0, 2]), ([1, 2], [0, 1]), ([3, 1, 2], [0]),
            ([2, 2], [0]), ([2, 1], [0, 0]), ([1, 2], [0, 2]), ([1, 2, 3], [0, 1, 1]),
            ([3, 1], [0, 0, 2, 2]), ([1, 3, 2, 2], [0, 2]), ([1, 3, 2, 1, 1, 3], [0, 1]),
        ]),
        (_tens(4, 2), tensor([1, 2]), tensor([0])),
        (_table(7, 3), tensor([6, 1, 4, 0, 4, 2, 5]), tensor([0, 2, 2, 5])),
        (_table(9, 5) / 3, tensor([8, 0, 3, 3]), tensor([0, 1, 3])),
    ],
    "Right. This is what `EmbeddingBag` computes, without ever making the rows one by one.",
    places=lambda w, i, o: [f"column {k}" for k in range(w.shape[1])],
    draw=_draw_bags,
    facts=_bag_facts,
    mistakes=[
        Mistake("mean instead of sum", "A bag's rows are added up.", _bags(lambda r: r.mean(0))),
        Mistake("rows overwritten", "Of each bag only the last row is there. An assignment at an "
                "index that comes twice keeps one, even with `+=`.",
                _bags(lambda r: r[-1] if len(r) else r.sum(0))),
        Mistake("last bag missing", "It has no offset behind it: it ends where `indices` does.",
                _bags(lambda r: r.sum(0), lambda i, o: pairwise(o.tolist()))),
        Mistake("repeated ids dropped", "An id that comes twice in a bag counts twice.",
                lambda w, i, o: torch.stack([w[i[a:b].unique()].sum(0) for a, b in _spans(i, o)])),
        *several("an id left out", "A bag goes from its offset up to the next, or to the end.",
                 _bags(lambda r: r[:-1].sum(0)), _bags(lambda r: r[1:].sum(0)),
                 lambda w, i, o: _embedding_bag(w, i[:-1], o)),
        Mistake("offsets taken for lengths", "They are starts.",
                _bags(lambda r: r.sum(0), lambda i, o: pairwise([0, *o.cumsum(0).tolist()]))),
        Mistake("the table's first rows", "Offsets are places in `indices`, whose ids name rows.",
                lambda w, i, o: torch.stack([w[a:b].sum(0) for a, b in _spans(i, o)])),
    ],
    read=_read_rows,
    because=lambda w, i, o: [
        " + ".join(f"row {r}" for r in i[a:b].tolist()) or "an empty bag"
        for a, b in _spans(i, o)
        for _ in range(w.shape[1])
    ],
    tells={
        "the bag is empty": "An empty bag is a row of zeros, at the beginning and at the end too.",
        "the bag is empty, and ids follow": "They belong to the next bag.",
        "an empty bag is followed by another": "It keeps its own place in the result.",
        "it is the last bag": "It has no offset behind it: it ends where `indices` does.",
    },
    typical=12,
    shape="(B, d), one row a bag",
    row="bag",
    gradients=("weight",),
)  # fmt: skip
