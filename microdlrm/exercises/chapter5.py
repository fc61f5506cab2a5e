"""Chapter 5's interactions: answers, inputs, what numbers mean, the usual mistakes. Spoilers."""

from functools import partial
from itertools import combinations, product

import torch
import torch.nn.functional as F

from microdlrm.exercises.task import Growth, Mistake, Task, small_whole_numbers
from microdlrm.exercises.traffic import largest_result

PRIMES = [n for n in range(3, 98) if all(n % m for m in range(2, n))]


def _pairs(n, first):
    return [(i, j) for i in range(n) for j in range(i + first, n)]


def _interaction(x_dense, x_sparse, first=1, product=lambda a, b: (a * b).sum(1, keepdim=True)):
    v = [x_dense, *x_sparse]
    return torch.cat([x_dense, *(product(v[i], v[j]) for i, j in _pairs(len(v), first))], dim=1)


def plain_loop(x_dense, x_sparse):
    """The right answer, pair by pair."""
    return _interaction(x_dense, x_sparse)  # (B, d + n(n-1)/2)


def _primes(rows, d, tables):
    """Small inputs whose products can be told from each other, and from the numbers themselves."""
    v = torch.tensor(PRIMES[: rows * d * (1 + tables)]).float()
    v = v.reshape(rows, 1 + tables, d).unbind(1)
    return v[0].contiguous(), [t.contiguous() for t in v[1:]]


def _larger(rows, d, tables, by=1.0):
    v = small_whole_numbers(1 + tables, rows, d, seed=rows + 10 * d + 100 * tables) / by
    return v[0], list(v[1:])


_ORTHOGONAL = (
    torch.tensor([[1.0, 2], [3, 1]]),
    [torch.tensor([[2.0, -1], [1, 1]]), torch.tensor([[1.0, 1], [2, 5]])],
)
_SMALL = [(1, 1, 3), (1, 1, 2), (1, 1, 1), (2, 1, 1), (1, 2, 1), (2, 1, 2), (1, 2, 2), (2, 2, 1)]
_LARGE = [(5, 2, 3), (3, 5, 3), (4, 4, 3), (3, 3, 2), (3, 2, 6), (3, 8, 3), (5, 2, 5), (3, 1, 1)]
# Four vectors come first: with fewer, all pairs are there in more ways than one.
INPUTS = [
    *(_primes(*sizes) for sizes in _SMALL),
    (torch.tensor([[-3.0]]), [torch.tensor([[5.0]])]),
    *(_primes(*sizes) for sizes in [(2, 2, 2), (3, 1, 2), (1, 3, 2), (2, 3, 3)]),
    _ORTHOGONAL,
    *(_larger(*sizes) for sizes in _LARGE),
    _larger(3, 4, 2, by=3),
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
        "a vector holds as many numbers as there are vectors": x_dense.shape[1] == v.shape[1],
        "there are as many rows as vectors": len(x_dense) == v.shape[1],
        "a row's product is below 0": (dots < 0).flatten(1).any(1),
        "a product is 0": bool((dots == 0).any()),
        "it is the first row": torch.arange(len(x_dense)) == 0,
        "the numbers have decimals": bool((x_dense % 1).any()),
    }


