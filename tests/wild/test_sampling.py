"""Logs thinned out, and pairs that nobody rated."""

import numpy as np
import pytest

from microdlrm import clicks
from microdlrm.wild import sampling


def test_all_clicks_stay_and_a_share_of_the_others():
    y = (np.random.default_rng(0).random(50_000) < 0.2).astype(int)
    rows = np.arange(10_000, 50_000)
    kept = sampling.thinned(y, rows, k=5)
    assert set(rows[y[rows] == 1]) <= set(kept) <= set(rows)
    assert (y[kept] == 0).sum() / (y[rows] == 0).sum() == pytest.approx(1 / 5, abs=0.02)
    assert (sampling.thinned(y, rows, k=1) == rows).all()


def test_pairs_stand_behind_the_ratings_and_are_no_clicks(data):
    more = sampling.with_pairs(data, np.array([0, 942]), np.array([1681, 0]))
    user, movie = clicks.positions(more)
    assert user[-2:].tolist() == [0, 942]
    assert movie[-2:].tolist() == [1681, 0]
    assert clicks.labels(more)[-2:].tolist() == [0, 0]
    assert more.ratings.iloc[:-2].equals(data.ratings)
    assert list(more.ratings.dtypes) == list(data.ratings.dtypes)


def test_negatives_are_of_the_same_users_and_not_rated(data):
    rows, known = np.arange(0, 100_000, 50), np.arange(100_000)
    user, movie = sampling.unrated(data, rows, known, each=3)
    users, movies = clicks.positions(data)
    assert user.tolist() == np.repeat(users[rows], 3).tolist()
    assert not set(zip(user, movie, strict=True)) & set(zip(users, movies, strict=True))
    assert len(np.unique(movie)) > 1500  # of 1,682, by 6,000 draws
