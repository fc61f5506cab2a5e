"""How a check judges: what it recognises, what it compares, and what it says of an error."""

import inspect
import time

import pytest
import torch
from mistakes import TASKS, WRONG

from microdlrm.exercises import chapter5, check, compare

# What a learner's function does may warn; that is between PyTorch and the learner.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("task", TASKS)
def test_every_formulation_is_told_from_the_others(task):
    """Each wrong formulation, handed in as a learner's function, gets its own name."""
    for mistake in TASKS[task].mistakes:
        if "Two things" in mistake.hint:
            break  # what differs in two choices may coincide with something simpler
        assert getattr(check, task)(mistake.formula).mistake == mistake.code


@pytest.mark.timing
def test_an_unknown_mistake_is_judged_in_time():
    """Nothing in the family agrees, so all of it is tried."""
    started = time.process_time()
    verdict = check.dot_interaction(lambda x_dense, x_sparse: check.plain_loop(x_dense, x_sparse).cos())
    assert verdict.mistake == "not linear"
    assert time.process_time() - started < 4


def test_nothing_is_broadcast():
    """Shape before value: one row that equals every row is not the batch."""
    answer = check.plain_loop
    assert check.dot_interaction(lambda x, xs: answer(x, xs)[:1]).mistake == "rows missing"
    assert check.dot_interaction(lambda x, xs: answer(x, xs)[None]).mistake == "right numbers, wrong shape"
    assert not compare.equal(torch.ones(3, 2), torch.ones(1, 2))


def test_an_error_shows_the_learners_line():
    def helper(T):
        return torch.bmm(T, T)  # the line to show

    def dot_interaction(x_dense, x_sparse):
        return helper(torch.stack([x_dense, *x_sparse], 1))

    verdict = check.dot_interaction(dot_interaction)
    number = inspect.getsourcelines(helper)[1] + 1
    assert verdict.where.startswith(f"line {number} of your code: return torch.bmm(T, T)  # the line to show\n")
    assert "RuntimeError: Expected size" in verdict.where
    with pytest.raises(RuntimeError):
        dot_interaction(*verdict.inputs)


def test_an_error_in_a_notebook_cell_shows_its_line(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    judge = "from microdlrm.exercises import check\nv = check.dot_interaction(f)\nv"
    define = "import torch\ndef f(x_dense, x_sparse):\n    T = torch.stack(x_sparse, 1)\n    return torch.bmm(T, T)"
    cells = [nbformat.v4.new_code_cell(c) for c in (define, judge)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    (card,) = notebook.cells[1].outputs
    assert "line 4 of your code: return torch.bmm(T, T)" in card["data"]["text/plain"]
    assert "line 4 of your code: return torch.bmm(T, T)" in card["data"]["text/html"]


def test_what_is_not_a_function():
    assert check.dot_interaction(None).mistake == "not a function"
    assert check.dot_interaction(torch.zeros(2)).mistake == "not a function"
    assert "bare name" in check.mlp_cost((1, 2)).hint


def test_a_verdict_holds_no_answer():
    """Neither does the object itself: numbers that were expected, and inputs, but no function."""
    verdict = check.dot_interaction(lambda x, xs: torch.cat([x, *xs], 1))
    for value in vars(verdict).values():
        assert not callable(value)


def test_the_inputs_fail_again_and_belong_to_the_learner():
    def in_place(x_dense, x_sparse):
        out = check.plain_loop(x_dense, x_sparse)
        x_dense.mul_(0)
        return out

    for fn, mistake in (
        (in_place, "inputs changed"),
        (next(w.fn for w in WRONG if w.id.endswith("-filled_by_out")), "gradient cut"),
    ):
        verdict = check.dot_interaction(fn)
        assert verdict.mistake == mistake
        with pytest.raises(RuntimeError):
            fn(*verdict.inputs)
    for tensor in (verdict.inputs[0], *verdict.inputs[1]):
        tensor.data.zero_()
    assert check.dot_interaction(check.plain_loop).passed
    assert chapter5.DOT_INTERACTION.cases[0].args[0].any()