def _read(x_dense, x_sparse):
    """Of each row: products of vectors and of single numbers, sums, products across rows."""
    v = torch.stack([x_dense, *x_sparse], 1).tolist()
    if len(v) * len(v[0]) > 12:
        return lambda number, row: ""
    tables = []
    for mine in v:
        d, known = range(len(mine[0])), {}
        for i, j in product(range(len(mine)), repeat=2):
            a, b = mine[i], mine[j]
            known[f"v{min(i, j)}·v{max(i, j)}"] = sum(p * q for p, q in zip(a, b, strict=True))
            if i < j:
                known |= {f"v{i}[{k}] × v{j}[{m}]": a[k] * b[m] for k in d for m in d}
            if i < j and len(d) > 1:
                known |= {f"v{i}[{k}] + v{j}[{k}]": a[k] + b[k] for k in d}
        known |= {f"v{i}[{k}]": mine[i][k] for i in range(1, len(mine)) for k in d}
        for a, b in combinations(range(len(v)), 2):
            for i, j in product(range(len(mine)), repeat=2):
                dot = sum(p * q for p, q in zip(v[a][i], v[b][j], strict=True))
                known[f"v{i} of row {a} · v{j} of row {b}"] = dot
        pairs = {(i, j): known[f"v{i}·v{j}"] for i, j in _pairs(len(mine), 1)}
        for i in range(len(mine)):
            known[f"v{i}'s pairs, added up"] = sum(p for pair, p in pairs.items() if i in pair)
        known["all pairs, added up"] = sum(pairs.values())
        tables.append(known)

    def read(number, row):
        known = tables[min(row, len(tables) - 1)].items()
        return next((name for name, value in known if abs(value - number) < 1e-3), "")

    return read


def _because(x_dense, x_sparse, first=1):
    """How the numbers that are due come about: for the pairs, written out."""
    v = torch.stack([x_dense, *x_sparse], 1).tolist()
    for row in v:
        yield from ("" for _ in row[0])
        for i, j in _pairs(len(row), first):
            terms = (f"{a:g}·{b:g}" for a, b in zip(row[i], row[j], strict=True))
            yield " + ".join(terms) if len(row[0]) < 4 else ""


def _gram(x_dense, x_sparse):
    v = torch.stack([x_dense, *x_sparse], 1)
    return v @ v.mT  # (B, n, n)


def _on(make, first):
    """Of all vectors (B, n, d), a matrix of products, of which the pairs are taken."""

    def formula(x_dense, x_sparse):
        z = make(torch.stack([x_dense, *x_sparse], 1))
        return torch.cat([x_dense, *(z[:, i, j, None] for i, j in _pairs(z.shape[1], first))], 1)

    return formula


def _chosen(pairs, dense="x", order=None):
    """The pairs that `pairs` names, behind x, in front of it ("end"), or alone ("")."""

    def formula(x_dense, x_sparse):
        v = [x_dense, *x_sparse] if order is None else [*x_sparse, x_dense]
        dots = [(v[i] * v[j]).sum(1, keepdim=True) for i, j in pairs(len(v))]
        kept = [x_dense, *dots] if dense == "x" else [*dots, x_dense] if dense == "end" else dots
        return torch.cat(kept, 1) if kept else x_dense[:, :0]

    return formula


def _choices(first):
    """Other pairs, or in another order."""

    def square(n):
        return product(range(n), repeat=2)

    due = partial(_pairs, first=first)
    own = (
        Mistake(
            "diagonal kept",
            "Each vector's product with itself is in it. A pair has two different vectors.",
            _chosen(lambda n: _pairs(n, 0)),
        )
        if first
        else Mistake(
            "diagonal missing",
            "Each vector's product with itself is due as well.",
            _chosen(lambda n: _pairs(n, 1)),
        )
    )
    return [
        own,
        Mistake("lower triangle's order",
                "These are the pairs in the order of the lower triangle. The upper one goes row by "
                "row: i before j.",
                _chosen(lambda n: [(i, j) for i in range(n) for j in range(i + 1 - first)])),
        Mistake("both triangles", "Every pair is in it twice, as (i, j) and as (j, i).",
                _chosen(lambda n: [(i, j) for i, j in square(n) if i != j])),
        Mistake("whole matrix", "All n × n products are in it. Each pair is due once.",
                _chosen(square)),
        Mistake("zeros kept",
                "Of the whole matrix one half became 0, and stayed. Select the other half.",
                lambda x, xs: torch.cat([x, _gram(x, xs).triu(first).flatten(1)], 1)),
        Mistake("dense vector missing", "The pairs come behind x_dense itself.",
                _chosen(due, dense="")),
        Mistake("dense vector at the end", "x_dense comes first.", _chosen(due, dense="end")),
        Mistake("dense vector not paired", "x_dense is one of the vectors that pair.",
                _chosen(lambda n: [(i + 1, j + 1) for i, j in due(n - 1)])),
        Mistake("dense vector last among the vectors",
                "v0 is x_dense. Yours has it behind the tables' vectors.",
                _chosen(due, order="last")),
        Mistake("pairs with the first vector only",
                "You multiply x_dense with each of the others. The others pair, too.",
                _chosen(lambda n: [(0, j) for j in range(first, n)])),
        Mistake("neighbours only",
                "You multiply each vector with the next one. Every two of them pair.",
                _chosen(lambda n: [(i, i + 1) for i in range(n - 1)])),
        Mistake("diagonal by diagonal",
                "These are the pairs by their distance. They are due row by row: all of v0's "
                "first.",
                _chosen(lambda n: [(i, i + k) for k in range(first, n) for i in range(n - k)])),
    ]  # fmt: skip


