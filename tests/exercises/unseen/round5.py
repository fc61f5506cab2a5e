"""Round 5 of answers that the checks hadn't seen."""

# ruff: noqa
import itertools
import math
from collections import Counter, defaultdict
import numpy as np
import torch
import torch.nn.functional as F

from unseen import right, wrong

@wrong("smoothed_mean", "wrong where counts is 0", "yours are nan, from 0/0 or the like")
def sm_weighted_average_of_nan(sums, counts, prior, k):
    "The weighing of raw mean and prior is right on paper, but a group without ratings has the raw mean 0/0 = …"
    mean = sums / counts
    trust = counts / (counts + k)
    return trust * mean + (1 - trust) * prior
@wrong("smoothed_mean", "wrong where counts is at least k", "you have what is due if k were 0")
def sm_only_small_groups(sums, counts, prior, k):
    "Smooths only groups with fewer than k ratings, 'the others have enough'."
    return torch.where(counts < k, (sums + k * prior) / (counts + k), sums / counts.clamp(min=1))
@wrong("smoothed_mean", "another recipe", "k is shared out above")
def sm_k_shared_out(sums, counts, prior, k):
    "Takes k as the number of imagined ratings in all and shares them out over the groups."
    k = k / len(sums)
    return (sums + k * prior) / (counts + k)
@wrong("smoothed_mean", "another recipe", "You take the mean of all ratings at hand for the prior, and")
def sm_own_prior(sums, counts, prior, k):
    "Ignores the prior it is given, and computes an overall mean from the groups at hand."
    overall = sums.sum() / counts.sum()
    return (sums + k * overall) / (counts + k)
@right("smoothed_mean")
def sm_lerp(sums, counts, prior, k):
    "From the prior towards the raw mean, by the share of real ratings; the empty group's raw mean is 0 and isn't …"
    raw = sums / counts.clamp(min=1)
    return torch.lerp(torch.full_like(raw, prior), raw, counts / (counts + k))
@wrong("leave_one_out_mean", "rows of a group apart")
def loo_runs(groups, values, prior):
    "Takes a run of equal ids for a group (unique_consecutive): right if the rows are sorted by group."
    _, inverse, n = groups.unique_consecutive(return_inverse=True, return_counts=True)
    total = torch.bincount(inverse, weights=values)[inverse]
    n = n[inverse]
    return torch.where(n > 1, (total - values) / (n - 1).clamp(min=1), prior).float()
@wrong("leave_one_out_mean", "rows told apart by value")
def loo_others_by_value(groups, values, prior):
    "'Other' is taken as 'with another value': every row of the group that has my value is dropped with me."
    out = []
    for g, v in zip(groups, values):
        others = values[(groups == g) & (values != v)]
        out.append(others.mean() if len(others) else torch.tensor(float(prior)))
    return torch.stack(out)
@wrong("leave_one_out_mean", "a sum of 0 taken for no rows")
def loo_zero_sum_means_none(groups, values, prior):
    "Recognises 'no others' by the others' sum being 0."
    same = (groups[:, None] == groups).float()
    rest = same @ values - values
    n = same.sum(1) - 1
    return torch.where(rest.abs() < 1e-6, torch.full_like(rest, prior), rest / n.clamp(min=1))
@wrong("leave_one_out_mean", "another recipe", "You average over the rows of the *other* groups")
def loo_all_but_my_group(groups, values, prior):
    "'Everyone but me' read as everyone outside my group."
    other = (groups[:, None] != groups).float()
    n = other.sum(1)
    return torch.where(n > 0, (other @ values) / n.clamp(min=1), torch.tensor(float(prior)))
@right("leave_one_out_mean")
def loo_square(groups, values, prior):
    "All rows against all rows, the diagonal struck out; slow but right"
    mates = groups.unsqueeze(1).eq(groups)
    mates.fill_diagonal_(False)
    n = mates.sum(1)
    mean = torch.where(mates, values, torch.zeros(())).sum(1) / n
    return mean.masked_fill(n == 0, prior)
@wrong("offsets_from_lengths", "other lengths", "lengths were without its zeros")
def off_empty_bags_skipped(lengths):
    "Leaves empty bags out: 'nothing starts there'."
    full = lengths[lengths > 0]
    return F.pad(full.cumsum(0), (1, 0))[:-1]
@wrong("offsets_from_lengths", "wrong where lengths is 0", "yours are 0")
def off_first_match(lengths):
    "Numbers each index by its bag and looks for the first place of each number, as R's match() would."
    bag_of = torch.repeat_interleave(torch.arange(len(lengths)), lengths).tolist()
    offsets = torch.zeros(len(lengths), dtype=torch.int64)
    for b in range(len(lengths)):
        if b in bag_of:
            offsets[b] = bag_of.index(b)
    return offsets
@wrong("offsets_from_lengths", "inputs changed")
def off_in_place(lengths):
    "The numbers are right, but they are written over the caller's lengths."
    ends = lengths.cumsum(0)
    lengths[1:] = ends[:-1]
    lengths[:1] = 0
    return lengths
@wrong("offsets_from_lengths", "other lengths", "lengths were everywhere the largest of lengths")
def off_equal_bags(lengths):
    "Takes all bags to be as long as the longest, as in a padded matrix, and returns the starts of its rows."
    return torch.arange(len(lengths)) * lengths.max()
