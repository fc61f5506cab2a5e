"""Ids that a table has no row of its own for: hashed into fewer rows, or sent to the row of the unknown."""

import numpy as np
import torch
from torch import Tensor

from microdlrm.clicks import SparseFeature

UNKNOWN = 0  # the unknown's row
GOLDEN = 0x9E3779B97F4A7C15


def hash_ids(ids: Tensor, rows: int, seed: int = 0) -> Tensor:
    """A row for each id, (N,) int64 in [0, rows): the same every day, as if drawn by lot. Another seed, another lot.

    The bits are stirred as SplitMix64 stirs them (Steele et al. 2014); ids in a row must not land in a pattern, as they
    do with a single multiplication. (Python's own `hash` leaves small numbers as they are, and salts strings anew in
    each process.) Raises ValueError for negative ids and for fewer rows than one.
    """
    if rows < 1:
        raise ValueError(f"rows must be at least 1, got {rows}")
    if len(ids) and int(ids.min()) < 0:
        raise ValueError(f"ids must be 0 or more, got {int(ids.min())}: number them first")
    z = ids.numpy().astype(np.uint64) + np.uint64((seed + 1) * GOLDEN % 2**64)  # sums and products modulo 2**64
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return torch.from_numpy((z % np.uint64(rows)).astype(np.int64))  # (N,)


def hashed(name: str, ids: Tensor, rows: int, hashes: int = 1) -> SparseFeature:
    """Bags of `hashes` rows each, where `ids` (N,) land in a table of so many rows (Weinberger et al. 2009).

    With two hashes, the sum of two rows stands for an id: ids that share one row seldom share both
    (compare Shi et al. 2020, who divide instead of hashing).
    """
    landed = torch.stack([hash_ids(ids, rows, seed) for seed in range(hashes)], dim=1)  # (N, hashes)

    def take(which: Tensor) -> tuple[Tensor, Tensor, None]:
        return landed[which].flatten(), torch.arange(len(which)) * hashes, None

    return SparseFeature(name, name, rows, take)


def share_that_collides(ids: int, rows: int) -> float:
    """The share of `ids` ids, dealt at random to `rows` rows, that must be expected to share one with another."""
    return 1 - (1 - 1 / rows) ** (ids - 1)


def with_unknown(
    ids: Tensor, train: np.ndarray, drop: float = 0.0, at_least: int = 1, seed: int = 0
) -> tuple[Tensor, int]:
    """Ids for a table with a row for the unknown, (N,) int64, and how many rows it has.

    An id with fewer than `at_least` training rows is unknown: it gets row 0, the others 1, 2, … in their order. Of
    the rows `train`, a share `drop`, drawn once, gets row 0 as well, whatever its id: nothing else would train it.
    Raises ValueError where `drop` is no share or `at_least` is less than 1.
    """
    if not 0 <= drop < 1 or at_least < 1:
        raise ValueError(f"drop must be a share from 0 to below 1, at_least 1 or more; got {drop} and {at_least}")
    train = torch.as_tensor(train)
    known = torch.bincount(ids[train], minlength=int(ids.max()) + 1) >= at_least  # one an id
    row_of = torch.where(known, known.cumsum(0), UNKNOWN)
    rows = row_of[ids]  # (N,)
    hidden = torch.rand(len(train), generator=torch.Generator().manual_seed(seed)) < drop
    return rows.index_fill(0, train[hidden], UNKNOWN), int(known.sum()) + 1
