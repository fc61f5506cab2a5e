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


# --- what a container may use ---

MB = 2**20
FREE = {"/proc/meminfo": f"MemTotal: {64 * 2**20} kB\nMemAvailable: {32 * 2**20} kB\n"}
V1, V2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"


def v2(folder, limit, used, cache=0):
    stat = f"anon 5\ninactive_file {cache}\nactive_file 7\n"
    return {f"{V2}{folder}/memory.{k}": str(v) for k, v in dict(max=limit, current=used, stat=stat).items()}


def v1(folder, limit, used, cache=0):
    stat = f"inactive_file 1\ntotal_inactive_file {cache}\n"
    values = {"limit_in_bytes": limit, "usage_in_bytes": used, "stat": stat}
    return {f"{V1}{folder}/memory.{k}": str(v) for k, v in values.items()}


@pytest.mark.parametrize(
    ("group", "files", "left"),
    [
        ("0::/", v2("", 512 * MB, 100 * MB), 412 * MB),
        ("0::/", v2("", "max", 100 * MB), 32 * 2**30),
        ("0::/", v2("", 512 * MB, 500 * MB, cache=300 * MB), 312 * MB),
        ("0::/a.slice/b.scope", v2("/a.slice/b.scope", 300 * MB, 0) | v2("/a.slice", "max", 0), 300 * MB),
        ("0::/a.slice/b.scope", v2("/a.slice/b.scope", "max", 0) | v2("/a.slice", 200 * MB, 50 * MB), 150 * MB),
        ("0::/a/b/c", v2("/a/b/c", 400 * MB, 0) | v2("/a/b", 900 * MB, 700 * MB) | v2("/a", "max", 0), 200 * MB),
        ("0::/docker/4f2a", v2("", 512 * MB, 12 * MB), 500 * MB),
        ("0::/../other", v2("", 512 * MB, 12 * MB), 500 * MB),
        ("5:memory:/t\n3:cpu,cpuacct:/t", v1("/t", 512 * MB, 100 * MB), 412 * MB),
        ("5:memory:/t", v1("/t", 512 * MB, 500 * MB, cache=400 * MB) | v1("", 2**63 - 4096, 0), 412 * MB),
        ("5:hugetlb,memory:/a/b", v1("/a/b", 2**63 - 4096, 0) | v1("/a", 100 * MB, 40 * MB), 60 * MB),
        ("5:memory:/docker/4f2a\n0::/", v1("", 512 * MB, 0), 512 * MB),
        ("5:cpu:/t", v1("/t", 1, 1), 32 * 2**30),
        ("0::/\n1:name=systemd:/x", v2("", 512 * MB, 600 * MB), 0),
        ("", v2("", 512 * MB, 0), 512 * MB),
        ("nonsense", {}, 32 * 2**30),
        # The tightest of four groups is the third, by what it has left and not by its limit.
        (
            "0::/kubepods.slice/pod1.slice/cri-1.scope/app",
            v2("/kubepods.slice", 900 * MB, 850 * MB) | v2("/kubepods.slice/pod1.slice", 500 * MB, 480 * MB)
            | v2("/kubepods.slice/pod1.slice/cri-1.scope", 300 * MB, 100 * MB)
            | v2("/kubepods.slice/pod1.slice/cri-1.scope/app", "max", 0),
            20 * MB,
        ),
        # The same, but what the third holds is a cache of files, so that the second is the tightest.
        (
            "0::/kubepods.slice/pod1.slice/app",
            v2("/kubepods.slice", 900 * MB, 850 * MB)
            | v2("/kubepods.slice/pod1.slice", 500 * MB, 480 * MB, cache=400 * MB)
            | v2("/kubepods.slice/pod1.slice/app", "max", 0),
            50 * MB,
        ),
        # Hybrid: memory is under version 1, and version 2 beside it counts nothing.
        ("9:memory:/user.slice\n0::/user.slice/a.scope", v1("/user.slice", 256 * MB, 56 * MB), 200 * MB),
        # Hybrid, memory under version 2.
        (
            "3:cpu,cpuacct:/u\n0::/u/a.scope",
            {path.replace(V2, f"{V2}/unified"): text for path, text in v2("/u/a.scope", 256 * MB, 6 * MB).items()},
            250 * MB,
        ),
        # Version 1 with a group of the same path for each controller.
        ("4:cpu:/t\n5:memory:/t", v1("/t", 100 * MB, 0) | {"/sys/fs/cgroup/cpu/t/memory.max": "1"}, 100 * MB),
        # Names with a colon, and of a group that has been removed.
        ("0::/app:1.scope", v2("/app:1.scope", 64 * MB, MB), 63 * MB),
        ("0::/gone.scope (deleted)", v2("", 64 * MB, MB), 63 * MB),
        # Neither a limit without what is used, nor nonsense, nor what may not be read, is a limit.
        ("0::/t", {f"{V2}/t/memory.max": "100"}, 32 * 2**30),
        ("0::/t", v2("/t", "-1", 0), 32 * 2**30),
        ("0::/t", v2("/t", "10 MB", 0), 32 * 2**30),
        ("0::/t", v2("/t", 0, 0), 0),
        ("0::/t", v2("/t", 100 * MB, 60 * MB, cache="x"), 40 * MB),
        ("5:memory:/t", v1("/t", "9223372036854771712", 0), 32 * 2**30),
    ],
)
def test_memory_that_a_container_leaves(monkeypatch, group, files, left):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    texts = FREE | files | {"/proc/self/cgroup": group}
    monkeypatch.setattr(hardware, "_read", lambda path: texts.get(str(path), ""))
    assert hardware.available_memory() == left


def test_what_cannot_be_read_is_no_text(tmp_path, monkeypatch):
    (tmp_path / "bytes").write_bytes(b"\xff1")
    assert not hardware._read(tmp_path / "bytes").isdigit()
    assert hardware._read(tmp_path) == hardware._read(tmp_path / "nowhere") == ""

    def refuse(self, **more):
        raise PermissionError(13, "no")

    monkeypatch.setattr(hardware.Path, "read_text", refuse)
    assert hardware._read("/proc/meminfo") == ""
    assert hardware._groups() == [hardware.Path("/sys/fs/cgroup"), hardware.Path("/sys/fs/cgroup/unified")]
