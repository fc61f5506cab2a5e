"""The allocator's state is set before anything is measured, and page faults tell the states
apart.
"""

import json
import subprocess
import sys

import pytest

from microdlrm.machine import allocator

# In a process of its own: threads of other tests may have led this one to another of glibc's
# arenas, whose end isn't given back.
CHILD = """
import json, torch
from microdlrm.machine import allocator, timing

def faults(n_bytes, state):
    zeros = {"": lambda: torch.zeros(n_bytes // 4)}
    return timing.compare(zeros, rounds=3, patience=0, pages=state).faults[""]

sizes, states = (2**23, 2**26), allocator.STATES
found = [(n_bytes, state, faults(n_bytes, state)) for n_bytes in sizes for state in states]
for _ in range(2):
    for state in ("kept", "fresh", "settled"):
        found.append((2**23, state, faults(2**23, state)))
        torch.zeros(7 * 2**20)  # one such block, freed, raises a threshold that nobody has set
print(json.dumps([allocator.unless_set(), found]))
"""
COMES_FRESH = {2**23: {"fresh"}, 2**26: {"fresh", "settled"}}


@pytest.mark.skipif(allocator._libc() is None, reason="no glibc here")
def test_each_state_keeps_what_it_says_whatever_the_process_did_before():
    command = [sys.executable, "-c", CHILD]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    unless, found = json.loads(said)
    assert not unless
    assert len(found) == 12
    for n_bytes, state, faults in found:  # a tensor so large, written and let go
        assert (faults > n_bytes / 8192) == (state in COMES_FRESH[n_bytes]), (n_bytes, state)


def test_an_allocator_that_does_not_obey_is_seen(monkeypatch):
    """As with jemalloc in front of glibc's malloc: mallopt is there, and nothing comes of it."""
    counted = iter(range(0, 10**9, 10**6))  # every block comes fresh, whatever was set
    monkeypatch.setattr(allocator, "page_faults", lambda: next(counted))
    assert allocator.unless_set()


def test_without_glibc_nothing_is_set(monkeypatch):
    monkeypatch.setattr(allocator, "_libc", lambda: None)
    monkeypatch.setattr(allocator, "page_faults", lambda: 0)
    with allocator.pages("kept"):
        assert allocator.unless_set()
