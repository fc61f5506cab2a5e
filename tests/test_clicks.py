"""Labels, splits, bags and batches against plain loops; features against the leak."""

import contextlib

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from microdlrm import MicroDLRM, clicks, movielens, original, training
from microdlrm.histories import histories


def test_a_click_is_a_rating_of_four_or_five(data):
    by_rating = (
        pd.Series(clicks.labels(data)).groupby(data.ratings["rating"]).agg(["min", "max", "size"])
    )
    assert by_rating["max"].tolist() == by_rating["min"].tolist() == [0, 0, 0, 1, 1]
    assert clicks.labels(data).sum() == 34_174 + 21_201


@pytest.mark.parametrize("how", ["random", "time", "user"])
@pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.1), (0.8, 0.2), (0.5, 0.25, 0.25)])
def test_splits_are_disjoint_and_whole(data, how, fractions):
    parts = clicks.split(data, how, fractions)
    assert sorted(np.concatenate(parts)) == list(range(100_000))
    wanted = fractions if len(fractions) == 3 else (fractions[0], 0.0, fractions[1])
    rounding = len(data.users) if how == "user" else 0  # each user's share is rounded
    for part, fraction in zip(parts, wanted, strict=True):
        assert abs(len(part) - 100_000 * fraction) <= rounding


def test_the_random_split_is_torchs_own(data):
    ours = clicks.split(data, fractions=(0.8, 0.2))
    generator = torch.Generator().manual_seed(42)
    train, test = torch.utils.data.random_split(range(100_000), [80_000, 20_000], generator)
    assert ours.train.tolist() == list(train)
    assert ours.test.tolist() == list(test)
    assert clicks.split(data).train.tolist() == list(train)


def test_the_time_split_trains_on_the_past(data):
    time = data.ratings["timestamp"].to_numpy()
    train, validation, test = clicks.split(data, "time")
    assert time[train].max() <= time[validation].min()
    assert time[validation].max() <= time[test].min()


def test_the_user_split_trains_on_each_users_past(data):
    train, validation, test = (
        data.ratings.iloc[rows].groupby("user_id") for rows in clicks.split(data, "user")
    )
    assert (train["timestamp"].max() <= validation["timestamp"].min()).all()
    assert (validation["timestamp"].max() <= test["timestamp"].min()).all()
    n = data.ratings.groupby("user_id").size()
    assert ((test.size() - 0.1 * n).abs() < 1).all()


@pytest.mark.parametrize(
    ("how", "fractions"), [("weekly", (0.8, 0.2)), ("random", (0.8, 0.3)), ("random", (1.0,))]
)
def test_an_unknown_split_is_refused(data, how, fractions):
    with pytest.raises(ValueError, match="must be"):
        clicks.split(data, how, fractions)


def test_held_out_labels_reach_no_feature(data, split, prepared):
    held_out = np.concatenate([split.validation, split.test])
    ratings = data.ratings.copy()
    ratings.loc[held_out, "rating"] = (
        np.random.default_rng(0).permutation(ratings.loc[held_out, "rating"]) % 5 + 1
    )
    scrambled = clicks.prepare(data._replace(ratings=ratings), split.train)
    assert not torch.equal(scrambled.y, prepared.y)
    assert torch.equal(scrambled.dense, prepared.dense)
    # the original features fail the same test: this is their leak
    leaky = original.features(data).dense, original.features(data._replace(ratings=ratings)).dense
    assert not torch.equal(*leaky)
    closed = [
        original.features(d, split.train).dense for d in (data, data._replace(ratings=ratings))
    ]
    assert torch.equal(*closed)


def test_a_training_rows_own_label_does_not_reach_its_features(data, split, prepared):
    row = split.train[0]
    ratings = data.ratings.copy()
    ratings.loc[row, "rating"] = (
        6 - ratings.loc[row, "rating"] if ratings.loc[row, "rating"] != 3 else 5
    )
    other = clicks.prepare(data._replace(ratings=ratings), split.train)
    users, _ = clicks.positions(data)
    user = torch.tensor(users == users[row])
    moved = (other.dense - prepared.dense).abs().amax(1)
    # Columns are scaled by all training rows, so that one changed rating moves every row by a
    # trace.
    assert moved[row] < 1e-3
    assert moved[user].max() > 1e-2


