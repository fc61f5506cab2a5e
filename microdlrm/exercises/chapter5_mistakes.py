"""What goes wrong in chapter 5's dot-product exercise: a table for each choice, one of whole formulations. Spoilers."""

import math
from functools import partial

import torch
import torch.nn.functional as F


def pairs(n, first=1):
    """All pairs of n vectors, i before j; with first=0 each vector with itself, too. Each is a group of its own."""
    return [[(i, j)] for i in range(n) for j in range(i + first, n)]


def dot(a, b):
    return (a * b).sum(1, keepdim=True)  # (B, 1)


def _scrambled(x, xs):
    """What a reshape makes of vectors stacked in front of the batch."""
    return list(torch.stack([x, *xs]).reshape(len(x), 1 + len(xs), -1).unbind(1))


_ORDER = "The order asked for takes the pairs of vector 0 first, then those of vector 1, and so on."
_LOWER = (
    f"{_ORDER} Exchanging i and j in an index changes nothing, for both products are the same; which pair comes when "
    "is what counts."
)
_SIDES = (
    "entries from both sides of the diagonal",
    "You took entries from both sides of the diagonal, so that some pairs come twice. The sign of an offset says where "
    "the line starts that cuts the matrix: a positive one moves it up and to the right, a negative one down and to the "
    "left.",
)

