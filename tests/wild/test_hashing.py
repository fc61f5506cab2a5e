"""Ids hashed into fewer rows, and the unknown's row."""

import numpy as np
import pytest
import torch

from microdlrm.wild import hashing


def test_a_hash_is_murmurhash3():
    """Of four zero bytes, as published: whoever hashes elsewhere gets the same rows."""
    assert hashing.hash_ids(torch.tensor([0]), 2**31 - 1).item() == 0x2362F9DE


def test_ids_in_a_row_land_as_if_by_lot():
    numbers = torch.arange(2000)
    rows = torch.stack([hashing.hash_ids(numbers, 16, seed) for seed in range(10)])  # (10, 2000)
    for step in (1, 2, 16):
        same = (rows[:, step:] == rows[:, :-step]).float().mean().item()
        assert same == pytest.approx(1 / 16, abs=0.01)
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
    both = [hashing.hash_ids(torch.tensor([8, 5]), 10, seed) for seed in (0, 1)]
    assert indices.tolist() == torch.stack(both, 1).flatten().tolist()
    assert offsets.tolist() == [0, 2]
    assert weights is None
    assert (feature.name, feature.table, feature.rows) == ("movie", "movie", 10)


def test_who_is_unknown_gets_row_0_and_the_others_their_own():
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


@pytest.mark.parametrize("bad", [-1, 2**31, 1.5])
def test_what_is_no_id_is_refused(bad):
    with pytest.raises(ValueError, match="ids"):
        hashing.hash_ids(torch.tensor([bad]), 4)
