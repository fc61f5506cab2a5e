"""Submissions as people hand them in: what runs in their kernel is judged, and nothing else is."""

import json
import re
import sys

import pytest

from microdlrm.exercises import check
from microdlrm.grading import own, reading
from microdlrm.grading.handout import NOTEBOOKS
from microdlrm.grading.submissions import BORROWED

# What a learner's function does may warn; that is between PyTorch and the learner.
pytestmark = pytest.mark.filterwarnings("ignore")

HEAD = "import torch\n"
DEF = """def dot_interaction(x_dense, x_sparse):
    v = torch.stack([x_dense, *x_sparse], dim=1)
    n = v.shape[1]
    i, j = torch.triu_indices(n, n, 1)
    return torch.cat([x_dense, torch.bmm(v, v.mT)[:, i, j]], dim=1)
"""
RIGHT, MINE = HEAD + DEF, DEF.replace("dot_interaction", "mine")
WRONG = "def dot_interaction(x_dense, x_sparse):\n    return x_dense\n"
STUB = "def dot_interaction(x_dense, x_sparse):\n    ...\n"
INDENTED = "".join("    " + line for line in DEF.splitlines(keepends=True))
ANNOTATED = DEF.replace("x_sparse)", "x_sparse: Vectors)", 1)


def with_line(line):
    """The right answer with one more line in it."""
    return RIGHT.replace("    n =", f"    {line}\n    n =")


def with_off(of):
    """The right answer with its 1 taken from elsewhere."""
    return RIGHT.replace("n, 1)", f"n, {of})")


RUNS = {
    "a comment that asks": ["%matplotlib inline\n" + with_line("n = 5  # or one less?")],
    "a string that asks": ["%matplotlib inline\n" + with_line('s = "why?"')],
    "a line magic inside": [with_line("%matplotlib inline")],
    "a shell escape with a name": ["names = !ls\n" + with_line("names.copy()")],
    "a help line": ["torch.cat??\n" + RIGHT, "dot_interaction?"],
    "a timed cell, a magic inside": [HEAD, "%%time\n%matplotlib inline\n" + DEF],
    "a captured cell": [HEAD, "%%capture out\n" + DEF],
    "an indented cell": [HEAD, INDENTED],
    "display left over": [with_line("display(v)")],
    "get_ipython left over": [with_line("get_ipython().run_line_magic('who', '')")],
    "another language's cell": ["%%bash\necho hi", RIGHT],
    "a cell that is no Python": ["for x in", RIGHT],
    "an annotation that nobody evaluates": [HEAD, "from __future__ import annotations", ANNOTATED],
    "a list that is filled": ["found = []\nfound.append(1)", with_off("found[0]")],
    "a number that is changed": ["off = [0]\noff[0] = 1", with_off("off[0]")],
    "a deeper stack": [
        "import sys\nsys.setrecursionlimit(5000)\ndef deep(k): return 1 if k == 0 else deep(k - 1)",
        with_off("deep(2000)"),
    ],
    "redefined": [HEAD + WRONG, DEF],
    "broken once, then mended": ["def dot_interaction(x, xs:\n    return", RIGHT],
    "a lambda": [HEAD + MINE, "dot_interaction = lambda x, xs: mine(x, xs)"],
    "under another name first": [HEAD + MINE, "dot_interaction = mine"],
    "a dataclass": [
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    off: int = 1",
        with_off("C().off"),
    ],
    "where it is the program": [HEAD + 'if __name__ == "__main__":\n' + INDENTED],
    "where an import fails": [
        f"{HEAD}try:\n    from nowhere import dot_interaction\nexcept ImportError:\n{INDENTED}"
    ],
    "an import behind it": [RIGHT, "from microdlrm import dot_interaction"],
    "an import in front": ["from microdlrm import MicroDLRM, dot_interaction", RIGHT],
    "what fails elsewhere": ["1/0\nprint(undefined)\nopen('nowhere')", RIGHT],
}


