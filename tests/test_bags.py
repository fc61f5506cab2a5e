"""Sums of bags and their gradients, against EmbeddingBag and a loop."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from microdlrm.bags import bag_sums

BAGS = st.lists(st.lists(st.integers(0, 6), max_size=9), min_size=1, max_size=8)


def packed(bags):
    ids = torch.tensor([i for bag in bags for i in bag]).long()
    lengths = torch.tensor([len(bag) for bag in bags])
    return ids, lengths.cumsum(0) - lengths


@given(BAGS, st.booleans())
def test_sums_and_gradients_are_those_of_a_loop(bags, weighted):
    ids, offsets = packed(bags)
    table = nn.EmbeddingBag(7, 3, mode="sum").double()
    weights = torch.randn(len(ids)).double() if weighted else None
    upstream = torch.randn(len(bags), 3).double()
    sums = bag_sums(table, ids, offsets, weights)
    expected, of_table = torch.zeros(len(bags), 3).double(), torch.zeros(7, 3).double()
    k = 0
    for b, bag in enumerate(bags):
        for i in bag:
            w = 1.0 if weights is None else weights[k]
            expected[b] += w * table.weight.detach()[i]
            of_table[i] += w * upstream[b]
            k += 1
    torch.testing.assert_close(sums.detach(), expected)
    (gradient,) = torch.autograd.grad(sums, table.weight, upstream)
    torch.testing.assert_close(gradient, of_table)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
@pytest.mark.parametrize("grown", [torch.float32, torch.bfloat16])
def test_it_is_what_embedding_bag_gives(dtype, grown):
    torch.manual_seed(0)
    table = nn.EmbeddingBag(50, 8, mode="sum").to(grown)
    ids, offsets = torch.randint(50, (400,), dtype=dtype), torch.arange(0, 400, 40, dtype=dtype)
    weights = torch.randn(400).to(grown)
    upstream = torch.randn(10, 8).to(grown)
    for w in (None, weights):
        ours, theirs = bag_sums(table, ids, offsets, w), table(ids, offsets, w)
        assert torch.equal(ours, theirs)
        one, other = (
            torch.autograd.grad(sums, table.weight, upstream)[0] for sums in (ours, theirs)
        )
        torch.testing.assert_close(
            one, other, rtol=1e-5, atol=0.1 if grown == torch.bfloat16 else 1e-5
        )


@pytest.mark.parametrize("rows", [2**15, 2**15 + 1, 70_000])
def test_a_table_may_have_more_rows_than_a_narrow_number_counts(rows):
    torch.manual_seed(0)
    table, upstream = nn.EmbeddingBag(rows, 2, mode="sum"), torch.randn(3, 2)
    ids = torch.tensor([rows - 1, 0, rows - 1, 2**15 - 1, rows // 2, 1, rows - 2])
    offsets = torch.tensor([0, 2, 2])
    one, other = (
        torch.autograd.grad(sums, table.weight, upstream)[0]
        for sums in (bag_sums(table, ids, offsets, None), table(ids, offsets))
    )
    torch.testing.assert_close(one, other)


def test_bags_of_one_id_and_sparse_tables_stay_with_embedding_bag():
    ids, offsets = torch.tensor([1, 2]), torch.tensor([0, 0])
    one = bag_sums(nn.EmbeddingBag(4, 2, mode="sum"), ids[:1], offsets[:1], None)
    sparse = bag_sums(
        nn.EmbeddingBag(4, 2, mode="sum", sparse=True), torch.tensor([1, 2, 3]), offsets, None
    )
    assert "BagSums" not in f"{one.grad_fn}{sparse.grad_fn}"
    sparse.sum().backward()


@pytest.mark.timing
def test_weights_that_are_learned_get_their_gradient():
    """Of one id a bag and of longer ones: a weight's gradient is its row's dot product with the
    bag's.
    """
    for offsets in (torch.arange(4), torch.tensor([0, 3, 3, 4])):
        table = torch.nn.EmbeddingBag(6, 3, mode="sum")
        ids, weights = torch.tensor([4, 0, 4, 2]), torch.rand(4, requires_grad=True)
        given = torch.randn(4, 3)
        bag_sums(table, ids, offsets, weights).backward(given)
        bag = torch.bucketize(torch.arange(4), offsets, right=True) - 1
        torch.testing.assert_close(weights.grad, (table.weight[ids] * given[bag]).sum(1).detach())


def test_long_bags_go_back_sooner():
    from microdlrm.machine import timing

    torch.manual_seed(0)
    table, upstream = nn.EmbeddingBag(1682, 32, mode="sum"), torch.randn(512, 32)
    ids, offsets, weights = (
        torch.randint(1682, (512 * 150,)),
        torch.arange(0, 512 * 150, 150),
        torch.randn(512 * 150),
    )

    def back(sums):
        return lambda: torch.autograd.grad(sums(), table.weight, upstream)

    times = timing.compare(
        {
            "ours": back(lambda: bag_sums(table, ids, offsets, weights)),
            "EmbeddingBag": back(lambda: table(ids, offsets, weights)),
        }
    )
    assert times.ratio("EmbeddingBag", "ours").median > 1.3
