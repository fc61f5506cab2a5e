"""Where a large tensor's memory comes from: the hidden variable of many a measurement, fixed before
each.

The C library hands large blocks back to the system when they are freed, and gets fresh ones: each
page of a fresh block is zeroed at its first touch, a *page fault* of a microsecond or so. Which
blocks count as large depends, in glibc, on what the process has freed before (mallopt(3): the
dynamic threshold). Two runs of one script can differ by that alone, several times over.
"""

import ctypes
import sys
from contextlib import contextmanager
from functools import cache

import torch

try:
    import resource
except ImportError:  # Windows
    resource = None

MIB = 2**20
# mallopt's names, by glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
STATES = ("settled", "fresh", "kept")


@contextmanager
def pages(state: str = "settled"):
    """Within it, freed memory is treated by one rule; afterwards by "settled".

    settled  blocks from 32 MiB on come fresh from the system, smaller ones are used again: glibc's
             own limit, once a process has freed a block of nearly that size
    fresh    the same, and `timing` calls `give_back` before each call: no page is there to use
             again
    kept     no block comes fresh twice: what was freed is used again, whatever its size

    Without glibc (macOS, Windows, musl) nothing can be set, and nothing is. Raises ValueError for
    another state.
    """
    if state not in STATES:
        raise ValueError(f"pages must be one of {', '.join(STATES)}, got {state!r}")
    _set(keep=state == "kept")
    try:
        yield
    finally:
        _set(keep=False)


def _set(keep: bool):
    if libc := _libc():
        libc.mallopt(_MMAP_THRESHOLD, 32 * MIB)
        libc.mallopt(_MMAP_MAX, 0 if keep else 2**16)  # how many blocks may come fresh
        libc.mallopt(_TRIM_THRESHOLD, -1 if keep else 64 * MIB)  # how much freed memory is kept
    give_back()  # what an earlier rule kept


def give_back():
    """Return every free page to the system."""
    if libc := _libc():
        libc.malloc_trim(0)


@cache
def _libc() -> ctypes.CDLL | None:
    """glibc, where there is one."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if hasattr(libc, "gnu_get_libc_version") else None


def page_faults() -> int:
    """How many pages this process was given so far; 0 where the system doesn't say."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt if resource else 0


def unless_set() -> str:
    """Why a claim about page faults can't be made here; "" where it can: found out by trying.

    It can't without glibc, nor where another allocator stands in front of it (jemalloc, tcmalloc).
    """

    def faults() -> int:
        before = page_faults()
        torch.zeros(2 * MIB)  # 8 MiB, written and let go
        return page_faults() - before

    with pages("settled"):
        torch.zeros(4 * MIB)  # leaves more room than is asked for next
        again = faults()
        give_back()
        obeys = faults() > 2 * again + 16  # in huge pages even a fresh block has few
    return "" if obeys else "this process's allocator can't be told what to keep"
