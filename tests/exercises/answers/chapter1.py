"""Answers to chapter 1's exercises as learners write them, right and wrong."""

# ruff: noqa

import torch

from answers import right, wrong


@right("smoothed_mean")
def smoothed(sums, counts, prior, k):
    return (sums + k * prior) / (counts + k)


@right("smoothed_mean")
def sm_convex(sums, counts, prior, k):
    w = counts / (counts + k)
    return torch.lerp(torch.full_like(sums, prior), torch.nan_to_num(sums / counts), w)


@right("smoothed_mean")
def sm_lerp(sums, counts, prior, k):
    raw = sums / counts.clamp(min=1)
    return torch.lerp(torch.full_like(raw, prior), raw, counts / (counts + k))


@right("leave_one_out_mean")
def everybody_with_everybody(groups, values, prior):
    mates = (groups[:, None] == groups).to(values.dtype).fill_diagonal_(0)
    means = (mates @ values) / mates.sum(1)
    return torch.where(means.isnan(), torch.full_like(values, prior), means)


@right("leave_one_out_mean")
def scatter(groups, values, prior):
    _, group = groups.unique(return_inverse=True)
    n = int(group.max()) + 1
    total = torch.zeros(n).index_add(0, group, values)[group] - values
    count = torch.bincount(group, minlength=n)[group] - 1
    return torch.where(count > 0, total / count.clamp(min=1), prior)


@right("leave_one_out_mean")
def loo_square(groups, values, prior):
    mates = groups.unsqueeze(1).eq(groups)
    mates.fill_diagonal_(False)
    n = mates.sum(1)
    mean = torch.where(mates, values, torch.zeros(())).sum(1) / n
    return mean.masked_fill(n == 0, prior)


@right("leave_one_out_mean")
def loo_dict(groups, values, prior):
    from collections import defaultdict

    members = defaultdict(list)
    for i, g in enumerate(groups.tolist()):
        members[g].append(i)
    out = [0.0] * len(values)
    for rows in members.values():
        for i in rows:
            rest = [float(values[j]) for j in rows if j != i]
            out[i] = sum(rest) / len(rest) if rest else prior
    return torch.tensor(out)


@wrong("smoothed_mean")
def plain(sums, counts, prior, k):
    return sums / counts


@wrong("smoothed_mean")
def prior_once(sums, counts, prior, k):
    return (sums + prior) / (counts + k)


@wrong("smoothed_mean")
def not_counted(sums, counts, prior, k):
    return (sums + k * prior) / counts


@wrong("smoothed_mean")
def only_counted(sums, counts, prior, k):
    return sums / (counts + k)


@wrong("smoothed_mean")
def typed_in(sums, counts, prior, k):
    return (sums + 5 * 0.5) / (counts + 5)


@wrong("smoothed_mean")
def sm_precedence(sums, counts, prior, k):
    return sums + k * prior / (counts + k)


@wrong("smoothed_mean")
def sm_all_counts(sums, counts, prior, k):
    return (sums + k * prior) / (counts.sum() + k)


@wrong("smoothed_mean")
def sm_counts_as_weight(sums, counts, prior, k):
    return (sums + counts * prior) / (counts + k)


@wrong("leave_one_out_mean")
def in_sample(groups, values, prior):
    return torch.stack([values[groups == g].mean() for g in groups])


@wrong("leave_one_out_mean")
def all_others(groups, values, prior):
    return (values.sum() - values) / (len(values) - 1)


@wrong("leave_one_out_mean")
def one_a_group(groups, values, prior):
    return torch.stack([values[groups == g].mean() for g in groups.unique()])


@wrong("leave_one_out_mean")
def loo_prior_always(groups, values, prior):
    return torch.full_like(values, prior)


@wrong("leave_one_out_mean")
def loo_smoothed(groups, values, prior):
    same = groups[:, None] == groups[None]
    same.fill_diagonal_(False)
    return (same.float() @ values + prior) / (same.sum(1) + 1)


@wrong("leave_one_out_mean")
def loo_two(groups, values, prior):
    same = (groups[:, None] == groups).float()
    s, c = same @ values, same.sum(1)
    return torch.where(c > 2, (s - values) / (c - 1).clamp(min=1), torch.tensor(prior))


@wrong("leave_one_out_mean")
def loo_over_n(groups, values, prior):
    same = (groups[:, None] == groups).float()
    same.fill_diagonal_(0)
    return torch.where(same.sum(1) > 0, same @ values / (len(values) - 1), torch.tensor(prior))


@wrong("leave_one_out_mean")
def ids_as_positions(groups, values, prior):
    n = len(values)
    total = torch.zeros(n).index_add(0, groups, values)[groups] - values
    count = torch.bincount(groups, minlength=n)[groups] - 1
    return torch.where(count > 0, total / count.clamp(min=1), prior)
