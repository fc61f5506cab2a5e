"""Rankers of films for people: scores of all films (users, movies), for lists that `ranking` judges.

Each takes the data and a split, and learns from the split's training and validation rows.
"""

import numpy as np
import torch

from microdlrm import baselines, clicks, training
from microdlrm.model import MicroDLRM
from microdlrm.movielens import MovieLens
from microdlrm.wild import sampling


def held_out_clicks(data: MovieLens, split: clicks.Split) -> tuple[np.ndarray, np.ndarray]:
    """Which films each user clicks in the test rows, and which they hadn't rated before: twice (users, movies)."""
    user, movie = clicks.positions(data)
    relevant = np.zeros((len(data.users), len(data.movies)), dtype=bool)
    candidates = ~relevant
    for rows in (split.train, split.validation):
        candidates[user[rows], movie[rows]] = False
    rows = split.test[clicks.labels(data)[split.test] == 1]
    relevant[user[rows], movie[rows]] = True
    return relevant, candidates


def popularity(data: MovieLens, split: clicks.Split) -> np.ndarray:
    """Each film's clicks among the training rows, the same for everyone: (users, movies)."""
    rows = split.train[clicks.labels(data)[split.train] == 1]
    counts = np.bincount(clicks.positions(data)[1][rows], minlength=len(data.movies)).astype(float)
    return np.broadcast_to(counts, (len(data.users), len(counts)))


def by_verdicts(data: MovieLens, split: clicks.Split, users: np.ndarray, seed: int = 0) -> np.ndarray:
    """Scores of all films for `users`, from a dot model of who rates what well, as in chapters 1 to 6."""
    grid, where = _with_grid(data, users)
    prepared = clicks.prepare(grid, split.train).add(clicks.genres(grid))
    return _filled(training.predict(training.train(prepared, split, seed=seed)[0], prepared, where), data, users)


def against_negatives(
    data: MovieLens, split: clicks.Split, users, seed: int = 0, each: int = 4, epochs: int = 4, factorise=False
) -> tuple[MicroDLRM, np.ndarray]:
    """A model of what is clicked and what isn't rated at all, and its scores of all films for `users`.

    Trained on the clicks among the training rows and, for each, `each` films at random that the user hasn't rated.
    """
    y, known = clicks.labels(data), np.concatenate([split.train, split.validation])
    rows, more = [], data
    for part in (split.train, split.validation):
        of_part = part[y[part] == 1]
        negatives = sampling.unrated(data, of_part, known, each, seed)
        rows.append(np.concatenate([of_part, len(more.ratings) + np.arange(len(negatives[0]))]))
        more = sampling.with_pairs(more, *negatives)
    grid, where = _with_grid(more, users)
    split = clicks.Split(*rows, split.test)
    prepared = clicks.prepare(grid, split.train).add(clicks.genres(grid))
    if factorise:
        torch.manual_seed(seed)
        model = baselines.MatrixFactorisation(*prepared.num_embeddings[:2])
        training.fit(model, prepared, split, lr=1e-2, embedding_decay=1.0, epochs=epochs, seed=seed)
    else:
        model, _ = training.train(prepared, split, seed=seed, epochs=epochs)
    return model, _filled(training.predict(model, prepared, where), data, users)


def _with_grid(data: MovieLens, users: np.ndarray) -> tuple[MovieLens, np.ndarray]:
    """The data with every film for each of `users` behind them, and where these rows are."""
    films = len(data.movies)
    more = sampling.with_pairs(data, np.repeat(users, films), np.tile(np.arange(films), len(users)))
    return more, np.arange(len(data.ratings), len(more.ratings))


def _filled(p: np.ndarray, data: MovieLens, users: np.ndarray) -> np.ndarray:
    scores = np.full((len(data.users), len(data.movies)), -1.0)
    scores[users] = p.reshape(len(users), -1)
    return scores
