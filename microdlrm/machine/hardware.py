"""What the measurements run on: processor, caches, memory; and what of it can be used."""

import os
import platform
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

KIB, MIB, GIB = 2**10, 2**20, 2**30


class Machine(NamedTuple):
    """What the measurements ran on; None where it isn't known. Caches that one core sees and memory
    in bytes.

    `cores` are those that this process may use; two hardware threads of one core count as two.
    """

    cpu: str | None
    cores: int
    l1: int | None
    l2: int | None
    l3: int | None
    memory: int

    @property
    def last_cache(self) -> int | None:
        return self.l3 or self.l2 or self.l1

    def __str__(self) -> str:
        caches = {"L1": self.l1, "L2": self.l2, "L3": self.l3}
        known = " / ".join(f"{name} {size(n_bytes)}" for name, n_bytes in caches.items() if n_bytes)
        return (
            f"{self.cpu or 'CPU unknown'}, {self.cores} cores, {known or 'caches unknown'}, "
            f"{size(self.memory)} memory, {platform.system()} {platform.machine()}, "
            f"torch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()}), 1 thread"
        )


def machine() -> Machine:
    """This machine."""
    known = torch.cpu.get_capabilities()
    l3 = _read("/sys/devices/system/cpu/cpu0/cache/index3/size")  # Linux: "32768K"
    return Machine(
        cpu=known.get("cpu_name"),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        l1=known.get("l1d_cache_size"),
        l2=known.get("l2_cache_size"),
        l3=int(l3[:-1]) * KIB if l3.endswith("K") else None,
        memory=psutil.virtual_memory().total,
    )


def available_memory() -> int:
    """Bytes that can still be had: the free memory, or less in a container with a limit."""
    left = [psutil.virtual_memory().available]
    # In a container the path may be the host's, which isn't there: then the root is its own.
    own = Path("/sys/fs/cgroup") / _read("/proc/self/cgroup").rpartition("0::/")[2]
    for folder in (own, *own.parents):
        limit, used = _read(folder / "memory.max"), _read(folder / "memory.current")
        if limit.isdigit() and used.isdigit():
            # A cache of files counts as used, and gives way as soon as something wants its place.
            stat = dict(line.split() for line in _read(folder / "memory.stat").splitlines())
            left.append(int(limit) - int(used) + int(stat.get("inactive_file", 0)))
    return max(0, min(left))


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def affordable(n_bytes: int) -> int:
    """`n_bytes`, halved until it takes at most a third of the memory that can still be had."""
    while n_bytes > max(4 * MIB, available_memory() // 3):
        n_bytes //= 2
    return n_bytes


def fits_cache(n_bytes: int) -> str:
    """Why no claim about memory can be made with so many bytes here; "" where it can.

    A last cache that isn't known counts as 64 MiB.
    """
    last = machine().last_cache or 64 * MIB
    if n_bytes > last:
        return ""
    return f"{size(n_bytes)} fit into this machine's last cache, {size(last)}"


def size(n_bytes: int) -> str:
    """1048576 -> "1 MiB"."""
    for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.3g} {unit}"
    return f"{n_bytes} B"
