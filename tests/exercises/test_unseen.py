"""What no list foresaw is named all the same: `unseen` holds the answers of four rounds."""

import pytest
from unseen import RIGHT, WRONG

from microdlrm.exercises import check

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _time_enough(monkeypatch):
    """On a busy machine the time may be up before all tests of a result are through, and less is told."""
    monkeypatch.setattr(check, "SECONDS", 120.0)


@pytest.mark.parametrize("wrong", WRONG, ids=[f"{w.task}-{w.fn.__name__}" for w in WRONG])
def test_it_is_named(wrong):
    verdict = getattr(check, wrong.task)(wrong.fn)
    assert not verdict.passed
    assert verdict.mistake == wrong.mistake, verdict.hint
    assert wrong.words in verdict.hint


@pytest.mark.parametrize(("task", "fn"), RIGHT, ids=[fn.__name__ for _, fn in RIGHT])
def test_a_right_one_passes(task, fn):
    verdict = getattr(check, task)(fn)
    assert verdict.passed, repr(verdict)


def test_there_are_enough():
    assert len(WRONG) >= 150
    assert len({wrong.task for wrong in WRONG}) == 12
