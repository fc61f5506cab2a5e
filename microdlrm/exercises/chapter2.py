"""Chapter 2's exercises: answers, inputs, and the mistakes to recognise. Spoilers."""

from itertools import pairwise

import torch

from microdlrm.exercises import recipes
from microdlrm.exercises.task import Case, Mistake, Task, small_whole_numbers


def _offsets_from_lengths(lengths):
    return torch.tensor([sum(lengths[:b].tolist()) for b in range(len(lengths))])  # (B,)


_OFFSETS_MISTAKES = [
    Mistake(
        "lengths returned", "These are the lengths. An offset says where a bag starts, not how long it is.", lambda n: n
    ),
    Mistake(
        "ends instead of starts",
        "These are where the bags end. Each starts where the one before it ended, the first at 0.",
        lambda n: n.cumsum(0),
    ),
    Mistake(
        "one too many",
        "You have B + 1 numbers: the last is where the last bag ends. `EmbeddingBag` knows that from the ids' length; "
        "B numbers are due.",
        lambda n: torch.cat([n.new_zeros(1), n.cumsum(0)]),
    ),
    Mistake("the first 0 missing", "You lack the first number: bag 0 starts at 0.", lambda n: n.cumsum(0)[:-1]),
    Mistake(
        "one id a bag assumed",
        "0, 1, 2, … is right if every bag holds one id. These hold more, and some hold none.",
        lambda n: torch.arange(len(n)),
    ),
    Mistake("counted from 1", "Your first bag starts at 1. Positions count from 0.", lambda n: n.cumsum(0) - n + 1),
    Mistake("last position instead of start", "These are the bags' last positions.", lambda n: n.cumsum(0) - 1),
    Mistake(
        "lengths shifted",
        "You moved the lengths along by one, and did not add them up: a bag starts behind *all* those before it.",
        lambda n: torch.cat([n.new_zeros(1), n[:-1]]),
    ),
]

OFFSETS_FROM_LENGTHS = Task(
    "offsets_from_lengths(lengths)",
    _offsets_from_lengths,
    [
        Case("", "lengths 2, 3, 0, 1, 4", (torch.tensor([2, 3, 0, 1, 4]),)),
        Case("one bag", "lengths 3", (torch.tensor([3]),)),
        Case("empty bags", "lengths 0, 0, 2, 0", (torch.tensor([0, 0, 2, 0]),)),
    ],
    _OFFSETS_MISTAKES,
    "Right. An empty bag starts where the next one does.",
    shape="(B,), one start a bag",
    own=(recipes.OFFSETS_FROM_LENGTHS,),
    columns=lambda lengths: [f"bag {b}" for b in range(len(lengths))],
    other="Write the bags' ids in one row, one bag after another. At which position does each bag begin?",
)


def _spans(indices, offsets):
    """Where each bag starts and ends."""
    return pairwise([*offsets.tolist(), len(indices)])


def _embedding_bag(weight, indices, offsets):
    return torch.stack([weight[indices[a:b]].sum(0) for a, b in _spans(indices, offsets)])  # (B, d)


def _bags(row, spans=_spans):
    return lambda w, i, o: torch.stack([row(w[i[a:b]]) for a, b in spans(i, o)])


def _total(rows):
    return rows.sum(0)


_AVERAGED = "You averaged the rows of a bag. Their sum is due"
_LAST_BAG = "The last bag has no offset behind it: it ends where `indices` does."

