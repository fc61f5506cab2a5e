"""From ratings to clicks: labels, splits, features without leaks, bags, mini-batches.

N ratings, B rows in a batch. Rows are numbered by their position in `MovieLens.ratings`; ids count
from 0.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from microdlrm.movielens import GENRES, MovieLens

THRESHOLD = 4  # a rating of 4 or 5 counts as a click
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


class SparseFeature(NamedTuple):
    """A bag of ids for each rating: the table that it reads, and how it is cut for a batch.

    Made by `one_id`, `genres`, `histories.histories`, or by whoever has another kind of bag.
    """

    name: str
    table: str  # features that name one table share its rows
    rows: int  # of that table
    take: Callable[[Tensor], tuple[Tensor, Tensor, Tensor | None]]
    # take(rows (B,)) -> indices (L,), offsets (B,) and weights (L,), or None where each id weighs 1


class Clicks(NamedTuple):
    """Every rating as the model sees it: all that training and judging need of the data."""

    dense: Tensor  # (N, 16) float32
    dense_names: tuple[str, ...]  # one a column of `dense`
    scale: Tensor  # (2, 16): what was subtracted from each dense feature, what it was divided by
    sparse: tuple[SparseFeature, ...]  # one bag each: user, movie, occupation, and what was added
    y: Tensor  # (N, 1) float32: 1.0 is a click

    def add(self, *features: SparseFeature) -> "Clicks":
        """The same clicks with more bags. Raises ValueError for a name taken, or a table's rows."""
        for feature in features:
            if feature.name in (f.name for f in self.sparse):
                raise ValueError(f"there is a sparse feature {feature.name!r} already: add it once")
            if (rows := self.tables.get(feature.table, feature.rows)) != feature.rows:
                wants = f"{feature.name!r} wants a table {feature.table!r} of {feature.rows} rows"
                raise ValueError(f"{wants}, but it has {rows}: features that share one must agree")
            self = self._replace(sparse=(*self.sparse, feature))
        return self

    def without(self, *names: str) -> "Clicks":
        """The same clicks without the bags of these names. Raises ValueError for unknown ones."""
        self._must_have(names)
        return self._replace(sparse=tuple(f for f in self.sparse if f.name not in names))

    def replace(self, **features: SparseFeature) -> "Clicks":
        """The same clicks with other bags under these names. Raises ValueError for unknown ones."""
        self._must_have(features)
        return self._replace(sparse=tuple(features.get(f.name, f) for f in self.sparse))

    def _must_have(self, names):
        if unknown := set(names) - {feature.name for feature in self.sparse}:
            known = ", ".join(feature.name for feature in self.sparse)
            raise ValueError(f"no sparse feature {sorted(unknown)}: there are {known}")

    @property
    def tables(self) -> dict[str, int]:
        """The rows of each embedding table, in the order in which the features first name it."""
        return {feature.table: feature.rows for feature in self.sparse}

    @property
    def num_embeddings(self) -> tuple[int, ...]:
        """The rows of each table, as `MicroDLRM` takes them."""
        return tuple(self.tables.values())

    @property
    def reads(self) -> tuple[int, ...]:
        """Which table each bag reads, as `MicroDLRM` takes it."""
        order = list(self.tables)
        return tuple(order.index(feature.table) for feature in self.sparse)


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


def positions(data: MovieLens) -> tuple[np.ndarray, np.ndarray]:
    """User and movie of each rating, counted from 0: twice (N,)."""
    return data.ratings["user_id"].to_numpy() - 1, data.ratings["item_id"].to_numpy() - 1


def split(data: MovieLens, how: str = "random", seed: int = 42) -> Split:
    """Divide the ratings into training, validation and test rows: 80%, 10% and 10%.

    how  "random": drawn with `seed`, as torch.utils.data.random_split draws
         "time": the oldest ratings train, the newest test
         "user": the same, user by user
    Raises ValueError for anything else.
    """
    n, time = len(data.ratings), data.ratings["timestamp"].to_numpy()
    quantile = np.arange(n) / n
    if how == "random":
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).numpy()
    elif how == "time":
        order = time.argsort(kind="stable")
    elif how == "user":
        order = np.lexsort((time, data.ratings["user_id"]))  # by user, and within one by time
        by_user = data.ratings.iloc[order].groupby("user_id")["rating"]
        quantile = (by_user.cumcount() / by_user.transform("size")).to_numpy()
    else:
        raise ValueError(f"how must be 'random', 'time' or 'user', got {how!r}")
    part = np.digitize(quantile, [0.8, 0.9])  # 0, 1 or 2
    return Split(*(order[part == number] for number in range(3)))


