"""Run a learner's function so that no endless loop or huge tensor takes the kernel down."""

import contextlib
import contextvars
import ctypes
import io
import os
import sysconfig
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

try:
    import resource
except ImportError:  # Windows has no such module, and so no limit on memory
    resource = None

MEMORY = 2**30  # bytes that a learner's function may take on top of what the process already holds


class Stopped(BaseException):
    """Raised inside a learner's function whose time is up. `except Exception` doesn't catch it."""


@dataclass
class Outcome:
    """What a call came to: a value, or an error, or neither because it was stopped."""

    value: object = None
    error: BaseException | None = None
    seconds: float = 0.0
    stopped: str = ""  # "time" or "reader": who ended it
    alive: bool = False  # it couldn't be stopped and still runs
    printed: str = ""


def run(fn: Callable, args: tuple, seconds: float) -> Outcome:
    """Call `fn(*args)` for at most `seconds`, with at most `MEMORY` more bytes than are in use now.

    The call has a thread of its own: the caller's stays free to tell the time and to hear Kernel →
    Interrupt, even while the function sits in one long operation. Works alike on every system,
    signals don't.
    """
    # An event, since Thread.join, once interrupted, takes its thread for dead.
    outcome, ended = Outcome(), threading.Event()

    def work():
        with contextlib.suppress(Stopped):  # may come late, while an error is being stored
            try:
                outcome.value = fn(*args)
            except BaseException as error:
                outcome.error = error
        ended.set()

    # The context carries where a notebook sends what the function prints.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    start, printed = time.monotonic(), io.StringIO()
    with memory_limit(MEMORY), contextlib.redirect_stdout(printed):
        thread.start()
        try:
            while not ended.is_set() and time.monotonic() - start < seconds:
                ended.wait(0.05)
            outcome.stopped = "" if ended.is_set() else "time"
        except KeyboardInterrupt:
            outcome.stopped = "reader"
        if outcome.stopped:
            _stop(thread, ended)
    outcome.printed = printed.getvalue()
    outcome.seconds, outcome.alive = time.monotonic() - start, not ended.is_set()
    return outcome


def _stop(thread: threading.Thread, ended: threading.Event, patience: float = 2.0) -> None:
    """Raise `Stopped` in the thread, more than once: a bare `except` may swallow it."""
    end = time.monotonic() + patience
    ident, error = ctypes.c_ulong(thread.ident), ctypes.py_object(Stopped)
    while not ended.is_set() and time.monotonic() < end:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, error)
        ended.wait(0.25)


@contextlib.contextmanager
def memory_limit(extra: int):
    """Let the process take `extra` bytes more than now, where the system can.

    Linux counts address space, so an allocation beyond the limit fails at once, as an error in the
    line that asked for it, before a page of it is touched. macOS and Windows have no such limit.
    """
    statm = Path("/proc/self/statm")
    if resource is None or not statm.exists():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = int(statm.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") + extra
    for bound in (soft, hard):
        limit = limit if bound == resource.RLIM_INFINITY else min(limit, bound)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


_PATHS = ("stdlib", "platstdlib", "purelib", "platlib")
_LIBRARIES = tuple({sysconfig.get_path(name) for name in _PATHS})
_OURS = str(Path(__file__).parent) + os.sep
