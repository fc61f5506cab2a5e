"""What is known of the machine, and what it can spare."""

import sys

import pytest
import torch

from microdlrm.machine import hardware


def fake_machine(**known):
    unknown = dict.fromkeys(("cpu", "cores", "l1", "l2", "l3", "memory"))
    return hardware.Machine(**unknown | dict(system="Test", torch="2", instructions="none", threads=1) | known)


def test_machine_says_what_it_knows_and_what_it_does_not():
    text = str(hardware.machine())
    assert torch.__version__ in text
    assert "1 thread" in text
    unknown = fake_machine()
    assert str(unknown) == "CPU unknown, cores unknown, caches unknown, memory unknown, Test, torch 2 (none), 1 thread"
    assert unknown.last_cache is None
    assert fake_machine(l2=5, l3=7).last_cache == 7


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_machine_on_other_systems(system, monkeypatch):
    answers = {"machdep.cpu.brand_string": "Apple M9", "hw.l2cachesize": "4096", "hw.memsize": "1024"}
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(hardware, "_read", lambda path: "")
    monkeypatch.setattr(hardware, "_sysctl", answers.get)
    for cached in (hardware._cpu_name, hardware._caches):
        cached.cache_clear()
    try:
        here = hardware.machine()
        assert isinstance(str(here), str)
        assert (here.cpu == "Apple M9") == (system == "darwin")
        assert hardware.affordable(100) == 100
    finally:
        for cached in (hardware._cpu_name, hardware._caches):
            cached.cache_clear()


def test_affordable_halves_until_it_fits(monkeypatch):
    monkeypatch.setattr(hardware, "available_memory", lambda: 300 * hardware.MIB)
    assert hardware.affordable(512 * hardware.MIB) == 64 * hardware.MIB
    monkeypatch.setattr(hardware, "available_memory", lambda: None)
    assert hardware.affordable(512 * hardware.MIB) == 512 * hardware.MIB
    monkeypatch.setattr(hardware, "available_memory", lambda: 0)
    assert hardware.affordable(512 * hardware.MIB) == 4 * hardware.MIB


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(None, "unknown"), (12, "12 B"), (32768, "32 KiB"), (2**29, "512 MiB"), (2**30, "1 GiB")]
)
def test_size(n_bytes, text):
    assert hardware.size(n_bytes) == text


def test_a_claim_about_memory_needs_more_of_it_than_the_caches_hold(monkeypatch):
    monkeypatch.setattr(hardware, "machine", lambda: fake_machine(l3=1024 * hardware.MIB))
    assert hardware.fits_cache(512 * hardware.MIB) == "512 MiB fit into this machine's last cache, 1 GiB"
    assert hardware.fits_cache(2048 * hardware.MIB) == ""
