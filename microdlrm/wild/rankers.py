"""Rankers of films: everyone's scores of all films (users, movies), for lists `ranking` judges.

Each takes the data and a split, learns from the clicks among the split's training rows, and is
tuned on its validation rows: the constants here gave the best lists of ten for them, and a network
keeps its best epoch.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from microdlrm import baselines, clicks, training
from microdlrm.model import MicroDLRM
from microdlrm.movielens import MovieLens
from microdlrm.wild import sampling


def held_out_clicks(data: MovieLens, split: clicks.Split) -> tuple[np.ndarray, np.ndarray]:
    """Which films each user clicks in the test rows, and which they hadn't rated before."""
    seen = sampling.pairs(data, np.concatenate([split.train, split.validation]))
    return _clicked(data, split.test), ~seen


def popularity(data: MovieLens, split: clicks.Split) -> np.ndarray:
    """Each film's clicks among the training rows, the same for everyone."""
    clicked = _clicked(data, split.train).astype(float)
    return np.broadcast_to(clicked.sum(0), clicked.shape)


def item_knn(data: MovieLens, split: clicks.Split, k: int = 200, shrink=10.0) -> np.ndarray:
    """How alike a film and those that the user clicked are, summed.

    Films are alike that the same people clicked: the cosine of their columns, shrunk where they are
    few. Of each film the k most similar count (Sarwar et al. 2001).
    """
    clicked = _clicked(data, split.train).astype(float)
    both = clicked.T @ clicked  # (movies, movies): how many people clicked the two
    similar = both / (np.sqrt(np.outer(np.diag(both), np.diag(both))) + shrink)
    np.fill_diagonal(similar, 0)
    return clicked @ np.where(similar >= np.partition(similar, -k, axis=0)[-k], similar, 0)


def ease(data: MovieLens, split: clicks.Split, ridge: float = 100.0) -> np.ndarray:
    """Each film's clicks by a linear regression on those of all other films.

    With a ridge, one matrix inverse gives all the regressions at once (EASE, Steck 2019).
    """
    clicked = _clicked(data, split.train).astype(float)
    inverse = np.linalg.inv(clicked.T @ clicked + ridge * np.eye(clicked.shape[1]))
    weights = inverse / -np.diag(inverse)  # (movies, movies), a column for each film foretold
    np.fill_diagonal(weights, 0)
    return clicked @ weights


def for_lists(data: MovieLens, split: clicks.Split, seed: int = 0, epochs: int = 100):
    """Vectors of users and of films whose product was trained to order lists: (users, 65),
    (movies, 65).

    A user is the sum of the rows of the films clicked, over sqrt(n). Half of the clicks, drawn anew
    in each pass, are hidden, and a softmax over all films must find them among all others. A film's
    last number is its bias, which starts at the logarithm of its popularity; a user's is 1.
    """
    torch.manual_seed(seed)
    clicked = torch.tensor(_clicked(data, split.train), dtype=torch.float32)  # (users, movies)
    rows = nn.Parameter(torch.randn(clicked.shape[1], 64) * 0.05)  # (movies, 64)
    bias = nn.Parameter(clicked.sum(0).add(1).log())  # (movies,)
    groups = [dict(params=[rows], weight_decay=0.3), dict(params=[bias], weight_decay=0.0)]
    optimiser = torch.optim.AdamW(groups, lr=3e-3)

    def users(seen):
        return seen @ rows / seen.sum(1, keepdim=True).clamp(min=1).sqrt()  # (B, 64)

    for _ in range(epochs):
        shown = clicked * (torch.rand_like(clicked) < 0.5)
        for some in torch.randperm(len(clicked)).split(128):
            hidden = clicked[some] - shown[some]
            logits = users(shown[some]) @ rows.T + bias  # (B, movies)
            loss = -(F.log_softmax(logits, 1) * hidden).sum() / hidden.sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        of_users = torch.cat([users(clicked), torch.ones(len(clicked), 1)], 1)
        return of_users.numpy(), torch.cat([rows, bias[:, None]], 1).numpy()


def by_verdicts(data: MovieLens, split: clicks.Split, users: np.ndarray) -> np.ndarray:
    """Scores for `users` by a dot model of who rates what well, as in chapters 1 to 6."""
    return _of_all_films(data, split, users, lambda of: training.train(of, split)[0])[1]


def against_negatives(
    data: MovieLens, split: clicks.Split, users: np.ndarray, seed: int = 0, factorise=False
) -> tuple[MicroDLRM, np.ndarray]:
    """A model of what is clicked and what isn't rated at all, and its scores for `users`.

    Trained on the clicks among the training rows and, for each, four films at random that the user
    hasn't rated. `factorise` takes a matrix factorisation for dot.
    """
    y, known = clicks.labels(data), np.concatenate([split.train, split.validation])
    rows, more = [], data
    for part in (split.train, split.validation):
        of_part = part[y[part] == 1]
        negatives = sampling.unrated(data, of_part, known, 4, seed)
        rows.append(np.concatenate([of_part, len(more.ratings) + np.arange(len(negatives[0]))]))
        more = sampling.with_pairs(more, *negatives)
    split = clicks.Split(*rows, split.test)

    def train(prepared: clicks.Clicks) -> MicroDLRM:
        if not factorise:
            return training.train(prepared, split, seed=seed, epochs=4)[0]
        torch.manual_seed(seed)
        model = baselines.MatrixFactorisation(*prepared.num_embeddings[:2])
        training.fit(model, prepared, split, lr=1e-2, embedding_decay=1.0, epochs=8, seed=seed)
        return model

    return _of_all_films(more, split, users, train)


def _clicked(data: MovieLens, rows: np.ndarray) -> np.ndarray:
    """Whether one of `rows` is this user's click on this movie: (users, movies) bool."""
    return sampling.pairs(data, rows[clicks.labels(data)[rows] == 1])


def _of_all_films(data, split, users, train) -> tuple[MicroDLRM, np.ndarray]:
    """What `train` makes of the prepared data, and its scores for `users`; -1 for others."""
    films = len(data.movies)
    grid = sampling.with_pairs(data, np.repeat(users, films), np.tile(range(films), len(users)))
    prepared = clicks.prepare(grid, split.train).add(clicks.genres(grid))
    model = train(prepared)
    scores = np.full((len(data.users), films), -1.0)
    rows = np.arange(len(data.ratings), len(grid.ratings))
    scores[users] = training.predict(model, prepared, rows).reshape(len(users), films)
    return model, scores
