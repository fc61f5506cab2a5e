"""Sums of bags and their gradients, against a loop and EmbeddingBag."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from microdlrm.bags import bag_sums
from microdlrm.machine import timing

BAGS = st.lists(st.lists(st.integers(0, 6), max_size=9), min_size=1, max_size=8)


@given(
    BAGS,
    st.sampled_from(["none", "given", "learned"]),
    st.sampled_from([torch.int64, torch.int32]),
)
def test_sums_and_gradients_are_those_of_a_loop(bags, weighted, dtype):
    ids = torch.tensor([i for bag in bags for i in bag], dtype=dtype)
    lengths = torch.tensor([len(bag) for bag in bags], dtype=dtype)
    offsets = lengths.cumsum(0, dtype=dtype) - lengths
    table = nn.EmbeddingBag(7, 3, mode="sum").double()
    weights = torch.randn(len(ids), dtype=torch.float64, requires_grad=weighted == "learned")
    used = torch.ones(len(ids)).double() if weighted == "none" else weights
    rows = (used[:, None] * table.weight[ids]).split(lengths.tolist())
    expected = torch.stack([of_bag.sum(0) for of_bag in rows])
    sums = bag_sums(table, ids, offsets, None if weighted == "none" else weights)
    torch.testing.assert_close(sums, expected)
    wanted = [table.weight, *[weights] * (weighted == "learned")]
    upstream = torch.randn(len(bags), 3).double()
    ours, theirs = (torch.autograd.grad(out, wanted, upstream) for out in (sums, expected))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("rows", [50, 2**15, 2**15 + 1, 70_000])
@pytest.mark.parametrize("sparse", [False, True])
def test_it_is_what_embedding_bag_gives(rows, sparse):
    """Also for a table of more rows than a narrow number counts."""
    torch.manual_seed(0)
    table, upstream = nn.EmbeddingBag(rows, 2, mode="sum", sparse=sparse), torch.randn(3, 2)
    ids = torch.tensor([rows - 1, 0, rows - 1, rows // 2, 1, rows - 2])
    for offsets in (torch.tensor([0, 2, 2]), torch.tensor([0, 5, 6])):
        ours, theirs = bag_sums(table, ids, offsets, None), table(ids, offsets)
        assert torch.equal(ours, theirs)
        one, other = (torch.autograd.grad(out, table.weight, upstream)[0] for out in (ours, theirs))
        torch.testing.assert_close(one.to_dense(), other.to_dense())


@pytest.mark.timing
def test_long_bags_go_back_sooner():
    torch.manual_seed(0)
    table, upstream = nn.EmbeddingBag(1682, 32, mode="sum"), torch.randn(512, 32)
    ids, offsets = torch.randint(1682, (512 * 150,)), torch.arange(0, 512 * 150, 150)
    weights = torch.randn(512 * 150)

    def back(sums):
        return lambda: torch.autograd.grad(sums(), table.weight, upstream)

    ways = {
        "ours": back(lambda: bag_sums(table, ids, offsets, weights)),
        "theirs": back(lambda: table(ids, offsets, weights)),
    }
    assert timing.compare(ways).ratio("theirs", "ours").median > 1.3
