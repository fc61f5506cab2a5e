"""Chapter 7's exercise: what three models wait for, and how long, predicted and then measured."""

from collections.abc import Callable
from functools import cache

from microdlrm.exercises.by_hand import Wrong, call, one_by_one
from microdlrm.exercises.verdict import Verdict
from microdlrm.machine import cost, timing
from microdlrm.machine.ceilings import measure_ceilings
from microdlrm.machine.cost import Rates
from microdlrm.machine.regimes import forward, measured_regime, turned

TRIES = 3  # a time that is off is measured again, with the machine's rates: noise passes
REGIMES = ("dispatch", "memory", "compute")
# name -> (shape, batch, bag). The tables of long histories take 384 MiB, to be far on any machine:
# what lies in a part of a large cache that others share is neither near nor far.
UNSEEN = {
    "one visitor": (
        dict(m_spa=16, num_embeddings=(2000,) * 4, ln_bot=(13, 32, 16), ln_top=(64, 32, 1)),
        4,
        1,
    ),
    "long histories": (
        dict(m_spa=32, num_embeddings=(2**20,) * 3, ln_bot=(13, 32), ln_top=(16, 1)),
        256,
        200,
    ),
    "deep and wide": (
        dict(
            m_spa=32,
            num_embeddings=(5000,) * 6,
            ln_bot=(32, 512, 512, 32),
            ln_top=(1536, 1024, 512, 1),
        ),
        256,
        1,
    ),
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
    seconds, half a minute where a time is off: it is measured again. The models are `UNSEEN`.
    """
    said = []
    turns = cache(lambda name: turned(*UNSEEN[name]))

    def on_paper(name: str, *model) -> None:
        frame = parts(*model)
        _, seconds = answer(fn, frame, ON_PAPER)
        due = cost.predict(frame, ON_PAPER)["seconds"].sum()
        if not 1e-2 < seconds / due < 1e2:
            hint = (
                f"{seconds:.2g}, {seconds / due:.0e} times what is due, some {due:.2g}. Is "
                "everything in seconds, a µs 1e-6 of them, and a GB or GFLOP 1e9?"
            )
            raise Wrong("the wrong unit", hint, shown=by_part(fn, frame))

    def by_the_clock(name: str, *model) -> None:
        shape, _, _ = model
        frame = parts(*model)
        for attempt in range(TRIES):
            if attempt:
                measure_ceilings.cache_clear()
            guess, seconds = answer(fn, frame, measure_ceilings().rates(shape["m_spa"]))
            measured = timing.measure(forward(*model), rounds=5).median
            truth = measured_regime(turns(name), shape)
            within = 0.5 <= seconds / measured <= 2
            if within or guess != truth:
                break
        says = f"{timing.duration(seconds)} predicted, {timing.duration(measured)} measured"
        if guess != truth:
            moved = "; ".join(
                f"with {knob} it takes {t.median:.2f} times as long"
                for knob, t in turns(name).items()
            )
            hint = (
                f"you say {guess}, and it waits for {truth} most: {moved}. Compare the three sums."
            )
            raise Wrong("another regime", hint, shown=by_part(fn, frame))
        if not within:
            short = seconds < measured
            asks = "haven't you counted" if short else "do you count twice"
            mistake = "too short a time" if short else "too long a time"
            raise Wrong(mistake, f"{says}. What {asks}?", shown=by_part(fn, frame))
        said.append(f"{name}: {guess}, {says}.")

    verdict = one_by_one("predict", (), UNSEEN, on_paper, lambda: "")
    if not verdict.passed:
        return verdict
    praise = "All three regimes, and all three times within a factor of two."
    return one_by_one("predict", (), UNSEEN, by_the_clock, lambda: " ".join([praise, *said]))


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
        raise Wrong("not a regime and a number", hint) from None
    if guess not in REGIMES:
        raise Wrong("an unknown regime", f"{guess!r:.40} is none of {', '.join(REGIMES)}.")
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
        right = abs(came - due) <= 0.1 * due + 1e-9
        mark = "✓" if right else "✗"
        lines.append((name, timing.duration(due), "", timing.duration(max(came, 0)), mark))
    return tuple(lines)
