"""Chapter 5's interactions: answers, inputs, what numbers mean, the usual mistakes. Spoilers."""

from functools import partial
from itertools import combinations, product

import torch
import torch.nn.functional as F

from microdlrm.exercises.dice import Dice
from microdlrm.exercises.task import Growth, Mistake, Task, made_of

PRIMES = [n for n in range(3, 98) if all(n % m for m in range(2, n))]


def _pairs(n, first=1):
    return [(i, j) for i in range(n) for j in range(i + first, n)]


def _dot(a, b):
    return (a * b).sum(1, keepdim=True)


def _interaction(x_dense, x_sparse, pairs=_pairs, product=_dot):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *(product(v[i], v[j]) for i, j in pairs(len(v)))], dim=1)


def plain_loop(x_dense, x_sparse):
    """The right answer, pair by pair."""
    return _interaction(x_dense, x_sparse)  # (B, d + n(n-1)/2)


def _primes(rows, d, tables):
    """Small inputs whose products can be told from each other, and from the numbers themselves."""
    v = torch.tensor(PRIMES[: rows * d * (1 + tables)]).float()
    v = v.reshape(rows, 1 + tables, d).unbind(1)
    return v[0].contiguous(), [t.contiguous() for t in v[1:]]


def _larger(rows, d, tables):
    v = Dice(rows + 10 * d + 100 * tables).whole(-5, 5, 1 + tables, rows, d).float()
    return v[0], list(v[1:])


_ORTHOGONAL = (
    torch.tensor([[1.0, 2], [3, 1]]),
    [torch.tensor([[2.0, -1], [1, 1]]), torch.tensor([[1.0, 1], [2, 5]])],
)
_SMALL = [(1, 1, 3), (1, 1, 2), (1, 1, 1), (2, 1, 1), (1, 2, 1), (2, 1, 2), (1, 2, 2), (2, 2, 1),
          (2, 2, 2), (3, 1, 2), (1, 3, 2), (2, 3, 3)]  # fmt: skip
# Sizes in another order, all equal, above ten numbers, one table.
_LARGE = [(5, 2, 3), (3, 5, 3), (4, 4, 3), (3, 2, 6), (3, 8, 3), (5, 2, 5), (3, 1, 1)]
# Four vectors come first: with fewer, all pairs are there in more ways than one.
INPUTS = [
    *(_primes(*sizes) for sizes in _SMALL),
    (torch.tensor([[-3.0]]), [torch.tensor([[5.0]])]),
    _ORTHOGONAL,
    *(_larger(*sizes) for sizes in _LARGE),
]


def _places(x_dense, x_sparse, first=1):
    pairs = _pairs(1 + len(x_sparse), first)
    return [f"x[{k}]" for k in range(x_dense.shape[1])] + [f"v{i}·v{j}" for i, j in pairs]


def _facts(x_dense, x_sparse):
    v = torch.stack([x_dense, *x_sparse], 1)
    dots = v @ v.mT
    return {
        "rows": len(x_dense),
        "numbers in a vector": x_dense.shape[1],
        "tables": len(x_sparse),
        "there are as many rows as vectors": len(x_dense) == v.shape[1],
        "a row's product is below 0": (dots < 0).flatten(1).any(1),
        "a product is 0": bool((dots == 0).any()),
        "it is the first row": torch.arange(len(x_dense)) == 0,
    }


def _read(x_dense, x_sparse):
    """Of each row: products of vectors, single numbers, products across rows."""
    v = torch.stack([x_dense, *x_sparse], 1)
    if v[0].numel() > 12:
        return made_of({})
    n, d = v.shape[1:]

    def known(row):
        yield from ((f"v{i}·v{j}", v[row, i] @ v[row, j]) for i, j in _pairs(n, 0))
        yield from ((f"v{i}[{k}]", v[row, i, k]) for i in range(1, n) for k in range(d))
        for (a, b), i, j in product(combinations(range(len(v)), 2), range(n), range(n)):
            yield f"v{i} of row {a} · v{j} of row {b}", v[a, i] @ v[b, j]

    def read(number, row):
        named = known(min(row, len(v) - 1))
        return next((name for name, value in named if abs(value - number) < 1e-3), "")

    return read


