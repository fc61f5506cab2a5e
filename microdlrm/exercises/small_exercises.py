"""The small exercises: for each its right answer, the inputs to try, and the mistakes to recognise. Spoilers."""

import math
from itertools import combinations, pairwise

import torch
import torch.nn.functional as F

from microdlrm.exercises.task import Case, Mistake, Task, small_whole_numbers

# --- chapter 1: clicks


def _smoothed_mean(sums, counts, prior, k):
    return torch.stack([(s + k * prior) / (c + k) for s, c in zip(sums, counts, strict=True)])  # (n,)


def _smoothed_mean_mistakes():
    mean = "This is the plain mean: it believes a movie with one rating as firmly as one with hundreds"
    yield Mistake("plain mean", f"{mean}, and it is nan where the count is 0.", lambda s, c, p, k: s / c)
    yield Mistake(
        "plain mean", f"{mean}. Dividing by at least 1 only hides the 0/0.", lambda s, c, p, k: s / c.clamp(min=1)
    )
    yield Mistake(
        "prior only where nothing is known",
        f"{mean}. The prior should pull on every mean, the more the smaller the count.",
        lambda s, c, p, k: torch.where(c > 0, s / c, p),
    )
    yield Mistake(
        "k missing below",
        "You added k imagined ratings to the sum, and forgot to count them.",
        lambda s, c, p, k: (s + k * p) / c,
    )
    yield Mistake(
        "prior missing above",
        "You counted k imagined ratings, and forgot to add what they are worth to the sum: all means shrink "
        "towards 0 rather than towards the prior.",
        lambda s, c, p, k: s / (c + k),
    )
    yield Mistake(
        "prior not weighted",
        "You added the prior once, while k imagined ratings are counted. Each of the k is worth the prior.",
        lambda s, c, p, k: (s + p) / (c + k),
    )
    yield Mistake(
        "prior not used",
        "You added k itself: each imagined rating counts as 1 rather than as the prior.",
        lambda s, c, p, k: (s + k) / (c + k),
    )
    yield Mistake(
        "k ignored",
        "You added one imagined rating whatever k says. There should be k of them.",
        lambda s, c, p, k: (s + p) / (c + 1),
    )
    yield Mistake(
        "mean where the sum is due",
        "You divided twice: the mean stands where the sum should.",
        lambda s, c, p, k: (s / c.clamp(min=1) + k * p) / (c + k),
    )
    yield Mistake(
        "half and half",
        "You took the average of mean and prior. Their weights should depend on the count.",
        lambda s, c, p, k: (s / c.clamp(min=1) + p) / 2,
    )


SMOOTHED_MEAN = Task(
    "smoothed_mean(sums, counts, prior, k)",
    _smoothed_mean,
    [
        Case(
            "",
            "four movies, prior 0.5, k = 5",
            (torch.tensor([3.0, 0, 5, 40]), torch.tensor([4.0, 0, 5, 80]), 0.5, 5.0),
        ),
        Case(
            "other priors and k",
            "prior 0.25, k = 2",
            (torch.tensor([1.0, 2]), torch.tensor([1.0, 7]), 0.25, 2.0),
            "prior or k hard-coded",
            "Right for one prior and one k only: take both from the arguments.",
        ),
        Case("one movie", "one movie", (torch.tensor([2.0]), torch.tensor([3.0]), 0.5, 5.0)),
    ],
    _smoothed_mean_mistakes,
    "Right. With no ratings you get the prior; with many, all but the plain mean.",
    shape="(n,), one mean a movie",
    other="Take the second movie: no ratings at all. What should come out? Then one with k ratings.",
)


def _leave_one_out_mean(groups, values, prior):
    means = []
    for i, group in enumerate(groups):
        others = [v for j, v in enumerate(values) if groups[j] == group and j != i]
        means.append(sum(others) / len(others) if others else torch.tensor(prior))
    return torch.stack(means)  # (N,)


def _sums_and_counts(groups, values):
    same = (groups[:, None] == groups).float()  # (N, N)
    return same @ values, same.sum(1)


