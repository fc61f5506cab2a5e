"""Answers as learners write them: the right ones pass, the wrong ones don't."""

import copy
import re

import pytest
import torch
from answers import RIGHT, WRONG
from hypothesis import given, settings
from hypothesis import strategies as st

from microdlrm.exercises import check
from microdlrm.exercises.compare import Try, as_tensor
from microdlrm.exercises.dice import Dice
from microdlrm.exercises.judge import WORDS
from microdlrm.exercises.returned import convert
from microdlrm.exercises.task import Task

# What a learner's function does may warn; that is between PyTorch and the learner.
pytestmark = pytest.mark.filterwarnings("ignore")
TASKS = {
    task.name: task
    for name, chapter in vars(check).items() if name.startswith("chapter")
    for task in vars(chapter).values() if isinstance(task, Task)
}  # fmt: skip


def names(answers):
    return [f"{task}-{getattr(fn, '__name__', type(fn).__name__)}" for task, fn in answers]


def judge(task, fn):
    return check.dot_interaction(fn) if task == "dot_interaction" else check.TASKS[task](fn)


@pytest.mark.parametrize(("task", "fn"), RIGHT, ids=names(RIGHT))
def test_a_right_answer_passes(task, fn):
    verdict = judge(task, fn)
    assert verdict.passed, repr(verdict)
    assert verdict
    assert verdict.mistake is None
    assert set(verdict.tried.values()) == {"passed"}


@pytest.mark.parametrize(("task", "fn"), WRONG, ids=names(WRONG))
def test_a_wrong_answer_does_not(task, fn, monkeypatch):
    monkeypatch.setattr(check, "SECONDS", 4.0)
    verdict = judge(task, fn)
    assert not verdict
    assert verdict.mistake
    assert len(verdict.hint.split()) <= WORDS + 10  # with what it calls and how often
    assert "Traceback" not in repr(verdict)
    assert "microdlrm" not in verdict.where
    for _, due, _, yours, mark in verdict.shown[1:]:  # each number that is wrong looks wrong
        assert not (mark.startswith("✗") and due) or due != yours


ROWS = [(task, mistake) for task in TASKS.values() for mistake in task.mistakes]


@pytest.mark.parametrize(("task", "row"), ROWS, ids=[f"{t.name}-{m.name}" for t, m in ROWS])
def test_each_row_of_mistakes_handed_in_gets_its_own_name(task, row):
    def as_due(*args):
        value = row.formula(*args)
        if not isinstance(value, torch.Tensor):
            return value
        value = value.nan_to_num(0.123, float("inf"))
        return value if task.returns == "one tensor" else value.item()

    assert judge(task.name, as_due).mistake == row.name


def right_on(task, fn, args):
    want = as_tensor(task.answer(*copy.deepcopy(args)))
    try:
        return Try(args, want, convert(fn(*copy.deepcopy(args)), task.returns)).right
    except Exception:
        return False


@pytest.mark.parametrize("name", TASKS)
def test_what_fails_on_a_random_input_fails_on_one_of_the_list(name):
    """Answers that the list lets through, the right ones among them, are right on others too."""
    task = TASKS[name]
    wrong = [fn for t, fn in WRONG if t == name and fn.__name__ not in ("exits", "huge")]
    wrong += [row.formula for row in task.mistakes]
    passing = [fn for fn in wrong if all(right_on(task, fn, args) for args in task.inputs)]
    right = [fn for t, fn in RIGHT if t == name]

    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    @given(st.integers(0, 10**6))
    def look(seed):
        for fn in (*right, *passing):
            assert right_on(task, fn, task.draw(Dice(seed))), fn

    look()


@pytest.mark.parametrize("off", [1, -1])
@pytest.mark.parametrize("name", [n for n, t in TASKS.items() if "whole" in t.returns])
def test_counts_are_compared_exactly(name, off):
    def nearly(*args):
        value = TASKS[name].answer(*args)
        return (value[0], value[1] + off) if isinstance(value, tuple) else value + off

    assert not judge(name, nearly)
    largest = max(TASKS[name].inputs, key=lambda args: as_tensor(TASKS[name].answer(*args)).max())
    assert not right_on(TASKS[name], nearly, largest)


def test_every_notebooks_check_is_there(request):
    for path in (request.config.rootpath / "notebooks").glob("*.ipynb"):
        used = re.findall(
            r"\bcheck\.(\w+)\((\w+)(?:, loop=False)?\)", path.read_text(encoding="utf-8")
        )
        for name, argument in used:
            assert name in TASKS, f"{path.name}: check.{name}"
            assert argument.removesuffix("_solution") in check.TASKS, f"{path.name}: {argument}"
