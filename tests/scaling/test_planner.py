"""The simulation adds up to the formulas; the planner keeps to the room and beats what needs no planner."""

import numpy as np
import pytest

from microdlrm.machine import cost
from microdlrm.scaling import planner, published
from microdlrm.scaling.planner import Cluster, Shard, Table

FOUR = Cluster(4, memory=1e9, memory_gbs=100, network_gbs=10)
ALL = (0, 1, 2, 3)


@pytest.mark.parametrize(("kind", "devices"), [("table", (2,)), ("column", ALL), ("row", ALL), ("data", ALL)])
def test_what_devices_send_is_the_formulas_and_what_they_receive(kind, devices):
    load = planner.load(Table(1000, 16, 3), Shard(kind, devices), FOUR, 64)
    expected = sum(cost.communication(kind, 4, 64, 64 * 3, 1000, 16))
    assert load.sent.sum() == pytest.approx(expected)
    assert load.received.sum() == pytest.approx(expected)


def test_memory_and_lookups_are_divided_and_none_is_lost():
    table = Table(1000, 16, 3)
    for shard in (Shard("table", (2,)), Shard("column", (0, 3)), Shard("row", ALL)):
        load = planner.load(table, shard, FOUR, 64, state=1.0)
        assert load.memory.sum() == 1000 * 16 * 4 * 2
        assert load.lookups.sum() == 3 * 64 * 3 * 16 * 4
        assert set(np.flatnonzero(load.memory)) == set(shard.devices)
    assert (planner.load(table, Shard("data", ALL), FOUR, 64).memory == 1000 * 16 * 4 * 2).all()


def test_a_step_waits_for_the_busiest_device():
    tables = [Table(1000, 16, 3)] * 4
    together = planner.simulate(tables, [Shard("table", (0,))] * 4, FOUR, 64)
    apart = planner.simulate(tables, planner.in_turn(tables, FOUR), FOUR, 64)
    assert together.lookups == pytest.approx(4 * apart.lookups)
    assert apart.imbalance == pytest.approx(1)
    assert together.imbalance > 2


def test_the_planner_keeps_to_the_room_or_says_that_there_is_none():
    tables, small = published.MLPERF_DCN.tables, Cluster(8, 28e9, 400, 25)
    plan = planner.greedy(tables, small, 65_536)
    assert planner.simulate(tables, plan, small, 65_536).fits
    assert not planner.simulate(tables, planner.in_turn(tables, small), small, 65_536).fits
    with pytest.raises(ValueError, match="finds no room on 8 devices of 20 GB"):
        planner.greedy(tables, small._replace(memory=20e9), 65_536)


def test_hot_rows_stand_at_the_front():
    shares = planner.zipf_shares(1000, 4)
    exact = 1 / np.arange(1, 1001)
    np.testing.assert_allclose(shares, [part.sum() / exact.sum() for part in np.split(exact, 4)], rtol=1e-3)


def test_published_models_have_a_bag_for_each_table():
    for model in (*published.MODELS, published.TORCHREC_1TB):
        assert len(model.rows) == len(model.bags) == len(model.tables)
    assert sum(published.KAGGLE.rows) == 33_762_577  # as TorchRec's copy of the list says
    assert max(published.MLPERF_DCN.rows) == 40_000_000  # what --max-ind-range caps
