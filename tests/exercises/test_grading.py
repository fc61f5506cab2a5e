"""Whole submissions: one that fails stops no other."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest

from microdlrm.__main__ import main
from microdlrm.exercises import check
from microdlrm.exercises.handout import EXERCISE, SOLUTIONS

ROOT = Path(__file__).resolve().parents[2]

GOOD = """
import module_that_is_not_installed
import torch
first = []
first.append(1)
def dot_interaction(x_dense, x_sparse):
    v = torch.stack([x_dense, *x_sparse], 1)
    i, j = torch.triu_indices(v.shape[1], v.shape[1], first[0])
    return torch.cat([x_dense, (v @ v.mT)[:, i, j]], 1)
print(undefined)
"""

SUBMISSIONS = {
    "crash.py": "import ctypes\ndef dot_interaction(x, xs): ctypes.string_at(0)\ndef low_rank_cross(*_): ...\n",
    "empty.py": "print(1)\n",
    "exit.py": "import os\ndef dot_interaction(x, xs): os._exit(0)\n",
    "good.py": GOOD,
    "memory.py": "import torch\ndef dot_interaction(x, xs): return torch.zeros(10**10)\n",
    "not_a_notebook.ipynb": "{}",
    "syntax.py": "def dot_interaction(x, xs:\n    return\n",
    "wrong.ipynb": json.dumps(
        {
            "cells": [
                {"cell_type": "markdown", "source": ["def low_rank_cross"]},
                {"cell_type": "code", "source": ["%matplotlib inline\n", "!ls\n", "import torch"]},
                {"cell_type": "code", "source": "1/0"},
                {
                    "cell_type": "code",
                    "source": [
                        "%%time\n",
                        "def dot_interaction(x_dense, x_sparse):\n",
                        "    return torch.cat(x_sparse, 1)",
                    ],
                },
                {"cell_type": "code", "source": "def dot_interaction_slow(a, b): ..."},
                {"cell_type": "code", "source": "this is no Python"},
            ]
        }
    ),
}

EXPECTED = [
    ("crash.py", "dot_interaction", False, "crashed (SIGSEGV)"),
    ("crash.py", "low_rank_cross", False, "not started"),
    ("empty.py", "", False, "no exercise in it"),
    ("exit.py", "dot_interaction", False, "ended the process (exit code 0)"),
    ("good.py", "dot_interaction", True, ""),
    ("memory.py", "dot_interaction", False, "too much memory"),
    ("not_a_notebook.ipynb", "", False, "can't be read: this is not a notebook"),
    ("syntax.py", "dot_interaction", False, "not valid Python"),
    ("wrong.ipynb", "dot_interaction", False, "no pairs, dense vector not paired"),
    ("wrong.ipynb", "dot_interaction_slow", False, "not started"),
]


@pytest.fixture
def command(capsys):
    """`python -m microdlrm check …`: its exit status and what it printed."""

    def run(*arguments):
        status = main(["check", *map(str, arguments)])
        return status, capsys.readouterr().out

    return run


@pytest.mark.skipif(sys.platform != "linux", reason="signals and memory limits differ")
def test_one_submission_stops_no_other(tmp_path, command):
    for name, text in SUBMISSIONS.items():
        (tmp_path / name).write_text(text)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "good.py").write_text(GOOD)
    status, out = command(tmp_path, "--csv")
    assert status == 0
    header, *rows = csv.reader(io.StringIO(out))
    assert header == ["file", "task", "passed", "mistake"]
    assert [(Path(f).name, t, p == "True", m) for f, t, p, m in rows] == EXPECTED


def test_a_submission_that_hangs(tmp_path, command):
    (tmp_path / "a.py").write_text("k = 0\nwhile True:\n    k += 1\ndef dot_interaction(x, xs): return k\n")
    (tmp_path / "b.py").write_text("x = 1\n")
    _, out = command(tmp_path, "--timeout", "3")
    assert re.search(r"a\.py +dot_interaction +no +stopped after 3 s\n.*b\.py +no +no exercise in it", out)


def test_the_exercise_is_not_started_and_its_solution_passes(command):
    status, out = command(EXERCISE, SOLUTIONS, "--json")
    assert status == 0
    rows = json.loads(out)
    tasks = ["dot_interaction", "dot_interaction_itself", "dot_interaction_slow", "low_rank_cross"]
    for path, passed, mistake in ((EXERCISE, False, "not started"), (SOLUTIONS, True, None)):
        mine = [row for row in rows if row["file"] == str(path)]
        assert sorted(row["task"] for row in mine) == tasks
        assert {(row["passed"], row["mistake"]) for row in mine} == {(passed, mistake)}


def test_the_teachers_page_lists_every_function():
    text = (ROOT / "book/grading.md").read_text(encoding="utf-8")
    assert set(check.TASKS) <= set(re.findall(r"`(\w+)`", text))


def test_a_demanded_task_that_is_missing(tmp_path, command):
    (tmp_path / "a.py").write_text("x = 1\n")
    _, out = command(tmp_path, "--task", "mlp_cost")
    assert re.search(r"a\.py +mlp_cost +no +not defined", out)


def test_a_path_that_is_not_there(tmp_path, command):
    assert command(tmp_path / "nowhere.py") == (2, "")
