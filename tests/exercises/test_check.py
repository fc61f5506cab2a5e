"""The exercises' checks: every mistake gets its own diagnosis, every right answer passes, none is given away."""

import _thread
import ast
import csv
import inspect
import io
import json
import re
import subprocess
import sys
import textwrap
import threading
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from mistakes import RIGHT, WRONG

from microdlrm.__main__ import main
from microdlrm.exercises import (
    causes,
    chapter1,
    chapter2,
    chapter3,
    chapter4,
    chapter5,
    chapter6,
    check,
    compare,
    guard,
    handout,
)
from microdlrm.exercises.task import Task

ROOT = Path(__file__).resolve().parents[2]
EXERCISE, SOLUTIONS = handout.EXERCISE, handout.SOLUTIONS
TASKS = {
    name.lower(): task
    for module in (chapter1, chapter2, chapter3, chapter4, chapter5, chapter6)
    for name, task in vars(module).items()
    if isinstance(task, Task)
}

# What a learner's function does may warn; that is between PyTorch and the learner.
pytestmark = pytest.mark.filterwarnings("ignore")


def verdict_of(wrong, monkeypatch):
    endless = wrong.mistake == "runs without end"
    monkeypatch.setattr(check, "SECONDS", 0.5 if endless else check.SECONDS)
    return getattr(check, wrong.task)(wrong.fn)


# --- the family of mistakes ---


@pytest.mark.parametrize("wrong", WRONG, ids=[w.id for w in WRONG])
def test_names_the_mistake(wrong, monkeypatch):
    started = time.perf_counter()
    verdict = verdict_of(wrong, monkeypatch)
    assert time.perf_counter() - started < (10 if wrong.mistake in ("runs without end", "too much memory") else 2)
    assert not verdict
    assert not verdict.passed
    assert verdict.mistake == wrong.mistake
    assert wrong.word in verdict.hint
    assert "Traceback" not in repr(verdict)
    assert "microdlrm" not in verdict.where
    assert wrong.fn.__name__ in verdict.title


def test_there_are_enough_mistakes():
    mine = [w for w in WRONG if w.task == "dot_interaction"]
    assert len({w.mistake for w in mine}) >= 24
    assert {w.task for w in WRONG} == set(TASKS)
    for task in TASKS:
        assert len({w.mistake for w in WRONG if w.task == task}) >= 2


@pytest.mark.parametrize(
    ("task", "fn"), RIGHT, ids=[f"{t}-{getattr(f, '__name__', type(f).__name__)}" for t, f in RIGHT]
)
def test_right_answers_pass(task, fn):
    verdict = getattr(check, task)(fn)
    assert verdict.passed, repr(verdict)
    assert verdict
    assert verdict.mistake is None
    assert verdict.hint


LOOPS = ("loops", "rows_of_numbers", "filled_in")


@pytest.mark.parametrize(
    "fn", [f for t, f in RIGHT if t == "dot_interaction"], ids=lambda f: getattr(f, "__name__", "")
)
def test_the_second_task_takes_no_loop(fn):
    verdict = check.dot_interaction(fn, loop=False)
    if getattr(fn, "__name__", "") in LOOPS:
        assert verdict.mistake == "grows with the vectors"
        assert re.search(r"calls \d+ operators for 4 vectors and \d+ for 8", verdict.hint)
        assert "✗ Failed: number of operators" in repr(verdict)
    else:
        assert verdict.passed, repr(verdict)


def test_neither_does_a_comprehension_pass_it():
    def comprehended(x_dense, x_sparse):
        v = [x_dense, *x_sparse]
        return torch.cat([x_dense, *((a * b).sum(1, True) for k, a in enumerate(v) for b in v[k + 1 :])], 1)

    assert check.dot_interaction(comprehended).passed
    assert check.TASKS["dot_interaction_slow"](comprehended).passed
    assert check.TASKS["dot_interaction"](comprehended).mistake == "grows with the vectors"


