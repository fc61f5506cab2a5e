"""What no list foresaw is named all the same: `unseen` holds the answers of six rounds."""

from functools import partial

import pytest
from unseen import RIGHT, WRONG

from microdlrm.exercises import check

pytestmark = pytest.mark.filterwarnings("ignore")


def judge(task, fn):
    without_a_loop = partial(check.dot_interaction, loop=False)
    return (without_a_loop if task == "dot_interaction_fast" else getattr(check, task))(fn)


@pytest.fixture(autouse=True)
def _time_enough(monkeypatch):
    """On a busy machine the time may be up before all tests of a result are through, and less is told."""
    monkeypatch.setattr(check, "SECONDS", 120.0)


@pytest.mark.parametrize("wrong", WRONG, ids=[f"{w.task}-{w.fn.__name__}" for w in WRONG])
def test_it_is_named(wrong):
    verdict = judge(wrong.task, wrong.fn)
    assert not verdict.passed
    assert verdict.mistake == wrong.mistake, verdict.hint
    assert wrong.words in verdict.hint


@pytest.mark.parametrize(("task", "fn"), RIGHT, ids=[fn.__name__ for _, fn in RIGHT])
def test_a_right_one_passes(task, fn):
    verdict = judge(task, fn)
    assert verdict.passed, repr(verdict)


def test_there_are_enough():
    assert len(WRONG) >= 300
    assert len({wrong.task for wrong in WRONG}) == 18
