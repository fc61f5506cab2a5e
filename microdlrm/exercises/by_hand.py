"""What the checks share that are no `Task`: one case after another, until one is wrong."""

import copy
from collections.abc import Callable

from microdlrm.exercises import guard
from microdlrm.exercises.errors import Failure, explain
from microdlrm.exercises.verdict import Verdict, literal

SECONDS = 10.0  # that one call of a learner's function may take


class Wrong(Failure):
    """Ends a check as `Failure` does, with a table: rows of five texts, the heads first."""

    def __init__(self, mistake: str, hint: str, inputs: tuple | None = None, shown: tuple = ()):
        super().__init__(mistake, hint, inputs=inputs)
        self.shown = shown


def call(fn: Callable, task: str, inputs: tuple, seconds: float = SECONDS):
    """What a learner's function returns; raises Failure if it fails, and if it returns nothing."""
    outcome = guard.run(fn, copy.deepcopy(inputs), seconds)
    if outcome.stopped:
        hint = f"It ran for {outcome.seconds:.0f} s. Look for a loop whose end never comes."
        raise Wrong("runs without end", hint, inputs)
    if outcome.error is not None:
        raise explain(outcome.error, inputs)
    if outcome.value is None or outcome.value is ...:
        raise Wrong("not started", f"Replace the `...` in {task} with your code.")
    return outcome.value


def one_by_one(
    task: str, names: tuple[str, ...], cases: dict[str, list], judged: Callable, praise: Callable
) -> Verdict:
    """Judge each input of each case, `judged(name, *inputs)`, until one raises Failure.

    `names` are those of the inputs that are shown.
    """
    tried = dict.fromkeys(cases, "not reached")
    for name, several in cases.items():
        tried[name] = "failed"
        for inputs in several:
            try:
                judged(name, *inputs)
            except Failure as f:
                if f.mistake == "not started":
                    return Verdict(False, f.mistake, f.hint, task)
                shown = zip(names, map(literal, inputs), strict=False)
                given, table = tuple(f"{n} = {v}" for n, v in shown), getattr(f, "shown", ())
                hint = f"On “{name}”: {f.hint}"
                return Verdict(False, f.mistake, hint, task, tried, f.where, inputs, given, table)
        tried[name] = "passed"
    return Verdict(True, None, praise(), task, tried)
