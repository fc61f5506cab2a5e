"""Honest timing, and the ceilings of the machine at hand.

The rules, each there because breaking it has fooled someone: one thread, warm-up, fresh inputs on every call,
memory written before it is read, variants interleaved, medians with their quartiles. On a CPU the clock is
CPU time, so that another program's turn on the core isn't counted; with one thread and a quiet machine it
equals the time on the wall.
"""

import gc
import html
import inspect
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from microdlrm.cost import Rates
from microdlrm.hardware import MIB, Machine, affordable, machine, outgrows_cache, size

# --- Spread: a median with its quartiles ---


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
        if len(samples) == 1:
            return cls(samples[0], samples[0], samples[0], samples)
        low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
        return cls(median, low, high, samples)

    def into(self, convert: Callable[[float], float]) -> "Spread":
        """The same samples in another unit: `seconds.into(lambda s: n_bytes / s / 1e9)` gives GB/s."""
        return Spread.of(convert(sample) for sample in self.samples)

    @property
    def noise(self) -> float:
        """The distance between the quartiles as a share of the median."""
        return (self.high - self.low) / self.median if self.median else float("inf")

    def __str__(self) -> str:
        return f"{self.median:.3g} [{self.low:.3g}–{self.high:.3g}]"


# --- compare: variants of one thing, side by side ---