def _because(x_dense, x_sparse, first=1):
    """How the numbers that are due come about: for the pairs, written out."""
    v = torch.stack([x_dense, *x_sparse], 1).tolist()
    for row in v:
        yield from ("" for _ in row[0])
        for i, j in _pairs(len(row), first):
            terms = (f"{a:g}·{b:g}" for a, b in zip(row[i], row[j], strict=True))
            yield " + ".join(terms) if len(row[0]) < 4 else ""


def _draw(dice):
    rows, d = dice.size(4), dice.size(6)
    return dice.floats(rows, d), [dice.floats(rows, d) for _ in range(dice.size())]


_DIAGONAL = {
    1: [Mistake("diagonal kept", "A pair has two different vectors.",
                partial(_interaction, pairs=partial(_pairs, first=0)))],
    0: [Mistake("diagonal missing", "Each vector's product with itself is due as well.",
                _interaction),
        Mistake("diagonal behind the pairs", "The pairs are due row by row: v0·v0 first.",
                lambda x, xs: torch.cat([_interaction(x, xs), *map(_dot, [x, *xs], [x, *xs])], 1)),
        Mistake("lengths on the diagonal", "A vector's product with itself is its length squared.",
                partial(_interaction, pairs=partial(_pairs, first=0), product=lambda a, b:
                        _dot(a, b).sqrt() if a is b else _dot(a, b)))],
}  # fmt: skip


def _reshaped(pairs, x_dense, x_sparse):
    """All vectors' numbers, cut into other pieces, where they should be transposed."""
    v = torch.stack([x_dense, *x_sparse], 1)  # (B, n, d)
    z = v @ v.reshape(len(v), v.shape[2], v.shape[1])  # (B, n, n)
    return torch.cat([x_dense, *(z[:, i, j, None] for i, j in pairs(z.shape[1]))], 1)


def _mistakes(first):
    due = partial(_pairs, first=first)
    as_ = partial(partial, _interaction, pairs=due)
    return [
        # Other pairs, or in another order.
        *_DIAGONAL[first],
        Mistake("lower triangle's order", "The upper triangle goes row by row: i before j.",
                as_(pairs=lambda n: [(i, j) for i in range(n) for j in range(i + 1 - first)])),
        # The right pairs, and something else than their dot products.
        Mistake("cosine instead of dot product", "A dot product keeps the vectors' lengths.",
                as_(product=lambda a, b: F.cosine_similarity(a, b)[:, None])),
        Mistake("scaled products", "Your products are divided by √d, as in attention.",
                as_(product=lambda a, b: _dot(a, b) / a.shape[1] ** 0.5)),
        Mistake("reshaped instead of transposed", "The same numbers, cut into other pieces, where "
                "two axes should change places.", partial(_reshaped, due)),
    ]  # fmt: skip


_ONE = "An axis of length 1 is easily dropped, or stretched over others."


def _task(name, first, praise, width):
    return Task(
        f"{name}(x_dense, x_sparse)",
        partial(_interaction, pairs=partial(_pairs, first=first)),
        INPUTS,
        praise,
        places=partial(_places, first=first),
        draw=_draw,
        facts=_facts,
        mistakes=_mistakes(first),
        read=_read,
        because=partial(_because, first=first),
        tells={
            "rows": "Rows of a batch never meet: does something in yours run over their axis?",
            "1 rows": _ONE,
            "1 numbers in a vector": _ONE,
            "a product is 0": "Select by position, not by value.",
        },
        legend="v0 is x_dense; v1, v2, … are the tensors of x_sparse.",
        typical=11,
        shape=f"B rows of {width} numbers, n = 1 + the number of tables",
        gradients=("x_dense", "x_sparse"),
    )


