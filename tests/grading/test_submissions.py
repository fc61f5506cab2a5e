"""Whole submissions: one that fails stops no other, and this machine's own trouble fails nobody."""

import csv
import io
import json
import os
import re
import sys
import time
from pathlib import Path

import pytest

from microdlrm.__main__ import main
from microdlrm.exercises import check
from microdlrm.grading import submissions
from microdlrm.grading.handout import EXERCISE, SOLUTIONS

ROOT = Path(__file__).resolve().parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="signals, limits and names differ")

GOOD = """
import module_that_is_not_installed
first = []
first.append(4)
def mlp_cost(widths):
    pairs = list(zip(widths, widths[1:]))
    return sum(a * b + b for a, b in pairs), 2 * sum(a * b for a, b in pairs)
print(undefined)
"""
CELLS = (
    "%matplotlib inline\n!ls\nimport torch",
    "1/0",
    "%%time\ndef mlp_cost(widths):\n    return 1, 2",
    "def dot_interaction_slow(a, b): ...",
    "this is no Python",
)
# file -> (text, the rows due: task, passed, and the mistake or how it begins)
SUBMISSIONS = {
    "breaks_torch.py": (
        "import torch\ntorch.stack = None\ndef dot_interaction(x, xs): return torch.stack(xs)\n",
        [("dot_interaction", False, "ended the process")],
    ),
    "crash.py": (
        "import ctypes\ndef dot_interaction(x, xs): ctypes.string_at(0)\n"
        "def low_rank_cross(*_): ...\n",
        [("dot_interaction", False, "crashed (SIGSEGV)"), ("low_rank_cross", False, "not started")],
    ),
    "empty.py": ("print(1)\n", [("", False, "no exercise in it")]),
    "exit.py": (
        "import os\ndef mlp_cost(widths): os._exit(0)\n",
        [("mlp_cost", False, "ended the process (exit code 0)")],
    ),
    "good.py": (GOOD, [("mlp_cost", True, "")]),
    "memory.py": (
        "import torch\ndef dot_interaction(x, xs): return torch.zeros(10**10)\n",
        [("dot_interaction", False, "too much memory")],
    ),
    "no_notebook.ipynb": ("{}", [("", False, "can't be read: ")]),
    "syntax.py": (
        "def mlp_cost(widths:\n    return\n",
        [("mlp_cost", False, "not valid Python {}.{}: ".format(*sys.version_info))],
    ),
}


@pytest.fixture
def command(capsys):
    """`python -m microdlrm check …`: its exit status, and what it printed."""

    def run(*arguments):
        status = main(["check", *map(str, arguments)])
        return status, *capsys.readouterr()

    return run


@linux
def test_one_submission_stops_no_other(tmp_path, notebook, command):
    for name, (text, _) in SUBMISSIONS.items():
        (tmp_path / name).write_text(text)
    notebook(*CELLS)
    status, out, _ = command(tmp_path, "--csv")
    assert status == 0
    header, *rows = csv.reader(io.StringIO(out))
    assert header == ["file", "task", "passed", "mistake"]
    found = {(Path(file).name, task): (passed, said) for file, task, passed, said in rows}
    ann = [("dot_interaction_slow", False, "not started"), ("mlp_cost", False, "")]
    expected = {name: due for name, (_, due) in SUBMISSIONS.items()} | {"ann.ipynb": ann}
    assert len(found) == sum(map(len, expected.values()))
    for name, due in expected.items():
        for task, passed, begins in due:
            came, said = found[name, task]
            assert came == str(passed), name
            assert said.startswith(begins), name


def test_a_submission_that_hangs(tmp_path, command):
    loop = "k = 0\nwhile True:\n    k += 1\ndef dot_interaction(x, xs): return k\n"
    (tmp_path / "a.py").write_text(loop)
    (tmp_path / "b.py").write_text("x = 1\n")
    _, out, _ = command(tmp_path, "--timeout", "1")
    found = r"a\.py +dot_interaction +no +stopped after 1 s\n.*b\.py +no +no exercise in it"
    assert re.search(found, out)


@linux
def test_what_a_submission_started_ends_with_it(tmp_path, command):
    (tmp_path / "a.py").write_text(
        "import subprocess, time\ndef mlp_cost(widths):\n"
        "    open('pid', 'w').write(str(subprocess.Popen(['sleep', '99']).pid))\n"
        "    time.sleep(99)\n"
    )
    _, out, _ = command(tmp_path / "a.py", "--timeout", "2")
    assert "stopped after 2 s" in out
    state = Path("/proc", (tmp_path / "pid").read_text(), "stat")
    until = time.monotonic() + 5
    while state.exists() and ") Z" not in state.read_text():  # killed, if perhaps not yet noted
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_check_may_take_longer(tmp_path, command):
    (tmp_path / "ann.py").write_text("import time\ndef mlp_cost(widths): time.sleep(0.4)\n")
    for seconds, stopped in (("0.2", True), ("9", False)):
        _, out, _ = command(tmp_path, "--json", "--seconds", seconds)
        assert (json.loads(out)[0]["mistake"] == "runs without end") == stopped