def _leave_one_out_mistakes():
    def alone(otherwise):
        """Right where a row has company, `otherwise` where it is alone in its group."""

        def formula(g, v, p):
            s, c = _sums_and_counts(g, v)
            return torch.where(c > 1, (s - v) / (c - 1), otherwise(v, p))

        return formula

    def of_group(make):
        return lambda g, v, p: make(*_sums_and_counts(g, v), v, p)

    own = "The row's own value is still in its mean: this is the leak that the exercise is about."
    yield Mistake("own row included", own, of_group(lambda s, c, v, p: s / c))
    yield Mistake(
        "groups ignored",
        "You left the row out, and averaged over all the others. Only those of the same group are due.",
        lambda g, v, p: (v.sum() - v) / (len(v) - 1),
    )
    yield Mistake(
        "groups ignored", "This is the mean of all rows, whatever their group.", lambda g, v, p: v.mean().expand(len(v))
    )
    nothing = "Where a row is alone in its group there is no other row, and the prior is due: you have "
    yield Mistake("nan for a row alone", nothing + "nan, from 0/0.", alone(lambda v, p: v * torch.nan))
    yield Mistake("0 for a row alone", nothing + "0.", alone(lambda v, p: v * 0))
    yield Mistake("own value for a row alone", nothing + "its own value, which leaks.", alone(lambda v, p: v))
    yield Mistake(
        "overall mean for a row alone", nothing + "the mean of all rows.", alone(lambda v, p: v.mean().expand(len(v)))
    )
    count = "You took the row out of the sum, and still count it."
    yield Mistake("own row still counted", count, of_group(lambda s, c, v, p: (s - v) / c))
    yield Mistake("own row still counted", count, of_group(lambda s, c, v, p: torch.where(c > 1, (s - v) / c, p)))
    count = "You count one row less, and its value is still in the sum."
    yield Mistake("own row still in the sum", count, of_group(lambda s, c, v, p: s / (c - 1)))
    yield Mistake("own row still in the sum", count, of_group(lambda s, c, v, p: torch.where(c > 1, s / (c - 1), p)))
    yield Mistake(
        "sum where a mean is due",
        "You have the sum of the other rows. Divide it by how many they are.",
        of_group(lambda s, c, v, p: s - v),
    )
    yield Mistake(
        "sum where a mean is due",
        "You have the sum of the other rows. Divide it by how many they are.",
        of_group(lambda s, c, v, p: torch.where(c > 1, s - v, p)),
    )
    yield Mistake(
        "earlier rows only",
        "You average over the earlier rows of the group. All the others are due, later ones too.",
        lambda g, v, p: torch.stack(
            [v[:i][g[:i] == g[i]].mean() if (g[:i] == g[i]).any() else torch.tensor(p) for i in range(len(v))]
        ),
    )
    yield Mistake(
        "one number a group",
        "You return one number a group. Each row needs its own, since each leaves out another value.",
        lambda g, v, p: torch.stack([v[g == k].mean() for k in g.unique()]),
    )


LEAVE_ONE_OUT_MEAN = Task(
    "leave_one_out_mean(groups, values, prior)",
    _leave_one_out_mean,
    [
        Case(
            "",
            "groups 2, 0, 2, 1, 0, 2, 0 and values 1, 4, 5, 3, 2, 9, 7",
            (torch.tensor([2, 0, 2, 1, 0, 2, 0]), torch.tensor([1.0, 4, 5, 3, 2, 9, 7]), 0.5),
        ),
        Case(
            "other priors",
            "prior 4",
            (torch.tensor([0, 1, 1]), torch.tensor([1.0, 2, 6]), 4.0),
            "prior hard-coded",
            "Right for one prior only: take it from the argument.",
        ),
        Case(
            "group ids with gaps",
            "groups 40, 7, 40",
            (torch.tensor([40, 7, 40]), torch.tensor([1.0, 2, 6]), 0.5),
            "group ids taken for positions",
            "The groups' ids needn't be 0, 1, 2, …: 7 and 40 are ids as well.",
        ),
        Case("one row", "one row", (torch.tensor([3]), torch.tensor([2.0]), 0.5)),
    ],
    _leave_one_out_mistakes,
    "Right. No row sees its own value, and a row alone gets the prior.",
    shape="(N,), one mean a row",
    other="Take the rows of group 0: values 4, 2 and 7. The first should get the mean of 2 and 7.",
)


# --- chapter 2: embeddings


def _offsets_from_lengths(lengths):
    return torch.tensor([sum(lengths[:b].tolist()) for b in range(len(lengths))])  # (B,)


