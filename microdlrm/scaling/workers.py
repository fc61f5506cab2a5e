"""Processes that compute together: started by torchrun, joined over gloo, gone when it's done.

    run("microdlrm.scaling.network", 4, ...)   in the parent: what process 0 reported
    with joined() as (rank, world): ...        in each worker

Whatever goes wrong ends within a stated time, with one message, and leaves no process behind.
"""

import contextlib
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import torch
import torch.distributed as dist

SECONDS = 60.0  # how long processes wait for each other
_PARENT, _MARK, _RESULT = "MICRODLRM_PARENT", "microdlrm worker failed: ", "microdlrm result: "


class WorkerError(RuntimeError):
    """The processes did not finish; the message says which one failed first, and of what."""


def unavailable() -> str:
    """Why no processes can be started here, or "" where they can."""
    available = dist.is_available() and dist.is_gloo_available()
    return "" if available else "this PyTorch is built without gloo"


def run(module: str, world: int, *arguments: str, seconds: float = 120.0):
    """Start `python -m module arguments` in `world` processes by torchrun; return what process 0
    gave to `report`.

    seconds  how long all of it may take; to end what is left then takes some seconds more

    Raises WorkerError where a worker fails, is killed, or the time is up; no process is left then.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--max-restarts=0"]
    command += ["--nproc-per-node", str(world), "-m", module, *arguments]
    # torchrun takes PET_… for its own defaults, and a cluster's pods set them.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PET_")}
    environment |= {_PARENT: str(os.getpid()), "OMP_NUM_THREADS": "1"}
    if interface := {"linux": "lo", "darwin": "lo0"}.get(sys.platform):
        environment["GLOO_SOCKET_IFNAME"] = interface
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    started = subprocess.Popen(
        command, env=environment, encoding="utf-8", errors="replace", **pipes
    )
    try:
        out, err = started.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise WorkerError(
            f"{module} on {world} processes: not done after {seconds:g} s, and ended"
        ) from None
    finally:
        _end(started)
    results = [line.removeprefix(_RESULT) for line in out.splitlines() if line.startswith(_RESULT)]
    if started.returncode or not results:
        raise WorkerError(f"{module} on {world} processes: {_reason(err)}")
    return json.loads(results[-1])


def _end(started: subprocess.Popen) -> None:
    """torchrun ends its workers when it is asked to. What is left then, because it is stopped or
    doesn't answer, is killed: it would hold the pipes, and the caller with them."""
    if started.poll() is not None:
        return
    left = psutil.Process(started.pid).children(recursive=True)
    started.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        started.wait(5)
    started.kill()
    for worker in left:
        with contextlib.suppress(psutil.Error):
            worker.kill()
    started.communicate()


def _reason(err: str) -> str:
    said = [line.partition(_MARK)[2] for line in err.splitlines() if _MARK in line]
    # A worker whose neighbour fell silent only says so; who failed of itself says more.
    said.sort(key=lambda line: "another process" in line)
    killed = re.findall(r"rank\s*: (\d+).*?\n\s*exitcode\s*: -(\d+)", err)
    if killed and (not said or "another process" in said[0]):
        # torchrun ends the others by SIGTERM, and lists them as well.
        rank, number = min(killed, key=lambda line: int(line[1]) == signal.SIGTERM)
        name = signal.Signals(int(number)).name
        return f"process {rank} was killed ({name}), and the others were ended"
    if said:
        return said[0]
    lines = [line for line in err.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it ended without a result"


def report(result) -> None:
    """Hand a result, of numbers, lists and dicts, to the caller of `run`; process 0's counts."""
    if int(os.environ.get("RANK", 0)) == 0:
        print(_RESULT + json.dumps(result), flush=True)


@contextlib.contextmanager
def joined(seconds: float = SECONDS) -> Iterator[tuple[int, int]]:
    """Join the others, as torchrun's environment says: (rank, world). One that fails says why, and
    takes all along.

    seconds  how long to wait for another process: for it to come, and in each exchange
    """
    _end_with(os.getppid(), int(os.environ.get(_PARENT, os.getppid())))
    torch.set_num_threads(1)
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    try:
        try:
            dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=seconds))
        except (dist.DistError, RuntimeError) as error:
            said = f"another process of {world} didn't come within {seconds:g} s"
            raise RuntimeError(f"{said} ({str(error)[:120]})") from error
        try:
            yield rank, world
        except RuntimeError as error:
            if any(word in str(error) for word in ("gloo", "Connection", "Timed out")):
                raise RuntimeError(f"another process fell silent ({str(error)[:120]})") from error
            raise
    except Exception as error:
        said = f"{_MARK}process {rank}: {type(error).__name__}: {error}".replace("\n", " ")
        print(said, file=sys.stderr, flush=True)
        os._exit(1)  # without the goodbyes that a lost neighbour would never answer
    dist.destroy_process_group()


def _end_with(agent: int, parent: int) -> None:
    """End this process once torchrun, or who called `run`, is gone: a killed parent must leave
    nobody behind."""

    def watch():
        while os.getppid() == agent and psutil.pid_exists(parent):
            time.sleep(0.5)
        os._exit(1)

    if os.name != "nt":  # there a process keeps its parent's number
        threading.Thread(target=watch, daemon=True).start()
