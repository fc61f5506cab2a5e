"""What the answers of chapters 3, 6 and 10 are made of, part by part, and what learners take in its place. Spoilers.

Each recipe is a test for `Task.own`; of each part, "" is the right choice.
"""

# ruff: noqa: E501 — a table: a choice and its words on one line

import math
from collections import Counter

import torch
import torch.nn.functional as F

from microdlrm.exercises.otherwise import recipe

# --- chapter 3 ---


def _of_classes(losses, y):
    return torch.stack([losses[y == label].mean() for label in (0, 1) if (y == label).any()]).mean()


STABLE_LOGLOSS = recipe(
    lambda squash, label, cost, total: lambda z, y: total(cost(squash(z), label(y)), y),
    {
        "": lambda z: z,
        "the logits have the wrong sign": lambda z: -z,
        "the logits go through a sigmoid first, and the loss squashes once more": torch.sigmoid,
        "the logits go through tanh first": torch.tanh,
        "the logits go through a ReLU first": torch.relu,
        "the logits' signs are lost": torch.abs,
        "the logits' mean is taken off first": lambda z: z - z.mean(),
        "the logits are squared": lambda z: z * z,
        **{
            f"the logits are cut off at {c}: finite, and wrong. A logit of 200 on the wrong side costs 200, and pulls "
            f"back with its full gradient": lambda z, c=c: z.clamp(-c, c)
            for c in (5, 10, 15, 16, 18, 20, 25, 30, 35, 40, 50, 60, 70, 80, 85, 88, 90, 100)
        },
    },
    {
        "": lambda y: y,
        "the labels are exchanged": lambda y: 1 - y,
        "the labels are taken for -1 and 1": lambda y: 2 * y - 1,
        "the labels are all taken for 1": torch.ones_like,
        "the labels are all taken for 0": torch.zeros_like,
    },
    {
        "": lambda z, y: F.softplus(z) - y * z,
        "log(1 + e^z) alone is counted: y z is still to be taken off": lambda z, y: F.softplus(z),
        "log σ(y z) is meant for labels -1 and 1: with y = 0, each row costs log 2, whatever its logit": lambda z, y: (
            F.softplus(-y * z)
        ),
        "the logarithm and the exponential are to base 2 (`logaddexp2`): they are natural ones": lambda z, y: (
            F.softplus((1 - 2 * y) * z * math.log(2)) / math.log(2)
        ),
        "y z is added, where it is taken off": lambda z, y: F.softplus(z) + y * z,
        "only clicks cost anything": lambda z, y: y * F.softplus(-z),
        "only non-clicks cost anything": lambda z, y: (1 - y) * F.softplus(z),
        "the term log(1 + e^-|z|) is missing": lambda z, y: z.clamp(min=0) - y * z,
        "in the term log(1 + e^-|z|), the 1 is missing": lambda z, y: z.clamp(min=0) - y * z - z.abs(),
        "log(1 + e^-|z|) has become e^-|z|: the logarithm is missing": lambda z, y: (
            z.clamp(min=0) - y * z + (-z.abs()).exp()
        ),
        "the term log(1 + e^-|z|) is taken off, where it is added": lambda z, y: (
            z.clamp(min=0) - y * z - F.softplus(-z.abs())
        ),
        "|z| stands where max(z, 0) should": lambda z, y: z.abs() - y * z + F.softplus(-z.abs()),
        "max(-z, 0) stands where max(z, 0) should": lambda z, y: (-z).clamp(min=0) - y * z + F.softplus(-z.abs()),
        "max(z, 0) is missing": lambda z, y: F.softplus(-z.abs()) - y * z,
        "y z is missing": lambda z, y: z.clamp(min=0) + F.softplus(-z.abs()),
        "it is the hinge loss": lambda z, y: (1 - (2 * y - 1) * z).clamp(min=0),
        "it is the squared error of the probability": lambda z, y: (z.sigmoid() - y) ** 2,
        "it is the distance of the probability, without a logarithm": lambda z, y: (z.sigmoid() - y).abs(),
        "it is the probability of what happened, without its logarithm": lambda z, y: (
            1 - (z.sigmoid() - y).abs()
        ),
        "it is the entropy of the prediction, without the label": lambda z, y: F.softplus(z) - z.sigmoid() * z,
    },
    {
        "": lambda t, y: t.mean(),
        "the samples are added up, and not averaged": lambda t, y: t.sum(),
        "the largest loss is taken, and not the mean": lambda t, y: t.max(),
        "the smallest loss is taken, and not the mean": lambda t, y: t.min(),
        "the median is taken, and not the mean": lambda t, y: t.median(),
        "the first sample alone is counted": lambda t, y: t[0, 0],
        "the last sample alone is counted": lambda t, y: t[-1, 0],
        "clicks and non-clicks are averaged apart, and these two means once more: every sample counts alike": _of_classes,
        "only clicks are averaged": lambda t, y: t[y == 1].mean(),
        "only non-clicks are averaged": lambda t, y: t[y == 0].mean(),
        "clicks and non-clicks are averaged apart and added": lambda t, y: 2 * _of_classes(t, y),
        "the sum is divided by the number of clicks": lambda t, y: t.sum() / y.sum(),
        "the mean is taken as a square root of squares": lambda t, y: (t * t).mean().sqrt(),
        "the sign is wrong": lambda t, y: -t.mean(),
        "the logarithm is to base 2": lambda t, y: t.mean() / math.log(2),
        "the mean is halved": lambda t, y: t.mean() / 2,
        "the mean is doubled": lambda t, y: t.mean() * 2,
        "the losses of clicks count twice": lambda t, y: (t * (1 + y)).mean(),
    },
)  # fmt: skip

