"""Answers in wrappers: compiled, partial, scripted, an object. What is inside counts."""

import functools
import types

import pytest
import torch

from microdlrm.exercises import check, wrappers
from microdlrm.grading import own, submissions

# What a learner's function does may warn; that is between PyTorch and the learner.
pytestmark = pytest.mark.filterwarnings("ignore")

HEAD = """import functools
from functools import partial
import torch
from torch import nn
def no_compiler(module, inputs): raise OSError("there is no C compiler")
"""
BODY = """    v = torch.stack([x_dense, *x_sparse], dim=1)
    n = v.shape[1]
    i, j = torch.triu_indices(n, n, 1)
    return torch.cat([x_dense, torch.bmm(v, v.mT)[:, i, j]], dim=1)
"""
DEF = "def dot_interaction(x_dense, x_sparse):\n" + BODY
MINE = DEF.replace("dot_interaction", "mine")


def method(name, base="", decorator=""):
    me = "" if "static" in decorator else "self, "
    head = f"class C{base}:\n    {decorator}\n    def {name}({me}x_dense, x_sparse):\n"
    return head + "".join("    " + line for line in BODY.splitlines(keepends=True))


KINDS = {
    "compiled": "@torch.compile(backend=no_compiler)\n" + DEF,
    "compiled through a partial": "@partial(torch.compile, backend=no_compiler)\n" + DEF,
    "compiled in place": DEF
    + "dot_interaction = torch.compile(dot_interaction, backend=no_compiler)\n",
    "a call of what is compiled": "@torch.compile(backend=no_compiler)\n"
    + MINE
    + "def dot_interaction(x, xs): return mine(x, xs)\n",
    "a compiled module": method("forward", "(nn.Module)")
    + "dot_interaction = torch.compile(C(), backend=no_compiler)\n",
    "a module": method("forward", "(nn.Module)") + "dot_interaction = C()\n",
    "an object": method("__call__") + "dot_interaction = C()\n",
    "a method": method("go") + "dot_interaction = C().go\n",
    "a static method": method("go", "", "@staticmethod") + "dot_interaction = C.go\n",
    "a partial": MINE + "dot_interaction = partial(partial(mine))\n",
    "a decorator of PyTorch": "@torch.autocast('cpu', enabled=False)\n" + DEF,
    "annotated": MINE + "dot_interaction: object = mine\n",
    "in a with": "with torch.enable_grad():\n    " + DEF.replace("\n", "\n    ") + "\n",
}
SCRIPTED = """@torch.jit.script
def dot_interaction(x_dense: torch.Tensor, x_sparse: list[torch.Tensor]):
    v = torch.stack([x_dense] + x_sparse, dim=1)
    ij = torch.triu_indices(v.shape[1], v.shape[1], 1)
    return torch.cat([x_dense, torch.bmm(v, v.mT)[:, ij[0], ij[1]]], dim=1)
"""
OTHERS = {
    "scripted": SCRIPTED,
    "with another's name": "from microdlrm import concat_interaction\n"
    "@functools.wraps(concat_interaction)\n" + DEF,
    "a helper that remembers": DEF.replace("torch.triu_indices(n, n, 1)", "pairs(n)")
    + "@functools.lru_cache\ndef pairs(n): return torch.triu_indices(n, n, 1)\n",
    "in the course's model": "from microdlrm.model import MicroDLRM\n"
    + DEF
    + "m = MicroDLRM(interaction=dot_interaction)\n",
    "with a course's function that is no answer": "from microdlrm.model import concat_interaction\n"
    + DEF.replace("[x_dense, torch", "[concat_interaction(x_dense, []), torch"),
}


def judged(tmp_path, code):
    path = tmp_path / "ann.py"
    path.write_text(HEAD + code)
    *_, (_, passed, mistake) = submissions.judge_file(path, ["dot_interaction"], 2**31)
    return passed, mistake


@pytest.mark.parametrize("kind", KINDS | OTHERS)
def test_a_right_answer_is_right_in_any_wrapper(tmp_path, kind):
    assert judged(tmp_path, (KINDS | OTHERS)[kind]) == (True, "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_one_is_wrong_and_a_stub_not_started(tmp_path, kind):
    code = KINDS[kind]
    wrong = code.replace("triu_indices(n, n, 1)", "tril_indices(n, n, -1)")
    plain = DEF.replace("triu_indices(n, n, 1)", "tril_indices(n, n, -1)")
    assert judged(tmp_path, wrong) == judged(tmp_path, plain)
    assert not judged(tmp_path, plain)[0]
    indent = "    " * (1 + ("class C" in code or "with " in code))
    start = code.index(f"{indent}v = ")
    stub = code[:start] + f"{indent}...\n" + code[code.index(", dim=1)\n", start + 50) + 9 :]
    if "a call of" not in kind:  # its own body isn't empty
        assert judged(tmp_path, stub) == (False, "not started")


IMPORTED = "from microdlrm import dot_interaction as theirs\n"
LOOKED_UP = "__import__('microdlrm').model.INTERACTIONS['dot']"


@pytest.mark.parametrize(
    "answer",
    [
        f"{IMPORTED}dot_interaction = {wrapped}"
        for wrapped in (
            "theirs",
            "torch.compile(theirs, backend='eager')",
            "partial(partial(theirs))",
            "functools.lru_cache(theirs)",
            "torch.vmap(theirs)",
            "type('C', (), {'__call__': lambda self, *given: theirs(*given)})()",
            "functools.wraps(theirs)(lambda x, xs: theirs(x, xs))",
        )
    ]
    + [
        f"def dot_interaction(x, xs):\n    return {reached}(x, xs)"
        for reached in (
            "getattr(__import__('microdlrm'), 'dot_interaction')",
            "__import__('importlib').import_module('microdlrm.model').dot_interaction",
            LOOKED_UP,
            "__import__('microdlrm').MicroDLRM(interaction='dot').interaction",
            f"functools.reduce(lambda f, g: g, [None, {LOOKED_UP}])",
            f"torch.compile({LOOKED_UP}, backend='eager')",
        )
    ],
)
def test_the_courses_answer_counts_in_no_wrapper_and_however_it_is_reached(tmp_path, answer):
    assert judged(tmp_path, answer + "\n") == (False, submissions.BORROWED)


@pytest.mark.parametrize("wrapped", ["theirs", "torch.compile(theirs)", "partial(theirs)"])
def test_nor_does_one_that_was_looked_up(tmp_path, wrapped):
    code = "from microdlrm.model import INTERACTIONS\ntheirs = INTERACTIONS['dot']\n"
    assert judged(tmp_path, code + f"dot_interaction = {wrapped}\n") == (False, "not defined")


def test_a_copy_of_the_code_runs_the_answer():
    model = __import__("microdlrm.model").model
    names = vars(model) | {"__name__": "__main__"}
    copied = types.FunctionType(model.dot_interaction.__code__, names)
    assert own.is_own(copied)
    assert own.borrows(copied, check.dot_interaction)
    assert not own.borrows(lambda x, xs: x, check.dot_interaction)


def test_layers_end():
    """Those of a function that wraps itself, and of values that are no function."""

    def around():
        pass

    around.__wrapped__ = around
    assert len(list(wrappers.layers(around))) == 1
    for value in (5, None, torch.cat, int, functools.partial(print), torch.nn.Linear(1, 1)):
        assert not own.is_own(value)
