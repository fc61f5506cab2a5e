"""No verdict gives an answer away."""

import ast
import inspect
import re
import textwrap

import pytest
import torch
from mistakes import RIGHT, TASKS, WRONG

from microdlrm.exercises import causes, check

# What a learner's function does may warn; that is between PyTorch and the learner.
pytestmark = pytest.mark.filterwarnings("ignore")


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
        for test in task.own:
            for words in getattr(test, "words", ()):
                yield name, words, ""
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
