"""What is known of the machine, and what it can spare."""

import sys

import pytest
import torch

from microdlrm.machine import hardware


def fake_machine(**known):
    unknown = dict.fromkeys(("cpu", "cores", "l1", "l2", "l3"))
    return hardware.Machine(
        **unknown | dict(memory=2**30, system="Test", torch="2", instructions="none") | known
    )


def test_machine_says_what_it_knows_and_what_it_does_not():
    assert torch.__version__ in str(hardware.machine())
    assert str(fake_machine()).count("unknown") == 3
    assert fake_machine().last_cache is None
    assert fake_machine(l2=5, l3=7).last_cache == 7


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_machine_on_other_systems(system, monkeypatch):
    answers = {"machdep.cpu.brand_string": "Apple M9", "hw.l2cachesize": "4096"}
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
    monkeypatch.setattr(hardware, "available_memory", lambda: 0)
    assert hardware.affordable(512 * hardware.MIB) == 4 * hardware.MIB


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(12, "12 B"), (32768, "32 KiB"), (2**29, "512 MiB"), (2**30, "1 GiB")]
)
def test_size(n_bytes, text):
    assert hardware.size(n_bytes) == text


def test_a_claim_about_memory_needs_more_of_it_than_the_caches_hold(monkeypatch):
    monkeypatch.setattr(hardware, "machine", lambda: fake_machine(l3=1024 * hardware.MIB))
    assert (
        hardware.fits_cache(512 * hardware.MIB)
        == "512 MiB fit into this machine's last cache, 1 GiB"
    )
    assert hardware.fits_cache(2048 * hardware.MIB) == ""


# --- what a container may use ---

MB, ROOT = 2**20, "/sys/fs/cgroup"


def group(folder, limit, used, cache=0):
    stat = f"anon 5\ninactive_file {cache}\nactive_file 7\n"
    return {
        f"{ROOT}{folder}/memory.{k}": str(v)
        for k, v in dict(max=limit, current=used, stat=stat).items()
    }


@pytest.mark.parametrize(
    ("own", "files", "left"),
    [
        ("0::/", group("", 512 * MB, 100 * MB), 412 * MB),
        ("0::/", group("", "max", 100 * MB), 32 * 2**30),
        ("0::/", group("", 512 * MB, 500 * MB, cache=300 * MB), 312 * MB),
        ("0::/", group("", 512 * MB, 600 * MB), 0),
        ("0::/a/b", group("/a/b", 300 * MB, 0) | group("/a", 200 * MB, 50 * MB), 150 * MB),
        (
            "0::/docker/4f2a",
            group("", 512 * MB, 12 * MB),
            500 * MB,
        ),  # the host's path: not to be seen here
        ("9:memory:/x\n0::/a", group("/a", 256 * MB, 56 * MB), 200 * MB),
        ("5:memory:/x", {}, 32 * 2**30),
        ("", group("", 512 * MB, 0), 512 * MB),
        ("0::/t", {f"{ROOT}/t/memory.max": "100"}, 32 * 2**30),
    ],
)
def test_memory_that_a_container_leaves(monkeypatch, own, files, left):
    texts = files | {"/proc/self/cgroup": own}
    monkeypatch.setattr(hardware, "_read", lambda path: texts.get(str(path), ""))
    free = hardware.psutil.virtual_memory()._replace(available=32 * 2**30)
    monkeypatch.setattr(hardware.psutil, "virtual_memory", lambda: free)
    assert hardware.available_memory() == left


def test_what_cannot_be_read_is_no_text(tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff1")
    assert not hardware._read(tmp_path / "bytes").isdigit()
    assert hardware._read(tmp_path) == hardware._read(tmp_path / "nowhere") == ""
