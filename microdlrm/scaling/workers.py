"""Processes that compute together, joined over gloo, gone when it's done.

    run(work, 4, ...)   work(rank, world, ...) in each of 4 processes: what it returned in process 0

Whatever goes wrong ends within a stated time, with one message, and leaves no process behind.
"""

import datetime
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist

SECONDS = 60.0  # how long processes wait for each other


class WorkerError(RuntimeError):
    """The processes did not finish; the message says which one failed first, and of what."""


def unavailable() -> str:
    """Why no processes can be joined here, or "" where they can."""
    available = dist.is_available() and dist.is_gloo_available()
    return "" if available else "this PyTorch is built without gloo"


def run(work: Callable, world: int, *arguments, seconds: float = 120.0):
    """Call `work(rank, world, *arguments)` in `world` processes; return what process 0 returned.

    work     a module's function, which returns numbers, lists and dicts
    seconds  how long all of it may take

    Raises WorkerError where a process fails, is killed, or the time is up; none is left then.
    """
    context, until = multiprocessing.get_context("spawn"), time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        given = (world, folder, work, arguments)
        processes = [context.Process(target=_join, args=(rank, *given)) for rank in range(world)]
        try:
            for process in processes:
                process.start()
            codes = [None]
            while None in codes and not any(codes):
                if time.monotonic() > until:
                    raise WorkerError(f"{world} processes: not done after {seconds:g} s, and ended")
                time.sleep(0.02)
                codes = [process.exitcode for process in processes]
            for rank, code in enumerate(codes):
                if (code or 0) < 0:
                    name = signal.Signals(-code).name
                    raise WorkerError(f"process {rank} was killed ({name}), the others were ended")
        finally:
            for process in processes:
                if process.is_alive():
                    process.kill()  # a stopped one, too
                    process.join()
        if (failed := Path(folder, "failed")).exists():
            raise WorkerError(failed.read_text(encoding="utf-8").splitlines()[0])
        return json.loads(Path(folder, "result").read_text(encoding="utf-8"))


def _join(rank: int, world: int, folder: str, work: Callable, arguments: tuple) -> None:
    """What each process does: join the others, work, and leave a result or why there is none."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    if interface := {"linux": "lo", "darwin": "lo0"}.get(sys.platform):
        os.environ["GLOO_SOCKET_IFNAME"] = interface
    torch.set_num_threads(1)
    try:
        how = dict(rank=rank, world_size=world, timeout=datetime.timedelta(seconds=SECONDS))
        dist.init_process_group("gloo", store=dist.FileStore(f"{folder}/store", world), **how)
        result = work(rank, world, *arguments)
        dist.destroy_process_group()
        if rank == 0:
            Path(folder, "result").write_text(json.dumps(result), encoding="utf-8")
    except Exception as error:
        with open(f"{folder}/failed", "a", encoding="utf-8") as file:  # the first line counts
            said = f"process {rank}: {type(error).__name__}: {error}"
            file.write(" ".join(said.split()) + "\n")
        os._exit(1)  # without the goodbyes that a lost neighbour would never answer


def _end_with_parent() -> None:
    """A killed parent must leave nobody behind."""
    multiprocessing.parent_process().join()
    os._exit(1)
