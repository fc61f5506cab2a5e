"""Histories against a search through the ratings."""

import numpy as np
import pandas as pd
import pytest
import torch

from microdlrm import clicks
from microdlrm.histories import histories


def bags_of(history, rows):
    """Each row's bag: {id: weight}, where no id comes twice."""
    indices, offsets, weights = (part.tolist() for part in history.take(torch.as_tensor(rows)))
    ends = [*offsets[1:], len(indices)]
    bags = [(indices[a:b], weights[a:b]) for a, b in zip(offsets, ends, strict=True)]
    assert all(len(ids) == len(set(ids)) for ids, _ in bags)
    return [dict(zip(*bag, strict=True)) for bag in bags]


@pytest.mark.parametrize("past", [False, True])
def test_histories_equal_a_search_through_the_ratings(data, split, past):
    rows = [*split.train[:60], *split.validation[:20], *split.test[:20]]
    train = data.ratings.iloc[split.train]
    of_movie, of_user = histories(data, split.train, past)
    for history, owner, entry in (of_movie, "item_id", "user_id"), (of_user, "user_id", "item_id"):
        for row, bag in zip(rows, bags_of(history, rows), strict=True):
            this = data.ratings.loc[row]
            seen = train[(train[owner] == this[owner]) & (train[entry] != this[entry])]
            if past:
                seen = seen[seen["timestamp"] < this["timestamp"]]
            seen = seen.set_index(seen[entry] - 1)
            assert len(bag) == len(seen)
            worth = seen.loc[list(bag)]["rating"] / max(len(seen), 1) ** 0.5
            assert list(bag.values()) == pytest.approx(worth.tolist())


@pytest.mark.parametrize("itself", [False, True])
def test_a_bag_holds_the_rating_itself_only_when_told_to(data, split, itself):
    rows = np.arange(0, 100_000, 70)
    for history, ids in zip(
        histories(data, split.train, itself=itself), clicks.positions(data), strict=True
    ):
        found = [i in bag for i, bag in zip(ids[rows], bags_of(history, rows), strict=True)]
        assert np.array_equal(found, np.isin(rows, split.train) & itself)


def test_copies_of_a_rating_are_no_others(data, split):
    """A bootstrap draws rows more than once: none of the copies stands in the row's own bag."""
    drawn = np.random.default_rng(0).choice(split.train, len(split.train))
    for once, copied in zip(histories(data, pd.unique(drawn)), histories(data, drawn), strict=True):
        assert bags_of(once, drawn[:500]) == bags_of(copied, drawn[:500])
