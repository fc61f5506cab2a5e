"""Metrics against scikit-learn and against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microdlrm import metrics


@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans()), min_size=2, max_size=40))
def test_metrics_equal_their_definitions(rows):
    p, y = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    if y.min() == y.max():
        return  # no AUC without both
    score = metrics.score(p, y)
    assert score.accuracy == pytest.approx(sum((a >= 0.5) == b for a, b in zip(p, y, strict=True)) / len(y))
    assert score.logloss == pytest.approx(-sum(math.log(a if b else 1 - a) for a, b in zip(p, y, strict=True)) / len(y))
    pairs = [(a > b) + (a == b) / 2 for a in p[y == 1] for b in p[y == 0]]
    assert score.auc == pytest.approx(sum(pairs) / len(pairs))


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("n", [1, 5])
def test_rows_of_one_class_have_no_auc(label, n):
    p, y = np.linspace(0.2, 0.9, n), np.full(n, label)
    score = metrics.score(p, y)
    assert math.isnan(score.auc)
    assert score.logloss == pytest.approx(-np.log(p if label else 1 - p).mean())
    assert score.accuracy == ((p >= 0.5) == label).mean()
    assert score == pytest.approx(metrics.breakdown(p, y, y).loc["all", list(score._fields)].tolist(), nan_ok=True)


def test_calibration_by_hand():
    p, y = np.array([0.1, 0.1, 0.1, 0.1, 0.95, 1.0]), np.array([0, 0, 0, 1, 1, 0])
    table = metrics.calibration(p, y)
    assert table.index.tolist() == [1, 9]
    assert table["came"].tolist() == [0.25, 0.5]
    # four rows off by 0.15, two by 0.475
    assert metrics.calibration_error(p, y) == pytest.approx((4 * 0.15 + 2 * 0.475) / 6)


def test_breakdown_judges_each_group_by_its_own_rows():
    generator = np.random.default_rng(0)
    p, groups = generator.uniform(0.05, 0.95, 400), generator.integers(0, 3, 400)
    y = (generator.uniform(size=400) < p).astype(float)
    y[groups == 2] = 1
    table = metrics.breakdown(p, y, groups)
    assert table.index.tolist() == ["all", 0, 1, 2]
    assert table["rows"].tolist()[0] == table["rows"].iloc[1:].sum() == 400
    for group in (0, 1):
        rows = groups == group
        assert tuple(table.loc[group, ["accuracy", "auc", "logloss"]]) == metrics.score(p[rows], y[rows])
        assert table.loc[group, "base_rate"] == y[rows].sum() / rows.sum()
    assert math.isnan(table.loc[2, "auc"])  # nothing but clicks
    assert table.loc[2, "logloss"] == pytest.approx(-np.log(p[groups == 2]).mean())


def test_recalibrated_is_what_bayes_says():
    """Thin a log by hand: of 1,000 rows 200 clicks; one non-click in 8 is kept, so 100 of 800."""
    assert metrics.recalibrated(np.array([200 / 300]), 1 / 8) == pytest.approx(200 / 1000)
    p = np.array([0.0, 0.3, 1.0])
    assert metrics.recalibrated(p, 1.0) == pytest.approx(p)
    logit = np.log(0.3 / 0.7) + np.log(0.1)  # a factor on the odds
    assert metrics.recalibrated(p, 0.1)[1] == pytest.approx(1 / (1 + np.exp(-logit)))
    with pytest.raises(ValueError, match="w must be a share"):
        metrics.recalibrated(p, 10)
