"""The costs on paper against what torch counts and what tensors weigh."""

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from microdlrm import MicroDLRM
from microdlrm.machine import cost
from microdlrm.machine.regimes import random_batches

SHAPES = {
    "seed": dict(),
    "dot": dict(m_spa=8, interaction="dot"),
    "odd": dict(m_spa=5, num_embeddings=(7, 30), ln_bot=(3, 9, 4), ln_top=(6, 1)),
    "one table": dict(m_spa=4, num_embeddings=(50,), ln_bot=(2, 4), ln_top=(1,), interaction="dot"),
    "wide dot": dict(
        m_spa=6, num_embeddings=(9,) * 11, ln_bot=(4, 5, 6), ln_top=(12, 8, 1), interaction="dot"
    ),
}
DEFAULTS = dict(m_spa=8, num_embeddings=(943, 1682, 21), ln_bot=(16, 8, 8), ln_top=(32, 16, 1))
BATCH = 13


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def shape(request):
    return DEFAULTS | request.param


def n_bytes(*tensors):
    return sum(t.numel() * t.element_size() for t in tensors)


def test_parameters_are_the_models(shape):
    frame = cost.parts(BATCH, **shape).loc["forward", "parameters"]
    model = MicroDLRM(**shape)
    for t, table in enumerate(model.emb_l):
        assert frame[f"table {t}"] == table.weight.numel()
    assert frame["bottom MLP"] == sum(p.numel() for p in model.bot_l.parameters())
    assert frame["top MLP"] == sum(p.numel() for p in model.top_l.parameters())
    assert frame.sum() == sum(p.numel() for p in model.parameters())


def test_flops_are_what_torch_counts(shape):
    # With one id a bag nothing is summed, and torch, too, counts nothing for the tables.
    frame = cost.parts(BATCH, **shape)
    model = MicroDLRM(**shape)
    batch = random_batches(shape, BATCH, batches=1)[0]
    with FlopCounterMode(display=False) as forward:
        loss = F.binary_cross_entropy_with_logits(model.logits(*batch), torch.ones(BATCH, 1))
    assert forward.get_total_flops() == frame.loc["forward", "flops"].sum()
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    matrices = frame.loc["backward"].drop(index=[f"table {t}" for t in range(len(model.emb_l))])
    assert backward.get_total_flops() == matrices["flops"].sum()


def test_bytes_of_an_mlp_are_its_tensors(shape):
    """Forward: each linear layer's input, weights, bias and output. Backward: theirs and their
    gradients.
    """
    model = MicroDLRM(**shape)
    read, written, back_read, back_written = [], [], [], []

    def note(layer, inputs, output):
        read.append(n_bytes(inputs[0], layer.weight, layer.bias))
        written.append(n_bytes(output))
        back_read.append(
            n_bytes(output, inputs[0])
        )  # the output's gradient is as large as the output
        back_written.append(n_bytes(layer.weight, layer.bias))
        if inputs[0].requires_grad:
            back_read.append(n_bytes(layer.weight))
            back_written.append(n_bytes(inputs[0]))

    for layers in (model.bot_l, model.top_l):
        for layer in layers:
            if isinstance(layer, torch.nn.Linear):
                layer.register_forward_hook(note)
    model.logits(*random_batches(shape, BATCH, batches=1)[0])
    frame = cost.parts(BATCH, **shape)
    mlps = ["bottom MLP", "top MLP"]
    assert frame.loc["forward"].loc[mlps, "read"].sum() == sum(read)
    assert frame.loc["forward"].loc[mlps, "written"].sum() == sum(written)
    assert frame.loc["backward"].loc[mlps, "read"].sum() == sum(back_read)
    assert frame.loc["backward"].loc[mlps, "written"].sum() == sum(back_written)


@pytest.mark.parametrize("bag", [1, 3])
def test_bytes_of_a_table_are_rows_ids_offsets_and_sums(bag):
    table = torch.nn.EmbeddingBag(40, 6, mode="sum")
    ids, offsets = torch.randint(40, (BATCH * bag,)), torch.arange(0, BATCH * bag, bag)
    out = table(ids, offsets)
    forward = cost.table_forward(BATCH * bag, BATCH, 6)
    assert forward.read == n_bytes(table.weight[ids], ids, offsets)
    assert forward.written == n_bytes(out)
    assert forward.flops == (len(ids) - BATCH) * 6  # additions that turn bag rows into one


