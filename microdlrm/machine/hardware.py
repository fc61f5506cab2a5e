"""What the measurements run on: processor, caches, memory; and what of it can be used.

Read without root, on Linux, macOS and Windows; what can't be read is said to be unknown.
"""

import html
import os
import platform
import re
import subprocess
import sys
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import torch

KIB, MIB, GIB = 2**10, 2**20, 2**30


class Machine(NamedTuple):
    """What the measurements ran on; None where it can't be read. Caches of one core and memory in bytes.

    `cores` are those that this process may use; two hardware threads of one core count as two.
    """

    cpu: str | None
    cores: int | None
    l1: int | None
    l2: int | None
    l3: int | None
    memory: int | None
    system: str
    torch: str
    instructions: str
    threads: int

    @property
    def last_cache(self) -> int | None:
        return self.l3 or self.l2 or self.l1

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(str(self))}</p>"

    def __str__(self) -> str:
        caches = [(name, getattr(self, name.lower())) for name in ("L1", "L2", "L3")]
        known = " / ".join(f"{name} {size(n_bytes)}" for name, n_bytes in caches if n_bytes)
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return ", ".join(
            [
                self.cpu or "CPU unknown",
                f"{self.cores} cores" if self.cores else "cores unknown",
                known or "caches unknown",
                f"{size(self.memory)} memory" if self.memory else "memory unknown",
                self.system,
                f"torch {self.torch} ({self.instructions})",
                threads,
            ]
        )


def machine(threads: int = 1) -> Machine:
    """This machine. `threads` is what the measurements use, not what it has."""
    caches = _caches()
    return Machine(
        cpu=_cpu_name(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        l1=caches.get(1),
        l2=caches.get(2),
        l3=caches.get(3),
        memory=_total_memory(),
        system=f"{platform.system()} {platform.machine()}",
        torch=torch.__version__,
        instructions=torch.backends.cpu.get_cpu_capability(),
        threads=threads,
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
            text = _read(folder / "size").strip()
            if text and _read(folder / "type").strip() != "Instruction":
                unit = {"K": KIB, "M": MIB, "G": GIB}.get(text[-1])
                found[int(_read(folder / "level"))] = int(text[:-1]) * unit if unit else int(text)
    elif sys.platform == "darwin":
        # Apple's own chips keep the fast cores' caches under perflevel0, and have no L3 to speak of.
        names = {1: "l1dcachesize", 2: "l2cachesize", 3: "l3cachesize"}
        for level, name in names.items():
            text = _sysctl(f"hw.perflevel0.{name}") or _sysctl(f"hw.{name}")
            if text and int(text):
                found[level] = int(text)
    return found


def _total_memory() -> int | None:
    if sys.platform == "darwin":
        text = _sysctl("hw.memsize")
        return int(text) if text else None
    return _meminfo("MemTotal")


def available_memory() -> int | None:
    """Bytes that can still be had: the machine's free memory, or less where this process is limited."""
    limits = []
    if (free := _meminfo("MemAvailable")) is not None:
        limits.append(free)
    elif (total := _total_memory()) is not None:
        limits.append(total // 2)
    limits += _left_to_groups()
    try:
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        pages = _read("/proc/self/statm").split()
        if soft != resource.RLIM_INFINITY and pages:
            limits.append(soft - int(pages[0]) * resource.getpagesize())
    except ImportError:  # Windows has no such limits
        pass
    return max(0, min(limits)) if limits else None


def _left_to_groups() -> list[int]:
    """Bytes that each control group has left which this process is in, its ancestors too: a container's limits."""
    left = []
    for folder in _groups():
        for limit, used, reclaimable in (
            ("memory.max", "memory.current", "inactive_file"),  # version 2
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),  # version 1
        ):
            bound, now = _read(folder / limit).strip(), _read(folder / used).strip()
            if bound.isdigit() and now.isdigit() and int(bound) < 2**60:  # version 1 says 2**63 for "none"
                # A cache of files counts as used, and gives way as soon as something else wants its place.
                cache = re.search(rf"^{reclaimable} (\d+)$", _read(folder / "memory.stat"), re.MULTILINE)
                left.append(int(bound) - int(now) + (int(cache[1]) if cache else 0))
    return left


def _groups() -> list[Path]:
    """The folders of the control groups that may limit this process's memory, from its own up to the root."""
    found = []
    for line in _read("/proc/self/cgroup").splitlines() or ["0::/"]:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        root = Path("/sys/fs/cgroup") / ("memory" if controllers else "")
        # Inside a container the path may be the host's, which isn't there: what is there is then its own root.
        own = PurePosixPath(path.lstrip("/"))
        parts = [] if ".." in own.parts else own.parts
        found += [root.joinpath(*parts[:k]) for k in range(len(parts), -1, -1)]
        if not controllers:
            found += [Path("/sys/fs/cgroup/unified").joinpath(*parts[:k]) for k in range(len(parts), -1, -1)]
    return found


def _meminfo(key: str) -> int | None:
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * KIB
    return None


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _sysctl(name: str) -> str | None:
    try:
        done = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def outgrows_cache(n_bytes: int) -> bool:
    """Whether data of `n_bytes` is larger than the last cache. An unknown cache counts as 64 MiB."""
    return n_bytes > (machine().last_cache or 64 * MIB)


def fits_cache(n_bytes: int) -> str:
    """Why a claim about memory can't be made with data of `n_bytes` on this machine; "" where it can."""
    if outgrows_cache(n_bytes):
        return ""
    return f"{size(n_bytes)} fit into this machine's last cache, {size(machine().last_cache)}"


def affordable(n_bytes: int, least: int = 4 * MIB) -> int:
    """`n_bytes`, halved until it takes at most a third of the memory that can still be had."""
    memory = available_memory()
    while memory is not None and n_bytes > max(least, memory // 3):
        n_bytes //= 2
    return n_bytes


def size(n_bytes: int | None) -> str:
    """1048576 -> "1 MiB"."""
    if n_bytes is None:
        return "unknown"
    for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.3g} {unit}"
    return f"{n_bytes} B"
