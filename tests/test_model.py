"""The model against loops over rows, ids and pairs; the original's weights; what is refused."""

import math
import re
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from microdlrm import MicroDLRM

ROWS = (7, 5, 3)


def tiny(interaction="dot", **kwargs):
    torch.manual_seed(0)
    shape = dict(m_spa=4, num_embeddings=ROWS, ln_bot=(6, 5, 4), ln_top=(8, 1), init=1.0) | kwargs
    return MicroDLRM(interaction=interaction, **shape)


def one_id_a_bag(batch_size=4):
    torch.manual_seed(1)
    indices = [torch.randint(0, rows, (batch_size,)) for rows in ROWS]
    return torch.randn(batch_size, 6), indices, [torch.arange(batch_size)] * len(ROWS)


def by_hand(model, dense_x, indices, offsets, weights, interaction):
    """The logits, in loops on Python's own arithmetic: B lists of one number."""

    def through(layers, x):
        for layer in layers:
            if isinstance(layer, nn.Linear):
                rows = zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
                x = [sum(w * v for w, v in zip(row, x, strict=True)) + b for row, b in rows]
            else:
                x = [max(v, 0.0) for v in x]
        return x

    logits = []
    for b, x in enumerate(dense_x.tolist()):
        vectors = [through(model.bot_l, x)]
        for t, ids, starts, own in zip(model.reads, indices, offsets, weights, strict=True):
            start, end = [*starts.tolist(), len(ids)][b : b + 2]
            bag = [0.0] * len(vectors[0])
            for k in range(start, end):
                row = model.emb_l[t].weight[ids[k]].tolist()
                w = 1.0 if own is None else own[k].item()
                bag = [u + w * v for u, v in zip(bag, row, strict=True)]
            vectors.append(bag)
        if interaction == "concat":
            z = [v for vector in vectors for v in vector]
        else:
            pairs = combinations(vectors, 2)
            z = vectors[0] + [sum(u * v for u, v in zip(*pair, strict=True)) for pair in pairs]
        logits.append(through(model.top_l[:-1], z))
    return torch.tensor(logits, dtype=torch.float64)


@settings(max_examples=40)
@given(
    st.data(),
    st.sampled_from(["dot", "concat"]),
    st.integers(1, 5),
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.integers(1, 4),
)
def test_the_model_is_what_loops_over_any_bags_give(data, interaction, batch_size, rows, m_spa):
    """Bags of any length, empty ones too, some weighted, some from one table."""
    torch.manual_seed(0)
    reads = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=4))
    shape = dict(ln_bot=(3, m_spa), ln_top=(4, 1), interaction=interaction, reads=reads, init=1.0)
    model = MicroDLRM(m_spa, rows, **shape).double()
    bags = []
    for t in reads:
        drawn = st.lists(st.integers(0, 4), min_size=batch_size, max_size=batch_size)
        lengths = torch.tensor(data.draw(drawn))
        ids = torch.randint(0, rows[t], (int(lengths.sum()),))
        weights = torch.randn(len(ids)).double() if data.draw(st.booleans()) else None
        bags.append((ids, lengths.cumsum(0) - lengths, weights))
    batch = torch.randn(batch_size, 3).double(), *zip(*bags, strict=True)
    expected = by_hand(model, *batch, interaction)
    torch.testing.assert_close(model.logits(*batch), expected)
    torch.testing.assert_close(model(*batch), 1 / (1 + torch.exp(-expected)))


def test_sparse_gradients_equal_dense_ones():
    dense, sparse = tiny(), tiny(sparse=True)
    for model in (dense, sparse):
        model.logits(*one_id_a_bag()).sum().backward()
    for ours, theirs in zip(sparse.emb_l, dense.emb_l, strict=True):
        assert ours.weight.grad.is_sparse
        torch.testing.assert_close(ours.weight.grad.to_dense(), theirs.weight.grad)


class Original(nn.Module):
    """The original model's layers, written out; its names are what a saved state_dict holds."""

    def __init__(self):
        super().__init__()
        self.emb_l = nn.ModuleList(nn.EmbeddingBag(n, 8, mode="sum") for n in (943, 1682, 21))
        self.bot_l = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU())
        hidden = nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU()
        self.top_l = nn.Sequential(*hidden, nn.Linear(16, 1), nn.Sigmoid())

    def forward(self, dense_x, *bags):
        x_sparse = [table(*bag) for table, *bag in zip(self.emb_l, *bags, strict=True)]
        return self.top_l(torch.cat([self.bot_l(dense_x), *x_sparse], dim=1))


def test_the_originals_weights_load_and_give_its_probabilities():
    torch.manual_seed(0)
    original, model = Original(), MicroDLRM()
    model.load_state_dict(original.state_dict())
    ids = [torch.randint(0, n, (50,)) for n in (943, 1682, 21)]
    batch = torch.randn(50, 16), ids, [torch.arange(50)] * 3
    torch.testing.assert_close(model(*batch), original(*batch))
    # 943 + 1682 + 21 rows of 8; 16*8+8 and 8*8+8; 32*32+32, 32*16+16 and 16+1
    assert sum(p.numel() for p in model.parameters()) == 2646 * 8 + 136 + 72 + 1056 + 528 + 17


def test_embeddings_start_with_the_spread_asked_for():
    for init in (0.05, 1.0):
        weight = tiny(num_embeddings=(5000,), init=init).emb_l[0].weight
        # 20,000 numbers: their deviation is off by 0.5%, one in 3 times
        assert weight.std().item() == pytest.approx(init, rel=0.05)


def sum_of_all(x_dense, x_sparse):
    return torch.stack([x_dense, *x_sparse]).sum(0)


