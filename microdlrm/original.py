"""The course's starting point, for comparison: Micro-DLRM of MLPerf EDU.

Its features with their leak, its loader of one sample at a time, its training loop to a target.
"""

import time

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from microdlrm.clicks import Clicks, Split, genre_flags, made_of, positions, row_numbers
from microdlrm.model import MicroDLRM
from microdlrm.movielens import GENRES, MovieLens
from microdlrm.training import EPOCH, evaluate

FEATURES = ("age", "male", "user mean", "user count", *(f"is {genre}" for genre in GENRES[:12]))


def features(data: MovieLens, train: np.ndarray | None = None) -> Clicks:
    """The original 16 features, *with their leak*: statistics of all ratings, held out or not.

    age (z-score), male, user mean, user count, and the first 12 genre flags. For the chapters that
    show the leak: `train` names the rows whose ratings may be used, which closes it; a user without
    any gets their overall mean.
    """
    user, movie = positions(data)
    rating = data.ratings["rating"].to_numpy()
    known = np.arange(len(rating)) if train is None else row_numbers(train, len(rating)).numpy()
    count = np.bincount(user[known], minlength=len(data.users))
    total = np.bincount(user[known], rating[known], minlength=len(data.users))
    mean = np.where(count > 0, total / np.maximum(count, 1), rating[known].mean())
    age = data.users["age"].to_numpy()
    columns = [
        ((age - age.mean()) / age.std())[user],
        data.users["gender"].to_numpy()[user] == "M",
        ((mean - 3) / 2)[user],
        (count / count.max())[user],
        genre_flags(data)[movie, :12],
    ]
    return made_of(data, np.column_stack(columns), FEATURES, np.zeros(16), np.ones(16))


class OneByOne(Dataset):
    """A sample is a dense row, one id a table, and a label. Raises ValueError for other bags."""

    def __init__(self, clicks: Clicks, rows: np.ndarray):
        self.clicks, self.rows = clicks, rows
        everything = torch.arange(len(clicks.y))
        self.ids = [feature.take(everything)[0] for feature in clicks.sparse]  # (N,) each
        if any(len(ids) != len(everything) for ids in self.ids):
            raise ValueError("clicks must have bags of one id alone: the loader knows no others")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[Tensor, list[Tensor], Tensor]:
        row = self.rows[i]
        return self.clicks.dense[row], [ids[row] for ids in self.ids], self.clicks.y[row]


def loader(clicks: Clicks, rows: np.ndarray) -> DataLoader:
    """Shuffled batches of 256 `rows`, put together sample by sample: dense_x, ids, y."""
    return DataLoader(OneByOne(clicks, rows), 256, shuffle=True)


def fit(clicks: Clicks, split: Split, target: float = 0.70, epochs: int = 20) -> pd.DataFrame:
    """Train the original model its own way, to `target` accuracy on the validation rows.

    Adam at 1e-3, batches of 256. One row an epoch, as in `training.fit`.
    """
    torch.manual_seed(0)
    model = MicroDLRM(num_embeddings=clicks.num_embeddings, init=1.0)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    history, clock = [], np.zeros(2)
    for epoch in range(1, epochs + 1):
        started, total = np.array([time.process_time(), time.perf_counter()]), 0.0
        for dense_x, ids, y in loader(clicks, split.train):
            p = model(dense_x, ids, [torch.arange(len(y))] * len(ids))  # (B, 1)
            loss = F.binary_cross_entropy(p, y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
        clock += [time.process_time(), time.perf_counter()] - started
        on_validation = evaluate(model, clicks, split.validation)
        history.append((epoch, total / len(split.train), *on_validation, *clock))
        if on_validation.accuracy >= target:
            break
    return pd.DataFrame(history, columns=EPOCH)
