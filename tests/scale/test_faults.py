"""What goes wrong ends in time, with one message; half a checkpoint isn't believed."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch
import worker
from torch.distributed.checkpoint.api import CheckpointException

from microdlrm.scaling import torchrec as sharded
from microdlrm.scaling import workers
from microdlrm.scaling.traffic import SHARDINGS

SECONDS = 180  # for a crowded machine; none of it takes long by itself


def fails(task, folder):
    """The message of a run of two that fails in time, and leaves nobody behind."""
    started = time.monotonic()
    with pytest.raises(workers.WorkerError) as failure:
        workers.run(task, 2, folder, seconds=SECONDS)
    assert time.monotonic() - started < SECONDS + 20
    assert not multiprocessing.active_children()
    return str(failure.value)


def gone(condition, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "a process is left behind"
        time.sleep(0.1)


def test_a_killed_worker(tmp_path):
    assert "process 1 was killed (SIGKILL)" in fails(worker.killed_in_training, tmp_path)


def test_nobody_outlives_who_started_them(tmp_path):
    run = f"workers.run(worker.pids, 2, pathlib.Path({str(tmp_path)!r}), seconds={SECONDS})"
    code = f"import pathlib, worker; from microdlrm.scaling import workers; {run}"
    path = os.pathsep.join([worker.__file__.rpartition("/")[0], os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as parent:
        gone(lambda: len(list(tmp_path.glob("*.pid"))) == 2, seconds=SECONDS)
        ids = [path.read_text() for path in tmp_path.glob("*.pid")]
        parent.send_signal(signal.SIGKILL)
    gone(lambda: not any(psutil.pid_exists(int(number)) for number in ids))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder in which two processes kept a checkpoint for each kind of sharding."""
    folder = tmp_path_factory.mktemp("kept")
    workers.run(worker.writes, 2, folder, seconds=SECONDS)
    return folder


def test_a_checkpoint_there_and_back(kept):
    """Written by two processes, read by one; read by four, and written again."""
    expected = worker.model().state_dict()
    workers.run(worker.carries_on, 4, kept, seconds=SECONDS)
    for name in (*SHARDINGS, "again"):
        found = sharded.load(kept / name).state_dict()
        assert all(torch.equal(weight, found[key]) for key, weight in expected.items()), name


def test_two_interrupted_under_one_name_are_never_mixed_nor_taken_for_whole(tmp_path):
    """What the first left is whole but for its name; of the second there is half."""
    assert "was killed" in fails(worker.killed_before_the_name, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".kept.partial"]
    sharded.load(tmp_path / ".kept.partial")
    assert "process 1 was killed" in fails(worker.killed_before_its_part, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".kept.partial"]
    with pytest.raises(FileNotFoundError, match=r"shape\.json"):
        sharded.load(tmp_path / ".kept.partial")


def test_a_damaged_one_is_told_from_a_whole_one(kept, tmp_path):
    shutil.copytree(kept / "row", tmp_path / "damaged")
    victim = max((tmp_path / "damaged").glob("*.distcp"), key=lambda path: path.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:100])
    with pytest.raises(CheckpointException):
        sharded.load(tmp_path / "damaged")