def _products(first):
    """The right pairs, and something else than their dot products."""
    as_ = partial(partial, _interaction, first=first)
    return [
        Mistake("cosine instead of dot product",
                "Your products are divided by the vectors' lengths. A dot product keeps the "
                "lengths.",
                as_(product=lambda a, b: F.cosine_similarity(a, b)[:, None])),
        Mistake("scaled products",
                "Your products are divided by √d, as attention does. A plain dot product is due.",
                as_(product=lambda a, b: (a * b).sum(1, keepdim=True) / a.shape[1] ** 0.5)),
        Mistake("mean instead of sum",
                "Your products are divided by d: that is a mean. A dot product is a sum.",
                as_(product=lambda a, b: (a * b).mean(1, keepdim=True))),
        Mistake("softmax",
                "Your products went through a softmax, as in attention. They go on as they are.",
                lambda x, xs: torch.cat(
                    [x, _interaction(x, xs, first)[:, x.shape[1] :].softmax(1)], 1)),
        Mistake("activation added",
                "What is below 0 became 0: a ReLU? The products go on as they are.",
                as_(product=lambda a, b: (a * b).sum(1, keepdim=True).relu())),
        Mistake("sum over the wrong axis",
                "These are products of coordinates, summed over the vectors: (d, d) and not (n, "
                "n). Which axis is summed?",
                _on(lambda v: v.mT @ v, first)),
        Mistake("rows of the batch mixed",
                "Your vectors mix numbers of different rows. Reshaping exchanges no axes: it cuts "
                "the same long row of numbers into other pieces.",
                lambda x, xs: _interaction(*(lambda t: (t[:, 0], list(t[:, 1:].unbind(1))))(
                    torch.stack([x, *xs]).reshape(len(x), 1 + len(xs), -1)), first)),
        Mistake("reshaped instead of transposed",
                "One operand of your product was reshaped where two axes should change places: the "
                "same numbers, cut into other pieces.",
                _on(lambda v: v @ v.reshape(len(v), v.shape[2], v.shape[1]), first)),
    ]  # fmt: skip


def _task(name, first, praise, width):
    return Task(
        f"{name}(x_dense, x_sparse)",
        partial(_interaction, first=first),
        INPUTS,
        praise,
        places=partial(_places, first=first),
        facts=_facts,
        mistakes=[*_choices(first), *_products(first)],
        read=_read,
        because=partial(_because, first=first),
        tells={
            "rows": "Rows of a batch never meet: does something in yours run over their axis?",
            "1 rows": "An axis of length 1 is easily dropped, or stretched over others.",
            "1 numbers in a vector": (
                "An axis of length 1 is easily dropped, or stretched over others."
            ),
            "a product is 0": "Select by position, not by value.",
        },
        batched=(0, 1),
        legend="v0 is x_dense; v1, v2, … are the tensors of x_sparse.",
        typical=12,
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
    "Something still goes through the vectors or the pairs one by one. A comprehension is a loop, "
    "too.",
)


