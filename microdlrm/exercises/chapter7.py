"""Chapter 7's exercise: what three models wait for, and for how long, predicted and then measured."""

from collections.abc import Callable
from dataclasses import replace

from microdlrm.exercises.verdict import Verdict
from microdlrm.machine import cost, timing
from microdlrm.machine.ceilings import measure_ceilings
from microdlrm.machine.regimes import forward, measured_regime, turned

TASK = "predict"
TRIES = 3  # a time that is off is measured again, with the machine's rates: noise passes, a mistake stays
# The models: name -> (shape, batch, bag).
UNSEEN = {
    "one visitor": (dict(m_spa=16, num_embeddings=(2000,) * 4, ln_bot=(13, 32, 16), ln_top=(64, 32, 1)), 4, 1),
    "long histories": (dict(m_spa=32, num_embeddings=(2**19,) * 3, ln_bot=(13, 32), ln_top=(16, 1)), 256, 200),
    "deep and wide": (
        dict(m_spa=32, num_embeddings=(5000,) * 6, ln_bot=(32, 512, 512, 32), ln_top=(1536, 1024, 512, 1)),
        256,
        1,
    ),
}


def check_prediction(fn: Callable) -> Verdict:
    """Check `predict(forward, rates)` -> (regime, seconds) against three models, measured on this machine.

    forward  a frame: a line for each part of a model, with the columns flops, bytes and operators
    rates    this machine's, a `cost.Rates`
    regime   "dispatch", "memory" or "compute": what the model waits for most. Right is what moves the time when its
             knob is turned: the ids in a bag, the MLPs' widths, or neither
    seconds  of a forward pass, right if it lies within a factor of two of what is measured

    Takes a few seconds, and half a minute where a time is off: then it is measured again. The models are in `UNSEEN`.
    """
    tried = dict.fromkeys(UNSEEN, "not reached")
    said, mistake = [], None
    for name, model in UNSEEN.items():
        truth = None
        for attempt in range(TRIES):
            if attempt:
                measure_ceilings.cache_clear()
            asked = _ask(fn, name, *model)
            if isinstance(asked, Verdict):
                return replace(asked, tried=tried)
            guess, seconds, measured = asked
            if truth is None:  # not before there is an answer to judge
                turns = turned(*model)
                truth = measured_regime(turns, model[0])
            within = 0.5 <= seconds / measured <= 2
            if within or guess != truth:
                break
        tried[name] = "passed" if within and guess == truth else "failed"
        said.append(
            f"{name}: you say {guess}, {timing.duration(max(seconds, 0))}; measured {timing.duration(measured)}."
        )
        if tried[name] == "failed" and mistake is None:
            mistake, hint = _misjudged(name, guess, truth, seconds / measured, turns)
    if mistake:
        return Verdict(False, mistake, f"{hint} {' '.join(said)}", TASK, tried)
    return Verdict(
        True, None, f"All three regimes, and all three times within a factor of two. {' '.join(said)}", TASK, tried
    )


def _ask(fn: Callable, name: str, shape: dict, batch: int, bag: int) -> Verdict | tuple[object, float, float]:
    """The regime and the seconds that `fn` predicts, and those measured just then; or what is wrong with it."""
    on_paper = cost.parts(batch, bag, **shape).loc["forward"].drop(index="loss")
    rates = measure_ceilings().rates(shape["m_spa"])
    try:
        answer = fn(on_paper.copy(), rates)
    except Exception as error:
        return Verdict(False, "raises an error", f"On “{name}” it raises {type(error).__name__}: {error}", TASK)
    if answer is None or answer is ...:
        return Verdict(False, "not started", "Replace the ... by your prediction: a regime and seconds.", TASK)
    try:
        guess, seconds = answer
        seconds = float(seconds)
    except (TypeError, ValueError):
        hint = f'It should return a regime and seconds, as in return "memory", 0.001; it returned {answer!r}.'
        return Verdict(False, "not a regime and a number", hint, TASK)
    return guess, seconds, timing.measure(forward(shape, batch, bag), rounds=5).median


def _misjudged(name: str, guess: object, truth: str, ratio: float, turns: dict) -> tuple[str, str]:
    if guess not in ("dispatch", "memory", "compute"):
        return "an unknown regime", f"On “{name}” the regime is {guess!r}; it is one of dispatch, memory, compute."
    if guess != truth:
        moved = ", ".join(f"with {knob} it takes {times.median:.2f} times as long" for knob, times in turns.items())
        hint = f"“{name}” doesn't wait for {guess} most: {moved}. Compare the three sums over its parts."
        return "another regime", hint
    if not 1e-4 < ratio < 1e4:
        return (
            "the wrong unit",
            f"On “{name}” your time is off by {ratio:.0e}: is everything in seconds, and a GB 10⁹ bytes?",
        )
    if ratio < 0.5:
        return "too short a time", f"On “{name}” you expect {ratio:.2f} of the time it takes: what haven't you counted?"
    return "too long a time", f"On “{name}” you expect {ratio:.1f} times the time it takes: what do you count twice?"
