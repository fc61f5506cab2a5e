"""Which table goes where: what a plan for sharded tables costs on paper, and a greedy planner.

The simulation, and what it assumes
step      lookups and their gradients, then the network, one after the other; each waits for its slowest device.
lookups   every row is read in the forward pass, read and written again by the optimiser: 3 K m 4 bytes, at random.
network   `cost.communication`'s bytes, device by device; a link is full-duplex: the larger of what comes and goes.
memory    weights, and `state` numbers more for each (Adagrad, Duchi et al. 2011: 1; row-wise: one a row, 1 / m).
left out  MLPs, latency, kernels' fixed costs, caches, overlap of the two phases, and the links' hierarchy: all links
          are equal. So times are lower bounds; what they are for is comparing plans.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from microdlrm.machine.cost import FLOAT, INT, SHARDINGS


class Table(NamedTuple):
    rows: int
    m: int
    bag: float = 1.0  # ids in a bag, on average


class Cluster(NamedTuple):
    """W devices of one kind, joined by equal links."""

    devices: int
    memory: float  # bytes, of each device
    memory_gbs: float  # rows at random
    network_gbs: float  # of a device's link, each way


class Shard(NamedTuple):
    """How a table is divided. kind: as in `cost.communication`; devices: who has a part (for "data", all of them)."""

    kind: str
    devices: tuple[int, ...]


class Load(NamedTuple):
    """What each device has, of one table or of all: (W,) each."""

    memory: np.ndarray  # bytes held
    lookups: np.ndarray  # bytes moved between device and its memory, a step
    sent: np.ndarray  # bytes to the network, a step
    received: np.ndarray

    def __add__(self, other: "Load") -> "Load":
        return Load(*(a + b for a, b in zip(self, other, strict=True)))

    @classmethod
    def none(cls, devices: int) -> "Load":
        return cls(*np.zeros((4, devices)))


def load(table: Table, shard: Shard, cluster: Cluster, batch: int, state: float = 1.0, shares=None) -> Load:
    """What one table brings to each device.

    shares  for "row": the share of the lookups that goes to each part; equal ones if not given
    Raises ValueError for an unknown kind.
    """
    world, parts = cluster.devices, len(shard.devices)
    held = table.rows * table.m * FLOAT * (1 + state)
    lookups, row = batch * table.bag, table.m * FLOAT
    asking = (lookups + batch) * INT  # all ids and lengths
    shares = np.full(parts, 1 / parts) if shares is None else np.asarray(shares)
    at = list(shard.devices)
    memory, moved, sent, received = Load.none(world)
    if shard.kind == "data":
        # A dense gradient is written, summed in a ring, and read with all weights: the price of a copy for everyone.
        ring = 2 * (world - 1) / world * table.rows * row
        return Load(memory + held, moved + lookups / world * row + 3 * table.rows * row, sent + ring, received + ring)
    if shard.kind in ("table", "column"):
        width = row / parts
        memory[at] = held / parts
        moved[at] = 3 * lookups * width
        # Ids to everyone with a part of the table; sums of rows back, their gradients there.
        arrive, leave = asking, batch * width
    elif shard.kind == "row":
        memory[at] = held / parts
        moved[at] = 3 * lookups * row * shares
        arrive, leave = lookups * INT * shares + batch * INT, batch * row
    else:
        raise ValueError(f"kind must be 'table', 'column', 'row' or 'data', got {shard.kind!r}")
    others = (world - 1) / world
    received[at] += (arrive + leave) * others
    sent[at] += leave * others
    # From every device a W-th of it all, but for what it has at home.
    there, back = np.zeros(world), np.zeros(world)
    there[at], back[at] = arrive, leave
    sent += (there.sum() + back.sum() - there - back) / world
    received += (back.sum() - back) / world
    return Load(memory, moved, sent, received)


class Step(NamedTuple):
    """A plan's price."""

    seconds: float  # lookups and network, each of its slowest device
    lookups: float
    network: float
    imbalance: float  # the busiest device's time over the mean one's
    memory: float  # bytes, of the fullest device
    fits: bool


