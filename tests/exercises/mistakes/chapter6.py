"""Chapter 6's exercises, as learners write them."""

# ruff: noqa
import torch

from mistakes import wrong


@wrong("ties count nothing", "half", "auc_from_ranks")
def strict(scores, labels):
    p, q = scores[labels == 1], scores[labels == 0]
    return (p[:, None] > q).float().mean().item()


@wrong("ties count in full", "half", "auc_from_ranks")
def lenient(scores, labels):
    p, q = scores[labels == 1], scores[labels == 0]
    return (p[:, None] >= q).float().mean()


@wrong("upside down", "higher", "auc_from_ranks")
def reversed_labels(scores, labels):
    p, q = scores[labels == 0], scores[labels == 1]
    return float(((p[:, None] > q).float() + 0.5 * (p[:, None] == q)).mean())


@wrong("ties broken by position", "tied", "auc_from_ranks")
def argsorted(scores, labels):
    ranks = torch.empty(len(scores))
    ranks[scores.argsort(stable=True)] = torch.arange(1.0, len(scores) + 1)
    m = labels.sum()
    return float((ranks[labels == 1].sum() - m * (m + 1) / 2) / (m * (len(labels) - m)))


def moved(feature, before, after, train):
    return feature(before, train) != feature(after, train)


@wrong("all labels flipped", "training labels", "rows_that_leak")
def flips_everything(feature, y, train):
    return int(moved(feature, y, 1 - y, train).sum())


@wrong("training labels flipped", "mask", "rows_that_leak")
def flips_what_trains(feature, y, train):
    return int(moved(feature, y, torch.where(train, 1 - y, y), train).sum())


@wrong("held-out rows only", "training rows", "rows_that_leak")
def looks_at_held_out_rows(feature, y, train):
    return int(moved(feature, y, torch.where(train, y, 1 - y), train)[~train].sum())


@wrong("labels blanked, not flipped", "Flip", "rows_that_leak")
def blanks(feature, y, train):
    return int(moved(feature, y, y * train, train).sum())


@wrong("yes or no", "How many", "rows_that_leak")
def whether(feature, y, train):
    return bool(moved(feature, y, torch.where(train, y, 1 - y), train).any())


@wrong("rows that stay counted", "stays", "rows_that_leak")
def counts_equal_ones(feature, y, train):
    return int((~moved(feature, y, torch.where(train, y, 1 - y), train)).sum())


@wrong("inputs changed", "changed y", "rows_that_leak")
def flips_in_place(feature, y, train):
    before = feature(y, train).clone()
    y[~train] = 1 - y[~train]
    return int((feature(y, train) != before).sum())


@wrong("misses a leak", "0.001", "rows_that_leak")
def tolerant(feature, y, train):
    flipped = torch.where(train, y, 1 - y)
    return int((~torch.isclose(feature(y, train), feature(flipped, train), atol=0.01)).sum())
