"""Why a function fails: the failure itself, and the one that an error or a loop without end amounts to."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass

from microdlrm.exercises import guard
from microdlrm.exercises.causes import CAUSES
from microdlrm.exercises.task import Task
from microdlrm.exercises.verdict import Picture


@dataclass
class Failure(Exception):
    """Ends a check: what is wrong, and what to show for it."""

    mistake: str
    hint: str
    where: str = ""
    picture: Picture | None = None
    inputs: tuple | None = None
    known: bool = False  # by name, whatever the inputs that brought it up
    sure: bool = False  # it holds on other inputs as well


def learners_name(fn: Callable, task: Task) -> str:
    """What the learner calls the function; the task's name if it has none to speak of."""
    name = getattr(fn, "__name__", "")
    return name if name.isidentifier() else task.name


def not_started(name: str) -> Failure:
    """Of the function `name`, whose body is still `...`."""
    hint = f"Replace the `...` in {name} with your code, run its cell, then run the check again."
    return Failure("not started", hint)


def where_it_was(error: BaseException | None, says: str = "") -> str:
    """The learner's line in a traceback, then what Python says of it; of both only what there is."""
    line = guard.learners_line(error) if error is not None else None
    at = f"line {line[0]} of your code" + (f": {line[1][:120]}" if line[1] else "") if line else ""
    return "\n".join(part for part in (at, says) if part)


def too_long(outcome: guard.Outcome) -> str:
    """What to say of a function that was stopped."""
    who = "you stopped it" if outcome.stopped == "reader" else "it was stopped"
    hint = (
        f"Your function had been running for {outcome.seconds:.0f} s when {who}. On inputs this small it should end "
        "at once: look for a loop whose end never comes. If it needs time to compile, raise `check.SECONDS`."
    )
    if outcome.alive:
        hint += " It couldn't be made to stop and still runs: Kernel → Restart frees the processor."
    return hint


def explain(error: BaseException, fn: Callable, task: Task, args: tuple) -> Failure:
    """The Failure that an exception in a learner's function amounts to: their line, and the usual cause."""
    said = str(error).strip().split("\n")
    if "TorchScript interpreter" in said[0]:  # then the error itself comes last, behind its traceback
        said = [said[-1].partition(": ")[2]]
    text = re.sub(r"^\[enforce fail.*?\] err == 0\. ", "", said[0])
    where = where_it_was(error, f"{type(error).__name__}: {text[:240]}".rstrip(": "))
    if type(error) is NotImplementedError and "raise" in where.split("\n")[0]:
        return not_started(learners_name(fn, task))
    line, body = where.split("\n")[0], _source(fn)
    cause = next(
        c
        for c in CAUSES
        if isinstance(error, c.errors)
        and re.search(c.pattern, text)
        and re.search(c.line, line)
        and re.search(c.body, body)
    )
    known = cause.code in ("too much memory", "calls exit", "calls itself without end")
    return Failure(cause.code, cause.hint, where, inputs=args, known=known)


def _source(fn: Callable) -> str:
    try:
        return inspect.getsource(inspect.unwrap(fn))
    except (OSError, TypeError):
        return ""
