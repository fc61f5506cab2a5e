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
from microdlrm.grading.handout import EXERCISE


def code(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_the_handout_for_nbgrader(tmp_path):
    """It holds the solutions, a graded test behind each check, and releases to just the exercise's
    stubs. Answers that borrow earn nothing.
    """
    main(["handout", str(tmp_path / "source/dot"), "--points", "3"])
    made = tmp_path / "source/dot" / EXERCISE.name
    solved, tests, released = [], [], []
    for cell in json.loads(made.read_text(encoding="utf-8"))["cells"]:
        mark = cell["metadata"].get("nbgrader", dict(solution=False, grade=False))
        if mark["grade"]:
            assert mark["points"] == 3
            tests.append(cell["source"])
        elif cell["cell_type"] == "code":
            released.append(handout.stub("".join(cell["source"])))
            solved += [cell["source"]] * mark["solution"]
    assert len(solved) == len(tests) == 4
    assert released == code(EXERCISE)
    namespace = {"check": check, "torch": torch, "__name__": "__main__"}
    exec("\n\n".join([*solved, *tests]), namespace)
    exec(handout.stub(solved[0]), namespace)
    with pytest.raises(AssertionError, match="Replace the"):
        exec(tests[0], namespace)
    borrowed = "from microdlrm.exercises.check import plain_loop as dot_interaction_slow\n"
    wrapped = "import functools\ndot_interaction_slow = functools.partial(dot_interaction_slow)"
    called = "theirs = dot_interaction_slow\ndef dot_interaction_slow(x, xs): return theirs(x, xs)"
    for answer in ("", wrapped, called):
        exec(borrowed + answer, namespace)
        with pytest.raises(AssertionError, match="calls the course's own answer"):
            exec(tests[0], namespace)


def test_a_half_done_exercise_stops_nothing(monkeypatch):
    """Functions that raise or return nonsense: every cell runs all the same."""
    fit = training.fit
    monkeypatch.setattr(training, "fit", lambda *args, **more: fit(*args, **more | {"epochs": 1}))
    shown = []
    monkeypatch.setattr(sys, "displayhook", shown.append)
    nonsense = ("raise KeyError", "return torch.stack(x_sparse).sum()", "return 1 / 0", "return y")
    bodies = iter(nonsense)
    namespace = {"__name__": "__main__"}
    for cell in code(EXERCISE):
        cell = re.sub(r"^( +)\.\.\.$", lambda m: m[1] + next(bodies), cell, flags=re.MULTILINE)
        exec(compile(ast.Interactive(ast.parse(cell).body), "a cell", "single"), namespace)
    assert next(bodies, None) is None
    cards = [repr(verdict) for verdict in shown if isinstance(verdict, Verdict)]
    assert len(cards) == 4
    assert all(card.startswith("✗") for card in cards), cards
