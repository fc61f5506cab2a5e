"""How good a list for one person is. U users, I items; scores (U, I), `relevant` and `candidates`
(U, I) bool.

recall@k  the share of a user's relevant items that are among the k candidates scored highest; of
          more than k, k count
ndcg@k    the sum of 1 / log2(1 + place) over the relevant among the first k, place 1 the highest,
          divided by what the best order would give (Järvelin and Kekäläinen 2002, with gains of 0
          and 1)
"""

import numpy as np
import pandas as pd


def at_k(
    scores: np.ndarray, relevant: np.ndarray, candidates: np.ndarray, k: int = 10
) -> pd.DataFrame:
    """One line for each user who has a relevant candidate, by position: columns recall and ndcg.

    Ties are broken by the item's position. Raises ValueError for scores that aren't numbers, or a k
    below 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if np.isnan(scores[candidates]).any():
        raise ValueError("scores must be numbers for every candidate, got NaN")
    users = np.flatnonzero((relevant & candidates).any(1))
    places = np.argsort(np.where(candidates, -scores, np.inf)[users], axis=1, kind="stable")[
        :, :k
    ]  # (users, k)
    hit = np.take_along_axis((relevant & candidates)[users], places, 1)  # (users, k)
    worth = 1 / np.log2(np.arange(2, hit.shape[1] + 2))  # (k,), place 1 first
    most = np.minimum((relevant & candidates)[users].sum(1), k)  # (users,)
    return pd.DataFrame(
        dict(recall=hit.sum(1) / most, ndcg=hit @ worth / worth.cumsum()[most - 1]),
        index=pd.Index(users, name="user"),
    )


def sampled(relevant: np.ndarray, candidates: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Candidates cut down to the relevant ones and, for each user, n others at random: (U, I)
    bool.
    """
    draw = np.random.default_rng(seed).random(relevant.shape)
    draw[~candidates | relevant] = np.inf
    cut = np.sort(draw, axis=1)[
        :, min(n, draw.shape[1]) - 1 : min(n, draw.shape[1])
    ]  # (U, 1), the n-th smallest
    return candidates & (relevant | ((draw <= cut) & np.isfinite(draw)))


def retrieved(scores: np.ndarray, candidates: np.ndarray, n: int) -> np.ndarray:
    """Of each user's candidates, the n scored highest: (U, I) bool."""
    first = np.argsort(np.where(candidates, -scores, np.inf), axis=1, kind="stable")[:, :n]
    chosen = np.zeros_like(candidates)
    np.put_along_axis(chosen, first, True, 1)
    return chosen & candidates
