"""Rankers: EASE against the regressions that it stands for, item-kNN, what is trained for lists."""

import numpy as np
import pytest

from microdlrm import clicks
from microdlrm.wild import rankers, ranking


@pytest.fixture(scope="module")
def per_user(data):
    return clicks.split(data, "user")


@pytest.fixture(scope="module")
def clicked(data, per_user):
    y, (user, movie) = clicks.labels(data), clicks.positions(data)
    clicked = np.zeros((len(data.users), len(data.movies)))
    for row in per_user.train:
        clicked[user[row], movie[row]] = y[row]
    return clicked


def test_ease_is_a_ridge_regression_on_the_other_films(data, per_user, clicked):
    scores = rankers.ease(data, per_user, ridge=50.0)
    for film in (0, 49):
        others = np.delete(clicked, film, axis=1)
        gram = others.T @ others + 50 * np.eye(others.shape[1])
        weights = np.linalg.solve(gram, others.T @ clicked[:, film])
        assert np.allclose(scores[:, film], others @ weights, atol=1e-8)


def test_item_knn_by_a_loop(data, per_user, clicked):
    scores = rankers.item_knn(data, per_user, k=30, shrink=10.0)
    size = clicked.sum(0)
    for user, film in ((0, 0), (5, 99), (42, 7)):
        alike = clicked[:, film] @ clicked / ((size[film] * size) ** 0.5 + 10)
        alike[film] = 0
        alike[alike < np.sort(alike)[-30]] = 0
        assert scores[user, film] == pytest.approx(clicked[user] @ alike)


def test_no_ranker_sees_more_than_training_clicks(data, per_user):
    held_out = np.concatenate([per_user.validation, per_user.test])
    other = data.ratings.copy()
    other.loc[other.index[held_out], "rating"] = 6 - other["rating"].to_numpy()[held_out]
    for ranker in (rankers.popularity, rankers.item_knn, rankers.ease):
        changed = ranker(data._replace(ratings=other), per_user)
        assert np.array_equal(ranker(data, per_user), changed)


def test_what_is_trained_for_lists_orders_them_by_a_product(data, per_user):
    users, films = rankers.for_lists(data, per_user, epochs=15)
    again, _ = rankers.for_lists(data, per_user, epochs=15)
    assert np.array_equal(users, again)  # equal seeds, equal vectors
    assert (users.shape, films.shape) == ((943, 65), (1682, 65))
    lists = rankers.held_out_clicks(data, per_user)
    trained, popular = (
        ranking.at_k(scores, *lists)["ndcg"].mean()
        for scores in (users @ films.T, rankers.popularity(data, per_user))
    )
    assert trained > popular
