"""Chapter 9's checks: each mistake in their tables is told from all the others, and is one that can be made."""

import pytest
import torch
from mistakes import TASKS, WRONG

from microdlrm.exercises import chapter9, check
from microdlrm.exercises.compare import same

# What a learner's function does may warn; that is between PyTorch and the learner.
pytestmark = pytest.mark.filterwarnings("ignore")
NAMES = ("collides", "recalibrated", "ndcg_at_k", "share_that_differs")


@pytest.mark.parametrize("name", NAMES)
def test_every_formulation_in_the_table_is_named_as_it_stands_there(name):
    """Two that give the same numbers on these inputs would share a name."""
    for mistake in TASKS[name].mistakes:
        verdict = getattr(check, name)(mistake.formula)
        assert verdict.mistake == mistake.code
        assert not verdict.passed


@pytest.mark.parametrize("name", NAMES)
def test_there_are_eight_mistakes_at_least(name):
    assert len({mistake.code for mistake in TASKS[name].mistakes}) >= 8
    assert len({wrong.mistake for wrong in WRONG if wrong.task == name}) >= 8


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_in_the_table_is_right(name):
    assert getattr(check, name)(TASKS[name].answer).passed


def test_answers_by_hand():
    """Worked out on paper, one for each."""
    # (2i + 1) mod 7 mod 3 for 1, 2, 3, 5: 3, 5, 0, 4, then 0, 2, 0, 1
    shared = chapter9.COLLIDES.answer(torch.tensor([1, 2, 3, 5]), 2, 1, 7, 3)
    assert shared.tolist() == [True, False, True, False]
    # Of 100 rows 50 clicks and 50 non-clicks, which were 500: 50 of 550.
    assert chapter9.RECALIBRATED.answer(torch.tensor([0.5]), 0.1).item() == pytest.approx(1 / 11)
    # Relevant at place 2 of 3, one relevant in all: (1 / log2 3) / 1
    ndcg = chapter9.NDCG_AT_K.answer(torch.tensor([3.0, 2, 1]), torch.tensor([0.0, 1, 0]), 3)
    assert ndcg == pytest.approx(0.6309298)


def test_missing_numbers_in_an_argument_are_no_change_of_it():
    nan = torch.tensor([1.0, float("nan")])
    assert same(nan, nan.clone())
    assert not same(nan, torch.tensor([1.0, 0.0]))
    assert not same(nan, torch.tensor([float("nan"), 1.0]))
    assert not same(torch.tensor([1]), torch.tensor([1.0]))
    assert not same(torch.tensor([1.0]), 1.0)
