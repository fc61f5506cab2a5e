"""Submissions as people hand them in: what runs in their kernel is judged, and nothing else is."""

import codecs
import json

import pytest

from microdlrm.grading import reading, submissions
from microdlrm.grading.handout import NOTEBOOKS

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


def judged(path):
    """(passed, mistake) of dot_interaction in a file."""
    *_, (task, passed, mistake) = submissions.judge_file(path, ["dot_interaction"], 2**31)
    assert task == "dot_interaction"
    return passed, mistake


@pytest.fixture
def notebook(tmp_path):
    def write(*sources):
        cells = [{"cell_type": "code", "source": source} for source in sources]
        (tmp_path / "ann.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
        return tmp_path / "ann.ipynb"

    return write


def with_line(line):
    """The right answer with one more line in it."""
    return RIGHT.replace("    n =", f"    {line}\n    n =")


def with_off(of):
    """The right answer with its 1 taken from elsewhere."""
    return RIGHT.replace("n, 1)", f"n, {of})")


def indented(code, by="    "):
    return by + code.replace("\n", "\n" + by).rstrip() + "\n"


# --- what runs in the kernel ---

RUNS = {
    "a comment that asks": ["%matplotlib inline\n" + with_line("n = 5  # or one less?")],
    "a string that asks": ["%matplotlib inline\n" + with_line('s = "why?"')],
    "a line magic inside": [with_line("%matplotlib inline")],
    "a shell escape with a name": ["names = !ls\n" + with_line("names.copy()")],
    "a help line": [RIGHT, "dot_interaction?"],
    "help of a module": ["torch.cat??\n" + RIGHT],
    "a timed cell, a magic inside": [HEAD, "%%time\n%matplotlib inline\n" + DEF],
    "a captured cell": [HEAD, "%%capture out\n" + DEF],
    "an indented cell": [HEAD, indented(DEF)],
    "display left over": [with_line("display(v)")],
    "get_ipython left over": [with_line("get_ipython().run_line_magic('who', '')")],
    "another language's cell": ["%%bash\necho hi", RIGHT],
    "a cell that is no Python": ["for x in", RIGHT],
    "a semicolon": ["import matplotlib.pyplot as plt\nplt.plot([1]);", RIGHT],
    "annotations nobody evaluates": [
        "from __future__ import annotations\n" + RIGHT.replace("x_sparse)", "x_sparse: Vectors)", 1)
    ],
    "a setup that calls a name global": [
        "def setup():\n    global off\n    off = 1\nsetup()",
        with_off("off"),
    ],
    "a setup that fills a list": [
        "found = []\ndef setup(): found.append(1)\nsetup()",
        with_off("found[0]"),
    ],
    "a setup that changes a class": [
        "class C: pass\ndef setup(): C.off = 1\nsetup()",
        with_off("C.off"),
    ],
    "setattr": ["class C: off = 0\nsetattr(C, 'off', 1)", with_off("C.off")],
    "a deeper stack": [
        "import sys\nsys.setrecursionlimit(5000)\ndef deep(k): return 1 if k == 0 else deep(k - 1)",
        with_off("deep(2000)"),
    ],
    "redefined": [HEAD + WRONG, DEF],
    "broken once, then mended": ["def dot_interaction(x, xs:\n    return", RIGHT],
    "a lambda": [HEAD + MINE, "dot_interaction = lambda x, xs: mine(x, xs)"],
    "under another name first": [HEAD + MINE, "dot_interaction = mine"],
    "a decorator": [
        "import functools\ndef d(f):\n    @functools.wraps(f)\n    def g(*a): return f(*a)\n    "
        "return g",
        HEAD + "@d\n" + DEF,
    ],
    "a dataclass": [
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass C:\n    off: int = 1",
        with_off("C().off"),
    ],
    "where it is the program": [HEAD + 'if __name__ == "__main__":\n' + indented(DEF)],
    "where an import fails": [
        f"{HEAD}try:\n    from nowhere import dot_interaction\nexcept ImportError:\n{indented(DEF)}"
    ],
    "an import behind it": [RIGHT, "from microdlrm import dot_interaction"],
    "an import in front": ["from microdlrm import MicroDLRM, dot_interaction", RIGHT],
    "lines in a list": [RIGHT.splitlines(keepends=True)],
}


@pytest.mark.parametrize("cells", RUNS.values(), ids=RUNS)
def test_what_runs_in_the_kernel_passes(notebook, cells):
    path = notebook(*cells)
    assert reading.tasks_in(path, ["dot_interaction"]) == ["dot_interaction"]
    assert judged(path) == (True, "")


def test_helpers_of_ones_own(notebook, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", ["somewhere"])
    (tmp_path / "lib").mkdir()
    helper = "import torch\ndef pairs(n): return torch.triu_indices(n, n, 1)\n"
    (tmp_path / "lib/where_pairs_are.py").write_text(helper)
    mine = "from where_pairs_are import pairs\n" + RIGHT.replace(
        "torch.triu_indices(n, n, 1)", "pairs(n)"
    )
    monkeypatch.chdir(tmp_path)
    passed, mistake = judged(notebook(mine))
    assert not passed
    assert "pairs" in mistake
    assert "ModuleNotFoundError" in mistake
    for way in (
        'path.append("lib")',
        'path.insert(0, "lib")',
        'path += ["lib"]',
        'path[:0] = ["lib"]',
    ):
        monkeypatch.setattr("sys.path", ["somewhere"])
        monkeypatch.delitem(__import__("sys").modules, "where_pairs_are", raising=False)
        assert judged(notebook(f"import sys\nsys.{way}", mine)) == (True, ""), way


@pytest.mark.parametrize(
    "left",
    [
        "%run -i helpers.py",
        "%store -r off",
        "make_names()",
        "names = make()",
        "await make_names()",
        "exec(open('helpers.py').read())",
        "globals().update(off=1)",
        "with torch.no_grad():\n    make_names()",
    ],
)
def test_of_a_name_that_is_missing_it_says_what_was_not_run(notebook, left):
    _, mistake = judged(notebook(with_off("off"), "print(1)\ntorch.seed()\n" + left))
    assert mistake.startswith("unknown name: off ")
    assert " ".join(left.split())[:20] in mistake
    assert "print" not in mistake
    assert "seed" not in mistake


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([HEAD + "x = 1 1\n" + DEF], "x = 1 1"),
        ([HEAD + "Vectors = 1 1", DEF.replace("x_sparse)", "x_sparse: Vectors)", 1)], "Vectors"),
        ([HEAD + "off = 1 1", with_off("off")], "unknown name: off"),
    ],
)
def test_what_this_python_cannot_parse_is_said_as_such(notebook, cells, said):
    """Code of a newer Python than the grader's: which Python judged, and the line that it stopped
    at.
    """
    passed, mistake = judged(notebook(*cells))
    assert not passed
    assert "not valid Python {}.{}: ".format(*__import__("sys").version_info) in mistake
    assert said in mistake


