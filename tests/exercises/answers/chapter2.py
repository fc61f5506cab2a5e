"""Answers to chapter 2's exercises as learners write them, right and wrong."""

# ruff: noqa

import numpy as np
import torch
import torch.nn.functional as F

from answers import right, wrong


@right("offsets_from_lengths")
def exclusive(lengths):
    return lengths.cumsum(0) - lengths


@right("offsets_from_lengths")
def shifted(lengths):
    return torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)[:-1]])


@right("embedding_bag")
def builtin(weight, indices, offsets):
    return torch.nn.functional.embedding_bag(indices, weight, offsets, mode="sum")


@right("embedding_bag")
def eb_library(weight, indices, offsets):
    return F.embedding_bag(indices, weight, offsets, mode="sum")


@right("offsets_from_lengths")
def off_tril(lengths):
    B = len(lengths)
    return (torch.ones(B, B, dtype=torch.int64).tril(-1) * lengths).sum(1)


@right("offsets_from_lengths")
def off_strict_triangle(lengths):
    B = len(lengths)
    return torch.ones(B, B, dtype=torch.int64).tril(-1) @ lengths


@right("embedding_bag")
def eb_onehot(weight, indices, offsets):
    L, B = len(indices), len(offsets)
    ends = torch.cat([offsets[1:], offsets.new_tensor([L])])
    at = torch.arange(L)
    inside = (at >= offsets[:, None]) & (at < ends[:, None])
    return inside.to(weight) @ F.one_hot(indices, len(weight)).to(weight) @ weight


@right("embedding_bag")
def bag_counts_matrix(weight, indices, offsets):
    bag = torch.searchsorted(offsets, torch.arange(len(indices)), right=True) - 1
    counts = torch.zeros(len(offsets), len(weight), dtype=weight.dtype)
    counts.index_put_((bag, indices), torch.ones(len(indices), dtype=weight.dtype), accumulate=True)
    return counts @ weight


@wrong("offsets_from_lengths")
def lengths_as_offsets(lengths):
    return lengths


@wrong("offsets_from_lengths")
def inclusive(lengths):
    return torch.cumsum(lengths, 0)


@wrong("offsets_from_lengths")
def csr(lengths):
    return torch.cat([torch.tensor([0]), torch.cumsum(lengths, 0)])


@wrong("offsets_from_lengths")
def float_offsets(lengths):
    return torch.cat([torch.zeros(1), torch.cumsum(lengths, 0)[:-1]])


@wrong("offsets_from_lengths")
def aranged(lengths):
    return torch.arange(len(lengths))


@wrong("offsets_from_lengths")
def off_list(lengths):
    return [0] + lengths.cumsum(0)[:-1].tolist()


@wrong("offsets_from_lengths")
def off_roll(lengths):
    return lengths.cumsum(0).roll(1)


@wrong("offsets_from_lengths")
def off_minus_first(lengths):
    return torch.cumsum(lengths, dim=0) - lengths[0]


@wrong("embedding_bag")
def one_each(weight, indices, offsets):
    return weight[indices[offsets]]


@wrong("embedding_bag")
def lookup(weight, indices, offsets):
    return F.embedding(indices, weight)


@wrong("embedding_bag")
def averaged_bag(weight, indices, offsets):
    return F.embedding_bag(indices, weight, offsets)


@wrong("embedding_bag")
def no_last_bag(weight, indices, offsets):
    return torch.stack(
        [weight[indices[offsets[b] : offsets[b + 1]]].sum(0) for b in range(len(offsets) - 1)]
    )


@wrong("embedding_bag")
def rows_of_offsets(weight, indices, offsets):
    return weight[offsets]


@wrong("embedding_bag")
def next_offset_of_the_last(weight, indices, offsets):
    return torch.stack(
        [weight[indices[offsets[b] : offsets[b + 1]]].sum(0) for b in range(len(offsets))]
    )


@wrong("embedding_bag")
def detached_weight(weight, indices, offsets):
    return F.embedding_bag(indices, weight.detach(), offsets, mode="sum")


@wrong("embedding_bag")
def minus_one(weight, indices, offsets):
    ends = torch.cat([offsets[1:], torch.tensor([-1])])
    return torch.stack([weight[indices[a:b]].sum(0) for a, b in zip(offsets, ends)])


@wrong("embedding_bag")
def bag_reduceat(weight, indices, offsets):
    rows = weight.detach().numpy()[indices.numpy()]
    return torch.from_numpy(np.add.reduceat(rows, offsets.numpy(), axis=0))


@wrong("embedding_bag")
def eb_split(weight, indices, offsets):
    parts = weight[indices].tensor_split(offsets.tolist())
    return torch.stack([p.sum(0) for p in parts[:-1]])
