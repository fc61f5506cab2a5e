"""What anyone should try before a neural network, and what a neural network must beat."""

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from microdlrm.clicks import Clicks, Split, positions
from microdlrm.movielens import MovieLens
from microdlrm.training import fit, predict, train


def logistic_regression(
    clicks: Clicks, split: Split, features=("user mean", "movie mean")
) -> np.ndarray:
    """Click probabilities of the test rows from some of the dense features."""
    columns = [clicks.dense_names.index(feature) for feature in features]
    return _fitted(LogisticRegression(), clicks, split, clicks.dense.numpy()[:, columns])


def gradient_boosting(clicks: Clicks, split: Split) -> np.ndarray:
    """Click probabilities of the test rows from all dense features."""
    trees = HistGradientBoostingClassifier(learning_rate=0.06, max_leaf_nodes=15, random_state=0)
    return _fitted(trees, clicks, split, clicks.dense.numpy())


def _fitted(model, clicks: Clicks, split: Split, x: np.ndarray) -> np.ndarray:
    """Click probabilities of the test rows from x (N, columns), learnt on the training rows."""
    model.fit(x[split.train], clicks.y[split.train, 0].numpy())
    return model.predict_proba(x[split.test])[:, 1]


def item_knn(data: MovieLens, clicks: Clicks, split: Split) -> np.ndarray:
    """Click probabilities of the test rows from the 40 most similar movies that the user has rated.

    An idea of Sarwar et al. 2001 in the form of Bell and Koren 2007. The step from `neighbours` to
    a probability is a logistic regression, and it is fitted on the validation rows.
    """
    x = np.zeros((len(clicks.y), 2))
    for rows in (split.validation, split.test):
        x[rows] = neighbours(data, split.train, rows)
    return _fitted(LogisticRegression(), clicks, split._replace(train=split.validation), x)


def stacked(data: MovieLens, clicks: Clicks, split: Split) -> np.ndarray:
    """Click probabilities of the test rows from all dense features and what the neighbours say.

    A training row's own rating must not reach its feature: the neighbours of a fold are found in
    the others.
    """
    opinion, folds = np.zeros(len(clicks.y)), 5
    fold = np.random.default_rng(0).permutation(len(split.train)) % folds
    for f in range(folds):
        rows = split.train[fold == f]
        opinion[rows] = neighbours(data, split.train[fold != f], rows)[:, 1]
    opinion[split.test] = neighbours(data, split.train, split.test)[:, 1]
    x = np.column_stack([clicks.dense.numpy(), opinion])
    return _fitted(LogisticRegression(), clicks, split, x)


def neighbours(
    data: MovieLens, train: np.ndarray, rows: np.ndarray, k: int = 40, shrink: float = 100.0
) -> np.ndarray:
    """What the rows `train` lead one to expect of `rows`: (len(rows), 2), in stars.

    Column 0: the rating that user and movie lead one to expect, by shrunk means. Column 1: how far
    above it the user rated the k most similar movies, on average. Similar are movies whose ratings,
    user by user, stray from what is expected in the same way: their cosine, shrunk where few users
    rated both (Bell and Koren 2007).
    """
    user, movie = positions(data)
    rating = data.ratings["rating"].to_numpy(float)
    n_users, n_movies = len(data.users), len(data.movies)
    mean = rating[train].mean()
    of_user = _shrunk_mean(user[train], rating[train] - mean, n_users)
    of_movie = _shrunk_mean(movie[train], rating[train] - mean - of_user[user[train]], n_movies)
    expected = mean + of_user[user] + of_movie[movie]

    surprise = np.zeros((n_users, n_movies), dtype=np.float32)
    surprise[user[train], movie[train]] = (rating - expected)[train]
    rated = np.zeros_like(surprise)
    rated[user[train], movie[train]] = 1
    common = rated.T @ rated
    length = np.sqrt((surprise.T**2) @ rated)  # over the users who rated both
    cosine = surprise.T @ surprise / np.maximum(length * length.T, 1e-6)
    similar = cosine * common / (common + shrink)  # (movies, movies)
    np.fill_diagonal(similar, 0)

    weights = np.maximum(similar[movie[rows]] * rated[user[rows]], 0)  # (rows, movies)
    kept = np.argpartition(weights, -k, axis=1)[:, -k:]
    weights = np.take_along_axis(weights, kept, 1)
    seen = np.take_along_axis(surprise[user[rows]], kept, 1)
    return np.column_stack([expected[rows], (weights * seen).sum(1) / (weights.sum(1) + 1)])


def _shrunk_mean(group: np.ndarray, values: np.ndarray, n: int, shrink: float = 5.0) -> np.ndarray:
    return np.bincount(group, values, n) / (np.bincount(group, minlength=n) + shrink)


class MatrixFactorisation(nn.Module):
    """logit = overall + user's bias + movie's bias + their vectors' product (Koren et al. 2009).

    A model for `training.fit`, which decays what is in `emb_l`: the vectors, not the biases.
    """

    def __init__(self, users: int, movies: int, dimensions: int = 32):
        super().__init__()
        self.emb_l = nn.ModuleList(nn.Embedding(rows, dimensions) for rows in (users, movies))
        self.biases = nn.ModuleList(nn.Embedding(rows, 1) for rows in (users, movies))
        for table in (*self.emb_l, *self.biases):
            nn.init.normal_(table.weight, std=0.1)
        self.overall = nn.Parameter(torch.zeros(1))

    def logits(self, dense_x, sparse_indices, sparse_offsets, sparse_weights) -> Tensor:
        users, movies = sparse_indices[:2]  # one id a bag: (B,) each
        dots = (self.emb_l[0](users) * self.emb_l[1](movies)).sum(1, keepdim=True)  # (B, 1)
        return self.overall + self.biases[0](users) + self.biases[1](movies) + dots  # (B, 1)


def matrix_factorisation(
    clicks: Clicks, split: Split, decay: float = 1.0, epochs: int = 16
) -> np.ndarray:
    """Click probabilities of the test rows from ids alone; the defaults are validation's best."""
    torch.manual_seed(0)
    model = MatrixFactorisation(*clicks.num_embeddings[:2])
    fit(model, clicks, split, lr=1e-2, embedding_decay=decay, epochs=epochs)
    return predict(model, clicks, split.test)


def factorisation_machine(clicks: Clicks, split: Split, seed: int = 0) -> np.ndarray:
    """Click probabilities of the test rows from dot without its top MLP: the products, weighted.

    A factorisation machine over bags (Rendle 2010). The decay is validation's best, with histories.
    """
    model, _ = train(clicks, split, seed=seed, shape=dict(ln_top=(1,)), decay=3.0)
    return predict(model, clicks, split.test)