class Times(Mapping[str, Spread]):
    """What `compare` returns: seconds a call, by name. It shows as a table."""

    def __init__(self, spreads: dict[str, Spread]):
        self._spreads = spreads

    def __getitem__(self, name: str) -> Spread:
        return self._spreads[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._spreads)

    def __len__(self) -> int:
        return len(self._spreads)

    def ratio(self, a: str, b: str) -> Spread:
        """How many times as long `a` takes as `b`, from samples taken side by side, in the same round."""
        return Spread.of(x / y for x, y in zip(self[a].samples, self[b].samples, strict=True))

    def clear(self, a: str, b: str) -> bool:
        """Whether the order of `a` and `b` can be told: their quartile ranges don't overlap."""
        return self[a].high < self[b].low or self[b].high < self[a].low

    def rows(self) -> list[tuple[str, str, str, str]]:
        """The table: name, median, quartiles, and the multiple of the fastest."""
        fastest = min(self, key=lambda name: self[name].median)
        return [
            (
                name,
                duration(spread.median),
                f"{duration(spread.low)} – {duration(spread.high)}",
                f"{spread.median / self[fastest].median:.2f} ×",
            )
            for name, spread in self.items()
        ]

    def remarks(self) -> list[str]:
        """What noise forbids to conclude: neighbours, by median, whose quartile ranges overlap."""
        order = sorted(self, key=lambda name: self[name].median)
        close = [f"“{a}” and “{b}”" for a, b in itertools.pairwise(order) if not self.clear(a, b)]
        return [f"Too close to call here: {', '.join(close)}."] if close else []

    def __repr__(self) -> str:
        lines = [("", "median", "quartiles", "of the fastest"), *self.rows()]
        widths = [max(len(line[column]) for line in lines) for column in range(4)]
        table = ["  ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([*(line.rstrip() for line in table), *self.remarks()])

    def _repr_html_(self) -> str:
        return table_html(("", "median", "quartiles", "of the fastest"), self.rows(), self.remarks())


def compare(
    variants: Mapping[str, Callable],
    *,
    rounds: int = 7,
    sample: float = 0.01,
    threads: int = 1,
    device: str = "cpu",
    patience: float = 1.0,
    wall: bool = False,
) -> Times:
    """Time callables that do the same job in different ways.

    A variant is called with no argument or, if it takes one, with a counter 0, 1, 2, ... by which it picks
    its input: `lambda i: model(batches[i % len(batches)])`. It is warmed up, then called as often as fills
    `sample` seconds, in each of `rounds` rounds that interleave all variants, each round another one first.
    Where the quartiles stay wide, more rounds are taken, until they have lasted `patience` seconds.

    The clock is CPU time on one thread of a CPU, else, or if `wall` is set, the time on the wall.

    Raises ValueError without variants. A variant's own exceptions pass through.
    """
    if not variants:
        raise ValueError("compare needs at least one variant, {name: callable}, got none")
    clock = time.perf_counter if wall else _clock(threads, device)
    calls = {name: _with_counter(fn) for name, fn in variants.items()}
    with _threads(threads), _no_garbage_collection():
        repeats = {name: _warm_up(call, sample, clock, device) for name, call in calls.items()}
        samples: dict[str, list[float]] = {name: [] for name in calls}
        names, started = list(calls), time.perf_counter()
        for done in itertools.count(1):
            for name in names:
                samples[name].append(_time(calls[name], repeats[name], clock, device))
            names.append(names.pop(0))
            steady = max(Spread.of(s).noise for s in samples.values()) < 0.1
            if done >= rounds and (steady or time.perf_counter() - started > patience):
                break
    return Times({name: Spread.of(s) for name, s in samples.items()})


def measure(fn: Callable, **options) -> Spread:
    """Seconds a call of one callable; options as in `compare`."""
    return compare({"": fn}, **options)[""]


def _with_counter(fn: Callable) -> Callable[[], object]:
    try:
        takes_index = any(
            p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
            for p in inspect.signature(fn).parameters.values()
        )
    except ValueError:  # some builtins have no signature
        takes_index = False
    if not takes_index:
        return fn
    counter = itertools.count()
    return lambda: fn(next(counter))


def _clock(threads: int, device: str) -> Callable[[], float]:
    # CPU time says nothing about a device that computes by itself, adds up over threads, and ticks at 64 Hz
    # on Windows.
    cpu_time = device == "cpu" and threads == 1 and sys.platform != "win32"
    return time.process_time if cpu_time else time.perf_counter


def _time(call: Callable, repeats: int, clock: Callable[[], float], device: str) -> float:
    _synchronise(device)
    start = clock()
    for _ in range(repeats):
        call()
    _synchronise(device)
    return (clock() - start) / repeats


def _warm_up(call: Callable, sample: float, clock: Callable[[], float], device: str) -> int:
    _time(call, 2, clock, device)
    repeats = 1
    while (seconds := _time(call, repeats, clock, device) * repeats) < sample:
        repeats = max(repeats * 2, int(1.2 * repeats * sample / max(seconds, 1e-6)))
    return repeats


def _synchronise(device: str):
    if device != "cpu":
        torch.accelerator.synchronize(device)


@contextmanager
def _threads(count: int):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _no_garbage_collection():
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# --- verdict and expect: what a measurement says about a guess, and about the book ---


@dataclass(frozen=True)
class Answer:
    """Feedback on a prediction. It shows as a short card."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        style = "border-left: 4px solid currentColor; padding: .4em .8em; margin: .5em 0"
        return f'<div role="status" style="{style}">{html.escape(self.text)}</div>'


def verdict(guess: str, options: Mapping[str, bool], measured: str) -> Answer:
    """Compare a guess with what was measured.

    `options` says of each option whether the measurement bears it out, `measured` puts the measurement into
    words: `verdict(guess, {"a": r < 2, "b": r >= 2}, f"{r:.1f} times as long")`. A guess that is no option,
    such as the "?" of an untouched cell, is no error: the answer is shown, with an invitation to guess first.
    """
    right = [name for name, holds in options.items() if holds]
    answer = f"({') and ('.join(right)})" if right else "none of the options"
    letters = ", ".join(f'"{name}"' for name in options)
    if str(guess) not in options:
        return Answer(
            f"Measured here: {measured}. That is {answer}. "
            f"No guess yet: set guess to one of {letters} above, and run both cells again."
        )
    if guess in right:
        return Answer(f"({guess}) is right. Measured here: {measured}.")
    return Answer(f"You guessed ({guess}); it is {answer}. Measured here: {measured}. Why? Read on.")


def expect(
    what: str,
    ratio: float | Spread,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    beyond_cache: int | None = None,
) -> str:
    """Assert what the chapter claims of a ratio, and put it into words.

    `beyond_cache`, in bytes: the claim is about memory and holds only for data that this machine's caches
    can't hold; where they can, the answer says so and nothing is asserted.

    Raises AssertionError where the claim fails.
    """
    value = ratio.median if isinstance(ratio, Spread) else ratio
    if beyond_cache is not None and not outgrows_cache(beyond_cache):
        return (
            f"{what}: {value:.2f}. Not asserted: {size(beyond_cache)} fit into this machine's last cache, "
            f"{size(machine().last_cache)}."
        )
    holds = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    bounds = " and ".join(
        f"{words} {bound:g}" for words, bound in (("at least", at_least), ("at most", at_most)) if bound is not None
    )
    if not holds:
        raise AssertionError(f"{what}: expected {bounds}, measured {ratio if holds else value:.3g} here")
    return f"{what}: {value:.2f}, expected {bounds} ✓"


# --- ceilings: what this machine can do at best ---

GATHER_WIDTHS = (8, 16, 32, 64, 128)
GEMM_SIZES = (256, 512, 1024)


@dataclass(frozen=True)
class Ceilings:
    """What this machine can do at best, on one thread: each a median with its quartiles.

    read, copy    GB/s through `table_bytes` of memory, end to end; a copy counts its reads and its writes
    gather        GB/s of rows at random from as many bytes, by row width (float32)
    gemm          GFLOP/s of a square float32 matrix product, by size
    dispatch      seconds an operator with next to nothing to do takes, the average over those of a tiny DLRM
    """

    read: Spread
    copy: Spread
    gather: Mapping[int, Spread]
    gemm: Mapping[int, Spread]
    dispatch: Spread
    table_bytes: int
    machine: Machine

    @property
    def stream_gbs(self) -> float:
        """Bandwidth of the roofline's slanted roof, GB/s: reading, as a model's forward mostly does."""
        return self.read.median

    @property
    def peak_gflops(self) -> float:
        """Height of the roofline's flat roof: the best of the matrix products."""
        return max(spread.median for spread in self.gemm.values())

    @property
    def ridge(self) -> float:
        """FLOP/byte from which on a part can be bound by computing (Williams et al. 2009)."""
        return self.peak_gflops / self.stream_gbs

    @property
    def dispatch_us(self) -> float:
        """Fixed cost of an operator, µs."""
        return self.dispatch.median * 1e6

    def rates(self, width: int) -> Rates:
        """What `cost.predict` needs, for embedding rows of `width` numbers."""
        nearest = min(self.gather, key=lambda measured: abs(measured - width))
        return Rates(
            stream_gbs=self.stream_gbs,
            gather_gbs=self.gather[nearest].median,
            gemm_gflops=self.peak_gflops,
            dispatch_us=self.dispatch_us,
            cache_bytes=self.machine.l2 or MIB,
        )

    def json(self) -> dict:
        """The medians, as `python -m microdlrm ceilings --json` prints them."""
        return {
            "stream_gbs": self.stream_gbs,
            "copy_gbs": self.copy.median,
            "gather_gbs": {str(width): spread.median for width, spread in self.gather.items()},
            "gemm_gflops": {str(n): spread.median for n, spread in self.gemm.items()},
            "ridge": self.ridge,
            "dispatch_us": self.dispatch_us,
            "table_bytes": self.table_bytes,
            "machine": str(self.machine),
        }

    def rows(self) -> list[tuple[str, str, str]]:
        spreads = [
            ("stream, read", self.read, "GB/s"),
            ("stream, copy", self.copy, "GB/s"),
            *((f"gather, rows of {w} numbers ({4 * w} B)", s, "GB/s") for w, s in self.gather.items()),
            *((f"matrix product, {n} × {n}", s, "GFLOP/s") for n, s in self.gemm.items()),
            ("dispatch, an operator", self.dispatch.into(lambda s: s * 1e6), "µs"),
        ]
        table = [(name, f"{s.median:.3g} {unit}", f"{s.low:.3g} – {s.high:.3g}") for name, s, unit in spreads]
        return [*table, ("ridge point", f"{self.ridge:.3g} FLOP/byte", "")]

    def remarks(self) -> list[str]:
        remarks = [f"{self.machine}; memory ceilings through {size(self.table_bytes)}."]
        if not outgrows_cache(self.table_bytes):
            remarks.append(
                f"That is no more than the last cache: {size(self.machine.last_cache)}. "
                f"Memory itself is slower than shown here."
            )
        elif self.machine.last_cache is None:
            remarks.append("The caches' sizes can't be read here.")
        return remarks

    def __repr__(self) -> str:
        lines = [(f"{name:<36}{value:<18}{quartiles}").rstrip() for name, value, quartiles in self.rows()]
        return "\n".join([*lines, *self.remarks()])

    def _repr_html_(self) -> str:
        return table_html(("ceiling", "median", "quartiles"), self.rows(), self.remarks())


@cache
def ceilings(device: str = "cpu") -> Ceilings:
    """Measure this machine, in about ten seconds; once a process."""
    table_bytes = affordable(512 * MIB)
    options = {"device": device, "rounds": 5, "patience": 1.0}
    numbers = torch.ones(table_bytes // 4, device=device)
    first, second = numbers.chunk(2)
    read, copy = compare({"read": numbers.sum, "copy": lambda: first.copy_(second)}, **options).values()
    gather = compare({str(w): gather_from(numbers.view(-1, w)) for w in GATHER_WIDTHS}, **options)
    gather_bytes = 512 * 32 * 4  # a column of the rows that gather_from reads
    square = {n: torch.randn(n, n, device=device) for n in GEMM_SIZES}
    gemm = compare({str(n): lambda a=a: a @ a for n, a in square.items()}, **options)
    with torch.inference_mode():
        tiny, operators = _tiny_model(device)
        dispatch = measure(tiny, **options).into(lambda s: s / operators)
    return Ceilings(
        read=read.into(lambda s: table_bytes / s / 1e9),
        copy=copy.into(lambda s: table_bytes / s / 1e9),
        gather={w: gather[str(w)].into(lambda s, w=w: gather_bytes * w / s / 1e9) for w in GATHER_WIDTHS},
        gemm={n: gemm[str(n)].into(lambda s, n=n: 2 * n**3 / s / 1e9) for n in GEMM_SIZES},
        dispatch=dispatch,
        table_bytes=table_bytes,
        machine=machine(),
    )


def _tiny_model(device: str) -> tuple[Callable, int]:
    """A DLRM's operators in their order, all of width 1 and for two rows, and how many they are.

    Each in a loop of its own would be faster than it ever is in a model, where others run in between.
    """
    nn = torch.nn
    tables = nn.ModuleList(nn.EmbeddingBag(1, 1, mode="sum") for _ in range(3)).to(device)
    bottom = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1), nn.ReLU()).to(device)
    top = nn.Sequential(nn.Linear(4, 1), nn.ReLU(), nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1), nn.Sigmoid()).to(
        device
    )
    dense = torch.ones(2, 1, device=device)
    ids, offsets = torch.zeros(2, dtype=torch.int64, device=device), torch.arange(2, device=device)

    def run() -> Tensor:
        return top(torch.cat([bottom(dense), *[table(ids, offsets) for table in tables]], dim=1))

    return run, len(tables) + len(bottom) + 1 + len(top)


