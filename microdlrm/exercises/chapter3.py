"""Chapter 3's exercises: answers, inputs, and the mistakes to recognise. Spoilers."""

import math
from itertools import combinations, pairwise, product

import torch
import torch.nn.functional as F

from microdlrm.exercises import recipes_counts
from microdlrm.exercises.compare import equal
from microdlrm.exercises.finding import Finding, Probe
from microdlrm.exercises.task import Case, Mistake, Task, some_rows


def _mlp_cost(widths):
    parameters = flops = 0
    for n, m in pairwise(widths):
        parameters += n * m + m
        flops += 2 * n * m
    return parameters, flops


def _cost(parameters, flops, layers=pairwise):
    return lambda w: tuple(sum(count(n, m) for n, m in layers(w)) for count in (parameters, flops))


def _parameters(n, m):
    return n * m + m


def _flops(n, m):
    return 2 * n * m


_TWICE = "A multiply-add is two operations: you counted it as one."
_BIAS = "Each layer also has a bias, one number for each of its outputs."
_A_LAYER_MISSING = "The widths name inputs *and* outputs: k widths make k - 1 layers. You left out the "

_MLP_COST_MISTAKES = [
    Mistake("biases forgotten", _BIAS, _cost(lambda n, m: n * m, _flops)),
    Mistake("biases forgotten", f"{_BIAS} Besides: {_TWICE}", _cost(lambda n, m: n * m, lambda n, m: n * m)),
    Mistake("multiply-adds counted once", _TWICE, _cost(_parameters, lambda n, m: n * m)),
    Mistake("multiply-adds counted once", f"{_TWICE} And biases count for none.", _cost(_parameters, _parameters)),
    Mistake(
        "bias adds counted",
        "You counted the adding of the biases. By the convention of this exercise it is left out.",
        _cost(_parameters, lambda n, m: 2 * n * m + m),
    ),
    Mistake(
        "multiplications and additions apart",
        "You counted n multiplications and n - 1 additions. By the convention of this exercise each of the n "
        "multiply-adds is two operations.",
        _cost(_parameters, lambda n, m: (2 * n - 1) * m),
    ),
    Mistake(
        "twice the parameters",
        "You doubled the parameters. A bias is one of them, and costs no FLOPs by this convention.",
        _cost(_parameters, lambda n, m: 2 * (n * m + m)),
    ),
    Mistake(
        "a bias for each input",
        "You counted as many biases as a layer has inputs. It has one for each output.",
        _cost(lambda n, m: n * m + n, _flops),
    ),
    Mistake(
        "a bias for every width",
        "You counted a bias for every width, the input's too. The input has none: each layer has one for each output.",
        lambda w: (_mlp_cost(w)[0] + w[0], _mlp_cost(w)[1]),
    ),
    Mistake(
        "one bias a layer",
        "A layer has one bias for each output, not one in all.",
        _cost(lambda n, m: n * m + 1, _flops),
    ),
    Mistake("last layer missing", _A_LAYER_MISSING + "last.", _cost(_parameters, _flops, lambda w: pairwise(w[:-1]))),
    Mistake("first layer missing", _A_LAYER_MISSING + "first.", _cost(_parameters, _flops, lambda w: pairwise(w[1:]))),
    Mistake(
        "equal layers counted once",
        "Two layers of equal widths are two layers, each with its own weights. Yours count once: is there a set, or a "
        "dict, of the widths?",
        lambda w: (
            sum(n * m + m for n, m in set(pairwise(w))),
            sum(2 * n * m for n, m in set(pairwise(w))),
        ),
    ),
    Mistake(
        "widths found by their value",
        "Where a width comes twice, `.index` finds its first place each time, and the wrong layer is counted. Go by "
        "position.",
        _cost(_parameters, _flops, lambda w: [(a, w[w.index(a) + 1]) for a in w[: w.index(w[-1])]]),
    ),
    Mistake(
        "widths found by their value",
        "Where a width comes twice, `.index` finds its first place each time, and the wrong layer is counted. Go by "
        "position.",
        _cost(_parameters, _flops, lambda w: [(a, w[w.index(a) + 1]) for a in w[:-1]]),
    ),
    Mistake("answers exchanged", "Parameters come first, then FLOPs.", lambda w: _mlp_cost(w)[::-1]),
    Mistake(
        "every width with every other",
        "You multiplied every width with every later one. A layer joins neighbours only.",
        _cost(_parameters, _flops, lambda w: combinations(w, 2)),
    ),
    Mistake(
        "only the last layer",
        "You have the cost of the last layer alone. Add up over all of them.",
        _cost(_parameters, _flops, lambda w: pairwise(w[-2:])),
    ),
]