# choice -> [(code, hint, what was chosen)]; the choices are those of `chapter5._formulation`
DEVIATIONS = {
    "pairs": [
        (
            "diagonal kept",
            "You kept the diagonal: each vector's product with itself is among your pairs. "
            "A pair has two different vectors.",
            partial(pairs, first=0),
        ),
        (
            "both triangles",
            "Both triangles of the n × n matrix are in your result: every pair comes twice.",
            lambda n: [[(i, j)] for i in range(n) for j in range(n) if i != j],
        ),
        (
            "whole matrix",
            "The whole n × n matrix is in your result: every pair twice, and each vector with itself. "
            "Keep each pair of different vectors once.",
            lambda n: [[(i, j)] for i in range(n) for j in range(n)],
        ),
        (
            "lower triangle's order",
            "The pairs are right and their order is that of the lower triangle row by row, or of the upper one column "
            f"by column. {_LOWER}",
            lambda n: [[(i, j)] for j in range(n) for i in range(j)],
        ),
        (
            "diagonal kept, lower triangle's order",
            "You kept the diagonal (each vector's product with itself), and the order is that of the lower triangle. "
            f"A pair has two different vectors. {_ORDER}",
            lambda n: [[(i, j)] for j in range(n) for i in range(j + 1)],
        ),
        (*_SIDES, lambda n: [[(i, j)] for i in range(n) for j in range(max(0, i - 1), n)]),
        (*_SIDES, lambda n: [[(i, j)] for i in range(n) for j in range(min(n, i + 2))]),
        (
            "neighbours missing",
            "The pairs of neighbours, 0 with 1, 1 with 2 and so on, are missing: the line that cuts the matrix "
            "lies too far from the diagonal.",
            partial(pairs, first=2),
        ),
        (
            "first vector with itself",
            "Your only product is that of vector 0 with itself. If you list positions in a matrix: PyTorch wants the "
            "number of rows, that of columns, then the offset. NumPy has no columns there.",
            lambda n: [[(0, 0)]],
        ),
        (
            "diagonal by diagonal",
            f"The pairs are right and their order goes along the diagonals, neighbours first. {_ORDER}",
            lambda n: [[(i, i + k)] for k in range(1, n) for i in range(n - k)],
        ),
        ("reversed order", f"The pairs are right and their order is reversed. {_ORDER}", lambda n: pairs(n)[::-1]),
        (
            "zeros kept",
            "You set the unwanted part of the n × n matrix to zero, and kept the zeros as columns. "
            "Those places should not be in the result at all.",
            lambda n: [[(i, j)] if i < j else [] for i in range(n) for j in range(n)],
        ),
        (
            "zeros kept, lower triangle",
            "You set the upper part of the n × n matrix to zero, and kept the zeros as columns. "
            f"Those places should not be in the result at all. {_ORDER}",
            lambda n: [[(i, j)] if i > j else [] for i in range(n) for j in range(n)],
        ),
        (
            "zeros and diagonal kept",
            "You set half of the n × n matrix to zero, and kept the zeros as columns, and the diagonal too. "
            "Only pairs of two different vectors belong in the result.",
            lambda n: [[(i, j)] if i <= j else [] for i in range(n) for j in range(n)],
        ),
        (
            "neighbours only",
            "You paired each vector with the next one only. Every vector meets every other.",
            lambda n: [[(i, i + 1)] for i in range(n - 1)],
        ),
        (
            "pairs with the first vector only",
            "You paired the first vector with all the others, and the others not among themselves.",
            lambda n: [[(0, j)] for j in range(1, n)],
        ),
        (
            "first vector against all",
            "You multiplied the first vector with all of them, itself included, and the others not among themselves.",
            lambda n: [[(0, j)] for j in range(n)],
        ),
        (
            "diagonal only",
            "You took the diagonal: each vector's product with itself, and no pair of two different ones.",
            lambda n: [[(i, i)] for i in range(n)],
        ),
        (
            "pairs added up",
            "You added all pairs up into one number a row. Each pair keeps a column of its own.",
            lambda n: [[pair for group in pairs(n) for pair in group]],
        ),
        (
            "pairs added up",
            "You added up each vector's products with all vectors. Each pair keeps a column of its own.",
            lambda n: [[(i, j) for j in range(n)] for i in range(n)],
        ),
        (
            "pairs added up",
            "You added up each vector's products with the others. Each pair keeps a column of its own.",
            lambda n: [[(i, j) for j in range(n) if i != j] for i in range(n)],
        ),
    ],
    "layout": [
        (
            "dense vector missing",
            "The dense vector itself is missing from your result: its d numbers come first, then the pairs.",
            lambda x, v, columns: columns,
        ),
        (
            "dense vector at the end",
            "The dense vector stands behind the pairs in your result. It comes first.",
            lambda x, v, columns: [*columns, x],
        ),
        (
            "all vectors kept",
            "You laid all n vectors in front of the pairs. Only the dense vector goes there: the "
            "others have had their say in the pairs.",
            lambda x, v, columns: [*v, *columns],
        ),
        ("no pairs", "This is the concatenation of the vectors: no products, no pairs.", lambda x, v, columns: v),
    ],
    "vectors": [
        (
            "dense vector not paired",
            "The dense vector takes part in none of your pairs. It is vector 0 of n = 1 + len(x_sparse).",
            lambda x, xs: xs,
        ),
        (
            "dense vector last among the vectors",
            "You formed the pairs with the dense vector last. It is vector 0, in front of the sparse ones.",
            lambda x, xs: [*xs, x],
        ),
        (
            "last vector left out",
            "The last vector is in none of your pairs: a range ends before its end.",
            lambda x, xs: [x, *xs[:-1]],
        ),
        (
            "vectors cut anew",
            "You laid a row's vectors one behind another and cut that into pieces which are no vectors. A row of n "
            "vectors of d numbers has the shape (n, d); reshaping to (d, n) exchanges no axes.",
            lambda x, xs: list(torch.cat([x, *xs], 1).reshape(len(x), x.shape[1], -1).unbind(2)),
        ),
        (
            "batch scrambled",
            "Your vectors mix numbers of different rows of the batch. Reshaping exchanges no dimensions: it cuts "
            "the same long row of numbers into other pieces.",
            _scrambled,
        ),
    ],
    "product": [
        (
            "elementwise products",
            "You multiplied each pair element by element and kept all d products. A dot product is their sum: one "
            "number a pair.",
            lambda a, b: a * b,
        ),
        (
            "mean instead of sum",
            "Your products are divided by d: that is a mean over the d elements. A dot product is their sum.",
            lambda a, b: (a * b).mean(1, keepdim=True),
        ),
        (
            "coordinates mismatched",
            "You turned one vector of each pair back to front, so that its coordinates meet others' than their own.",
            lambda a, b: dot(a, b.flip(1)),
        ),
        (
            "scaled products",
            "Your products are divided by the square root of d, as attention does. A plain dot product is due.",
            lambda a, b: dot(a, b) / math.sqrt(a.shape[1]),
        ),
        (
            "cosine instead of dot product",
            "Your products are divided by the vectors' lengths: that is the cosine. A dot product keeps the lengths.",
            lambda a, b: F.cosine_similarity(a, b).unsqueeze(1),
        ),
        (
            "sums instead of products",
            "You added the two vectors of a pair where they should be multiplied.",
            lambda a, b: (a + b).sum(1, keepdim=True),
        ),
        (
            "vectors added, not multiplied",
            "You added the two vectors of a pair, element by element. A dot product multiplies, then sums.",
            lambda a, b: a + b,
        ),
        (
            "distances instead of products",
            "These are squared distances between the vectors. Dot products are due.",
            lambda a, b: ((a - b) ** 2).sum(1, keepdim=True),
        ),
        (
            "distances instead of products",
            "These are distances between the vectors. Dot products are due.",
            lambda a, b: (a - b).norm(dim=1, keepdim=True),
        ),
        (
            "activation added",
            "You sent the products through a ReLU. They go on as they are.",
            lambda a, b: dot(a, b).relu(),
        ),
        (
            "activation added",
            "You squashed the products with a sigmoid. They go on as they are.",
            lambda a, b: dot(a, b).sigmoid(),
        ),
        (
            "activation added",
            "You squashed the products with tanh. They go on as they are.",
            lambda a, b: dot(a, b).tanh(),
        ),
        (
            "absolute values",
            "You took the products' absolute values. Their signs matter.",
            lambda a, b: dot(a, b).abs(),
        ),
        ("squared products", "Your products are squared.", lambda a, b: dot(a, b) ** 2),
        (
            "summed over the batch",
            "You summed over the batch too: every row of your result has the same pairs. Rows of a batch never meet.",
            lambda a, b: (a * b).sum().expand(len(a), 1),
        ),
        (
            "rows of the batch mixed",
            "You multiplied every row of the batch with every other row. Rows of a batch never meet: each has its own "
            "pairs.",
            lambda a, b: a @ b.T,
        ),
        (
            "rows of the batch mixed",
            "Your products reach across the rows of the batch. Rows never meet: each has its own pairs.",
            lambda a, b: (a @ b.T).sum(1, keepdim=True),
        ),
        (
            "outer products",
            "You took outer products: d × d numbers a pair. A dot product is one number a pair.",
            lambda a, b: (a[:, :, None] * b[:, None, :]).flatten(1),
        ),
    ],
}

