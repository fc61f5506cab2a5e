"""A frozen model gives the model's outputs, and raises what the model raises."""

import pytest
import torch
from torch import nn

from microdlrm import MicroDLRM
from microdlrm.machine.frozen import freeze
from microdlrm.machine.regimes import ORIGINAL, random_batches

SHAPES = {
    "concat": dict(),
    "dot": dict(interaction="dot"),
    "callable": dict(interaction=lambda x, tables: x + tables[0]),
    "the dense vector alone": dict(interaction=lambda x, tables: x),
    "one layer": dict(ln_bot=(16, 8), ln_top=(1,)),
    "large": dict(ln_bot=(16, 512, 8), ln_top=(512, 512, 1), num_embeddings=(2**17, 1682, 21)),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("batch", "bag"), [(1, 1), (300, 1), (5000, 1), (7, 3), (0, 1)])
def test_frozen_gives_the_models_probabilities(shape, batch, bag):
    model = MicroDLRM(**shape)
    inputs = random_batches(ORIGINAL, batch, bag, batches=2)
    frozen = freeze(model)
    first, expected = frozen(*inputs[0]), model(*inputs[0])
    torch.testing.assert_close(first, expected)
    frozen(*inputs[1])
    torch.testing.assert_close(first, expected)  # a later call doesn't write into its result


@pytest.mark.parametrize(
    ("ids", "offsets"),
    [
        (torch.tensor([1, 2, 3]), torch.tensor([0, 0, 3])),  # as many ids as bags, one empty
        (torch.arange(3, dtype=torch.int32), torch.arange(3, dtype=torch.int32)),
    ],
)
def test_frozen_bags_may_be_empty_and_ids_int32(ids, offsets):
    model, inputs = MicroDLRM(), (torch.randn(3, 16), [ids] * 3, [offsets] * 3)
    torch.testing.assert_close(freeze(model)(*inputs), model(*inputs))


@pytest.mark.parametrize("interaction", ["dot", "concat"])
@pytest.mark.parametrize("history", [2, 3])  # as many ids as rows, and more
def test_frozen_weighs_histories_and_reads_shared_tables(interaction, history):
    model = MicroDLRM(reads=(0, 1, 2, 1), interaction=interaction, init=1.0)
    ids = [torch.tensor(own) for own in ([1, 2], [3, 4], [5, 6], [7, 8, 9][:history])]
    weights = [None, None, None, torch.tensor([1.0, 0.5, -2.0][:history])]
    inputs = torch.randn(2, 16), ids, [torch.arange(2)] * 4, weights
    torch.testing.assert_close(freeze(model)(*inputs), model(*inputs))


def test_frozen_does_not_change_with_the_model():
    model, inputs = MicroDLRM(), random_batches(ORIGINAL, 4, batches=1)[0]
    frozen = freeze(model)
    before = frozen(*inputs)
    for parameter in model.parameters():
        parameter.data += 1
    assert torch.equal(frozen(*inputs), before)


OFFSETS, EARLY = torch.arange(4), torch.tensor([0, 2, 1, 3])
WRONG = {  # each changes a batch of four rows: dense_x, ids, offsets
    "an id too large": lambda x, ids, offsets: (x, [ids[0], ids[1] + 1682, ids[2]], offsets),
    "a negative id": lambda x, ids, offsets: (x, [ids[0] - 943, *ids[1:]], offsets),
    "NaN": lambda x, ids, offsets: (x * float("nan"), ids, offsets),
    "infinite": lambda x, ids, offsets: (x * float("inf"), ids, offsets),
    "a row missing": lambda x, ids, offsets: (x[:3], ids, offsets),
    "one row": lambda x, ids, offsets: (x[:1], ids, offsets),
    "a table missing": lambda x, ids, offsets: (x, ids[:2], offsets[:2]),
    "a table too many": lambda x, ids, offsets: (x, [*ids, ids[0]], [*offsets, offsets[0]]),
    "offsets missing": lambda x, ids, offsets: (x, ids, offsets[:2]),
    "offsets that fall": lambda x, ids, offsets: (x, ids, [OFFSETS, EARLY, OFFSETS]),
    "dense_x in double": lambda x, ids, offsets: (x.double(), ids, offsets),
    "ids of two dtypes": lambda x, ids, offsets: (x, [ids[0], ids[1].int(), ids[2]], offsets),
    "an id missing": lambda x, ids, offsets: (x, [ids[0], ids[1][:1], ids[2]], offsets),
    "ids that are floats": lambda x, ids, offsets: (x, [ids[0].float(), *ids[1:]], offsets),
    "ids in a list": lambda x, ids, offsets: (x, [ids[0].tolist(), *ids[1:]], offsets),
    "dense_x too narrow": lambda x, ids, offsets: (x[:, :15], ids, offsets),
}


@pytest.mark.parametrize("interaction", ["concat", "dot"])
@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_frozen_raises_what_the_model_raises(spoil, interaction):
    model = MicroDLRM(interaction=interaction)
    inputs = spoil(*random_batches(ORIGINAL, 4, batches=1)[0])
    with pytest.raises((TypeError, ValueError, IndexError)) as expected:
        model(*inputs)
    with pytest.raises(expected.type) as came:
        freeze(model)(*inputs)
    assert str(came.value) == str(expected.value)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.bfloat16, 0.01)])
@pytest.mark.parametrize("interaction", ["dot", "concat"])
def test_frozen_keeps_the_models_precision(dtype, tolerance, interaction):
    model = MicroDLRM(interaction=interaction).to(dtype)
    dense_x, *bags = random_batches(ORIGINAL, 64, batches=1)[0]
    inputs = dense_x.to(dtype), *bags
    torch.testing.assert_close(freeze(model)(*inputs), model(*inputs), rtol=0, atol=tolerance)


@pytest.mark.parametrize("mlp", ["bot_l", "top_l"])
@pytest.mark.parametrize(("k", "layer"), [(1, nn.Tanh()), (2, nn.Identity()), (-1, nn.Dropout())])
def test_layers_it_does_not_know_are_refused(mlp, k, layer):
    model = MicroDLRM()
    getattr(model, mlp)[k] = layer
    with pytest.raises(ValueError, match=type(layer).__name__):
        freeze(model)
