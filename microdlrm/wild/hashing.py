"""Ids without a row of their own: hashed into fewer rows, or sent to the row of the unknown."""

import numpy as np
import torch
from sklearn.utils import murmurhash3_32
from torch import Tensor

from microdlrm.clicks import SparseFeature

UNKNOWN = 0  # the unknown's row


def hash_ids(ids: Tensor, rows: int, seed: int = 0) -> Tensor:
    """A row for each of `ids` (N,), (N,) int64 in [0, rows): the same every day, as if drawn by
    lot. Another seed, another lot.

    The hash is MurmurHash3. (Python's own `hash` leaves small numbers as they are, and salts
    strings anew in each process.) Raises ValueError for ids that aren't whole numbers of 31 bits.
    """
    if ids.is_floating_point() or not ((ids >= 0) & (ids < 2**31)).all():
        raise ValueError(f"ids must be whole and from 0 to 2**31 - 1, got {ids}")
    hashes = murmurhash3_32(ids.numpy().astype(np.int32), seed=seed, positive=True)  # (N,) uint32
    return torch.from_numpy(hashes.astype(np.int64) % rows)  # (N,)


def hashed(name: str, ids: Tensor, rows: int, hashes: int = 1) -> SparseFeature:
    """Bags of `hashes` rows each, where `ids` (N,) land in a table of so many rows (Weinberger et
    al. 2009).

    With two hashes, the sum of two rows stands for an id: ids that share one row seldom share both
    (compare Shi et al. 2020, who divide instead of hashing).
    """
    landed = torch.stack([hash_ids(ids, rows, seed) for seed in range(hashes)], 1)  # (N, hashes)

    def take(which: Tensor) -> tuple[Tensor, Tensor, None]:
        return landed[which].flatten(), torch.arange(len(which)) * hashes, None

    return SparseFeature(name, name, rows, take)


def share_that_collides(ids: int, rows: int) -> float:
    """Of so many ids, dealt to rows by lot, the share expected to meet another in its row."""
    return 1 - (1 - 1 / rows) ** (ids - 1)


def with_unknown(
    ids: Tensor, train: np.ndarray, drop: float = 0.0, seed: int = 0
) -> tuple[Tensor, int]:
    """Ids for a table with a row for the unknown, (N,) int64, and how many rows it has.

    An id without training rows is unknown: it gets row 0, the others 1, 2, … in their order. Of the
    rows `train`, a share `drop`, drawn once, gets row 0 as well, whatever its id: nothing else
    would train it.
    """
    train = torch.as_tensor(train)
    known = torch.bincount(ids[train], minlength=int(ids.max()) + 1) > 0  # one an id
    row_of = torch.where(known, known.cumsum(0), UNKNOWN)
    rows = row_of[ids]  # (N,)
    hidden = torch.rand(len(train), generator=torch.Generator().manual_seed(seed)) < drop
    return rows.index_fill(0, train[hidden], UNKNOWN), int(known.sum()) + 1