def test_features_of_held_out_rows_by_hand(data, split):
    """Row by row with pandas, unscaled, for a few rows."""
    prepared = clicks.prepare(data, split.train)
    train = data.ratings.iloc[split.train]
    train = train.assign(click=train["rating"] >= 4)

    def smoothed(values, overall):
        return (values.sum() + clicks.SMOOTHING * overall) / (len(values) + clicks.SMOOTHING)

    def statistics(row):
        user, movie = data.ratings.loc[row, ["user_id", "item_id"]]
        own, others = train[train["user_id"] == user], train[train["item_id"] == movie]
        return [
            smoothed(own["rating"], train["rating"].mean()),
            np.log(1 + len(own)),
            smoothed(others["rating"], train["rating"].mean()),
            np.log(1 + len(others)),
            smoothed(own["click"], train["click"].mean()),
            smoothed(others["click"], train["click"].mean()),
        ]

    rows = split.test[:40]
    by_hand = np.array([statistics(row) for row in rows])
    names = (
        "user mean",
        "log user count",
        "movie mean",
        "log movie count",
        "user click rate",
        "movie click rate",
    )
    columns = [clicks.DENSE_FEATURES.index(name) for name in names]
    scaled = prepared.dense[rows][:, columns].double().numpy()
    for ours, expected in zip(scaled.T, by_hand.T, strict=True):  # equal up to a shift and a scale
        assert np.corrcoef(ours, expected)[0, 1] == pytest.approx(1, abs=1e-6)


def test_affinity_by_hand(data, split):
    train = data.ratings.iloc[split.train]
    genres = data.movies.set_index("item_id")["genres"]
    overall = train["rating"].mean()

    def smoothed(column):
        by = train.groupby(column)["rating"]
        return (by.sum() + clicks.SMOOTHING * overall) / (by.size() + clicks.SMOOTHING)

    user_mean, movie_mean = smoothed("user_id"), smoothed("item_id")
    rows, by_hand = split.test[:40], []
    for row in rows:
        user, movie = data.ratings.loc[row, ["user_id", "item_id"]]
        total, count = 0.0, 0
        for _, seen in train[train["user_id"] == user].iterrows():
            shared = len(set(genres[seen["item_id"]]) & set(genres[movie]))
            surprise = seen["rating"] - (user_mean[user] + movie_mean[seen["item_id"]] - overall)
            total, count = total + shared * surprise, count + shared
        by_hand.append(total / (count + clicks.SMOOTHING))
    ours = (
        clicks.prepare(data, split.train)
        .dense[rows, clicks.DENSE_FEATURES.index("affinity")]
        .double()
        .numpy()
    )
    assert np.corrcoef(ours, by_hand)[0, 1] == pytest.approx(1, abs=1e-6)


def test_features_are_scaled_and_finite(prepared, split):
    assert prepared.dense.isfinite().all()
    train = prepared.dense[split.train].double()
    torch.testing.assert_close(
        train.mean(0), torch.zeros(16, dtype=torch.float64), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(train.std(0), torch.ones(16, dtype=torch.float64), atol=1e-4, rtol=0)
    assert len(clicks.DENSE_FEATURES) == 16


def test_the_common_genres_are_the_most_common(data):
    counted = (
        data.movies.set_index("item_id")
        .loc[data.ratings["item_id"], "genres"]
        .explode()
        .value_counts()
    )
    assert set(counted.index[:6]) == set(clicks.COMMON_GENRES)


def test_ids_count_from_zero_and_fill_their_tables(data, prepared):
    everything = torch.arange(len(data.ratings))
    user, movie, occupation = (feature.take(everything)[0] for feature in prepared.sparse)
    assert [(ids.min(), ids.max()) for ids in (user, movie, occupation)] == [
        (0, 942),
        (0, 1681),
        (0, 20),
    ]
    assert prepared.num_embeddings == (943, 1682, 21)
    assert user.tolist() == (data.ratings["user_id"] - 1).tolist()
    assert movie.tolist() == (data.ratings["item_id"] - 1).tolist()


def test_the_data_set_says_what_the_model_needs(data, prepared, split):
    more = prepared.add(clicks.genres(data), *histories(data, split.train))
    assert more.num_embeddings == (943, 1682, 21, 19)
    assert more.reads == (0, 1, 2, 3, 0, 1)  # a history reads the table of what it holds
    assert prepared.reads == (0, 1, 2)  # adding makes a new data set
    model = MicroDLRM(num_embeddings=more.num_embeddings, reads=more.reads)
    batch = next(clicks.batches(more, split.test, 7))
    assert model(*batch.inputs).shape == (7, 1)


def test_a_kind_of_bag_that_nobody_foresaw(data, prepared, few):
    """Two hashes of the movie's id, in one small table: nothing else needs to know of it."""
    movie = torch.tensor(clicks.positions(data)[1])

    def take(rows):
        twice = torch.stack([movie[rows] % 97, movie[rows] * 31 % 97], dim=1)  # (B, 2)
        return twice.flatten(), torch.arange(0, 2 * len(rows), 2), None

    hashed = prepared.add(clicks.SparseFeature("hashed movie", "hashes", 97, take))
    model, _ = training.train(hashed, few, epochs=1)
    assert model.emb_l[3].weight.shape == (97, 32)
    assert len(training.predict(model, hashed, few.test)) == len(few.test)


def test_features_that_cannot_go_together_are_refused(data, prepared):
    genres = clicks.genres(data)
    with pytest.raises(ValueError, match="'genres' already"):
        prepared.add(genres, genres)
    with pytest.raises(ValueError, match="'user' of 19 rows, but it has 943"):
        prepared.add(genres._replace(table="user"))


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        (np.arange(100_000) % 2 == 0, TypeError, r"np\.flatnonzero"),
        (np.array([0.0, 1.0]), TypeError, "whole numbers"),
        (np.array([[0, 1]]), TypeError, "whole numbers"),
        (np.array([0, 100_000]), IndexError, "0 to 100000"),
        (np.array([-1, 5]), IndexError, "-1 to 5"),
    ],
)
def test_rows_that_are_no_row_numbers_are_refused(prepared, rows, error, words):
    with pytest.raises(error, match=words):
        next(clicks.batches(prepared, rows, 2))


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
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    user, movie = clicks.positions(data)
    parts = list(clicks.batches(prepared.add(clicks.genres(data)), split.test, 300, generator))
    assert [len(part.y) for part in parts] == [300] * 33 + [100]
    users = torch.cat([part.sparse_indices[0] for part in parts])
    movies = torch.cat([part.sparse_indices[1] for part in parts])
    pairs = zip(users.tolist(), movies.tolist(), strict=True)
    found = dict(zip(pairs, torch.cat([part.dense_x for part in parts]), strict=True))
    assert len(found) == len(split.test)  # no (user, movie) pair occurs twice in the data
    for row in split.test[:50]:
        torch.testing.assert_close(found[user[row], movie[row]], prepared.dense[row])
    if seed is None:
        assert torch.equal(torch.cat([part.y for part in parts]), prepared.y[split.test])
    else:
        assert not torch.equal(torch.cat([part.y for part in parts]), prepared.y[split.test])
    last = parts[-1]
    ends = [*last.sparse_offsets[3].tolist()[1:], len(last.sparse_indices[3])]
    for b in range(100):
        bag = last.sparse_indices[3][int(last.sparse_offsets[3][b]) : ends[b]].tolist()
        names = data.movies["genres"].iloc[int(last.sparse_indices[1][b])]
        assert tuple(movielens.GENRES[i] for i in bag) == tuple(names)


