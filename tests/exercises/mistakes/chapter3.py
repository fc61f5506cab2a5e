"""Chapter 3's exercises, as learners write them."""

# ruff: noqa
import torch
import torch.nn.functional as F

from mistakes import wrong


@wrong("biases forgotten", "bias", "mlp_cost")
def no_biases(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights, 2 * weights


@wrong("multiply-adds counted once", "two operations", "mlp_cost")
def macs(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + sum(widths[1:]), weights


@wrong("last layer missing", "last", "mlp_cost")
def short(widths):
    p = f = 0
    for k in range(len(widths) - 2):
        p += widths[k] * widths[k + 1] + widths[k + 1]
        f += 2 * widths[k] * widths[k + 1]
    return p, f


@wrong("answers exchanged", "first", "mlp_cost")
def exchanged(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return 2 * weights, weights + sum(widths[1:])


@wrong("index out of range", "runs past the end", "mlp_cost")
def past_the_end(widths):
    p = 0
    for k in range(len(widths)):
        p += widths[k] * widths[k + 1]
    return p, 2 * p


@wrong("returns a number", "Two whole numbers", "mlp_cost")
def parameters_only(widths):
    return sum(a * b + b for a, b in zip(widths, widths[1:]))


@wrong("a float where a whole number is due", "whole number", "mlp_cost")
def floats(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + sum(widths[1:]), 2.0 * weights


@wrong("log of a rounded probability", "rounds", "stable_logloss")
def textbook(logits, y):
    p = torch.sigmoid(logits)
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()


@wrong("clamped", "edge", "stable_logloss")
def clamped(logits, y):
    p = torch.sigmoid(logits).clamp(1e-7, 1 - 1e-7)
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()


@wrong("clamped", "edge", "stable_logloss")
def bce_of_probabilities(logits, y):
    return F.binary_cross_entropy(torch.sigmoid(logits), y)


@wrong("overflow", "overflows", "stable_logloss")
def exp_overflow(logits, y):
    return (torch.log(1 + torch.exp(logits)) - y * logits).mean()


@wrong("sum instead of mean", "mean", "stable_logloss")
def summed(logits, y):
    return F.binary_cross_entropy_with_logits(logits, y, reduction="sum")


@wrong("not averaged", "mean", "stable_logloss")
def per_sample(logits, y):
    return F.softplus(logits) - y * logits


@wrong("a term missing", "y = 1", "stable_logloss")
def one_term(logits, y):
    return -(y * F.logsigmoid(logits)).mean()


@wrong("sign", "minus", "stable_logloss")
def no_minus(logits, y):
    return (y * F.logsigmoid(logits) + (1 - y) * F.logsigmoid(-logits)).mean()


@wrong("returns a number", "One tensor", "stable_logloss")
def loss_item(logits, y):
    return F.binary_cross_entropy_with_logits(logits, y).item()


@wrong("sigmoid twice", "squashed", "stable_logloss")
def squashed_twice(logits, y):
    return F.binary_cross_entropy_with_logits(torch.sigmoid(logits), y)