# --- files as systems and editors write them ---


@pytest.mark.parametrize(
    ("encode", "first"),
    [
        (lambda text: text.encode("utf-8-sig"), ""),
        (lambda text: text.encode("latin-1"), "# -*- coding: latin-1 -*-\n"),
        (lambda text: text.replace("\n", "\r\n").encode(), ""),
        (lambda text: text.replace("\n", "\r").encode(), ""),
    ],
    ids=["BOM", "latin-1", "Windows lines", "old Mac lines"],
)
def test_a_py_file_as_python_reads_it(tmp_path, encode, first):
    path = tmp_path / "ann.py"
    path.write_bytes(encode(f"{first}{RIGHT}# é\n"))
    assert judged(path) == (True, "")


@pytest.mark.parametrize("bom", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_a_notebook_with_a_bom(notebook, bom):
    path = notebook(RIGHT + "# é")
    codec = "utf-8" if bom == codecs.BOM_UTF8 else "utf-16-le"
    path.write_bytes(bom + path.read_text(encoding="utf-8").encode(codec))
    assert judged(path) == (True, "")


def test_an_exported_notebook(tmp_path):
    path = tmp_path / "ann.py"
    call = "get_ipython().run_cell_magic({!r}, '', {!r})\n"
    path.write_text("# coding: utf-8\nget_ipython().system('ls')\n" + call.format("time", RIGHT))
    assert reading.tasks_in(path, ["dot_interaction"]) == ["dot_interaction"]
    assert judged(path) == (True, "")
    path.write_text(call.format("writefile", RIGHT))
    assert reading.tasks_in(path, ["dot_interaction"]) == []


# --- what counts is what the submission defines ---

IMPORTED = "imported, not defined"
BORROWED = submissions.BORROWED
OF_THEIR_OWN = None  # whatever it is


@pytest.mark.parametrize(
    ("cells", "mistake"),
    [
        (["from microdlrm.model import dot_interaction"], IMPORTED),
        (["from microdlrm import *"], "not defined"),
        (["from microdlrm.exercises.check import plain_loop as dot_interaction"], IMPORTED),
        (["from numpy import dot as dot_interaction"], IMPORTED),
        ([STUB, "from microdlrm.model import dot_interaction"], "not started"),
        ([STUB, "from microdlrm.model import *"], "not started"),
        ([WRONG, "if True:\n    from microdlrm.model import dot_interaction"], OF_THEIR_OWN),
        (["from microdlrm import model\ndot_interaction = model.dot_interaction"], BORROWED),
        (
            [
                "import microdlrm.model as m\ndef dot_interaction(x, xs): return "
                "m.dot_interaction(x, xs)"
            ],
            BORROWED,
        ),
        (
            [
                "from microdlrm import dot_interaction as d\ndef dot_interaction(x, xs): return "
                "d(x, xs)"
            ],
            BORROWED,
        ),
        (
            [
                "from microdlrm.exercises import check\ndot_interaction = lambda x, xs: "
                "check.plain_loop(x, xs)"
            ],
            BORROWED,
        ),
    ],
)
def test_an_import_is_no_answer(notebook, cells, mistake):
    passed, came = judged(notebook(*cells))
    assert not passed
    assert came == mistake or (mistake is OF_THEIR_OWN and came not in ("", IMPORTED, BORROWED))


def test_chapters_that_import_the_answer_define_none():
    for name in ("04_interaction", "08_speed"):
        assert not reading.tasks_in(NOTEBOOKS / f"{name}.ipynb", ["dot_interaction"])
