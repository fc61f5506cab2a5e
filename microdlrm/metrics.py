"""How good click probabilities p (N,) are, given labels y (N,) of 0 and 1, and how sure that is.

accuracy     the share of rows where (p >= 0.5) equals y
auc          the probability that a random click is scored above a random non-click (Fawcett 2006)
logloss      the mean of -(y log p + (1 - y) log(1 - p)), in nats: lower is better
calibration  the mean gap between promised and came, over ten bins of p (Guo et al. 2017)

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


def calibration(p: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """One row for each of ten bins of p that holds any: rows, promised (mean p), came (mean y)."""
    bin_of = pd.Series(np.minimum((p * 10).astype(int), 9), name="bin")
    bins = pd.DataFrame(dict(promised=p, came=y)).groupby(bin_of)
    return bins.agg(rows=("came", "size"), promised=("promised", "mean"), came=("came", "mean"))


def calibration_error(p: np.ndarray, y: np.ndarray) -> float:
    """The expected calibration error: |promised - came| averaged over rows."""
    table = calibration(p, y)
    return float(np.average((table["promised"] - table["came"]).abs(), weights=table["rows"]))


def recalibrated(p: np.ndarray, w: float) -> np.ndarray:
    """What p means where training kept all clicks but the share `w` of the non-clicks: (N,).

    p / (p + (1 - p) / w) (He et al. 2014, section 6.3). Raises ValueError for w outside (0, 1].
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
    accuracy = ((p >= 0.5) == click).astype(float)
    logloss = -np.log(np.where(click, p, 1 - p))
    return pd.DataFrame(dict(accuracy=accuracy, auc=auc + (right - auc) * weight, logloss=logloss))


def _share_below(values: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The share of the sorted `values` that lies below each p, ties counted half: (len(p),)."""
    twice = np.searchsorted(values, p, "left") + np.searchsorted(values, p, "right")
    return twice / (2 * len(values))


def within_users(p: np.ndarray, y: np.ndarray, user: np.ndarray) -> pd.DataFrame:
    """The AUC of each user's own rows, for users with both labels: columns auc, rows; index user.

    The mean weighted by rows is the "AUC within users": how well a list is ordered for one person.
    What is constant within a user, such as their mean rating, raises the pooled AUC, not this one.
    """
    # A Series would be matched by its labels, not by position.
    p, y, user = map(np.asarray, (p, y, user))
    frame = pd.DataFrame(dict(y=y, right=y * pd.Series(p).groupby(user).rank()))
    of_user = frame.groupby(user).agg(rows=("y", "size"), m=("y", "sum"), ranks=("right", "sum"))
    of_user = of_user[(of_user["m"] > 0) & (of_user["m"] < of_user["rows"])].rename_axis("user")
    m, n = of_user["m"], of_user["rows"] - of_user["m"]
    return pd.DataFrame(dict(auc=(of_user["ranks"] - m * (m + 1) / 2) / (m * n), rows=m + n))


def level(p, y: np.ndarray, user: np.ndarray) -> pd.DataFrame:
    """How good p is: columns value, low, high; a line for each metric and "auc within users"."""
    return _table(_parts(p, y, user), "value")


def lead(p, over, y: np.ndarray, user: np.ndarray) -> pd.DataFrame:
    """How much better p is than `over`: the lines of `level`, columns gain, low, high.

    Above 0, p is ahead; of the logloss, where lower is better, the gain is what p saves. What is
    hard for both cancels out, row by row.
    """
    parts, theirs = _parts(p, y, user), _parts(over, y, user)
    for name, (values, rows, whose) in parts.items():
        gain = values - theirs[name][0]
        parts[name] = (-gain if name == "logloss" else gain), rows, whose
    return _table(parts, "gain")


def _parts(p, y: np.ndarray, user: np.ndarray) -> dict[str, tuple[np.ndarray, ...]]:
    """Each metric as (values, rows each stands for, whose they are), averaged over p's models."""
    models, y, user = p if isinstance(p, list | tuple) else [p], np.asarray(y), np.asarray(user)
    rows = sum(by_row(q, y) for q in models) / len(models)
    users = sum(within_users(q, y, user) for q in models) / len(models)
    parts = {name: (rows[name].to_numpy(), np.ones(len(y)), user) for name in rows}
    within = users["auc"].to_numpy(), users["rows"].to_numpy(), users.index.to_numpy()
    return parts | {"auc within users": within}


def _table(parts: dict, name: str) -> pd.DataFrame:
    lines = {}
    for metric, (values, rows, whose) in parts.items():
        mean = margin = np.nan
        if len(values):  # else no user has rows of both labels
            mean = np.average(values, weights=rows)
            error = pd.Series((values - mean) * rows).groupby(whose).sum()  # of each user
            n = len(error)
            margin = 1.96 * np.sqrt((error**2).sum() * n / (n - 1)) / rows.sum()
        lines[metric] = {name: mean, "low": mean - margin, "high": mean + margin}
    return pd.DataFrame(lines).T
