"""Chapter 3's exercises: answers, inputs, what the numbers mean, the usual mistakes. Spoilers."""

import math
from itertools import combinations, pairwise

import torch
import torch.nn.functional as F
from torch import tensor

from microdlrm.exercises.task import Mistake, Task, made_of


def _mlp_cost(widths):
    weights = sum(n * m for n, m in pairwise(widths))
    return weights + sum(widths[1:]), 2 * weights


def _cost(weights=1, biases=1, each=2, rest=0):
    """Of so many of each part: the weights, the biases, FLOPs a weight, FLOPs an output."""
    return lambda w: (
        weights * _weights(w) + biases * sum(w[1:]),
        each * _weights(w) + rest * sum(w[1:]),
    )


def _weights(w):
    return sum(n * m for n, m in pairwise(w))


def _all_with_all(w):
    return sum(n * m for n, m in combinations(w, 2))


def _read_cost(widths):
    if len(widths) > 3:
        return lambda number, row: ""
    parts = {f"{n}·{m}": n * m for n, m in combinations(widths, 2)}
    parts |= {f"{m} biases": m for m in widths[1:]} | {f"{widths[0]} (the input)": widths[0]}
    read = made_of(parts, ones=True)
    return lambda number, row: read(number)


def _because_cost(widths):
    products = [f"{n}·{m}" for n, m in pairwise(widths)]
    yield " + ".join([*products, *map(str, widths[1:])])
    yield f"2·({' + '.join(products)})"


MLP_COST = Task(
    "mlp_cost(widths)",
    _mlp_cost,
    [((7, 100, 3000),), ((3000, 7, 100),), ((7, 100),), ((100, 7),), ((5, 5),), ((1, 11),),
     ((7, 100, 7),), ((7, 5, 3, 2),), ((4, 4, 4, 4, 1),), ((9, 7, 5, 3, 1),)],
    "Right. Twice the weights is the rule of thumb for an MLP's FLOPs a sample, forward.",
    places=lambda w: ["parameters", "FLOPs"],
    facts=lambda w: {
        "the number is": ["parameters", "FLOPs"],
        "layers": len(w) - 1,
        "two widths are equal": len(set(w)) < len(w),
        "the widths rise": list(w) == sorted(w),
        "the widths fall": list(w) == sorted(w, reverse=True),
        "the first width equals the last": w[0] == w[-1],
    },
    mistakes=[
        Mistake("biases forgotten",
                "Each layer also has a bias, one number for each of its outputs.",
                _cost(biases=0)),
        Mistake("multiply-adds counted once",
                "A multiply-add is two operations: you counted it as one.",
                _cost(each=1)),
        Mistake("bias adds counted",
                "You counted the adding of the biases. By the convention here it is left out.",
                _cost(rest=1)),
        Mistake("twice the parameters",
                "You doubled the parameters. A bias costs no FLOPs by this convention.",
                _cost(rest=2)),
        Mistake("a bias for each input",
                "You counted as many biases as a layer has inputs. It has one for each output.",
                lambda w: (_weights(w) + sum(w[:-1]), 2 * _weights(w))),
        Mistake("a bias for every width", "You counted a bias for the input, too.",
                lambda w: (_weights(w) + sum(w), 2 * _weights(w))),
        Mistake("one bias a layer", "A layer has one bias for each output.",
                lambda w: (_weights(w) + len(w) - 1, 2 * _weights(w))),
        Mistake("answers exchanged", "Parameters come first, then FLOPs.",
                lambda w: _mlp_cost(w)[::-1]),
        Mistake("every width with every other",
                "You join every width with every other. A layer joins neighbours.",
                lambda w: (_all_with_all(w) + sum(w[1:]), 2 * _all_with_all(w))),
        Mistake("first and last width only",
                "You took the first and the last width alone. Each pair of neighbours is a layer.",
                lambda w: (w[0] * w[-1] + w[-1], 2 * w[0] * w[-1])),
        Mistake("last layer missing", "The last layer is missing.",
                lambda w: _mlp_cost(w[:-1]) if len(w) > 2 else (0, 0)),
        Mistake("only the last layer",
                "You have the last layer alone: does a line overwrite where it should add?",
                lambda w: _mlp_cost(w[-2:])),
        Mistake("the backward pass counted",
                "You counted forward and backward. Forward alone is asked for.",
                lambda w: (_mlp_cost(w)[0], 3 * _mlp_cost(w)[1])),
        Mistake("no bias in the last layer", "The last layer has biases, too.",
                lambda w: (_mlp_cost(w)[0] - w[-1], _mlp_cost(w)[1])),
        Mistake("additions counted apart",
                "A sum of n products has n − 1 additions; by the convention here a multiply-add is "
                "two.",
                lambda w: (_mlp_cost(w)[0], 2 * _weights(w) - sum(w[1:]))),
    ],
    read=_read_cost,
    because=_because_cost,
    tells={"layers": "Are all layers counted, each with its own numbers?"},
    returns="two whole numbers",
)  # fmt: skip


def _exact(z, y):
    return F.softplus(z) - y * z


def _stable_logloss(logits, y):
    pairs = zip(logits, y, strict=True)
    losses = [max(z, 0 * z) - z * t + torch.log1p(torch.exp(-abs(z))) for z, t in pairs]
    return torch.stack(losses).mean()  # ()


def _samples(*pairs):
    return tensor([[z] for z, _ in pairs]), tensor([[t] for _, t in pairs], dtype=torch.float32)


def _sign(z):
    return "above 0" if (z > 0).all() else "below 0" if (z < 0).all() else "on both sides of 0"


