"""Chapter 5's exercises, the dot-product interaction and two more: answers and inputs. Spoilers."""

from collections.abc import Callable
from functools import partial
from itertools import combinations

import torch
from torch import Tensor

from microdlrm.exercises import recipes
from microdlrm.exercises.chapter5_mistakes import DEVIATIONS, DEVIATIONS_ITSELF, ON_THE_MATRIX, dot, pairs
from microdlrm.exercises.task import Case, Growth, Mistake, Task, small_whole_numbers, some_rows
from microdlrm.exercises.traffic import largest_result


def plain_loop(x_dense: Tensor, x_sparse: list[Tensor]) -> Tensor:
    """The right answer, pair by pair."""
    v = [x_dense, *x_sparse]
    dots = [(v[i] * v[j]).sum(1, keepdim=True) for i in range(len(v)) for j in range(i + 1, len(v))]
    return torch.cat([x_dense, *dots], dim=1)  # (B, d + n(n-1)/2)


# A formulation of the interaction makes four choices, and a learner can go wrong in each: which vectors meet, in
# which pairs (groups of pairs, each group added up into one column; an empty one is a column of zeros), what a
# pair gives, and what is laid beside the pairs.

_RIGHT = {
    "vectors": lambda x, xs: [x, *xs],
    "pairs": pairs,
    "product": dot,
    "layout": lambda x, v, columns: [x, *columns],
}


def _formulation(**choices) -> Callable[[Tensor, list[Tensor]], Tensor]:
    choice = _RIGHT | choices

    def formula(x_dense, x_sparse):
        v = choice["vectors"](x_dense, x_sparse)
        columns = []
        for group in choice["pairs"](len(v)):
            products = [choice["product"](v[i], v[j]) for i, j in group] or [0 * dot(v[0], v[0])]
            columns.append(sum(products))
        return torch.cat(choice["layout"](x_dense, v, columns), dim=1)  # (B, width)

    return formula


def _mistakes(first: int) -> list[Mistake]:
    """All formulations that differ from the right one in one choice, then those that differ in two.

    `first` is 1 if a vector's pairs begin behind itself, 0 if they begin with itself.
    """
    formula = partial(_formulation, pairs=partial(pairs, first=first))  # right but for what it is given
    deviations = DEVIATIONS if first else DEVIATIONS_ITSELF
    single = [(choice, *deviation) for choice, options in deviations.items() for deviation in options]
    mistakes = [Mistake(code, hint, formula(**{choice: chosen})) for choice, code, hint, chosen in single]
    mistakes += [Mistake(code, hint, partial(whole, first=first)) for code, hint, whole in ON_THE_MATRIX]
    for (one, code1, hint1, chosen1), (two, code2, hint2, chosen2) in combinations(single, 2):
        if one != two:
            both = formula(**{one: chosen1, two: chosen2})
            mistakes.append(Mistake(f"{code1}, {code2}", f"Two things. {hint1} And: {hint2}", both))
    return mistakes


def _vectors(batch: int, d: int, tables: int) -> tuple[Tensor, list[Tensor]]:
    v = small_whole_numbers(1 + tables, batch, d, seed=batch + 10 * d + 100 * tables)
    return v[0], list(v[1:])


def _sizes(batch: int, d: int, tables: int) -> str:
    return f"B = {batch}, d = {d} and {tables} table" + "s" * (tables > 1)


def _dot_case(step: str, batch: int, d: int, tables: int, mistake: str = "", hint: str = "", more=()) -> Case:
    others = {_sizes(*sizes): _vectors(*sizes) for sizes in more}
    return Case(step, _sizes(batch, d, tables), _vectors(batch, d, tables), mistake, hint, others)


def _with_decimals(args: tuple) -> tuple:
    """The same sizes, numbers that half precision can't hold: whole ones would hide a rounding."""
    return tuple([t / 3 for t in arg] if isinstance(arg, list) else arg / 3 for arg in args)


