"""Labels, splits, bags and batches against plain loops; features against the leak."""

import contextlib
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from microdlrm import MicroDLRM, clicks, movielens, original
from microdlrm.histories import histories


def test_a_click_is_a_rating_of_four_or_five(data):
    assert clicks.labels(data).tolist() == (data.ratings["rating"] >= 4).tolist()


# --- splits ---

ARRANGED = {
    "as it comes": lambda ratings: ratings,
    "shuffled": lambda ratings: ratings.sample(frac=1, random_state=3),
    "filtered": lambda ratings: ratings[ratings.user_id % 2 == 0],
    "other labels": lambda ratings: ratings.set_index("timestamp", drop=False).rename_axis(None),
}


@pytest.mark.parametrize("how", ["random", "time", "user"])
@pytest.mark.parametrize("arranged", ARRANGED)
def test_splits_are_whole_and_train_on_the_past(data, how, arranged):
    ratings = ARRANGED[arranged](data.ratings)  # whose rows go by position
    parts = clicks.split(data._replace(ratings=ratings), how)
    assert sorted(np.concatenate(parts)) == list(range(len(ratings)))
    off_by = 943 if how == "user" else 1  # each user's share is rounded
    for part, fraction in zip(parts, (0.8, 0.1, 0.1), strict=True):
        assert abs(len(part) - len(ratings) * fraction) < off_by
    if how == "random":
        return
    owner = ratings["user_id"].to_numpy() if how == "user" else np.zeros(len(ratings), int)
    time = pd.Series(ratings["timestamp"].to_numpy())
    times = [time.iloc[rows].groupby(owner[rows]) for rows in parts]
    for earlier, later in pairwise(times):
        assert (earlier.max() <= later.min()).all()


def test_the_random_split_is_torchs_own(data):
    generator = torch.Generator().manual_seed(42)
    parts = torch.utils.data.random_split(range(100_000), [80_000, 10_000, 10_000], generator)
    assert [rows.tolist() for rows in clicks.split(data)] == [*map(list, parts)]


def test_an_unknown_split_is_refused(data):
    with pytest.raises(ValueError, match="must be"):
        clicks.split(data, "weekly")


# --- dense features ---


def with_other_stars(data, rows):
    ratings = data.ratings.copy()
    ratings.loc[rows, "rating"] = ratings.loc[rows, "rating"] % 5 + 1
    return data._replace(ratings=ratings)


def test_held_out_labels_reach_no_feature(data, split, prepared):
    other = with_other_stars(data, np.concatenate([split.validation, split.test]))
    scrambled = clicks.prepare(other, split.train)
    assert not torch.equal(scrambled.y, prepared.y)
    assert torch.equal(scrambled.dense, prepared.dense)
    # The original features have a leak, which `train` closes.
    assert not torch.equal(original.features(data).dense, original.features(other).dense)
    closed = [original.features(d, split.train).dense for d in (data, other)]
    assert torch.equal(*closed)


def test_a_training_rows_own_label_does_not_reach_its_features(data, split, prepared):
    row = split.train[0]
    other = clicks.prepare(with_other_stars(data, [row]), split.train)
    users, _ = clicks.positions(data)
    moved = (other.dense - prepared.dense).abs().amax(1)
    # Columns are scaled by all training rows: one changed rating moves every row by a trace.
    assert moved[row] < 1e-3
    assert moved[torch.tensor(users == users[row])].max() > 1e-2


def test_features_of_held_out_rows_by_hand(data, split, prepared):
    """Row by row with pandas, unscaled, for a few rows."""
    train = data.ratings.iloc[split.train]
    train = train.assign(click=train["rating"] >= 4)[["user_id", "item_id", "rating", "click"]]
    genres = data.movies.set_index("item_id")["genres"].map(set)
    overall, k, nobody = train.mean(), clicks.SMOOTHING, train.iloc[:0]
    by_user, by_movie = dict(iter(train.groupby("user_id"))), dict(iter(train.groupby("item_id")))

    def smoothed(rows, column="rating"):
        return (rows[column].sum() + k * overall[column]) / (len(rows) + k)

    movie_mean = {movie: smoothed(rows) for movie, rows in by_movie.items()}

    def statistics(row):
        user, movie = data.ratings.loc[row, ["user_id", "item_id"]]
        own, others = by_user.get(user, nobody), by_movie.get(movie, nobody)
        shared = np.array([len(genres[seen] & genres[movie]) for seen in own["item_id"]])
        expected = smoothed(own) + own["item_id"].map(movie_mean) - overall["rating"]
        return {
            "user mean": smoothed(own),
            "log user count": np.log(1 + len(own)),
            "movie mean": smoothed(others),
            "log movie count": np.log(1 + len(others)),
            "user click rate": smoothed(own, "click"),
            "movie click rate": smoothed(others, "click"),
            "affinity": (shared * (own["rating"] - expected)).sum() / (shared.sum() + k),
        }

    rows = split.test[:40]
    for name, by_hand in pd.DataFrame(map(statistics, rows)).items():
        ours = prepared.dense[rows, prepared.dense_names.index(name)].double().numpy()
        assert np.corrcoef(ours, by_hand)[0, 1] == pytest.approx(1, abs=1e-6), name


