"""Loops without end, and memory."""

import _thread
import re
import signal
import sys
import threading
import time

import pytest
import torch

from microdlrm.exercises import check, guard

# What a learner's function does may warn; that is between PyTorch and the learner.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.timing
def test_an_endless_loop_says_how_long_it_ran(monkeypatch):
    monkeypatch.setattr(check, "SECONDS", 1.0)

    def endless(x_dense, x_sparse):
        while True:
            pass

    threads = threading.active_count()
    verdict = check.dot_interaction(endless)
    assert verdict.mistake == "runs without end"
    assert "1 s" in verdict.hint
    assert re.search(r"line \d+ of your code: (while True:|pass)$", verdict.where)
    assert threading.active_count() == threads


@pytest.mark.timing
def test_what_cannot_be_stopped_is_left_behind(monkeypatch):
    monkeypatch.setattr(check, "SECONDS", 0.2)
    monkeypatch.setattr(guard._stop, "__defaults__", (0.3,))

    def asleep(x_dense, x_sparse):
        time.sleep(2)

    started = time.perf_counter()
    verdict = check.dot_interaction(asleep)
    assert time.perf_counter() - started < 1.5
    assert verdict.mistake == "runs without end"
    assert "Kernel → Restart" in verdict.hint


@pytest.fixture
def _interrupts():
    """What a shell starts in the background ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupts")
def test_interrupting_gives_a_verdict():
    turns = []

    def endless(x_dense, x_sparse):
        while True:
            turns[:] = [time.perf_counter()]

    threading.Timer(0.3, _thread.interrupt_main).start()
    verdict = check.dot_interaction(endless)
    assert verdict.mistake == "runs without end"
    assert "you stopped it" in verdict.hint
    assert "of your code" in verdict.where
    ended = time.perf_counter()
    time.sleep(0.1)
    assert turns[0] < ended


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit it")
def test_the_memory_limit_is_lifted_again():
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    assert check.dot_interaction(lambda x, xs: torch.zeros(2**33)).mistake == "too much memory"
    assert resource.getrlimit(resource.RLIMIT_AS) == before
