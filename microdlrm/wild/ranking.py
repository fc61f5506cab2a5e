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


def at_k(scores: np.ndarray, relevant, candidates, k: int = 10) -> pd.DataFrame:
    """One line for each user who has a relevant candidate, by position: columns recall and ndcg.

    Ties are broken by the item's position. Raises ValueError for scores that aren't numbers.
    """
    if np.isnan(scores[candidates]).any():
        raise ValueError("scores must be numbers for every candidate, got NaN")
    due = relevant & candidates
    users = np.flatnonzero(due.any(1))
    hit = np.take_along_axis(due, _first(scores, candidates, k), 1)[users]  # (users, k)
    worth = 1 / np.log2(np.arange(2, hit.shape[1] + 2))  # (k,), place 1 first
    most = np.minimum(due[users].sum(1), k)  # (users,)
    columns = dict(recall=hit.sum(1) / most, ndcg=hit @ worth / worth.cumsum()[most - 1])
    return pd.DataFrame(columns, index=pd.Index(users, name="user"))


def sampled(relevant: np.ndarray, candidates: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """The relevant candidates and, for each user, n others at random: (U, I) bool."""
    draw = np.random.default_rng(seed).random(relevant.shape)
    return candidates & relevant | retrieved(-draw, candidates & ~relevant, n)


def retrieved(scores: np.ndarray, candidates: np.ndarray, n: int) -> np.ndarray:
    """Of each user's candidates, the n scored highest: (U, I) bool."""
    chosen = np.zeros_like(candidates)
    np.put_along_axis(chosen, _first(scores, candidates, n), True, 1)
    return chosen & candidates


def _first(scores: np.ndarray, candidates: np.ndarray, n: int) -> np.ndarray:
    """The items scored highest, the candidates first: (U, n)."""
    return np.argsort(np.where(candidates, -scores, np.inf), axis=1, kind="stable")[:, :n]