def test_features_are_scaled_and_finite(data, prepared, split):
    assert prepared.dense.isfinite().all()
    train = prepared.dense[split.train].double().numpy()
    assert train.mean(0) == pytest.approx(np.zeros(16), abs=1e-5)
    assert train.std(0) == pytest.approx(np.ones(16), abs=1e-4)
    seen = data.movies.set_index("item_id").loc[data.ratings["item_id"], "genres"].explode()
    assert set(seen.value_counts().index[:6]) == set(clicks.COMMON_GENRES)


# --- bags and batches ---


def test_the_data_set_says_what_the_model_needs(data, prepared, split):
    more = prepared.add(clicks.genres(data), *histories(data, split.train))
    assert more.num_embeddings == (943, 1682, 21, 19)
    assert more.reads == (0, 1, 2, 3, 0, 1)  # a history reads the table of what it holds
    assert prepared.reads == (0, 1, 2)  # adding makes a new data set
    model = MicroDLRM(num_embeddings=more.num_embeddings, reads=more.reads)
    batch = next(clicks.batches(more, split.test, 7))
    assert model(*batch.inputs).shape == (7, 1)


def test_features_that_cannot_go_together_are_refused(data, prepared):
    genres = clicks.genres(data)
    with pytest.raises(ValueError, match="'genres' already"):
        prepared.add(genres, genres)
    with pytest.raises(ValueError, match="'user' of 19 rows, but it has 943"):
        prepared.add(genres._replace(table="user"))
    with pytest.raises(ValueError, match="director"):
        prepared.replace(director=genres)


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=6), st.data())
def test_taking_bags_equals_a_loop(bags, data):
    lengths = torch.tensor([len(bag) for bag in bags])
    packed = clicks.Bags.of(torch.tensor([i for bag in bags for i in bag]).long(), lengths)
    which = data.draw(st.lists(st.integers(0, len(bags) - 1), max_size=8))
    indices, offsets = packed.take(torch.tensor(which).long())
    assert indices.tolist() == [i for b in which for i in bags[b]]
    assert offsets.tolist() == [sum(len(bags[b]) for b in which[:k]) for k in range(len(which))]


@pytest.mark.parametrize("seed", [None, 0])
def test_batches_hold_every_row_once_with_its_own_features(data, prepared, split, seed):
    """Told from the ratings themselves: which row each row of a batch is, and what is due there."""
    with_genres = prepared.add(clicks.genres(data))
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    row_of = {pair: row for row, pair in enumerate(zip(*clicks.positions(data), strict=True))}
    occupations = sorted(data.users["occupation"].unique())
    met = []
    for batch in clicks.batches(with_genres, split.test, 300, generator):
        users, movies, jobs, genres = (ids.tolist() for ids in batch.sparse_indices)
        rows = [row_of[pair] for pair in zip(users, movies, strict=True)]
        assert torch.equal(batch.dense_x, prepared.dense[rows])
        assert torch.equal(batch.y, prepared.y[rows])
        assert [occupations[job] for job in jobs] == data.users["occupation"].iloc[users].tolist()
        ends = [*batch.sparse_offsets[3].tolist(), len(genres)]
        for movie, (start, end) in zip(movies, pairwise(ends), strict=True):
            named = tuple(movielens.GENRES[g] for g in genres[start:end])
            assert named == data.movies["genres"].iloc[movie]
        met.append(rows)
    assert [len(rows) for rows in met] == [300] * 33 + [100]
    together = np.concatenate(met)
    assert np.array_equal(together, split.test) == (seed is None)
    assert sorted(together) == sorted(split.test)


@pytest.mark.parametrize(
    ("rows", "error", "says"),
    [
        (np.arange(100_000) % 2 == 0, TypeError, "flatnonzero"),
        (torch.ones(100_000, dtype=torch.bool), TypeError, "flatnonzero"),
        (np.array([0.0, 1.0]), TypeError, "whole numbers"),
        (np.array([[0, 1]]), TypeError, "whole numbers"),
        (np.array([0, 100_000]), IndexError, "0 to 100000"),
        (np.array([-1, 5]), IndexError, "-1 to 5"),
    ],
)
def test_rows_that_are_no_row_numbers_are_refused_wherever_given(data, prepared, rows, error, says):
    for use in (
        lambda: clicks.prepare(data, rows),
        lambda: original.features(data, rows),
        lambda: next(clicks.batches(prepared, rows, 4)),
    ):
        with pytest.raises(error, match=says):
            use()


@pytest.mark.parametrize("form", [list, torch.tensor, pd.Series, pd.Index, np.int32])
def test_rows_may_be_a_series_a_list_or_a_tensor(split, prepared, form):
    rows = split.test[:5]
    batch = next(clicks.batches(prepared, form(rows), 5))
    assert torch.equal(batch.dense_x, prepared.dense[rows])


@pytest.mark.parametrize("moment", [lambda: torch.device("meta"), torch.inference_mode])
def test_no_device_and_no_mode_of_the_moment_is_kept(prepared, moment):
    """A batch under another device or mode leaves the batches after it as they were."""
    clicks._one_id_a_bag.cache_clear()
    with contextlib.suppress(RuntimeError), moment():
        next(clicks.batches(prepared, np.arange(41), 41))
    for offsets in next(clicks.batches(prepared, np.arange(41), 41)).sparse_offsets:
        assert (offsets.device.type, offsets.is_inference()) == ("cpu", False)
