"""Chapter 4's exercise: its answer, inputs, what the numbers mean, the usual mistakes. Spoilers."""

from itertools import combinations
from math import comb

from microdlrm.exercises.task import Mistake, Task


def _interaction_width(n_tables, m_spa, d, kind):
    if kind == "concat":
        return d + sum(m_spa for _ in range(n_tables))
    return d + sum(1 for _ in combinations(range(1 + n_tables), 2))


def _dot(beside):
    """The width of dot, with so many numbers beside the dense vector."""
    return lambda t, m, d, kind: d + (t * m if kind == "concat" else beside(t, m))


def _because(n_tables, m_spa, d, kind):
    if kind == "concat":
        yield f"{d} + {' + '.join([str(m_spa)] * n_tables)}" if n_tables < 6 else ""
    else:
        points = combinations(range(1 + n_tables), 2)
        named = ", ".join(f"{i}{j}" for i, j in points) if n_tables < 4 else "…"
        yield f"{d}, and {comb(1 + n_tables, 2)} pairs: {named}"


INTERACTION_WIDTH = Task(
    "interaction_width(n_tables, m_spa, d, kind)",
    _interaction_width,
    [
        # Powers of ten, so that each part of a sum can be read; equal sizes; DLRM's own.
        (3, 10, 100, "concat"),
        (3, 10, 100, "dot"),
        (1, 10, 100, "concat"),
        (1, 10, 100, "dot"),
        (2, 100, 10, "concat"),
        (2, 100, 10, "dot"),
        (4, 7, 7, "dot"),
        (4, 7, 7, "concat"),
        (5, 4, 7, "dot"),
        (26, 128, 128, "dot"),
    ],
    "Right. Concat grows with the tables' number and width, dot with their number squared.",
    places=lambda *_: ["width"],
    draw=lambda dice: (*map(dice.size, (8, 12, 12)), dice.choice(("concat", "dot"))),
    facts=lambda t, m, d, kind: {"kind is": kind, "tables": t, "m_spa equals d": m == d},
    mistakes=[
        Mistake("dense vector not among the pairs", "dot: it is one of the vectors that pair.",
                _dot(lambda t, m: comb(t, 2))),
        Mistake("diagonal kept", "dot: a pair has two different vectors.",
                _dot(lambda t, m: comb(t + 2, 2))),
        Mistake("m_spa with the pairs", "dot: a pair gives one number, whatever m_spa.",
                _dot(lambda t, m: m * comb(t + 1, 2))),
    ],
    because=_because,
    tells={"tables": "Draw the vectors as points and join every two: how many lines?"},
    typical=8,
    returns="one whole number",
)  # fmt: skip
