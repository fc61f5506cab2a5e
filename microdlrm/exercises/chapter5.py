"""Chapter 5's dot-product interactions: answers, inputs, what the numbers mean, the usual mistakes. Spoilers."""

from functools import partial
from itertools import combinations, product

import torch
import torch.nn.functional as F

from microdlrm.exercises.task import Growth, Mistake, Task, small_whole_numbers

PRIMES = [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97]


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
    v = torch.tensor(PRIMES[: rows * d * (1 + tables)]).float().reshape(rows, 1 + tables, d).unbind(1)
    return v[0].contiguous(), [t.contiguous() for t in v[1:]]


def _larger(rows, d, tables, by=1.0):
    v = small_whole_numbers(1 + tables, rows, d, seed=rows + 10 * d + 100 * tables) / by
    return v[0], list(v[1:])


_ORTHOGONAL = (torch.tensor([[1.0, 2], [3, 1]]), [torch.tensor([[2.0, -1], [1, 1]]), torch.tensor([[1.0, 1], [2, 5]])])
# Four vectors come first: with fewer, all pairs are there in more ways than one.
INPUTS = [
    *(_primes(*sizes) for sizes in [(1, 1, 3), (1, 1, 2), (1, 1, 1), (2, 1, 1), (1, 2, 1), (2, 1, 2), (1, 2, 2), (2, 2, 1)]),
    (torch.tensor([[-3.0]]), [torch.tensor([[5.0]])]),
    *(_primes(*sizes) for sizes in [(2, 2, 2), (3, 1, 2), (1, 3, 2), (2, 3, 3)]),
    _ORTHOGONAL,
    *(_larger(*sizes) for sizes in [(5, 2, 3), (3, 5, 3), (4, 4, 3), (3, 3, 2), (3, 2, 6), (3, 8, 3), (5, 2, 5), (3, 1, 1)]),
    _larger(3, 4, 2, by=3),
]


def _places(x_dense, x_sparse, first=1):
    return [f"x[{k}]" for k in range(x_dense.shape[1])] + [f"v{i}·v{j}" for i, j in _pairs(1 + len(x_sparse), first)]


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
    """Of each row: products of whole vectors and of single numbers, sums, and products across rows."""
    v = torch.stack([x_dense, *x_sparse], 1).tolist()
    if len(v) * len(v[0]) > 12:
        return lambda number, row: ""
    tables = []
    for mine in v:
        d, known = range(len(mine[0])), {}
        for i, j in product(range(len(mine)), repeat=2):
            known[f"v{i}·v{j}" if i <= j else f"v{j}·v{i}"] = sum(a * b for a, b in zip(mine[i], mine[j], strict=True))
            known |= {f"v{i}[{k}] × v{j}[{m}]": mine[i][k] * mine[j][m] for k in d for m in d if i < j}
            known |= {f"v{i}[{k}] + v{j}[{k}]": mine[i][k] + mine[j][k] for k in d if i < j and len(d) > 1}
        known |= {f"v{i}[{k}]": mine[i][k] for i in range(1, len(mine)) for k in d}
        for a, b in combinations(range(len(v)), 2):
            for i, j in product(range(len(mine)), repeat=2):
                dot = sum(p * q for p, q in zip(v[a][i], v[b][j], strict=True))
                known[f"v{i} of row {a} · v{j} of row {b}"] = dot
        pairs = {(i, j): known[f"v{i}·v{j}"] for i, j in _pairs(len(mine), 1)}
        known |= {f"v{i}'s pairs, added up": sum(p for pair, p in pairs.items() if i in pair) for i in range(len(mine))}
        known["all pairs, added up"] = sum(pairs.values())
        tables.append(known)

    def read(number, row):
        return next((name for name, value in tables[min(row, len(tables) - 1)].items() if abs(value - number) < 1e-3), "")

    return read


def _because(x_dense, x_sparse, first=1):
    """How the numbers that are due come about: for the pairs, written out."""
    v = torch.stack([x_dense, *x_sparse], 1).tolist()
    for row in v:
        yield from ("" for _ in row[0])
        for i, j in _pairs(len(row), first):
            terms = (f"{a:g}·{b:g}" for a, b in zip(row[i], row[j], strict=True))
            yield " + ".join(terms) if len(row[0]) < 4 else ""


