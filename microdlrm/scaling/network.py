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
from microdlrm.scaling.traffic import SHARDINGS


def measure(jobs: list[dict], seconds: float = 300.0) -> list[dict]:
    """Run `jobs` between processes; for each, the bytes that they sent together.

    job     kind ("table", "row", "column" or "data"); processes; tables, rows, m_spa; batch, and
            bag, the ids in each. The processes must divide the batch evenly and, by kind, tables,
            rows or m_spa; for "row" the ids of each process as well
    result  ids, forward, backward: bytes of the tensors that left a process for another. system:
            the bytes that the operating system saw them send, 0 where it doesn't say (Linux does)

    Raises ValueError for what doesn't divide evenly, before anything is started; WorkerError where
    the processes can't be started or don't finish.
    """
    for job in jobs:
        kind, world = job["kind"], job["processes"]
        divided = [job["batch"], job[SHARDINGS[kind]]]
        if kind == "row":
            divided.append(job["batch"] * job["bag"] // world)
        if any(number % world for number in divided):
            raise ValueError(f"{world} processes must divide {divided} evenly, in {job}")
    return workers.run(work, max(job["processes"] for job in jobs), jobs, seconds=seconds)


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


# --- one step of each kind of sharding, from one process's side ---


def step(link: Link, job: dict, draw: torch.Generator) -> dict[str, int]:
    """A step's traffic; returns the bytes that this process sent: ids, forward, backward."""
    kind, world = job["kind"], link.world
    tables, rows, m, bag = job["tables"], job["rows"], job["m_spa"], job["bag"]
    mine = job["batch"] // world
    if kind == "data":  # each adds up a W-th of the gradients for all, and hands the sum to all
        gradient = torch.full((world, tables * rows * m // world), 2.0**link.rank)
        sizes = [gradient.shape[1]] * world
        total = sum(link.all_to_all(list(gradient), sizes))
        gradient = torch.cat(link.all_to_all([total] * world, sizes))
        if not (gradient == 2.0**world - 1).all():  # everybody's, each once
            raise RuntimeError("what came back isn't the sum of all gradients")
        return dict(ids=0, forward=0, backward=link.sent)
    owner = torch.arange(mine * bag) % world  # of each id's row: everybody is asked evenly
    block = rows // world if kind == "row" else rows  # rows of a table that one process holds
    ids = torch.randint(block, (tables, mine * bag), generator=draw)
    if kind == "row":
        ids += block * owner
    asked = _send_ids(link, kind, ids.view(tables, mine, bag), block)
    sent_ids = link.sent
    # Whoever holds a table, or a part of one, sums up what it holds of each bag, for everybody.
    weight = torch.rand(block, m // world if kind == "column" else m, generator=draw)
    sums = [F.embedding_bag(i % block, weight, n.cumsum(0) - n, mode="sum") for i, n in asked]
    sizes = [part.numel() for part in sums]
    back = link.all_to_all(sums, sizes)
    forward = link.sent - sent_ids
    # The gradient of a sum goes to everyone who had a part in it.
    link.all_to_all([torch.ones_like(part) for part in back], sizes)
    return dict(ids=sent_ids, forward=forward, backward=link.sent - sent_ids - forward)


def _send_ids(link: Link, kind: str, ids: Tensor, block: int) -> list[tuple[Tensor, Tensor]]:
    """Send each of the ids (T, B / W, L) to where its row is, and each bag's length along; from
    each process, what it asks for: ids, and lengths."""
    parts, lengths = [], []
    for process in range(link.world):
        own = ids[process :: link.world] if kind == "table" else ids
        there = own // block == process if kind == "row" else own >= 0
        parts.append(own[there])
        lengths.append(there.sum(-1).flatten())  # one a bag
    lengths = link.all_to_all(lengths, [len(lengths[link.rank])] * link.world)
    asked = link.all_to_all(parts, [int(n.sum()) for n in lengths])
    return list(zip(asked, lengths, strict=True))


def work(rank: int, world: int, jobs: list[dict]) -> list[dict]:
    """What each process does; the sums over all of them, of each job."""
    groups = {n: dist.new_group(range(n)) for n in sorted({job["processes"] for job in jobs})}
    results = []
    for job in jobs:
        sent, every = {}, [None] * world
        if rank < job["processes"]:
            dist.barrier(group := groups[job["processes"]])
            before = _system_sent()
            sent = step(Link(group), job, torch.Generator().manual_seed(rank))
            sent["system"] = _system_sent() - before
        dist.all_gather_object(every, sent)
        results.append({key: sum(each.get(key, 0) for each in every) for key in every[0]})
    return results


def _system_sent() -> int:
    """What this process has written so far, by the system's account: to sockets, nearly all."""
    process = psutil.Process()
    account = process.io_counters() if hasattr(process, "io_counters") else None  # not on macOS
    return getattr(account, "write_chars", 0)  # Linux's
