"""Answers in wrappers: compiled, partial, scripted, an object. What is inside counts."""

import pytest

from microdlrm.exercises import check
from microdlrm.grading import own
from microdlrm.grading.submissions import BORROWED

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
COMPILE = "torch.compile({}, backend=no_compiler)\n"


def method(name, base=""):
    head = f"class C{base}:\n    def {name}(self, x_dense, x_sparse):\n"
    return head + "".join("    " + line for line in BODY.splitlines(keepends=True))


KINDS = {
    "plain": DEF,
    "compiled": "@partial(torch.compile, backend=no_compiler)\n" + DEF,
    "compiled in place": DEF + "dot_interaction = " + COMPILE.format("dot_interaction"),
    "a compiled module": method("forward", "(nn.Module)")
    + "dot_interaction = "
    + COMPILE.format("C()"),
    "an object": method("__call__") + "dot_interaction = C()\n",
    "a method": method("go") + "dot_interaction = C().go\n",
    "a partial": MINE + "dot_interaction: object = partial(partial(mine))\n",
    "a decorator of PyTorch": "@torch.autocast('cpu', enabled=False)\n" + DEF,
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


@pytest.fixture
def judge(tmp_path, judged):
    def of(code):
        (tmp_path / "ann.py").write_text(HEAD + code)
        return judged(tmp_path / "ann.py")

    return of


@pytest.mark.parametrize("kind", KINDS | OTHERS)
def test_a_right_answer_is_right_in_any_wrapper(judge, kind):
    assert judge((KINDS | OTHERS)[kind]) == (True, "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_one_is_wrong_and_a_stub_not_started(judge, kind):
    code = KINDS[kind]
    wrong = code.replace("triu_indices(n, n, 1)", "tril_indices(n, n, -1)")
    assert judge(wrong) == (False, "lower triangle's order")
    indent = "    " * (1 + ("class C" in code or "with " in code))
    start = code.index(f"{indent}v = ")
    stub = code[:start] + f"{indent}...\n" + code[code.index(", dim=1)\n", start + 50) + 9 :]
    assert judge(stub) == (False, "not started")


IMPORTED = "from microdlrm import dot_interaction as theirs\ndot_interaction = "
CALLED = "def dot_interaction(x, xs):\n    return {}(x, xs)"
LOOKED_UP = "__import__('microdlrm').model.INTERACTIONS['dot']"


@pytest.mark.parametrize(
    "answer",
    [
        f"{IMPORTED}torch.compile(theirs, backend='eager')",
        f"{IMPORTED}partial(partial(theirs))",
        f"{IMPORTED}type('C', (), {{'__call__': lambda self, *given: theirs(*given)}})()",
        f"{IMPORTED}functools.wraps(theirs)(lambda x, xs: theirs(x, xs))",
        f"dot_interaction = {LOOKED_UP}",
        CALLED.format(LOOKED_UP),
        CALLED.format("__import__('microdlrm').MicroDLRM(interaction='dot').interaction"),
        CALLED.format(f"torch.compile({LOOKED_UP}, backend='eager')"),
        CALLED.format("__import__('microdlrm.exercises.check').exercises.check.plain_loop"),
    ],
)
def test_the_courses_answer_counts_in_no_wrapper_and_however_it_is_reached(judge, answer):
    assert judge(answer + "\n") == (False, BORROWED)


def test_a_function_that_borrows_nothing():
    for value in (lambda x, xs: x, 5):
        verdict, borrowed = own.judged(value, check.dot_interaction)
        assert not borrowed
        assert not verdict.passed
