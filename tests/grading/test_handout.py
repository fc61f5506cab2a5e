"""Stubs, their solutions, and what nbgrader gets."""

import ast
import json
import re
import sys

import pytest
import torch

from microdlrm import training
from microdlrm.__main__ import main
from microdlrm.exercises import check
from microdlrm.exercises.verdict import Verdict
from microdlrm.grading import handout
from microdlrm.grading.handout import EXERCISE, SOLUTIONS


def code(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_stubs_follow_their_solutions():
    solved = [cell for cell in code(SOLUTIONS) if "### BEGIN SOLUTION" in cell]
    assert [handout.stub(cell) for cell in solved] == [
        cell for cell in code(EXERCISE) if re.search(r"^ +\.\.\.$", cell, re.M)
    ]


def test_the_handout_for_nbgrader(tmp_path):
    """It holds the solutions, a graded test behind each check, and releases to just the exercise's
    stubs.
    """
    main(["handout", str(tmp_path / "source/dot"), "--points", "3"])
    cells = json.loads((tmp_path / "source/dot" / EXERCISE.name).read_text(encoding="utf-8"))[
        "cells"
    ]
    marks = [cell["metadata"].get("nbgrader") for cell in cells]
    solved = [
        cell["source"] for cell, mark in zip(cells, marks, strict=True) if mark and mark["solution"]
    ]
    tests = [
        cell["source"] for cell, mark in zip(cells, marks, strict=True) if mark and mark["grade"]
    ]
    assert len(solved) == len(tests) == 4
    assert [mark["points"] for mark in marks if mark and mark["grade"]] == [3] * 4
    ungraded = [
        cell for cell, mark in zip(cells, marks, strict=True) if not (mark and mark["grade"])
    ]
    assert [
        handout.stub("".join(c["source"])) for c in ungraded if c["cell_type"] == "code"
    ] == code(EXERCISE)
    namespace = {"check": check, "torch": torch, "__name__": "__main__"}
    exec("\n\n".join([*solved, *tests]), namespace)
    exec(handout.stub(solved[0]), namespace)
    with pytest.raises(AssertionError, match="Replace the"):
        exec(tests[0], namespace)
    name = re.search(r"check\.\w+\((\w+)", tests[0])[1]
    for imported in (
        "microdlrm.exercises.check import plain_loop",
        "microdlrm.model import dot_interaction",
    ):
        exec(f"from {imported} as {name}", namespace)
        for wrapped in ("", f"import functools; {name} = functools.partial({name})"):
            exec(wrapped, namespace)
            with pytest.raises(AssertionError, match="an import is no answer"):
                exec(tests[0], namespace)
        exec(f"imported = {name}\ndef {name}(x, xs): return imported(x, xs)", namespace)
        with pytest.raises(AssertionError, match="calls the course's own answer"):
            exec(tests[0], namespace)
    exec(
        f"{solved[0]}\nimport functools\n{name} = functools.partial({name})\n{tests[0]}", namespace
    )


def test_a_half_done_exercise_stops_nothing(monkeypatch):
    """Functions that raise or return nonsense: every cell runs all the same."""
    fit = training.fit
    monkeypatch.setattr(training, "fit", lambda *args, **more: fit(*args, **more | {"epochs": 1}))
    shown = []
    monkeypatch.setattr(sys, "displayhook", shown.append)
    bodies = iter(
        [
            "raise KeyError('x')",
            "return torch.stack([x_dense, *x_sparse]).sum()",
            "return 1 / 0",
            "return y",
        ]
    )
    namespace = {"__name__": "__main__"}
    for cell in code(EXERCISE):
        cell = re.sub(r"^( +)\.\.\.$", lambda m: m[1] + next(bodies), cell, flags=re.MULTILINE)
        exec(compile(ast.Interactive(ast.parse(cell).body), "a cell", "single"), namespace)
    assert next(bodies, None) is None
    cards = [repr(verdict) for verdict in shown if isinstance(verdict, Verdict)]
    assert len(cards) == 4
    assert all(card.startswith("✗") for card in cards), cards
