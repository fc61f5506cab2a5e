"""Metrics against scikit-learn, loops over users, and a bootstrap of users."""

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from microdlrm import metrics


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
    with pytest.raises(ValueError, match="w must be a share"):
        metrics.recalibrated(p, 10)


# --- intervals ---


@pytest.fixture(scope="module")
def made_up():
    """(p, q, y, user): two models that share what is hard about each user, q the worse."""
    generator, users = np.random.default_rng(0), 60
    user = np.sort(generator.integers(0, users, 30 * users))
    taste = generator.normal(0, 1, users)[user] + generator.normal(0, 1, len(user))
    y = (generator.uniform(size=len(user)) < 1 / (1 + np.exp(-taste))).astype(int)
    noise = (generator.normal(0, spread, len(user)) for spread in (0.8, 1.6))
    p, q = (1 / (1 + np.exp(-taste - n)) for n in noise)
    return p, q, y, user


def test_the_means_of_what_rows_bring_are_the_metrics(made_up):
    p, _, y, _ = made_up
    p = p.round(1).clip(0.05, 0.95)  # with ties
    assert tuple(metrics.by_row(p, y).mean()) == pytest.approx(tuple(metrics.score(p, y)))


ROW = st.tuples(st.sampled_from([0.2, 0.5, 0.7]), st.integers(0, 1), st.integers(0, 2))


@given(st.lists(ROW, min_size=1, max_size=30))
def test_within_users_equals_a_loop(rows):
    p, y, user = (np.array(column) for column in zip(*rows, strict=True))
    expected = {}
    for u in set(user.tolist()):
        own = user == u
        if 0 < y[own].mean() < 1:
            expected[u] = dict(auc=roc_auc_score(y[own], p[own]), rows=own.sum())
    table = metrics.within_users(p, y, user).to_dict("index")
    assert set(table) == set(expected)
    for u, of_user in expected.items():
        assert table[u] == pytest.approx(of_user)


def test_what_is_constant_within_a_user_orders_nothing_for_them(made_up):
    _, _, y, user = made_up
    mean = np.bincount(user, y)[user] / np.bincount(user)[user]
    level = metrics.level(mean.clip(0.01, 0.99), y, user)
    assert level.loc["auc", "value"] > 0.6
    assert level.loc["auc within users"].tolist() == [0.5, 0.5, 0.5]


def test_errors_are_those_of_a_bootstrap_of_users(made_up):
    p, q, y, user = made_up
    click, users = y == 1, user.max() + 1
    draws = np.random.default_rng(1).multinomial(users, np.full(users, 1 / users), 400)
    times = draws[:, user].astype(float)  # how often each row is drawn: (draws, rows)

    def of_draws(p):
        """Accuracy, AUC (the share of pairs ranked right), logloss, and AUC within users."""
        within = metrics.within_users(p, y, user)["auc"].reindex(user).to_numpy()
        of_row = [(p >= 0.5) == click, -np.log(np.where(click, p, 1 - p)), within]
        known = [~np.isnan(values) for values in of_row]
        means = [
            times[:, k] @ values[k] / times[:, k].sum(1)
            for k, values in zip(known, of_row, strict=True)
        ]
        yes, no = times[:, click], times[:, ~click]
        right = (yes @ np.greater.outer(p[click], p[~click]) * no).sum(1)
        means.insert(1, right / yes.sum(1) / no.sum(1))
        return np.stack(means)  # (4, draws)

    def errors(table):
        return ((table["high"] - table["low"]) / 2 / 1.96).to_numpy()

    level = errors(metrics.level(p, y, user))
    assert level == pytest.approx(of_draws(p).std(1), rel=0.15)
    lead = errors(metrics.lead(p, q, y, user))
    assert lead == pytest.approx((of_draws(p) - of_draws(q)).std(1), rel=0.15)
    as_if_rows_were_users = errors(metrics.level(p, y, np.arange(len(y))))
    assert as_if_rows_were_users[2] < 0.95 * level[2]


def test_a_lead_is_real_or_nothing_and_models_are_averaged(made_up):
    p, q, y, user = made_up
    assert (metrics.lead(p, q, y, user)["low"] > 0)[["auc", "logloss"]].all()
    assert (metrics.lead(p, p, y, user) == 0).all(axis=None)
    both, one, other = (metrics.level(m, y, user)["value"].to_numpy() for m in ([p, q], p, q))
    assert both == pytest.approx((one + other) / 2)


def test_labels_of_a_series_match_nothing(made_up):
    """A reader's users come in another order: rows go by position, whatever their index says."""
    p, q, y, user = made_up
    frame = pd.DataFrame(dict(y=y, user=user))
    order = frame.sample(frac=1, random_state=0).index
    p, q, y, user = p[order], q[order], frame["y"][order], frame["user"][order]
    for judge in (metrics.level, metrics.within_users, partial(metrics.lead, q)):
        expected = judge(p, y.to_numpy(), user.to_numpy())
        pd.testing.assert_frame_equal(judge(p, y, user), expected)