def prepare(data: MovieLens, train: np.ndarray, folds: int = 10) -> Clicks:
    """Features of all ratings, whose statistics come from the rows `train` alone.

    A training row's own label must not reach its own features either, or the model learns to read
    it there instead of predicting it. So the training rows are dealt into `folds`, and each fold's
    statistics come from the others (Micci-Barreca 2001 for smoothed means as features; Kaufman
    et al. 2012 for the leak). `folds=1` deals them into one, which sees itself: for the chapter
    that shows why not.
    """
    user, movie = positions(data)
    train = row_numbers(train, len(user)).numpy()
    # The held-out rows are a fold of their own, served by all of `train`.
    fold = np.full(len(user), folds)
    fold[train] = np.random.default_rng(0).permutation(len(train)) % folds
    statistics = np.empty((len(user), 7))
    for f in range(folds + 1):
        known = train if folds == 1 else train[fold[train] != f]
        statistics[fold == f] = _statistics(data, known, user[fold == f], movie[fold == f])

    in_genre = genre_flags(data)[movie]  # (N, 19)
    features = [
        data.users["age"].to_numpy()[user],
        data.users["gender"].to_numpy()[user] == "M",
        statistics,
        data.movies["year"].fillna(data.movies["year"].median()).to_numpy(float)[movie],
        in_genre[:, [GENRES.index(genre) for genre in COMMON_GENRES]],
    ]
    dense = np.column_stack(features)
    shift, scale = dense[train].mean(0), dense[train].std(0)
    return made_of(data, dense, DENSE_FEATURES, shift, scale)


# --- sparse features: makers of bags ---


def one_id(name: str, ids: Tensor, rows: int) -> SparseFeature:
    """Bags of one id each, `ids` (N,) int64, that read a table of their own with so many rows."""

    def take(which: Tensor) -> tuple[Tensor, Tensor, None]:
        return ids.index_select(0, which), _one_id_a_bag(len(which)), None

    return SparseFeature(name, name, rows, take)


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # made once, used in training too
def _one_id_a_bag(n: int) -> Tensor:
    """Offsets of n bags of one id: one tensor for all features, so that one look checks it."""
    return torch.arange(n, device="cpu")  # kept, so whatever device is the default just now


class Bags(NamedTuple):
    """Bags of ids, one after another: bag b is values[starts[b] : starts[b] + lengths[b]]."""

    values: Tensor
    starts: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, values: Tensor, lengths: Tensor) -> "Bags":
        return cls(values, lengths.cumsum(0) - lengths, lengths)

    def take(self, which: Tensor) -> tuple[Tensor, Tensor]:
        """The bags numbered `which` (B,): indices (L,) and offsets (B,), as EmbeddingBag takes."""
        lengths = self.lengths[which]  # (B,)
        offsets = lengths.cumsum(0) - lengths  # (B,)
        shift = torch.repeat_interleave(self.starts[which] - offsets, lengths)  # (L,)
        return self.values[torch.arange(len(shift)) + shift], offsets


def genres(data: MovieLens) -> SparseFeature:
    """Bags of a movie's genres, as positions in `movielens.GENRES`, with a table of their own."""
    ids = [torch.tensor([GENRES.index(genre) for genre in own]) for own in data.movies["genres"]]
    bags = Bags.of(torch.cat(ids), torch.tensor([len(bag) for bag in ids]))
    movie = torch.tensor(positions(data)[1])  # (N,)

    def take(which: Tensor) -> tuple[Tensor, Tensor, None]:
        return *bags.take(movie[which]), None

    return SparseFeature("genres", "genre", len(GENRES), take)


# --- mini-batches ---