_MISSING = "The diagonal is missing: each vector's product with itself belongs in the result here."
_APART = "Each vector's product with itself belongs in front of its own pairs: yours stand together,"
_STILL_WRONG = [deviation for deviation in DEVIATIONS["pairs"] if "diagonal kept" not in deviation[0]]

# Where the diagonal belongs to the answer.
DEVIATIONS_ITSELF = DEVIATIONS | {
    "pairs": [
        ("diagonal missing", _MISSING, pairs),
        (
            "lower triangle's order",
            f"You have the right products, in the order of the lower triangle. {_LOWER}",
            lambda n: [[(i, j)] for j in range(n) for i in range(j + 1)],
        ),
        *((f"diagonal missing, {code}", f"{_MISSING} {hint}", p) for code, hint, p in _STILL_WRONG if "order" in code),
        ("diagonal behind the pairs", f"{_APART} behind.", lambda n: pairs(n) + [[(i, i)] for i in range(n)]),
        ("diagonal before the pairs", f"{_APART} in front.", lambda n: [[(i, i)] for i in range(n)] + pairs(n)),
        *(deviation for deviation in _STILL_WRONG if "order" not in deviation[0]),
    ]
}


def _products(make):
    """Of all vectors (B, n, d) and the matrix of their products (B, n, n), make the result."""

    def formula(x_dense, x_sparse, first):
        v = torch.stack([x_dense, *x_sparse], dim=1)  # (B, n, d)
        return make(v, v @ v.mT, first)

    return formula


def _behind_dense(make):
    return lambda x_dense, x_sparse, first: torch.cat([x_dense, _products(make)(x_dense, x_sparse, first)], dim=1)


def _reshaped(v):
    return v @ v.reshape(len(v), v.shape[2], v.shape[1])  # (B, n, n)


def _upper(z, first):
    return torch.stack([z[:, i, j] for [(i, j)] in pairs(z.shape[1], first)], dim=1)


_AXIS = "You summed over the wrong axis: {}. A dot product sums over the d elements of its two vectors."
_OVER_VECTORS = _AXIS.format("these are products of coordinates, summed over the n vectors")
_RESHAPED = (
    "One operand of your product was reshaped where it should have been transposed: the same numbers, cut into "
    "other pieces, so that the products mix different vectors."
)

# Mistakes that are no single choice: they act on the matrix of all products. (code, hint, formula)
ON_THE_MATRIX = [
    (
        "sum over the wrong axis",
        _AXIS.format("the pairs are added to each other, element by element"),
        _behind_dense(lambda v, z, first: sum(v[:, i] * v[:, j] for [(i, j)] in pairs(v.shape[1], first))),
    ),
    ("sum over the wrong axis", _OVER_VECTORS, _behind_dense(lambda v, z, first: _upper(v.mT @ v, first))),
    ("sum over the wrong axis", _OVER_VECTORS, _behind_dense(lambda v, z, first: (v.mT @ v).flatten(1))),
    ("sum over the wrong axis", _OVER_VECTORS, _products(lambda v, z, first: _upper(v.mT @ v, first))),
    (
        "matrices returned",
        "You return an n × n matrix for each row of the batch. Of each matrix, only the pairs belong in the result, "
        "in one row, behind the dense vector.",
        _products(lambda v, z, first: z),
    ),
    (
        "matrices returned",
        "You return an n × n matrix for each row of the batch, part of it set to zero. Of each matrix, only the pairs "
        "belong in the result, in one row, behind the dense vector.",
        _products(lambda v, z, first: z.triu(first)),
    ),
    ("sum over the wrong axis", _OVER_VECTORS, _products(lambda v, z, first: v.mT @ v)),
    ("reshaped instead of transposed", _RESHAPED, _behind_dense(lambda v, z, first: _upper(_reshaped(v), first))),
    ("reshaped instead of transposed", _RESHAPED, _behind_dense(lambda v, z, first: _upper(_reshaped(v), 0))),
    (
        "activation added",
        "You sent the products through a softmax, as attention does. They go on as they are.",
        _behind_dense(lambda v, z, first: _upper(z.softmax(2), first)),
    ),
    (
        "sum over the wrong axis",
        _AXIS.format("half of (the sum squared, less the sum of squares) keeps the d elements apart"),
        _behind_dense(lambda v, z, first: (v.sum(1) ** 2 - (v**2).sum(1)) / 2),
    ),
]
