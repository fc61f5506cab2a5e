"""Traffic between real processes: what they and the operating system count is the formula's."""

import os
import signal
import threading
import time
from pathlib import Path

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
        if result["system"] is not None:
            extra = headers.setdefault((job["processes"], job["kind"] == "data"), set())
            extra.add(result["system"] - sum(on_paper(job)))
    assert all(len(extra) == 1 and 0 < min(extra) < 20_000 for extra in headers.values()), headers


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (dict(kind="rows"), "'rows'"),
        (dict(batch=63), "batch .* 63"),
        (dict(kind="row", rows=401), "rows .* 401"),
        (dict(kind="row", batch=2, bag=1), "batch \\* bag / processes .* 1"),
        (dict(kind="column", m_spa=33), "m_spa .* 33"),
        (dict(tables=3), "tables .* 3"),
        (dict(processes=0), "processes .* 0"),
        (dict(bag=1.5), "bag .* 1.5"),
        (dict(gbs=1), "gbs"),
    ],
)
def test_what_cannot_be_counted_is_refused_before_anything_starts(changed, named):
    job = SHAPE | dict(processes=2, kind="table", batch=64)
    with pytest.raises(ValueError, match=f"job 1: .*{named}"):
        network.measure([job, job | changed])


def test_a_failing_process_ends_the_run_with_its_message():
    """Nobody waits for the others' time to be up."""
    started = time.monotonic()
    with pytest.raises(workers.WorkerError, match=r"process \d: KeyError: 'processes'") as failure:
        workers.run("microdlrm.scaling.network", 2, "[{}]", seconds=300)
    assert "\n" not in str(failure.value)
    assert time.monotonic() - started < 250


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are looked up in /proc")
def test_a_stopped_worker_holds_nobody_beyond_the_limit():
    """As in a debugger: it doesn't answer to a polite end, nor does it end itself."""
    own, stopped = psutil.Process(os.getpid()), []

    def stop():
        while not stopped:
            for child in own.children(recursive=True):
                try:
                    if child.environ().get("RANK") == "1":
                        child.send_signal(signal.SIGSTOP)
                        stopped.append(child)
                except psutil.Error:
                    continue
            time.sleep(0.1)

    threading.Thread(target=stop, daemon=True).start()
    job = SHAPE | dict(processes=2, kind="table", batch=64)
    started = time.monotonic()
    with pytest.raises(workers.WorkerError):
        network.measure([job], seconds=20)
    assert time.monotonic() - started < 20 + 30
    assert not stopped[0].is_running() or stopped[0].status() == psutil.STATUS_ZOMBIE


def test_what_torchrun_says_is_put_into_a_sentence():
    killed = "  rank      : 1 (local_rank: 1)\n  exitcode  : -9 (pid: 7)\n"
    assert workers._reason(killed).startswith("process 1 was killed (SIGKILL)")
    ended = "  rank      : 0 (local_rank: 0)\n  exitcode  : -15 (pid: 6)\n"
    assert workers._reason(ended + killed).startswith("process 1 was killed (SIGKILL)")
    silent = "microdlrm worker failed: process 0: RuntimeError: another process fell silent (x)\n"
    assert workers._reason(silent + killed).startswith("process 1 was killed")
    own = "microdlrm worker failed: process 1: ValueError: no\n"
    assert workers._reason(silent + own) == "process 1: ValueError: no"
    assert workers._reason("") == "it ended without a result"