_EMBEDDING_BAG_MISTAKES = [
    Mistake(
        "one id a bag assumed",
        "You took one row for each bag, its first. A bag holds as many ids as lie before the next offset.",
        lambda w, i, o: w[i[o.clamp(max=len(i) - 1)]],
    ),
    Mistake("one id a bag assumed", "You took the first B ids, one for each bag.", lambda w, i, o: w[i[: len(o)]]),
    Mistake(
        "rows not summed",
        "You have one row for each id. Each bag's rows are still to be added up.",
        lambda w, i, o: w[i],
    ),
    Mistake(
        "offsets taken for ids",
        "You looked up the offsets. They are positions in `indices`; the ids stand there.",
        lambda w, i, o: w[o],
    ),
    Mistake("mean instead of sum", f"{_AVERAGED}; your empty bags are nan, from 0/0.", _bags(lambda r: r.mean(0))),
    Mistake("mean instead of sum", f"{_AVERAGED}.", _bags(lambda r: r.sum(0) / max(1, len(r)))),
    Mistake(
        "max instead of sum",
        "You took the largest number of each column. The sum is due.",
        _bags(lambda r: r.amax(0) if len(r) else r.sum(0)),
    ),
    Mistake(
        "product instead of sum",
        "You multiplied the rows of a bag. They are added up.",
        _bags(lambda r: r.prod(0) if len(r) else r.sum(0)),
    ),
    Mistake(
        "product instead of sum", "You multiplied the rows of a bag. They are added up.", _bags(lambda r: r.prod(0))
    ),
    Mistake(
        "ids off by one",
        "You took 1 off the ids. They count from 0, as the rows do.",
        lambda w, i, o: _embedding_bag(w, i - 1, o),
    ),
    Mistake(
        "bags one id too long",
        "Each of your bags also takes the first id of the next one. A bag ends *before* the next offset.",
        _bags(_total, lambda i, o: ((a, b + 1) for a, b in _spans(i, o))),
    ),
    Mistake(
        "last id of each bag left out",
        "The last id of each bag is missing. A slice already ends *before* its second number.",
        _bags(_total, lambda i, o: ((a, max(a, b - 1)) for a, b in _spans(i, o))),
    ),
    Mistake("last bag missing", _LAST_BAG, _bags(_total, lambda i, o: pairwise(o.tolist()))),
    Mistake("last bag empty", _LAST_BAG, _bags(_total, lambda i, o: pairwise([*o.tolist(), int(o[-1])]))),
    Mistake(
        "last id left out",
        "The very last id is in none of your bags. A slice ends *before* its second number.",
        _bags(_total, lambda i, o: pairwise([*o.tolist(), len(i) - 1])),
    ),
    Mistake(
        "offsets taken for lengths",
        "You used an offset as the number of ids in its bag. It says where the bag starts.",
        _bags(_total, lambda i, o: pairwise([0, *o.cumsum(0).tolist()])),
    ),
    Mistake(
        "bags start at the beginning",
        "Each of your bags starts at position 0. It starts at its own offset.",
        _bags(_total, lambda i, o: ((0, b) for _, b in _spans(i, o))),
    ),
    Mistake(
        "bags run to the end",
        "Each of your bags runs to the end of `indices`. It ends where the next one starts.",
        _bags(_total, lambda i, o: ((a, len(i)) for a in o.tolist())),
    ),
    Mistake(
        "empty bags filled",
        "A bag between two equal offsets is empty: zeros. You gave it the row that comes next.",
        _bags(_total, lambda i, o: ((a, max(b, a + 1)) for a, b in _spans(i, o))),
    ),
    Mistake(
        "index -1",
        "At its start, a running sum is read at index -1: that is the last of all, and not 0. Put a row of zeros in "
        "front.",
        lambda w, i, o: torch.stack([w[i].cumsum(0)[b - 1] - w[i].cumsum(0)[a - 1] for a, b in _spans(i, o)]),
    ),
    Mistake(
        "index -1",
        "For an empty bag at the beginning, a running sum is read at index -1: that is the last of all, and not 0. Put "
        "a row of zeros in front.",
        lambda w, i, o: torch.stack([w[i].cumsum(0)[b - 1] for _, b in _spans(i, o)]).diff(
            dim=0, prepend=w.new_zeros(1, w.shape[1])
        ),
    ),
    Mistake(
        "padding counted",
        "Your bags are filled up to the longest with id 0, and row 0 is added for each place that was empty. Padding "
        "needs a mask, or a row of zeros.",
        lambda w, i, o: _embedding_bag(w, i, o)
        + w[0] * torch.tensor([[max(b - a for a, b in _spans(i, o)) - (b - a)] for a, b in _spans(i, o)]),
    ),
    Mistake(
        "repeated ids dropped",
        "An id that comes twice in a bag counts twice. You counted it once.",
        lambda w, i, o: torch.stack([w[i[a:b].unique()].sum(0) for a, b in _spans(i, o)]),
    ),
    Mistake(
        "rows overwritten",
        "Of each bag, only its last row is in your result. Was each written over the one before? An assignment at an "
        "index that comes twice keeps the last, even with `+=`; so does `=` in a loop.",
        _bags(lambda r: r[-1] if len(r) else r.sum(0)),
    ),
    Mistake(
        "empty bags dropped",
        "An empty bag has a row as well, of zeros. You left it out.",
        lambda w, i, o: torch.stack([w[i[a:b]].sum(0) for a, b in _spans(i, o) if b > a]),
    ),
    Mistake(
        "summed over the columns",
        "You added up along a row. The rows of a bag are added to each other: d numbers remain.",
        _bags(lambda r: r.sum(1).sum(0, keepdim=True)),
    ),
]


def _some_bags(args, which):
    """The arguments with some of their bags."""
    weight, indices, offsets = args
    spans = list(_spans(indices, offsets))
    parts = [indices[slice(*spans[k])] for k in which]
    lengths = torch.tensor([len(part) for part in parts])
    return weight, torch.cat(parts), lengths.cumsum(0) - lengths


_WEIGHT = small_whole_numbers(7, 3, seed=3)
EMBEDDING_BAG = Task(
    "embedding_bag(weight, indices, offsets)",
    _embedding_bag,
    [
        Case(
            "",
            "indices 6, 1, 4, 0, 4, 2, 5 and offsets 0, 2, 2, 5",
            (_WEIGHT, torch.tensor([6, 1, 4, 0, 4, 2, 5]), torch.tensor([0, 2, 2, 5])),
        ),
        Case("one bag", "one bag of three ids", (_WEIGHT, torch.tensor([2, 2, 6]), torch.tensor([0]))),
        Case(
            "empty bags",
            "offsets 0, 0, 2, 2: the first bag and the last are empty",
            (_WEIGHT, torch.tensor([5, 1]), torch.tensor([0, 0, 2, 2])),
            "empty bags",
            "An empty bag is a row of zeros, at the beginning and at the end too.",
        ),
        Case(
            "other widths",
            "d = 5",
            (small_whole_numbers(9, 5, seed=4), torch.tensor([8, 0, 3, 3]), torch.tensor([0, 1, 3])),
            "sizes hard-coded",
            "Right for one size only: take rows, width and number of bags from the arguments.",
            {"d = 2": (small_whole_numbers(9, 2, seed=5), torch.tensor([8, 0, 3, 3]), torch.tensor([0, 1, 3]))},
        ),
        Case(
            "numbers with decimals", "numbers that aren't whole", (_WEIGHT / 3, torch.tensor([5, 1]), torch.tensor([0]))
        ),
    ],
    _EMBEDDING_BAG_MISTAKES,
    "Right. This is what `EmbeddingBag` computes, without ever making the rows one by one.",
    shape="(B, d), one row a bag",
    gradients=True,
    rows=_some_bags,
    per="row",
    ids=("indices", "offsets"),
    own=(recipes.EMBEDDING_BAG,),
    other="Take a bag that is marked: the ids from its offset up to, not including, the next. Add up their rows.",
)
