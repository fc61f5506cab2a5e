"""Chapter 7's exercise: what three models wait for, and how long, predicted and then measured."""

from collections.abc import Callable
from functools import partial

from microdlrm.exercises.by_hand import call, one_by_one
from microdlrm.exercises.errors import Failure
from microdlrm.exercises.verdict import Verdict
from microdlrm.machine import cost, timing
from microdlrm.machine.ceilings import measure_ceilings
from microdlrm.machine.cost import Rates
from microdlrm.machine.regimes import forward, turned, waits_for

TRIES = 3  # what doesn't agree is measured again, with the machine's rates: noise passes
CLOSE = 0.2  # between shares of the time that lie so near each other no clock decides
REGIMES = ("dispatch", "memory", "compute")
# name -> (shape, batch, bag). The tables of long histories take 384 MiB, to be far on any machine:
# what lies in a part of a large cache that others share is neither near nor far.
VISITOR = dict(m_spa=16, num_embeddings=(2000,) * 4, ln_bot=(13, 32, 16), ln_top=(64, 32, 1))
HISTORIES = dict(m_spa=32, num_embeddings=(2**20,) * 3, ln_bot=(13, 32), ln_top=(16, 1))
WIDE = dict(
    m_spa=32, num_embeddings=(5000,) * 6, ln_bot=(32, 512, 512, 32), ln_top=(1536, 1024, 512, 1)
)
UNSEEN = {
    "one visitor": (VISITOR, 4, 1),
    "long histories": (HISTORIES, 256, 200),
    "deep and wide": (WIDE, 256, 1),
}
# A machine made up, for what needs no measuring: errors, names, units, and which part is left out.
ON_PAPER = Rates(10, 4, 10, 40, 100, dispatch_us=5, bag_us=10, near_bytes=2**20, cache_bytes=2**24)
ENDLESS = 1e15  # GB/s and GFLOP/s


def check_prediction(fn: Callable) -> Verdict:
    """Check `predict(forward, rates)` -> (regime, seconds) against three models, measured here.

    forward  a frame: a line for each part of a model, with the columns flops, bytes and operators
    rates    this machine's, a `cost.Rates`
    regime   "dispatch", "memory" or "compute": what the model waits for most. Right is what moves
             the time when its knob is turned: the ids in a bag, the MLPs' widths, or neither
    seconds  of a forward pass, right if it lies within a factor of two of what is measured

    What can't be right on any machine is refused before anything is measured. The rest takes
    seconds, half a minute where something is off: it is measured again. The models are `UNSEEN`.
    """
    models = {name: [model] for name, model in UNSEEN.items()}
    verdict = one_by_one("predict", (), models, partial(_on_paper, fn), "")
    if verdict.passed:
        praise = "All three regimes, and all three times within a factor of two."
        verdict = one_by_one("predict", (), models, partial(_by_the_clock, fn), praise)
    return verdict


def _on_paper(fn: Callable, name: str, *model) -> None:
    frame = parts(*model)
    _, seconds = answer(fn, frame, ON_PAPER)
    due = cost.predict(frame, ON_PAPER)["seconds"].sum()
    if not 1e-2 < seconds / due < 1e2:
        hint = (
            f"{seconds:.2g}, {seconds / due:.0e} times what is due, some {due:.2g}. Is everything "
            "in seconds, a µs 1e-6 of them, and a GB or GFLOP 1e9?"
        )
        raise Failure("the wrong unit", hint, shown=by_part(fn, frame))


def _by_the_clock(fn: Callable, name: str, *model) -> str:
    shape, frame = model[0], parts(*model)
    for attempt in range(TRIES):
        if attempt:
            measure_ceilings.cache_clear()
        guess, seconds = answer(fn, frame, measure_ceilings().rates(shape["m_spa"]))
        measured = timing.measure(forward(*model), rounds=5).median
        waits = waits_for(turns := turned(*model), shape)
        right = waits[guess] > max(waits.values()) - CLOSE
        within = 0.5 <= seconds / measured <= 2
        if right and within:
            break
    says = f"{timing.duration(seconds)} predicted, {timing.duration(measured)} measured"
    if not right:
        moved = (f"with {k} it takes {t.median:.2f} times as long" for k, t in turns.items())
        hint = f"you say {guess}, and it waits for {max(waits, key=waits.get)} most: "
        hint += f"{'; '.join(moved)}."
        hint += " Compare the three sums."
        raise Failure("another regime", hint, shown=by_part(fn, frame))
    if not within:
        short = seconds < measured
        asks = f"Which part is too {'small' if short else 'large'}?"
        mistake = "too short a time" if short else "too long a time"
        raise Failure(mistake, f"{says}. {asks}", shown=by_part(fn, frame))
    return f"{name}: {guess}, {says}."


def parts(shape: dict, batch: int, bag: int):
    """What `predict` is given of a model: its forward pass on paper."""
    return cost.parts(batch, bag, **shape)


def answer(fn: Callable, frame, rates: Rates) -> tuple[str, float]:
    """The regime and the seconds that `fn` predicts; raises Failure if they are neither."""
    value = call(fn, "predict", (frame, rates))
    try:
        guess, seconds = value
        seconds = float(seconds)
    except (TypeError, ValueError):
        hint = f'`return "memory", 0.001` would be one; it returned {value!r:.80}.'
        raise Failure("not a regime and a number", hint) from None
    if guess not in REGIMES:
        raise Failure("an unknown regime", f"{guess!r:.40} is none of {', '.join(REGIMES)}.")
    return guess, seconds


def by_part(fn: Callable, frame) -> tuple:
    """Each part of the time by itself, the others made to take none: on paper, and as `fn` has it.

    On a machine that is made up, so that the numbers are the same everywhere.
    """
    free = ON_PAPER._replace(
        dispatch_us=0,
        bag_us=0,
        gemm_gflops=ENDLESS,
        **{f"{kind}_gbs": ENDLESS for kind in ("stream", "gather", "cache", "near")},
    )
    kept = {
        "operators": ("dispatch_us",),
        "EmbeddingBags": ("bag_us",),
        "computing": ("gemm_gflops",),
        "moving, streamed": ("stream_gbs",),
        "moving, rows": ("gather_gbs", "cache_gbs", "near_gbs"),
    }
    lines = [("on a machine made up", "on paper", "how", "yours", "right or wrong")]
    for name, fields in kept.items():
        rates = free._replace(**{field: getattr(ON_PAPER, field) for field in fields})
        due = cost.predict(frame, rates)["seconds"].sum()
        came = answer(fn, frame, rates)[1]
        mark = "✓" if abs(came - due) <= 0.1 * due + 1e-9 else "✗"
        times = (timing.duration(max(round(seconds, 9), 0)) for seconds in (due, came))
        lines.append((name, next(times), "", next(times), mark))
    return tuple(lines)
