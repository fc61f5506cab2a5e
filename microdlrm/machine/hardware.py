"""What the measurements run on: processor, caches, memory; and what of it can be used.

Read without root, on Linux, macOS and Windows; what can't be read is said to be unknown.
"""

import html
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

KIB, MIB, GIB = 2**10, 2**20, 2**30


class Machine(NamedTuple):
    """What the measurements ran on; None where it can't be read. Caches of one core and memory in
    bytes.

    `cores` are those that this process may use; two hardware threads of one core count as two.
    """

    cpu: str | None
    cores: int | None
    l1: int | None
    l2: int | None
    l3: int | None
    memory: int
    system: str
    torch: str
    instructions: str

    @property
    def last_cache(self) -> int | None:
        return self.l3 or self.l2 or self.l1

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(str(self))}</p>"

    def __str__(self) -> str:
        caches = [(name, getattr(self, name.lower())) for name in ("L1", "L2", "L3")]
        known = " / ".join(f"{name} {size(n_bytes)}" for name, n_bytes in caches if n_bytes)
        return ", ".join(
            [
                self.cpu or "CPU unknown",
                f"{self.cores} cores" if self.cores else "cores unknown",
                known or "caches unknown",
                f"{size(self.memory)} memory",
                self.system,
                f"torch {self.torch} ({self.instructions})",
                "1 thread",
            ]
        )


def machine() -> Machine:
    """This machine."""
    caches = _caches()
    return Machine(
        cpu=_cpu_name(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        l1=caches.get(1),
        l2=caches.get(2),
        l3=caches.get(3),
        memory=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.machine()}",
        torch=torch.__version__,
        instructions=torch.backends.cpu.get_cpu_capability(),
    )


@cache
def _cpu_name() -> str | None:
    if sys.platform == "linux":
        for line in _read("/proc/cpuinfo").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model"):
                return value.strip().replace("(R)", "").replace("(TM)", "")
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string")
    return platform.processor() or None


@cache
def _caches() -> dict[int, int]:
    """Bytes of the data caches that one core sees, by level."""
    found = {}
    if sys.platform == "linux":
        for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
            text = _read(folder / "size")
            if text and _read(folder / "type") != "Instruction":
                unit = {"K": KIB, "M": MIB, "G": GIB}.get(text[-1])
                found[int(_read(folder / "level"))] = int(text[:-1]) * unit if unit else int(text)
    elif sys.platform == "darwin":
        # Apple's own chips keep the fast cores' caches under perflevel0, and have no L3 to speak
        # of.
        names = {1: "l1dcachesize", 2: "l2cachesize", 3: "l3cachesize"}
        for level, name in names.items():
            text = _sysctl(f"hw.perflevel0.{name}") or _sysctl(f"hw.{name}")
            if text and int(text):
                found[level] = int(text)
    return found


def available_memory() -> int:
    """Bytes that can still be had: the free memory, or less in a container with a limit."""
    return max(0, min([psutil.virtual_memory().available, *_left_to_groups()]))


def _left_to_groups() -> list[int]:
    """Bytes left to each control group (v2) that this process is in: a container's limits."""
    root, left = Path("/sys/fs/cgroup"), []
    # In a container the path may be the host's, which isn't there; what is there is then the root
    # alone.
    own = root / _read("/proc/self/cgroup").rpartition("0::/")[2]
    for folder in (own, *own.parents):
        bound, now = _read(folder / "memory.max"), _read(folder / "memory.current")
        if bound.isdigit() and now.isdigit():
            # A cache of files counts as used, and gives way as soon as something else wants its
            # place.
            cached = (
                _read(folder / "memory.stat").partition("\ninactive_file ")[2].partition("\n")[0]
            )
            left.append(int(bound) - int(now) + int(cached or 0))
    return left


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _sysctl(name: str) -> str | None:
    try:
        done = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def outgrows_cache(n_bytes: int) -> bool:
    """Whether so many bytes are more than the last cache; an unknown one counts as 64 MiB."""
    return n_bytes > (machine().last_cache or 64 * MIB)


def fits_cache(n_bytes: int) -> str:
    """Why no claim about memory can be made with so many bytes here; "" where it can."""
    if outgrows_cache(n_bytes):
        return ""
    return f"{size(n_bytes)} fit into this machine's last cache, {size(machine().last_cache)}"


def affordable(n_bytes: int) -> int:
    """`n_bytes`, halved until it takes at most a third of the memory that can still be had."""
    while n_bytes > max(4 * MIB, available_memory() // 3):
        n_bytes //= 2
    return n_bytes


def size(n_bytes: int) -> str:
    """1048576 -> "1 MiB"."""
    for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.3g} {unit}"
    return f"{n_bytes} B"
