"""Round 6 of answers that the checks hadn't seen."""

# ruff: noqa
import collections
import itertools
import math
import numpy as np
import torch
import torch.nn.functional as F

from unseen import right, wrong

@wrong("smoothed_mean", "weights exchanged")
def weights_swapped(sums, counts, prior, k):
    "Knows that it is a weighted mean of the group's mean and the prior, but gives the group the weight k / …"
    own = sums / counts.clamp(min=1)
    weight = k / (counts + k)
    return weight * own + (1 - weight) * prior
@wrong("smoothed_mean", "another recipe", "You take the mean of all ratings at hand for the prior, and")
def prior_worked_out_again(sums, counts, prior, k):
    "The text says 'all at the overall mean m', so the function works m out from its own sums and counts and …"
    overall = sums.sum() / counts.sum()
    return (sums + k * overall) / (counts + k)
@wrong("smoothed_mean", "wrong where counts is at least k", "you have what is due if k were 0")
def smooths_rare_groups_only(sums, counts, prior, k):
    "Smooths groups with fewer than k ratings and leaves the others their plain mean."
    smoothed = (sums + k * prior) / (counts + k)
    return torch.where(counts < k, smoothed, sums / counts)
@wrong("leave_one_out_mean", "earlier rows only")
def only_rows_before(groups, values, prior):
    "A running mean: each row gets the mean of the group's *earlier* rows (as in ordered target encoding), and …"
    total, count = collections.defaultdict(float), collections.Counter()
    out = torch.empty_like(values)
    for row, (group, value) in enumerate(zip(groups.tolist(), values.tolist())):
        out[row] = total[group] / count[group] if count[group] else prior
        total[group] += value
        count[group] += 1
    return out
@wrong("leave_one_out_mean", "rows of a group apart")
def groups_must_stand_together(groups, values, prior):
    "unique_consecutive instead of unique: a group whose rows don't stand next to each other is torn into several."
    _, inverse, counts = torch.unique_consecutive(groups, return_inverse=True, return_counts=True)
    sums = torch.zeros(len(counts), dtype=values.dtype).index_add(0, inverse, values)
    n = counts[inverse]
    others = (sums[inverse] - values) / (n - 1).clamp(min=1)
    return torch.where(n > 1, others, torch.full_like(values, prior))
@wrong("leave_one_out_mean", "left sorted by groups")
def sorted_and_left_sorted(groups, values, prior):
    "Sorts the rows by group, computes all correctly, and returns the answers in the sorted order: they stand at …"
    order = groups.argsort(stable=True)
    groups, values = groups[order], values[order]
    _, inverse, counts = groups.unique(return_inverse=True, return_counts=True)
    sums = torch.zeros(len(counts), dtype=values.dtype).index_add(0, inverse, values)
    n = counts[inverse]
    return torch.where(n > 1, (sums[inverse] - values) / (n - 1), torch.tensor(float(prior)))
@wrong("leave_one_out_mean", "rows told apart by value")
def excludes_equal_values_too(groups, values, prior):
    "Tells 'me' from 'the others' by the value: rows of the group that have the same value as this row are left …"
    out = []
    for group, value in zip(groups, values):
        others = values[(groups == group) & (values != value)]
        out.append(others.mean() if len(others) else torch.tensor(float(prior)))
    return torch.stack(out)
@right("leave_one_out_mean")
def everybody_with_everybody(groups, values, prior):
    "A matrix of who is in whose group, its diagonal struck out, times the values."
    mates = (groups[:, None] == groups).to(values.dtype).fill_diagonal_(0)
    means = (mates @ values) / mates.sum(1)
    return torch.where(means.isnan(), torch.full_like(values, prior), means)
@wrong("offsets_from_lengths", "another recipe", "the first bag's length is taken off everywhere")
def ends_less_the_first_length(lengths):
    "The running sum starts too high, so the first length is subtracted everywhere, 'so that it starts at 0'."
    return lengths.cumsum(0) - lengths[0]
@wrong("offsets_from_lengths", "numbers missing", "You have the numbers that are due, each number once only")
def each_start_once(lengths):
    "Tidies the starts up with unique(): an empty bag has the same start as the bag behind it, and one of the two …"
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)[:-1]])
    return starts.unique()
@wrong("offsets_from_lengths", "another recipe", "an empty bag is taken to hold one id")
def an_empty_bag_takes_a_place(lengths):
    "Counts an empty bag as if it held one id, so that no two offsets are equal."
    places = lengths.clamp(min=1)
    return places.cumsum(0) - places
@wrong("embedding_bag", "index -1")
def running_sum_wraps_around(weight, indices, offsets):
    "Difference of running sums at (end - 1) and (start - 1)."
    running = weight[indices].cumsum(0)
    ends = torch.cat([offsets[1:], torch.tensor([len(indices)])])
    return running[ends - 1] - running[offsets - 1]
