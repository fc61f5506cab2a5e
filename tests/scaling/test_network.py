"""Traffic between real processes: what they count, and what the operating system counts, is the formula's."""

import os
import time

import pytest

from microdlrm.machine import cost
from microdlrm.scaling import network, workers

SHAPE = dict(tables=4, rows=400, m_spa=16, bag=4)


def on_paper(job):
    lookups = job["batch"] * job["bag"]
    parts = cost.communication(job["kind"], job["processes"], job["batch"], lookups, job["rows"], job["m_spa"])
    return [job["tables"] * part for part in parts]


def test_bytes_between_processes_are_the_formulas():
    """2 and 4 processes, all kinds, in one start. The system sees headers as well: as many for any batch."""
    jobs = [
        SHAPE | dict(processes=n, kind=kind, batch=batch)
        for n in (2, 4)
        for kind in cost.SHARDINGS
        for batch in (64, 128)
    ]
    slow = SHAPE | dict(processes=2, kind="data", batch=64, gbs=0.001, latency_us=1000)
    *counted, slowed = network.measure([*jobs, slow])
    headers = {}
    for job, result in zip(jobs, counted, strict=True):
        assert [result[part] for part in ("ids", "forward", "backward")] == on_paper(job), job
        if result["system"] is not None:
            headers.setdefault(job["processes"], set()).add(result["system"] - sum(on_paper(job)))
    assert all(len(extra) == 1 and 0 < min(extra) < 20_000 for extra in headers.values()), headers
    # On the slowed link each process is due after two latencies and its half of the bytes.
    assert slowed["seconds"] >= 0.002 + sum(on_paper(slow)) / 2 / 1e6


def test_a_failing_process_ends_the_run_with_its_message():
    """A batch that can't be divided so: the worker raises, and nobody waits for the others' time to be up."""
    started = time.monotonic()
    with pytest.raises(workers.WorkerError, match=r"process \d: KeyError: 'kind'") as failure:
        network.measure([dict(processes=2)])
    assert "\n" not in str(failure.value)
    assert time.monotonic() - started < 250


def test_what_torchrun_says_is_put_into_a_sentence():
    killed = "  rank      : 1 (local_rank: 1)\n  exitcode  : -9 (pid: 7)\n"
    assert workers._reason(killed, None).startswith("process 1 was killed (SIGKILL)")
    ended = "  rank      : 0 (local_rank: 0)\n  exitcode  : -15 (pid: 6)\n"
    assert workers._reason(ended + killed, None).startswith("process 1 was killed (SIGKILL)")
    silent = "microdlrm worker failed: process 0: RuntimeError: another process fell silent (x)\n"
    assert workers._reason(silent + killed, None).startswith("process 1 was killed")
    own = "microdlrm worker failed: process 1: ValueError: no\n"
    assert workers._reason(silent + own, None) == "process 1: ValueError: no"
    assert workers._reason("... EADDRINUSE ...", 29500).startswith("port 29500 is in use")
    assert workers._reason("", None) == "it ended without a result"


def test_who_lives():
    assert workers._lives(os.getpid())
    assert not workers._lives(2**22 + 1)  # beyond the largest number of a process
