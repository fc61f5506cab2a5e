"""The dot-product exercise and its two stretch tasks: answers, inputs, and a family of mistakes. Spoilers."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from microdlrm.exercises.task import Case, Mistake, Task, small_whole_numbers
from microdlrm.exercises.traffic import largest_result

# A formulation of the interaction makes four choices, and a learner can go wrong in each: which vectors meet, in
# which pairs (groups of pairs, each group added up into one column; an empty one is a column of zeros), what a
# pair gives, and what is laid beside the pairs.


def _pairs(n, first=1):
    return [[(i, j)] for i in range(n) for j in range(i + first, n)]


def _dot(a, b):
    return (a * b).sum(1, keepdim=True)  # (B, 1)


_RIGHT = {
    "vectors": lambda x, xs: [x, *xs],
    "pairs": _pairs,
    "product": _dot,
    "layout": lambda x, v, columns: [x, *columns],
}


def _formulation(**choices) -> Callable[[Tensor, list[Tensor]], Tensor]:
    choice = _RIGHT | choices

    def formula(x_dense, x_sparse):
        v = choice["vectors"](x_dense, x_sparse)
        columns = []
        for group in choice["pairs"](len(v)):
            products = [choice["product"](v[i], v[j]) for i, j in group] or [0 * _dot(v[0], v[0])]
            columns.append(sum(products))
        return torch.cat(choice["layout"](x_dense, v, columns), dim=1)  # (B, width)

    return formula


def plain_loop(x_dense: Tensor, x_sparse: list[Tensor]) -> Tensor:
    """The right answer, pair by pair."""
    v = [x_dense, *x_sparse]
    dots = [(v[i] * v[j]).sum(1, keepdim=True) for i in range(len(v)) for j in range(i + 1, len(v))]
    return torch.cat([x_dense, *dots], dim=1)  # (B, d + n(n-1)/2)


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

# choice -> [(code, hint, what was chosen)]
_DEVIATIONS = {
    "pairs": [
        (
            "diagonal kept",
            "You kept the diagonal: each vector's product with itself is among your pairs. "
            "A pair has two different vectors.",
            partial(_pairs, first=0),
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
            partial(_pairs, first=2),
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
        (
            "reversed order",
            f"The pairs are right and their order is reversed. {_ORDER}",
            lambda n: _pairs(n)[::-1],
        ),
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
            lambda n: [[pair for group in _pairs(n) for pair in group]],
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
        (
            "no pairs",
            "This is the concatenation of the vectors: no products, no pairs.",
            lambda x, v, columns: v,
        ),
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
            "scaled products",
            "Your products are divided by the square root of d, as attention does. A plain dot product is due.",
            lambda a, b: _dot(a, b) / math.sqrt(a.shape[1]),
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
            lambda a, b: _dot(a, b).relu(),
        ),
        (
            "activation added",
            "You squashed the products with a sigmoid. They go on as they are.",
            lambda a, b: _dot(a, b).sigmoid(),
        ),
        (
            "activation added",
            "You squashed the products with tanh. They go on as they are.",
            lambda a, b: _dot(a, b).tanh(),
        ),
        (
            "absolute values",
            "You took the products' absolute values. Their signs matter.",
            lambda a, b: _dot(a, b).abs(),
        ),
        ("squared products", "Your products are squared.", lambda a, b: _dot(a, b) ** 2),
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


def _gram(x_dense, x_sparse):
    v = torch.stack([x_dense, *x_sparse], dim=1)  # (B, n, d)
    return v, v @ v.mT  # (B, n, d), (B, n, n)


def _upper(z, first):
    return torch.stack([z[:, i, j] for i in range(z.shape[1]) for j in range(i + first, z.shape[1])], dim=1)


def _odd_formulations(first: int) -> Iterator[Mistake]:
    """Mistakes that are no single choice: they act on the matrix of all products."""

    def with_dense(make):
        return lambda x, xs: torch.cat([x, make(*_gram(x, xs))], dim=1)

    wrong_axis = "You summed over the wrong axis: {}. A dot product sums over the d elements of its two vectors."
    yield Mistake(
        "sum over the wrong axis",
        wrong_axis.format("the pairs are added to each other, element by element"),
        _formulation(product=lambda a, b: a * b, pairs=lambda n: [[p for g in _pairs(n, first) for p in g]]),
    )
    over_vectors = wrong_axis.format("these are products of coordinates, summed over the n vectors")
    yield Mistake("sum over the wrong axis", over_vectors, with_dense(lambda v, z: _upper(v.mT @ v, first)))
    yield Mistake("sum over the wrong axis", over_vectors, with_dense(lambda v, z: (v.mT @ v).flatten(1)))
    yield Mistake(
        "sum over the wrong axis", over_vectors, lambda x, xs: _upper(_gram(x, xs)[0].mT @ _gram(x, xs)[0], first)
    )
    yield Mistake(
        "matrices returned",
        "You return an n × n matrix for each row of the batch. Of each matrix, only the pairs belong in the result, "
        "in one row, behind the dense vector.",
        lambda x, xs: _gram(x, xs)[1],
    )
    yield Mistake(
        "matrices returned",
        "You return an n × n matrix for each row of the batch, part of it set to zero. Of each matrix, only the pairs "
        "belong in the result, in one row, behind the dense vector.",
        lambda x, xs: _gram(x, xs)[1].triu(first),
    )
    yield Mistake("sum over the wrong axis", over_vectors, lambda x, xs: _gram(x, xs)[0].mT @ _gram(x, xs)[0])
    view = (
        "One operand of your product was reshaped where it should have been transposed: the same numbers, cut into "
        "other pieces, so that the products mix different vectors."
    )
    for keep in (first, 0):
        yield Mistake(
            "reshaped instead of transposed",
            view,
            with_dense(lambda v, z, keep=keep: _upper(v @ v.reshape(len(v), v.shape[2], v.shape[1]), keep)),
        )
    yield Mistake(
        "activation added",
        "You sent the products through a softmax, as attention does. They go on as they are.",
        with_dense(lambda v, z: _upper(z.softmax(2), first)),
    )
    yield Mistake(
        "sum over the wrong axis",
        wrong_axis.format("half of (the sum squared, less the sum of squares) keeps the d elements apart"),
        with_dense(lambda v, z: (v.sum(1) ** 2 - (v**2).sum(1)) / 2),
    )


def _dot_mistakes(first: int) -> Iterator[Mistake]:
    """All formulations that differ from the right one in one choice, then those that differ in two."""
    deviations = dict(_DEVIATIONS)
    right = partial(_pairs, first=first)
    if first == 0:  # the diagonal belongs to the answer
        dropped = ("diagonal kept", "zeros and diagonal kept", "diagonal kept, lower triangle's order")
        pairs = [d for d in _DEVIATIONS["pairs"] if d[0] not in dropped]
        missing = "The diagonal is missing: each vector's product with itself belongs in the result here."
        order = "You have the right products, in the order of the lower triangle. "
        apart = "Each vector's product with itself belongs in front of its own pairs: yours stand together,"
        lower = lambda n: [[(i, j)] for j in range(n) for i in range(j + 1)]  # noqa: E731
        deviations["pairs"] = [
            ("diagonal missing", missing, _pairs),
            ("lower triangle's order", f"{order}{_LOWER}", lower),
            *((f"diagonal missing, {code}", f"{missing} {hint}", p) for code, hint, p in pairs if "order" in code),
            ("diagonal behind the pairs", f"{apart} behind.", lambda n: _pairs(n) + [[(i, i)] for i in range(n)]),
            ("diagonal before the pairs", f"{apart} in front.", lambda n: [[(i, i)] for i in range(n)] + _pairs(n)),
            *(d for d in pairs if "order" not in d[0]),
        ]
    single = [(choice, *d) for choice, options in deviations.items() for d in options]
    for choice, code, hint, chosen in single:
        yield Mistake(code, hint, _formulation(**{"pairs": right, choice: chosen}))
    yield from _odd_formulations(first)
    for (one, code1, hint1, chosen1), (two, code2, hint2, chosen2) in combinations(single, 2):
        if one != two:
            both = _formulation(**{"pairs": right, one: chosen1, two: chosen2})
            yield Mistake(f"{code1}, {code2}", f"Two things. {hint1} And: {hint2}", both)


def _vectors(batch: int, d: int, tables: int) -> tuple[Tensor, list[Tensor]]:
    v = small_whole_numbers(1 + tables, batch, d, seed=batch + 10 * d + 100 * tables)
    return v[0], list(v[1:])


def _dot_cases() -> list[Case]:
    def case(step, batch, d, tables, mistake="", hint=""):
        sizes = f"B = {batch}, d = {d} and {tables} table" + "s" * (tables > 1)
        return Case(step, sizes, _vectors(batch, d, tables), mistake, hint)

    single, sizes = "a batch of 1", "other numbers of tables and widths"
    return [
        case("", 5, 2, 3),  # sizes, with n = 4, that can't be mistaken for each other
        case(
            "another batch size",
            3,
            2,
            3,
            "batch size hard-coded",
            "Right for one batch size only: take it from x_dense.",
        ),
        case(
            single,
            1,
            2,
            3,
            "batch of 1 lost",
            "With one row in the batch, the result should still be a matrix of one row.",
        ),
        case(sizes, 3, 5, 3, "width hard-coded", "Right for one width d only: take it from x_dense."),
        case(
            sizes, 3, 2, 1, "number of tables hard-coded", "Right for 3 tables only: take their number from x_sparse."
        ),
        case(
            sizes, 3, 2, 6, "number of tables hard-coded", "Right for few tables only: take their number from x_sparse."
        ),
        case(sizes, 4, 4, 3, "wrong where sizes are equal", "It goes wrong where two sizes happen to be equal."),
        case(
            sizes, 3, 1, 2, "wrong for width 1", "With vectors of one number each, a dot product is still one number."
        ),
    ]


def _dot_columns(x_dense, x_sparse, first=1):
    n = 1 + len(x_sparse)
    return ["dense"] * x_dense.shape[1] + [f"{i}·{j}" for [(i, j)] in _pairs(n, first)]


DOT_INTERACTION = Task(
    "dot_interaction(x_dense, x_sparse)",
    plain_loop,
    _dot_cases(),
    partial(_dot_mistakes, 1),
    "Right: the dense vector, then every pair once and in order, for any number of tables, with gradients.",
    shape="B rows of d + n(n-1)/2 numbers, n = 1 + the number of tables",
    gradients=True,
    columns=_dot_columns,
    other="Take row 0 and the first marked pair, and work its dot product out by hand.",
)
DOT_INTERACTION_ITSELF = Task(
    "dot_interaction_itself(x_dense, x_sparse)",
    _formulation(pairs=partial(_pairs, first=0)),
    _dot_cases(),
    partial(_dot_mistakes, 0),
    "Right: each vector's own product is kept, n(n+1)/2 products in all.",
    shape="B rows of d + n(n+1)/2 numbers, n = 1 + the number of tables",
    gradients=True,
    columns=partial(_dot_columns, first=0),
    other="Take row 0 and the first marked product, and work it out by hand.",
)


GROWING = {"4 vectors": _vectors(5, 2, 3), "8 vectors": _vectors(5, 2, 7)}


def _low_rank_cross(x0, x, U, V, b):
    return torch.stack([x0[k] * (U.mv(V.T.mv(x[k])) + b) + x[k] for k in range(len(x))])  # (B, w)


def _low_rank_cross_mistakes():
    def inner(x, U, V):
        return x @ V @ U.T

    last = "x comes back in at the end: x0 * (…) + x."
    yield Mistake("x not added", f"The last term is missing. {last}", lambda x0, x, U, V, b: x0 * (inner(x, U, V) + b))
    yield Mistake(
        "x0 added instead of x", f"You added x0. {last}", lambda x0, x, U, V, b: x0 * (inner(x, U, V) + b) + x0
    )
    yield Mistake(
        "x instead of x0 in front",
        "You multiplied by x. Each layer multiplies by x0, the layer-0 input: that is the crossing.",
        lambda x0, x, U, V, b: x * (inner(x, U, V) + b) + x,
    )
    yield Mistake(
        "x0 instead of x inside",
        "You put x0 through the two matrices. The layer's own input, x, goes there.",
        lambda x0, x, U, V, b: x0 * (inner(x0, U, V) + b) + x,
    )
    yield Mistake(
        "x and x0 exchanged",
        "x and x0 have changed places throughout.",
        lambda x0, x, U, V, b: x * (inner(x0, U, V) + b) + x0,
    )
    yield Mistake(
        "U and V exchanged",
        "U and V have changed places: V takes x down to r numbers, U brings them back up to w. (Or a transpose is "
        "missing: for rows it is x times (U Vᵀ)ᵀ.)",
        lambda x0, x, U, V, b: x0 * (inner(x, V, U) + b) + x,
    )
    yield Mistake("bias missing", "The bias b is missing.", lambda x0, x, U, V, b: x0 * inner(x, U, V) + x)
    yield Mistake(
        "bias outside",
        "You added b behind the product with x0. It belongs inside, before that product.",
        lambda x0, x, U, V, b: x0 * inner(x, U, V) + b + x,
    )
    yield Mistake(
        "added instead of multiplied",
        "You added x0 where it should multiply, element by element.",
        lambda x0, x, U, V, b: x0 + (inner(x, U, V) + b) + x,
    )
    yield Mistake(
        "no crossing",
        "x0 isn't in your result: this is a linear layer and x.",
        lambda x0, x, U, V, b: inner(x, U, V) + b + x,
    )
    yield Mistake(
        "activation added",
        "You added a ReLU. This layer has no activation: the product is what isn't linear.",
        lambda x0, x, U, V, b: x0 * torch.relu(inner(x, U, V) + b) + x,
    )
    yield Mistake(
        "activation added",
        "You added a ReLU. This layer has no activation: the product is what isn't linear.",
        lambda x0, x, U, V, b: torch.relu(x0 * (inner(x, U, V) + b) + x),
    )


def _cross_case(step, batch, w, r, mistake="", hint=""):
    args = [
        small_whole_numbers(*shape, seed=k + w)
        for k, shape in enumerate([(batch, w), (batch, w), (w, r), (w, r), (w,)])
    ]
    return Case(step, f"B = {batch}, w = {w}, r = {r}", tuple(args), mistake, hint)


def _full_matrix(fn) -> str:
    w = 16
    if largest_result(fn, *_cross_case("", 3, w, 2).args) < w * w:
        return ""
    return (
        "Right numbers. You form the w × w matrix first, and that costs more than a layer of full rank. From left to "
        "right, x meets V first and everything stays narrow."
    )


LOW_RANK_CROSS = Task(
    "low_rank_cross(x0, x, U, V, b)",
    _low_rank_cross,
    [
        _cross_case("", 3, 4, 2),
        _cross_case("another batch size", 5, 4, 2, "batch size hard-coded", "Right for one batch size only."),
        _cross_case("a batch of 1", 1, 4, 2, "batch of 1 lost", "With one row in the batch, one row should come back."),
        _cross_case("other widths and ranks", 3, 16, 2, "width hard-coded", "Right for one width only."),
        _cross_case("other widths and ranks", 2, 6, 1, "rank hard-coded", "Right for one width or rank only."),
        _cross_case("other widths and ranks", 5, 3, 3, "wrong where sizes are equal", "It goes wrong where w = r."),
    ],
    _low_rank_cross_mistakes,
    "Right. It costs 4wr FLOPs a row where a full w × w matrix costs 2w².",
    shape="(B, w)",
    gradients=True,
    detour=_full_matrix,
    other="Take one row and go from the inside out: down to r numbers, up to w, plus b, times x0, plus x.",
)
