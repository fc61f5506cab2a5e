"""What goes wrong ends in time, with one message; half a checkpoint isn't believed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from worker import model

from microdlrm.scaling import torchrec as sharded
from microdlrm.scaling import workers
from microdlrm.scaling.torchrec import CheckpointError

HERE = Path(__file__).resolve().parent
SECONDS = 180  # for a crowded machine; none of it takes long by itself


def fails(task, folder, world=2, seconds=SECONDS, **how):
    """The message of a run that fails in time, and leaves nobody behind."""
    before, started = descendants(), time.monotonic()
    with pytest.raises(workers.WorkerError) as failure:
        workers.run("worker", world, task, str(folder), seconds=seconds, **how)
    assert time.monotonic() - started < seconds + 20
    gone(lambda: descendants() - before == set())
    assert "\n" not in str(failure.value)
    return str(failure.value)


def descendants():
    """Processes whose command line names this folder's worker."""
    return {
        p.pid for p in psutil.process_iter(["cmdline"]) if "worker" in (p.info["cmdline"] or [])
    }


def gone(condition, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "a process is left behind"
        time.sleep(0.1)


def test_a_killed_worker(tmp_path):
    assert "process 1 was killed (SIGKILL)" in fails("killed_in_training", tmp_path)


def test_other_tables(tmp_path):
    said = fails("other_tables", tmp_path)
    assert "must bring the same tables" in said
    assert "(50, 30, 9)" in said
    assert "(50, 31, 9)" in said


def test_time_is_up(tmp_path):
    assert "not done after 12 s" in fails("pids", tmp_path, seconds=12)


def test_nobody_outlives_who_started_them(tmp_path):
    run = f"workers.run('worker', 2, 'pids', {str(tmp_path)!r})"
    code = f"from microdlrm.scaling import workers; {run}"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as parent:
        gone(lambda: len(list(tmp_path.glob("*.pid"))) == 2, seconds=60)
        ids = [path.read_text() for path in tmp_path.glob("*.pid")]
        parent.send_signal(signal.SIGKILL)
    gone(lambda: not any(psutil.pid_exists(int(number)) for number in ids))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder in which two processes kept a checkpoint for each kind of sharding."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))
        workers.run("worker", 2, "writes", str(folder), seconds=SECONDS)
    return folder


def test_a_checkpoint_there_and_back(kept):
    """Written by two processes, read by one; read by four, and written again."""
    expected = model().state_dict()
    for kind in sharded.KINDS:
        loaded = sharded.load(kept / kind)
        assert all(
            torch.equal(weight, loaded.state_dict()[name]) for name, weight in expected.items()
        ), kind
    workers.run("worker", 4, "carries_on", str(kept), seconds=SECONDS)
    again = sharded.load(kept / "again")
    assert all(torch.equal(weight, again.state_dict()[name]) for name, weight in expected.items())


def test_one_interrupted_while_it_is_written_is_never_taken_for_whole(tmp_path):
    assert "process 1 was killed" in fails("killed_while_writing", tmp_path)
    assert not (tmp_path / "second").exists()
    with pytest.raises(CheckpointError, match="no whole checkpoint"):
        sharded.load(tmp_path / ".second.partial")
    sharded.load(tmp_path / "first")


def test_two_interrupted_under_one_name_are_never_mixed(tmp_path):
    """What the first left is whole but for its name; of the second there is half."""
    assert "was killed" in fails("killed_before_the_name", tmp_path)
    assert (tmp_path / ".second.partial/shape.json").exists()
    assert "process 1 was killed" in fails("killed_before_its_part", tmp_path)
    with pytest.raises(CheckpointError, match="no whole checkpoint"):
        sharded.load(tmp_path / ".second.partial")


def test_a_damaged_one_is_told_from_a_whole_one(kept, tmp_path):
    shutil.copytree(kept / "row", tmp_path / "damaged")
    victim = max((tmp_path / "damaged").glob("*.distcp"), key=lambda path: path.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="damaged"):
        sharded.load(tmp_path / "damaged")
