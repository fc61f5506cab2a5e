"""How sure a metric is: 95% intervals that draw users.

The rows of one user have something in common, so a new draw of test rows is a draw of users, not of rows. Each metric
is taken apart into what each row brings to it; the rows of a user are added up, and the spread of these sums is the
error. p are probabilities (N,), or a list of them, one a model seed, judged one by one and averaged; y labels (N,) of
0 and 1; user (N,) whose row it is.
"""

import numpy as np
import pandas as pd

METRICS = ("accuracy", "auc", "logloss", "auc within users")


def by_row(p: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """What each row brings to accuracy, AUC and logloss: (N, 3), whose means are the metrics.

    For the AUC these are the structural components of DeLong et al. 1988: the share of the other class that a row is
    ranked right against, around the AUC, each class weighted as if it were half of the rows.
    """
    click = y == 1
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
    return (np.searchsorted(values, p, "left") + np.searchsorted(values, p, "right")) / (2 * len(values))


def within_users(p: np.ndarray, y: np.ndarray, user: np.ndarray) -> pd.DataFrame:
    """The AUC of each user's own rows, for users with both labels: columns auc and rows, indexed by user.

    The mean weighted by rows is the "AUC within users": how well a list is ordered for one person. What is constant
    within a user, their mean rating for one, raises the pooled AUC and not this one.
    """
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
    """p's metric less that of `over`: one line for each of METRICS, columns difference, low, high.

    What is hard for both cancels out, row by row. A lower logloss is better.
    """
    ours, theirs = _parts(p, y, user), _parts(over, y, user)
    parts = [(a - b, rows, whose) for (a, rows, whose), (b, _, _) in zip(ours, theirs, strict=True)]
    return _table(parts, "difference")


def _parts(p, y: np.ndarray, user: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Each metric as (values, how many rows each stands for, whose they are), averaged over the models of p."""
    models = p if isinstance(p, list | tuple) else [p]
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