def batches(
    clicks: Clicks, rows: np.ndarray, batch_size: int, generator: torch.Generator | None = None
) -> Iterator[Batch]:
    """Mini-batches of `rows` with every bag of `clicks.sparse`; the last one may be smaller.

    In order, or shuffled if a generator is given. Raises TypeError or IndexError where `rows`
    aren't row numbers.
    """
    order = row_numbers(rows, len(clicks.y))
    if generator is not None:
        order = order[torch.randperm(len(order), generator=generator)]
    # Dense rows and labels are gathered once for the whole pass; a batch is a slice of them.
    columns = (order, clicks.dense.index_select(0, order), clicks.y.index_select(0, order))
    parts = (column.split(batch_size) for column in columns)
    for part, dense_x, y in zip(*parts, strict=True):  # (B,), (B, 16), (B, 1)
        bags = [feature.take(part) for feature in clicks.sparse]
        yield Batch(dense_x, *map(list, zip(*bags, strict=True)), y)


def row_numbers(rows: np.ndarray | Tensor, n: int) -> Tensor:
    """`rows` as a tensor (B,) of positions among n. Raises TypeError or IndexError for others."""
    if not isinstance(rows, Tensor):
        rows = torch.from_numpy(np.array(rows))  # a copy: pandas' own may be read-only
    if rows.dtype == torch.bool:
        raise TypeError("rows must be row numbers, got a mask: np.flatnonzero(mask) gives them")
    if rows.dim() != 1 or (rows.is_floating_point() and len(rows)):
        came = f"{rows.dtype} of shape {tuple(rows.shape)}"
        raise TypeError(f"rows must be whole numbers (B,), got {came}")
    if len(rows) and not 0 <= rows.min() <= rows.max() < n:
        came = f"{int(rows.min())} to {int(rows.max())}: labels of data.ratings aren't positions"
        raise IndexError(f"rows must be positions from 0 to {n - 1}, got {came}")
    return rows.long()


def genre_flags(data: MovieLens) -> np.ndarray:
    """1.0 where a movie is of a genre: (movies, 19)."""
    return np.array([[genre in own for genre in GENRES] for own in data.movies["genres"]], float)


def _statistics(data, rows, user, movie) -> np.ndarray:
    """The seven features that stand on ratings, learnt from `rows`: (len(user), 7)."""
    users, movies = (ids[rows] for ids in positions(data))
    rating, click = data.ratings["rating"].to_numpy(float)[rows], labels(data)[rows]
    of_user = _of_groups(users, rating, click, len(data.users))
    of_movie = _of_groups(movies, rating, click, len(data.movies))

    # Affinity: what is left of a rating once user and movie are accounted for, summed over the
    # genres they share.
    surprise, rated = np.zeros((2, len(data.users), len(data.movies)))
    surprise[users, movies] = rating - (of_user[users, 0] + of_movie[movies, 0] - rating.mean())
    rated[users, movies] = 1
    in_genre = genre_flags(data)
    total, count = (((of @ in_genre)[user] * in_genre[movie]).sum(1) for of in (surprise, rated))
    of_user, of_movie, affinity = of_user[user], of_movie[movie], total / (count + SMOOTHING)
    means_and_counts = of_user[:, :2], of_movie[:, :2]
    return np.column_stack([*means_and_counts, of_user[:, 2], of_movie[:, 2], affinity])


def _of_groups(group: np.ndarray, rating: np.ndarray, click: np.ndarray, n: int) -> np.ndarray:
    """Smoothed mean rating, log count and smoothed click rate of each of n groups: (n, 3)."""
    count = np.bincount(group, minlength=n)
    mean, rate = (
        (np.bincount(group, values, n) + SMOOTHING * values.mean()) / (count + SMOOTHING)
        for values in (rating, click)
    )
    return np.column_stack([mean, np.log1p(count), rate])


def made_of(data: MovieLens, dense: np.ndarray, names: tuple, shift, scale) -> Clicks:
    """Clicks of dense features (N, 16), with bags of one id for user, movie and occupation."""
    user, movie = (torch.tensor(ids) for ids in positions(data))  # (N,) each
    occupations = {name: i for i, name in enumerate(sorted(data.users["occupation"].unique()))}
    of_user = torch.tensor(data.users["occupation"].map(occupations).to_numpy())  # (users,)
    sparse = (
        one_id("user", user, len(data.users)),
        one_id("movie", movie, len(data.movies)),
        one_id("occupation", of_user[user], len(occupations)),
    )
    scaled = torch.tensor((dense - shift) / scale, dtype=torch.float32)
    scale = torch.tensor(np.stack([shift, scale]))
    return Clicks(scaled, names, scale, sparse, torch.tensor(labels(data))[:, None])