def _low_rank_cross(x0, x, U, V, b):
    return torch.stack([x0[k] * (U.mv(V.T.mv(x[k])) + b) + x[k] for k in range(len(x))])  # (B, w)


def _inner(x, U, V):
    return x @ V @ U.T


_LAST = "x comes back in at the end: x0 * (…) + x."

_CROSS_MISTAKES = [
    Mistake(
        "x not added",
        f"The last term is missing. {_LAST}",
        lambda x0, x, U, V, b: x0 * (_inner(x, U, V) + b),
    ),
    Mistake(
        "x subtracted",
        f"You take x off. {_LAST}",
        lambda x0, x, U, V, b: x0 * (_inner(x, U, V) + b) - x,
    ),
    Mistake(
        "x0 added instead of x",
        f"You added x0. {_LAST}",
        lambda x0, x, U, V, b: x0 * (_inner(x, U, V) + b) + x0,
    ),
    Mistake(
        "x instead of x0 in front",
        "You multiplied by x. Each layer multiplies by x0, the layer-0 input: that is the "
        "crossing.",
        lambda x0, x, U, V, b: x * (_inner(x, U, V) + b) + x,
    ),
    Mistake(
        "x0 instead of x inside",
        "You put x0 through the two matrices. The layer's own input, x, goes there.",
        lambda x0, x, U, V, b: x0 * (_inner(x0, U, V) + b) + x,
    ),
    Mistake(
        "x and x0 exchanged",
        "x and x0 have changed places throughout.",
        lambda x0, x, U, V, b: x * (_inner(x0, U, V) + b) + x0,
    ),
    Mistake(
        "U and V exchanged",
        "U and V have changed places: V takes x down to r numbers, U brings them back up to w. "
        "(Or a transpose is missing: for rows it is x times (U Vᵀ)ᵀ.)",
        lambda x0, x, U, V, b: x0 * (_inner(x, V, U) + b) + x,
    ),
    Mistake(
        "bias outside",
        "You added b behind the product with x0. It belongs inside, before that product.",
        lambda x0, x, U, V, b: x0 * _inner(x, U, V) + b + x,
    ),
]


def _cross(x0, x, U, V, b):
    """Arguments from nested lists, U and V column by column."""
    return tuple(torch.tensor(part, dtype=torch.float32) for part in (x0, x, U, V, b))


def _cross_of(batch, w, r):
    shapes = [(batch, w), (batch, w), (w, r), (w, r), (w,)]
    return tuple(small_whole_numbers(*shape, seed=k + w) for k, shape in enumerate(shapes))


def _because_cross(x0, x, U, V, b):
    """The two matrices' part of each number worked out, the rest written out."""
    inner = (x @ V @ U.T).tolist()
    for k in range(len(x)):
        for j in range(len(b)):
            yield f"{x0[k, j]:g}·({inner[k][j]:g} + {b[j]:g}) + {x[k, j]:g}"


def _full_matrix(fn) -> str:
    w = 16
    if largest_result(fn, *_cross_of(3, w, 2)) < w * w:
        return ""
    return (
        " But you form the w × w matrix first, which costs more than a layer of full rank. From "
        "left to right, x "
        "meets V first, and everything stays narrow."
    )


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
    facts=lambda x0, x, U, V, b: {
        "rows": len(x0),
        "w": x0.shape[1],
        "r": U.shape[1],
        "w equals r": U.shape[0] == U.shape[1],
        "there are as many rows as w": len(x0) == x0.shape[1],
    },
    mistakes=_CROSS_MISTAKES,
    because=_because_cross,
    batched=(0, 1),
    typical=4,
    shape="B rows of w numbers",
    gradients=("x0", "x", "U", "V", "b"),
    also=_full_matrix,
)
