"""From ratings to clicks: labels, splits, features without leaks, bags, mini-batches.

N ratings, B rows in a batch. Rows are numbered as in `MovieLens.ratings`; ids count from 0.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from microdlrm.movielens import GENRES, MovieLens

if TYPE_CHECKING:
    from microdlrm.histories import History

THRESHOLD = 4  # a rating of 4 or 5 counts as a click
FOLDS = 10
SMOOTHING = 5  # a mean counts this many imagined ratings at the overall mean
COMMON_GENRES = ("Drama", "Comedy", "Action", "Thriller", "Romance", "Adventure")

DENSE_FEATURES = (
    "age",  # of the user, in years
    "male",  # 1 or 0
    "user mean",  # of the user's training ratings, smoothed
    "log user count",  # log(1 + the number of the user's training ratings)
    "movie mean",
    "log movie count",
    "user click rate",  # the share of clicks among the user's training ratings, smoothed
    "movie click rate",
    "affinity",  # how far above expectation the user rates this movie's genres
    "release year",
    *(f"is {genre}" for genre in COMMON_GENRES),
)


class Split(NamedTuple):
    """Row numbers of the three parts, each an int64 array."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


class Bags(NamedTuple):
    """Variable-length bags of ids, one after another: bag b is values[starts[b] : starts[b] + lengths[b]]."""

    values: Tensor
    starts: Tensor
    lengths: Tensor

    def take(self, which: Tensor) -> tuple[Tensor, Tensor]:
        """The bags numbered `which` (B,) as indices (L,) and offsets (B,), ready for an EmbeddingBag."""
        lengths = self.lengths[which]  # (B,)
        offsets = lengths.cumsum(0) - lengths  # (B,)
        shift = torch.repeat_interleave(self.starts[which] - offsets, lengths)  # (L,)
        return self.values[torch.arange(len(shift)) + shift], offsets


class Clicks(NamedTuple):
    """Every rating as the model sees it."""

    dense: Tensor  # (N, 16) float32, in the order of DENSE_FEATURES
    ids: Tensor  # (3, N) int64: user, movie, occupation
    genres: Bags  # one bag a movie
    scale: Tensor  # (2, 16): what was subtracted from each dense feature, and what it was divided by
    y: Tensor  # (N, 1) float32: 1.0 is a click

    def num_embeddings(self, genres: bool = False) -> tuple[int, ...]:
        """Rows that each table needs: users, movies, occupations, and, if wanted, genres."""
        rows = tuple((self.ids.amax(1) + 1).tolist())
        return (*rows, len(GENRES)) if genres else rows


class Batch(NamedTuple):
    """What `MicroDLRM` takes, and the label."""

    dense_x: Tensor  # (B, 16)
    sparse_indices: list[Tensor]
    sparse_offsets: list[Tensor]
    sparse_weights: list[Tensor | None]
    y: Tensor  # (B, 1)

    @property
    def inputs(self) -> tuple:
        """The model's arguments: `model(*batch.inputs)`."""
        return self[:4]


def labels(data: MovieLens) -> np.ndarray:
    """1.0 where the rating is a click, else 0.0: (N,) float32."""
    return (data.ratings["rating"].to_numpy() >= THRESHOLD).astype(np.float32)


