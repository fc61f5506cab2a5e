"""Histories as bags: the movies that each user rated, and the users who rated each movie, weighted
by the stars.

This is what production models have beside one id a feature (Covington et al. 2016; Zhou et al.
2018), and what makes bags long. A history holds training rows only, and for each rating it leaves
that rating itself out: a bag that holds the answer teaches the model to look it up.
"""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from microdlrm.clicks import Bags, SparseFeature, positions
from microdlrm.movielens import MovieLens


def histories(
    data: MovieLens, train: np.ndarray, past: bool = False, itself: bool = False
) -> list[SparseFeature]:
    """The movie's history and the user's, from the rows `train`, for `Clicks.add`.

    They read the tables of users and of movies: an id and its place in a history are one row. An
    entry of s stars in a bag of n weighs s / sqrt(n): a sum would grow with n, a mean would forget
    it.

    past    a rating sees only entries older than itself: what tomorrow's split demands. Otherwise
            it sees all training ratings but its own, later ones too, as the neighbours of an
            item-kNN are found.
    itself  leave each rating in its own bag: for the chapter that shows why not
    """
    user, movie = (torch.tensor(ids) for ids in positions(data))  # (N,) each
    time = torch.tensor(data.ratings["timestamp"].to_numpy())
    stars = torch.tensor(data.ratings["rating"].to_numpy(np.float32))
    train = pd.unique(np.asarray(train))  # of copies one: the others would be the row's own stars
    rated = torch.tensor(train)[time[train].argsort(stable=True)]  # oldest first

    def feature(name, table, rows, entry, owner, owners) -> SparseFeature:
        """Bags of `entry` (N,), one an `owner` (N,), oldest entry first."""
        by_owner = rated[owner[rated].argsort(stable=True)]  # oldest first within an owner
        bags = Bags.of(entry[by_owner], torch.bincount(owner[rated], minlength=owners))
        weights = stars[by_owner]
        # Of each rating: how many of its bag's first entries it may see, and where among them it
        # stands itself, past the end where it doesn't.
        visible, own = bags.lengths[owner], torch.full_like(owner, len(owner))
        if not itself:
            own[by_owner] = torch.arange(len(by_owner)) - bags.starts[owner[by_owner]]
        if past:
            when = owner * (time.max() + 1) + time  # in the order of `by_owner`
            visible = torch.searchsorted(when[by_owner], when) - bags.starts[owner]

        def take(which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            start, its_own = bags.starts[owner[which]], own[which]  # (B,) each
            n = visible[which] - (its_own < visible[which]).long()  # (B,) entries of each bag
            bag = torch.repeat_interleave(n)  # (L,) whose an entry is
            # index_select takes a third of the time of [...] on vectors this long.
            at = torch.arange(len(bag)) + (start - (n.cumsum(0) - n)).index_select(0, bag)  # (L,)
            # So far a rating itself isn't counted; what stands behind it moves up by one.
            at += at >= (start + its_own).index_select(0, bag)
            scale = n.clamp(min=1).rsqrt().index_select(0, bag)  # (L,)
            weight = weights.index_select(0, at) * scale  # (L,)
            return bags.values.index_select(0, at), n.cumsum(0) - n, weight

        return SparseFeature(name, table, rows, take)

    users, movies = len(data.users), len(data.movies)
    return [
        feature("who rated the movie", "user", users, user, movie, movies),
        feature("what the user rated", "movie", movies, movie, user, users),
    ]
