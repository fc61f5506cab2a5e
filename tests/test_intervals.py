"""Intervals against scikit-learn, loops over users, and a bootstrap of users."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from microdlrm import intervals, metrics


def made_up(users=60, seed=0, noise=0.8):
    """(p, q, y, user): two models that share what is hard about each user."""
    generator = np.random.default_rng(seed)
    user = np.sort(generator.integers(0, users, 30 * users))
    taste = generator.normal(0, 1, users)[user] + generator.normal(0, 1, len(user))
    y = (generator.uniform(size=len(user)) < 1 / (1 + np.exp(-taste))).astype(int)
    p, q = (1 / (1 + np.exp(-taste - generator.normal(0, s, len(user)))) for s in (noise, 2 * noise))
    return p, q, y, user


def test_the_means_of_what_rows_bring_are_the_metrics():
    p, _, y, _ = made_up()
    p = p.round(1).clip(0.05, 0.95)  # with ties
    means = intervals.by_row(p, y).mean()
    assert tuple(means) == pytest.approx(tuple(metrics.score(p, y)))


@given(st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.7]), st.booleans(), st.integers(0, 2)), min_size=1, max_size=30))
def test_within_users_equals_a_loop(rows):
    p, y, user = (np.array(column) for column in zip(*rows, strict=True))
    y = y.astype(int)
    table = intervals.within_users(p, y, user)
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
    level = intervals.level(mean.clip(0.01, 0.99), y, user)
    assert level.loc["auc", "value"] > 0.6
    assert level.loc["auc within users", ["value", "low", "high"]].tolist() == [0.5, 0.5, 0.5]


def drawn(user, draws=400):
    """How often each row is drawn where users are: (draws, len(user))."""
    users, whose = np.unique(user, return_inverse=True)
    times = np.random.default_rng(1).multinomial(len(users), np.full(len(users), 1 / len(users)), draws)
    return times[:, whose].astype(float)


def by_draw(p, y, drawn):
    """Accuracy, AUC (the share of pairs ranked right) and logloss of each draw: (draws, 3)."""
    click, loss = y == 1, -np.log(np.where(y == 1, p, 1 - p))
    accuracy, logloss = (drawn @ of_row / drawn.sum(1) for of_row in ((p >= 0.5) == click, loss))
    right = np.greater.outer(p[click], p[~click]).astype(float)
    auc = (drawn[:, click] @ right * drawn[:, ~click]).sum(1) / drawn[:, click].sum(1) / drawn[:, ~click].sum(1)
    return np.stack([accuracy, auc, logloss], 1)


def test_errors_are_those_of_a_bootstrap_of_users():
    p, q, y, user = made_up()
    half = (intervals.level(p, y, user)["high"] - intervals.level(p, y, user)["value"]) / 1.96
    draws = drawn(user)
    assert half.to_numpy()[:3] == pytest.approx(by_draw(p, y, draws).std(0), rel=0.15)
    of_user = intervals.within_users(p, y, user)["auc"].reindex(user).to_numpy()
    known = ~np.isnan(of_user)
    within = draws[:, known] @ of_user[known] / draws[:, known].sum(1)
    assert half["auc within users"] == pytest.approx(within.std(), rel=0.15)
    lead = intervals.lead(p, q, y, user)
    margin = (lead["high"] - lead["difference"])[:3] / 1.96
    assert margin.to_numpy() == pytest.approx((by_draw(p, y, draws) - by_draw(q, y, draws)).std(0), rel=0.15)
    by_rows = intervals.level(p, y, np.arange(len(y)))
    assert (by_rows.loc["logloss", "high"] - by_rows.loc["logloss", "value"]) / 1.96 < 0.95 * half["logloss"]


def test_a_lead_is_real_or_nothing_and_models_are_averaged():
    p, q, y, user = made_up()
    lead = intervals.lead(p, q, y, user)
    assert lead.loc["auc", "low"] > 0
    assert lead.loc["logloss", "high"] < 0
    assert (intervals.lead(p, p, y, user) == 0).all(axis=None)
    both = intervals.level([p, q], y, user)["value"]
    mean = (intervals.level(p, y, user)["value"] + intervals.level(q, y, user)["value"]) / 2
    assert both.to_numpy() == pytest.approx(mean.to_numpy())