@pytest.mark.parametrize("sparse", [False, True])
def test_bytes_of_a_tables_gradient(sparse):
    table = torch.nn.EmbeddingBag(40, 6, mode="sum", sparse=sparse)
    ids, offsets = torch.randint(40, (BATCH * 3,)), torch.arange(0, BATCH * 3, 3)
    out = table(ids, offsets)
    out.sum().backward()
    backward = cost.table_backward(len(ids), BATCH, 6, rows=40, sparse=sparse)
    assert backward.read == n_bytes(out, ids, offsets)
    gradient = table.weight.grad
    # A sparse gradient's indices are the forward's ids, not written again.
    assert backward.written == n_bytes(gradient._values() if sparse else gradient)


@pytest.mark.parametrize("interaction", ["concat", "dot"])
def test_bytes_of_an_interaction(interaction):
    shape = DEFAULTS | dict(interaction=interaction)
    vectors = [torch.ones(BATCH, 8, requires_grad=True) for _ in range(4)]
    out = MicroDLRM(**shape).interaction(vectors[0], vectors[1:])
    frame = cost.parts(BATCH, **shape)
    assert frame.loc[("forward", "interaction"), "read"] == n_bytes(*vectors)
    assert frame.loc[("forward", "interaction"), "written"] == n_bytes(out)
    gradients = torch.autograd.grad(out, vectors, torch.ones_like(out))
    backward = frame.loc[("backward", "interaction")]
    if interaction == "concat":  # views of the output's gradient
        assert len({g.untyped_storage().data_ptr() for g in gradients}) == 1
        assert backward["bytes"] == 0
    else:
        assert backward["read"] == n_bytes(
            out, *vectors
        )  # the output's gradient, and the vectors again
        assert backward["written"] == n_bytes(*gradients)


@pytest.mark.parametrize(("optimiser", "moments"), [("sgd", 0), ("adam", 2)])
def test_a_step_touches_the_parameters_their_gradients_and_the_state(optimiser, moments):
    layer = torch.nn.Linear(5, 7)
    layer(torch.ones(2, 5)).sum().backward()
    step = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimiser](layer.parameters(), lr=0.1)
    step.step()
    state = [
        t
        for p in layer.parameters()
        for k, t in step.state[p].items()
        if k != "step" and t is not None
    ]
    assert len(state) == 2 * moments
    on_paper = cost.step_dense(42, optimiser)
    assert on_paper.read == n_bytes(
        *layer.parameters(), *(p.grad for p in layer.parameters()), *state
    )
    assert on_paper.written == n_bytes(*layer.parameters(), *state)


def test_a_sparse_step_visits_the_rows_looked_up():
    rows, lookups, m = 500, 800, 4
    touched = []
    for seed in range(50):
        ids = torch.randint(rows, (lookups,), generator=torch.Generator().manual_seed(seed))
        table = torch.nn.EmbeddingBag(rows, m, mode="sum", sparse=True)
        before = table.weight.detach().clone()
        table(ids, torch.arange(lookups)).sum().backward()
        torch.optim.SGD(table.parameters(), lr=1.0).step()
        touched.append(int((table.weight.detach() != before).any(1).sum()))
    mean = sum(touched) / len(touched)
    assert cost.distinct(rows, lookups) == pytest.approx(mean, rel=0.01)
    assert cost.step_sparse(lookups, rows, m, "sgd").written == pytest.approx(
        mean * m * 4, rel=0.01
    )


def test_bags_may_differ_by_table():
    frame = cost.parts(BATCH, (1, 2.5, 4), **DEFAULTS).loc["forward"]
    for t, bag in enumerate((1, 2.5, 4)):
        assert frame.loc[f"table {t}", "read"] == cost.table_forward(BATCH * bag, BATCH, 8).read


