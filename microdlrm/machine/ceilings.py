"""The ceilings of the machine at hand: what it can do at best, on one thread, measured.

`python -m microdlrm ceilings` prints them.
"""

import itertools
import json
import math
import time
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from microdlrm.machine.cost import Rates
from microdlrm.machine.hardware import MIB, Machine, affordable, fits_cache, machine, size
from microdlrm.machine.timing import Shown, Spread, compare, measure
from microdlrm.model import MicroDLRM

GATHER_WIDTHS = (8, 16, 32, 64, 128)
GEMM_SIZES = (256, 512, 1024)
LINE = 64  # bytes of a cache line; 128 on some machines, where two of these come at once
STEPS = 4000  # of a walk


@dataclass(frozen=True, repr=False)
class Ceilings(Shown):
    """What this machine can do at best, on one thread: each a median with its quartiles.

    `read` isn't the memory's own bandwidth, which several cores may share: see `reading_at_once`.
    """

    read: Spread  # GB/s through half a GiB of memory, in order
    gather: Mapping[int, Spread]  # GB/s of rows at random from as many bytes, by width (float32)
    cache: Mapping[int, Spread]  # the same from bytes that fit the last cache
    near: Mapping[int, Spread]  # and from bytes that fit the core's own
    latency: Spread  # ns from one line of memory to the next, which the first names: no overlap
    gemm: Mapping[int, Spread]  # GFLOP/s of a square float32 matrix product, by size
    dispatch: Spread  # µs of an operator with next to nothing to do, the mean in a tiny DLRM
    bag: Spread  # the same of an EmbeddingBag
    held: Mapping[str, int]  # bytes that `gather`, `cache` and `near` draw rows from
    machine: Machine

    @property
    def stream_gbs(self) -> float:
        """Bandwidth of the slanted roof, GB/s: reading, as a model's forward mostly does."""
        return self.read.median

    @property
    def peak_gflops(self) -> float:
        """Height of the roofline's flat roof: the best of the matrix products."""
        return max(spread.median for spread in self.gemm.values())

    @property
    def ridge(self) -> float:
        """FLOP/byte from which on a part can be bound by computing (Williams et al. 2009)."""
        return self.peak_gflops / self.stream_gbs

    def rates(self, width: int) -> Rates:
        """What `cost.predict` needs, for embedding rows of `width` numbers."""
        nearest = min(self.gather, key=lambda measured: abs(measured - width))
        rows = {f"{name}_gbs": getattr(self, name)[nearest].median for name in self.held}
        return Rates(
            **rows,
            stream_gbs=self.stream_gbs,
            gemm_gflops=self.peak_gflops,
            dispatch_us=self.dispatch.median,
            bag_us=self.bag.median,
            near_bytes=_near(self.machine),
            cache_bytes=_in_cache(self.machine),
        )

    def json(self) -> dict:
        """The medians, as `python -m microdlrm ceilings --json` prints them."""
        several = {f"{name}_gbs": getattr(self, name) for name in self.held}
        several["gemm_gflops"] = self.gemm
        said = {name: {n: s.median for n, s in own.items()} for name, own in several.items()}
        said |= dict(stream_gbs=self.stream_gbs, latency_ns=self.latency.median, ridge=self.ridge)
        said |= dict(dispatch_us=self.dispatch.median, bag_us=self.bag.median)
        return said | dict(table_bytes=self.held["gather"], machine=str(self.machine))

    def frame(self) -> pd.DataFrame:
        """What a prediction needs, of the rows two widths; `json` has the others."""
        spreads = {
            "dispatch, an operator": (self.dispatch, "µs"),
            "dispatch, an EmbeddingBag": (self.bag, "µs"),
            "peak: matrix product": (max(self.gemm.values(), key=lambda s: s.median), "GFLOP/s"),
            "bandwidth: memory in order": (self.read, "GB/s"),
        }
        for width, (name, n_bytes) in itertools.product((8, 64), self.held.items()):
            what = f"rows of {width} numbers at random, from {size(n_bytes)}"
            spreads[what] = (getattr(self, name)[width], "GB/s")
        columns = {
            "median": [f"{s.median:.3g} {unit}" for s, unit in spreads.values()],
            "quartiles": [f"{s.low:.3g} – {s.high:.3g}" for s, _ in spreads.values()],
        }
        return pd.DataFrame(columns, index=list(spreads))

    def remarks(self) -> list[str]:
        far = self.held["gather"]
        said = [f"{self.machine}; memory ceilings through {size(far)}."]
        if fits := fits_cache(far):
            said.append(f"{fits}: memory itself is slower than shown here.")
        return said


