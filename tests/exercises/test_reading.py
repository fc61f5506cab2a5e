"""Submissions as people hand them in: what runs in their kernel is what is judged, and nothing else is."""

import codecs
import json

import pytest

from microdlrm.exercises import grading, reading
from microdlrm.exercises.handout import NOTEBOOKS

# What a learner's function does may warn; that is between PyTorch and the learner.
pytestmark = pytest.mark.filterwarnings("ignore")

HEAD, BODY = "import torch\n", [
    "def dot_interaction(x_dense, x_sparse):",
    "    v = torch.stack([x_dense, *x_sparse], dim=1)",
    "    n = v.shape[1]",
    "    i, j = torch.triu_indices(n, n, 1)",
    "    return torch.cat([x_dense, torch.bmm(v, v.mT)[:, i, j]], dim=1)\n",
]  # fmt: skip
DEF = "\n".join(BODY)
RIGHT = HEAD + DEF
WRONG = "def dot_interaction(x_dense, x_sparse):\n    return x_dense\n"
STUB = "def dot_interaction(x_dense, x_sparse):\n    ...\n"


def judged(path, name="dot_interaction"):
    """(passed, mistake) of one task in a file."""
    *_, (task, passed, mistake) = grading.judge_file(path, [name], 2**31)
    assert task == name
    return passed, mistake


@pytest.fixture
def notebook(tmp_path):
    def write(*sources, **more):
        cells = [{"cell_type": "code", "source": source} for source in sources]
        path = tmp_path / "ann.ipynb"
        path.write_text(json.dumps({"cells": cells} | more), encoding="utf-8")
        return path

    return write


# --- what runs in the kernel ---


@pytest.mark.parametrize(
    "cells",
    {
        "a comment that asks": ["%matplotlib inline\n" + RIGHT.replace("shape[1]\n", "shape[1]  # or one less?\n")],
        "a string that asks": ["%matplotlib inline\n" + RIGHT.replace("    n =", '    s = "why?"\n    n =')],
        "a line magic inside": [RIGHT.replace("    n =", "    %matplotlib inline\n    n =")],
        "a shell escape with a name": ["names = !ls\n" + RIGHT],
        "a shell escape that is used": ["names = !ls\n" + RIGHT.replace("    n =", "    names.copy()\n    n =")],
        "a help line": [RIGHT, "dot_interaction?"],
        "help of a module": ["torch.cat??\n" + RIGHT],
        "a timed cell": [HEAD, "%%time\n" + DEF],
        "a captured cell": [HEAD, "%%capture out\n" + DEF],
        "a timed cell, a magic inside": [HEAD, "%%time\n%matplotlib inline\n" + DEF],
        "an indented cell": [HEAD, "    " + DEF.replace("\n    ", "\n        ")],
        "display left over": [RIGHT.replace("    n =", "    display(v)\n    n =")],
        "get_ipython left over": [RIGHT.replace("    n =", "    get_ipython().run_line_magic('who', '')\n    n =")],
        "another language's cell": ["%%bash\necho hi", RIGHT],
        "a cell that is no Python": ["for x in", RIGHT],
        "a semicolon": ["import matplotlib.pyplot as plt\nplt.plot([1]);", RIGHT],
        "annotations nobody evaluates": [
            "from __future__ import annotations\n" + RIGHT.replace("x_sparse)", "x_sparse: Tensors)", 1)
        ],
        "a setup that calls a name global": [
            "def setup():\n    global off\n    off = 1\nsetup()", RIGHT.replace("n, 1)", "n, off)")
        ],
        "a setup that fills a list": [
            "found = []\ndef setup(): found.append(1)\nsetup()", RIGHT.replace("n, 1)", "n, found[0])")
        ],
        "a setup that changes a class": [
            "class C: pass\ndef setup(): C.off = 1\nsetup()", RIGHT.replace("n, 1)", "n, C.off)")
        ],
        "setattr": ["class C: off = 0\nsetattr(C, 'off', 1)", RIGHT.replace("n, 1)", "n, C.off)")],
        "a deeper stack": [
            "import sys\nsys.setrecursionlimit(5000)\ndef deep(k): return 1 if k == 0 else deep(k - 1)",
            RIGHT.replace("n, 1)", "n, deep(2000))"),
        ],
        "a deeper stack, by its bare name": [
            "from sys import setrecursionlimit\nsetrecursionlimit(9000)\n"
            "def deep(k): return 1 if k == 0 else deep(k - 1)", RIGHT.replace("n, 1)", "n, deep(6000))"),
        ],
        "redefined": [HEAD + WRONG, DEF],
        "broken once, then mended": ["def dot_interaction(x, xs:\n    return", RIGHT],
        "a lambda": [HEAD + DEF.replace("dot_interaction", "mine"), "dot_interaction = lambda x, xs: mine(x, xs)"],
        "under another name first": [HEAD + DEF.replace("dot_interaction", "mine"), "dot_interaction = mine"],
        "a partial": [
            "from functools import partial\n" + HEAD + DEF.replace("dot_interaction", "mine"),
            "dot_interaction = partial(mine)",
        ],
        "a decorator": [
            "import functools\ndef d(f):\n    @functools.wraps(f)\n    def g(*a): return f(*a)\n    return g\n",
            HEAD + "@d\n" + DEF,
        ],
        "an object": [
            RIGHT.replace("dot_interaction(", "__call__(self, ").replace("def", "class C:\n  def"),
            "dot_interaction = C()",
        ],
        "defined under an if": ["if True:\n    import torch\n    " + DEF.replace("\n", "\n    ")],
        "defined where an import fails": [
            f"{HEAD}try:\n    from nowhere import dot_interaction\nexcept ImportError:\n    "
            + DEF.replace("\n", "\n    ")
        ],
    }.items(),
    ids=lambda item: item[0],
)  # fmt: skip
def test_what_runs_in_the_kernel_passes(notebook, cells):
    path = notebook(*cells[1])
    assert reading.tasks_in(path, ["dot_interaction"]) == ["dot_interaction"]
    assert judged(path) == (True, "")