def _offsets_mistakes():
    yield Mistake(
        "lengths returned", "These are the lengths. An offset says where a bag starts, not how long it is.", lambda n: n
    )
    ends = "These are where the bags end. Each starts where the one before it ended, the first at 0."
    yield Mistake("ends instead of starts", ends, lambda n: n.cumsum(0))
    yield Mistake(
        "one too many",
        "You have B + 1 numbers: the last is where the last bag ends. `EmbeddingBag` knows that from the ids' length; "
        "B numbers are due.",
        lambda n: torch.cat([n.new_zeros(1), n.cumsum(0)]),
    )
    yield Mistake(
        "the first 0 missing",
        "You lack the first number: bag 0 starts at 0.",
        lambda n: n.cumsum(0)[:-1],
    )
    yield Mistake(
        "one id a bag assumed",
        "0, 1, 2, … is right if every bag holds one id. These hold more, and some hold none.",
        lambda n: torch.arange(len(n)),
    )
    yield Mistake(
        "counted from 1", "Your first bag starts at 1. Positions count from 0.", lambda n: n.cumsum(0) - n + 1
    )
    yield Mistake("last position instead of start", "These are the bags' last positions.", lambda n: n.cumsum(0) - 1)
    yield Mistake(
        "lengths shifted",
        "You moved the lengths along by one, and did not add them up: a bag starts behind *all* those before it.",
        lambda n: torch.cat([n.new_zeros(1), n[:-1]]),
    )


OFFSETS_FROM_LENGTHS = Task(
    "offsets_from_lengths(lengths)",
    _offsets_from_lengths,
    [
        Case("", "lengths 2, 3, 0, 1, 4", (torch.tensor([2, 3, 0, 1, 4]),)),
        Case("one bag", "lengths 3", (torch.tensor([3]),)),
        Case("empty bags", "lengths 0, 0, 2, 0", (torch.tensor([0, 0, 2, 0]),)),
    ],
    _offsets_mistakes,
    "Right. An empty bag starts where the next one does.",
    shape="(B,), one start a bag",
    columns=lambda lengths: [f"bag {b}" for b in range(len(lengths))],
    other="Write the bags' ids in one row, one bag after another. At which position does each bag begin?",
)


def _spans(indices, offsets):
    """Where each bag starts and ends."""
    return pairwise([*offsets.tolist(), len(indices)])


def _embedding_bag(weight, indices, offsets):
    return torch.stack([weight[indices[a:b]].sum(0) for a, b in _spans(indices, offsets)])  # (B, d)


def _embedding_bag_mistakes():
    def bags(row, spans=_spans):
        return lambda w, i, o: torch.stack([row(w[i[a:b]]) for a, b in spans(i, o)])

    def total(rows):
        return rows.sum(0)

    yield Mistake(
        "one id a bag assumed",
        "You took one row for each bag, its first. A bag holds as many ids as lie before the next offset.",
        lambda w, i, o: w[i[o.clamp(max=len(i) - 1)]],
    )
    yield Mistake("one id a bag assumed", "You took the first B ids, one for each bag.", lambda w, i, o: w[i[: len(o)]])
    yield Mistake(
        "rows not summed",
        "You have one row for each id. Each bag's rows are still to be added up.",
        lambda w, i, o: w[i],
    )
    yield Mistake(
        "offsets taken for ids",
        "You looked up the offsets. They are positions in `indices`; the ids stand there.",
        lambda w, i, o: w[o],
    )
    mean = "You averaged the rows of a bag. Their sum is due"
    yield Mistake("mean instead of sum", f"{mean}; your empty bags are nan, from 0/0.", bags(lambda r: r.mean(0)))
    yield Mistake("mean instead of sum", f"{mean}.", bags(lambda r: r.sum(0) / max(1, len(r))))
    yield Mistake(
        "max instead of sum",
        "You took the largest number of each column. The sum is due.",
        bags(lambda r: r.amax(0) if len(r) else r.sum(0)),
    )
    last = "The last bag has no offset behind it: it ends where `indices` does."
    yield Mistake("last bag missing", last, bags(total, lambda i, o: pairwise(o.tolist())))
    yield Mistake("last bag empty", last, bags(total, lambda i, o: pairwise([*o.tolist(), int(o[-1])])))
    yield Mistake(
        "last id left out",
        "The very last id is in none of your bags. A slice ends *before* its second number.",
        bags(total, lambda i, o: pairwise([*o.tolist(), len(i) - 1])),
    )
    yield Mistake(
        "offsets taken for lengths",
        "You used an offset as the number of ids in its bag. It says where the bag starts.",
        bags(total, lambda i, o: pairwise([0, *o.cumsum(0).tolist()])),
    )
    yield Mistake(
        "bags start at the beginning",
        "Each of your bags starts at position 0. It starts at its own offset.",
        bags(total, lambda i, o: ((0, b) for _, b in _spans(i, o))),
    )
    yield Mistake(
        "bags run to the end",
        "Each of your bags runs to the end of `indices`. It ends where the next one starts.",
        bags(total, lambda i, o: ((a, len(i)) for a in o.tolist())),
    )
    yield Mistake(
        "empty bags filled",
        "A bag between two equal offsets is empty: zeros. You gave it the row that comes next.",
        bags(total, lambda i, o: ((a, max(b, a + 1)) for a, b in _spans(i, o))),
    )
    yield Mistake(
        "repeated ids dropped",
        "An id that comes twice in a bag counts twice. You counted it once.",
        lambda w, i, o: torch.stack([w[i[a:b].unique()].sum(0) for a, b in _spans(i, o)]),
    )
    yield Mistake(
        "empty bags dropped",
        "An empty bag has a row as well, of zeros. You left it out.",
        lambda w, i, o: torch.stack([w[i[a:b]].sum(0) for a, b in _spans(i, o) if b > a]),
    )
    yield Mistake(
        "summed over the columns",
        "You added up along a row. The rows of a bag are added to each other: d numbers remain.",
        bags(lambda r: r.sum(1).sum(0, keepdim=True)),
    )