# What a cost is made of, and what else it may have been made of: (what it is called, how it is counted).
_WEIGHTS = {
    "": lambda w: sum(n * m for n, m in pairwise(w)),
    "weights between all widths, and not between neighbours": lambda w: sum(n * m for n, m in combinations(w, 2)),
    "all widths multiplied into one product": math.prod,
    "the first width times the last": lambda w: w[0] * w[-1],
    "squares of the widths": lambda w: sum(m * m for m in w),
    "squares of the layers' outputs": lambda w: sum(m * m for m in w[1:]),
    "widths added where they are multiplied": lambda w: sum(n + m for n, m in pairwise(w)),
    "the last layer's weights alone": lambda w: w[-2] * w[-1],
}
_BIASES = {
    "": lambda w: sum(w[1:]),
    "no biases": lambda w: 0,
    "no bias for the last layer": lambda w: sum(w[1:-1]),
    "biases for the last layer alone": lambda w: w[-1],
    "a bias for every width, the input's too": sum,
    "a bias for each input of a layer": lambda w: sum(w[:-1]),
    "one bias a layer": lambda w: len(w) - 1,
    "one bias in all": lambda w: 1,
}
_EACH = {  # FLOPs a weight, and for what else
    "": (2, 0),
    "1 FLOP a weight: a multiply-add is 2": (1, 0),
    "3 FLOPs a weight: 2 is the forward pass": (3, 0),
    "4 FLOPs a weight: 2 is the forward pass": (4, 0),
    "6 FLOPs a weight: that is a training step, and 2 is the forward pass": (6, 0),
    "FLOPs for the biases or the activations": (2, 1),
    "FLOPs for the biases and the activations": (2, 2),
    "1 FLOP a weight, and FLOPs for the biases": (1, 1),
}


def _made_of() -> list[Mistake]:
    """Every cost that is made of other parts than it should be."""
    made = []
    for choices in product(_WEIGHTS, _BIASES, _EACH):
        weights, biases, (each, rest) = (t[c] for t, c in zip((_WEIGHTS, _BIASES, _EACH), choices, strict=True))

        def cost(w, weights=weights, biases=biases, each=each, rest=rest):
            return weights(w) + biases(w), each * weights(w) + rest * sum(w[1:])

        known = (_mlp_cost, *(m.formula for m in _MLP_COST_MISTAKES))
        if all(any(formula(w) != cost(w) for w in ((7, 5, 3, 2), (4, 4, 4, 4, 1))) for formula in known):
            says = ", and ".join(choice for choice in choices if choice)
            one = "Compare one layer, from 7 to 5, with what its matrix and its bias hold."
            made.append(Mistake("counted otherwise", f"You count {says}. {one}", cost))
    return made


MLP_COST = Task(
    "mlp_cost(widths)",
    _mlp_cost,
    [
        Case("", "widths (7, 5, 3, 2)", ((7, 5, 3, 2),)),
        Case(
            "other depths",
            "widths (16, 8)",
            ((16, 8),),
            "number of layers hard-coded",
            "Right for one depth only: go through the widths, however many there are.",
            {"widths (16, 8, 4)": ((16, 8, 4),), "widths (9, 7, 5, 3, 1)": ((9, 7, 5, 3, 1),)},
        ),
        Case("other depths", "widths (4, 4, 4, 4, 1)", ((4, 4, 4, 4, 1),)),
    ],
    [*_MLP_COST_MISTAKES, *_made_of()],
    "Right. Twice the weights is the rule of thumb for an MLP's FLOPs a sample, forward.",
    returns="two whole numbers",
    columns=lambda widths: ["parameters", "FLOPs"],
    other="Take one layer, from 7 to 5: how many weights, how many biases, how many multiply-adds?",
)


def _stable_logloss(logits, y):
    losses = [max(z, 0 * z) - z * t + torch.log1p(torch.exp(-abs(z))) for z, t in zip(logits, y, strict=True)]
    return torch.stack(losses).mean()  # ()


def _naive(z, y, tiny=0.0):
    p = torch.sigmoid(z)
    return -(y * torch.log(p + tiny) + (1 - y) * torch.log(1 - p + tiny))


def _clamped(z, y, eps):
    p = torch.sigmoid(z).clamp(eps, 1 - eps)
    return -(y * p.log() + (1 - y) * (1 - p).log())


def _exact(z, y):
    return F.binary_cross_entropy_with_logits(z, y, reduction="none")


