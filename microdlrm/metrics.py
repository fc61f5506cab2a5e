"""How good click probabilities are, and how sure that is. p are probabilities (N,), y labels (N,)
of 0 and 1.

accuracy     the share of rows where (p >= 0.5) equals y
auc          the probability that a random click is scored above a random non-click (Fawcett 2006)
logloss      the mean of -(y log p + (1 - y) log(1 - p)), in nats: lower is better
calibration  the mean gap between what was promised and what came, over ten bins of p (Guo et al.
             2017)

The 95% intervals of `level` and `lead` draw users. The rows of one user have something in common,
so a new draw of test rows is a draw of users, not of rows. Each metric is taken apart into what
each row brings to it; the rows of a user are added up, and the spread of these sums is the error.
There p may be a list of probabilities, one a model seed, judged one by one and averaged; user (N,)
says whose row it is.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn import metrics

METRICS = ("accuracy", "auc", "logloss", "auc within users")


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
    """The probabilities of a model that was trained with all clicks and the share `w` of the
    non-clicks: (N,).

    p / (p + (1 - p) / w) (He et al. 2014, section 6.3). Raises ValueError for a share that isn't in
    (0, 1].
    """
    if not 0 < w <= 1:
        raise ValueError(f"w must be a share above 0, at most 1, got {w}: of one in k, give 1 / k")
    return p / (p + (1 - p) / w)


# --- intervals ---


def by_row(p: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """What each row brings to accuracy, AUC and logloss: (N, 3), whose means are the metrics.

    For the AUC these are the structural components of DeLong et al. 1988: the share of the other
    class that a row is ranked right against, around the AUC, each class weighted as if it were half
    of the rows.
    """
    edge = np.finfo(float).eps  # what scikit-learn's log_loss takes off 0 and 1
    p, click = np.asarray(p, dtype=float).clip(edge, 1 - edge), np.asarray(y) == 1
    yes, no = np.sort(p[click]), np.sort(p[~click])
    right = np.where(click, _share_below(no, p), 1 - _share_below(yes, p))  # (N,)
    auc = right[click].mean()
    weight = len(y) / np.where(click, click.sum(), (~click).sum())
    return pd.DataFrame(
        {
            "accuracy": ((p >= 0.5) == click).astype(float),
            "auc": auc + (right - auc) * weight,
            "logloss": -np.log(np.where(click, p, 1 - p)),
        }
    )


def _share_below(values: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The share of the sorted `values` that lies below each p, ties counted half: (len(p),)."""
    twice = np.searchsorted(values, p, "left") + np.searchsorted(values, p, "right")
    return twice / (2 * len(values))


def within_users(p: np.ndarray, y: np.ndarray, user: np.ndarray) -> pd.DataFrame:
    """The AUC of each user's own rows, for users with both labels: columns auc and rows, indexed by
    user.

    The mean weighted by rows is the "AUC within users": how well a list is ordered for one person.
    What is constant within a user, their mean rating for one, raises the pooled AUC and not this
    one.
    """
    # A Series would be matched by its labels, not by position.
    p, y, user = map(np.asarray, (p, y, user))
    frame = pd.DataFrame(dict(user=user, y=y, rank=pd.Series(p).groupby(user).rank().to_numpy()))
    of_user = frame.groupby("user").agg(rows=("y", "size"), clicks=("y", "sum"))
    ranks = frame[frame["y"] == 1].groupby("user")["rank"].sum()
    m, n = of_user["clicks"], of_user["rows"] - of_user["clicks"]
    both = (m > 0) & (n > 0)
    auc = (ranks.reindex(of_user.index) - m * (m + 1) / 2)[both] / (m * n)[both]
    return pd.DataFrame(dict(auc=auc, rows=of_user.loc[both, "rows"]))


def level(p, y: np.ndarray, user: np.ndarray) -> pd.DataFrame:
    """How good p is: one line for each of METRICS, columns value, low, high."""
    return _table(_parts(p, y, user), "value")


def lead(p, over, y: np.ndarray, user: np.ndarray) -> pd.DataFrame:
    """How much better p is than `over`: one line for each of METRICS, columns gain, low, high.
    Above 0, p is ahead.

    What is hard for both cancels out, row by row. Of the logloss, where lower is better, the gain
    is what p saves.
    """
    ours, theirs = _parts(p, y, user), _parts(over, y, user)
    better = [-1 if name == "logloss" else 1 for name in METRICS]
    parts = [
        (s * (a - b), rows, whose)
        for s, (a, rows, whose), (b, _, _) in zip(better, ours, theirs, strict=True)
    ]
    return _table(parts, "gain")


def _parts(p, y: np.ndarray, user: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Each metric as (values, rows each stands for, whose they are), averaged over p's models."""
    models, y, user = p if isinstance(p, list | tuple) else [p], np.asarray(y), np.asarray(user)
    rows = sum(by_row(q, y) for q in models) / len(models)
    users = [within_users(q, y, user) for q in models]
    auc = sum(u["auc"] for u in users).to_numpy() / len(models)
    each = np.ones(len(y))
    parts = [(rows[name].to_numpy(), each, user) for name in rows]
    return [*parts, (auc, users[0]["rows"].to_numpy(float), users[0].index.to_numpy())]


def _table(parts, name: str) -> pd.DataFrame:
    lines = {}
    for metric, (values, rows, whose) in zip(METRICS, parts, strict=True):
        if not len(values):  # no user has rows of both labels
            lines[metric] = {name: np.nan, "low": np.nan, "high": np.nan}
            continue
        mean = np.average(values, weights=rows)
        by_user = pd.Series((values - mean) * rows).groupby(whose).sum()
        margin = 1.96 * np.sqrt((by_user**2).sum() * len(by_user) / (len(by_user) - 1)) / rows.sum()
        lines[metric] = {name: mean, "low": mean - margin, "high": mean + margin}
    return pd.DataFrame(lines).T