_WEIGHT = small_whole_numbers(7, 3, seed=3)
EMBEDDING_BAG = Task(
    "embedding_bag(weight, indices, offsets)",
    _embedding_bag,
    [
        Case(
            "",
            "indices 6, 1, 4, 4, 0, 2, 5 and offsets 0, 2, 2, 5",
            (_WEIGHT, torch.tensor([6, 1, 4, 4, 0, 2, 5]), torch.tensor([0, 2, 2, 5])),
        ),
        Case("one bag", "one bag of three ids", (_WEIGHT, torch.tensor([2, 2, 6]), torch.tensor([0]))),
        Case(
            "empty bags",
            "offsets 0, 0, 2, 2: the first bag and the last are empty",
            (_WEIGHT, torch.tensor([5, 1]), torch.tensor([0, 0, 2, 2])),
            "empty bags",
            "An empty bag is a row of zeros, at the beginning and at the end too.",
        ),
        Case(
            "other widths",
            "d = 5",
            (small_whole_numbers(9, 5, seed=4), torch.tensor([8, 0, 3, 3]), torch.tensor([0, 1, 3])),
            "sizes hard-coded",
            "Right for one size only: take rows, width and number of bags from the arguments.",
        ),
    ],
    _embedding_bag_mistakes,
    "Right. This is what `EmbeddingBag` computes, without ever making the rows one by one.",
    shape="(B, d), one row a bag",
    gradients=True,
    other="Take bag 0: the ids from position 0 up to, not including, position 2. Add up their rows.",
)


# --- chapter 3: MLPs


def _mlp_cost(widths):
    parameters = flops = 0
    for n, m in pairwise(widths):
        parameters += n * m + m
        flops += 2 * n * m
    return parameters, flops


