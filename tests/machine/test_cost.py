"""The costs on paper against what torch counts and what tensors weigh."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from microdlrm import MicroDLRM
from microdlrm.machine import cost
from microdlrm.machine.regimes import ORIGINAL, on_roofline, random_batches

SHAPES = {
    "original": dict(),
    "dot": dict(m_spa=8, interaction="dot"),
    "odd": dict(m_spa=5, num_embeddings=(7, 30), ln_bot=(3, 9, 4), ln_top=(6, 1)),
    "one table": dict(m_spa=4, num_embeddings=(50,), ln_bot=(2, 4), ln_top=(1,), interaction="dot"),
    "wide dot": dict(m_spa=6, num_embeddings=(9,) * 11, ln_bot=(4, 5, 6), interaction="dot"),
}
BATCH = 13


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def shape(request):
    return ORIGINAL | request.param


def n_bytes(*tensors):
    return sum(t.numel() * t.element_size() for t in tensors)


def test_parameters_are_the_models(shape):
    held, model = cost.parts(BATCH, **shape)["parameters"], MicroDLRM(**shape)
    for t, table in enumerate(model.emb_l):
        assert held[f"table {t}"] == table.weight.numel()
    assert held["bottom MLP"] == sum(p.numel() for p in model.bot_l.parameters())
    assert held.sum() == sum(p.numel() for p in model.parameters())


def test_flops_are_what_torch_counts(shape):
    # With one id a bag nothing is summed, and torch, too, counts nothing for the tables.
    model = MicroDLRM(**shape)
    with FlopCounterMode(display=False) as counted:
        model.logits(*random_batches(shape, BATCH, batches=1)[0])
    assert counted.get_total_flops() == cost.parts(BATCH, **shape)["flops"].sum()


def test_the_roofline_places_tables_where_paper_does():
    assert "tables" not in on_roofline(ORIGINAL, 2)  # one id a bag: no FLOPs
    tables = cost.parts(2, 3, **ORIGINAL).filter(like="table", axis=0).sum()
    assert on_roofline(ORIGINAL, 2, 3)["tables"][0] == tables.flops / tables.bytes


def test_bytes_of_mlps_and_interaction_are_their_tensors(shape):
    """Each linear layer's input, weights, bias and output; the vectors and what they become."""
    model, paper = MicroDLRM(**shape), cost.parts(BATCH, **shape)
    moved = []

    def note(layer, inputs, output):
        moved.append((n_bytes(inputs[0], layer.weight, layer.bias), n_bytes(output)))

    for layer in (*model.bot_l, *model.top_l):
        if isinstance(layer, torch.nn.Linear):
            layer.register_forward_hook(note)
    model.logits(*random_batches(shape, BATCH, batches=1)[0])
    mlps = paper.loc[["bottom MLP", "top MLP"], ["read", "written"]].sum()
    assert mlps.tolist() == [sum(numbers) for numbers in zip(*moved, strict=True)]
    x_dense = torch.ones(BATCH, shape["ln_bot"][-1])
    x_sparse = [torch.ones(BATCH, shape["m_spa"])] * len(shape["num_embeddings"])
    assert paper.loc["interaction", "read"] == n_bytes(x_dense, *x_sparse)
    assert paper.loc["interaction", "written"] == n_bytes(model.interaction(x_dense, x_sparse))


@pytest.mark.parametrize("bag", [1, 3])
@pytest.mark.parametrize("sparse", [False, True])
def test_bytes_of_a_table_there_and_back_are_its_tensors(bag, sparse):
    table = torch.nn.EmbeddingBag(40, 6, mode="sum", sparse=sparse)
    ids, offsets = torch.randint(40, (BATCH * bag,)), torch.arange(0, BATCH * bag, bag)
    out = table(ids, offsets)
    additions = (len(ids) - BATCH) * 6  # that turn a bag's rows into one
    there = (additions, n_bytes(table.weight[ids], ids, offsets), n_bytes(out))
    assert cost.table_forward(len(ids), BATCH, 6) == there
    out.sum().backward()
    # A sparse gradient's indices are the forward's ids, not written again.
    gradient = table.weight.grad._values() if sparse else table.weight.grad
    back = n_bytes(out, ids, offsets, gradient)
    assert cost.table_backward(len(ids), BATCH, 6, 40, sparse) == back


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_dense_step_reads_all_there_is_and_writes_all_but_the_gradient(name):
    table = torch.nn.Embedding(5, 7)
    table(torch.tensor([1, 2])).sum().backward()
    step = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[name](table.parameters(), lr=0.1)
    step.step()
    state = step.state[table.weight]
    moments = [state[kept] for kept in ("exp_avg", "exp_avg_sq") if kept in state]
    assert len(moments) == cost.MOMENTS[name]
    due = n_bytes(table.weight.grad) + 2 * n_bytes(table.weight, *moments)
    assert cost.step_bytes(2, 5, 7, name, sparse=False) == due