def test_total_is_the_sum():
    forward = cost.parts(BATCH).loc["forward"]
    total = cost.total(forward)
    assert total["bytes"] == (forward["read"] + forward["written"]).sum()
    assert total["intensity"] == total["flops"] / total["bytes"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(interaction="max"), "'concat' or 'dot'"),
        (dict(optimiser="lion"), "sgd, adam"),
        (dict(bags=(1, 2)), "3"),
        (dict(interaction="dot", m_spa=4), "ends in 8"),
    ],
)
def test_says_what_it_has_no_formula_for(wrong, message):
    with pytest.raises(ValueError, match=message):
        cost.parts(BATCH, **wrong)


RATES = cost.Rates(
    stream_gbs=10, gather_gbs=2, cache_gbs=8, near_gbs=40, gemm_gflops=100,
    dispatch_us=5, bag_us=15, near_bytes=2**14, cache_bytes=2**22,
)  # fmt: skip


def test_predict_is_the_roofline_and_dispatch():
    forward = cost.parts(512, 4, **DEFAULTS | dict(num_embeddings=(10, 2**14, 2**20))).loc[
        "forward"
    ]
    predicted = cost.predict(forward, RATES)
    near, beside, far, top = (
        predicted.loc[part] for part in ("table 0", "table 1", "table 2", "top MLP")
    )
    assert near["dispatch"] == pytest.approx(15e-6)
    assert near["memory"] == pytest.approx(forward.loc["table 0", "bytes"] / 40e9)
    assert beside["memory"] == pytest.approx(forward.loc["table 1", "bytes"] / 2e9)
    assert far["memory"] == pytest.approx(forward.loc["table 2", "bytes"] / 2e9)
    assert top["memory"] == pytest.approx(forward.loc["top MLP", "bytes"] / 10e9)
    assert top["compute"] == pytest.approx(forward.loc["top MLP", "flops"] / 100e9)
    assert top["dispatch"] == pytest.approx(6 * 5e-6)
    for part in (near, beside, far, top):
        assert part["seconds"] == part["dispatch"] + max(part["compute"], part["memory"])
    assert "loss" not in predicted.index
    # The last cache has to hold all tables: without the third, the second lies in it.
    alone = cost.parts(512, 4, **DEFAULTS | dict(num_embeddings=(10, 2**14))).loc["forward"]
    assert cost.predict(alone, RATES).loc["table 1", "memory"] == pytest.approx(
        alone.loc["table 1", "bytes"] / 8e9
    )


@pytest.mark.parametrize(
    ("batch", "bag", "shape", "regime"),
    [
        (1, 1, {}, "dispatch"),
        (2**16, 1, {}, "memory"),
        (
            512,
            32,
            dict(m_spa=64, num_embeddings=(2**18,) * 4, ln_bot=(16, 64), ln_top=(32, 1)),
            "memory",
        ),
        (512, 1, dict(m_spa=64, ln_bot=(64, 1024, 1024, 64), ln_top=(1024, 1024, 1)), "compute"),
    ],
)
def test_regimes(batch, bag, shape, regime):
    forward = cost.parts(batch, bag, **DEFAULTS | shape).loc["forward"]
    assert cost.regime(cost.predict(forward, RATES)) == regime


def test_a_history_adds_its_lookups_to_the_table_it_shares():
    shape = dict(m_spa=4, num_embeddings=(10, 20, 5), ln_bot=(6, 4), interaction="dot")
    alone, shared = (
        cost.parts(3, bags, reads=reads, **shape)
        for bags, reads in (((1, 1, 1), None), ((1, 1, 1, 50), (0, 1, 2, 1)))
    )
    more = (shared - alone).loc["forward"]
    # 3 bags of 50 rows of 4 floats with 8-byte ids, 3 offsets; 3 sums of 4 floats written; 49
    # additions of 4 each
    assert more.loc["table 1", ["flops", "read", "written"]].tolist() == [
        3 * 49 * 4,
        150 * (16 + 8) + 3 * 8,
        3 * 16,
    ]
    assert more.loc["table 1", "operators"] == 1
    assert (more.loc[["table 0", "table 2"], ["flops", "bytes"]] == 0).all(axis=None)
    # five vectors have ten pairs, four have six: the top MLP's first layer is four inputs wider
    assert more.loc["top MLP", "parameters"] == 4 * 32
    model = MicroDLRM(reads=(0, 1, 2, 1), ln_top=(32, 16, 1), **shape)
    assert shared.loc["forward", "parameters"].sum() == sum(p.numel() for p in model.parameters())
