"""One change of a learner's code that makes it right: found, and shown where it is due."""

import itertools

import pytest
import torch

from microdlrm.exercises import check
from microdlrm.exercises.change import one_change


def half_bracketed(sums, counts, prior, k):
    return sums + k * prior / counts + k


def prior_once(sums, counts, prior, k):
    above = sums + prior
    return above / (counts + k)


def consecutive(groups, values, prior):
    _, g, n = groups.unique_consecutive(return_inverse=True, return_counts=True)
    others = torch.zeros(len(n)).index_add(0, g, values)[g] - values
    return torch.where(n[g] > 1, others / (n[g] - 1).clamp(min=1), prior)


def over_everything(weight, indices, offsets):
    ends = [*offsets[1:].tolist(), len(indices)]
    out = torch.zeros(len(offsets), weight.shape[1])
    for b, (start, end) in enumerate(zip(offsets.tolist(), ends, strict=True)):
        out[b] = weight[indices[start:end]].sum()
    return out


def spent(widths):
    layers = itertools.pairwise(widths)
    return sum(n * m + m for n, m in layers), sum(2 * n * m for n, m in layers)


def halved_early(n_tables, m_spa, d, kind):
    n = n_tables + 1
    return d + (n_tables * m_spa if kind == "concat" else n // 2 * (n - 1))


def over_rows(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    pairs = itertools.combinations(v, 2)
    dots = [(a * b).sum(0, keepdim=True).expand(len(x_dense), -1) for a, b in pairs]
    return torch.cat([x_dense, *dots], 1)


def crosswise(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 2)  # the vectors in columns
    i, j = torch.triu_indices(T.shape[2], T.shape[2], 1)
    return torch.cat([x_dense, (T @ T.mT)[:, i, j]], 1)


def as_positions(scores, labels):
    ranks = ((scores[:, None] > scores).sum(1) + (scores[:, None] >= scores).sum(1) + 1) / 2
    m = labels.sum()
    return ((ranks[labels.long()].sum() - m * (m + 1) / 2) / (m * (len(labels) - m))).item()


@pytest.mark.parametrize(
    ("task", "wrong", "line", "part"),
    [
        ("smoothed_mean", half_bracketed, 1, "sums + k * prior / counts + k"),
        ("smoothed_mean", prior_once, 1, "prior"),
        ("leave_one_out_mean", consecutive, 1, "groups.unique_consecutive("),
        ("embedding_bag", over_everything, 4, "weight[indices[start:end]].sum()"),
        ("mlp_cost", spent, 1, "itertools.pairwise(widths)"),
        ("interaction_width", halved_early, 2, "n // 2 * (n - 1)"),
        ("dot_interaction", over_rows, 3, "0"),
        ("dot_interaction", crosswise, 3, "T @ T.mT"),
        ("auc_from_ranks", as_positions, 3, "labels.long()"),
    ],
)
def test_one_change_is_shown_where_it_is_due(task, wrong, line, part):
    verdict = check.TASKS[task](wrong)
    assert f"at `{part}" in verdict.hint, repr(verdict)
    if "Error" not in verdict.where:
        assert f"line {wrong.__code__.co_firstlineno + line} of your code" in verdict.where


def test_arguments_that_are_exchanged_are_named():
    def exchanged(x0, x, U, V, b):
        return x0 * (x @ U @ V.T + b) + x

    assert check.low_rank_cross(exchanged).mistake == "U and V exchanged"


def test_what_is_found_is_right_and_keeps_its_surroundings():
    step = 3

    def nearly(n):
        """Counts."""
        return n * step - 1

    change = one_change(nearly, lambda fn: [fn(n) for n in range(4)] == [1, 4, 7, 10])
    assert [change.made()(n) for n in range(4)] == [1, 4, 7, 10]
    assert one_change(nearly, lambda fn: fn(0) == "no such change") is None


def test_a_loop_that_a_change_might_never_end_is_left_alone():
    def counts(n):
        while n > 2:
            n -= 1
        return n

    assert one_change(counts, lambda fn: fn(9) == 3) is None
