"""Histories against a search through the ratings."""

import numpy as np
import pandas as pd
import pytest
import torch

from microdlrm import clicks
from microdlrm.histories import histories


def bags_of(history, rows):
    indices, offsets, weights = history.take(torch.as_tensor(rows))
    ends = [*offsets.tolist()[1:], len(indices)]
    return [
        (indices[a:b].tolist(), weights[a:b].tolist())
        for a, b in zip(offsets.tolist(), ends, strict=True)
    ]


@pytest.mark.parametrize("past", [False, True])
@pytest.mark.parametrize(("cap", "neutral"), [(5, dict(neutral=2.0)), (None, {})])
def test_histories_equal_a_search_through_the_ratings(data, split, past, cap, neutral):
    movies, users = "item_id", "user_id"
    rows = [*split.train[:60], *split.validation[:20], *split.test[:20]]
    train = data.ratings.iloc[split.train].sort_values("timestamp", kind="stable")
    for history, owner, entry in zip(
        histories(data, split.train, past, cap, **neutral),
        (movies, users),
        (users, movies),
        strict=True,
    ):
        for row, (ids, weights) in zip(rows, bags_of(history, rows), strict=True):
            this = data.ratings.loc[row]
            seen = train[(train[owner] == this[owner]) & (train[entry] != this[entry])]
            if past:
                seen = seen[seen["timestamp"] < this["timestamp"]]
            expected = dict(zip(seen[entry] - 1, seen["rating"], strict=True))
            n = min(len(seen), cap or len(seen))
            assert len(ids) == len(set(ids)) == n
            assert set(ids) <= set(expected)
            times = {e - 1: t for e, t in zip(seen[entry], seen["timestamp"], strict=True)}
            dropped = [t for e, t in times.items() if e not in ids]
            assert not dropped or max(dropped) <= min(times[i] for i in ids)  # the latest are kept
            worth = [expected[i] - neutral.get("neutral", 0) for i in ids]
            assert weights == pytest.approx([w / max(n, 1) ** 0.5 for w in worth])


SOME = np.arange(0, 100_000, 7)


def holds_itself(data, history) -> torch.Tensor:
    """Whether each of some ratings stands in its own bag: (N,)."""
    indices, offsets, _ = history.take(torch.tensor(SOME))
    lengths = torch.diff(offsets, append=torch.tensor([len(indices)]))
    itself = torch.tensor(clicks.positions(data)[("user", "movie").index(history.table)][SOME])
    found = indices == torch.repeat_interleave(itself, lengths)
    return (
        torch.zeros(len(lengths)).index_add(0, torch.repeat_interleave(lengths), found.float()) > 0
    )


def test_no_history_holds_the_rating_itself(data, split):
    for history in histories(data, split.train):
        assert not holds_itself(data, history).any()


def test_copies_of_a_rating_are_no_others(data, split):
    """A bootstrap draws rows more than once: none of the copies stands in the row's own bag."""
    drawn = np.random.default_rng(0).choice(split.train, len(split.train))
    some = torch.tensor(drawn[:500])
    for once, copied in zip(histories(data, pd.unique(drawn)), histories(data, drawn), strict=True):
        for expected, came in zip(once.take(some), copied.take(some), strict=True):
            assert torch.equal(came, expected)


def test_unless_it_is_told_to(data, split):
    trained = np.isin(SOME, split.train)
    for history in histories(data, split.train, itself=True):
        assert np.array_equal(holds_itself(data, history), trained)


def test_held_out_labels_reach_no_history(data, split):
    held_out = np.concatenate([split.validation, split.test])
    ratings = data.ratings.copy()
    ratings.iloc[held_out, ratings.columns.get_loc("rating")] = 6 - ratings.iloc[held_out]["rating"]
    scrambled = data._replace(ratings=ratings)
    rows = torch.tensor(SOME)
    for a, b in zip(histories(data, split.train), histories(scrambled, split.train), strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a.take(rows), b.take(rows), strict=True))


def test_with_a_delay_a_bag_holds_only_what_was_there_so_long_before(data, split):
    day = 86_400
    rows = np.array([*split.train[:200], *split.test[:100]])
    train = data.ratings.iloc[split.train]
    _, rated = histories(data, split.train, past=True, delay=day)
    for row, (ids, _) in zip(rows, bags_of(rated, rows), strict=True):
        this = data.ratings.loc[row]
        seen = train[
            (train["user_id"] == this["user_id"]) & (train["timestamp"] < this["timestamp"] - day)
        ]
        assert set(ids) == set(seen["item_id"] - 1)
