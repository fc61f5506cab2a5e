"""The ceilings are measured, and say so."""

import json
import subprocess
import sys

import torch

from microdlrm.machine import hardware
from microdlrm.machine.ceilings import gather_from, measure_ceilings


def test_ceilings(ceilings):
    assert measure_ceilings() is ceilings
    assert ceilings.ridge == ceilings.peak_gflops / ceilings.stream_gbs
    assert set(ceilings.json()) >= {"stream_gbs", "gather_gbs", "gemm_gflops", "ridge", "dispatch_us"}
    json.dumps(ceilings.json())
    text = repr(ceilings)
    assert "ridge point" in text
    assert "memory ceilings through" in text
    rates = ceilings.rates(60)
    assert rates.gather_gbs == ceilings.gather[64].median
    assert rates.dispatch_us == ceilings.json()["dispatch_us"]


def test_ceilings_say_so_when_the_table_fits_the_cache(ceilings, monkeypatch):
    everything_fits = hardware.machine()._replace(l3=ceilings.table_bytes)
    monkeypatch.setattr(hardware, "machine", lambda: everything_fits)
    assert any("Memory itself is slower" in remark for remark in ceilings.remarks())


def test_gather_sums_the_rows_it_draws():
    table = torch.randn(1000, 8)
    sums = gather_from(table, batch=4, bag=3)(5)
    assert sums.shape == (4, 8)
    hot = gather_from(torch.arange(1000.0)[:, None], rows=2, batch=500, bag=1)
    assert len({value for i in range(32) for value in hot(i).flatten().tolist()}) == 2


def test_the_ceilings_command_prints_json():
    done = subprocess.run(
        [sys.executable, "-m", "microdlrm", "ceilings", "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["ridge"] > 0