def split(data: MovieLens, how: str = "random", fractions=(0.8, 0.1, 0.1), seed: int = 42) -> Split:
    """Divide the ratings into training, validation and test rows.

    how  "random": drawn with `seed`, as torch.utils.data.random_split draws
         "time": the oldest ratings train, the newest test
         "user": the same, user by user
    Two fractions, (0.8, 0.2), leave the validation part empty. Raises ValueError for anything else.
    """
    if not np.isclose(sum(fractions), 1) or len(fractions) not in (2, 3) or min(fractions) <= 0:
        raise ValueError(f"fractions must be two or three positive shares that sum to 1, got {fractions}")
    n = len(data.ratings)
    if how == "random":
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).numpy()
        quantile = np.arange(n) / n
    elif how == "time":
        order = data.ratings["timestamp"].argsort(kind="stable").to_numpy()
        quantile = np.arange(n) / n
    elif how == "user":
        order = data.ratings.sort_values(["user_id", "timestamp"], kind="stable").index.to_numpy()
        by_user = data.ratings.iloc[order].groupby("user_id")["rating"]
        quantile = (by_user.cumcount() / by_user.transform("size")).to_numpy()
    else:
        raise ValueError(f"how must be 'random', 'time' or 'user', got {how!r}")
    # The nudge keeps 0.8 + 0.1 = 0.9000000000000000222 from moving a row across the border.
    test_from = 1 - fractions[-1] - 1e-9
    train_to = fractions[0] - 1e-9
    return Split(
        train=order[quantile < train_to],
        validation=order[(quantile >= train_to) & (quantile < test_from)],
        test=order[quantile >= test_from],
    )


def prepare(data: MovieLens, train: np.ndarray, seed: int = 0, folds: int = FOLDS) -> Clicks:
    """Features of all ratings, whose statistics come from the rows `train` alone.

    A training row's own label must not reach its own features either, or the model learns to read it there
    instead of predicting it. So the training rows are dealt into 10 folds, and each fold's statistics come from
    the other nine (Micci-Barreca 2001 for smoothed means as features; Kaufman et al. 2012 for the leak).
    `folds=1` deals them into one, which sees itself: for the chapter that shows why not.
    """
    user, movie = _positions(data)
    fold = np.full(len(user), folds)  # the held-out rows: a fold of their own, served by all of `train`
    fold[train] = np.random.default_rng(seed).permutation(len(train)) % folds
    statistics = np.empty((len(user), 7))
    for f in range(folds + 1):
        known = train if folds == 1 else train[fold[train] != f]
        statistics[fold == f] = _statistics(data, known, user[fold == f], movie[fold == f])

    in_genre = _in_genre(data)[movie]  # (N, 19)
    dense = np.column_stack(
        [
            data.users["age"].to_numpy()[user],
            data.users["gender"].to_numpy()[user] == "M",
            statistics,
            data.movies["year"].fillna(data.movies["year"].median()).to_numpy(float)[movie],
            in_genre[:, [GENRES.index(genre) for genre in COMMON_GENRES]],
        ]
    )
    return _clicks(data, dense, shift=dense[train].mean(0), scale=dense[train].std(0))


def seed_features(data: MovieLens, train: np.ndarray | None = None) -> Clicks:
    """The original 16 features, *with their leak*: the user's mean and count over all ratings, held out or not.

    age (z-score), male, user mean, user count, and the first 12 genre flags. For the chapters that show the leak:
    `train` names the rows whose ratings may be used, which closes it; a user without any gets their overall mean.
    """
    user, movie = _positions(data)
    rating = data.ratings["rating"].to_numpy()
    known = np.arange(len(rating)) if train is None else train
    count = np.bincount(user[known], minlength=len(data.users))
    total = np.bincount(user[known], rating[known], minlength=len(data.users))
    mean = np.where(count > 0, total / np.maximum(count, 1), rating[known].mean())
    age = data.users["age"].to_numpy()
    dense = np.column_stack(
        [
            ((age - age.mean()) / age.std())[user],
            data.users["gender"].to_numpy()[user] == "M",
            ((mean - 3) / 2)[user],
            (count / count.max())[user],
            _in_genre(data)[movie, :12],
        ]
    )
    return _clicks(data, dense, shift=np.zeros(16), scale=np.ones(16))