@pytest.mark.parametrize("interaction", ["dot", "concat", sum_of_all])
def test_a_shape_and_weights_make_a_twin(interaction, tmp_path):
    model, batch = tiny(interaction), one_id_a_bag()
    twin = MicroDLRM(**model.shape)
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    twin.load_state_dict(torch.load(tmp_path / "weights.pt"))
    assert torch.equal(twin(*batch), model(*batch))


# --- what is refused, and what isn't ---


def put(where, value):
    def change(tensor):
        return tensor.index_put(tuple(map(torch.tensor, where)), torch.tensor(value).to(tensor))

    return change


# What is spoilt and how, and what is said of it beside its name.
WRONG = [
    ("dense_x", lambda x: x[:, :5], ValueError, r"\(4, 5\)"),
    ("dense_x", lambda x: x[0], ValueError, r"\(6,\)"),
    ("dense_x", lambda x: x.double(), TypeError, "float64"),
    ("dense_x", lambda x: x.tolist(), TypeError, "list"),
    ("dense_x", put([2, 3], math.nan), ValueError, r"\[2, 3\] is nan"),
    ("dense_x", put([2, 3], -math.inf), ValueError, r"\[2, 3\] is -inf"),
    ("sparse_indices", lambda ids: ids[:2], ValueError, "3 bags, got 2"),
    ("sparse_offsets", lambda offsets: offsets[:2], ValueError, "3 bags, got 2"),
    ("sparse_offsets", lambda offsets: 3, TypeError, "int"),
    ("sparse_indices[1]", put([2], 5), IndexError, r"\[2\] is 5"),
    ("sparse_indices[2]", put([0], -1), IndexError, r"\[0\] is -1"),
    ("sparse_indices[0]", lambda ids: ids.float(), TypeError, "float32"),
    ("sparse_indices[0]", lambda ids: ids[:, None], ValueError, r"\(4, 1\)"),
    ("sparse_offsets[1]", lambda offsets: offsets.tolist(), TypeError, "list"),
    ("sparse_offsets[0]", lambda offsets: offsets.int(), TypeError, "int32"),
    ("sparse_offsets[0]", torch.ones_like, ValueError, "start at 0"),  # lengths
    ("sparse_offsets[1]", lambda offsets: offsets[[0, 2, 1, 3]], ValueError, "2 .* 1"),
    ("sparse_offsets[1]", lambda offsets: offsets * 2, ValueError, "6.* 4"),
    ("sparse_offsets[1]", lambda offsets: torch.arange(5), ValueError, "4 .* 5"),
    ("sparse_weights[0]", lambda weights: torch.ones(3), ValueError, "4 "),
    ("sparse_weights[0]", lambda weights: torch.ones(4).double(), TypeError, "float64"),
    ("sparse_weights[0]", lambda weights: torch.full((4,), math.nan), ValueError, r"\[0\] is nan"),
]


@pytest.mark.parametrize(("place", "change", "error", "says"), WRONG)
def test_wrong_input_is_named(place, change, error, says):
    dense_x, indices, offsets = one_id_a_bag()
    batch = dict(dense_x=dense_x, sparse_indices=indices, sparse_offsets=offsets)
    batch["sparse_weights"] = [None] * 3
    name, *number = re.findall(r"\w+", place)
    holder, key = (batch[name], int(*number)) if number else (batch, name)
    holder[key] = change(holder[key])
    with pytest.raises(error, match=f"{re.escape(place)}.*{says}"):
        tiny()(**batch)


def test_a_batch_of_none_has_no_ids():
    model, none = tiny(), torch.empty(0, dtype=torch.int64)
    assert model(torch.empty(0, 6), [none] * 3, [none] * 3).shape == (0, 1)
    with pytest.raises(ValueError, match=r"sparse_offsets\[0\] .* 1 ids"):
        model(torch.empty(0, 6), [torch.zeros(1).long(), none, none], [none] * 3)


def test_shared_offsets_are_looked_at_for_each_dtype_of_ids():
    dense_x, indices, offsets = one_id_a_bag()
    with pytest.raises(TypeError, match=r"sparse_offsets\[1\] is torch.int64"):
        tiny()(dense_x, [indices[0], indices[1].int(), indices[2]], offsets)


def test_huge_but_finite_numbers_are_no_error():
    dense_x, indices, offsets = one_id_a_bag()
    dense_x[0] = torch.finfo(torch.float32).max  # the sum overflows, no value does
    assert tiny()(dense_x, indices, offsets, [torch.full((4,), 3e38), None, None]).shape == (4, 1)


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [
        (dict(interaction="product"), ValueError),
        (dict(interaction="dot", ln_bot=(6, 5)), ValueError),
        (dict(interaction=lambda x_dense, x_sparse: None), ValueError),
        (dict(interaction=lambda x_dense, x_sparse: x_dense[0]), ValueError),
        (dict(ln_top=(8, 2)), ValueError),
        (dict(ln_top=()), ValueError),
        (dict(ln_top=(-3, 1)), ValueError),
        (dict(ln_top=(1.5, 1)), TypeError),
        (dict(ln_bot=(6,)), ValueError),
        (dict(ln_bot="64"), TypeError),
        (dict(reads=(0, 3)), ValueError),
        (dict(m_spa=0), ValueError),
        (dict(num_embeddings=(4, 2.5, 3)), TypeError),
        (dict(init=math.nan), ValueError),
    ],
)
def test_a_wrong_shape_is_named_when_the_model_is_built(kwargs, error):
    with pytest.raises(error, match=list(kwargs)[-1]):
        tiny(**kwargs)


def test_sizes_may_come_from_numpy():
    model = tiny(m_spa=np.int64(4), num_embeddings=[*np.array([4, 5, 3])], init=np.float32(0.1))
    assert [table.num_embeddings for table in model.emb_l] == [4, 5, 3]
