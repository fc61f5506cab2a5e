"""Answers in wrappers: compiled, partial, scripted, decorated, an object. What is inside is judged, and whose it is."""

import functools
import runpy
import types
from pathlib import Path

import pytest
import torch

from microdlrm.exercises import check, grading, own, wrappers

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
SCRIPTED = """def mine(x_dense: torch.Tensor, x_sparse: list[torch.Tensor]):
    v = torch.stack([x_dense] + x_sparse, dim=1)
    ij = torch.triu_indices(v.shape[1], v.shape[1], 1)
    return torch.cat([x_dense, torch.bmm(v, v.mT)[:, ij[0], ij[1]]], dim=1)
"""
ONE_ROW = """def one(x, xs):
    v = torch.stack([x, *xs])
    i, j = torch.triu_indices(len(v), len(v), 1)
    return torch.cat([x, (v @ v.mT)[i, j]])
"""


def method(name, base="", decorator=""):
    me = "" if "static" in decorator else "self, "
    head = f"class C{base}:\n    {decorator}\n    def {name}({me}x_dense, x_sparse):\n"
    return head + "".join("    " + line for line in BODY.splitlines(keepends=True))


# Each wraps whatever answer stands in the place of BODY.
KINDS = {
    "compiled": "@torch.compile(backend=no_compiler)\n" + DEF,
    "compiled with options": "@torch.compile(dynamic=True, fullgraph=True, backend=no_compiler)\n" + DEF,
    "compiled through a partial": "@partial(torch.compile, backend=no_compiler)\n" + DEF,
    "compiled and given the name": MINE + "dot_interaction = torch.compile(mine, backend=no_compiler)\n",
    "compiled in place": DEF + "dot_interaction = torch.compile(dot_interaction, backend=no_compiler)\n",
    "a call of what is compiled": "@torch.compile(backend=no_compiler)\n" + MINE
    + "def dot_interaction(x, xs): return mine(x, xs)\n",
    "a compiled module": method("forward", "(nn.Module)")
    + "dot_interaction = torch.compile(C(), backend=no_compiler)\n",
    "a module": method("forward", "(nn.Module)") + "dot_interaction = C()\n",
    "an object": method("__call__") + "dot_interaction = C()\n",
    "a method": method("go") + "dot_interaction = C().go\n",
    "a class method": method("go", "", "@classmethod") + "dot_interaction = C.go\n",
    "a static method": method("go", "", "@staticmethod") + "dot_interaction = C.go\n",
    "a partial": MINE + "dot_interaction = partial(partial(mine))\n",
    "a partial of a method": method("go") + "dot_interaction = partial(C.go, None)\n",
    "a decorator of PyTorch": "@torch.autocast('cpu', enabled=False)\n" + DEF,
    "dispatched": "@functools.singledispatch\n" + DEF,
    "annotated": MINE + "dot_interaction: object = mine\n",
    "in a with": "with torch.no_grad():\n    " + DEF.replace("\n", "\n    ") + "\n",
}  # fmt: skip
OTHERS = {
    "scripted": "@torch.jit.script\n" + SCRIPTED.replace("mine", "dot_interaction"),
    "scripted and given the name": SCRIPTED + "dot_interaction = torch.jit.script(mine)\n",
    "vmap": ONE_ROW + "dot_interaction = torch.vmap(one)\n",
    "with another's name": "from microdlrm import concat_interaction\n@functools.wraps(concat_interaction)\n" + DEF,
    "a helper that remembers": DEF.replace("torch.triu_indices(n, n, 1)", "pairs(n)")
    + "@functools.lru_cache\ndef pairs(n): return torch.triu_indices(n, n, 1)\n",
}
WRONG = {"triu_indices(n, n, 1)": "tril_indices(n, n, -1)"}


def judged(tmp_path, code):
    path = tmp_path / "ann.py"
    path.write_text(HEAD + code)
    *_, (_, passed, mistake) = grading.judge_file(Path(path), ["dot_interaction"], 2**31)
    return passed, mistake


