"""The traffic of sharded tables, between real processes over gloo: counted, and on a link of a stated speed.

    measure(jobs)   in the parent
    python -m microdlrm.scaling.network JOBS   what each process runs, by torchrun

Each process has B / W of the batch's bags, K / W ids; the tables' weights and gradients are random numbers. A job goes
through what a training step sends: ids to where the rows are, pooled rows back, and their gradients the other way.
"""

import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from microdlrm.scaling import workers


def measure(jobs: Sequence[dict], seconds: float = 300.0) -> list[dict]:
    """Run `jobs` between processes; for each, what they sent together, and how long it took.

    job     processes; kind ("table", "row", "column" or "data"); tables, rows, m_spa, batch, bag (ids in each); and,
            for a slowed link, gbs and latency_us; repeats, of whose times the median counts. Tables are dealt in turn.
            `tables`, `m_spa` and `rows` are multiples of `processes`, and `batch` of its square
    result  ids, forward, backward: bytes that left a process for another. system: the bytes that the operating system
            saw them send, None where it doesn't say (Linux does). seconds: of the step, on the link if there is one

    Raises WorkerError where the processes can't be started or don't finish.
    """
    most = max(job["processes"] for job in jobs)
    return workers.run("microdlrm.scaling.network", most, json.dumps(list(jobs)), seconds=seconds)["results"]


class Link:
    """Sends between the processes of a group and counts the bytes. With a speed, it holds each exchange until a link of
    that speed would have delivered it: latency, and then its bytes, out of this process or into it, whichever are more.
    """

    def __init__(self, group, gbs: float | None = None, latency_us: float = 0.0):
        self.group, self.rank, self.world = group, dist.get_rank(group), dist.get_world_size(group)
        self.gbs, self.latency = gbs, latency_us * 1e-6
        self.sent = 0

    def all_to_all(self, parts: list[Tensor], sizes: list[int]) -> list[Tensor]:
        """parts[p] to process p, of whom sizes[p] numbers come back."""
        started, flat = time.perf_counter(), torch.cat([part.reshape(-1) for part in parts])
        own = [part.numel() for part in parts]
        received = flat.new_empty(sum(sizes))
        dist.all_to_all_single(received, flat, sizes, own, group=self.group)
        out, came = (flat.element_size() * (sum(n) - n[self.rank]) for n in (own, sizes))
        self._count(started, out, max(out, came), rounds=1)
        return list(received.split(sizes))

    def all_reduce(self, numbers: Tensor) -> None:
        """In a ring: each of 2 (W - 1) rounds sends a W-th of the numbers on to the next process."""
        started, rounds = time.perf_counter(), 2 * (self.world - 1)
        dist.all_reduce(numbers, group=self.group)
        out = rounds * numbers.numel() * numbers.element_size() // self.world
        self._count(started, out, out, rounds)

    def _count(self, started: float, out: int, busier: int, rounds: int) -> None:
        self.sent += out
        if self.gbs:
            due = started + rounds * self.latency + busier / (self.gbs * 1e9)
            while (left := due - time.perf_counter()) > 0:
                time.sleep(left)


# --- one step of each kind of sharding, from one process's side ---


def step(link: Link, job: dict, draw: torch.Generator) -> dict[str, int]:
    """A step's traffic; returns the bytes that this process sent for ids, forward and backward."""
    kind, world = job["kind"], link.world
    tables, rows, m, bag, mine = job["tables"], job["rows"], job["m_spa"], job["bag"], job["batch"] // world
    if kind == "data":
        gradient = torch.rand(tables * rows, m, generator=draw)  # dense: as large as the tables
        link.all_reduce(gradient)
        return dict(ids=0, forward=0, backward=link.sent)
    block = rows // world
    owner = torch.arange(mine * bag) % world  # of each id's row, where rows are divided: everybody is asked evenly
    ids = torch.randint(block, (tables, mine * bag), generator=draw) + block * owner  # (T, B / W * L)
    asked = _send_ids(link, kind, ids.view(tables, mine, bag), block)
    sent_ids = link.sent
    # Whoever holds a table, or a part of one, sums up what it holds of each bag, for everybody.
    weight = torch.rand(block if kind == "row" else rows, m // world if kind == "column" else m, generator=draw)
    sums = [F.embedding_bag(i, weight, n.cumsum(0) - n, mode="sum") for i, n in asked]  # W times (held * B / W, width)
    sizes = [part.numel() for part in sums]
    back = link.all_to_all(sums, sizes)
    forward = link.sent - sent_ids
    # The gradient of a sum goes to everyone who had a part in it.
    link.all_to_all([torch.ones_like(part) for part in back], sizes)
    return dict(ids=sent_ids, forward=forward, backward=link.sent - sent_ids - forward)


def _send_ids(link: Link, kind: str, ids: Tensor, block: int) -> list[tuple[Tensor, Tensor]]:
    """Send each of the ids (T, B / W, L) to where its row is, and each bag's length along; from each process, what it
    asks for: ids, and lengths."""
    parts = [ids] * link.world
    if kind == "table":
        parts = [ids[p :: link.world] for p in range(link.world)]
    lengths = [torch.full((part.shape[0] * part.shape[1],), part.shape[2]) for part in parts]
    if kind == "row":
        owner = ids // block
        lengths = [(owner == p).sum(-1).flatten() for p in range(link.world)]
        parts = [ids[owner == p] % block for p in range(link.world)]
    lengths = link.all_to_all(lengths, [len(lengths[link.rank])] * link.world)
    return list(zip(link.all_to_all(parts, [int(n.sum()) for n in lengths]), lengths, strict=True))


def _system_sent() -> int | None:
    """What this process has written so far, by the operating system's account: to sockets, nearly all of it."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return int(next(line.split()[1] for line in lines if line.startswith("wchar")))


def work(jobs: list[dict]) -> None:
    with workers.joined() as (rank, world):
        groups = {n: dist.new_group(list(range(n))) for n in sorted({job["processes"] for job in jobs})}
        results = []
        for job in jobs:
            mine = _run(groups[job["processes"]], job) if rank < job["processes"] else None
            every: list = [None] * world
            dist.all_gather_object(every, mine)
            every = [other for other in every if other]
            sums = {key: sum(other[key] for other in every) for key in ("ids", "forward", "backward")}
            known = all(other["system"] is not None for other in every)
            sums["system"] = sum(other["system"] for other in every) if known else None
            results.append(sums | dict(seconds=max(other["seconds"] for other in every)))
        workers.report(dict(results=results))


def _run(group, job: dict) -> dict:
    """This process's part of a job: bytes, and the median seconds."""
    draw = torch.Generator().manual_seed(dist.get_rank(group))
    times = []
    for _ in range(job.get("repeats", 1)):
        link = Link(group, job.get("gbs"), job.get("latency_us", 0.0))
        dist.barrier(group)
        before, started = _system_sent(), time.perf_counter()
        sent = step(link, job, draw)
        times.append(time.perf_counter() - started)
        after = _system_sent()
    return sent | dict(system=None if after is None else after - before, seconds=statistics.median(times))


if __name__ == "__main__":
    work(json.loads(sys.argv[1]))
