"""Chapter 3's exercises: answers, inputs, what the numbers mean, the usual mistakes. Spoilers."""

from itertools import combinations, pairwise

import torch
import torch.nn.functional as F
from torch import tensor

from microdlrm.exercises.task import Mistake, Task, made_of, several


def _mlp_cost(widths):
    layers = list(pairwise(widths))
    return sum(n * m + m for n, m in layers), sum(2 * n * m for n, m in layers)


def _weights(widths):
    return sum(n * m for n, m in pairwise(widths))


def _cost(biases=lambda w: sum(w[1:]), each=2, rest=0):
    """With other biases, FLOPs for each weight, FLOPs for each output."""
    return lambda w: (_weights(w) + biases(w), each * _weights(w) + rest * sum(w[1:]))


def _read_cost(widths):
    parts = {f"{n}·{m}": n * m for n, m in combinations(widths, 2)}
    parts |= {f"{m} biases": m for m in widths[1:]} | {f"{widths[0]} (the input)": widths[0]}
    return made_of(parts | {"1": 1} if len(widths) < 4 else {})


def _because_cost(widths):
    products = [f"{n}·{m}" for n, m in pairwise(widths)]
    yield " + ".join([*products, *map(str, widths[1:])])
    yield f"2·({' + '.join(products)})"


MLP_COST = Task(
    "mlp_cost(widths)",
    _mlp_cost,
    # Two layers, one; equal widths; a width of 1; layers that are alike; many.
    [((7, 100, 3000),), ((7, 100),), ((5, 5, 5),), ((1, 11),), ((7, 100, 7),),
     ((7, 5, 3, 2),), ((4, 4, 4, 4, 1),)],
    "Right. Twice the weights is the rule of thumb for an MLP's FLOPs a sample, forward.",
    places=lambda w: ["parameters", "FLOPs"],
    draw=lambda dice: (tuple(dice.size(40) for _ in range(dice.randint(2, 5))),),
    facts=lambda w: {
        "the number is": ["parameters", "FLOPs"],
        "two layers are alike": len(set(pairwise(w))) < len(w) - 1,
        "two widths are equal": len(set(w)) < len(w),
        "layers": len(w) - 1,
    },
    mistakes=[
        Mistake("biases forgotten", "A layer has one number more for each of its outputs.",
                _cost(biases=lambda w: 0)),
        Mistake("multiply-adds counted once", "Each of them is two operations.", _cost(each=1)),
        Mistake("bias adds counted", "By the convention here they are left out.", _cost(rest=1)),
        *several("FLOPs from the parameters", "A bias costs none by this convention, a weight two.",
                 _cost(rest=2), _cost(each=1, rest=1)),
        Mistake("a bias for every width", "The input has none.", _cost(biases=sum)),
        *several("a layer missing", "Does a loop end too soon, or begin too late?",
                 lambda w: _mlp_cost(w[:-1]), lambda w: _mlp_cost(w[1:])),
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
    return torch.stack([torch.logaddexp(z, 0 * z) - z * t for z, t in pairs]).mean()  # ()


def _samples(*pairs):
    return tensor([[z] for z, _ in pairs]), tensor([[t] for _, t in pairs], dtype=torch.float32)


def _because_loss(z, y):
    if len(z) > 3:
        return
    costs = [
        f"{_exact(a, t).item():.4g} for logit {a.item():g} and y = {t.item():g}"
        for a, t in zip(z, y, strict=True)
    ]
    yield costs[0] if len(costs) == 1 else f"the mean of {', '.join(costs)}"


def _loss_facts(z, y):
    wrong_side, beside = ((1 - 2 * y) * z).clamp(min=0), int((z.abs() < 3).any())
    return {
        "a logit is below 0": bool((z < 0).any()),
        "a logit is above 0": bool((z > 0).any()),
        "as the largest |logit| of the wrong sign": wrong_side.max().item(),
        "as the largest logit": z.max().item(),
        "samples": len(y),
        "a label is 1": bool((y == 1).any()),
        "a label is 0": bool((y == 0).any()),
        "as the largest |logit| beside a small one": z.abs().max().item() * beside,
    }


def _draw_logits(dice):
    n = dice.size()
    logits = dice.floats(n, 1) * dice.choice((0.5, 1, 1, 4, 10, 30))
    return logits, dice.whole(0, 1, n, 1).float()


STABLE_LOGLOSS = Task(
    "stable_logloss(logits, y)",
    _stable_logloss,
    [_samples(*pairs) for pairs in (
        # Either sign and label, alone and together; several; then large logits, right and wrong,
        # alone and beside small ones.
        [(1.0, 1)], [(1.0, 0)], [(-2.0, 1)], [(-2.0, 0)],
        [(1.0, 1), (-2.0, 1)], [(1.0, 0), (-2.0, 0)], [(1.0, 1), (-2.0, 0)],
        [(0.5, 1), (3.0, 1), (-1.0, 0)], [(50.0, 1)], [(50.0, 0)], [(-50.0, 1)], [(-50.0, 0)],
        [(200.0, 1)], [(200.0, 0)], [(-200.0, 1)], [(-200.0, 0)],
        [(200.0, 1), (0.25, 0)], [(-200.0, 1), (0.25, 1)],
        [(2.0, 1), (-1.25, 0), (0.5, 0), (-3.0, 1), (1.5, 1), (0.75, 0)],
    )],
    "Right, at any logit. This is why a loss should be given logits, not probabilities.",
    places=lambda z, y: ["loss"],
    draw=_draw_logits,
    facts=_loss_facts,
    mistakes=[
        Mistake("sum instead of mean", "The samples' mean is due.",
                lambda z, y: _exact(z, y).sum()),
        Mistake("labels exchanged", "You charge y = 1 what y = 0 should pay, or the logit's sign "
                "is lost on the way.", lambda z, y: _exact(-z, y).mean()),
        Mistake("every logit with every label", "(B, 1) meets (B,), which makes (B, B).",
                lambda z, y: _exact(z, y.flatten()).mean()),
        *several("logarithm of a rounded probability", "Beyond a logit of 17 a float32 probability "
                 "is 1, and 1 − p is 0.", lambda z, y: F.binary_cross_entropy(z.sigmoid(), y),
                 lambda z, y: -(y * z.sigmoid().log() + (1 - y) * (1 - z.sigmoid()).log()).mean()),
    ],
    because=_because_loss,
    tells={
        "as the largest |logit| of the wrong sign": "Was something cut off, or a small number put "
        "into a logarithm? A logit of 200 on the wrong side costs 200.",
        "as the largest logit": "Where does exp, or a probability, overflow or round?",
        "as the largest |logit| beside a small one": "Choose between two forms row by row.",
        "samples": "One mean is due over all of them.",
    },
    typical=18,
    shape="(), a single number",
    gradients=("logits",),
    slopes=(
        ((tensor([[200.0], [-200], [0.5]]), tensor([[0.0], [1], [1]])),
         "gradient lost at large logits", "The numbers are right, and at a logit of 200 the slope "
         "isn't. `torch.where` computes both branches, and an overflow in the other one makes nan; "
         "what is cut off (`clamp`) has no gradient."),
        ((tensor([[0.0], [0.0]]), tensor([[0.0], [1]])),
         "gradient at 0", "The numbers are right, and at a logit of 0 the slope isn't. `abs`, "
         "`relu` and `clamp` have a corner there. The loss has none: (1/2 − y) / B is due."),
    ),
)  # fmt: skip