_SIZES = "other numbers of tables and widths"
_DOT_CASES = [
    _dot_case("", 5, 2, 3),  # sizes, with n = 4, that can't be mistaken for each other
    _dot_case(
        "another batch size",
        3, 2, 3,
        "batch size hard-coded",
        "Right for one batch size only: take it from x_dense.",
        [(2, 2, 3), (4, 2, 3), (8, 2, 3)],
    ),
    _dot_case(
        "a batch of 1",
        1, 2, 3,
        "batch of 1 lost",
        "With one row in the batch, the result should still be a matrix of one row.",
    ),
    _dot_case(
        _SIZES, 3, 5, 3, "width hard-coded", "Right for one width d only: take it from x_dense.", [(3, 3, 3), (3, 8, 3)]
    ),
    _dot_case(
        _SIZES,
        3, 2, 1,
        "number of tables hard-coded",
        "Right for 3 tables only: take their number from x_sparse.",
        [(3, 2, 2), (3, 2, 5)],
    ),
    _dot_case(
        _SIZES,
        3, 2, 6,
        "number of tables hard-coded",
        "Right for few tables only: take their number from x_sparse.",
        [(3, 2, 5), (3, 2, 8)],
    ),
    _dot_case(
        _SIZES,
        4, 4, 3,
        "wrong where sizes are equal",
        "It goes wrong where two sizes happen to be equal.",
        [(3, 3, 2), (2, 2, 1), (5, 5, 4)],
    ),
    _dot_case(
        _SIZES, 3, 1, 2, "wrong for width 1", "With vectors of one number each, a dot product is still one number."
    ),
    Case("numbers with decimals", "numbers that aren't whole", _with_decimals(_vectors(3, 4, 2))),
]  # fmt: skip


def _dot_columns(x_dense, x_sparse, first=1):
    n = 1 + len(x_sparse)
    return ["dense"] * x_dense.shape[1] + [f"{i}·{j}" for [(i, j)] in pairs(n, first)]


DOT_INTERACTION = Task(
    "dot_interaction(x_dense, x_sparse)",
    plain_loop,
    _DOT_CASES,
    _mistakes(first=1),
    "Right: the dense vector, then every pair once and in order, for any number of tables, with gradients.",
    shape="B rows of d + n(n-1)/2 numbers, n = 1 + the number of tables",
    gradients=True,
    rows=some_rows(0, 1),
    per="row",
    columns=_dot_columns,
    other="Take the first number that is marked, and work it out by hand.",
)
DOT_INTERACTION_ITSELF = Task(
    "dot_interaction_itself(x_dense, x_sparse)",
    _formulation(pairs=partial(pairs, first=0)),
    _DOT_CASES,
    _mistakes(first=0),
    "Right: each vector's own product is kept, n(n+1)/2 products in all.",
    shape="B rows of d + n(n+1)/2 numbers, n = 1 + the number of tables",
    gradients=True,
    rows=some_rows(0, 1),
    per="row",
    columns=partial(_dot_columns, first=0),
    other="Take the first number that is marked, and work it out by hand.",
)

# Task 1 may go through the pairs, and not through the rows; task 2 through neither.
ROWS = Growth(
    "grows with the rows",
    {"4 rows": _vectors(4, 2, 3), "8 rows": _vectors(8, 2, 3)},
    "Something still goes through the rows of the batch one by one, and a comprehension is a loop, too. All rows go "
    "through each operation together: leave their axis alone.",
)
VECTORS = Growth(
    "grows with the vectors",
    {"4 vectors": _vectors(5, 2, 3), "8 vectors": _vectors(5, 2, 7)},
    "Something still goes through the vectors or the pairs one by one, and a comprehension is a loop, too. Take all "
    "products in one call.",
)


def _low_rank_cross(x0, x, U, V, b):
    return torch.stack([x0[k] * (U.mv(V.T.mv(x[k])) + b) + x[k] for k in range(len(x))])  # (B, w)


def _inner(x, U, V):
    return x @ V @ U.T


_LAST = "x comes back in at the end: x0 * (…) + x."

