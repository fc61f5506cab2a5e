"""What the checks share that are no `Task`: one case after another, until one is wrong."""

import copy
from collections.abc import Callable

from microdlrm.exercises import guard
from microdlrm.exercises.errors import Failure, came_to
from microdlrm.exercises.verdict import Verdict, given

SECONDS = 10.0  # that one call of a learner's function may take


def call(fn: Callable, task: str, inputs: tuple, seconds: float = SECONDS):
    """What a learner's function returns; raises Failure if it fails, and if it returns nothing."""
    outcome = guard.run(fn, copy.deepcopy(inputs), seconds)
    if failure := came_to(outcome, inputs):
        raise failure
    if outcome.value is None or outcome.value is ...:
        raise Failure("not started", f"Replace the `...` in {task} with your code.")
    return outcome.value


def one_by_one(
    task: str, names: tuple[str, ...], cases: dict[str, list], judged: Callable, praise: str
) -> Verdict:
    """Judge each input of each case, until one raises Failure.

    `judged(name, *inputs)` may return what there is to praise. `names` are those of the inputs that
    are shown. A case of one empty input is a step.
    """
    tried, said = dict.fromkeys(cases, "not reached"), [praise]
    for name, several in cases.items():
        tried[name] = "failed"
        for inputs in several:
            try:
                said.append(judged(name, *inputs))
            except Failure as f:
                if f.mistake == "not started":
                    return Verdict(False, f.mistake, f.hint, task)
                what = f.hint or "it stops with an error."
                hint = f"On “{name}”: {what}" if inputs else what
                shown = (f.where, inputs or None, given(names, inputs), f.shown)
                return Verdict(False, f.mistake, hint, task, tried, *shown)
        tried[name] = "passed"
    return Verdict(True, None, " ".join(filter(None, said)), task, tried)