def test_what_is_kept_between_calls_is_no_loop():
    kept = {}

    def caches(x_dense, x_sparse):
        v = torch.stack([x_dense, *x_sparse], 1)
        n = v.shape[1]
        if n not in kept:
            kept[n] = torch.tensor([(i, j) for i in range(n) for j in range(i + 1, n)]).T.contiguous()
            for _ in range(n):
                kept[n] = kept[n].clone()
        return torch.cat([x_dense, (v @ v.mT)[:, kept[n][0], kept[n][1]]], 1)

    assert check.dot_interaction(caches, loop=False).passed


def test_the_cross_layer_is_praised_for_what_it_does():
    for name, word in (("cross", "4wr"), ("full_cross", "w × w matrix first"), ("cross_by_brackets", "first")):
        fn = next(f for t, f in RIGHT if t == "low_rank_cross" and f.__name__ == name)
        verdict = check.low_rank_cross(fn)
        assert verdict.passed
        assert word in verdict.hint
        assert ("4wr" in verdict.hint) == (name == "cross")


def test_an_ordinary_function_is_judged_in_no_time():
    for task, fn in RIGHT:
        if inspect.isfunction(fn) and fn.__module__ == "mistakes.solved":
            getattr(check, task)(fn)
            started = time.perf_counter()
            getattr(check, task)(fn)
            assert time.perf_counter() - started < 2


@pytest.mark.parametrize("task", TASKS)
def test_every_formulation_is_told_from_the_others(task):
    """Each wrong formulation, handed in as a learner's function, gets its own name."""
    for mistake in TASKS[task].mistakes:
        if "Two things" in mistake.hint:
            break  # what differs in two choices may coincide with something simpler
        assert getattr(check, task)(mistake.formula).mistake == mistake.code


def test_an_unknown_mistake_is_judged_in_time():
    """Nothing in the family agrees, so all of it is tried."""
    started = time.perf_counter()
    verdict = check.dot_interaction(lambda x_dense, x_sparse: check.plain_loop(x_dense, x_sparse) + 0.123)
    assert verdict.mistake == "wrong values"
    assert time.perf_counter() - started < 2


def test_nothing_is_broadcast():
    """Shape before value: one row that equals every row is not the batch."""
    answer = check.plain_loop
    assert check.dot_interaction(lambda x, xs: answer(x, xs)[:1]).mistake == "wrong shape"
    assert check.dot_interaction(lambda x, xs: answer(x, xs)[None]).mistake == "right numbers, wrong shape"
    assert not compare.equal(torch.ones(3, 2), torch.ones(1, 2))


# --- nothing is given away ---


def code_names(text):
    """What stands in a text as code: in backticks, called, or as an attribute."""
    spans = " ".join(re.findall(r"`([^`]*)`", text))
    return set(re.findall(r"\w+", spans)) | set(re.findall(r"(\w+)\(", text)) | set(re.findall(r"\w\.(\w+)", text))