_ROUNDED = (
    "Right for small logits. At 50 the sigmoid rounds to exactly 1, and the log of what is left of it is "
    "infinite. Find a form in logits that never takes the log of a rounded probability."
)
_CLAMPED = (
    "You keep the probability, or its log, away from the edge: finite, and wrong. A sample that is off by a logit "
    "of 200 should cost 200, and pull back with its full gradient."
)
_OVERFLOW = (
    "Right for small logits. At 200, exp overflows float32 (it ends near 88). Rearrange it so that exp never "
    "gets a positive number."
)
_A_TERM = "Only samples with y = {} cost anything in yours. The others have a term of their own."

_STABLE_LOGLOSS_MISTAKES = [
    Mistake("log of a rounded probability", _ROUNDED, lambda z, y: _naive(z, y).mean()),
    Mistake(
        "log of a rounded probability",
        _ROUNDED,
        lambda z, y: F.softplus(-z).mul(y).mean() - ((1 - y) * torch.log(1 - torch.sigmoid(z))).mean(),
    ),
    *(
        Mistake("clamped", _CLAMPED, lambda z, y, eps=eps: _clamped(z, y, eps).mean())
        for eps in (1e-4, 1e-5, 1e-6, 1e-7)
    ),
    *(
        Mistake("clamped", _CLAMPED, lambda z, y, eps=eps: _naive(z, y, eps).mean())
        for eps in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-20, 1e-30)
    ),
    Mistake("clamped", _CLAMPED, lambda z, y: F.binary_cross_entropy(torch.sigmoid(z), y)),
    Mistake("overflow", _OVERFLOW, lambda z, y: (torch.log(1 + torch.exp(z)) - y * z).mean()),
    Mistake("overflow", _OVERFLOW, lambda z, y: (torch.log1p(torch.exp(-z)) + (1 - y) * z).mean()),
    Mistake(
        "overflow",
        _OVERFLOW,
        lambda z, y: (y * torch.log1p(torch.exp(-z)) + (1 - y) * torch.log1p(torch.exp(z))).mean(),
    ),
    Mistake("sum instead of mean", "You added the samples up. Their mean is due.", lambda z, y: _exact(z, y).sum()),
    *(
        Mistake(
            f"{name} instead of mean",
            f"You took the {name} of the samples' losses. Their mean is due.",
            lambda z, y, of=of: of(_exact(z, y)),
        )
        for name, of in (("median", torch.median), ("largest", torch.max))
    ),
    Mistake(
        "labels smoothed",
        "You moved the labels from 0 and 1 towards the middle. They are what was clicked: take them as they are.",
        lambda z, y: _exact(z, 0.9 * y + 0.05).mean(),
    ),
    Mistake("not averaged", "You have one loss a sample. Their mean is due, a single number.", _exact),
    Mistake("sign", "Your loss is negative: a minus is missing.", lambda z, y: -_exact(z, y).mean()),
    Mistake(
        "labels exchanged",
        "You charge y = 1 what y = 0 should pay: clicks and non-clicks have changed places.",
        lambda z, y: _exact(-z, y).mean(),
    ),
    Mistake("a term missing", _A_TERM.format(1), lambda z, y: (y * _exact(z, y)).mean()),
    Mistake("a term missing", _A_TERM.format(0), lambda z, y: ((1 - y) * _exact(z, y)).mean()),
    Mistake(
        "sigmoid twice",
        "You squashed the logits, and gave the result to something that squashes once more.",
        lambda z, y: _exact(torch.sigmoid(z), y).mean(),
    ),
    Mistake(
        "another base",
        "You took the logarithm to base 2. The natural one is due.",
        lambda z, y: _exact(z, y).mean() / math.log(2),
    ),
    Mistake(
        "another base",
        "You took the logarithm to base 10. The natural one is due.",
        lambda z, y: _exact(z, y).mean() / math.log(10),
    ),
    Mistake(
        "hinge",
        "What bends the loss is missing: yours is max(z, 0) - y z, and costs nothing where the sign is right. The term "
        "log(1 + e^-|z|) is still to be added.",
        lambda z, y: (z.clamp(min=0) - y * z).mean(),
    ),
    Mistake(
        "log of an exponential",
        "In yours the 1 is missing in log(1 + e^…): the log of e^… alone is what stands in the exponent.",
        lambda z, y: (z.clamp(min=0) - y * z - z.abs()).mean(),
    ),
    Mistake(
        "squared error",
        "This is the mean squared error of the probabilities. The cross-entropy is due.",
        lambda z, y: ((torch.sigmoid(z) - y) ** 2).mean(),
    ),
]