# --- rows are positions, whatever their labels say ---


@pytest.mark.parametrize("how", ["random", "time", "user"])
@pytest.mark.parametrize(
    "arranged",
    [
        lambda ratings: ratings.iloc[::-1],
        lambda ratings: ratings.sample(frac=1, random_state=3),
        lambda ratings: ratings[ratings.user_id % 2 == 0],
        lambda ratings: ratings.set_index("timestamp", drop=False).rename_axis(None),
        lambda ratings: ratings.set_axis([f"r{k}" for k in range(len(ratings))]),
    ],
    ids=["reversed", "shuffled", "filtered", "other labels", "labels that are words"],
)
def test_a_split_goes_by_position(data, how, arranged):
    ratings = arranged(data.ratings)
    split = clicks.split(data._replace(ratings=ratings), how)
    assert sorted(np.concatenate(split)) == list(range(len(ratings)))
    users, times = ratings["user_id"].to_numpy(), ratings["timestamp"].to_numpy()
    if how == "user":
        last, first = np.full(944, -1), np.full(944, 2**62)
        np.maximum.at(last, users[split.train], times[split.train])
        np.minimum.at(first, users[split.test], times[split.test])
        assert (last <= first).all()
    if how == "time":
        assert times[split.train].max() <= times[split.test].min()


@pytest.mark.parametrize(
    ("rows", "error", "says"),
    [
        (lambda split, n: np.isin(np.arange(n), split.train), TypeError, "flatnonzero"),
        (lambda split, n: torch.ones(n, dtype=torch.bool), TypeError, "flatnonzero"),
        (lambda split, n: split.train + n, IndexError, "positions"),
        (lambda split, n: split.train - n, IndexError, "positions"),
        (lambda split, n: split.train.astype(float), TypeError, "whole numbers"),
        (lambda split, n: split.train[None], TypeError, "whole numbers"),
    ],
)
def test_masks_and_labels_are_refused_wherever_rows_are_given(
    data, split, prepared, rows, error, says
):
    wrong = rows(split, len(data.ratings))
    for use in (
        lambda: clicks.prepare(data, wrong),
        lambda: original.features(data, wrong),
        lambda: next(clicks.batches(prepared, wrong, 4)),
    ):
        with pytest.raises(error, match=says):
            use()


def test_rows_may_be_a_series_a_list_or_a_tensor(data, split, prepared):
    rows = split.test[:5]
    expected = next(clicks.batches(prepared, rows, 5)).y
    for form in (
        list(rows),
        torch.tensor(rows),
        pd.Series(rows),
        pd.Index(rows),
        rows.astype(np.int32),
    ):
        assert torch.equal(next(clicks.batches(prepared, form, 5)).y, expected)


def test_no_device_of_the_moment_is_kept(prepared):
    """A batch under another default device leaves the batches after it as they were."""
    with contextlib.suppress(RuntimeError), torch.device("meta"):
        next(clicks.batches(prepared, np.arange(41), 41))
    batch = next(clicks.batches(prepared, np.arange(41), 41))
    assert {part.device.type for part in batch.sparse_offsets} == {"cpu"}
