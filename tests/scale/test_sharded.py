"""The model on TorchRec, in one process: the same logits."""

import pytest
import torch
from worker import model

from microdlrm.clicks import Batch
from microdlrm.scaling import torchrec as sharded


def batch(model):
    """Bags of 0 to 3 ids for 7 rows, weighted for every second of the bags."""
    draw = torch.Generator().manual_seed(1)
    indices, offsets, weights = [], [], []
    for b, t in enumerate(model.reads):
        lengths = torch.randint(0, 4, (7,), generator=draw)
        rows, n = model.emb_l[t].num_embeddings, int(lengths.sum())
        indices.append(torch.randint(rows, (n,), generator=draw))
        offsets.append(lengths.cumsum(0) - lengths)
        weights.append(torch.rand(n, generator=draw) if b % 2 else None)
    return Batch(torch.randn(7, 4, generator=draw), indices, offsets, weights, torch.ones(7, 1))


@pytest.mark.parametrize("reads", [(0, 1, 2), (0, 1, 2, 1), (2, 0, 1, 0, 2)])
def test_the_same_logits_whichever_table_the_bags_read(reads):
    ours = model(reads=reads)
    given = batch(ours)
    logits = sharded.to_torchrec(ours)(given.dense_x, sharded.keyed(given))
    torch.testing.assert_close(logits, ours.logits(*given.inputs), rtol=0, atol=1e-6)


def test_a_frozen_table_stays_frozen():
    own = model()
    own.emb_l[1].weight.requires_grad_(False)
    frozen = [p for p in sharded.to_torchrec(own).parameters() if not p.requires_grad]
    assert [tuple(p.shape) for p in frozen] == [tuple(own.emb_l[1].weight.shape)]


@pytest.mark.parametrize("what", [dict(reads=(0, 1)), dict(interaction="concat")])
def test_what_torchrec_cannot_be_is_refused(what):
    with pytest.raises(ValueError, match="TorchRec"):
        sharded.to_torchrec(model(**what))
