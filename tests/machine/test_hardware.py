"""What is known of the machine, and what it can spare."""

import sys

import psutil
import pytest
import torch

from microdlrm.machine import hardware
from microdlrm.machine.hardware import GIB, MIB


def test_the_machine_is_known():
    here = hardware.machine()
    assert here.cpu
    assert here.l1 < here.l2
    assert here.last_cache == (here.l3 or here.l2)
    if sys.platform == "linux" and hardware._read("/sys/devices/system/cpu/cpu0/cache/index3/size"):
        assert here.l3 > here.l2
    assert torch.__version__ in str(here)


def test_a_machine_of_which_little_is_known_says_so(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    monkeypatch.setattr(hardware, "_read", lambda path: "")
    assert str(hardware.machine()).count("unknown") == 2
    assert "64 MiB" in hardware.fits_cache(32 * MIB)
    assert hardware.affordable(100) == 100


def test_affordable_halves_until_it_fits(monkeypatch):
    for free, due in ((300 * MIB, 64 * MIB), (0, 4 * MIB)):
        monkeypatch.setattr(hardware, "available_memory", lambda free=free: free)
        assert hardware.affordable(512 * MIB) == due


def test_a_claim_about_memory_needs_more_of_it_than_the_caches_hold(monkeypatch):
    large = hardware.machine()._replace(l3=GIB)
    monkeypatch.setattr(hardware, "machine", lambda: large)
    assert hardware.fits_cache(512 * MIB)
    assert not hardware.fits_cache(2 * GIB)


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(12, "12 B"), (32768, "32 KiB"), (2**29, "512 MiB"), (2**30, "1 GiB")]
)
def test_size(n_bytes, text):
    assert hardware.size(n_bytes) == text


# --- what a container may use ---


def group(folder, limit, used, cache=0):
    stat = f"anon 5\ninactive_file {cache}\nactive_file 7\n"
    files = {"max": limit, "current": used, "stat": stat}
    return {f"/sys/fs/cgroup{folder}/memory.{name}": str(text) for name, text in files.items()}


@pytest.mark.parametrize(
    ("own", "files", "left"),
    [
        ("0::/", group("", 512, 100), 412),
        ("0::/", group("", "max", 100), GIB),
        ("0::/", group("", 512, 500, cache=300), 312),
        ("0::/", group("", 512, 600), 0),
        ("0::/a/b", group("/a/b", 300, 0) | group("/a", 200, 50), 150),
        ("0::/docker/4f2a", group("", 512, 12), 500),  # the host's path: not to be seen here
        ("9:memory:/x\n0::/a", group("/a", 256, 56), 200),
        ("", {}, GIB),
    ],
)
def test_memory_that_a_container_leaves(monkeypatch, own, files, left):
    texts = files | {"/proc/self/cgroup": own}
    monkeypatch.setattr(hardware, "_read", lambda path: texts.get(str(path), ""))
    free = psutil.virtual_memory()._replace(available=GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    assert hardware.available_memory() == left