def test_the_exercise_is_not_started_and_its_solution_passes(command):
    status, out, _ = command(EXERCISE, SOLUTIONS, "--json")
    assert status == 0
    tasks = ["dot_interaction", "dot_interaction_itself", "dot_interaction_slow", "low_rank_cross"]
    states = ((EXERCISE, False, "not started"), (SOLUTIONS, True, None))
    assert sorted(json.loads(out), key=lambda row: (row["file"], row["task"])) == [
        dict(file=str(path), task=task, passed=passed, mistake=mistake)
        for path, passed, mistake in states
        for task in tasks
    ]


def test_the_teachers_page_lists_every_function():
    text = (ROOT / "book/grading.md").read_text(encoding="utf-8")
    assert set(check.TASKS) <= set(re.findall(r"`(\w+)`", text))


def test_a_demanded_task_that_is_missing(tmp_path, command):
    (tmp_path / "a.py").write_text("x = 1\n")
    _, out, _ = command(tmp_path, "--task", "mlp_cost")
    assert re.search(r"a\.py +mlp_cost +no +not defined", out)


# --- this machine's own trouble: status 2, and nobody has a "no" for it ---


def test_where_no_process_can_be_had(tmp_path, command, monkeypatch):
    for name in "abc":
        (tmp_path / f"{name}.py").write_text(GOOD)
    real, calls = submissions._run_process, []

    def once(*args):
        calls.append(args)
        if len(calls) > 1:
            raise OSError(24, "Too many open files")
        return real(*args)

    monkeypatch.setattr(submissions, "_run_process", once)
    status, out, err = command(tmp_path, "--json")
    assert status == 2
    assert [row["passed"] for row in json.loads(out)] == [True]
    assert "1 of 3" in err


def test_where_the_process_never_comes_to_the_submission(tmp_path, command, monkeypatch):
    (tmp_path / "a.py").write_text(GOOD)
    monkeypatch.setattr(submissions, "_child", os.abort)  # takes no arguments: raises TypeError
    status, out, err = command(tmp_path)
    assert (status, out) == (2, "")
    assert "a.py" in err


# --- one file, or one name, ends the run for nobody ---


@linux
@pytest.mark.parametrize("form", ["--memory=999", "--csv", "--json"])
def test_names_that_the_output_cannot_show(tmp_path, monkeypatch, form):
    for name in ("Łukasz.py", "J\udcf6rg.py", "a\nb.py"):
        (tmp_path / name).write_text("x = 1\n")
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, io.TextIOWrapper(io.BytesIO(), "cp1252", errors="strict"))
    assert main(["check", form, str(tmp_path)]) == 0
    sys.stdout.seek(0)
    assert b"J\\udcf6rg.py" in sys.stdout.buffer.read()


@pytest.mark.parametrize("blob", [b"", b"[1]", b'{"cells": [1]}', b"\xff\xfe\x00", b"PK\x03\x04"])
@pytest.mark.parametrize("task", ["", "mlp_cost"])
def test_what_cannot_be_read_says_so(tmp_path, command, blob, task):
    (tmp_path / "ann.ipynb").write_bytes(blob)
    _, out, _ = command(tmp_path, "--json", *(["--task", task] if task else []))
    (row,) = json.loads(out)
    assert row["mistake"].startswith("can't be read: ")
    assert (row["passed"], row["task"]) == (False, task)


def test_every_file_is_judged_or_named(tmp_path, command):
    names = "ann.ipynb BOB.IPYNB Cy.Py carol.ipynb.txt dave.zip __MACOSX/._ann.ipynb ._ann.ipynb"
    for name in (*names.split(), ".git/ann.py", "__pycache__/ann.py", "folder.py/eve.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    files, aside = submissions.find([tmp_path, tmp_path / "ann.ipynb"])
    assert [path.name for path in files] == ["BOB.IPYNB", "Cy.Py", "ann.ipynb", "eve.py"]
    assert [path.name for path in aside] == ["carol.ipynb.txt", "dave.zip"]
    status, out, err = command(tmp_path)
    assert status == 0
    assert all(path.name in out for path in files)
    assert all(str(path) in err for path in aside)


def test_no_submissions(tmp_path, command):
    for path in (tmp_path, tmp_path / "nowhere.py"):
        status, out, err = command(path)
        assert (status, out) == (2, "")
        assert str(path) in err