# --- chapter 6 ---


def _sorted_ranks(s, descending=False):
    order = s.argsort(stable=True, descending=descending)
    return torch.empty(len(s), dtype=torch.float64).index_copy(0, order, torch.arange(1.0, len(s) + 1).double())


def _below(s):
    return (s[:, None] > s).double().sum(1)


def _tied(s):
    return (s[:, None] == s).double().sum(1)


AUC_FROM_RANKS = recipe(
    lambda ranks, whose, off, pairs, end: lambda s, y: float(
        end((ranks(s)[whose(y)].sum() - off(y.double().sum(), len(y))) / pairs(y.double().sum(), len(y)))
    ),
    {
        "": lambda s: _below(s) + (_tied(s) + 1) / 2,
        "equal scores get the lowest of their ranks, and not the mean of them": lambda s: _below(s) + 1,
        "equal scores get the highest of their ranks, and not the mean of them": lambda s: _below(s) + _tied(s),
        "behind equal scores you count on from the next number, as if there had been one: with ties, ranks must still "
        "end at N": lambda s: s.unique(return_inverse=True)[1].double() + 1,
        "equal scores get different ranks, by where they stand": _sorted_ranks,
        "equal scores get different ranks, by where they stand, the last first": lambda s: _sorted_ranks(s.flip(0)).flip(0),
        "you took what `argsort` gives for ranks: it is which row stands at each place": lambda s: (
            s.argsort(stable=True).double() + 1
        ),
        "ranks are half too low: the lowest score has 1, and half of the *other* rows of equal score come on top": (
            lambda s: _below(s) + _tied(s) / 2
        ),
        "ranks count from 0, and what you take off is meant for ranks that count from 1": lambda s: (
            _below(s) + (_tied(s) - 1) / 2
        ),
        "the highest score has rank 1: it is the lowest that should": lambda s: len(s) + 1 - _below(s) - (_tied(s) + 1) / 2,
        "you added up the scores themselves, and not their ranks": lambda s: s.double(),
    },
    {
        "": lambda y: y == 1,
        "the ranks of the non-clicks are added up, and not those of the clicks": lambda y: y == 0,
        "the ranks of all rows are added up, and not those of the clicks": lambda y: y == y,
    },
    {
        "": lambda m, n: m * (m + 1) / 2,
        "nothing is taken off the sum of ranks": lambda m, n: 0,
        "too little is taken off: what do the ranks 1 to m add up to": lambda m, n: m * (m - 1) / 2,
        "twice as much is taken off as the ranks 1 to m add up to": lambda m, n: m * (m + 1),
        "m²/2 is taken off: what do the ranks 1 to m add up to": lambda m, n: m * m / 2,
        "m is taken off: what do the ranks 1 to m add up to": lambda m, n: m,
        "the non-clicks' number stands in what is taken off: the clicks' is due": lambda m, n: (n - m) * (n - m + 1) / 2,
        "the number of all rows stands in what is taken off: the clicks' is due": lambda m, n: n * (n + 1) / 2,
        "the number of pairs halved is taken off": lambda m, n: m * (n - m) / 2,
    },
    {
        "": lambda m, n: m * (n - m),
        "it isn't divided by the number of pairs": lambda m, n: 1,
        "it is divided by the number of clicks, and not of pairs": lambda m, n: m,
        "it is divided by the number of non-clicks, and not of pairs": lambda m, n: n - m,
        "it is divided by the number of rows, and not of pairs": lambda m, n: n,
        "it is divided by all pairs of rows: only a click with a non-click is a pair": lambda m, n: n * (n - 1) / 2,
        "it is divided by the rows squared": lambda m, n: n * n,
        "it is divided by clicks times rows": lambda m, n: m * n,
        "it is divided by the clicks squared": lambda m, n: m * m,
    },
    {
        "": lambda x: x,
        "it is turned round: 1 - AUC": lambda x: 1 - x,
        "you turn it round where it is below a half: a model that ranks backwards has an AUC near 0, and has to be "
        "seen": lambda x: max(x, 1 - x),
        "it is 2 AUC - 1": lambda x: 2 * x - 1,
        "it is cut off at a half": lambda x: max(x, x * 0 + 0.5),
    },
)  # fmt: skip

