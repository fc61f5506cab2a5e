"""Chapter 7's exercise: a prediction is judged by the clock, and what is wrong with it is named."""

import functools
import itertools
import json
from pathlib import Path

import pandas as pd
import pytest
import waits

from microdlrm.exercises import chapter7
from microdlrm.machine import cost, regimes, timing

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks/07_profiling.ipynb"
RATES = cost.Rates(9, 3, 11, 45, 90, dispatch_us=4, bag_us=9, near_bytes=2**20, cache_bytes=2**25)


@pytest.fixture
def measured_as_predicted(monkeypatch):
    """Every model takes as long as `cost.predict` says: here the check hangs on no machine."""

    def measure(model, **options):
        seconds = cost.predict(chapter7.parts(*model), RATES)["seconds"].sum()
        return timing.Spread.of([seconds])

    shapes = (str(shape) for shape, _, _ in chapter7.UNSEEN.values())
    truths = dict(zip(shapes, chapter7.REGIMES, strict=True))
    ceilings = functools.cache(lambda: type("Fixed", (), {"rates": lambda self, width: RATES})())
    monkeypatch.setattr(chapter7, "turned", lambda *model: {})
    waits = lambda turns, shape: {r: r == truths[str(shape)] for r in chapter7.REGIMES}  # noqa: E731
    monkeypatch.setattr(chapter7, "waits_for", waits)
    monkeypatch.setattr(chapter7, "measure_ceilings", ceilings)
    monkeypatch.setattr(chapter7, "forward", lambda *model: model)
    monkeypatch.setattr(timing, "measure", measure)


@pytest.fixture
def unmeasured(monkeypatch):
    for name in ("turned", "forward", "measure_ceilings"):
        monkeypatch.setattr(chapter7, name, lambda *_: pytest.fail("something was measured"))


def good(forward, rates):
    predicted = cost.predict(forward, rates)
    return waits.most(predicted), predicted["seconds"].sum()


def off(by):
    return lambda forward, rates: (good(forward, rates)[0], by(good(forward, rates)[1]))


def fails(forward, rates):
    return forward["flop"].sum()


def without(**fields):
    """The prediction of one who leaves something out."""
    return lambda forward, rates: (
        good(forward, rates)[0], good(forward, rates._replace(**fields))[1]
    )  # fmt: skip


def test_a_good_prediction_passes(measured_as_predicted):
    verdict = chapter7.check_prediction(good)
    assert verdict.passed, verdict
    assert verdict.tried == dict.fromkeys(chapter7.UNSEEN, "passed")


@pytest.mark.parametrize(("times", "passed"), [(1, True), (2, True), (3, False)])
def test_a_time_that_is_off_is_measured_again(measured_as_predicted, monkeypatch, times, passed):
    """With the rates. One noisy moment fails nobody; what is off each time is."""
    measure, ceilings = timing.measure, chapter7.measure_ceilings
    counter, rated = itertools.count(), []

    def noisy(model, **options):
        return measure(model).into(lambda seconds: seconds * (5 if next(counter) < times else 1))

    monkeypatch.setattr(timing, "measure", noisy)
    monkeypatch.setattr(ceilings, "cache_clear", lambda: rated.append("anew"), raising=False)
    verdict = chapter7.check_prediction(good)
    assert verdict.passed is passed
    assert len(rated) == min(times, 2)
    assert passed or verdict.mistake == "too short a time"


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (lambda forward, rates: None, "not started"),
        (fails, None),
        (lambda forward, rates: 0.1, "not a regime and a number"),
        (lambda forward, rates: ("cpu", 0.1), "an unknown regime"),
        (off(lambda seconds: seconds * 1e3), "the wrong unit"),
        (off(lambda seconds: seconds / 1e3), "the wrong unit"),
        (off(lambda seconds: float("nan")), "the wrong unit"),
    ],
)
def test_what_is_right_on_no_machine_is_refused_before_anything_is_measured(
    wrong, mistake, unmeasured
):
    verdict = chapter7.check_prediction(wrong)
    assert not verdict.passed
    assert verdict.mistake == mistake or (mistake is None and "flop" in verdict.where)


@pytest.mark.parametrize(
    ("wrong", "mistake", "part"),
    [
        (lambda f, r: ("memory", good(f, r)[1]), "another regime", None),
        (off(lambda seconds: seconds * 3), "too long a time", "operators"),
        (off(lambda seconds: seconds / 3), "too short a time", "computing"),
        (without(dispatch_us=0, bag_us=0), "too short a time", "operators"),
        (without(gather_gbs=1e9, cache_gbs=1e9, near_gbs=1e9), "too short a time", "moving, rows"),
        (without(gemm_gflops=1e9), "too short a time", "computing"),
    ],
)
def test_what_the_clock_refutes_is_shown_by_part(wrong, mistake, part, measured_as_predicted):
    verdict = chapter7.check_prediction(wrong)
    assert (verdict.passed, verdict.mistake) == (False, mistake)
    marks = {line[0]: line[-1] for line in verdict.shown[1:]}
    assert part is None or marks.pop(part) == "✗"


def solution():
    """The book's own, from its cell."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    (cell,) = [source for source in sources if "def solution(forward, rates)" in source]
    namespace = {"pd": pd}
    exec(cell.partition("chapter7.check_prediction")[0], namespace)
    return namespace["solution"]


def test_the_books_solution_leaves_no_part_out():
    for model in chapter7.UNSEEN.values():
        lines = chapter7.by_part(solution(), chapter7.parts(*model))
        assert {line[-1] for line in lines[1:]} == {"✓"}


@pytest.mark.parametrize(("own", "passes"), [(0.45, True), (0.2, False)])
def test_shares_that_lie_close_decide_nothing(monkeypatch, measured_as_predicted, own, passes):
    known = chapter7.waits_for

    def close(turns, shape):
        truth = max(chapter7.REGIMES, key=known(turns, shape).get)
        other = next(regime for regime in chapter7.REGIMES if regime != truth)
        return dict.fromkeys(chapter7.REGIMES, 0) | {truth: own, other: 1 - own}

    monkeypatch.setattr(chapter7, "waits_for", close)
    assert chapter7.check_prediction(good).passed == passes


@pytest.mark.timing
def test_the_check_accepts_the_books_own_solution():
    """For real: on this machine, by its clock."""
    verdict = chapter7.check_prediction(solution())
    assert verdict.passed, verdict


@pytest.mark.timing
def test_the_unseen_models_have_three_regimes():
    for regime, model in zip(chapter7.REGIMES, chapter7.UNSEEN.values(), strict=True):
        tries = (regimes.turned(*model) for _ in range(chapter7.TRIES))
        waits = (regimes.waits_for(turns, model[0]) for turns in tries)
        assert any(max(w, key=w.get) == regime for w in waits)


def test_the_long_histories_are_far_from_every_machine():
    """Half of the largest last cache that the course has met, 480 MiB, doesn't hold them."""
    shape, _, _ = chapter7.UNSEEN["long histories"]
    assert sum(shape["num_embeddings"]) * shape["m_spa"] * 4 > 480 * 2**20 / 2
