"""The model on TorchRec, in one process: the same logits, and the same weights back."""

import pytest
import torch
from worker import model

from microdlrm.clicks import Batch
from microdlrm.scaling import torchrec as sharded


def batch(model, rows=7, seed=1):
    """Bags of 0 to 3 ids, weighted for every second of the bags."""
    draw = torch.Generator().manual_seed(seed)
    indices, offsets, weights = [], [], []
    for b, t in enumerate(model.reads):
        lengths = torch.randint(0, 4, (rows,), generator=draw)
        indices.append(
            torch.randint(model.emb_l[t].num_embeddings, (int(lengths.sum()),), generator=draw)
        )
        offsets.append(lengths.cumsum(0) - lengths)
        weights.append(torch.rand(len(indices[-1]), generator=draw) if b % 2 else None)
    return Batch(
        torch.randn(rows, 4, generator=draw), indices, offsets, weights, torch.ones(rows, 1)
    )


@pytest.mark.parametrize("reads", [(0, 1, 2), (0, 1, 2, 1), (2, 0, 1, 0, 2)])
def test_the_same_logits_whichever_table_the_bags_read(reads):
    ours = model(reads=reads)
    given = batch(ours)
    logits = sharded.to_torchrec(ours)(given.dense_x, sharded.keyed(given))
    torch.testing.assert_close(logits, ours.logits(*given.inputs), rtol=0, atol=1e-6)


def test_without_the_columns_reordered_they_differ():
    """Bags that share a table stand side by side in TorchRec: the order matters."""
    ours = model()
    theirs, given = sharded.to_torchrec(ours), batch(ours)
    first = theirs.over_arch.model[0]._mlp[0]._linear.weight
    with torch.no_grad():
        first.copy_(ours.top_l[0].weight)
    assert (
        theirs(given.dense_x, sharded.keyed(given)) - ours.logits(*given.inputs)
    ).abs().max() > 1e-4


def test_there_and_back_nothing_is_lost():
    ours = model(reads=(2, 0, 1, 0, 2))
    back = sharded.from_torchrec(sharded.to_torchrec(ours).state_dict(), ours)
    assert back.reads == ours.reads
    for name, weight in ours.state_dict().items():
        assert torch.equal(weight, back.state_dict()[name]), name


def test_a_frozen_table_stays_frozen():
    own = model()
    own.emb_l[1].weight.requires_grad_(False)
    frozen = [p for p in sharded.to_torchrec(own).parameters() if not p.requires_grad]
    assert [tuple(p.shape) for p in frozen] == [tuple(own.emb_l[1].weight.shape)]


@pytest.mark.parametrize("what", [dict(reads=(0, 1)), dict(interaction="concat")])
def test_what_torchrec_cannot_be_is_refused(what):
    with pytest.raises(ValueError, match="TorchRec"):
        sharded.to_torchrec(model(**what))