def _because_loss(z, y):
    if len(z) > 3:
        return
    costs = [
        f"{_exact(a, t).item():.4g} for logit {a.item():g} and y = {t.item():g}"
        for a, t in zip(z, y, strict=True)
    ]
    yield costs[0] if len(costs) == 1 else f"the mean of {', '.join(costs)}"


STABLE_LOGLOSS = Task(
    "stable_logloss(logits, y)",
    _stable_logloss,
    [_samples(*pairs) for pairs in (
        [(1.0, 1)], [(1.0, 0)], [(-2.0, 1)], [(-2.0, 0)],
        [(1.0, 1), (-2.0, 1)], [(1.0, 0), (-2.0, 0)], [(1.0, 1), (-2.0, 0)],
        [(0.5, 0), (3.0, 1)], [(0.5, 1), (3.0, 1), (-1.0, 0)], [(1.0, 1), (2.0, 0), (0.5, 0)],
        # Large logits, right and wrong, alone and beside small ones.
        [(50.0, 1)], [(50.0, 0)], [(-50.0, 1)], [(-50.0, 0)],
        [(200.0, 1)], [(200.0, 0)], [(-200.0, 1)], [(-200.0, 0)],
        [(200.0, 1), (0.25, 0)], [(-200.0, 1), (0.25, 1)],
        [(2.0, 1), (-1.25, 0), (0.5, 0), (-3.0, 1), (1.5, 1), (0.75, 0)],
    )],
    "Right, at any logit. This is why a loss should be given logits, not probabilities.",
    places=lambda z, y: ["loss"],
    facts=lambda z, y: {
        "as the largest |logit|": z.abs().max().item(),
        "samples": len(y),
        "y is": "1" if (y == 1).all() else "0" if (y == 0).all() else "both",
        "the logits are": _sign(z),
        "a logit has the wrong sign": bool(((2 * y - 1) * z < 0).any()),
        "a wrong logit is beyond 40": bool(((2 * y - 1) * z < -40).any()),
        "a right logit is beyond 40": bool(((2 * y - 1) * z > 40).any()),
        "large and small logits stand together": len(set((z.abs() > 40).flatten().tolist())) == 2,
    },
    mistakes=[
        Mistake("sum instead of mean", "You added the samples up. Their mean is due.",
                lambda z, y: _exact(z, y).sum()),
        Mistake("not averaged", "You have one loss a sample. Their mean is due, a single number.",
                _exact),
        Mistake("sign", "Your loss is negative: a minus is missing.",
                lambda z, y: -_exact(z, y).mean()),
        Mistake("labels exchanged",
                "You charge y = 1 what y = 0 should pay, or the logit's sign is lost on the way.",
                lambda z, y: _exact(-z, y).mean()),
        Mistake("a term missing", "Only clicks cost anything in yours.",
                lambda z, y: (y * _exact(z, y)).mean()),
        Mistake("a term missing", "Only non-clicks cost anything in yours.",
                lambda z, y: ((1 - y) * _exact(z, y)).mean()),
        Mistake("sigmoid twice",
                "You squashed the logits, and gave them to something that squashes once more.",
                lambda z, y: _exact(torch.sigmoid(z), y).mean()),
        Mistake("another base", "You took the logarithm to base 2. The natural one is due.",
                lambda z, y: _exact(z, y).mean() / math.log(2)),
        Mistake("every logit with every label",
                "(B, 1) meets (B,), which makes (B, B): print the shapes of what you subtract.",
                lambda z, y: _exact(z, y.flatten()).mean()),
        Mistake("squared error",
                "This is the squared error of the probabilities. The cross-entropy is due.",
                lambda z, y: ((torch.sigmoid(z) - y) ** 2).mean()),
        Mistake("labels used as signs", "You used the labels 0 and 1 as signs. A sign is −1 or 1.",
                lambda z, y: F.softplus(-z * y).mean()),
        Mistake("hinge",
                "This is a hinge. The term that rounds its corner off is missing.",
                lambda z, y: ((1 - 2 * y) * z).clamp(min=0).mean()),
        Mistake("clicks and others equally",
                "You averaged clicks and non-clicks apart. One mean is due over all rows.",
                lambda z, y: torch.stack([_exact(z, y)[y == t].mean() for t in y.unique()]).mean()),
        Mistake("median", "You took the median. The mean is due.",
                lambda z, y: _exact(z, y).median()),
    ],
    because=_because_loss,
    tells={
        "as the largest |logit|": (
            "A probability rounds to exactly 0 or 1 there, exp overflows beyond 88, and what is "
            "cut off is finite and wrong: a logit of 200 on the wrong side costs 200."
        ),
        "a wrong logit is beyond 40": (
            "What is cut off is finite, and wrong: a logit of 200 on the wrong side costs 200."
        ),
        "large and small logits stand together": (
            "If you choose between two forms, choose for each row, not for the batch."
        ),
        "samples": (
            "One mean is due over all samples. Or (B, 1) meets (B,) somewhere, which makes (B, "
            "B)."
        ),
    },
    typical=20,
    shape="(), a single number",
    gradients=("logits",),
    far=(
        (tensor([[200.0], [-200], [0.5]]), tensor([[0.0], [1], [1]])),
        "gradient lost at large logits",
        "The numbers are right at a logit of 200, and the gradient isn't. `torch.where` computes "
        "both of its branches: if exp "
        "overflows in the one that isn't chosen, the gradient is nan. What is cut off (`clamp`) "
        "has no gradient at all.",
    ),
)  # fmt: skip