def test_a_sparse_step_visits_the_rows_looked_up():
    rows, lookups, m = 500, 800, 4
    touched = []
    for _ in range(50):
        ids = torch.randint(rows, (lookups,))
        table = torch.nn.Embedding(rows, m, sparse=True)
        before = table.weight.detach().clone()
        table(ids).sum().backward()
        torch.optim.SGD(table.parameters(), lr=1.0).step()
        touched.append(int((table.weight.detach() != before).any(1).sum()))
    mean = sum(touched) / len(touched)
    assert cost.distinct(rows, lookups) == pytest.approx(mean, rel=0.01)
    gradient = n_bytes(ids) + lookups * m * 4
    due = gradient + 2 * mean * m * 4
    assert cost.step_bytes(lookups, rows, m, "sgd", sparse=True) == pytest.approx(due, rel=0.01)


def test_a_tables_training_is_its_three_parts():
    _, *there = cost.table_forward(8, 8, 3)
    back, step = cost.table_backward(8, 8, 3, 50, True), cost.step_bytes(8, 50, 3, "adam", True)
    due = sum(there) + back + step
    assert cost.table_training(8, 50, 3, "adam", True) == due


@pytest.mark.parametrize("wrong", [dict(interaction="max"), dict(bags=(1, 2))])
def test_says_what_it_has_no_formula_for(wrong):
    with pytest.raises(ValueError):  # noqa: PT011
        cost.parts(BATCH, **wrong)


def test_a_history_adds_its_lookups_to_the_table_it_shares():
    shape = dict(m_spa=4, num_embeddings=(10, 20, 5), ln_bot=(6, 4), interaction="dot")
    alone = cost.parts(3, **shape)
    shared = cost.parts(3, (1, 1, 1, 50), reads=(0, 1, 2, 1), **shape)
    more = shared - alone
    # 3 bags of 50 rows of 4 floats with 8-byte ids, 3 offsets; 3 sums of 4 floats written; 49
    # additions of 4 each
    due = [3 * 49 * 4, 150 * (16 + 8) + 3 * 8, 3 * 16, 1]
    assert more.loc["table 1", ["flops", "read", "written", "operators"]].tolist() == due
    assert (more.loc[["table 0", "table 2"], ["flops", "bytes"]] == 0).all(axis=None)
    # five vectors have ten pairs, four have six: the top MLP's first layer is four inputs wider
    assert more.loc["top MLP", "parameters"] == 4 * 32


# --- how long it takes ---

RATES = cost.Rates(10, 2, 8, 40, 100, dispatch_us=5, bag_us=15, near_bytes=2**14, cache_bytes=2**22)


def test_predict_is_the_roofline_and_dispatch():
    parts = cost.parts(512, 4, num_embeddings=(10, 2**14, 2**20))
    predicted = cost.predict(parts, RATES)
    moving = parts["bytes"] / predicted["memory"] / 1e9  # GB/s
    names = ["table 0", "table 1", "table 2", "top MLP"]
    assert moving[names].tolist() == pytest.approx([40, 2, 2, 10])
    assert (parts["flops"] / 100e9).tolist() == pytest.approx(predicted["compute"].tolist())
    assert predicted["dispatch"].tolist() == pytest.approx([15e-6] * 3 + [20e-6, 5e-6, 30e-6])
    slower = predicted[["compute", "memory"]].max(axis=1)
    assert predicted["seconds"].equals(predicted["dispatch"] + slower)
    # The last cache has to hold all tables: without the third, the second lies in it.
    alone = cost.parts(512, 4, num_embeddings=(10, 2**14))
    in_cache = cost.predict(alone, RATES).loc["table 1", "memory"]
    assert alone.loc["table 1", "bytes"] / in_cache / 1e9 == pytest.approx(8)
