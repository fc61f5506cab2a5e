"""The allocator's state is set before anything is measured, and page faults tell the states apart."""

import pytest
import torch

from microdlrm.machine import allocator, timing

needs_glibc = pytest.mark.skipif(not allocator.can_be_set(), reason="no glibc here")


def block(n_bytes):
    """Write a fresh tensor of so many bytes, and let it go."""
    return lambda: torch.zeros(n_bytes // 4)


def faults(n_bytes, state):
    return timing.compare({"": block(n_bytes)}, rounds=3, patience=0, pages=state).faults[""]


@needs_glibc
@pytest.mark.parametrize(
    ("n_bytes", "comes_fresh"), [(2**23, {"fresh"}), (2**26, {"fresh", "settled"})], ids=["8 MiB", "64 MiB"]
)
def test_each_state_keeps_what_it_says(n_bytes, comes_fresh):
    for state in allocator.STATES:
        given = faults(n_bytes, state)
        assert (given > n_bytes / 4096 / 2) == (state in comes_fresh), (state, given)


@needs_glibc
def test_what_a_process_did_before_does_not_matter():
    for _ in range(2):
        for state in ("kept", "fresh", "settled"):
            assert (faults(2**23, state) > 1000) == (state == "fresh")
            torch.zeros(7 * 2**20)  # one such block, freed, raises a threshold that nobody has set


def test_another_state_is_refused():
    with pytest.raises(ValueError, match="fresh, settled, kept"), allocator.pages("mine"):
        pass


def test_without_glibc_nothing_is_set(monkeypatch):
    monkeypatch.setattr(allocator, "_libc", lambda: None)
    with allocator.pages("kept"):
        assert "can't be told" in allocator.unless_set()
