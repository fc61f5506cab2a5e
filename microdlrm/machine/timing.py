"""Honest timing.

The rules, each there because breaking it has fooled someone: one thread, warm-up, other inputs from
call to call, memory written before it is read, an allocator in a known state, variants interleaved
in changing order, medians with their quartiles, page faults counted. On a CPU the clock is CPU
time, so that another program's turn on the core isn't counted; with one thread and a quiet machine
it equals the time on the wall. (What another program takes of the caches and of the memory's
bandwidth is counted all the same.)
"""

import html
import inspect
import itertools
import random
import sys
import time
import timeit
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from microdlrm.machine import allocator


@dataclass(frozen=True)
class Spread:
    """A measured quantity: its median and quartiles, and the samples they come from."""

    median: float
    low: float
    high: float
    samples: tuple[float, ...] = ()

    @classmethod
    def of(cls, samples) -> "Spread":
        samples = tuple(samples)
        low, median, high = np.quantile(samples, (0.25, 0.5, 0.75)).tolist()
        return cls(median, low, high, samples)

    def into(self, convert: Callable[[float], float]) -> "Spread":
        """The samples in another unit: `seconds.into(lambda s: n_bytes / s / 1e9)` is in GB/s."""
        return Spread.of(convert(sample) for sample in self.samples)

    @property
    def noise(self) -> float:
        """The distance between the quartiles as a share of the median."""
        return (self.high - self.low) / self.median if self.median else float("inf")

    @property
    def outcome(self) -> str:
        """What this ratio, in times as fast, says of a change; quartiles have to be 5% from 1."""
        if self.low < 0.95 and self.high > 1.05:
            return "too noisy to tell"
        return "wins" if self.low > 1.05 else "loses" if self.high < 0.95 else "no difference"

    def __str__(self) -> str:
        return f"{self.median:.3g} [{self.low:.3g}–{self.high:.3g}]"


class Shown:
    """What shows as a table, `frame`, with `remarks` below."""

    def __repr__(self) -> str:
        return "\n".join([str(self.frame()), *self.remarks()])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(text)}</p>" for text in self.remarks())
        return self.frame().to_html(border=0) + notes


class Times(Shown, dict[str, Spread]):
    """What `compare` returns: seconds a call, by name. It shows as a table.

    faults  page faults a call, by name; they are shown where they may be 5% of the time, at a
            microsecond each
    """

    def __init__(self, spreads: Mapping[str, Spread], faults: Mapping[str, float]):
        super().__init__(spreads)
        self.faults = faults

    def ratio(self, a: str, b: str) -> Spread:
        """How many times as long `a` takes as `b`, from samples of the same round."""
        return Spread.of(x / y for x, y in zip(self[a].samples, self[b].samples, strict=True))

    def frame(self) -> pd.DataFrame:
        """Medians, quartiles, multiples of the fastest, and page faults where they matter."""
        fastest = min(spread.median for spread in self.values())
        columns = {
            "median": [duration(s.median) for s in self.values()],
            "quartiles": [f"{duration(s.low)} – {duration(s.high)}" for s in self.values()],
            "of the fastest": [f"{s.median / fastest:.2f} ×" for s in self.values()],
        }
        if any(self.faults[name] * 1e-6 > 0.05 * s.median for name, s in self.items()):
            columns["page faults"] = [f"{self.faults[name]:,.0f}" for name in self]
        return pd.DataFrame(columns, index=list(self))

    def remarks(self) -> list[str]:
        """What noise forbids to conclude: neighbours, by median, whose quartile ranges overlap."""
        pairs = itertools.pairwise(sorted(self, key=lambda name: self[name].median))
        close = [f"“{a}” and “{b}”" for a, b in pairs if self[a].high >= self[b].low]
        return [f"Too close to call here: {', '.join(close)}."] if close else []


def compare(
    variants: Mapping[str, Callable],
    *,
    rounds: int = 7,
    sample: float = 0.01,
    patience: float = 1.0,
    wall: bool = False,
    pages: str = "settled",
) -> Times:
    """Time callables that do the same job in different ways.

    A variant is called with no argument or, if it takes one, with a counter 0, 1, 2, ... by which
    it picks its input: `lambda i: model(batches[i % len(batches)])`. It is warmed up, then called
    as often as fills `sample` seconds, in each of `rounds` rounds that interleave all variants, in
    an order drawn anew each time: what one leaves in the caches isn't always found by the same
    other. Where the quartiles stay wide, more rounds are taken, until they have lasted `patience`
    seconds. `pages` is the state of the allocator, `allocator.STATES`; if "fresh", each sample is a
    single call, before which all free pages are given back.

    The clock is CPU time on one thread or, if `wall` is set, the time on the wall. A variant's own
    exceptions pass through.
    """
    # On Windows CPU time ticks at 64 Hz.
    clock = time.perf_counter if wall or sys.platform == "win32" else time.process_time
    timers = {name: timeit.Timer(_with_counter(fn), timer=clock) for name, fn in variants.items()}
    samples, faults = ({name: [] for name in timers} for _ in range(2))
    names, order = list(timers), random.Random(0)
    with _one_thread(), allocator.pages(pages):
        fill = 0 if pages == "fresh" else sample
        repeats = {name: _warm_up(timer, fill) for name, timer in timers.items()}
        started = time.perf_counter()
        for done in itertools.count(1):
            for name in names:
                if pages == "fresh":
                    allocator.give_back()
                before = allocator.page_faults()
                samples[name].append(timers[name].timeit(repeats[name]) / repeats[name])
                faults[name].append((allocator.page_faults() - before) / repeats[name])
            order.shuffle(names)
            steady = max(Spread.of(s).noise for s in samples.values()) < 0.1
            if done >= rounds and (steady or time.perf_counter() - started > patience):
                break
    return Times(
        {name: Spread.of(s) for name, s in samples.items()},
        {name: float(np.median(f)) for name, f in faults.items()},
    )


def measure(fn: Callable, **options) -> Spread:
    """Seconds a call of one callable; options as in `compare`."""
    return compare({"": fn}, **options)[""]


def ratio(one: Callable, other: Callable, **options) -> Spread:
    """How many times as long `one` takes as `other`; options as in `compare`."""
    return compare({"one": one, "other": other}, **options).ratio("one", "other")


def _with_counter(fn: Callable) -> Callable[[], object]:
    try:
        inspect.signature(fn).bind()
        return fn
    except ValueError:  # some builtins have no signature
        return fn
    except TypeError:  # an argument is missing
        counter = itertools.count()
        return lambda: fn(next(counter))


def _warm_up(timer: timeit.Timer, sample: float) -> int:
    """Call it, and return how many calls fill `sample` seconds."""
    timer.timeit(2)
    repeats = 1
    while (seconds := timer.timeit(repeats)) < sample:
        repeats = max(repeats * 2, int(1.2 * repeats * sample / max(seconds, 1e-6)))
    return repeats


@contextmanager
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def duration(seconds: float) -> str:
    """0.00123 -> "1.23 ms"."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