# --- chapter 10 ---


def _held(owners, widths, devices):
    held = [0] * devices
    for owner, width in zip(owners, widths, strict=True):
        held[owner] += width
    return held


BUSIEST_BYTES = recipe(
    lambda held, sent, size: lambda o, w, b, n: held(o, w, n) * sent(b, n) * size,
    {
        "": lambda o, w, n: max(_held(o, w, n)),
        "you took the device with the most tables: it is the one with the most numbers that is busiest": lambda o, w, n: (
            _held(o, w, n)[Counter(o).most_common(1)[0][0]]
        ),
        "you counted the widest table alone": lambda o, w, n: max(w),
        "you took the device that holds the widest table": lambda o, w, n: _held(o, w, n)[o[w.index(max(w))]],
        "you added up over all devices": lambda o, w, n: sum(w),
        "you took the mean over the devices": lambda o, w, n: sum(w) / n,
        "you took the device with the least to send": lambda o, w, n: min(_held(o, w, n)),
        "you took the first device": lambda o, w, n: _held(o, w, n)[0],
        "you took the last device": lambda o, w, n: _held(o, w, n)[-1],
        "you counted tables, and not their widths": lambda o, w, n: max(Counter(o).values()),
        "you took the most tables times the widest": lambda o, w, n: max(Counter(o).values()) * max(w),
        "you took the most tables times the mean width": lambda o, w, n: max(Counter(o).values()) * sum(w) / len(w),
        "tables of equal width on one device are counted once": lambda o, w, n: max(
            sum({x for k, x in zip(o, w, strict=True) if k == d}) for d in range(n)
        ),
        "of each device's tables only the last is kept": lambda o, w, n: max(dict(zip(o, w, strict=True)).values()),
    },
    {
        "": lambda b, n: b - b // n,
        "a device's own part of the batch is counted: it crosses no network": lambda b, n: b,
        "you counted what goes to one other device: it sends as much to each of them": lambda b, n: b // n,
        "each of the others is sent the whole batch: it gets its own part of it": lambda b, n: b * (n - 1),
        "every device is sent the whole batch: each of the others gets its own part of it": lambda b, n: b * n,
        "the batch is divided among the others only": lambda b, n: b // (n - 1),
        "the batch is missing": lambda b, n: n - 1,
        "one sample is left out, and not the device's own part of the batch": lambda b, n: b - 1,
        "half of the batch is sent": lambda b, n: b // 2,
        "there and back: the forward pass alone is asked for": lambda b, n: 2 * (b - b // n),
        "you counted as many parts as there are other devices, less one": lambda b, n: (n - 2) * (b // n),
    },
    {
        "": 4,
        "you counted numbers: each is a float32, 4 bytes": 1,
        "each number counts as 8 bytes: a float32 has 4": 8,
        "each number counts as 2 bytes: a float32 has 4": 2,
        "you counted bits: a float32 has 4 bytes": 32,
    },
)  # fmt: skip
