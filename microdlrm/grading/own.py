"""Whose code a learner's function runs while it is judged."""

import functools
import sys
import threading
from collections.abc import Callable

from microdlrm.exercises import check
from microdlrm.exercises.task import Task
from microdlrm.exercises.verdict import Verdict


def judged(fn: Callable, judge: Callable) -> tuple[Verdict, bool]:
    """The verdict on `fn`, and whether it called, by whatever way, one of the course's answers."""
    answers, seen = _answers(), []

    def look(frame, event, arg):
        seen.extend(answers & {id(frame.f_code)})

    @functools.wraps(fn, updated=())
    def watched(*args):
        threading.setprofile(look)  # in threads that it starts, too
        sys.setprofile(look)
        try:
            return fn(*args)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    return judge(watched if callable(fn) else fn), bool(seen)


def _answers() -> set[int]:
    """The code of the course's own answers, by identity: a learner's may be equal."""
    modules = [m for name, m in sys.modules.items() if f"{name}.".startswith("microdlrm.")]
    values = [item for module in modules for item in vars(module).items()]
    found = [value for name, value in values if name in (*check.TASKS, "plain_loop")]
    found += [value.answer for _, value in values if isinstance(value, Task)]
    return {id(fn.__code__) for fn in found if hasattr(fn, "__code__")}
