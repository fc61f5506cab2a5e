"""Chapter 8's challenge: what is wrong with a fast model, and that the package's own passes."""

import copy
import time

import pytest
import torch

from microdlrm.exercises import chapter8
from microdlrm.machine.frozen import freeze


def remembers(model):
    seen, forward = {}, chapter8.freeze_nothing(model)
    return lambda *batch: seen.setdefault(id(batch[0]), forward(*batch).clone())


def remembers_by_a_part(model):
    """Knows a batch again by where it lies and by its first number."""
    seen, forward = {}, chapter8.freeze_nothing(model)

    def predict(dense_x, *sparse):
        key = dense_x.data_ptr(), dense_x[0, 0].item()
        if key not in seen:
            seen[key] = forward(dense_x, *sparse).clone()
        return seen[key]

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


def no_relu(model):
    layers = [layer for layer in model.top_l if not isinstance(layer, torch.nn.ReLU)]

    def predict(dense_x, ids, offsets):
        bags = [table(*bag) for table, *bag in zip(model.emb_l, ids, offsets, strict=True)]
        return torch.nn.Sequential(*layers)(model.interaction(model.bot_l(dense_x), bags))

    return predict


def half(model):
    frozen = freeze(model)
    return lambda *batch: frozen(*batch).half().float()


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
        (lambda model: None, "not started"),
        (lambda model: 1 / 0, "an error"),
        (fails, "an error"),
        (lambda model: lambda *batch: 0.5, "another shape"),
        (lambda model: lambda *batch: model(*batch)[:, 0], "another shape"),
        (no_sigmoid, "other outputs"),
        (no_relu, "other outputs"),
        (half, "other outputs"),
        (remembers, "remembered answers"),
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


def test_the_challenge_can_be_passed(monkeypatch):
    # Whether `freeze` is fast enough is for `python -m microdlrm bench` to say; here, any speed will do.
    monkeypatch.setattr(chapter8, "TARGET", 0.01)
    verdict = chapter8.score(freeze)
    assert verdict.passed
    assert "times as fast" in verdict.hint
    assert set(verdict.tried.values()) == {"passed"}


@pytest.mark.timing
def test_hooks_on_the_model_slow_down_nothing_else(monkeypatch):
    """What `make` hangs on its model doesn't make the reference slower, and so a plain forward no faster."""

    def make(model):
        plain = copy.deepcopy(model)
        for module in model.modules():
            for _ in range(20):
                module.register_forward_hook(lambda *_: None)
        return chapter8.freeze_nothing(plain)

    assert chapter8.score(make).mistake == "not fast enough"
