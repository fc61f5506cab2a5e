"""No verdict gives an answer away."""

import ast
import inspect
import re
import textwrap

import pytest
import torch
from answers import RIGHT
from test_answers import TASKS

from microdlrm.exercises.errors import CAUSES


def code_names(text):
    """What stands in a text as code: in backticks, called, or as an attribute."""
    spans = " ".join(re.findall(r"`([^`]*)`", text))
    called = set(re.findall(r"(\w+)\(", text)) | set(re.findall(r"\w\.(\w+)", text))
    return set(re.findall(r"\w+", spans)) | called


def operators(fn):
    """The torch functions and tensor methods that a function is built from."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    names = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    known = {name for name in names if hasattr(torch, name) or hasattr(torch.Tensor, name)}
    return known - {"shape", "tolist"}


def texts(task):
    yield from (f"{mistake.name}. {mistake.words}" for mistake in task.mistakes)
    yield from (task.praise, *task.tells.values(), *(f"{c[1]}. {c[2]}" for c in CAUSES))
    for args in task.inputs:
        yield from task.because(*args)


@pytest.mark.parametrize("name", TASKS)
def test_no_text_names_what_the_answers_use(name):
    """No call of a right answer: what a hint may name is what a learner wrote."""
    solutions = [fn for n, fn in RIGHT if n.removesuffix("_slow") == name]
    used = set().union(*(operators(fn) for fn in solutions))
    for text in texts(TASKS[name]):
        assert not code_names(text) & used, text


def test_the_rule_would_notice():
    bmm = next(fn for _, fn in RIGHT if "triu_indices" in operators(fn))
    assert code_names("Look up `torch.triu_indices`.") & operators(bmm)