@wrong("embedding_bag", "repeated ids dropped")
def each_id_once_a_bag(weight, indices, offsets):
    "Takes a bag for a set: an id that stands twice in a bag is added once."
    bounds = [*offsets.tolist(), len(indices)]
    return torch.stack([weight[indices[a:b].unique()].sum(0) for a, b in itertools.pairwise(bounds)])
@wrong("embedding_bag", "rows overwritten")
def plus_equals_keeps_the_last(weight, indices, offsets):
    "out[bag] += rows with repeated positions in bag: the additions don't pile up, only the last row of each bag …"
    lengths = torch.diff(offsets, append=torch.tensor([len(indices)]))
    bag = torch.repeat_interleave(torch.arange(len(offsets)), lengths)
    out = torch.zeros(len(offsets), weight.shape[1], dtype=weight.dtype)
    out[bag] += weight[indices]
    return out
@wrong("embedding_bag", "padding counted")
def padded_with_row_zero(weight, indices, offsets):
    "Pads all bags to the longest with id 0 and sums without a mask: shorter bags get row 0 added for each …"
    bounds = [*offsets.tolist(), len(indices)]
    bags = [indices[a:b] for a, b in itertools.pairwise(bounds)]
    padded = torch.nn.utils.rnn.pad_sequence(bags, batch_first=True, padding_value=0)
    return weight[padded].sum(1)
@right("embedding_bag")
def running_sum_in_double(weight, indices, offsets):
    "Differences of running sums, with a zero in front, in float64 so that nothing is lost."
    zero = torch.zeros(1, weight.shape[1], dtype=torch.float64)
    running = torch.cat([zero, weight[indices].double().cumsum(0)])
    ends = torch.cat([offsets[1:], torch.tensor([len(indices)])])
    return (running[ends] - running[offsets]).to(weight.dtype)
@wrong("mlp_cost", "a bias for each input")
def biases_of_the_inputs(widths):
    "Gives each layer a bias for every number that comes *in*, not for every one that goes out."
    layers = list(zip(widths[:-1], widths[1:]))
    return sum(a * b + a for a, b in layers), 2 * sum(a * b for a, b in layers)
@wrong("mlp_cost", "twice the parameters")
def flops_are_twice_the_parameters(widths):
    "Two FLOPs for each parameter: that counts a multiply-add for each bias, too."
    parameters = 0
    for a, b in itertools.pairwise(widths):
        parameters += (a + 1) * b
    return parameters, 2 * parameters
@wrong("mlp_cost", "widths found by their value")
def finds_layers_by_their_width(widths):
    "Looks for the next layer with .index(width) and stops at the last *width*: where a width comes twice, the …"
    parameters = flops = 0
    for a in widths:
        if a == widths[-1]:
            break
        b = widths[widths.index(a) + 1]
        parameters += a * b + b
        flops += 2 * a * b
    return parameters, flops
@wrong("stable_logloss", "another recipe", "clicks and non-clicks are averaged apart, and these two mean")
def clicks_and_others_equally(logits, y):
    "Averages clicks and non-clicks apart and takes the mean of the two means: each class weighs one half, …"
    loss = F.softplus((1 - 2 * y) * logits)
    present = [loss[y == label].mean() for label in (0, 1) if (y == label).any()]
    return torch.stack(present).mean()
@wrong("stable_logloss", "another recipe", "the logarithm and the exponential are to base 2 (`logaddexp2")
def in_bits(logits, y):
    "logaddexp2 instead of logaddexp: log2(1 + 2^z)."
    signed = torch.where(y == 1, -logits, logits)
    return torch.logaddexp2(torch.zeros_like(signed), signed).mean()
@wrong("stable_logloss", "rows of the batch mixed")
def every_logit_with_every_label(logits, y):
    "Squeezes the logits and not the labels: (B,) times (B, 1) is (B, B), so each logit meets the label of every …"
    z = logits.squeeze(1)
    return (z.clamp(min=0) - z * y + torch.log1p(torch.exp(-z.abs()))).mean()
@wrong("stable_logloss", "breaks for large logits", "the logits are cut off at 80")
def logits_cut_off(logits, y):
    "Prevents the overflow by clamping the logits to ±80 first."
    z = logits.clamp(-80, 80)
    return (torch.log(1 + torch.exp(z)) - z * y).mean()
@right("stable_logloss")
def two_classes_one_logit_zero(logits, y):
    "The sigmoid is a softmax over (0, z), so cross_entropy with two classes is the same loss, and stable."
    two = torch.cat([torch.zeros_like(logits), logits], dim=1)
    return F.cross_entropy(two, y.squeeze(1).long())