def test_lines_of_a_cell_may_be_a_list(notebook):
    assert judged(notebook(RIGHT.splitlines(keepends=True))) == (True, "")


def test_helpers_of_ones_own(notebook, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", ["somewhere"])
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/where_pairs_are.py").write_text("import torch\ndef pairs(n): return torch.triu_indices(n, n, 1)\n")
    with_helper = "from where_pairs_are import pairs\n" + RIGHT.replace("torch.triu_indices(n, n, 1)", "pairs(n)")
    monkeypatch.chdir(tmp_path)
    passed, mistake = judged(notebook(with_helper))
    assert (passed, mistake) == (
        False, "unknown name: pairs (ModuleNotFoundError: No module named 'where_pairs_are')"
    )  # fmt: skip
    for way in ('sys.path.append("lib")', 'sys.path.insert(0, "lib")', 'sys.path += ["lib"]', 'sys.path[:0] = ["lib"]'):
        monkeypatch.setattr("sys.path", ["somewhere"])
        monkeypatch.delitem(__import__("sys").modules, "where_pairs_are", raising=False)
        assert judged(notebook(f"import sys\n{way}", with_helper)) == (True, ""), way


@pytest.mark.parametrize(
    "passed_over",
    [
        "%run helpers.py",
        "%run -i helpers.py",
        "%store -r off",
        "make_names()",
        "names = make()",
        "Names().make()",
        "await make_names()",
        "exec(open('helpers.py').read())",
        "globals().update(off=1)",
        "setattr(builtins, 'off', 1)",
        "if True:\n    make_names()",
        "with torch.no_grad():\n    make_names()",
    ],
)
def test_of_a_name_that_is_missing_it_says_what_was_not_run(notebook, passed_over):
    _, mistake = judged(notebook(RIGHT.replace("n, 1)", "n, off)"), "print(1)\ntorch.seed()\n" + passed_over))
    assert mistake.startswith("unknown name: off (not run: ")
    assert " ".join(passed_over.split())[:20] in mistake
    assert "print" not in mistake
    assert "seed" not in mistake


# --- files as systems and editors write them ---


@pytest.mark.parametrize(
    ("encode", "first"),
    [
        (lambda text: text.encode("utf-8-sig"), ""),
        (lambda text: text.encode("latin-1"), "# -*- coding: latin-1 -*-\n"),
        (lambda text: text.encode("cp1252"), "#!/usr/bin/env python\n# vim: set fileencoding=cp1252 :\n"),
        (lambda text: text.replace("\n", "\r\n").encode(), ""),
        (lambda text: text.replace("\n", "\r").encode(), ""),
    ],
    ids=["BOM", "latin-1", "cp1252", "Windows lines", "old Mac lines"],
)
def test_a_py_file_as_python_reads_it(tmp_path, encode, first):
    path = tmp_path / "ann.py"
    path.write_bytes(encode(f"{first}{RIGHT}# é\n"))
    assert judged(path) == (True, "")


@pytest.mark.parametrize("bom", [codecs.BOM_UTF8, b"", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_a_notebook_with_a_bom(notebook, bom):
    path = notebook(RIGHT + "# é")
    codec = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(bom, "utf-8")
    path.write_bytes(bom + path.read_text(encoding="utf-8").encode(codec))
    assert judged(path) == (True, "")


@pytest.mark.parametrize(
    "old",
    [
        {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": RIGHT}]}]},
        {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": "x"},
         "worksheets": [{"cells": [{"cell_type": "code", "input": RIGHT.splitlines(True), "language": "python"}]}]},
        {"nbformat": 2, "worksheets": [{"cells": [{"cell_type": "code", "input": RIGHT}]}]},
        {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "source": RIGHT}]},
    ],
)  # fmt: skip
def test_older_notebooks(tmp_path, old):
    path = tmp_path / "ann.ipynb"
    path.write_text(json.dumps(old))
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
BORROWED = "uses the course's own answer"
OF_THEIR_OWN = "columns missing"


@pytest.mark.parametrize(
    ("cells", "mistake"),
    [
        (["from microdlrm.model import dot_interaction"], IMPORTED),
        (["from microdlrm import *"], "not defined"),
        (["from microdlrm.exercises.check import plain_loop as dot_interaction"], IMPORTED),
        (["from numpy import dot as dot_interaction"], IMPORTED),
        (["try:\n    from microdlrm import dot_interaction\nexcept ImportError:\n    pass"], IMPORTED),
        ([STUB, "from microdlrm.model import dot_interaction"], "not started"),
        ([STUB, "from microdlrm.model import *"], "not started"),
        ([WRONG, "from microdlrm.model import *"], OF_THEIR_OWN),
        ([WRONG, "if True:\n    from microdlrm.model import dot_interaction"], OF_THEIR_OWN),
        (["from microdlrm import model\ndot_interaction = model.dot_interaction"], BORROWED),
        (["from microdlrm.model import INTERACTIONS\ndot_interaction = INTERACTIONS['dot']"], "not defined"),
        (["from microdlrm import dot_interaction as d\ndef dot_interaction(x, xs): return d(x, xs)"], BORROWED),
        (["import microdlrm.model as m\ndef dot_interaction(x, xs): return m.dot_interaction(x, xs)"], BORROWED),
        (["def dot_interaction(x, xs):\n    import microdlrm\n    return microdlrm.dot_interaction(x, xs)"], BORROWED),
        (["from microdlrm.exercises import check\ndot_interaction = lambda x, xs: check.plain_loop(x, xs)"], BORROWED),
    ],
)
def test_an_import_is_no_answer(notebook, cells, mistake):
    passed, came = judged(notebook(*cells))
    assert not passed
    assert came == mistake


def test_an_import_takes_no_answers_place(notebook):
    assert judged(notebook(RIGHT, "from microdlrm import dot_interaction")) == (True, "")
    assert judged(notebook("from microdlrm import MicroDLRM, dot_interaction, concat_interaction", RIGHT)) == (True, "")


def test_chapters_that_import_the_answer_define_none():
    for name in ("04_interaction", "08_speed"):
        assert "dot_interaction" not in reading.tasks_in(NOTEBOOKS / f"{name}.ipynb", ["dot_interaction"])
