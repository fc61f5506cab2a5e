"""Whole submissions: one that fails stops no other."""

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
from microdlrm.exercises import check, grading
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
    "breaks_torch.py": "import torch\ntorch.stack = None\ndef dot_interaction(x, xs): return torch.stack(xs)\n",
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
    ("breaks_torch.py", "dot_interaction", False, "exception"),
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
    _, out = command(tmp_path, "--timeout", "0.5")
    assert re.search(r"a\.py +dot_interaction +no +stopped after 0\.5 s\n.*b\.py +no +no exercise in it", out)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems start each process from nothing")
def test_one_process_loads_torch_and_forks_for_each_file(tmp_path):
    spies = [tmp_path / name for name in ("a.py", "b.py")]
    for spy in spies:
        spy.write_text(
            "import os\ndef mlp_cost(widths):\n    parent = os.getppid()\n"
            f"    open('{spy.stem}', 'w').write(f'{{parent}}\\n' + open(f'/proc/{{parent}}/maps').read())\n"
        )
    assert {row.mistake for row in grading.grade(spies, grading.Limits())} == {"nothing returned"}
    (parent, mapped), (again, _) = ((tmp_path / name).read_text().split("\n", 1) for name in "ab")
    assert parent == again != str(os.getpid())
    assert "libtorch" in mapped


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_what_a_submission_started_ends_with_it(tmp_path):
    (tmp_path / "a.py").write_text(
        "import subprocess, time\ndef mlp_cost(widths):\n"
        "    open('pid', 'w').write(str(subprocess.Popen(['sleep', '99']).pid))\n    time.sleep(99)\n"
    )
    (row,) = grading.grade([tmp_path / "a.py"], grading.Limits(timeout=1))
    assert row.mistake == "stopped after 1 s"
    state = Path("/proc", (tmp_path / "pid").read_text(), "stat")
    until = time.monotonic() + 5
    while state.exists() and ") Z" not in state.read_text():  # killed, if perhaps not yet taken note of
        assert time.monotonic() < until
        time.sleep(0.01)


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


# --- one file, or one name, ends the run for nobody ---

NAMES = ["Łukasz.py", "J\udcf6rg.py", "a\nb.py", "\x1b[31mred.py"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other names")
@pytest.mark.parametrize(("encoding", "form"), [("utf-8", "--memory=999"), ("cp1252", "--csv"), ("ascii", "--json")])
def test_names_that_the_output_cannot_show(tmp_path, monkeypatch, encoding, form):
    for name in NAMES:
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "J\udcf6rg.zip").touch()
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, io.TextIOWrapper(io.BytesIO(), encoding, errors="strict"))
    assert main(["check", form, str(tmp_path)]) == 0
    out, err = (stream.seek(0) or stream.buffer.read() for stream in (sys.stdout, sys.stderr))
    if form != "--json":
        assert b"J\\udcf6rg.py" in out
    assert b"1 left aside" in err


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"[1]",
        b'{"cells": [1]}',
        b'{"cells": [{"cell_type": "code", "source": 5}]}',
        b'{"cells": null}',
        b'{"nbformat": "x", "cells": []}',
        b'{"nbformat": 99}',
        b'{"nbformat": 3, "worksheets": 1}',
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b"\x80\x81",
        b"PK\x03\x04",
    ],
)
@pytest.mark.parametrize("tasks", [None, ["mlp_cost"]])
def test_what_cannot_be_read_says_so(tmp_path, blob, tasks):
    (tmp_path / "ann.ipynb").write_bytes(blob)
    (row,) = grading.grade([tmp_path / "ann.ipynb"], grading.Limits(), tasks)
    assert row.mistake.startswith("can't be read: ")
    assert row.task == (tasks or [""])[0]


@pytest.mark.parametrize(
    ("code", "mistake"),
    [
        ("x = " + "(" * 5000 + ")" * 5000, "no exercise in it"),
        ("x = " + "-" * 50_000 + "1", None),
        ("\0", "no exercise in it"),
        ("def \ud800(): ...", None),
    ],
)
def test_code_that_parses_badly(tmp_path, code, mistake):
    path = tmp_path / "ann.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": code}]}))
    (row,) = grading.grade([path], grading.Limits())
    assert not row.passed
    assert row.mistake == mistake or (mistake is None and row.mistake)


def test_a_pipe_and_a_loop_of_links_hang_nobody(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "folder.py").mkdir()
    rows = list(grading.grade(grading.find([tmp_path])[0], grading.Limits()))
    assert [(Path(r.file).name, r.mistake) for r in rows] == [
        ("loop.py", "can't be read: this is not a file"),
        ("pipe.py", "can't be read: this is not a file"),
    ]


def test_an_answer_cut_short_counts_for_none():
    assert grading._answer('["mlp_cost", true, ""]', ["mlp_cost"]) == ["mlp_cost", True, ""]
    for line in ('["mlp_cost", tr', "5", '["other", true, ""]', "[1, 2]", "\ufffd"):
        assert grading._answer(line, ["mlp_cost"]) is None


# --- files that drop out of sight ---


def test_every_file_is_judged_or_named(tmp_path, capsys):
    names = "ann.ipynb BOB.IPYNB Cy.Py carol.ipynb.txt dave.zip __MACOSX/._ann.ipynb ._ann.ipynb"
    for name in names.split():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('{"cells": []}' if name.lower().endswith("ipynb") else "")
    for name in (".ipynb_checkpoints", "__pycache__", ".git"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ann.py").touch()
    files, aside = grading.find([tmp_path, tmp_path / "ann.ipynb"])
    assert [path.name for path in files] == ["BOB.IPYNB", "Cy.Py", "ann.ipynb"]
    assert [Path(path).name for path in aside] == ["carol.ipynb.txt", "dave.zip"]
    assert main(["check", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert [line.split()[0].rpartition("/")[2] for line in captured.out.splitlines()[1:]] == [p.name for p in files]
    assert re.search(r"2 left aside as neither: \S+carol\.ipynb\.txt, \S+dave\.zip$", captured.err, re.M)


def test_a_folder_without_submissions(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"no submissions in {tmp_path}" in captured.err


def test_a_check_may_take_longer(tmp_path, command):
    (tmp_path / "ann.py").write_text("import time\ndef mlp_cost(widths): time.sleep(0.4)\n")
    for seconds, mistake in (("0.2", "runs without end"), ("9", "nothing returned")):
        _, out = command(tmp_path, "--json", "--seconds", seconds)
        assert json.loads(out)[0]["mistake"] == mistake