def _on(make, first):
    """Of all vectors (B, n, d), a matrix of products, of which the pairs are taken."""

    def formula(x_dense, x_sparse):
        z = make(torch.stack([x_dense, *x_sparse], 1))
        return torch.cat([x_dense, *(z[:, i, j, None] for i, j in _pairs(z.shape[1], first))], 1)

    return formula


def _mistakes(first):
    as_ = partial(partial, _interaction, first=first)
    return [
        Mistake(
            "cosine instead of dot product",
            "Your products are divided by the vectors' lengths. A dot product keeps the lengths.",
            as_(product=lambda a, b: F.cosine_similarity(a, b)[:, None]),
        ),
        Mistake(
            "scaled products",
            "Your products are divided by √d, as attention does. A plain dot product is due.",
            as_(product=lambda a, b: (a * b).sum(1, keepdim=True) / a.shape[1] ** 0.5),
        ),
        Mistake(
            "mean instead of sum",
            "Your products are divided by d: that is a mean. A dot product is a sum.",
            as_(product=lambda a, b: (a * b).mean(1, keepdim=True)),
        ),
        Mistake(
            "softmax",
            "Your products went through a softmax, as in attention. They go on as they are.",
            lambda x, xs: torch.cat([x, _interaction(x, xs, first)[:, x.shape[1] :].softmax(1)], 1),
        ),
        Mistake(
            "activation added",
            "What is below 0 became 0: a ReLU? The products go on as they are.",
            as_(product=lambda a, b: (a * b).sum(1, keepdim=True).relu()),
        ),
        Mistake(
            "sum over the wrong axis",
            "These are products of coordinates, summed over the vectors: (d, d) and not (n, n). Which axis is summed?",
            _on(lambda v: v.mT @ v, first),
        ),
        Mistake(
            "rows of the batch mixed",
            "Your vectors mix numbers of different rows. Reshaping exchanges no axes: it cuts the same long row of numbers "
            "into other pieces.",
            lambda x, xs: _interaction(*(lambda t: (t[:, 0], list(t[:, 1:].unbind(1))))(
                torch.stack([x, *xs]).reshape(len(x), 1 + len(xs), -1)), first),
        ),
        Mistake(
            "reshaped instead of transposed",
            "One operand of your product was reshaped where two axes should change places: the same numbers, cut into other "
            "pieces.",
            _on(lambda v: v @ v.reshape(len(v), v.shape[2], v.shape[1]), first),
        ),
    ]  # fmt: skip


def _task(name, first, praise, width):
    return Task(
        f"{name}(x_dense, x_sparse)",
        partial(_interaction, first=first),
        INPUTS,
        praise,
        places=partial(_places, first=first),
        facts=_facts,
        mistakes=_mistakes(first),
        read=_read,
        because=partial(_because, first=first),
        tells={
            "rows": "Rows of a batch never meet: does something in yours run over their axis?",
            "1 rows": "An axis of length 1 is easily dropped, or stretched over others.",
            "1 numbers in a vector": "An axis of length 1 is easily dropped, or stretched over others.",
            "a product is 0": "Select by position, not by value.",
        },
        batched=(0, 1),
        legend="v0 is x_dense; v1, v2, … are the tensors of x_sparse.",
        typical=12,
        shape=f"B rows of {width} numbers, n = 1 + the number of tables",
        gradients=("x_dense", "x_sparse"),
    )


DOT_INTERACTION = _task("dot_interaction", 1, "Right: the dense vector, then every pair once and in order.", "d + n(n-1)/2")
DOT_INTERACTION_ITSELF = _task("dot_interaction_itself", 0, "Right: each vector's own product is kept.", "d + n(n+1)/2")

ROWS = Growth(
    "grows with the rows",
    {"4 rows": _larger(4, 2, 3), "8 rows": _larger(8, 2, 3)},
    "Something still goes through the rows one by one. A comprehension is a loop, too.",
)
VECTORS = Growth(
    "grows with the vectors",
    {"4 vectors": _larger(5, 2, 3), "8 vectors": _larger(5, 2, 7)},
    "Something still goes through the vectors or the pairs one by one. A comprehension is a loop, too.",
)