@pytest.mark.parametrize("cells", RUNS.values(), ids=RUNS)
def test_what_runs_in_the_kernel_passes(notebook, judged, cells):
    path = notebook(*cells)
    assert reading.tasks_in(path, ["dot_interaction"]) == ["dot_interaction"]
    assert judged(path) == (True, "")


def test_helpers_of_ones_own(notebook, judged, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", ["somewhere"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lib").mkdir()
    helper = "import torch\ndef pairs(n): return torch.triu_indices(n, n, 1)\n"
    (tmp_path / "lib/where_pairs_are.py").write_text(helper)
    mine = RIGHT.replace("torch.triu_indices(n, n, 1)", "pairs(n)")
    mine = "from where_pairs_are import pairs\n" + mine
    passed, mistake = judged(notebook(mine))
    assert not passed
    assert mistake.startswith("unknown name: pairs (ModuleNotFoundError")
    for way in ('path.append("lib")', 'path[:0] = ["lib"]'):
        monkeypatch.setattr("sys.path", ["somewhere"])
        monkeypatch.delitem(sys.modules, "where_pairs_are", raising=False)
        assert judged(notebook(f"import sys\nsys.{way}", mine)) == (True, ""), way


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([HEAD + "x = 1 1\n" + DEF], "x = 1 1"),
        ([HEAD + "off = 1 1", with_off("off")], "unknown name: off"),
    ],
)
def test_what_this_python_cannot_parse_is_said_as_such(notebook, judged, cells, said):
    """Code of a newer Python than the grader's: which one judged, and where it stopped."""
    passed, mistake = judged(notebook(*cells))
    assert not passed
    assert "not valid Python {}.{}: ".format(*sys.version_info) in mistake
    assert said in mistake


@pytest.mark.parametrize(("encoding", "first"), [("utf-8-sig", ""), ("latin-1", "# coding: l1\n")])
def test_a_py_file_as_python_reads_it(tmp_path, judged, encoding, first):
    path = tmp_path / "ann.py"
    path.write_text(f"{first}{RIGHT}# é\n", encoding=encoding)
    assert judged(path) == (True, "")


def test_a_notebook_of_an_older_format(tmp_path, judged):
    path = tmp_path / "ann.ipynb"
    cell = {"cell_type": "code", "input": RIGHT, "language": "python", "outputs": []}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [cell]}]}
    path.write_text(json.dumps(old))
    assert judged(path) == (True, "")


def test_what_a_cell_writes_to_a_file_is_not_run(notebook):
    assert reading.tasks_in(notebook("%%writefile ann.py\n" + RIGHT), ["dot_interaction"]) == []


# --- what counts is what the submission defines, in whatever wrapper ---

WRAPPING = """import functools
from functools import partial
import torch
from torch import nn
def compiled(f): return torch.compile(f, backend=no_compiler)
def no_compiler(module, inputs): raise OSError("there is no C compiler")
"""
METHOD = "".join("    " + line for line in DEF.splitlines(keepends=True))
METHOD = METHOD.replace("dot_interaction(", "{}(self, ")
KINDS = {
    "plain": DEF,
    "compiled": "@compiled\n" + DEF,
    "compiled in place": DEF + "dot_interaction = compiled(dot_interaction)\n",
    "a module": f"class C(nn.Module):\n{METHOD.format('forward')}dot_interaction = compiled(C())\n",
    "an object": f"class C:\n{METHOD.format('__call__')}dot_interaction = C()\n",
    "a method": f"class C:\n{METHOD.format('go')}dot_interaction = C().go\n",
    "a partial": MINE + "dot_interaction: object = partial(partial(mine))\n",
    "a decorator of PyTorch": "@torch.autocast('cpu', enabled=False)\n" + DEF,
    "in a with": "with torch.enable_grad():\n" + INDENTED,
}
SCRIPTED = """@torch.jit.script
def dot_interaction(x_dense: torch.Tensor, x_sparse: list[torch.Tensor]):
    v = torch.stack([x_dense] + x_sparse, dim=1)
    ij = torch.triu_indices(v.shape[1], v.shape[1], 1)
    return torch.cat([x_dense, torch.bmm(v, v.mT)[:, ij[0], ij[1]]], dim=1)
"""
CONCAT = "from microdlrm import MicroDLRM, concat_interaction\n"
OTHERS = {
    "scripted": SCRIPTED,
    "with another's name": CONCAT + "@functools.wraps(concat_interaction)\n" + DEF,
    "a helper that remembers": DEF.replace("torch.triu_indices(n, n, 1)", "pairs(n)")
    + "@functools.lru_cache\ndef pairs(n): return torch.triu_indices(n, n, 1)\n",
    "in the course's model": CONCAT + DEF + "m = MicroDLRM(interaction=dot_interaction)\n",
    "with a course's function that is no answer": CONCAT
    + DEF.replace("[x_dense, torch", "[concat_interaction(x_dense, []), torch"),
}


