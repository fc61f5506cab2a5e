"""Chapter 2's exercises, as learners write them."""

# ruff: noqa
import torch
import torch.nn.functional as F

from mistakes import wrong


@wrong("lengths returned", "starts", "offsets_from_lengths")
def lengths_as_offsets(lengths):
    return lengths


@wrong("ends instead of starts", "end", "offsets_from_lengths")
def inclusive(lengths):
    return torch.cumsum(lengths, 0)


@wrong("one too many", "B + 1", "offsets_from_lengths")
def csr(lengths):
    return torch.cat([torch.tensor([0]), torch.cumsum(lengths, 0)])


@wrong("wrong dtype", "float32", "offsets_from_lengths")
def float_offsets(lengths):
    return torch.cat([torch.zeros(1), torch.cumsum(lengths, 0)[:-1]])


@wrong("one id a bag assumed", "one id", "offsets_from_lengths")
def aranged(lengths):
    return torch.arange(len(lengths))


@wrong("returns a list", "list", "offsets_from_lengths")
def listed(lengths):
    out, at = [], 0
    for n in lengths:
        out.append(at)
        at += n
    return out


@wrong("one id a bag assumed", "first", "embedding_bag")
def one_each(weight, indices, offsets):
    return weight[indices[offsets]]


@wrong("rows not summed", "added up", "embedding_bag")
def lookup(weight, indices, offsets):
    return F.embedding(indices, weight)


@wrong("mean instead of sum", "sum", "embedding_bag")
def averaged_bag(weight, indices, offsets):
    return F.embedding_bag(indices, weight, offsets)


@wrong("last bag missing", "last bag", "embedding_bag")
def no_last_bag(weight, indices, offsets):
    return torch.stack([weight[indices[offsets[b] : offsets[b + 1]]].sum(0) for b in range(len(offsets) - 1)])


@wrong("last id left out", "last id", "embedding_bag")
def minus_one(weight, indices, offsets):
    ends = torch.cat([offsets[1:], torch.tensor([-1])])
    return torch.stack([weight[indices[a:b]].sum(0) for a, b in zip(offsets, ends)])


@wrong("offsets taken for lengths", "number of ids", "embedding_bag")
def offsets_as_lengths(weight, indices, offsets):
    out, at = [], 0
    for n in offsets.tolist():
        out.append(weight[indices[at : at + n]].sum(0))
        at += n
    return torch.stack(out)


@wrong("offsets taken for ids", "positions", "embedding_bag")
def rows_of_offsets(weight, indices, offsets):
    return weight[offsets]


@wrong("index out of range", "runs past the end", "embedding_bag")
def next_offset_of_the_last(weight, indices, offsets):
    return torch.stack([weight[indices[offsets[b] : offsets[b + 1]]].sum(0) for b in range(len(offsets))])


@wrong("empty bags filled", "empty", "embedding_bag")
def at_least_one(weight, indices, offsets):
    ends = [*offsets.tolist()[1:], len(indices)]
    out = []
    for a, b in zip(offsets.tolist(), ends):
        total = weight[indices[a]]
        for k in range(a + 1, b):
            total = total + weight[indices[k]]
        out.append(total)
    return torch.stack(out)


@wrong("gradient cut", "no gradient", "embedding_bag")
def detached_weight(weight, indices, offsets):
    return F.embedding_bag(indices, weight.detach(), offsets, mode="sum")
