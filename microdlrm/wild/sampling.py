"""What a log keeps and what it doesn't: non-clicks thinned out, pairs that nobody rated."""

import numpy as np
import pandas as pd

from microdlrm.clicks import positions
from microdlrm.movielens import MovieLens


def thinned(y: np.ndarray, rows: np.ndarray, k: float, seed: int = 0) -> np.ndarray:
    """Of `rows`, every click and one non-click in k, drawn at random: row numbers in their order.

    y (N,) labels of 0 and 1.
    """
    draw = np.random.default_rng(seed).random(len(rows))
    return rows[(y[rows] == 1) | (draw < 1 / k)]


def pairs(data: MovieLens, rows: np.ndarray) -> np.ndarray:
    """Whether one of `rows` is this user's rating of this movie: (users, movies) bool."""
    user, movie = positions(data)
    found = np.zeros((len(data.users), len(data.movies)), dtype=bool)
    found[user[rows], movie[rows]] = True
    return found


def with_pairs(data: MovieLens, user: np.ndarray, movie: np.ndarray) -> MovieLens:
    """The same data with a rating of 1 for pairs (user, movie), counted from 0, that nobody rated.

    They stand behind the real ratings, and are dated like the last of them.
    """
    ratings = data.ratings
    more = pd.DataFrame(dict(user_id=user + 1, item_id=movie + 1, rating=1))
    more["timestamp"] = ratings["timestamp"].max()
    return data._replace(ratings=pd.concat([ratings, more], ignore_index=True)[ratings.columns])


def unrated(
    data: MovieLens, rows: np.ndarray, known: np.ndarray, each: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """For each of `rows`, `each` films at random that its user has rated in none of the rows
    `known`: users, movies.

    Negatives for a model that must tell what is clicked from what isn't rated.
    """
    rated, draw = pairs(data, known), np.random.default_rng(seed)
    users = np.repeat(positions(data)[0][rows], each)
    movies = draw.integers(rated.shape[1], size=len(users))
    while len(again := np.flatnonzero(rated[users, movies])):
        movies[again] = draw.integers(rated.shape[1], size=len(again))
    return users, movies
