"""What the cells of every study start from, and how they write down what they find."""

from collections.abc import Callable
from functools import cache

import pandas as pd

from microdlrm import clicks, movielens

Cells = dict[
    str, Callable[[], list[dict]]
]  # a cell's name -> what measures it and returns its records


@cache
def data() -> movielens.MovieLens:
    return movielens.load()


@cache
def prepared(how: str = "random", split_seed: int = 42) -> tuple[clicks.Split, clicks.Clicks]:
    """A split, and the clicks with genres."""
    split = clicks.split(data(), how, seed=split_seed)
    return split, clicks.prepare(data(), split.train).add(clicks.genres(data()))


def lines(table: pd.DataFrame, **key) -> list[dict]:
    """A record for each metric of `metrics.level` or `metrics.lead`, with what it belongs to."""
    return [key | dict(metric=metric) | line.to_dict() for metric, line in table.iterrows()]
