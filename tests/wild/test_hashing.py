"""Ids hashed into fewer rows, and the unknown's row."""

import numpy as np
import pytest
import torch

from microdlrm.wild import hashing


def murmur3(word, seed):
    """Appleby's MurmurHash3_x86_32 of one little-endian word, in Python's whole numbers of any
    size.
    """
    mask = 2**32 - 1
    k = word * 0xCC9E2D51 & mask
    k = (k << 15 | k >> 17) * 0x1B873593 & mask
    h = seed ^ k
    h = ((h << 13 | h >> 19) * 5 + 0xE6546B64 & mask) ^ 4  # the length in bytes
    h = (h ^ h >> 16) * 0x85EBCA6B & mask
    h = (h ^ h >> 13) * 0xC2B2AE35 & mask
    return h ^ h >> 16


def test_a_hash_is_murmurhash3():
    assert murmur3(0, 0) == 0x2362F9DE  # four zero bytes, as published
    many = [0, 1, 2, 1681, 10**9, 2**31 - 1]
    for seed in (0, 3):
        assert hashing.hash_ids(torch.tensor(many), 97, seed).tolist() == [
            murmur3(i, seed) % 97 for i in many
        ]


def test_ids_in_a_row_land_as_if_by_lot():
    numbers = torch.arange(2000)
    rows = torch.stack([hashing.hash_ids(numbers, 16, seed) for seed in range(10)])  # (10, 2000)
    for step in (1, 2, 16):
        assert (rows[:, step:] == rows[:, :-step]).float().mean().item() == pytest.approx(
            1 / 16, abs=0.01
        )
    assert (rows[0] == rows[1]).float().mean().item() == pytest.approx(1 / 16, abs=0.02)
    assert torch.bincount(rows.flatten(), minlength=16).float().std() < 60  # of 1,250; by lot 34


@pytest.mark.parametrize(("n", "rows"), [(2, 2), (3, 4), (4, 3)])
def test_the_share_that_collides_is_counted_over_all_tables(n, rows):
    """Every way to deal n ids to the rows, each as likely."""
    dealt = np.stack(np.unravel_index(np.arange(rows**n), (rows,) * n), axis=1)  # (rows**n, n)
    shared = (dealt[:, :, None] == dealt[:, None, :]).sum(2) > 1
    assert hashing.share_that_collides(n, rows) == pytest.approx(shared.mean())


def test_bags_of_two_hashes_hold_both_rows():
    which = torch.tensor([3, 0])
    feature = hashing.hashed("movie", torch.tensor([5, 6, 7, 8]), 10, hashes=2)
    indices, offsets, weights = feature.take(which)
    assert indices.tolist() == [
        int(hashing.hash_ids(torch.tensor([i]), 10, s)) for i in (8, 5) for s in (0, 1)
    ]
    assert offsets.tolist() == [0, 2]
    assert weights is None
    assert (feature.name, feature.table, feature.rows) == ("movie", "movie", 10)


def test_who_is_unknown_gets_row_0_and_the_others_their_own():
    rows, size = hashing.with_unknown(
        torch.tensor([4, 4, 7, 2, 9]), np.array([0, 1, 2]), at_least=2
    )
    assert rows.tolist() == [1, 1, 0, 0, 0]
    assert size == 2
    rows, size = hashing.with_unknown(torch.tensor([4, 4, 7, 2, 9]), np.array([0, 1, 2]))
    assert rows.tolist() == [1, 1, 2, 0, 0]
    assert size == 3


def test_some_training_rows_lose_their_id_and_no_others_do():
    numbers = torch.arange(50).repeat(200)
    train = np.arange(8000)
    rows, _ = hashing.with_unknown(numbers, train, drop=0.1)
    assert (rows[:8000] == 0).float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert (rows[8000:] != 0).all()
    assert torch.equal(rows, hashing.with_unknown(numbers, train, drop=0.1)[0])


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="rows"):
        hashing.hash_ids(torch.tensor([1]), 0)
    for bad in (torch.tensor([-1]), torch.tensor([2**31]), torch.tensor([1.5])):
        with pytest.raises(ValueError, match="ids"):
            hashing.hash_ids(bad, 4)
    with pytest.raises(ValueError, match="drop"):
        hashing.with_unknown(torch.tensor([1]), np.array([0]), drop=1.0)