def _other_logits(probe: Probe) -> Finding | None:
    """Of which logits is each sample's loss the right one? log(1 + e^-z) can be solved for z."""
    logits, y = probe.case.args
    alone = [probe.call((logits[k : k + 1], y[k : k + 1])) for k in range(len(y))]
    if any(a is None or a.numel() != 1 or not 1e-6 < a < 20 for a in alone):
        return None
    sign = 2 * y.flatten() - 1
    meant = -sign * torch.log(torch.expm1(torch.cat([a.reshape(1) for a in alone])))  # (B,)
    ratio, added = meant / logits.flatten(), meant - logits.flatten()
    for off, says in ((ratio, f"multiplied by {ratio[0]:.4g}"), (added, f"moved by {added[0]:.4g}")):
        if equal(off, off[:1].expand_as(off), rtol=1e-3) and not equal(meant, logits.flatten(), rtol=1e-3):
            hint = f"Each sample costs what it should at another logit: yours are {says} on the way."
            return Finding("other logits", hint)
    return None


STABLE_LOGLOSS = Task(
    "stable_logloss(logits, y)",
    _stable_logloss,
    [
        Case(
            "",
            # No sum of them is 0, nor is that of the clicks: a wrong sign would hide behind one.
            "logits 2, -1.25, 0.5, -3, 1.5, 0.75 and y 1, 0, 0, 1, 1, 0",
            (
                torch.tensor([[2.0], [-1.25], [0.5], [-3], [1.5], [0.75]]),
                torch.tensor([[1.0], [0], [0], [1], [1], [0]]),
            ),
        ),
        Case(
            "more clicks than others",
            "logits 1, -0.5, 2, 0.25 and y 1, 1, 1, 0",
            (torch.tensor([[1.0], [-0.5], [2], [0.25]]), torch.tensor([[1.0], [1], [1], [0]])),
        ),
        Case(
            "large logits",
            "logits 50 and -50, y 1 and 0, then 0 and 1",
            (torch.tensor([[50.0], [-50], [50], [-50]]), torch.tensor([[1.0], [0], [0], [1]])),
            "breaks for large logits",
            "Right for small logits, and not at 50: half of these samples should cost next to 0, the other half 50.",
        ),
        Case(
            "large logits",
            "logits 200, -200, 200, -200 and y 1, 0, 0, 1",
            (torch.tensor([[200.0], [-200], [200], [-200]]), torch.tensor([[1.0], [0], [0], [1]])),
            "breaks for large logits",
            "Right for small logits, and not at 200: half of these samples should cost 0, the other half 200.",
        ),
        Case(
            "large and small together",
            "logits 200, 0.25, -0.5, 1 and y 1, 0, 1, 1",
            (torch.tensor([[200.0], [0.25], [-0.5], [1.0]]), torch.tensor([[1.0], [0], [1], [1]])),
            "one large logit spoils the others",
            "Small logits come out right among themselves, and not beside one of 200. If you choose between two forms, "
            "choose for each row, not for the whole batch.",
        ),
        Case("a batch of 1", "one sample", (torch.tensor([[0.5]]), torch.tensor([[1.0]]))),
    ],
    _STABLE_LOGLOSS_MISTAKES,
    "Right, at any logit. This is why a loss should be given logits, not probabilities.",
    shape="(), a single number",
    gradients=True,
    far=Case(
        "gradients at large logits",
        "logits 200, -200, 0.5 and y 0, 1, 1",
        (torch.tensor([[200.0], [-200], [0.5]]), torch.tensor([[0.0], [1], [1]])),
        "gradient lost at large logits",
        "The numbers are right at a logit of 200, and the gradient isn't. `torch.where` computes both of its branches, "
        "and if exp overflows in the one that isn't chosen, the gradient is 0 times infinity, nan: never give exp a "
        "positive number, as with -|z|. What is cut off (`clamp`, `min`) has no gradient at all.",
    ),
    data=("y",),
    rows=some_rows(0, 1),
    per="mean",
    own=(recipes_counts.STABLE_LOGLOSS, _other_logits),
    columns=lambda *args: ["loss"],
    divisor=lambda z, y: {
        "the number of samples": len(y),
        "the number of clicks": float(y.sum()),
        "the number of non-clicks": float((1 - y).sum()),
        "the number of samples less 1": len(y) - 1,
        "the number of samples squared": len(y) ** 2,
    },
    other="Work out what each sample costs, -log of the probability that its label got, then their mean.",
)