_LOW_RANK_CROSS_MISTAKES = [
    Mistake("x not added", f"The last term is missing. {_LAST}", lambda x0, x, U, V, b: x0 * (_inner(x, U, V) + b)),
    Mistake("x subtracted", f"You take x off. {_LAST}", lambda x0, x, U, V, b: x0 * (_inner(x, U, V) + b) - x),
    Mistake("x0 added instead of x", f"You added x0. {_LAST}", lambda x0, x, U, V, b: x0 * (_inner(x, U, V) + b) + x0),
    Mistake(
        "x instead of x0 in front",
        "You multiplied by x. Each layer multiplies by x0, the layer-0 input: that is the crossing.",
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
        "U and V have changed places: V takes x down to r numbers, U brings them back up to w. (Or a transpose is "
        "missing: for rows it is x times (U Vᵀ)ᵀ.)",
        lambda x0, x, U, V, b: x0 * (_inner(x, V, U) + b) + x,
    ),
    Mistake("bias twice", "The bias b is in it twice.", lambda x0, x, U, V, b: x0 * (_inner(x, U, V) + 2 * b) + x),
    Mistake("bias missing", "The bias b is missing.", lambda x0, x, U, V, b: x0 * _inner(x, U, V) + x),
    Mistake(
        "bias outside",
        "You added b behind the product with x0. It belongs inside, before that product.",
        lambda x0, x, U, V, b: x0 * _inner(x, U, V) + b + x,
    ),
    Mistake(
        "added instead of multiplied",
        "You added x0 where it should multiply, element by element.",
        lambda x0, x, U, V, b: x0 + (_inner(x, U, V) + b) + x,
    ),
    Mistake(
        "no crossing",
        "x0 isn't in your result: this is a linear layer and x.",
        lambda x0, x, U, V, b: _inner(x, U, V) + b + x,
    ),
    Mistake(
        "activation added",
        "You added a ReLU. This layer has no activation: the product is what isn't linear.",
        lambda x0, x, U, V, b: x0 * torch.relu(_inner(x, U, V) + b) + x,
    ),
    Mistake(
        "activation added",
        "You added a ReLU. This layer has no activation: the product is what isn't linear.",
        lambda x0, x, U, V, b: torch.relu(x0 * (_inner(x, U, V) + b) + x),
    ),
]


def _cross_args(batch, w, r):
    shapes = [(batch, w), (batch, w), (w, r), (w, r), (w,)]
    return tuple(small_whole_numbers(*shape, seed=k + w) for k, shape in enumerate(shapes))


def _cross_case(step, batch, w, r, mistake="", hint="", more=()):
    others = {f"B = {b}, w = {v}, r = {s}": _cross_args(b, v, s) for b, v, s in more}
    return Case(step, f"B = {batch}, w = {w}, r = {r}", _cross_args(batch, w, r), mistake, hint, others)


_WIDTHS = "other widths and ranks"


def _full_matrix(fn) -> str:
    w = 16
    if largest_result(fn, *_cross_args(3, w, 2)) < w * w:
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
        _cross_case(
            "another batch size",
            5,
            4,
            2,
            "batch size hard-coded",
            "Right for one batch size only: take it from x0.",
            [(2, 4, 2), (7, 4, 2)],
        ),
        _cross_case("a batch of 1", 1, 4, 2, "batch of 1 lost", "With one row in the batch, one row should come back."),
        _cross_case(
            _WIDTHS, 3, 16, 2, "width hard-coded", "Right for one width only: take it from x0.", [(3, 5, 2), (3, 8, 2)]
        ),
        _cross_case(
            _WIDTHS, 2, 6, 1, "rank hard-coded", "Right for one rank only: take it from U.", [(2, 6, 3), (3, 4, 3)]
        ),
        _cross_case(
            _WIDTHS,
            5,
            3,
            3,
            "wrong where sizes are equal",
            "It goes wrong where w = r.",
            [(5, 2, 2), (4, 4, 4)],
        ),
        Case("numbers with decimals", "numbers that aren't whole", _with_decimals(_cross_args(3, 4, 2))),
    ],
    _LOW_RANK_CROSS_MISTAKES,
    "Right. It costs 4wr FLOPs a row where a full w × w matrix costs 2w².",
    shape="(B, w)",
    gradients=True,
    rows=some_rows(0, 1),
    per="row",
    own=(recipes.LOW_RANK_CROSS,),
    detour=_full_matrix,
    other="Take one row and go from the inside out: down to r numbers, up to w, plus b, times x0, plus x.",
)