DOT_INTERACTION = _task(
    "dot_interaction", 1, "Right: the dense vector, then every pair once, in order.", "d + n(n-1)/2"
)
DOT_INTERACTION_ITSELF = _task(
    "dot_interaction_itself", 0, "Right: each vector's own product is kept.", "d + n(n+1)/2"
)

ROWS = Growth(
    "grows with the rows",
    {"4 rows": _larger(4, 2, 3), "8 rows": _larger(8, 2, 3)},
    "Something still goes through the rows one by one. A comprehension is a loop, too.",
)
VECTORS = Growth(
    "grows with the vectors",
    {"4 vectors": _larger(5, 2, 3), "8 vectors": _larger(5, 2, 7)},
    "Something still goes through vectors or pairs one by one. A comprehension is a loop, too.",
)


def _low_rank_cross(x0, x, U, V, b):
    return torch.stack([x0[k] * (U.mv(V.T.mv(x[k])) + b) + x[k] for k in range(len(x))])  # (B, w)


def _inner(x, U, V):
    return x @ V @ U.T


def _read_cross(x0, x, U, V, b):
    """Of the one number of a row, which terms are in it."""
    terms = {"x0": x0, "x": x, "b": b, "x0·b": x0 * b, "UVᵀx": _inner(x, U, V)}
    terms["x0·UVᵀx"] = x0 * terms["UVᵀx"]
    one = {name: term.item() for name, term in terms.items() if x0.numel() == 1}
    return made_of(one, most=1, least=-1)


def _cross(x0, x, U, V, b):
    """Arguments from nested lists, U and V column by column."""
    return tuple(torch.tensor(part, dtype=torch.float32) for part in (x0, x, U, V, b))


def _cross_of(batch, w, r, dice=None):
    shapes = [(batch, w), (batch, w), (w, r), (w, r), (w,)]
    dice = dice or Dice(w)
    return tuple(dice.whole(-5, 5, *shape).float() for shape in shapes)


def _because_cross(x0, x, U, V, b):
    """The two matrices' part of each number worked out, the rest written out."""
    inner = (x @ V @ U.T).tolist()
    for k in range(len(x)):
        for j in range(len(b)):
            yield f"{x0[k, j]:g}·({inner[k][j]:g} + {b[j]:g}) + {x[k, j]:g}"


LOW_RANK_CROSS = Task(
    "low_rank_cross(x0, x, U, V, b)",
    _low_rank_cross,
    [
        # One number, two with U and V apart, then rows, a rank above 1, larger ones.
        _cross([[2]], [[3]], [[5]], [[7]], [1000]),
        _cross([[2, 3]], [[5, 7]], [[1], [10]], [[100], [1000]], [11, 13]),
        _cross([[2], [3]], [[5], [7]], [[10]], [[10]], [1]),
        _cross([[2, 3]], [[-5, 7]], [[1, 2], [3, 4]], [[5, 6], [7, 8]], [-100, 10]),
        *(_cross_of(*sizes) for sizes in [(3, 4, 2), (2, 3, 3), (4, 4, 4), (5, 2, 1), (1, 6, 2)]),
    ],
    "Right: a layer of few numbers that multiplies features with each other.",
    places=lambda x0, *_: [f"[{k}]" for k in range(x0.shape[1])],
    draw=lambda dice: _cross_of(dice.size(4), dice.size(), dice.size(4), dice),
    facts=lambda x0, x, U, V, b: {
        "rows": len(x0),
        "numbers in a row": x0.shape[1],
        "columns in a factor": U.shape[1],
    },
    read=_read_cross,
    because=_because_cross,
    typical=4,
    shape="B rows of w numbers",
    gradients=("x0", "x", "U", "V", "b"),
    narrow=(
        _cross_of(3, 16, 2),
        16 * 16,
        "w × w matrix",
        "you form the w × w matrix first, which costs more than a layer of full rank. Let x meet V "
        "first, and everything stays narrow.",
    ),
)