def batches(
    clicks: Clicks,
    rows: np.ndarray,
    batch_size: int,
    genres: bool = False,
    histories: Sequence["History"] = (),
    generator: torch.Generator | None = None,
) -> Iterator[Batch]:
    """Mini-batches of `rows`, in order, or shuffled if a generator is given; the last one may be smaller.

    Rows are gathered once for the whole pass; a batch is a slice. `genres` adds the movie's genres as a fourth,
    variable-length bag, `histories` (see histories.py) add one weighted bag each.
    """
    order = torch.as_tensor(rows)
    if generator is not None:
        order = order[torch.randperm(len(order), generator=generator)]
    dense, ids, y = clicks.dense[order], clicks.ids[:, order], clicks.y[order]
    one_id_a_bag = torch.arange(min(batch_size, len(order)))
    for start in range(0, len(order), batch_size):
        part = slice(start, start + batch_size)
        indices = list(ids[:, part])  # 3 times (B,)
        offsets = [one_id_a_bag[: len(indices[0])]] * len(indices)
        bags = [(*bag, None) for bag in zip(indices, offsets, strict=True)]
        if genres:
            bags.append((*clicks.genres.take(indices[1]), None))
        bags += [history.take(order[part]) for history in histories]
        yield Batch(dense[part], *map(list, zip(*bags, strict=True)), y[part])


def _positions(data: MovieLens) -> tuple[np.ndarray, np.ndarray]:
    """User and movie of each rating, counted from 0: twice (N,)."""
    return data.ratings["user_id"].to_numpy() - 1, data.ratings["item_id"].to_numpy() - 1


def _in_genre(data: MovieLens) -> np.ndarray:
    """1.0 where a movie is of a genre: (movies, 19)."""
    return np.array([[genre in own for genre in GENRES] for own in data.movies["genres"]], dtype=float)


def _statistics(data: MovieLens, rows: np.ndarray, user: np.ndarray, movie: np.ndarray) -> np.ndarray:
    """The seven features that stand on ratings, learnt from `rows`, for the pairs (user, movie): (len(user), 7)."""
    users, movies = (positions[rows] for positions in _positions(data))
    rating = data.ratings["rating"].to_numpy()[rows].astype(float)
    click = labels(data)[rows]
    n_users, n_movies = len(data.users), len(data.movies)
    user_mean, user_count = _smoothed_mean(users, rating, n_users)
    movie_mean, movie_count = _smoothed_mean(movies, rating, n_movies)
    user_rate, _ = _smoothed_mean(users, click, n_users)
    movie_rate, _ = _smoothed_mean(movies, click, n_movies)

    # Affinity: what is left of a rating once user and movie are accounted for, summed over the genres they share.
    surprise = np.zeros((n_users, n_movies))
    surprise[users, movies] = rating - (user_mean[users] + movie_mean[movies] - rating.mean())
    rated = np.zeros((n_users, n_movies))
    rated[users, movies] = 1
    in_genre = _in_genre(data)
    total = ((surprise @ in_genre)[user] * in_genre[movie]).sum(1)
    count = ((rated @ in_genre)[user] * in_genre[movie]).sum(1)
    return np.column_stack(
        [
            user_mean[user],
            np.log1p(user_count[user]),
            movie_mean[movie],
            np.log1p(movie_count[movie]),
            user_rate[user],
            movie_rate[movie],
            total / (count + SMOOTHING),
        ]
    )


def _smoothed_mean(group: np.ndarray, values: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and count of `values` in each of n groups; an empty group's mean is the overall mean."""
    count = np.bincount(group, minlength=n)
    return (np.bincount(group, values, minlength=n) + SMOOTHING * values.mean()) / (count + SMOOTHING), count


def _clicks(data: MovieLens, dense: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> Clicks:
    user, movie = _positions(data)
    occupations = {name: i for i, name in enumerate(sorted(data.users["occupation"].unique()))}
    occupation = data.users["occupation"].map(occupations).to_numpy()[user]
    genres = [torch.tensor([GENRES.index(genre) for genre in own]) for own in data.movies["genres"]]
    lengths = torch.tensor([len(bag) for bag in genres])
    return Clicks(
        dense=torch.tensor((dense - shift) / scale, dtype=torch.float32),
        ids=torch.tensor(np.stack([user, movie, occupation])),
        genres=Bags(torch.cat(genres), lengths.cumsum(0) - lengths, lengths),
        scale=torch.tensor(np.stack([shift, scale])),
        y=torch.tensor(labels(data))[:, None],
    )
