"""What sharded tables send on paper, message by message; and the sizes that others published."""

import itertools

import pytest

from microdlrm import MicroDLRM
from microdlrm.scaling import published
from microdlrm.scaling.traffic import SHARDINGS, communication


def sent_one_by_one(sharding, devices, batch, bag, rows, m):
    """Every message of a step, one after the other: who sends how many bytes to whom."""
    ids = forward = 0
    mine = batch // devices
    if sharding == "data":  # a W-th of the gradients to each, and its sum back
        return 0, 0, 2 * (devices - 1) * devices * (rows * m // devices * 4)
    for sender, receiver in itertools.permutations(range(devices), 2):
        if sharding == "row":
            ids += mine * bag // devices * 8 + mine * 8
            forward += mine * m * 4
        elif sharding == "column":
            ids += mine * (bag + 1) * 8
            forward += mine * (m // devices) * 4
        else:  # the table is on device 0
            ids += mine * (bag + 1) * 8 * (receiver == 0)
            forward += mine * m * 4 * (sender == 0)
    return ids, forward, forward


@pytest.mark.parametrize("devices", [1, 2, 4])
@pytest.mark.parametrize("sharding", SHARDINGS)
def test_communication_adds_up_every_message(sharding, devices):
    expected = sent_one_by_one(sharding, devices, 64, 4, 100, 16)
    assert tuple(communication(sharding, devices, 64, 64 * 4, 100, 16)) == expected


def test_communication_refuses_what_it_has_no_formula_for():
    with pytest.raises(ValueError, match="diagonal"):
        communication("diagonal", 2, 64, 64, 100, 16)


def test_published_models_add_up():
    for model in published.MODELS:
        assert len(model.rows) == len(model.bags)
    assert sum(published.KAGGLE.rows) == 33_762_577  # as TorchRec's copy of the list says
    assert max(published.MLPERF_DCN.rows) == 40_000_000  # what --max-ind-range caps
    # 27 vectors of 128 side by side; three cross layers, each 3,456 to 512 and back, and a bias
    bottom, top = 171_392, 3457 * 1024 + 1025 * 1024 + 1025 * 512 + 513 * 256 + 257
    assert published.MLPERF_DCN.dense_bytes == 4 * (bottom + 3 * (2 * 3456 * 512 + 3456) + top)
    ours = sum(
        p.numel() for part in (MicroDLRM().bot_l, MicroDLRM().top_l) for p in part.parameters()
    )
    assert published.MOVIELENS.dense_bytes == 4 * ours