def operators(fn):
    """The torch functions and tensor methods that a function is built from."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    names = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    return {name for name in names if hasattr(torch, name) or hasattr(torch.Tensor, name)} - {"shape", "tolist"}


def runs(text, length=4):
    """All runs of so many tokens within a line, two of them words at least: punctuation alone says nothing."""
    lines = [re.findall(r"\w+|[^\w\s]", line) for line in text.splitlines()]
    found = (tuple(line[k : k + length]) for line in lines for k in range(len(line) - length + 1))
    return {run for run in found if sum(token[0].isalnum() for token in run) >= 2}


def solutions(task):
    return [f for t, f in RIGHT if t == task and inspect.isfunction(f)]


def texts():
    """(task, text, source of the learner's function): everything that a verdict may say."""
    for name, task in TASKS.items():
        for mistake in task.mistakes:
            yield name, f"{mistake.code}. {mistake.hint}", ""
        for case in task.cases:
            yield name, f"{case.mistake}. {case.hint} {case.step} {case.sizes}", ""
        yield name, task.other, ""
        for fn in solutions(name):
            yield name, getattr(check, name)(fn).hint, ""
    for fn in solutions("dot_interaction"):
        yield "dot_interaction", check.dot_interaction(fn, loop=False).hint, ""
    for name in TASKS:
        for cause in causes.CAUSES:
            yield name, f"{cause.code}. {cause.hint}", ""
    for wrong in WRONG:
        if wrong.mistake not in ("runs without end", "too much memory"):  # slow, and their words are among the causes
            verdict = getattr(check, wrong.task)(wrong.fn)
            yield wrong.task, f"{verdict.title} {verdict.hint}", inspect.getsource(wrong.fn)


def test_no_verdict_gives_the_answer_away():
    """A verdict names no operator of a right answer that the learner hasn't written, and no four tokens of one
    beyond what the task's own description says."""
    known = {
        task: (
            set().union(*(operators(f) for f in solutions(task))),
            set().union(*(runs(inspect.getsource(f)) for f in solutions(task))) - runs(getattr(check, task).__doc__),
        )
        for task in TASKS
    }
    for task, text, own in texts():
        names, answer = known[task]
        assert not (code_names(text) & names) - set(re.findall(r"\w+", own)), text
        assert not (runs(text) & answer) - runs(own), text


def test_the_rule_would_notice():
    bmm = next(f for _, f in RIGHT if f.__name__ == "bmm")
    assert code_names("Look up `torch.triu_indices`.") & operators(bmm)
    assert code_names("Have you tried bmm(T, T)?") & operators(bmm)
    assert runs("the second is T.transpose(1, 2)") & runs(inspect.getsource(bmm))


def test_a_verdict_holds_no_answer():
    """Neither does the object itself: numbers that were expected, and inputs, but no function."""
    verdict = check.dot_interaction(lambda x, xs: torch.cat([x, *xs], 1))
    for value in vars(verdict).values():
        assert not callable(value)


# --- what an error looks like ---


def test_an_error_shows_the_learners_line():
    def helper(T):
        return torch.bmm(T, T)  # the line to show

    def dot_interaction(x_dense, x_sparse):
        return helper(torch.stack([x_dense, *x_sparse], 1))

    verdict = check.dot_interaction(dot_interaction)
    number = inspect.getsourcelines(helper)[1] + 1
    assert verdict.where.startswith(f"line {number} of your code: return torch.bmm(T, T)  # the line to show\n")
    assert "RuntimeError: Expected size" in verdict.where
    with pytest.raises(RuntimeError):
        dot_interaction(*verdict.inputs)


def test_an_error_in_a_notebook_cell_shows_its_line(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    judge = "from microdlrm.exercises import check\nv = check.dot_interaction(f)\nv"
    define = "import torch\ndef f(x_dense, x_sparse):\n    T = torch.stack(x_sparse, 1)\n    return torch.bmm(T, T)"
    cells = [nbformat.v4.new_code_cell(c) for c in (define, judge)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    (card,) = notebook.cells[1].outputs
    assert "line 4 of your code: return torch.bmm(T, T)" in card["data"]["text/plain"]
    assert "line 4 of your code: return torch.bmm(T, T)" in card["data"]["text/html"]


def test_what_is_not_a_function():
    assert check.dot_interaction(None).mistake == "not a function"
    assert check.dot_interaction(torch.zeros(2)).mistake == "not a function"
    assert "bare name" in check.mlp_cost((1, 2)).hint


# --- loops without end, and memory ---


def test_an_endless_loop_says_how_long_it_runs(monkeypatch, capsys):
    monkeypatch.setattr(check, "SECONDS", 1.0)
    monkeypatch.setattr(guard, "FIRST_WORD", 0.3)

    def endless(x_dense, x_sparse):
        while True:
            pass

    threads = threading.active_count()
    verdict = check.dot_interaction(endless)
    assert verdict.mistake == "runs without end"
    assert "1 s" in verdict.hint
    assert re.search(r"line \d+ of your code: (while True:|pass)$", verdict.where)
    assert "Your function has been running for 0 s. It will be stopped at 1 s" in capsys.readouterr().out
    assert threading.active_count() == threads


def test_what_cannot_be_stopped_is_left_behind(monkeypatch):
    monkeypatch.setattr(check, "SECONDS", 0.2)
    monkeypatch.setattr(guard._stop, "__defaults__", (0.3,))

    def asleep(x_dense, x_sparse):
        time.sleep(2)

    started = time.perf_counter()
    verdict = check.dot_interaction(asleep)
    assert time.perf_counter() - started < 1.5
    assert verdict.mistake == "runs without end"
    assert "Kernel → Restart" in verdict.hint


def test_interrupting_gives_a_verdict():
    turns = []

    def endless(x_dense, x_sparse):
        while True:
            turns[:] = [time.perf_counter()]

    threading.Timer(0.3, _thread.interrupt_main).start()
    verdict = check.dot_interaction(endless)
    assert verdict.mistake == "runs without end"
    assert "you stopped it" in verdict.hint
    assert "of your code" in verdict.where
    ended = time.perf_counter()
    time.sleep(0.1)
    assert turns[0] < ended


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit it")
def test_the_memory_limit_is_lifted_again():
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    assert check.dot_interaction(lambda x, xs: torch.zeros(2**33)).mistake == "too much memory"
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_a_check_leaves_no_trace():
    """Neither the random state nor what the learner set is touched."""
    torch.manual_seed(3)
    state = torch.get_rng_state()
    with torch.no_grad():
        assert check.dot_interaction(check.plain_loop).passed
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), state)


def test_checks_know_nothing_of_the_model():
    code = "import sys, microdlrm.exercises.check; print(*sorted(m for m in sys.modules if m.startswith('microdlrm.')))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert [m for m in out if not m.startswith("microdlrm.exercises")] == []


# --- the card ---


class Card(HTMLParser):
    """Checks that tags close in order, and collects what a reader of the card meets."""

    def __init__(self, html):
        super().__init__()
        self.open, self.attributes, self.text = [], [], ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def cards():
    def kept_diagonal(x_dense, x_sparse):
        return check.plain_loop(x_dense, x_sparse) + 1

    def escapes(x_dense, x_sparse):
        raise ValueError("<script>alert(1)</script> & more")

    def stub(x_dense, x_sparse): ...

    return [check.dot_interaction(f) for f in (check.plain_loop, kept_diagonal, escapes, stub)]


def test_a_row_that_is_cut_says_so():
    wide = next(w.fn for w in WRONG if w.fn.__name__ == "offset_minus_one")
    picture = check.dot_interaction(wide).picture
    assert "15 columns, 12 shown" in picture.caption
    for row in (picture.columns, *picture.got, *picture.expected):
        assert len(row) == 13
        assert row[-1] == "…"
    assert "…" not in repr(check.dot_interaction(lambda x, xs: check.plain_loop(x, xs) + 1))


def test_what_the_verdict_suggests_can_be_pasted():
    def dot_interaction(x_dense, x_sparse):
        return torch.cat([x_dense, *x_sparse], 1)

    verdict = check.dot_interaction(dot_interaction)
    line, call = re.search("To see for yourself: (.*), then (.*)$", repr(verdict)).groups()
    names = {"check": check, "dot_interaction": dot_interaction}
    exec(line, names)
    assert torch.equal(eval(call, names), dot_interaction(*verdict.inputs))


def test_the_inputs_fail_again_and_belong_to_the_learner():
    def in_place(x_dense, x_sparse):
        out = check.plain_loop(x_dense, x_sparse)
        x_dense.mul_(0)
        return out

    for fn, mistake in (
        (in_place, "inputs changed"),
        (next(w.fn for w in WRONG if w.id.endswith("-filled_by_out")), "gradient cut"),
    ):
        verdict = check.dot_interaction(fn)
        assert verdict.mistake == mistake
        with pytest.raises(RuntimeError):
            fn(*verdict.inputs)
    for tensor in (verdict.inputs[0], *verdict.inputs[1]):
        tensor.data.zero_()
    assert check.dot_interaction(check.plain_loop).passed
    assert chapter5.DOT_INTERACTION.cases[0].args[0].any()


@pytest.mark.parametrize("verdict", cards(), ids=["pass", "mistake", "exception", "stub"])
def test_the_card_is_accessible(verdict):
    html = verdict._repr_html_()
    card = Card(html)
    assert ("div", "group") in [(tag, a.get("role")) for tag, a in card.attributes]
    assert any(a.get("role") == "heading" and "aria-level" in a for _, a in card.attributes)
    assert verdict.title in card.text
    assert verdict.hint.replace("`", "") in card.text
    assert "<script>" not in html
    # Colours are the page's own, in light and in dark: the accent at the edge is all that the card brings.
    for _, a in card.attributes:
        for name, value in re.findall(r"(?<![\w-])(color|background):([^;]+)", a.get("style") or ""):
            assert value == {"color": "inherit", "background": "transparent"}[name]
    if verdict.picture:
        wrong = sum(map(sum, verdict.picture.wrong))
        table = card.text[card.text.index("what differs:") :]
        assert table.count("✗") - ("✗ Failed" in table) == wrong > 0
        assert [a for tag, a in card.attributes if tag == "th" and "scope" not in a] == []
        assert next(a["aria-label"] for tag, a in card.attributes if tag == "table") in card.text


def test_the_text_says_what_the_card_says():
    passed, wrong, error, stub = map(repr, cards())
    assert passed.startswith("✓ plain_loop: passed")
    assert "✗ Failed: values" in wrong
    assert "expected" in wrong
    assert "✗" in wrong.split("expected")[0]
    assert "ValueError: <script>" in error
    assert stub.startswith("○ stub: not started")
    assert "Failed" not in stub


# --- submissions ---


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


def test_every_check_has_a_task_and_every_notebook_a_check():
    assert set(check.TASKS) == {*TASKS, "dot_interaction_slow"}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        used = set(re.findall(r"\bcheck\.(\w+)\((\w+)(?:, loop=False)?\)", path.read_text(encoding="utf-8")))
        for name, argument in used:
            assert name in TASKS, f"{path.name}: check.{name}"
            assert argument.removesuffix("_solution") in check.TASKS, f"{path.name}: {argument}"


# --- stubs and solutions ---


def code(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_stubs_follow_their_solutions():
    solved = [cell for cell in code(SOLUTIONS) if "### BEGIN SOLUTION" in cell]
    assert [handout.stub(cell) for cell in solved] == [
        cell for cell in code(EXERCISE) if re.search(r"^ +\.\.\.$", cell, re.M)
    ]


def test_the_handout_for_nbgrader(tmp_path):
    """It holds the solutions, a graded test behind each check, and releases to just the exercise's stubs."""
    main(["handout", str(tmp_path / "source/dot"), "--points", "3"])
    cells = json.loads((tmp_path / "source/dot" / EXERCISE.name).read_text(encoding="utf-8"))["cells"]
    marks = [cell["metadata"].get("nbgrader") for cell in cells]
    solved = [cell["source"] for cell, mark in zip(cells, marks, strict=True) if mark and mark["solution"]]
    tests = [cell["source"] for cell, mark in zip(cells, marks, strict=True) if mark and mark["grade"]]
    assert len(solved) == len(tests) == 4
    assert [mark["points"] for mark in marks if mark and mark["grade"]] == [3] * 4
    ungraded = [cell for cell, mark in zip(cells, marks, strict=True) if not (mark and mark["grade"])]
    assert [handout.stub("".join(c["source"])) for c in ungraded if c["cell_type"] == "code"] == code(EXERCISE)
    namespace = {"check": check, "torch": torch}
    exec("\n\n".join([*solved, *tests]), namespace)
    exec(handout.stub(solved[0]), namespace)
    with pytest.raises(AssertionError, match="Replace the"):
        exec(tests[0], namespace)


def test_a_half_done_exercise_stops_nothing():
    """Functions that raise, return nonsense, or never end: the notebook runs to its end all the same."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(EXERCISE, as_version=4)
    bodies = iter(["raise KeyError('x')", "return torch.stack([x_dense, *x_sparse]).sum()", "return 1 / 0", "return x"])
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = re.sub(r"^( +)\.\.\.$", lambda m: m[1] + next(bodies), cell.source, flags=re.MULTILINE)
    assert next(bodies, None) is None
    resources = {"metadata": {"path": str(EXERCISE.parent)}}
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=120, resources=resources).execute()
    outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    cards = [o["data"]["text/plain"] for o in outputs if "data" in o and "✗" in o["data"].get("text/plain", "")[:1]]
    assert len(cards) == 4
