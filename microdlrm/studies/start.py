"""What every study starts from, and how it writes down what it finds."""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import pandas as pd

from microdlrm import clicks, movielens, training
from microdlrm.histories import histories

OF_A_LEAD = ("logloss", "auc within users")


@cache
def data() -> movielens.MovieLens:
    return movielens.load()


@cache
def prepared(
    how: str = "random", seed: int = 42
) -> tuple[clicks.Split, clicks.Clicks, clicks.Clicks]:
    """A split, the clicks with genres, and the same with histories."""
    split = clicks.split(data(), how, seed=seed)
    plain = clicks.prepare(data(), split.train).add(clicks.genres(data()))
    return split, plain, plain.add(*histories(data(), split.train, past=how != "random"))


def judged_on(split: clicks.Split) -> tuple[np.ndarray, np.ndarray]:
    """Of the test rows, the labels and whose they are."""
    return clicks.labels(data())[split.test], clicks.positions(data())[0][split.test]


def answers(
    of: clicks.Clicks, split: clicks.Split, seeds, train=training.train, **how
) -> list[np.ndarray]:
    """What models say of the test rows, one a seed: by the recipe, but for `how`."""
    models = [train(of, split, seed=seed, **how)[0] for seed in seeds]
    return [training.predict(model, of, split.test) for model in models]


def lines(table: pd.DataFrame, metrics: Sequence[str] = OF_A_LEAD, **key) -> Iterator[dict]:
    """A record for each of `metrics` in a table of `metrics.level` or `metrics.lead`, with what it
    belongs to."""
    for metric in metrics:
        yield key | dict(metric=metric) | table.loc[metric].to_dict()
