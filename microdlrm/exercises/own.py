"""Whose code a learner's function runs: behind its wrappers, and while it is judged."""

import functools
import sys
import threading
from collections.abc import Callable, Iterator

from microdlrm.exercises import check
from microdlrm.exercises.task import Task
from microdlrm.exercises.wrappers import layers


def owners(value) -> Iterator[str]:
    """The modules that `value` and what it wraps were written in."""
    for layer in layers(value):
        # Not __module__, which functools.wraps moves: the module whose names the code sees.
        names = getattr(layer, "__globals__", None)
        yield names.get("__name__", "") if names is not None else type(layer).__module__
        if isinstance(layer, type):
            yield layer.__module__


def is_own(value, module: str = "__main__") -> bool:
    """Whether something of `value` was written in `module`; an import, wrapped in whatever way, wasn't."""
    return module in owners(value)


def borrows(fn: Callable, judge: Callable) -> bool:
    """Whether `fn` calls one of the course's own answers while it is judged, however it gets at it."""
    answers, seen = _answers(), set()

    def look(frame, event, arg):
        if id(frame.f_code) in answers:
            seen.add(id(frame.f_code))

    @functools.wraps(fn, updated=())
    def watched(*args):
        threading.setprofile(look)  # in threads that it starts, too
        sys.setprofile(look)
        try:
            return fn(*args)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    judge(watched)
    return bool(seen)


def _answers() -> dict:
    """The code of the course's own answers, by identity: a learner's may be equal."""
    modules = [module for name, module in sys.modules.items() if f"{name}.".startswith("microdlrm.")]
    found = [getattr(m, name, None) for m in modules if m is not check for name in (*check.TASKS, "plain_loop")]
    found += [value.answer for module in modules for value in vars(module).values() if isinstance(value, Task)]
    return {id(code): code for function in found if (code := getattr(function, "__code__", None))}