@pytest.mark.parametrize("kind", KINDS | OTHERS)
def test_a_right_answer_is_right_in_any_wrapper(notebook, judged, kind):
    assert judged(notebook(WRAPPING, (KINDS | OTHERS)[kind])) == (True, "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_one_is_wrong_and_a_stub_not_started(notebook, judged, kind):
    code = KINDS[kind]
    wrong = code.replace("triu_indices(n, n, 1)", "tril_indices(n, n, -1)")
    assert judged(notebook(WRAPPING, wrong)) == (False, "lower triangle's order")
    stub = re.sub(r"( +)v = .*?return .*?\n", r"\1...\n", code, flags=re.DOTALL)
    assert judged(notebook(WRAPPING, stub)) == (False, "not started")


IMPORTED = "imported, not defined"


@pytest.mark.parametrize(
    ("cells", "mistake"),
    [
        (["from microdlrm.model import dot_interaction"], IMPORTED),
        (["from microdlrm import *"], "not defined"),
        (["from microdlrm.exercises.check import plain_loop as dot_interaction"], IMPORTED),
        (["if True:\n    from microdlrm.model import dot_interaction"], IMPORTED),
        (["from numpy import dot as dot_interaction"], IMPORTED),
        ([STUB, "from microdlrm.model import dot_interaction"], "not started"),
        ([STUB, "from microdlrm.model import *"], "not started"),
    ],
)
def test_an_import_is_no_answer(notebook, judged, cells, mistake):
    assert judged(notebook(*cells)) == (False, mistake)


THEIRS = "from microdlrm import dot_interaction as theirs\ndot_interaction = "
CALLED = "def dot_interaction(x, xs):\n    return {}(x, xs)"
LOOKED_UP = "__import__('microdlrm').model.INTERACTIONS['dot']"


@pytest.mark.parametrize(
    "answer",
    [
        f"{THEIRS}torch.compile(theirs, backend='eager')",
        f"{THEIRS}partial(partial(theirs))",
        f"{THEIRS}type('C', (), {{'__call__': lambda self, *given: theirs(*given)}})()",
        f"{THEIRS}functools.wraps(theirs)(lambda x, xs: theirs(x, xs))",
        f"dot_interaction = {LOOKED_UP}",
        CALLED.format(LOOKED_UP),
        CALLED.format("__import__('microdlrm').MicroDLRM(interaction='dot').interaction"),
        CALLED.format(f"torch.compile({LOOKED_UP}, backend='eager')"),
        CALLED.format("__import__('microdlrm.exercises.check').exercises.check.plain_loop"),
    ],
)
def test_the_courses_answer_counts_in_no_wrapper_and_however_it_is_reached(
    notebook, judged, answer
):
    assert judged(notebook(WRAPPING, answer)) == (False, BORROWED)


@pytest.mark.parametrize("value", [lambda x, xs: x, 5])
def test_a_function_that_borrows_nothing(value):
    verdict, borrowed = own.judged(value, check.dot_interaction)
    assert not borrowed
    assert not verdict.passed


def test_chapters_that_import_the_answer_define_none():
    for name in ("04_interaction", "08_speed"):
        assert not reading.tasks_in(NOTEBOOKS / f"{name}.ipynb", ["dot_interaction"])
