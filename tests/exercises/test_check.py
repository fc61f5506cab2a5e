"""The exercises' checks: every mistake gets its own diagnosis, every right answer passes."""

import inspect
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from mistakes import RIGHT, TASKS, WRONG

from microdlrm.exercises import check

ROOT = Path(__file__).resolve().parents[2]

# What a learner's function does may warn; that is between PyTorch and the learner.
pytestmark = pytest.mark.filterwarnings("ignore")


def verdict_of(wrong, monkeypatch):
    endless = wrong.mistake == "runs without end"
    with monkeypatch.context() as patch:
        patch.setattr(check, "SECONDS", 0.5 if endless else check.SECONDS)
        return getattr(check, wrong.task)(wrong.fn)


@pytest.mark.parametrize("wrong", WRONG, ids=[w.id for w in WRONG])
def test_names_the_mistake(wrong, monkeypatch):
    verdict = verdict_of(wrong, monkeypatch)
    assert not verdict
    assert not verdict.passed
    assert verdict.mistake == wrong.mistake
    assert wrong.word in verdict.hint
    assert "Traceback" not in repr(verdict)
    assert "microdlrm" not in verdict.where
    assert wrong.fn.__name__ in verdict.title


@pytest.mark.timing
def test_names_every_mistake_in_time(monkeypatch):
    for wrong in WRONG:
        started = time.process_time()  # whatever else the machine is doing
        verdict_of(wrong, monkeypatch)
        seconds = time.process_time() - started
        assert seconds < (10 if wrong.mistake in ("runs without end", "too much memory") else 4), wrong.id


def test_there_are_enough_mistakes():
    mine = [w for w in WRONG if w.task == "dot_interaction"]
    assert len({w.mistake for w in mine}) >= 24
    assert {w.task for w in WRONG} == set(TASKS)
    for task in TASKS:
        assert len({w.mistake for w in WRONG if w.task == task}) >= 2


@pytest.mark.parametrize(
    ("task", "fn"), RIGHT, ids=[f"{t}-{getattr(f, '__name__', type(f).__name__)}" for t, f in RIGHT]
)
def test_right_answers_pass(task, fn):
    verdict = getattr(check, task)(fn)
    assert verdict.passed, repr(verdict)
    assert verdict
    assert verdict.mistake is None
    assert verdict.hint


LOOPS = ("loops", "filled_in")


@pytest.mark.parametrize(
    "fn", [f for t, f in RIGHT if t == "dot_interaction"], ids=lambda f: getattr(f, "__name__", "")
)
def test_the_second_task_takes_no_loop(fn):
    verdict = check.dot_interaction(fn, loop=False)
    if getattr(fn, "__name__", "") in LOOPS:
        assert verdict.mistake == "grows with the vectors"
        assert re.search(r"calls \d+ operators for 4 vectors and \d+ for 8", verdict.hint)
        assert "✗ Failed: number of operators" in repr(verdict)
    else:
        assert verdict.passed, repr(verdict)


def test_neither_does_a_comprehension_pass_it():
    def comprehended(x_dense, x_sparse):
        v = [x_dense, *x_sparse]
        return torch.cat([x_dense, *((a * b).sum(1, True) for k, a in enumerate(v) for b in v[k + 1 :])], 1)

    assert check.dot_interaction(comprehended).passed
    assert check.TASKS["dot_interaction_slow"](comprehended).passed
    assert check.TASKS["dot_interaction"](comprehended).mistake == "grows with the vectors"


def test_what_is_kept_between_calls_is_no_loop():
    kept = {}

    def caches(x_dense, x_sparse):
        v = torch.stack([x_dense, *x_sparse], 1)
        n = v.shape[1]
        if n not in kept:
            kept[n] = torch.tensor([(i, j) for i in range(n) for j in range(i + 1, n)]).T.contiguous()
            for _ in range(n):
                kept[n] = kept[n].clone()
        return torch.cat([x_dense, (v @ v.mT)[:, kept[n][0], kept[n][1]]], 1)

    assert check.dot_interaction(caches, loop=False).passed


def test_the_cross_layer_is_praised_for_what_it_does():
    for name, word in (("cross", "4wr"), ("full_cross", "w × w matrix first"), ("cross_by_brackets", "first")):
        fn = next(f for t, f in RIGHT if t == "low_rank_cross" and f.__name__ == name)
        verdict = check.low_rank_cross(fn)
        assert verdict.passed
        assert word in verdict.hint
        assert ("4wr" in verdict.hint) == (name == "cross")


@pytest.mark.timing
def test_an_ordinary_function_is_judged_in_no_time():
    for task, fn in RIGHT:
        if inspect.isfunction(fn) and fn.__module__ == "mistakes.solved":
            getattr(check, task)(fn)
            started = time.process_time()
            getattr(check, task)(fn)
            assert time.process_time() - started < 4


def test_a_check_leaves_no_trace():
    """Neither the random state nor what the learner set is touched."""
    torch.manual_seed(3)
    state = torch.get_rng_state()
    with torch.no_grad():
        assert check.dot_interaction(check.plain_loop).passed
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), state)


def test_checks_know_nothing_of_the_model():
    code = "import sys, microdlrm.exercises.check; print(*sorted(m for m in sys.modules if m.startswith('microdlrm.')))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    by_the_front_door = {"microdlrm.model", "microdlrm.inputs", "microdlrm.bags"}
    assert {m for m in out if not m.startswith("microdlrm.exercises")} == by_the_front_door


def test_every_check_has_a_task_and_every_notebook_a_check():
    assert set(check.TASKS) == {*TASKS, "dot_interaction_slow"}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        used = set(re.findall(r"\bcheck\.(\w+)\((\w+)(?:, loop=False)?\)", path.read_text(encoding="utf-8")))
        for name, argument in used:
            assert name in TASKS, f"{path.name}: check.{name}"
            assert argument.removesuffix("_solution") in check.TASKS, f"{path.name}: {argument}"


@pytest.mark.parametrize(
    "other",
    [
        lambda z: z.to_sparse(),
        lambda z: z.to_sparse_csr(),
        lambda z: torch.nested.nested_tensor(list(z)),
        lambda z: z.to_mkldnn(),
    ],
    ids=["coo", "csr", "nested", "mkldnn"],
)
def test_numbers_kept_in_another_form_get_a_verdict(other):
    def right_but_packed(x_dense, x_sparse):
        v = torch.stack([x_dense, *x_sparse], dim=1)
        i, j = torch.triu_indices(v.shape[1], v.shape[1], 1)
        return other(torch.cat([x_dense, torch.bmm(v, v.mT)[:, i, j]], dim=1))

    verdict = check.dot_interaction(right_but_packed)
    assert verdict.mistake == "not an ordinary tensor", repr(verdict)
    assert "to_dense" in verdict.hint