@pytest.mark.parametrize("kind", KINDS | OTHERS)
def test_a_right_answer_is_right_in_any_wrapper(tmp_path, kind):
    assert judged(tmp_path, (KINDS | OTHERS)[kind]) == (True, "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_one_is_named_and_a_stub_not_started(tmp_path, kind):
    code = KINDS[kind]
    for right, wrong in WRONG.items():
        assert judged(tmp_path, code.replace(right, wrong)) == (False, "lower triangle's order")
    indent = "    " * (1 + ("class C" in code or "with " in code))
    start = code.index(f"{indent}v = ")
    stub = code[:start] + f"{indent}...\n" + code[code.index(", dim=1)\n", start + 50) + 9 :]
    if "a call of" not in kind:  # its own body isn't empty
        assert judged(tmp_path, stub) == (False, "not started")


BORROWED = "uses the course's own answer"
IMPORTED = "from microdlrm import dot_interaction as theirs\n"
LOOKED_UP = "from microdlrm.model import INTERACTIONS\ntheirs = INTERACTIONS['dot']\n"


@pytest.mark.parametrize(
    "wrap",
    [
        "theirs",
        "torch.compile(theirs, backend='eager')",
        "torch.compile(dynamic=True, backend='eager')(theirs)",
        "partial(theirs)",
        "partial(partial(theirs))",
        "functools.lru_cache(theirs)",
        "staticmethod(theirs)",
        "torch.enable_grad()(theirs)",
        "torch.compiler.disable(theirs)",
        "torch.vmap(theirs)",
        "torch.jit.trace(theirs, (torch.zeros(2, 4), [torch.zeros(2, 4)] * 3))",
        "type('C', (), {'__call__': lambda self, *given: theirs(*given)})()",
        "type('C', (), {'go': staticmethod(theirs)})().go",
        "lambda x, xs: theirs(x, xs)",
        "functools.wraps(theirs)(lambda x, xs: theirs(x, xs))",
    ],
)
def test_an_imported_answer_counts_in_no_wrapper(tmp_path, wrap):
    assert judged(tmp_path, f"{IMPORTED}dot_interaction = {wrap}\n") == (False, BORROWED)


@pytest.mark.parametrize("wrap", ["theirs", "torch.compile(theirs)", "torch.vmap(theirs)", "partial(theirs)"])
def test_nor_does_one_that_was_looked_up(tmp_path, wrap):
    assert judged(tmp_path, f"{LOOKED_UP}dot_interaction = {wrap}\n") == (False, "not defined")


@pytest.mark.parametrize(
    "body",
    [
        "getattr(__import__('microdlrm'), 'dot_interaction')(x, xs)",
        "__import__('importlib').import_module('microdlrm.model').dot_interaction(x, xs)",
        "__import__('microdlrm').model.INTERACTIONS['dot'](x, xs)",
        "__import__('microdlrm').MicroDLRM(interaction='dot').interaction(x, xs)",
        "functools.reduce(lambda f, g: g, [None, __import__('microdlrm').model.INTERACTIONS['dot']])(x, xs)",
        "__import__('concurrent.futures').futures.ThreadPoolExecutor().submit("
        "__import__('microdlrm').model.INTERACTIONS['dot'], x, xs).result()",
        "torch.compile(__import__('microdlrm').model.INTERACTIONS['dot'], backend='eager')(x, xs)",
    ],
)
def test_the_courses_answer_is_noticed_however_it_is_reached(tmp_path, body):
    code = f"def dot_interaction(x, xs):\n    return {body}\n"
    assert judged(tmp_path, code) == (False, BORROWED)


def test_the_courses_other_code_may_be_used(tmp_path):
    """One's own answer in the course's model, and a course's function that isn't an answer."""
    use = "from microdlrm.model import MicroDLRM, concat_interaction\nm = MicroDLRM(interaction=dot_interaction)\n"
    assert judged(tmp_path, DEF + use) == (True, "")
    dense = DEF.replace("[x_dense, torch", "[concat_interaction(x_dense, []), torch")
    assert judged(tmp_path, "from microdlrm.model import concat_interaction\n" + dense) == (True, "")


def test_a_copy_of_the_code_runs_the_answer():
    model = __import__("microdlrm.model").model
    copied = types.FunctionType(model.dot_interaction.__code__, vars(model) | {"__name__": "__main__"})
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


@pytest.mark.parametrize(
    ("wrap", "mistake", "hint"),
    [
        (lambda fn: type("Dot", (), {"__call__": lambda self, x, xs: fn(x, xs)}), "a class, no object of it", "Dot()"),
        (functools.lru_cache, "a key that can change", "lru_cache"),
        (
            lambda fn: torch.jit.trace(fn, (torch.zeros(2, 4), [torch.zeros(2, 4)])),
            "number of tables recorded",
            "torch.jit.trace",
        ),
    ],
)
def test_a_wrapper_that_breaks_the_answer_is_named(wrap, mistake, hint):
    namespace = {"torch": torch, "__name__": "__main__"}
    exec(MINE, namespace)
    verdict = check.dot_interaction(wrap(namespace["mine"]))
    assert verdict.mistake == mistake
    assert hint in verdict.hint


def test_an_error_in_a_scripted_function_is_the_error_itself(tmp_path):
    """And not that an operation failed in the interpreter."""
    path = tmp_path / "mine.py"  # TorchScript reads the source
    path.write_text("import torch\n" + SCRIPTED.replace("dim=1)\n    ij", "dim=3)\n    ij"))
    verdict = check.dot_interaction(torch.jit.script(runpy.run_path(str(path))["mine"]))
    assert "Dimension out of range" in verdict.where
    assert "interpreter" not in verdict.where
