"""How good click probabilities are. p are probabilities (N,), y labels (N,) of 0 and 1.

accuracy     the share of rows where (p >= 0.5) equals y
auc          the probability that a random click is scored above a random non-click (Fawcett 2006)
logloss      the mean of -(y log p + (1 - y) log(1 - p)), in nats: lower is better
calibration  the mean gap between what was promised and what came, over ten bins of p (Guo et al. 2017)
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn import metrics


class Metrics(NamedTuple):
    accuracy: float
    auc: float
    logloss: float


def score(p: np.ndarray, y: np.ndarray) -> Metrics:
    """The three headline metrics. Rows without both labels have no AUC: NaN."""
    return Metrics(
        accuracy=metrics.accuracy_score(y, p >= 0.5),
        auc=metrics.roc_auc_score(y, p) if 0 < np.mean(y) < 1 else np.nan,
        logloss=metrics.log_loss(y, p, labels=[0, 1]),
    )


def calibration(p: np.ndarray, y: np.ndarray, bins: int = 10) -> pd.DataFrame:
    """One row for each bin of p that holds any: rows, promised (mean p), came (mean y)."""
    bin_of = np.minimum((p * bins).astype(int), bins - 1)
    return (
        pd.DataFrame(dict(bin=bin_of, promised=p, came=y))
        .groupby("bin")
        .agg(rows=("came", "size"), promised=("promised", "mean"), came=("came", "mean"))
    )


def calibration_error(p: np.ndarray, y: np.ndarray, bins: int = 10) -> float:
    """The expected calibration error: |promised - came| averaged over rows."""
    table = calibration(p, y, bins)
    return float(np.average((table["promised"] - table["came"]).abs(), weights=table["rows"]))


def recalibrated(p: np.ndarray, w: float) -> np.ndarray:
    """The probabilities of a model that was trained with all clicks and the share `w` of the non-clicks: (N,).

    p / (p + (1 - p) / w) (He et al. 2014, section 6.3). Raises ValueError for a share that isn't in (0, 1].
    """
    if not 0 < w <= 1:
        raise ValueError(f"w must be a share, above 0 and at most 1, got {w}: keeping one non-click in k, it is 1 / k")
    return p / (p + (1 - p) / w)


def breakdown(p: np.ndarray, y: np.ndarray, groups: np.ndarray) -> pd.DataFrame:
    """Judge all rows and then each group of them: rows, base rate, the headline metrics, calibration error.

    groups  (N,) what each row belongs to. A group without both labels has no AUC: NaN.
    """
    parts = {"all": np.full(len(y), True)} | {group: groups == group for group in np.unique(groups)}
    lines = {}
    for name, rows in parts.items():
        both = 0 < y[rows].mean() < 1
        lines[name] = dict(rows=rows.sum(), base_rate=y[rows].mean()) | dict(
            accuracy=metrics.accuracy_score(y[rows], p[rows] >= 0.5),
            auc=metrics.roc_auc_score(y[rows], p[rows]) if both else np.nan,
            logloss=metrics.log_loss(y[rows], p[rows], labels=[0, 1]),
            calibration_error=calibration_error(p[rows], y[rows]),
        )
    return pd.DataFrame(lines).T