def _mlp_cost_mistakes():
    def cost(parameters, flops, layers=pairwise):
        return lambda w: tuple(sum(f(n, m) for n, m in layers(w)) for f in (parameters, flops))

    def p(n, m):
        return n * m + m

    def f(n, m):
        return 2 * n * m

    twice = "A multiply-add is two operations: you counted it as one."
    bias = "Each layer also has a bias, one number for each of its outputs."
    yield Mistake("biases forgotten", bias, cost(lambda n, m: n * m, f))
    yield Mistake("biases forgotten", f"{bias} Besides: {twice}", cost(lambda n, m: n * m, lambda n, m: n * m))
    yield Mistake("multiply-adds counted once", twice, cost(p, lambda n, m: n * m))
    yield Mistake("multiply-adds counted once", f"{twice} And biases count for none.", cost(p, p))
    yield Mistake(
        "bias adds counted",
        "You counted the adding of the biases. By the convention of this exercise it is left out.",
        cost(p, lambda n, m: 2 * n * m + m),
    )
    yield Mistake(
        "twice the parameters",
        "You doubled the parameters. A bias is one of them, and costs no FLOPs by this convention.",
        cost(p, lambda n, m: 2 * (n * m + m)),
    )
    yield Mistake(
        "a bias for each input",
        "You counted as many biases as a layer has inputs. It has one for each output.",
        cost(lambda n, m: n * m + n, f),
    )
    yield Mistake(
        "one bias a layer", "A layer has one bias for each output, not one in all.", cost(lambda n, m: n * m + 1, f)
    )
    missing = "The widths name inputs *and* outputs: k widths make k - 1 layers. You left out the "
    yield Mistake("last layer missing", missing + "last.", cost(p, f, lambda w: pairwise(w[:-1])))
    yield Mistake("first layer missing", missing + "first.", cost(p, f, lambda w: pairwise(w[1:])))
    yield Mistake("answers exchanged", "Parameters come first, then FLOPs.", lambda w: _mlp_cost(w)[::-1])
    yield Mistake(
        "every width with every other",
        "You multiplied every width with every later one. A layer joins neighbours only.",
        cost(p, f, lambda w: combinations(w, 2)),
    )
    yield Mistake(
        "only the last layer",
        "You have the cost of the last layer alone. Add up over all of them.",
        cost(p, f, lambda w: pairwise(w[-2:])),
    )


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
        ),
        Case("other depths", "widths (4, 4, 4, 4, 1)", ((4, 4, 4, 4, 1),)),
    ],
    _mlp_cost_mistakes,
    "Right. Twice the weights is the rule of thumb for an MLP's FLOPs a sample, forward.",
    returns="two whole numbers",
    columns=lambda widths: ["parameters", "FLOPs"],
    other="Take one layer, from 7 to 5: how many weights, how many biases, how many multiply-adds?",
)


def _stable_logloss(logits, y):
    losses = [max(z, 0 * z) - z * t + torch.log1p(torch.exp(-abs(z))) for z, t in zip(logits, y, strict=True)]
    return torch.stack(losses).mean()  # ()


def _stable_logloss_mistakes():
    def naive(z, y, tiny=0.0):
        p = torch.sigmoid(z)
        return -(y * torch.log(p + tiny) + (1 - y) * torch.log(1 - p + tiny))

    def clamped(z, y, eps):
        p = torch.sigmoid(z).clamp(eps, 1 - eps)
        return -(y * p.log() + (1 - y) * (1 - p).log())

    def exact(z, y):
        return F.binary_cross_entropy_with_logits(z, y, reduction="none")

    rounded = (
        "Right for small logits. At 50 the sigmoid rounds to exactly 1, and the log of what is left of it is "
        "infinite. Find a form in logits that never takes the log of a rounded probability."
    )
    yield Mistake("log of a rounded probability", rounded, lambda z, y: naive(z, y).mean())
    yield Mistake(
        "log of a rounded probability",
        rounded,
        lambda z, y: F.softplus(-z).mul(y).mean() - ((1 - y) * torch.log(1 - torch.sigmoid(z))).mean(),
    )
    clamp = (
        "You keep the probability, or its log, away from the edge: finite, and wrong. A sample that is off by a logit "
        "of 200 should cost 200, and pull back with its full gradient."
    )
    for eps in (1e-4, 1e-5, 1e-6, 1e-7):
        yield Mistake("clamped", clamp, lambda z, y, eps=eps: clamped(z, y, eps).mean())
    for eps in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-20, 1e-30):
        yield Mistake("clamped", clamp, lambda z, y, eps=eps: naive(z, y, eps).mean())
    yield Mistake("clamped", clamp, lambda z, y: F.binary_cross_entropy(torch.sigmoid(z), y))
    overflow = (
        "Right for small logits. At 200, exp overflows float32 (it ends near 88). Rearrange it so that exp never "
        "gets a positive number."
    )
    yield Mistake("overflow", overflow, lambda z, y: (torch.log(1 + torch.exp(z)) - y * z).mean())
    yield Mistake("overflow", overflow, lambda z, y: (torch.log1p(torch.exp(-z)) + (1 - y) * z).mean())
    yield Mistake(
        "overflow",
        overflow,
        lambda z, y: (y * torch.log1p(torch.exp(-z)) + (1 - y) * torch.log1p(torch.exp(z))).mean(),
    )
    yield Mistake("sum instead of mean", "You added the samples up. Their mean is due.", lambda z, y: exact(z, y).sum())
    yield Mistake("not averaged", "You have one loss a sample. Their mean is due, a single number.", exact)
    yield Mistake("sign", "Your loss is negative: a minus is missing.", lambda z, y: -exact(z, y).mean())
    yield Mistake(
        "labels exchanged",
        "You charge y = 1 what y = 0 should pay: clicks and non-clicks have changed places.",
        lambda z, y: exact(-z, y).mean(),
    )
    term = "Only samples with y = {} cost anything in yours. The others have a term of their own."
    yield Mistake("a term missing", term.format(1), lambda z, y: (y * exact(z, y)).mean())
    yield Mistake("a term missing", term.format(0), lambda z, y: ((1 - y) * exact(z, y)).mean())
    yield Mistake(
        "sigmoid twice",
        "You squashed the logits, and gave the result to something that squashes once more.",
        lambda z, y: exact(torch.sigmoid(z), y).mean(),
    )
    yield Mistake(
        "another base",
        "You took the logarithm to base 2. The natural one is due.",
        lambda z, y: exact(z, y).mean() / math.log(2),
    )
    yield Mistake(
        "another base",
        "You took the logarithm to base 10. The natural one is due.",
        lambda z, y: exact(z, y).mean() / math.log(10),
    )
    yield Mistake(
        "squared error",
        "This is the mean squared error of the probabilities. The cross-entropy is due.",
        lambda z, y: ((torch.sigmoid(z) - y) ** 2).mean(),
    )


