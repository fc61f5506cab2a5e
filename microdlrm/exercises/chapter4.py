"""Chapter 4's exercise: its answer, inputs, and the mistakes to recognise. Spoilers."""

from itertools import combinations

from microdlrm.exercises import recipes
from microdlrm.exercises.task import Case, Mistake, Task


def _interaction_width(n_tables, m_spa, d, kind):
    if kind == "concat":
        return d + sum(m_spa for _ in range(n_tables))
    return d + sum(1 for _ in combinations(range(1 + n_tables), 2))


def _dot(width):
    return lambda t, m, d, kind: d + t * m if kind == "concat" else width(t, m, d)


def _concat(width):
    return lambda t, m, d, kind: width(t, m, d) if kind == "concat" else _interaction_width(t, m, d, kind)


_DENSE = "The dense vector itself, d numbers, goes to the top MLP as well."

_MISTAKES = [
    Mistake(
        "dense vector not counted among the pairs",
        "dot: the dense vector is one of those that pair: n = 1 + n_tables.",
        _dot(lambda t, m, d: d + t * (t - 1) // 2),
    ),
    Mistake(
        "diagonal kept",
        "dot: you count each vector's product with itself. A pair has two different vectors.",
        _dot(lambda t, m, d: d + (t + 1) * (t + 2) // 2),
    ),
    Mistake(
        "dense width halved",
        "dot: you halve d along with the pairs. `//` reaches as far as its brackets: only n(n-1) is halved.",
        _dot(lambda t, m, d: (d + (t + 1) * t) // 2),
    ),
    Mistake("both triangles", "dot: you count every pair twice.", _dot(lambda t, m, d: d + (t + 1) * t)),
    Mistake(
        "the whole matrix",
        "dot: you count all n × n products. Each pair counts once.",
        _dot(lambda t, m, d: d + (t + 1) ** 2),
    ),
    Mistake("dense vector missing", f"dot: {_DENSE}", _dot(lambda t, m, d: (t + 1) * t // 2)),
    Mistake("dense vector missing", f"concat: {_DENSE}", _concat(lambda t, m, d: t * m)),
    Mistake("dense vector missing", _DENSE, lambda t, m, d, kind: t * m if kind == "concat" else (t + 1) * t // 2),
    Mistake(
        "pairs times width",
        "dot: a pair gives one number, not d of them.",
        _dot(lambda t, m, d: d + d * (t + 1) * t // 2),
    ),
    Mistake(
        "one table only",
        "concat: each table contributes m_spa numbers. You count one table.",
        _concat(lambda t, m, d: d + m),
    ),
    Mistake(
        "dense vector taken for a table",
        "concat: the dense vector is d wide; only the tables' rows are m_spa wide.",
        _concat(lambda t, m, d: (t + 1) * m),
    ),
    Mistake(
        "all widths taken to be d",
        "concat: the tables' rows are m_spa wide; only the dense vector is d wide.",
        _concat(lambda t, m, d: (t + 1) * d),
    ),
    Mistake("one kind only", "You give the width of concat for both kinds.", lambda t, m, d, kind: d + t * m),
    Mistake("one kind only", "You give the width of dot for both kinds.", lambda t, m, d, kind: d + (t + 1) * t // 2),
]

_KIND = "It went wrong for this kind: read its formula once more."
INTERACTION_WIDTH = Task(
    "interaction_width(n_tables, m_spa, d, kind)",
    _interaction_width,
    [
        Case("", '5 tables, m_spa = 4, d = 7, "dot"', (5, 4, 7, "dot")),
        Case("concat", '5 tables, m_spa = 4, d = 7, "concat"', (5, 4, 7, "concat"), "wrong width", _KIND),
        Case("other sizes", '26 tables, m_spa = 128, d = 128, "dot"', (26, 128, 128, "dot"), "wrong width", _KIND),
        Case("other sizes", '1 table, m_spa = 3, d = 2, "dot"', (1, 3, 2, "dot"), "wrong width", _KIND),
    ],
    _MISTAKES,
    "Right. Concat grows with the tables' number and width, dot with their number squared and not with the width.",
    returns="one whole number",
    own=(recipes.INTERACTION_WIDTH,),
    columns=lambda *args: ["width"],
    other="Draw the vectors as points and join every two of them: how many lines, for how many points?",
)
