"""Chapter 1's exercises, as learners write them."""

# ruff: noqa
import torch

from mistakes import wrong


@wrong("plain mean", "nan", "smoothed_mean")
def plain(sums, counts, prior, k):
    return sums / counts


@wrong("plain mean", "0/0", "smoothed_mean")
def plain_safe(sums, counts, prior, k):
    return sums / torch.clamp(counts, min=1)


@wrong("prior not weighted", "Each of the k", "smoothed_mean")
def prior_once(sums, counts, prior, k):
    return (sums + prior) / (counts + k)


@wrong("k missing below", "count them", "smoothed_mean")
def not_counted(sums, counts, prior, k):
    return (sums + k * prior) / counts


@wrong("prior missing above", "towards 0", "smoothed_mean")
def only_counted(sums, counts, prior, k):
    return sums / (counts + k)


@wrong("prior or k hard-coded", "arguments", "smoothed_mean")
def typed_in(sums, counts, prior, k):
    return (sums + 5 * 0.5) / (counts + 5)


@wrong("mean where the sum is due", "twice", "smoothed_mean")
def divided_twice(sums, counts, prior, k):
    means = sums / counts.clamp(min=1)
    return (means + k * prior) / (counts + k)


@wrong("own row included", "leak", "leave_one_out_mean")
def in_sample(groups, values, prior):
    return torch.stack([values[groups == g].mean() for g in groups])


@wrong("nan for a row alone", "prior", "leave_one_out_mean")
def nan_alone(groups, values, prior):
    out = []
    for i, g in enumerate(groups):
        mask = groups == g
        mask[i] = False
        out.append(values[mask].mean())
    return torch.stack(out)


@wrong("groups ignored", "same group", "leave_one_out_mean")
def all_others(groups, values, prior):
    return (values.sum() - values) / (len(values) - 1)


@wrong("own row still counted", "count", "leave_one_out_mean")
def still_counted(groups, values, prior):
    out = []
    for i, g in enumerate(groups):
        mask = groups == g
        out.append((values[mask].sum() - values[i]) / mask.sum() if mask.sum() > 1 else torch.tensor(prior))
    return torch.stack(out)


@wrong("group ids taken for positions", "ids", "leave_one_out_mean")
def ids_as_positions(groups, values, prior):
    n = len(values)
    total = torch.zeros(n).index_add(0, groups, values)[groups] - values
    count = torch.bincount(groups, minlength=n)[groups] - 1
    return torch.where(count > 0, total / count.clamp(min=1), prior)


@wrong("one number a group", "Each row", "leave_one_out_mean")
def one_a_group(groups, values, prior):
    return torch.stack([values[groups == g].mean() for g in groups.unique()])
