"""Answers to chapter 6's exercises as learners write them, right and wrong."""

# ruff: noqa

import numpy as np
import torch

from answers import right, wrong


@right("rows_that_leak")
def rl_xor(feature, y, train):
    flipped = (y.bool() ^ ~train).to(y.dtype)
    return (feature(y, train) - feature(flipped, train)).ne(0).sum().item()


@right("auc_from_ranks")
def by_sklearn(scores, labels):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(labels.numpy(), scores.numpy())


@right("rows_that_leak")
def flip_and_compare(feature, y, train):
    flipped = y.clone()
    flipped[~train] = 1 - flipped[~train]
    return (feature(y, train) != feature(flipped, train)).sum().item()


@right("auc_from_ranks")
def auc_scipy_like(scores, labels):
    below = (scores[:, None] > scores).double().sum(1) + 0.5 * (
        (scores[:, None] == scores).double().sum(1) - 1
    )
    m = int(labels.sum())
    return ((below[labels > 0].sum() - m * (m - 1) / 2) / m / (len(labels) - m)).item()


@right("rows_that_leak")
def leak_plain_loop(feature, y, train):
    flipped = (y - (~train).to(y.dtype)).abs()
    return sum(
        a != b for a, b in zip(feature(y.clone(), train).tolist(), feature(flipped, train).tolist())
    )


@right("rows_that_leak")
def flipped_by_exclusive_or(feature, y, train):
    flipped = torch.logical_xor(y.bool(), ~train).to(y.dtype)
    return torch.ne(feature(y, train), feature(flipped, train)).count_nonzero().item()


@right("auc_from_ranks")
def rank_sum(scores, labels):
    below = (scores[:, None] > scores).sum(1)
    tied = (scores[:, None] == scores).sum(1)
    ranks = below + (tied + 1) / 2
    m = labels.sum()
    return float((ranks[labels == 1].sum() - m * (m + 1) / 2) / (m * (len(labels) - m)))


@right("auc_from_ranks")
def auc_searchsorted(scores, labels):
    neg = scores[labels == 0].sort().values
    pos = scores[labels == 1].contiguous()
    below = torch.searchsorted(neg, pos)
    not_above = torch.searchsorted(neg, pos, right=True)
    return ((below + not_above).double().mean() / (2 * len(neg))).item()


@wrong("auc_from_ranks")
def auc_ge(scores, labels):
    return float(np.mean([p >= n for p in scores[labels == 1] for n in scores[labels == 0]]))


@wrong("auc_from_ranks")
def auc_median_split(scores, labels):
    return ((scores > scores.median()).float() == labels).float().mean().item()


@wrong("auc_from_ranks")
def auc_diff(scores, labels):
    return float(scores[labels == 1].mean() - scores[labels == 0].mean())


@wrong("auc_from_ranks")
def strict(scores, labels):
    p, q = scores[labels == 1], scores[labels == 0]
    return (p[:, None] > q).float().mean().item()


@wrong("auc_from_ranks")
def reversed_labels(scores, labels):
    p, q = scores[labels == 0], scores[labels == 1]
    return float(((p[:, None] > q).float() + 0.5 * (p[:, None] == q)).mean())


@wrong("auc_from_ranks")
def auc_gini(scores, labels):
    p, n = scores[labels == 1][:, None], scores[labels == 0]
    return (torch.sign(p - n)).mean().item()


@wrong("auc_from_ranks")
def auc_mean_rank(scores, labels):
    ranks = scores.argsort().argsort() + 1.0
    return (ranks[labels == 1].mean() / len(scores)).item()


@wrong("auc_from_ranks")
def argsorted(scores, labels):
    ranks = torch.empty(len(scores))
    ranks[scores.argsort(stable=True)] = torch.arange(1.0, len(scores) + 1)
    m = labels.sum()
    return float((ranks[labels == 1].sum() - m * (m + 1) / 2) / (m * (len(labels) - m)))


@wrong("rows_that_leak")
def rl_mask_changed(feature, y, train):
    return int((feature(y, train) != feature(y, ~train)).sum())


@wrong("rows_that_leak")
def tolerant(feature, y, train):
    flipped = torch.where(train, y, 1 - y)
    return int((~torch.isclose(feature(y, train), feature(flipped, train), atol=0.01)).sum())


@wrong("rows_that_leak")
def rl_share(feature, y, train):
    f = torch.where(train, y, 1 - y)
    return (feature(y, train) != feature(f, train)).float().mean().item()


@wrong("rows_that_leak")
def rl_first(feature, y, train):
    f = y.clone()
    k = int((~train).nonzero()[0])
    f[k] = 1 - f[k]
    return int((feature(y, train) != feature(f, train)).sum())


def moved(feature, before, after, train):
    return feature(before, train) != feature(after, train)


@wrong("rows_that_leak")
def flips_everything(feature, y, train):
    return int(moved(feature, y, 1 - y, train).sum())


@wrong("rows_that_leak")
def flips_what_trains(feature, y, train):
    return int(moved(feature, y, torch.where(train, 1 - y, y), train).sum())


@wrong("rows_that_leak")
def looks_at_held_out_rows(feature, y, train):
    return int(moved(feature, y, torch.where(train, y, 1 - y), train)[~train].sum())


@wrong("rows_that_leak")
def blanks(feature, y, train):
    return int(moved(feature, y, y * train, train).sum())
