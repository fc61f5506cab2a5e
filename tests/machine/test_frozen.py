"""A frozen model gives the model's outputs, and raises what the model raises."""

import pytest
import torch

from microdlrm import MicroDLRM
from microdlrm.machine import regimes
from microdlrm.machine.frozen import freeze

SHAPES = {
    "concat": dict(),
    "dot": dict(interaction="dot"),
    "callable": dict(interaction=lambda x, tables: x + tables[0]),
    "the dense vector alone": dict(interaction=lambda x, tables: x),
    "one layer": dict(ln_bot=(16, 8), ln_top=(1,)),
    "large": dict(ln_bot=(16, 512, 8), ln_top=(512, 512, 1), num_embeddings=(2**17, 1682, 21)),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("batch", "bag"), [(1, 1), (64, 1), (300, 1), (5000, 1), (7, 3), (0, 1)])
def test_frozen_gives_the_models_probabilities(shape, batch, bag):
    torch.manual_seed(0)
    model = MicroDLRM(**shape)
    inputs = regimes.random_batches(regimes.ORIGINAL, batch, bag, batches=2)
    frozen = freeze(model)
    first, expected = frozen(*inputs[0]), model(*inputs[0])
    torch.testing.assert_close(first, expected)
    frozen(*inputs[1])
    torch.testing.assert_close(
        first, expected
    )  # a later call doesn't write into an earlier one's result


def test_frozen_bags_may_be_empty_and_ids_int32():
    model = MicroDLRM()
    dense_x = torch.randn(3, 16)
    ids, offsets = [torch.tensor([1, 2])] * 3, [torch.tensor([0, 0, 2])] * 3
    torch.testing.assert_close(freeze(model)(dense_x, ids, offsets), model(dense_x, ids, offsets))
    ids, offsets = (
        [torch.arange(3, dtype=torch.int32)] * 3,
        [torch.arange(3, dtype=torch.int32)] * 3,
    )
    torch.testing.assert_close(freeze(model)(dense_x, ids, offsets), model(dense_x, ids, offsets))


def test_frozen_weighs_histories_and_reads_shared_tables():
    model = MicroDLRM(reads=(0, 1, 2, 1), interaction="dot")
    ids = [
        torch.tensor([1, 2]),
        torch.tensor([3, 4]),
        torch.tensor([5, 6]),
        torch.tensor([7, 8, 9]),
    ]
    offsets = [torch.arange(2)] * 3 + [torch.tensor([0, 1])]
    inputs = torch.randn(2, 16), ids, offsets, [None, None, None, torch.tensor([1.0, 0.5, -2.0])]
    torch.testing.assert_close(freeze(model)(*inputs), model(*inputs))


def test_frozen_does_not_change_with_the_model():
    model = MicroDLRM()
    frozen, inputs = freeze(model), regimes.random_batches(regimes.ORIGINAL, 4, batches=1)[0]
    before = frozen(*inputs)
    for parameter in model.parameters():
        parameter.data += 1
    assert torch.equal(frozen(*inputs), before)


def spoil(dense_x, ids, offsets, what):
    if what == "id":
        ids[1][2] = 1682
    elif what == "negative id":
        ids[0][0] = -1
    elif what == "nan":
        dense_x[1, 1] = float("nan")
    elif what == "infinite":
        dense_x[0, 3] = float("-inf")
    elif what == "rows":
        dense_x = dense_x[:3]
    elif what == "one row":
        dense_x = dense_x[:1]
    elif what == "tables":
        ids, offsets = ids[:2], offsets[:2]
    elif what == "one table more":
        ids, offsets = [*ids, ids[0]], [*offsets, offsets[0]]
    elif what == "no offsets":
        offsets = offsets[:2]
    elif what == "offsets":
        offsets[1] = torch.tensor([0, 2, 1, 3])
    elif what == "dtype":
        dense_x = dense_x.double()
    elif what == "narrow ids":
        ids[1] = ids[1].int()
    elif what == "one id":
        ids[1] = ids[1][:1]
    elif what == "ids' dtype":
        ids[0] = ids[0].float()
    elif what == "list":
        ids[0] = ids[0].tolist()
    elif what == "width":
        dense_x = dense_x[:, :15]
    return dense_x, ids, offsets


WRONG = [
    "id",
    "negative id",
    "nan",
    "infinite",
    "rows",
    "one row",
    "tables",
    "one table more",
    "no offsets",
]
WRONG += ["offsets", "dtype", "narrow ids", "one id", "ids' dtype", "list", "width"]


@pytest.mark.parametrize("interaction", ["concat", "dot"])
@pytest.mark.parametrize("what", WRONG)
def test_frozen_raises_what_the_model_raises(what, interaction):
    model = MicroDLRM(interaction=interaction)
    dense_x, ids, offsets = regimes.random_batches(regimes.ORIGINAL, 4, batches=1)[0]
    inputs = spoil(dense_x, list(ids), list(offsets), what)
    with pytest.raises((TypeError, ValueError, IndexError)) as expected:
        model(*inputs)
    with pytest.raises(expected.type) as came:
        freeze(model)(*inputs)
    assert str(came.value) == str(expected.value)


@pytest.mark.parametrize("bias", [-1e3, -1e9, float("-inf")])
def test_a_unit_that_its_bias_switches_off_stays_off(bias):
    torch.manual_seed(0)
    model = MicroDLRM()
    with torch.no_grad():
        model.top_l[0].bias[:8] = bias
        model.bot_l[0].bias[:2] = min(bias, -1.0)
    inputs = regimes.random_batches(regimes.ORIGINAL, 64, batches=1)[0]
    torch.testing.assert_close(freeze(model)(*inputs), model(*inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("interaction", ["dot", "concat"])
def test_frozen_keeps_the_models_precision(dtype, interaction):
    model = MicroDLRM(interaction=interaction).to(dtype)
    dense_x, ids, offsets = regimes.random_batches(regimes.ORIGINAL, 64, batches=1)[0]
    frozen = freeze(model)(dense_x.to(dtype), ids, offsets)
    assert frozen.dtype == dtype
    tolerance = 1e-12 if dtype == torch.float64 else 0.01
    torch.testing.assert_close(
        frozen, model(dense_x.to(dtype), ids, offsets), rtol=0, atol=tolerance
    )


@pytest.mark.parametrize(
    ("mlp", "k", "layer", "named"),
    [
        ("bot_l", 1, torch.nn.Tanh(), "Tanh"),
        ("top_l", 2, torch.nn.Identity(), "Identity"),
        ("top_l", 5, torch.nn.ReLU(), "ReLU"),
    ],
)
def test_layers_it_does_not_know_are_refused(mlp, k, layer, named):
    model = MicroDLRM()
    getattr(model, mlp)[k] = layer
    with pytest.raises(ValueError, match=rf"{mlp}\[{k}\].*{named}"):
        freeze(model)
