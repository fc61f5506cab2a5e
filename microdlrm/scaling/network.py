"""The traffic of sharded tables between real processes over gloo, counted.

Each process has B / W of the batch's bags, K / W ids; the tables' weights are random numbers. A
job goes through what a training step sends: ids to where the rows are, pooled rows back, and their
gradients the other way.
"""

import psutil
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from microdlrm.scaling import workers

DIVIDED = dict(table="tables", row="rows", column="m_spa", data="rows")  # by kind of sharding


def measure(jobs: list[dict], seconds: float = 300.0) -> list[dict]:
    """Run `jobs` between processes; for each, the bytes that they sent together.

    job     kind ("table", "row", "column" or "data"); processes; tables, rows, m_spa; batch, and
            bag, the ids in each. What is divided must divide evenly: the batch by the processes,
            and, by kind, tables, m_spa or rows; for "row" the ids of each process as well
    result  ids, forward, backward: bytes of the tensors that left a process for another. system:
            the bytes that the operating system saw them send, None where it doesn't say (Linux
            does)

    Raises ValueError for a job that can't be done, before anything is started; WorkerError where
    the processes can't be started or don't finish.
    """
    for number, job in enumerate(jobs):
        kind, world = job["kind"], job["processes"]
        if kind not in DIVIDED:
            raise ValueError(f"job {number}: kind must be one of {', '.join(DIVIDED)}, got {kind}")
        divided = {name: job[name] for name in ("batch", DIVIDED[kind])}
        if kind == "row":
            divided["batch * bag / processes"] = job["batch"] * job["bag"] // world
        for name, value in divided.items():
            if value % world:
                must = f"{name} must be a multiple of {world}, the processes"
                raise ValueError(f"job {number}: {must}, got {value}")
    most = max(job["processes"] for job in jobs)
    return workers.run(work, most, jobs, seconds=seconds)


class Link:
    """Sends between the processes of a group, and counts the bytes of the tensors handed over."""

    def __init__(self, group):
        self.group, self.rank = group, dist.get_rank(group)
        self.world, self.sent = dist.get_world_size(group), 0

    def all_to_all(self, parts: list[Tensor], sizes: list[int]) -> list[Tensor]:
        """parts[p] to process p, of whom sizes[p] numbers come back."""
        flat = torch.cat([part.reshape(-1) for part in parts])
        received = flat.new_empty(sum(sizes))
        own = [part.numel() for part in parts]
        dist.all_to_all_single(received, flat, sizes, own, group=self.group)
        self.sent += (len(flat) - own[self.rank]) * flat.element_size()
        return list(received.split(sizes))

    def all_reduce(self, numbers: Tensor) -> None:
        """Add up in a ring, in place: each round hands a W-th of the numbers to the next process.

        In W - 1 rounds the parts' sums grow, in W - 1 more the finished ones go round.
        """
        parts = numbers.view(self.world, -1)
        right, left = (self.rank + 1) % self.world, (self.rank - 1) % self.world
        for turn in range(2 * (self.world - 1)):
            out, into = parts[(self.rank - turn) % self.world], parts[(left - turn) % self.world]
            came = torch.empty_like(into)
            exchange = [dist.isend(out, right, self.group), dist.irecv(came, left, self.group)]
            for request in exchange:
                request.wait()
            self.sent += out.numel() * out.element_size()
            into.copy_(into + came if turn < self.world - 1 else came)


# --- one step of each kind of sharding, from one process's side ---


def step(link: Link, job: dict, draw: torch.Generator) -> dict[str, int]:
    """A step's traffic; returns the bytes that this process sent: ids, forward, backward."""
    kind, world = job["kind"], link.world
    tables, rows, m, bag = job["tables"], job["rows"], job["m_spa"], job["bag"]
    mine = job["batch"] // world
    if kind == "data":
        gradient = torch.full((tables * rows, m), 2.0**link.rank)  # dense: as large as the tables
        link.all_reduce(gradient)
        if not (gradient == 2.0**world - 1).all():  # everybody's, each once
            raise RuntimeError("the ring's sum isn't the sum of all gradients")
        return dict(ids=0, forward=0, backward=link.sent)
    block = rows // world
    owner = torch.arange(mine * bag) % world  # of each id's row: everybody is asked evenly
    within = torch.randint(max(block, 1), (tables, mine * bag), generator=draw)
    ids = within + block * owner  # (T, B / W * L)
    asked = _send_ids(link, kind, ids.view(tables, mine, bag), block)
    sent_ids = link.sent
    # Whoever holds a table, or a part of one, sums up what it holds of each bag, for everybody.
    held = (block if kind == "row" else rows, m // world if kind == "column" else m)
    weight = torch.rand(held, generator=draw)
    sums = [F.embedding_bag(i, weight, n.cumsum(0) - n, mode="sum") for i, n in asked]
    sizes = [part.numel() for part in sums]
    back = link.all_to_all(sums, sizes)
    forward = link.sent - sent_ids
    # The gradient of a sum goes to everyone who had a part in it.
    link.all_to_all([torch.ones_like(part) for part in back], sizes)
    return dict(ids=sent_ids, forward=forward, backward=link.sent - sent_ids - forward)


def _send_ids(link: Link, kind: str, ids: Tensor, block: int) -> list[tuple[Tensor, Tensor]]:
    """Send each of the ids (T, B / W, L) to where its row is, and each bag's length along; from
    each process, what it asks for: ids, and lengths."""
    parts = [ids] * link.world
    if kind == "table":
        parts = [ids[p :: link.world] for p in range(link.world)]
    lengths = [torch.full((part.shape[0] * part.shape[1],), part.shape[2]) for part in parts]
    if kind == "row":
        owner = ids // block
        lengths = [(owner == p).sum(-1).flatten() for p in range(link.world)]
        parts = [ids[owner == p] % block for p in range(link.world)]
    lengths = link.all_to_all(lengths, [len(lengths[link.rank])] * link.world)
    asked = link.all_to_all(parts, [int(n.sum()) for n in lengths])
    return list(zip(asked, lengths, strict=True))


def work(rank: int, world: int, jobs: list[dict]) -> list[dict]:
    """What each process does; the sums over all of them, of each job."""
    groups = {n: dist.new_group(range(n)) for n in sorted({job["processes"] for job in jobs})}
    results = []
    for job in jobs:
        mine = _run(groups[job["processes"]], job, rank) if rank < job["processes"] else None
        every: list = [None] * world
        dist.all_gather_object(every, mine)
        found = [other for other in every if other]
        parts = {key: [other[key] for other in found] for key in found[0]}
        results.append({key: None if None in of else sum(of) for key, of in parts.items()})
    return results


def _run(group, job: dict, rank: int) -> dict:
    """This process's part of a job."""
    dist.barrier(group)
    before = _system_sent()
    sent = step(Link(group), job, torch.Generator().manual_seed(rank))
    after = _system_sent()
    return sent | dict(system=None if after is None else after - before)


def _system_sent() -> int | None:
    """What this process has written so far, by the system's account: to sockets, nearly all."""
    process = psutil.Process()
    account = process.io_counters() if hasattr(process, "io_counters") else None  # not on macOS
    return getattr(account, "write_chars", None)  # Linux's
