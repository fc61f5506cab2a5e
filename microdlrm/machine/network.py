"""The traffic of sharded tables, between real processes over gloo: counted, and on a link of a stated speed.

    measure(world, jobs)   in the parent
    python -m microdlrm.machine.network JOBS   what each process runs, by torchrun

Each process has B / W of the batch's bags, K / W ids; the tables' weights and gradients are random numbers. A job goes
through what a training step sends: ids to where the rows are, pooled rows back, and their gradients the other way.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from microdlrm import workers

INT, FLOAT = torch.int64, torch.float32


def measure(world: int, jobs: Sequence[dict], seconds: float = 60.0) -> list[dict]:
    """Run `jobs` in `world` processes; for each, what all processes together sent, and how long it took.

    job     kind ("table", "row", "column" or "data"), tables, rows, m_spa, batch, bag (ids in each); and, for a slowed
            link, gbs and latency_us. Tables are dealt in turn; `tables` and `batch` are multiples of `world`
    result  ids, forward, backward: bytes that left a process for another. system: the bytes that the operating system
            saw them send, None where it doesn't say (Linux does). seconds: of the step, on the link if there is one

    Raises WorkerError where the processes can't be started or don't finish.
    """
    return workers.run("microdlrm.machine.network", world, json.dumps(list(jobs)), seconds=seconds)["results"]


class Link:
    """Sends between the processes and counts the bytes. With a speed, it holds each exchange until a link of that
    speed would have delivered it: latency, and then its bytes, out of this process or into it, whichever are more.
    """

    def __init__(self, gbs: float | None = None, latency_us: float = 0.0):
        self.gbs, self.latency = gbs, latency_us * 1e-6
        self.sent = 0

    def all_to_all(self, parts: list[Tensor], sizes: list[int]) -> list[Tensor]:
        """parts[p] to process p, of whom so many numbers come back."""
        started, rank = time.perf_counter(), dist.get_rank()
        flat = torch.cat([part.reshape(-1) for part in parts])
        received = flat.new_empty(sum(sizes))
        dist.all_to_all_single(received, flat, sizes, [part.numel() for part in parts])
        size = flat.element_size()
        out, came = (size * (sum(n) - n[rank]) for n in ([part.numel() for part in parts], sizes))
        self.sent += out
        self._hold(started, max(out, came), 1)
        return list(received.split(sizes))

    def all_reduce(self, numbers: Tensor) -> None:
        """In a ring: each of 2 (W - 1) rounds sends a W-th of the numbers on to the next process."""
        started, world = time.perf_counter(), dist.get_world_size()
        dist.all_reduce(numbers)
        out = 2 * (world - 1) * numbers.numel() * numbers.element_size() // world
        self.sent += out
        self._hold(started, out, 2 * (world - 1))

    def _hold(self, started: float, n_bytes: int, rounds: int) -> None:
        if self.gbs:
            due = started + rounds * self.latency + n_bytes / (self.gbs * 1e9)
            while (left := due - time.perf_counter()) > 0:
                time.sleep(left if left > 2e-3 else 0)


# --- one step of each kind of sharding, from this process's side ---


def step(link: Link, job: dict, draw: torch.Generator) -> dict[str, int]:
    """A step's traffic; returns the bytes sent for ids, forward and backward."""
    world, kind = dist.get_world_size(), job["kind"]
    tables, rows, m, mine, bag = (job[k] for k in ("tables", "rows", "m_spa", "batch", "bag"))
    mine //= world
    if kind == "data":
        weight = torch.rand(tables * rows, m, generator=draw)
        ids = torch.randint(tables * rows, (tables * mine, bag), generator=draw)
        torch.nn.functional.embedding_bag(ids, weight, mode="sum")  # no traffic
        link.all_reduce(weight)  # the gradient is as large
        return dict(ids=0, forward=0, backward=link.sent)
    ids = torch.randint(rows, (tables, mine * bag), generator=draw)  # (T, K / W)
    counts = [_ids_sent(kind, ids, job, link, draw) for _ in range(1)][0]
    asked, sent_ids = counts
    # Whoever holds a table, or a part of one, sums up what it holds of each bag, for every process.
    width = m // world if kind == "column" else m
    held = tables // world if kind == "table" else tables
    weight = torch.rand(rows if kind != "row" else -(-rows // world), width, generator=draw)
    sums = [_pooled(weight, *bags, held, mine) for bags in asked]  # W times (held * B / W, width)
    back = link.all_to_all(sums, [held * mine * width] * world)
    forward = link.sent - sent_ids
    # The gradient of a sum goes to everyone who had a part in it.
    gradients = [torch.ones(len(part)) for part in back]
    link.all_to_all(gradients, [held * mine * width] * world)
    return dict(ids=sent_ids, forward=forward, backward=link.sent - sent_ids - forward)


def _ids_sent(kind: str, ids: Tensor, job: dict, link: Link, draw: torch.Generator) -> tuple[list, int]:
    """Send each id to where its row is, and each bag's length along: per process, the ids and lengths it asks for."""
    world = dist.get_world_size()
    tables, _, bag = job["tables"], job["rows"], job["bag"]
    bags = ids.view(tables, -1, bag)  # (T, B / W, L)
    if kind == "table":
        shares = [bags[p::world] for p in range(world)]
        parts = [(s.reshape(-1), torch.full((s.shape[0] * s.shape[1],), bag)) for s in shares]
    elif kind == "column":
        parts = [(ids.reshape(-1), torch.full((tables * bags.shape[1],), bag))] * world
    else:
        block = -(-job["rows"] // world)
        owner = bags // block
        parts = [
            (bags[owner == p] - p * block, (owner == p).sum(-1).reshape(-1)) for p in range(world)
        ]
    lengths = link.all_to_all([n for _, n in parts], [parts[dist.get_rank()][1].numel()] * world)
    received = link.all_to_all([i for i, _ in parts], [int(n.sum()) for n in lengths])
    return list(zip(received, lengths, strict=True)), link.sent


def _pooled(weight: Tensor, ids: Tensor, lengths: Tensor, held: int, mine: int) -> Tensor:
    return torch.nn.functional.embedding_bag(ids, weight, lengths.cumsum(0) - lengths, mode="sum")


def _system_sent() -> int | None:
    """What this process has written so far, by the operating system's account: gloo writes to sockets alone."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return int(next(line.split()[1] for line in lines if line.startswith("wchar")))


def work(jobs: list[dict]) -> None:
    with workers.joined() as (rank, _):
        results = []
        for job in jobs:
            draw = torch.Generator().manual_seed(rank)
            repeats = []
            for _ in range(job.get("repeats", 1)):
                link = Link(job.get("gbs"), job.get("latency_us", 0.0))
                dist.barrier()
                before, started = _system_sent(), time.perf_counter()
                sent = step(link, job, draw)
                seconds, after = time.perf_counter() - started, _system_sent()
                repeats.append((seconds, sent, None if before is None else after - before))
            seconds, sent, system = sorted(repeats, key=lambda r: r[0])[len(repeats) // 2]
            every: list = [None] * dist.get_world_size()
            dist.all_gather_object(every, (seconds, sent, system))
            results.append(
                {key: sum(s[key] for _, s, _ in every) for key in sent}
                | dict(
                    system=None if system is None else sum(s for *_, s in every),
                    busiest=max(sum(s.values()) for _, s, _ in every),
                    seconds=max(s for s, *_ in every),
                )
            )
        workers.report(dict(results=results))


if __name__ == "__main__":
    work(json.loads(sys.argv[1]))
