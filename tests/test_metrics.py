"""Metrics against scikit-learn and against their definitions."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from microdlrm import metrics


@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans()), min_size=2, max_size=40))
def test_metrics_equal_their_definitions(rows):
    p, y = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    if y.min() == y.max():
        return  # no AUC without both
    score = metrics.score(p, y)
    assert score.accuracy == pytest.approx(
        sum((a >= 0.5) == b for a, b in zip(p, y, strict=True)) / len(y)
    )
    assert score.logloss == pytest.approx(
        -sum(math.log(a if b else 1 - a) for a, b in zip(p, y, strict=True)) / len(y)
    )
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


def test_calibration_by_hand():
    p, y = np.array([0.1, 0.1, 0.1, 0.1, 0.95, 1.0]), np.array([0, 0, 0, 1, 1, 0])
    table = metrics.calibration(p, y)
    assert table.index.tolist() == [1, 9]
    assert table["came"].tolist() == [0.25, 0.5]
    # four rows off by 0.15, two by 0.475
    assert metrics.calibration_error(p, y) == pytest.approx((4 * 0.15 + 2 * 0.475) / 6)


def test_recalibrated_is_what_bayes_says():
    """Thin a log by hand: of 1,000 rows 200 clicks; one non-click in 8 is kept, so 100 of 800."""
    assert metrics.recalibrated(np.array([200 / 300]), 1 / 8) == pytest.approx(200 / 1000)
    p = np.array([0.0, 0.3, 1.0])
    assert metrics.recalibrated(p, 1.0) == pytest.approx(p)
    logit = np.log(0.3 / 0.7) + np.log(0.1)  # a factor on the odds
    assert metrics.recalibrated(p, 0.1)[1] == pytest.approx(1 / (1 + np.exp(-logit)))
    with pytest.raises(ValueError, match="w must be a share"):
        metrics.recalibrated(p, 10)


# --- intervals: against scikit-learn, loops over users, and a bootstrap of users ---


def made_up(users=60, seed=0, noise=0.8):
    """(p, q, y, user): two models that share what is hard about each user."""
    generator = np.random.default_rng(seed)
    user = np.sort(generator.integers(0, users, 30 * users))
    taste = generator.normal(0, 1, users)[user] + generator.normal(0, 1, len(user))
    y = (generator.uniform(size=len(user)) < 1 / (1 + np.exp(-taste))).astype(int)
    p, q = (
        1 / (1 + np.exp(-taste - generator.normal(0, s, len(user)))) for s in (noise, 2 * noise)
    )
    return p, q, y, user


def test_the_means_of_what_rows_bring_are_the_metrics():
    p, _, y, _ = made_up()
    p = p.round(1).clip(0.05, 0.95)  # with ties
    means = metrics.by_row(p, y).mean()
    assert tuple(means) == pytest.approx(tuple(metrics.score(p, y)))


@given(
    st.lists(
        st.tuples(st.sampled_from([0.2, 0.5, 0.7]), st.booleans(), st.integers(0, 2)),
        min_size=1,
        max_size=30,
    )
)
def test_within_users_equals_a_loop(rows):
    p, y, user = (np.array(column) for column in zip(*rows, strict=True))
    y = y.astype(int)
    table = metrics.within_users(p, y, user)
    expected = {}
    for u in set(user.tolist()):
        own = user == u
        if 0 < y[own].mean() < 1:
            expected[u] = roc_auc_score(y[own], p[own]), own.sum()
    assert table["auc"].to_dict() == pytest.approx({u: auc for u, (auc, _) in expected.items()})
    assert table["rows"].to_dict() == {u: rows for u, (_, rows) in expected.items()}


def test_what_is_constant_within_a_user_orders_nothing_for_them():
    _, _, y, user = made_up()
    mean = np.bincount(user, y)[user] / np.bincount(user)[user]
    level = metrics.level(mean.clip(0.01, 0.99), y, user)
    assert level.loc["auc", "value"] > 0.6
    assert level.loc["auc within users", ["value", "low", "high"]].tolist() == [0.5, 0.5, 0.5]


def drawn(user, draws=400):
    """How often each row is drawn where users are: (draws, len(user))."""
    users, whose = np.unique(user, return_inverse=True)
    times = np.random.default_rng(1).multinomial(
        len(users), np.full(len(users), 1 / len(users)), draws
    )
    return times[:, whose].astype(float)


def by_draw(p, y, drawn):
    """Accuracy, AUC (the share of pairs ranked right) and logloss of each draw: (draws, 3)."""
    click, loss = y == 1, -np.log(np.where(y == 1, p, 1 - p))
    accuracy, logloss = (drawn @ of_row / drawn.sum(1) for of_row in ((p >= 0.5) == click, loss))
    right = np.greater.outer(p[click], p[~click]).astype(float)
    auc = (
        (drawn[:, click] @ right * drawn[:, ~click]).sum(1)
        / drawn[:, click].sum(1)
        / drawn[:, ~click].sum(1)
    )
    return np.stack([accuracy, auc, logloss], 1)


def test_errors_are_those_of_a_bootstrap_of_users():
    p, q, y, user = made_up()
    half = (metrics.level(p, y, user)["high"] - metrics.level(p, y, user)["value"]) / 1.96
    draws = drawn(user)
    assert half.to_numpy()[:3] == pytest.approx(by_draw(p, y, draws).std(0), rel=0.15)
    of_user = metrics.within_users(p, y, user)["auc"].reindex(user).to_numpy()
    known = ~np.isnan(of_user)
    within = draws[:, known] @ of_user[known] / draws[:, known].sum(1)
    assert half["auc within users"] == pytest.approx(within.std(), rel=0.15)
    lead = metrics.lead(p, q, y, user)
    margin = (lead["high"] - lead["gain"])[:3] / 1.96
    assert margin.to_numpy() == pytest.approx(
        (by_draw(p, y, draws) - by_draw(q, y, draws)).std(0), rel=0.15
    )
    by_rows = metrics.level(p, y, np.arange(len(y)))
    assert (by_rows.loc["logloss", "high"] - by_rows.loc["logloss", "value"]) / 1.96 < 0.95 * half[
        "logloss"
    ]


def test_a_lead_is_real_or_nothing_and_models_are_averaged():
    p, q, y, user = made_up()
    lead = metrics.lead(p, q, y, user)
    assert lead.loc["auc", "low"] > 0
    assert lead.loc["logloss", "low"] > 0
    assert (metrics.lead(p, p, y, user) == 0).all(axis=None)
    both = metrics.level([p, q], y, user)["value"]
    mean = (metrics.level(p, y, user)["value"] + metrics.level(q, y, user)["value"]) / 2
    assert both.to_numpy() == pytest.approx(mean.to_numpy())


def test_labels_of_a_series_match_nothing():
    """A reader's own frame comes in another order: rows go by position, whatever its index says."""
    p, q, y, user = made_up()
    order = np.random.default_rng(0).permutation(len(y))
    frame = pd.DataFrame(dict(p=p, q=q, y=y, user=user)).iloc[order]
    expected = metrics.lead(p[order], q[order], y[order], user[order])
    pd.testing.assert_frame_equal(
        metrics.lead(frame["p"], frame["q"], frame["y"], frame["user"]), expected
    )
    level = metrics.level(frame["p"], frame["y"], frame["user"])
    pd.testing.assert_frame_equal(level, metrics.level(p[order], y[order], user[order]))
    within = metrics.within_users(frame["p"], frame["y"], frame["user"])
    pd.testing.assert_frame_equal(within, metrics.within_users(p[order], y[order], user[order]))