def gather_from(
    table: Tensor, rows: int | None = None, batch: int = 512, bag: int = 32, batches: int = 32
) -> Callable[[int], Tensor]:
    """A callable for `compare`: sums `bag` random rows of `table` (rows, width) for each of `batch` bags.

    Bags, so that the output stays small: writing a fresh row for each row read would measure page faults.
    `rows` restricts the draw to that many rows, spread over the table.
    """
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(len(table), (batches, batch * bag), generator=draw)
    if rows is not None:
        some = torch.randperm(len(table), generator=draw)[:rows]
        ids = some[ids % len(some)]
    ids = ids.to(table.device)
    offsets = torch.arange(0, batch * bag, bag, device=table.device)
    return lambda i: F.embedding_bag(ids[i % batches], table, offsets, mode="sum")  # (batch, width)


# --- words ---


def duration(seconds: float) -> str:
    """0.00123 -> "1.23 ms"."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def table_html(head, rows, remarks=()) -> str:
    """A plain HTML table: the first column names the row; remarks stand below."""
    heads = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in head)
    body = ""
    for name, *values in rows:
        cells = "".join(f"<td>{html.escape(value)}</td>" for value in values)
        body += f'<tr><th scope="row">{html.escape(name)}</th>{cells}</tr>'
    notes = "".join(f"<p>{html.escape(text)}</p>" for text in remarks)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{notes}"