def price(total: Load, cluster: Cluster) -> Step:
    """What a step takes where the devices have these loads."""
    lookups = total.lookups / (cluster.memory_gbs * 1e9)
    network = np.maximum(total.sent, total.received) / (cluster.network_gbs * 1e9)
    both = lookups + network
    return Step(
        seconds=lookups.max() + network.max(),
        lookups=lookups.max(),
        network=network.max(),
        imbalance=both.max() / both.mean() if both.any() else 1.0,
        memory=total.memory.max(),
        fits=bool(total.memory.max() <= cluster.memory),
    )


def simulate(
    tables: Sequence[Table], plan: Sequence[Shard], cluster: Cluster, batch: int, state: float = 1.0, hot=None
) -> Step:
    """A step under `plan`, one shard for each table; `hot`: for each table, `load`'s shares or None."""
    total = Load.none(cluster.devices)
    for k, (table, shard) in enumerate(zip(tables, plan, strict=True)):
        total += load(table, shard, cluster, batch, state, None if hot is None or shard.kind != "row" else hot[k])
    return price(total, cluster)


def in_turn(tables: Sequence[Table], cluster: Cluster) -> list[Shard]:
    """Whole tables, dealt to one device after another: what one does without a planner."""
    return [Shard("table", (k % cluster.devices,)) for k in range(len(tables))]


def by_rows(tables: Sequence[Table], cluster: Cluster) -> list[Shard]:
    """Every table over all devices by rows: balanced, and everybody sends everybody a part of every sum."""
    return [Shard("row", tuple(range(cluster.devices)))] * len(tables)


def greedy(
    tables: Sequence[Table], cluster: Cluster, batch: int, state: float = 1.0, kinds: Sequence[str] = SHARDINGS
) -> list[Shard]:
    """The largest table first, each divided as costs least with those placed before it, on the least busy devices.

    Raises ValueError where a table finds no room.
    """
    total, plan = Load.none(cluster.devices), [None] * len(tables)
    for k in sorted(range(len(tables)), key=lambda k: -tables[k].rows * tables[k].m * (1 + tables[k].bag)):
        best = None
        for shard in _options(tables[k], total, cluster, kinds):
            after = total + load(tables[k], shard, cluster, batch, state)
            priced = price(after, cluster)
            # Among equals, the plan that leaves least to do for all together.
            key = (priced.seconds, after.sent.sum() + after.lookups.sum())
            if priced.fits and (best is None or key < best[0]):
                best = key, shard, after
        if best is None:
            raise ValueError(
                f"table {k}, {tables[k].rows:,} rows of {tables[k].m}, finds no room on {cluster.devices} devices of "
                f"{cluster.memory / 1e9:.0f} GB"
            )
        _, plan[k], total = best
    return plan


def _options(table: Table, total: Load, cluster: Cluster, kinds: Sequence[str]):
    busy = total.lookups / cluster.memory_gbs + np.maximum(total.sent, total.received) / cluster.network_gbs
    # Devices whose memory is nearly used up come last, however idle.
    order = np.lexsort((total.memory, busy))
    world = cluster.devices
    if "table" in kinds:
        yield Shard("table", (int(order[0]),))
        yield Shard("table", (int(total.memory.argmin()),))
    for kind, least in (("column", table.m // 16), ("row", table.rows)):
        parts = 2
        while kind in kinds and parts <= min(world, least):
            yield Shard(kind, tuple(int(d) for d in order[:parts]))
            parts *= 2
    if "data" in kinds:
        yield Shard("data", tuple(range(world)))


def zipf_shares(rows: int, parts: int) -> np.ndarray:
    """The share of lookups that falls on each of `parts` equal ranges of rows, the n-th most popular 1 / n as popular
    as the first, and rows ordered by popularity: as ids are that count up from the first that was seen."""
    bounds = np.linspace(0, rows, parts + 1)
    # The sum of 1/n up to x is ln x + 0.5772... + 1/(2x), for x that are not small.
    harmonic = np.where(bounds >= 1, np.log(np.maximum(bounds, 1)) + np.euler_gamma + 0.5 / np.maximum(bounds, 1), 0)
    return np.diff(harmonic) / harmonic[-1]