@right("offsets_from_lengths")
def off_strict_triangle(lengths):
    "A strictly lower triangle of ones, times the lengths"
    B = len(lengths)
    return torch.ones(B, B, dtype=torch.int64).tril(-1) @ lengths
@wrong("embedding_bag", "repeated ids dropped")
def bag_as_set(weight, indices, offsets):
    "Treats a bag as a set: an index that occurs twice in a bag is added once."
    ends = offsets.tolist()[1:] + [len(indices)]
    return torch.stack([weight[indices[s:e].unique()].sum(0) for s, e in zip(offsets.tolist(), ends)])
@wrong("embedding_bag", "empty bags filled")
def bag_reduceat(weight, indices, offsets):
    "np.add.reduceat: for an empty bag it gives the row at its start, not zero (and fails at an empty last one)."
    rows = weight.detach().numpy()[indices.numpy()]
    return torch.from_numpy(np.add.reduceat(rows, offsets.numpy(), axis=0))
@wrong("embedding_bag", "index -1")
def bag_cumsum_first_empty(weight, indices, offsets):
    "Differences of running sums, read at the last index of each bag: ends - 1."
    running = weight[indices].cumsum(0)
    ends = torch.cat([offsets[1:], torch.tensor([len(indices)])])
    upto = running[ends - 1]
    return torch.cat([upto[:1], upto[1:] - upto[:-1]])
@wrong("embedding_bag", "another recipe", "You add up the rows of weight that stand at the bag's *posit")
def bag_offsets_into_table(weight, indices, offsets):
    "Slices the table instead of the indices: adds up the rows offsets[b] to offsets[b+1] of weight, and never …"
    ends = offsets.tolist()[1:] + [len(indices)]
    return torch.stack([weight[s:e].sum(0) for s, e in zip(offsets.tolist(), ends)])
@right("embedding_bag")
def bag_counts_matrix(weight, indices, offsets):
    "A matrix of how often each row is in each bag, times the table"
    bag = torch.searchsorted(offsets, torch.arange(len(indices)), right=True) - 1
    counts = torch.zeros(len(offsets), len(weight), dtype=weight.dtype)
    counts.index_put_((bag, indices), torch.ones(len(indices), dtype=weight.dtype), accumulate=True)
    return counts @ weight
@wrong("mlp_cost", "every width with every other")
def cost_all_pairs_of_widths(widths):
    "Joins every width with every later one (combinations)."
    pairs = list(itertools.combinations(widths, 2))
    return sum(a * b + b for a, b in pairs), 2 * sum(a * b for a, b in pairs)
@wrong("mlp_cost", "bias adds counted")
def cost_bias_flops(widths):
    "Counts the biases' additions as FLOPs."
    pairs = list(itertools.pairwise(widths))
    return sum((a + 1) * b for a, b in pairs), sum(2 * a * b + b for a, b in pairs)
@wrong("mlp_cost", "equal layers counted once")
def cost_shared_layers(widths):
    "A set of layer shapes: two layers of the same shape are counted once, as if they shared weights."
    layers = set(itertools.pairwise(widths))
    return sum(a * b + b for a, b in layers), sum(2 * a * b for a, b in layers)
@wrong("mlp_cost", "a bias for each input")
def cost_bias_of_input(widths):
    "One bias for each number that goes *in*: a*b + a."
    parameters = flops = 0
    for a, b in zip(widths, widths[1:]):
        parameters += a * b + a
        flops += 2 * a * b
    return parameters, flops
@right("mlp_cost")
def cost_by_dot(widths):
    "Products of neighbours as one dot product; the biases are all widths but the first"
    w = [int(v) for v in widths]
    products = sum(map(int.__mul__, w[:-1], w[1:]))
    return products + sum(w) - w[0], products + products
@wrong("stable_logloss", "gradient lost at large logits")
def loss_where_nan_gradient(logits, y):
    "The value is right everywhere, but torch.where computes both branches: e^200 is infinite in the one not …"
    z = logits
    soft = torch.where(z > 0, z + torch.log1p(torch.exp(-z)), torch.log1p(torch.exp(z)))
    return (soft - y * z).mean()
@wrong("stable_logloss", "another recipe", "log σ(y z) is meant for labels -1 and 1")
def loss_zero_isnt_minus_one(logits, y):
    "Uses log sigma(y z), which is meant for labels -1 and 1."
    return -F.logsigmoid(y * logits).mean()
@wrong("stable_logloss", "one large logit spoils the others")
def loss_one_large_spoils_all(logits, y):
    "Chooses the form for the whole batch: one large logit, and all rows lose their log(1 + e^-|z|)."
    if logits.abs().max() < 20:
        return (torch.log1p(logits.exp()) - y * logits).mean()
    return (logits.relu() - y * logits).mean()
@wrong("stable_logloss", "breaks for large logits", "the logits are cut off at 20")
def loss_clipped_logits(logits, y):
    "Cuts the logits off at 20 so that nothing overflows."
    z = logits.clamp(-20, 20)
    return (torch.log1p(torch.exp(z)) - y * z).mean()
@right("stable_logloss")
def loss_logsumexp(logits, y):
    "The two classes' logits are 0 and z: log-sum-exp less the logit of the class that came"
    both = torch.cat([torch.zeros_like(logits), logits], dim=1)
    return (both.logsumexp(1) - logits[:, 0] * y[:, 0]).mean()
