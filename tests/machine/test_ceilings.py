"""The ceilings are measured, and say so."""

import json

import pytest
import torch

from microdlrm.__main__ import main
from microdlrm.machine import ceilings as ceilings_module
from microdlrm.machine import hardware
from microdlrm.machine.ceilings import gather_from, measure_ceilings, walk, zipf


@pytest.fixture(scope="module")
def ceilings():
    return measure_ceilings()


@pytest.mark.timing
def test_ceilings_hand_over_what_they_measured(ceilings, capsys):
    assert measure_ceilings() is ceilings
    assert ceilings.ridge == ceilings.peak_gflops / ceilings.stream_gbs
    assert f"{ceilings.peak_gflops:.3g}" in repr(ceilings)
    rates = ceilings.rates(60)
    assert rates.gather_gbs == ceilings.gather[64].median
    assert rates.cache_gbs == ceilings.cache[64].median
    assert rates.near_gbs == ceilings.near[64].median
    near, cache = ceilings.held["near"], ceilings.held["cache"]
    assert near < rates.near_bytes <= cache <= rates.cache_bytes
    main(["ceilings", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["ridge"] == ceilings.ridge
    assert said["gather_gbs"]["64"] == rates.gather_gbs
    assert said["dispatch_us"] == rates.dispatch_us


@pytest.mark.timing
def test_what_is_nearer_comes_sooner_and_a_bag_costs_more_than_another_operator(ceilings):
    for width in (16, 64):
        assert ceilings.near[width].median > 1.5 * ceilings.gather[width].median
    assert ceilings.bag.median > 1.3 * ceilings.dispatch.median
    # A lone line takes its latency; rows at random take far less each: they don't wait in turn.
    assert ceilings.latency.median > 20
    assert ceilings.latency.median > 2 * ceilings_module.LINE / ceilings.gather[64].median


@pytest.mark.timing
def test_ceilings_say_so_when_the_table_fits_the_cache(ceilings, monkeypatch):
    everything_fits = hardware.machine()._replace(l3=ceilings.held["gather"])
    monkeypatch.setattr(hardware, "machine", lambda: everything_fits)
    assert "512 MiB fit" in ceilings.remarks()[1]


def test_gather_sums_the_rows_it_draws():
    sums = gather_from(torch.ones(1000, 8), batch=4, bag=3)(5)
    assert torch.equal(sums, torch.full((4, 8), 3.0))
    hot = gather_from(torch.arange(1000.0)[:, None], rows=2, batch=500, bag=1)
    assert len({value for i in range(32) for value in hot(i).flatten().tolist()}) == 2


@pytest.mark.parametrize(("cache", "again"), [(2**20, True), (2**30, False)])
def test_no_cache_keeps_the_rows_of_one_round_of_batches(monkeypatch, cache, again):
    monkeypatch.setattr(ceilings_module, "machine", lambda: hardware.machine()._replace(l3=cache))
    rows = gather_from(torch.randn(100_000, 1), batch=512, bag=2)
    assert torch.equal(rows(0), rows(32)) is again  # a gigabyte of cache takes more than 32 batches


def test_a_walk_visits_every_line_once():
    numbers = torch.zeros(5 * 1000 * 8, dtype=torch.int64)  # 64-byte lines
    walk(numbers)()
    seen, here = set(), 0
    for _ in range(5000):
        seen.add(here)
        here = int(numbers[here])
    assert here == 0
    assert seen == set(range(0, 40000, 8))


def test_zipf_ids_fall_as_one_over_rank():
    ids = zipf(1000, (200_000,), torch.Generator().manual_seed(0))
    assert (ids.min(), ids.max()) == (0, 999)
    counts = ids.bincount(minlength=1000).float()
    # Between ranks r and 2 r lie as many draws, whatever r.
    octaves = torch.stack([counts[r - 1 : 2 * r - 1].sum() for r in (8, 16, 32, 64, 128, 256)])
    assert octaves.max() / octaves.min() < 1.05
