"""Whose code a learner's function runs: behind its wrappers, and while it is judged."""

import functools
import sys
import threading
from collections.abc import Callable, Iterator

from microdlrm.exercises import check
from microdlrm.exercises.task import Task
from microdlrm.exercises.wrappers import layers

MODULE = "__main__"  # where a kernel's cells, and a submission's statements, say they are from


def owners(value) -> Iterator[str]:
    """The modules that `value` and what it wraps were written in."""
    for layer in layers(value):
        # Not __module__, which functools.wraps moves: the module whose names the code sees.
        names = getattr(layer, "__globals__", None)
        yield names.get("__name__", "") if names is not None else type(layer).__module__
        if isinstance(layer, type):
            yield layer.__module__


def is_own(value) -> bool:
    """Whether something of `value` was written in `MODULE`; an import, in any wrapper, wasn't."""
    return MODULE in owners(value)


def borrows(fn: Callable, judge: Callable) -> bool:
    """Whether `fn` calls one of the course's own answers while it is judged, by whatever way."""
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
    modules = [m for name, m in sys.modules.items() if f"{name}.".startswith("microdlrm.")]
    names = (*check.TASKS, "plain_loop")
    found = [
        getattr(module, name, None) for module in modules if module is not check for name in names
    ]
    found += [v.answer for module in modules for v in vars(module).values() if isinstance(v, Task)]
    return {id(code): code for fn in found if (code := getattr(fn, "__code__", None))}
