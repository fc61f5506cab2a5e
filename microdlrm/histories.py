"""Histories as bags: the movies that each user rated, and the users who rated each movie, weighted
by the stars.

This is what production models have beside one id a feature (Covington et al. 2016; Zhou et al.
2018), and what makes bags long. A history holds training rows only, and for each rating it leaves
that rating itself out: a bag that holds the answer teaches the model to look it up.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from microdlrm.clicks import Bags, SparseFeature, positions
from microdlrm.movielens import MovieLens

NEUTRAL = 0.0  # stars less these are an entry's weight; the study `recipes` shows what others do


class History(NamedTuple):
    """One bag an owner, oldest entry first, and what each of the N ratings may see of it."""

    bags: Bags
    weights: Tensor  # of each entry, as in `bags.values`: its stars, less the neutral ones
    owner: Tensor  # (N,) whose bag a rating looks into
    own: Tensor  # (N,) where the rating itself stands in that bag; past the end where it doesn't
    visible: (
        Tensor  # (N,) how many of the bag's first entries it may see, itself perhaps among them
    )
    cap: int | None  # no more than so many entries, the latest

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The bags of the ratings `rows` (B,): indices (L,), offsets (B,) and weights (L,).

        An entry of s stars in a bag of n weighs (s - neutral) / sqrt(n): a sum would grow with n, a
        mean would forget it.
        """
        own, visible = self.own[rows], self.visible[rows]  # (B,)
        start = self.bags.starts[self.owner[rows]]  # (B,)
        n = visible - (own < visible).long()  # without itself
        skipped = (
            0 if self.cap is None else (n - self.cap).clamp(min=0)
        )  # the oldest, beyond the cap
        n = n - skipped
        offsets = n.cumsum(0) - n
        bag = torch.repeat_interleave(n)  # (L,) which bag each entry belongs to
        # index_select takes a third of the time of [...] on vectors this long.
        entry = torch.arange(len(bag)) + (start + skipped - offsets).index_select(0, bag)
        # So far itself isn't counted; what stands behind it moves up by one.
        entry += entry >= (start + own).index_select(0, bag)
        scale = n.clamp(min=1).rsqrt().index_select(0, bag)  # (L,)
        weights = self.weights.index_select(0, entry) * scale  # (L,)
        return self.bags.values.index_select(0, entry), offsets, weights


def histories(
    data: MovieLens,
    train: np.ndarray,
    past: bool = False,
    cap: int | None = None,
    itself: bool = False,
    neutral: float = NEUTRAL,
    delay: int = 0,
) -> list[SparseFeature]:
    """The movie's history and the user's, from the rows `train`, for `Clicks.add`.

    They read the tables of users and of movies: an id and its place in a history are one row.

    past     a rating sees only entries older than itself: what tomorrow's split demands. Otherwise
             it sees all training ratings but its own, later ones too, as the neighbours of an
             item-kNN are found.
    cap      a bag holds no more entries, the latest; None: all
    itself   leave each rating in its own bag: for the chapter that shows why not
    neutral  the stars of an entry that weighs nothing
    delay    with `past`: entries must be older by more than so many seconds, as where bags are
             refreshed by night
    """
    user, movie = (torch.tensor(ids) for ids in positions(data))
    time = torch.tensor(data.ratings["timestamp"].to_numpy())
    weights = torch.tensor(data.ratings["rating"].to_numpy(np.float32)) - neutral
    train = pd.unique(np.asarray(train))  # of copies one: the others would be the row's own stars
    rated = torch.tensor(train)[time[train].argsort(stable=True)]  # oldest first

    def feature(name, table, rows, entry, owner, owners) -> SparseFeature:
        history = _history(owner, owners, entry, weights, rated, time, past, cap, delay)
        if itself:
            history = history._replace(own=torch.full_like(history.own, len(time)))
        return SparseFeature(name, table, rows, history.take)

    users, movies = len(data.users), len(data.movies)
    return [
        feature("who rated the movie", "user", users, user, movie, movies),
        feature("what the user rated", "movie", movies, movie, user, users),
    ]


def _history(owner, owners, entry, weights, rated, time, past, cap, delay) -> History:
    by_owner = rated[owner[rated].argsort(stable=True)]  # oldest first within an owner
    bags = Bags.of(entry[by_owner], torch.bincount(owner[rated], minlength=owners))
    own = torch.full((len(owner),), len(owner))
    own[by_owner] = torch.arange(len(by_owner)) - bags.starts[owner[by_owner]]
    visible = bags.lengths[owner]
    if past:
        visible = torch.empty_like(own)
        times = time[by_owner]
        for o in range(owners):
            mine = times[bags.starts[o] : bags.starts[o] + bags.lengths[o]]
            asks = owner == o
            visible[asks] = torch.searchsorted(mine, time[asks] - delay)
    return History(bags, weights[by_owner], owner, own, visible, cap)
