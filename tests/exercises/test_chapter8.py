"""Chapter 8's challenge: what is wrong with a fast model, and that fast ones pass."""

import itertools
import json
import time
from pathlib import Path

import pytest
import torch

from microdlrm.exercises import chapter8
from microdlrm.machine.frozen import freeze

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks/08_speed.ipynb"


def remembers_by_a_part(model):
    """Knows a batch again by where it lies and by its first number."""
    seen, forward = {}, chapter8.freeze_nothing(model)

    def predict(dense_x, *sparse):
        key = dense_x.data_ptr(), dense_x[0, 0].item()
        if key not in seen:
            seen[key] = forward(dense_x, *sparse).clone()
        return seen[key]

    return predict


def two_buffers(model):
    forward, turn = chapter8.freeze_nothing(model), itertools.cycle([0, 1])
    out = torch.empty(2, chapter8.BATCH, 1)
    return lambda *batch: out[next(turn)].copy_(forward(*batch))


def writes_into_its_input(model):
    forward = chapter8.freeze_nothing(model)

    def predict(dense_x, ids, offsets):
        answer = forward(dense_x, ids, offsets)
        dense_x.mul_(2)
        return answer

    return predict


def first_row_for_the_last(model):
    """Wrong for the tables' last rows alone."""
    forward = chapter8.freeze_nothing(model)

    def predict(dense_x, ids, offsets):
        last = [table.num_embeddings - 1 for table in model.emb_l]
        ids = [own.masked_fill(own == n, 0) for own, n in zip(ids, last, strict=True)]
        return forward(dense_x, ids, offsets)

    return predict


def edits_the_model(model):
    with torch.no_grad():
        model.emb_l[1].weight.zero_()
    return freeze(model)


def slow(model):
    def predict(*batch):
        model(*batch)
        return model(*batch)

    return predict


def no_sigmoid(model):
    return model.logits


def fails(model):
    return lambda *batch: 1 / 0


def spends(seconds):
    def make(model):
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass
        return freeze(model)

    return make


@pytest.mark.parametrize(
    ("make", "mistake"),
    [
        (lambda model: ..., "not started"),
        (lambda model: 5, "not a function"),
        (fails, "division by zero"),
        (lambda model: lambda *batch: model(*batch)[:, 0], "another shape"),
        (no_sigmoid, "other outputs"),
        (first_row_for_the_last, "other outputs"),
        (writes_into_its_input, "inputs changed"),
        (two_buffers, "answers share their memory"),
        (remembers_by_a_part, "remembered answers"),
        (edits_the_model, "other outputs"),
        pytest.param(slow, "not fast enough", marks=pytest.mark.timing),
        (spends(2.1), "too long a preparation"),
    ],
)
def test_the_challenge_names_what_is_wrong(make, mistake):
    verdict = chapter8.score(make)
    assert not verdict.passed
    assert verdict.mistake == mistake
    if mistake == "other outputs":
        numbers = [float(n) for _, due, _, came, _ in verdict.shown[1:] for n in (due, came)]
        assert numbers
        assert all(due != came for due, came in zip(numbers[::2], numbers[1::2], strict=True))


def test_the_challenge_can_be_passed(monkeypatch):
    # Whether `freeze` is fast enough is for `python -m microdlrm bench` to say.
    monkeypatch.setattr(chapter8, "TARGET", 0.01)
    verdict = chapter8.score(freeze)
    assert verdict.passed
    assert "times as fast" in verdict.hint
    assert set(verdict.tried.values()) == {"passed"}


@pytest.mark.timing
def test_the_check_accepts_the_books_own_solution():
    """For real: on this machine, by its clock."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    (cell,) = [c for c in map("".join, (c["source"] for c in cells)) if "def solution(model)" in c]
    namespace = {"torch": torch}
    exec(cell.partition("chapter8.score")[0], namespace)
    verdict = chapter8.score(namespace["solution"])
    assert verdict.passed, verdict
