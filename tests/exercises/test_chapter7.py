"""Chapter 7's exercise: a prediction is judged, and what is wrong with it is named."""

import functools
import itertools

import pytest

from microdlrm.exercises import chapter7
from microdlrm.machine import cost, regimes, timing


@pytest.fixture
def measured_as_predicted(monkeypatch):
    """Every model takes exactly as long as `cost.predict` says: the check must not depend on this machine."""
    rates = cost.Rates(10, 4, 10, 40, 100, dispatch_us=5, bag_us=10, near_bytes=2**20, cache_bytes=2**24)

    def measure(model, **options):
        shape, batch, bag = model
        on_paper = cost.parts(batch, bag, **shape).loc["forward"]
        return timing.Spread.of([cost.predict(on_paper, rates)["seconds"].sum()])

    truths = iter(("dispatch", "memory", "compute"))
    fixed = functools.cache(lambda: type("Fixed", (), {"rates": lambda self, width: rates})())
    monkeypatch.setattr(chapter7, "turned", lambda *shape: {})
    monkeypatch.setattr(chapter7, "measured_regime", lambda turns: next(truths))
    monkeypatch.setattr(chapter7, "measure_ceilings", fixed)
    monkeypatch.setattr(chapter7, "forward", lambda *model: model)
    monkeypatch.setattr(timing, "measure", measure)


def good_prediction(forward, rates):
    predicted = cost.predict(forward, rates)
    return cost.regime(predicted), predicted["seconds"].sum()


def test_a_good_prediction_passes(measured_as_predicted):
    verdict = chapter7.check_prediction(good_prediction)
    assert verdict.passed
    assert verdict.tried == dict.fromkeys(chapter7.UNSEEN, "passed")


@pytest.mark.parametrize(("off", "passed"), [(1, True), (2, True), (3, False)])
def test_a_time_that_is_off_is_measured_again_with_the_rates(measured_as_predicted, monkeypatch, off, passed):
    """One noisy moment fails nobody; what is off each time is."""
    measure, ceilings = timing.measure, chapter7.measure_ceilings
    counter, rated = itertools.count(), []

    def noisy(model, **options):
        return measure(model).into(lambda seconds: seconds * (5 if next(counter) < off else 1))

    monkeypatch.setattr(timing, "measure", noisy)
    monkeypatch.setattr(ceilings, "cache_clear", lambda: rated.append("anew"), raising=False)
    verdict = chapter7.check_prediction(good_prediction)
    assert verdict.passed is passed
    assert len(rated) == min(off, 2)
    assert passed or verdict.mistake == "too short a time"


def test_an_untouched_exercise_waits_for_no_measurement(monkeypatch):
    rates = cost.Rates(10, 4, 10, 40, 100, dispatch_us=5, bag_us=10, near_bytes=2**20, cache_bytes=2**24)
    monkeypatch.setattr(chapter7, "measure_ceilings", lambda: type("Fixed", (), {"rates": lambda self, width: rates})())
    monkeypatch.setattr(chapter7, "turned", lambda *model: pytest.fail("knobs were turned"))
    monkeypatch.setattr(timing, "measure", lambda *model, **options: pytest.fail("a model was timed"))
    assert chapter7.check_prediction(lambda forward, rates: ...).mistake == "not started"


def raises(forward, rates):
    raise KeyError("flop")


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (lambda forward, rates: ..., "not started"),
        (lambda forward, rates: None, "not started"),
        (raises, "raises an error"),
        (lambda forward, rates: 0.1, "not a regime and a number"),
        (lambda forward, rates: ("memory", "long"), "not a regime and a number"),
        (lambda forward, rates: ("cpu", 0.1), "an unknown regime"),
        (lambda forward, rates: ("memory", good_prediction(forward, rates)[1]), "another regime"),
        (lambda forward, rates: (good_prediction(forward, rates)[0], 1e6), "the wrong unit"),
        (lambda forward, rates: (good_prediction(forward, rates)[0], 0.0), "the wrong unit"),
        (lambda f, r: (good_prediction(f, r)[0], good_prediction(f, r)[1] * 3), "too long a time"),
        (lambda f, r: (good_prediction(f, r)[0], good_prediction(f, r)[1] / 3), "too short a time"),
    ],
)
def test_a_wrong_prediction_is_named(wrong, mistake, measured_as_predicted):
    verdict = chapter7.check_prediction(wrong)
    assert not verdict.passed
    assert verdict.mistake == mistake


@pytest.mark.parametrize(
    ("ids", "widths", "regime"), [(1.05, 1.1, "dispatch"), (1.9, 1.1, "memory"), (1.0, 3.9, "compute")]
)
def test_the_regime_is_what_moves_the_time(ids, widths, regime):
    turns = {"ids in a bag × 2": timing.Spread.of([ids]), "MLP widths × 2": timing.Spread.of([widths])}
    assert regimes.measured_regime(turns) == regime


@pytest.mark.timing
def test_the_unseen_models_have_three_regimes():
    found = [regimes.measured_regime(regimes.turned(*model)) for model in chapter7.UNSEEN.values()]
    assert found == ["dispatch", "memory", "compute"]


@pytest.mark.timing
def test_a_right_answer_does_not_hang_on_the_packages_formula(monkeypatch):
    """The truth is measured: another `cost.regime` changes no verdict."""
    regimes_of = zip(chapter7.UNSEEN.values(), ("dispatch", "memory", "compute"), strict=True)
    by_flops = {
        cost.parts(batch, bag, **shape).loc["forward", "flops"].drop("loss").sum(): regime
        for (shape, batch, bag), regime in regimes_of
    }

    def predict(forward, rates):
        return by_flops[forward["flops"].sum()], cost.predict(forward, rates)["seconds"].sum()

    monkeypatch.setattr(cost, "regime", lambda predicted: "compute")
    assert chapter7.check_prediction(predict).passed
