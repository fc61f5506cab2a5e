"""Histories as bags: the movies each user clicked, and the users who clicked each movie.

This is what production models have beside one id a feature (Covington et al. 2016; Zhou et al. 2018), and what
makes bags long. A history holds training rows only, and for each rating it leaves that rating itself out:
a bag that holds the answer teaches the model to look it up.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from microdlrm.clicks import Bags, SparseFeature, labels, positions
from microdlrm.movielens import MovieLens


class History(NamedTuple):
    """One bag an owner, oldest entry first, and what each of the N ratings may see of it."""

    bags: Bags
    owner: Tensor  # (N,) whose bag a rating looks into
    own: Tensor  # (N,) where the rating itself stands in that bag; past the end where it doesn't
    visible: Tensor  # (N,) how many of the bag's first entries it may see, itself included if it is among them
    cap: int  # no more than so many entries, the latest

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The bags of the ratings `rows` (B,): indices (L,), offsets (B,) and weights (L,).

        The weights are n^-1/2 for a bag of n entries: a sum would grow with n, a mean would forget it.
        """
        own, visible = self.own[rows], self.visible[rows]  # (B,)
        n = visible - (own < visible).long()  # without itself
        skipped = (n - self.cap).clamp(min=0)  # the oldest, beyond the cap
        n = n - skipped
        offsets = n.cumsum(0) - n
        bag = torch.repeat_interleave(n)  # (L,) which bag each entry belongs to
        entry = torch.arange(len(bag)) + (skipped - offsets)[bag]  # (L,) its place, itself not counted
        entry += entry >= own[bag]
        indices = self.bags.values[self.bags.starts[self.owner[rows]][bag] + entry]
        return indices, offsets, n.clamp(min=1).rsqrt()[bag]


def histories(
    data: MovieLens, train: np.ndarray, past: bool = False, cap: int = 50, itself: bool = False
) -> list[SparseFeature]:
    """The movie's history and the user's, from the rows `train`, for `Clicks.add`.

    They read the tables of users and of movies: an id and its place in a history are one row.

    past    a rating sees only entries older than itself: what tomorrow's split demands. Otherwise it sees all
            training clicks but its own, later ones too, as the neighbours of an item-kNN are found.
    cap     a bag holds no more entries, the latest
    itself  leave each rating in its own bag: for the chapter that shows why not
    """
    user, movie = (torch.tensor(ids) for ids in positions(data))
    time = torch.tensor(data.ratings["timestamp"].to_numpy())
    clicked = torch.tensor(train)[torch.tensor(labels(data)[train]) == 1]
    clicked = clicked[time[clicked].argsort(stable=True)]

    def feature(name, table, rows, entry, owner, owners) -> SparseFeature:
        history = _history(owner, owners, entry, clicked, time, past, cap)
        if itself:
            history = history._replace(own=torch.full_like(history.own, len(clicked)))
        return SparseFeature(name, table, rows, history.take)

    users, movies = len(data.users), len(data.movies)
    return [
        feature("who clicked the movie", "user", users, user, movie, movies),
        feature("what the user clicked", "movie", movies, movie, user, users),
    ]


def _history(owner, owners, entry, clicked, time, past, cap) -> History:
    by_owner = clicked[owner[clicked].argsort(stable=True)]  # oldest first within an owner
    bags = Bags.of(entry[by_owner], torch.bincount(owner[clicked], minlength=owners))
    own = torch.full((len(owner),), len(clicked))
    own[by_owner] = torch.arange(len(by_owner)) - bags.starts[owner[by_owner]]
    visible = bags.lengths[owner]
    if past:
        visible = torch.empty_like(own)
        times = time[by_owner]
        for o in range(owners):
            mine = times[bags.starts[o] : bags.starts[o] + bags.lengths[o]]
            asks = owner == o
            visible[asks] = torch.searchsorted(mine, time[asks])
    return History(bags, owner, own, visible, cap)