STABLE_LOGLOSS = Task(
    "stable_logloss(logits, y)",
    _stable_logloss,
    [
        Case(
            "",
            "logits 2, -1, 0.5, -3, 1.5 and y 1, 0, 0, 1, 1",
            (torch.tensor([[2.0], [-1], [0.5], [-3], [1.5]]), torch.tensor([[1.0], [0], [0], [1], [1]])),
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
        Case("a batch of 1", "one sample", (torch.tensor([[0.5]]), torch.tensor([[1.0]]))),
    ],
    _stable_logloss_mistakes,
    "Right, at any logit. This is why a loss should be given logits, not probabilities.",
    shape="(), a single number",
    gradients=True,
    columns=lambda *args: ["loss"],
    other="Take one sample with logit 0: whatever y is, it should cost log 2.",
)


# --- chapter 4: interaction


def _interaction_width(n_tables, m_spa, d, kind):
    if kind == "concat":
        return d + sum(m_spa for _ in range(n_tables))
    return d + sum(1 for _ in combinations(range(1 + n_tables), 2))


def _interaction_width_mistakes():
    def dot(width):
        return lambda t, m, d, kind: d + t * m if kind == "concat" else width(t, m, d)

    def concat(width):
        return lambda t, m, d, kind: width(t, m, d) if kind == "concat" else _interaction_width(t, m, d, kind)

    yield Mistake(
        "dense vector not counted among the pairs",
        "dot: the dense vector is one of those that pair: n = 1 + n_tables.",
        dot(lambda t, m, d: d + t * (t - 1) // 2),
    )
    yield Mistake(
        "diagonal kept",
        "dot: you count each vector's product with itself. A pair has two different vectors.",
        dot(lambda t, m, d: d + (t + 1) * (t + 2) // 2),
    )
    yield Mistake("both triangles", "dot: you count every pair twice.", dot(lambda t, m, d: d + (t + 1) * t))
    yield Mistake(
        "the whole matrix",
        "dot: you count all n × n products. Each pair counts once.",
        dot(lambda t, m, d: d + (t + 1) ** 2),
    )
    dense = "The dense vector itself, d numbers, goes to the top MLP as well."
    yield Mistake("dense vector missing", f"dot: {dense}", dot(lambda t, m, d: (t + 1) * t // 2))
    yield Mistake("dense vector missing", f"concat: {dense}", concat(lambda t, m, d: t * m))
    yield Mistake(
        "dense vector missing",
        dense,
        lambda t, m, d, kind: t * m if kind == "concat" else (t + 1) * t // 2,
    )
    yield Mistake(
        "pairs times width",
        "dot: a pair gives one number, not d of them.",
        dot(lambda t, m, d: d + d * (t + 1) * t // 2),
    )
    yield Mistake(
        "one table only",
        "concat: each table contributes m_spa numbers. You count one table.",
        concat(lambda t, m, d: d + m),
    )
    yield Mistake(
        "dense vector taken for a table",
        "concat: the dense vector is d wide; only the tables' rows are m_spa wide.",
        concat(lambda t, m, d: (t + 1) * m),
    )
    yield Mistake(
        "all widths taken to be d",
        "concat: the tables' rows are m_spa wide; only the dense vector is d wide.",
        concat(lambda t, m, d: (t + 1) * d),
    )
    yield Mistake("one kind only", "You give the width of concat for both kinds.", lambda t, m, d, kind: d + t * m)
    yield Mistake(
        "one kind only", "You give the width of dot for both kinds.", lambda t, m, d, kind: d + (t + 1) * t // 2
    )


_KIND = "It went wrong for this kind: read its formula once more."
INTERACTION_WIDTH = Task(
    "interaction_width(n_tables, m_spa, d, kind)",
    _interaction_width,
    [
        Case("", '5 tables, m_spa = 4, d = 7, "dot"', (5, 4, 7, "dot")),
        Case("concat", '5 tables, m_spa = 4, d = 7, "concat"', (5, 4, 7, "concat"), "wrong width", _KIND),
        Case("other sizes", '26 tables, m_spa = 128, d = 128, "dot"', (26, 128, 128, "dot"), "wrong width", _KIND),
        Case("other sizes", '1 table, m_spa = 3, d = 2, "dot"', (1, 3, 2, "dot"), "wrong width", _KIND),
    ],
    _interaction_width_mistakes,
    "Right. Concat grows with the tables' number and width, dot with their number squared and not with the width.",
    returns="one whole number",
    columns=lambda *args: ["width"],
    other="Draw the vectors as points and join every two of them: how many lines, for how many points?",
)


# --- chapter 6: training


def _auc(tie, compare=torch.gt):
    def formula(scores, labels):
        p, q = scores[labels == 1][:, None], scores[labels == 0]
        return float((compare(p, q).float() + tie * (p == q)).mean())

    return formula


def _auc_mistakes():
    tie = "A click and a non-click of equal score count half. You counted such a pair as "
    yield Mistake("ties count nothing", tie + "wrong.", _auc(0.0))
    yield Mistake("ties count in full", tie + "right.", _auc(1.0))

    def by_position(s, y):
        ranks = torch.empty(len(s)).index_copy(0, s.argsort(stable=True), torch.arange(1.0, len(s) + 1))
        m = y.sum()
        return float((ranks[y == 1].sum() - m * (m + 1) / 2) / (m * (len(y) - m)))

    positions = (
        "Sorting gives tied scores different ranks, by where they stood. Tied scores share the mean of their ranks."
    )
    yield Mistake("ties broken by position", positions, by_position)
    yield Mistake("upside down", "Yours is 1 - AUC: clicks should have the *higher* scores.", _auc(0.5, torch.lt))
    yield Mistake(
        "accuracy",
        "This is the accuracy at a threshold of 0.5. AUC needs no threshold.",
        lambda s, y: float(((s >= 0.5) == y.bool()).float().mean()),
    )
    yield Mistake(
        "not divided",
        "You have the number of pairs ranked right. Divide by the number of all (click, non-click) pairs.",
        lambda s, y: _auc(0.5)(s, y) * float(y.sum() * (1 - y).sum()),
    )
    yield Mistake(
        "divided by all rows",
        "You divided by N². Only pairs of a click and a non-click count.",
        lambda s, y: _auc(0.5)(s, y) * float(y.sum() * (1 - y).sum()) / len(s) ** 2,
    )

    def undiminished(first):
        def formula(s, y):
            below = (s[:, None] > s).float().sum(1)
            ranks = first + below + ((s[:, None] == s).float().sum(1) - 1) / 2
            return float(ranks[y == 1].sum() / (y.sum() * (1 - y).sum()))

        return formula

    pairs = (
        "A click's rank also counts the clicks below it. Take off what the clicks would have if they were alone, so "
        "that only non-clicks remain."
    )
    yield Mistake("clicks against clicks counted", pairs, undiminished(first=1))
    yield Mistake("clicks against clicks counted", pairs, undiminished(first=0))
    yield Mistake(
        "ranks from 0",
        "Your ranks start at 0, and what you take off is meant for ranks that start at 1.",
        lambda s, y: _auc(0.5)(s, y) - float(1 / (1 - y).sum()),
    )


AUC_FROM_RANKS = Task(
    "auc_from_ranks(scores, labels)",
    _auc(0.5),
    [
        Case(
            "",
            "nine scores, three ties",
            (
                torch.tensor([0.9, 0.4, 0.4, 0.7, 0.2, 0.6, 0.6, 0.2, 0.1]),
                torch.tensor([1.0, 1, 0, 0, 0, 1, 0, 1, 1]),
            ),
        ),
        Case("all tied", "four equal scores", (torch.full((4,), 0.3), torch.tensor([1.0, 0, 0, 1]))),
        Case("scores below 0", "scores -3, -1, 2", (torch.tensor([-3.0, -1, 2]), torch.tensor([0.0, 1, 0]))),
        Case(
            "more rows",
            "40 rows, many ties",
            (small_whole_numbers(40, seed=8), (small_whole_numbers(40, seed=9) > 0).float()),
        ),
    ],
    _auc_mistakes,
    "Right, ties included.",
    returns="one number",
    columns=lambda *args: ["AUC"],
    other="Write down every (click, non-click) pair, 1 if the click is higher, ½ if tied, and average.",
)


def _feature_of_held_out(rows, scale=1.0):
    """A feature that is the sum of labels over the held-out rows `rows`, the same for every row."""

    def feature(y, train):
        return (y * ~train)[rows].sum().mul(scale).expand(len(y))

    return feature


def _feature_of_training(y, train):
    return (y * train).cumsum(0)


def _feature_leaks_sideways(y, train):
    """Held-out rows move with their neighbour in front, if that is held out as well; training rows never do."""
    held_out = y * ~train
    return (held_out.roll(1) + y) * ~train + (y * train).sum()


def _rows_that_leak(feature, y, train):
    flipped = [1 - label if not known else label for label, known in zip(y, train, strict=True)]
    before, after = feature(y, train), feature(torch.stack(flipped), train)
    return sum(int(b != a) for b, a in zip(before, after, strict=True))


def _rows_that_leak_mistakes():
    def moved(flip, rows=lambda train: slice(None)):
        return lambda f, y, train: int((f(y, train) != f(flip(y, train), train))[rows(train)].sum())

    def held_out(y, train):
        return torch.where(train, y, 1 - y)

    yield Mistake(
        "all labels flipped",
        "You flipped the training labels too. A feature may depend on them: leave them as they are.",
        moved(lambda y, train: 1 - y),
    )
    yield Mistake(
        "training labels flipped",
        "You flipped the training labels and left the held-out ones: the mask says True where a row trains.",
        moved(lambda y, train: torch.where(train, 1 - y, y)),
    )
    yield Mistake(
        "held-out rows only",
        "You counted among the held-out rows. A held-out label can reach the features of training rows as well.",
        moved(held_out, lambda train: ~train),
    )
    yield Mistake(
        "training rows only",
        "You counted among the training rows. The held-out rows' own features can move as well.",
        moved(held_out, lambda train: train),
    )
    yield Mistake(
        "yes or no",
        "You say whether any row moves. How many do?",
        lambda *args: min(_rows_that_leak(*args), 1),
    )
    yield Mistake(
        "rows that stay counted",
        "You counted the rows whose feature stays.",
        lambda f, y, train: len(y) - _rows_that_leak(f, y, train),
    )
    yield Mistake(
        "labels blanked, not flipped",
        "You set the held-out labels to 0. Those that were 0 before haven't changed, and a feature that reads them "
        "stays as it was. Flip them.",
        moved(lambda y, train: y * train),
    )
    yield Mistake(
        "labels blanked, not flipped",
        "You set the held-out labels to 1. Those that were 1 before haven't changed. Flip them.",
        moved(lambda y, train: torch.where(train, y, torch.ones_like(y))),
    )


_Y = torch.tensor([1.0, 0, 0, 1, 1, 0, 1, 0])
_TRAIN = torch.tensor([True, True, False, True, False, False, True, True])
ROWS_THAT_LEAK = Task(
    "rows_that_leak(feature, y, train)",
    _rows_that_leak,
    [
        Case("", "eight rows, a feature that moves on some of them", (_feature_leaks_sideways, _Y, _TRAIN)),
        Case("an honest feature", "a feature of training labels", (_feature_of_training, _Y, _TRAIN)),
        Case("a leak into all rows", "a feature of a held-out label, 0", (_feature_of_held_out([2]), _Y, _TRAIN)),
        Case("a leak into all rows", "a feature of a held-out label, 1", (_feature_of_held_out([4]), _Y, _TRAIN)),
        Case(
            "a small leak",
            "a feature that moves by 0.001",
            (_feature_of_held_out([2], 1e-3), _Y, _TRAIN),
            "misses a leak",
            "A leak can be small. Compare exactly: an honest feature doesn't move at all.",
        ),
    ],
    _rows_that_leak_mistakes,
    "Right. Now let it look at the three features.",
    returns="one whole number",
    columns=lambda *args: ["rows"],
    other="Take a feature that returns y itself: every held-out row should count, and no other.",
)
