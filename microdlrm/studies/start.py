"""What every study starts from, and how it writes down what it finds."""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import pandas as pd

from microdlrm import clicks, movielens, training

OF_A_LEAD = ("logloss", "auc within users")


@cache
def data() -> movielens.MovieLens:
    return movielens.load()


@cache
def prepared(how: str = "random", split_seed: int = 42) -> tuple[clicks.Split, clicks.Clicks]:
    """A split, and the clicks with genres."""
    split = clicks.split(data(), how, seed=split_seed)
    return split, clicks.prepare(data(), split.train).add(clicks.genres(data()))


def judged_on(split: clicks.Split) -> tuple[np.ndarray, np.ndarray]:
    """Of the test rows, the labels and whose they are."""
    return clicks.labels(data())[split.test], clicks.positions(data())[0][split.test]


def answers(of: clicks.Clicks, split: clicks.Split, interaction: str, seeds) -> list[np.ndarray]:
    """What models by the recipe say of the test rows, one a seed."""
    models = [training.train(of, split, interaction, seed)[0] for seed in seeds]
    return [training.predict(model, of, split.test) for model in models]


def lines(table: pd.DataFrame, metrics: Sequence[str] = OF_A_LEAD, **key) -> Iterator[dict]:
    """A record for each of `metrics` in a table of `metrics.level` or `metrics.lead`, with what it
    belongs to."""
    for metric in metrics:
        yield key | dict(metric=metric) | table.loc[metric].to_dict()
