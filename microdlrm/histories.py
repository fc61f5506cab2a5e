"""Histories as bags: the movies each user clicked, and the users who clicked each movie.

This is what production models have beside one id a feature (Covington et al. 2016; Zhou et al. 2018), and what
makes bags long. A history holds training rows only, and for each rating it leaves that rating itself out:
a bag that holds the answer teaches the model to look it up.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from microdlrm.clicks import Bags, Clicks
from microdlrm.movielens import MovieLens


class History(NamedTuple):
    """One bag an owner, oldest entry first, and what each of the N ratings may see of it."""

    table: int  # the embedding table that the entries are ids of
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


def histories(data: MovieLens, clicks: Clicks, train: np.ndarray, past: bool = False, cap: int = 50) -> list[History]:
    """The users' and the movies' histories, from the rows `train`.

    past  a rating sees only entries older than itself: what tomorrow's split demands. Otherwise it sees all
          training clicks but its own, later ones too, as the neighbours of an item-kNN are found.
    """
    time = torch.tensor(data.ratings["timestamp"].to_numpy())
    clicked = torch.tensor(train)[clicks.y[train, 0] == 1]
    clicked = clicked[time[clicked].argsort(stable=True)]
    user, movie, _ = clicks.ids
    return [
        _history(0, movie, user, clicked, time, past, cap),  # who clicked this movie
        _history(1, user, movie, clicked, time, past, cap),  # what this user clicked
    ]


def _history(table, owner, entry, clicked, time, past, cap) -> History:
    by_owner = clicked[owner[clicked].argsort(stable=True)]  # oldest first within an owner
    lengths = torch.bincount(owner[clicked], minlength=int(owner.max()) + 1)
    bags = Bags(entry[by_owner], lengths.cumsum(0) - lengths, lengths)
    own = torch.full((len(owner),), len(clicked))
    own[by_owner] = torch.arange(len(by_owner)) - bags.starts[owner[by_owner]]
    visible = lengths[owner]
    if past:
        visible = torch.empty_like(own)
        times = time[by_owner]
        for o in range(len(lengths)):
            mine = times[bags.starts[o] : bags.starts[o] + lengths[o]]
            asks = owner == o
            visible[asks] = torch.searchsorted(mine, time[asks])
    return History(table, bags, owner, own, visible, cap)
