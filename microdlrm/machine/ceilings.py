"""The ceilings of the machine at hand: what it can do at best, on one thread, measured.

`python -m microdlrm ceilings` prints them.
"""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from microdlrm.machine.cost import Rates
from microdlrm.machine.hardware import MIB, Machine, affordable, machine, outgrows_cache, size
from microdlrm.machine.timing import Spread, compare, measure, table_html

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
def measure_ceilings(device: str = "cpu") -> Ceilings:
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


def add_options(command: ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")
    command.set_defaults(run=_run)


def _run(options) -> None:
    ceilings = measure_ceilings()
    print(json.dumps(ceilings.json()) if options.json else ceilings)
