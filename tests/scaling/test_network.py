"""Traffic between real processes: what they and the operating system count is the formula's."""

import multiprocessing
import os
import signal
import threading
import time

import psutil
import pytest

from microdlrm.scaling import network, workers
from microdlrm.scaling.traffic import SHARDINGS, communication

SHAPE = dict(tables=4, rows=400, m_spa=16, bag=4)


def on_paper(job):
    lookups = job["batch"] * job["bag"]
    parts = communication(
        job["kind"], job["processes"], job["batch"], lookups, job["rows"], job["m_spa"]
    )
    return [job["tables"] * part for part in parts]


def test_bytes_between_processes_are_the_formulas():
    """2 and 4 processes, all kinds, in one start. The system sees headers too: as many for any
    batch."""
    jobs = [
        SHAPE | dict(processes=n, kind=kind, batch=batch)
        for n in (2, 4)
        for kind in SHARDINGS
        for batch in (64, 128)
    ]
    headers = {}
    for job, result in zip(jobs, network.measure(jobs), strict=True):
        assert [result[part] for part in ("ids", "forward", "backward")] == on_paper(job), job
        if result["system"]:
            extra = headers.setdefault((job["processes"], job["kind"] == "data"), set())
            extra.add(result["system"] - sum(on_paper(job)))
    assert all(len(extra) == 1 and 0 < min(extra) < 20_000 for extra in headers.values()), headers


@pytest.mark.parametrize(
    "changed",
    [
        dict(batch=63),
        dict(kind="row", rows=401),
        dict(kind="row", batch=2, bag=1),
        dict(kind="column", m_spa=33),
        dict(tables=3),
    ],
)
def test_what_does_not_divide_evenly_is_refused_before_anything_starts(changed):
    job = SHAPE | dict(processes=2, kind="table", batch=64)
    with pytest.raises(ValueError, match="2 processes must divide"):
        network.measure([job, job | changed])


def test_a_failing_process_ends_the_run_with_its_message():
    """Nobody waits for the others' time to be up."""
    started = time.monotonic()
    with pytest.raises(workers.WorkerError, match=r"^process \d: KeyError: 'processes'$"):
        workers.run(network.work, 2, [{}], seconds=300)
    assert time.monotonic() - started < 250


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be stopped")
def test_a_stopped_worker_holds_nobody_beyond_the_limit():
    """As in a debugger: it doesn't answer to a polite end, nor does it end itself."""
    stopped = []

    def stop():
        while not stopped:
            for child in multiprocessing.active_children()[:1]:
                os.kill(child.pid, signal.SIGSTOP)
                stopped.append(child)
            time.sleep(0.1)

    threading.Thread(target=stop, daemon=True).start()
    job = SHAPE | dict(processes=2, kind="table", batch=64)
    started = time.monotonic()
    with pytest.raises(workers.WorkerError, match="not done after 20 s"):
        network.measure([job], seconds=20)
    assert time.monotonic() - started < 20 + 30
    assert not psutil.pid_exists(stopped[0].pid)
