"""Answers to chapter 3's exercises as learners write them, right and wrong."""

# ruff: noqa

import numpy as np
import torch
import torch.nn.functional as F

from answers import right, wrong


@right("stable_logloss")
def with_logits(logits, y):
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, y)


@right("stable_logloss")
def softplus(logits, y):
    return (torch.nn.functional.softplus(logits) - y * logits).mean()


@right("stable_logloss")
def max_trick(logits, y):
    return (logits.clamp(min=0) - logits * y + torch.log1p(torch.exp(-logits.abs()))).mean()


@right("stable_logloss")
def sl_logaddexp(logits, y):
    return torch.logaddexp(torch.zeros_like(logits), (1 - 2 * y) * logits).mean()


@right("mlp_cost")
def cost(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + sum(widths[1:]), 2 * weights


@right("mlp_cost")
def cost_by_module(widths):
    layers = [torch.nn.Linear(a, b) for a, b in zip(widths, widths[1:])]
    return [
        sum(p.numel() for m in layers for p in m.parameters()),
        sum(2 * m.weight.numel() for m in layers),
    ]


@right("mlp_cost")
def mc_numpy(widths):
    w = np.asarray(widths)
    p = (w[:-1] * w[1:]).sum()
    return p + w[1:].sum(), 2 * p


@right("mlp_cost")
def cost_by_dot(widths):
    w = [int(v) for v in widths]
    products = sum(map(int.__mul__, w[:-1], w[1:]))
    return products + sum(w) - w[0], products + products


@wrong("mlp_cost")
def parameters_only(widths):
    return sum(a * b + b for a, b in zip(widths, widths[1:]))


@wrong("mlp_cost")
def no_biases(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights, 2 * weights


@wrong("mlp_cost")
def macs(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + sum(widths[1:]), weights


@wrong("mlp_cost")
def exchanged(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return 2 * weights, weights + sum(widths[1:])


@wrong("mlp_cost")
def floats(widths):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + sum(widths[1:]), 2.0 * weights


@wrong("mlp_cost")
def mc_first_last(widths):
    a, b = widths[0], widths[-1]
    return a * b + b, 2 * a * b


@wrong("mlp_cost")
def mc_flops_from_params(widths):
    p = sum((a + 1) * b for a, b in zip(widths[:-1], widths[1:]))
    return p, 2 * p


@wrong("mlp_cost")
def mc_one_bias(widths):
    w = sum(a * b for a, b in zip(widths, widths[1:]))
    return w + len(widths) - 1, 2 * w


@wrong("stable_logloss")
def bce_of_probabilities(logits, y):
    return F.binary_cross_entropy(torch.sigmoid(logits), y)


@wrong("stable_logloss")
def exp_overflow(logits, y):
    return (torch.log(1 + torch.exp(logits)) - y * logits).mean()


@wrong("stable_logloss")
def summed(logits, y):
    return F.binary_cross_entropy_with_logits(logits, y, reduction="sum")


@wrong("stable_logloss")
def per_sample(logits, y):
    return F.softplus(logits) - y * logits


@wrong("stable_logloss")
def one_term(logits, y):
    return -(y * F.logsigmoid(logits)).mean()


@wrong("stable_logloss")
def no_minus(logits, y):
    return (y * F.logsigmoid(logits) + (1 - y) * F.logsigmoid(-logits)).mean()


@wrong("stable_logloss")
def loss_item(logits, y):
    return F.binary_cross_entropy_with_logits(logits, y).item()


@wrong("stable_logloss")
def squashed_twice(logits, y):
    return F.binary_cross_entropy_with_logits(torch.sigmoid(logits), y)


@wrong("stable_logloss")
def sl_labels_as_signs(logits, y):
    return F.softplus(-y * logits).mean()


@wrong("stable_logloss")
def sl_no_abs(logits, y):
    return (torch.clamp(logits, min=0) - logits * y + torch.log(1 + torch.exp(-logits))).mean()