@cache
def measure_ceilings() -> Ceilings:
    """Measure this machine, in about ten seconds; once a process."""
    here, options = machine(), {"rounds": 5, "patience": 0.7}
    numbers = torch.ones(affordable(512 * MIB) // 4)
    middle = int(math.sqrt(_near(here) * _in_cache(here))) // 512 * 512
    held = {"near": _near(here) // 2, "cache": middle, "gather": numbers.nbytes}
    read = measure(numbers.sum, **options)
    rows = {name: _gathers(numbers[: n_bytes // 4], options) for name, n_bytes in held.items()}
    lines = numbers.view(torch.int64)  # which a walk overwrites
    walks = compare({"far": walk(lines), "at hand": walk(lines[:2048].clone())}, **options)
    far, at_hand = walks.values()
    square = {n: torch.randn(n, n) for n in GEMM_SIZES}
    gemm = compare({n: lambda a=a: a @ a for n, a in square.items()}, **options)
    dispatch, bag = _dispatch(options)
    return Ceilings(
        read=read.into(lambda s: numbers.nbytes / s / 1e9),
        **rows,
        latency=far.into(lambda s: max(s - at_hand.median, 0.0) / STEPS * 1e9),
        gemm={n: spread.into(lambda s, n=n: 2 * n**3 / s / 1e9) for n, spread in gemm.items()},
        dispatch=dispatch,
        bag=bag,
        held=held,
        machine=here,
    )


def _near(here: Machine) -> int:
    return here.l2 or MIB


def _in_cache(here: Machine) -> int:
    """The last cache is for all programs: count on half of it, no less than the core's own."""
    return max((here.last_cache or 0) // 2, _near(here))


def _gathers(numbers: Tensor, options: dict) -> dict[int, Spread]:
    """GB/s of rows at random from `numbers`, by width."""
    times = compare({w: gather_from(numbers.view(-1, w)) for w in GATHER_WIDTHS}, **options)
    lookups = 512 * 32  # of gather_from
    return {w: t.into(lambda s, w=w: lookups * w * 4 / s / 1e9) for w, t in times.items()}


def walk(numbers: Tensor) -> Callable[[], None]:
    """A callable for `compare`: `STEPS` steps from line to line of `numbers` (int64), overwritten:
    each line says at random which is the next, and none comes twice before all have. In Python,
    where a step takes some 50 ns by itself.
    """
    lines = len(numbers) * 8 // LINE
    order = torch.randperm(lines, generator=torch.Generator().manual_seed(0)) * (LINE // 8)
    numbers[order] = order.roll(-1)
    view, at = memoryview(numbers.numpy()), 0

    def run() -> None:
        nonlocal at
        here = at
        for _ in range(STEPS):
            here = view[here]
        at = here

    return run


@torch.inference_mode()
def _dispatch(options: dict) -> tuple[Spread, Spread]:
    """µs of an operator, and of an EmbeddingBag, in a DLRM of width 1 for two rows.

    Each operator in a loop of its own would be faster than it ever is in a model, where others run
    in between.
    """
    model = MicroDLRM(1, num_embeddings=(1, 1, 1), ln_bot=(1, 1, 1), ln_top=(1, 1, 1))
    x, bag = torch.ones(2, 1), (torch.zeros(2, dtype=torch.int64), torch.arange(2))
    calls = {
        "bags": lambda: [table(*bag) for table in model.emb_l],  # (2, 1) each
        "others": lambda: model.top_l(model.interaction(model.bot_l(x), [x] * 3)),  # (2, 1)
    }
    bags, others = compare(calls, **options).values()
    operators = len(model.bot_l) + 1 + len(model.top_l)
    return others.into(lambda s: s / operators * 1e6), bags.into(lambda s: s / 3 * 1e6)


def gather_from(
    table: Tensor, rows: int | None = None, batch: int = 512, bag: int = 32, skewed: bool = False
) -> Callable[[int], Tensor]:
    """A callable for `compare`: sums of `bag` random rows of `table` (R, width), `batch` of them.

    Bags, so that the output stays small: writing a fresh row for each row read would measure page
    faults. `rows` restricts the draw to that many rows, spread over the table; `skewed` draws by
    `zipf` instead of alike.
    """
    # So many lines that the last cache can't keep them from one round of batches to the next,
    # whatever its size.
    batches = min(max(32, 2 * (machine().last_cache or 0) // (batch * bag * LINE)), 512)
    draw = torch.Generator().manual_seed(0)
    count, kinds = (batches, batch * bag), len(table) if rows is None else rows
    ids = zipf(kinds, count, draw) if skewed else torch.randint(kinds, count, generator=draw)
    if rows is not None or skewed:
        ids = torch.randperm(len(table), generator=draw)[:kinds][ids]
    offsets = torch.arange(0, batch * bag, bag)
    return lambda i: F.embedding_bag(ids[i % batches], table, offsets, mode="sum")  # (batch, width)


def zipf(kinds: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Ids below `kinds`, id k about 1 / (k + 1) as often as id 0: Zipf's law, by its integral."""
    u = torch.rand(shape, dtype=torch.float64, generator=generator)
    return (float(kinds + 1) ** u - 1).long().clamp(max=kinds - 1)


def reading_at_once(threads: int) -> list[float]:
    """GB/s that each of so many threads reads in order, all at once, each from its own memory."""
    own = [torch.ones(affordable(256 * MIB) // 4) for _ in range(threads)]

    def read(numbers: Tensor) -> float:
        torch.set_num_threads(1)
        begun = time.thread_time()
        for _ in range(10):
            numbers.sum()
        return 10 * numbers.nbytes / (time.thread_time() - begun) / 1e9

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(read, own))


def add_options(command: ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    command.set_defaults(run=_run)


def _run(options) -> None:
    ceilings = measure_ceilings()
    print(json.dumps(ceilings.json()) if options.json else ceilings)
