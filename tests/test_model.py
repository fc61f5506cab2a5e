"""The model against formulations of its own: loops for bags and for pairs, finite differences for
gradients.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from microdlrm import MicroDLRM, concat_interaction, dot_interaction

ROWS = (7, 5, 3)


def tiny(interaction="dot", **kwargs):
    torch.manual_seed(0)
    shape = dict(m_spa=4, num_embeddings=ROWS, ln_bot=(6, 5, 4), ln_top=(8, 1), init=1.0) | kwargs
    return MicroDLRM(interaction=interaction, **shape)


def one_id_a_bag(batch_size=4):
    torch.manual_seed(1)
    indices = [torch.randint(0, rows, (batch_size,)) for rows in ROWS]
    return torch.randn(batch_size, 6), indices, [torch.arange(batch_size)] * len(ROWS)


def bags(lengths, rows):
    """Indices and offsets of bags of the given lengths."""
    indices = torch.randint(0, rows, (sum(lengths),))
    offsets = torch.tensor([sum(lengths[:b]) for b in range(len(lengths))], dtype=torch.int64)
    return indices, offsets


def logits_by_hand(model, dense_x, indices, offsets):
    """The whole model in loops over rows, ids and pairs, on Python's own arithmetic where that is
    possible.
    """

    def linear(layer, x):
        rows = zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
        return [math.fsum(w * v for w, v in zip(row, x, strict=True)) + b for row, b in rows]

    logits = []
    for b, x in enumerate(dense_x.tolist()):
        for layer in model.bot_l:
            x = linear(layer, x) if isinstance(layer, nn.Linear) else [max(v, 0.0) for v in x]
        vectors = [x]
        for table, ids, starts in zip(model.emb_l, indices, offsets, strict=True):
            ends = [*starts.tolist()[1:], len(ids)]
            rows = [table.weight.tolist()[i] for i in ids.tolist()[int(starts[b]) : ends[b]]]
            vectors.append(
                [math.fsum(column) for column in zip(*rows, strict=True)]
                if rows
                else [0.0] * len(x)
            )
        z = list(x)
        for i in range(len(vectors)):
            for j in range(i + 1, len(vectors)):
                z.append(math.fsum(u * v for u, v in zip(vectors[i], vectors[j], strict=True)))
        for layer in list(model.top_l)[:-1]:
            z = linear(layer, z) if isinstance(layer, nn.Linear) else [max(v, 0.0) for v in z]
        logits.append(z)
    return torch.tensor(logits, dtype=dense_x.dtype)


@settings(max_examples=30, deadline=None)
@given(
    data=st.data(),
    batch_size=st.integers(1, 5),
    n_tables=st.integers(1, 4),
    m_spa=st.integers(1, 5),
)
def test_dot_model_equals_loops_over_any_bags(data, batch_size, n_tables, m_spa):
    rows = data.draw(st.lists(st.integers(1, 6), min_size=n_tables, max_size=n_tables))
    torch.manual_seed(0)
    model = MicroDLRM(m_spa, rows, (3, m_spa), (4, 1), interaction="dot", init=1.0).double()
    drawn = [
        bags(data.draw(st.lists(st.integers(0, 4), min_size=batch_size, max_size=batch_size)), r)
        for r in rows
    ]
    indices, offsets = [ids for ids, _ in drawn], [starts for _, starts in drawn]
    dense_x = torch.randn(batch_size, 3, dtype=torch.float64)
    expected = logits_by_hand(model, dense_x, indices, offsets)
    torch.testing.assert_close(model.logits(dense_x, indices, offsets), expected)


@pytest.mark.parametrize("batch_size", [0, 1, 3])
@pytest.mark.parametrize("n_tables", [1, 3, 8])
def test_interactions_have_the_width_they_promise(batch_size, n_tables):
    x_dense, x_sparse = (
        torch.randn(batch_size, 4),
        [torch.randn(batch_size, 4) for _ in range(n_tables)],
    )
    n = 1 + n_tables
    assert dot_interaction(x_dense, x_sparse).shape == (batch_size, 4 + math.comb(n, 2))
    assert concat_interaction(x_dense, x_sparse).shape == (batch_size, 4 * n)


def test_dot_interaction_in_integers():
    a, b, c = torch.tensor([[1.0, 2]]), torch.tensor([[3.0, 4]]), torch.tensor([[5.0, 6]])
    # 1*3 + 2*4 = 11, 1*5 + 2*6 = 17, 3*5 + 4*6 = 39
    assert dot_interaction(a, [b, c]).tolist() == [[1, 2, 11, 17, 39]]


def test_gradients_of_the_interaction_by_finite_differences():
    vectors = [torch.randn(3, 4, dtype=torch.float64, requires_grad=True) for _ in range(4)]
    assert torch.autograd.gradcheck(lambda x, *xs: dot_interaction(x, list(xs)), vectors)


@pytest.mark.parametrize("interaction", ["concat", "dot"])
def test_gradients_of_all_parameters_by_finite_differences(interaction):
    model = tiny(interaction).double()
    dense_x, indices, offsets = one_id_a_bag(3)
    names, parameters = zip(*model.named_parameters(), strict=True)

    def logits(*values):
        given = {f"model.{name}": value for name, value in zip(names, values, strict=True)}
        return torch.func.functional_call(
            _Logits(model), given, (dense_x.double(), indices, offsets)
        )

    assert torch.autograd.gradcheck(logits, parameters)


class _Logits(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *batch):
        return self.model.logits(*batch)


def test_only_looked_up_rows_get_gradients():
    model = tiny()
    dense_x, indices, offsets = one_id_a_bag()
    model.logits(dense_x, indices, offsets).sum().backward()
    for table, ids in zip(model.emb_l, indices, strict=True):
        touched = table.weight.grad.abs().sum(1).nonzero()[:, 0].tolist()
        assert touched == sorted(set(ids.tolist()))


def test_sparse_gradients_equal_dense_ones():
    batch = one_id_a_bag()
    gradients = []
    for sparse in (False, True):
        model = tiny(sparse=sparse)
        model.logits(*batch).sum().backward()
        gradients.append([table.weight.grad for table in model.emb_l])
    for dense, sparse in zip(*gradients, strict=True):
        assert sparse.is_sparse
        torch.testing.assert_close(sparse.to_dense(), dense)


class Seed(nn.Module):
    """The original model's layers, written out; its names are what a saved state_dict holds."""

    def __init__(self):
        super().__init__()
        self.emb_l = nn.ModuleList(nn.EmbeddingBag(n, 8, mode="sum") for n in (943, 1682, 21))
        self.bot_l = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU())
        self.top_l = nn.Sequential(
            nn.Linear(32, 32),
            nn.ReLU(),
            nn.Linear(32, 16),
            nn.ReLU(),
            nn.Linear(16, 1),
            nn.Sigmoid(),
        )

    def forward(self, dense_x, indices, offsets):
        found = [
            table(ids, starts)
            for table, ids, starts in zip(self.emb_l, indices, offsets, strict=True)
        ]
        return self.top_l(torch.cat([self.bot_l(dense_x), *found], dim=1))


def test_the_original_models_weights_load_and_give_its_probabilities():
    torch.manual_seed(0)
    seed, model = Seed(), MicroDLRM()
    model.load_state_dict(seed.state_dict())
    batch = (
        torch.randn(50, 16),
        [torch.randint(0, n, (50,)) for n in (943, 1682, 21)],
        [torch.arange(50)] * 3,
    )
    torch.testing.assert_close(model(*batch), seed(*batch))
    # 943 + 1682 + 21 rows of 8; 16*8+8 and 8*8+8; 32*32+32, 32*16+16 and 16+1
    assert sum(p.numel() for p in model.parameters()) == 2646 * 8 + 136 + 72 + 1056 + 528 + 17


def test_probabilities_are_the_sigmoid_of_the_logits():
    model, batch = tiny(), one_id_a_bag()
    torch.testing.assert_close(model(*batch), 1 / (1 + torch.exp(-model.logits(*batch))))


def test_a_callable_interaction_sets_the_top_mlps_width():
    def dense_and_sum(x_dense, x_sparse):
        return torch.cat([x_dense, sum(x_sparse)], dim=1)

    model = tiny(dense_and_sum)
    assert model.top_l[0].in_features == 8
    assert model(*one_id_a_bag()).shape == (4, 1)


def test_embeddings_start_with_the_spread_asked_for():
    torch.manual_seed(0)
    for init in (0.05, 1.0):
        table = (
            MicroDLRM(init=init).emb_l[1].weight
        )  # 13,456 numbers: their deviation is off by 0.6%, one in 3 times
        assert table.std().item() == pytest.approx(init, rel=0.05)


def test_empty_batches_and_empty_bags_are_legal():
    model = tiny()
    nothing = torch.empty(0, dtype=torch.int64)
    assert model(torch.empty(0, 6), [nothing] * 3, [nothing] * 3).shape == (0, 1)
    dense_x, indices, offsets = one_id_a_bag(2)
    indices = [nothing, *indices[1:]]
    offsets = [torch.zeros(2, dtype=torch.int64), *offsets[1:]]
    torch.testing.assert_close(
        model.logits(dense_x, indices, offsets), logits_by_hand(model, dense_x, indices, offsets)
    )


def test_bags_that_share_a_table_are_weighted_sums_of_its_rows():
    model = tiny("concat", reads=(0, 1, 2, 1))
    dense_x, indices, offsets = one_id_a_bag(2)
    history, weights = torch.tensor([4, 0, 2]), torch.tensor([0.5, -1.0, 2.0])
    seen = []
    model.interaction = lambda x_dense, x_sparse: (
        seen.extend(x_sparse) or concat_interaction(x_dense, x_sparse)
    )
    model(
        dense_x, [*indices, history], [*offsets, torch.tensor([0, 1])], [None, None, None, weights]
    )
    rows = model.emb_l[1].weight
    torch.testing.assert_close(
        seen[3], torch.stack([0.5 * rows[4], -1.0 * rows[0] + 2.0 * rows[2]])
    )
    torch.testing.assert_close(seen[1], rows[indices[1]])


def replace(sequence, position, value):
    return [value if i == position else v for i, v in enumerate(sequence)]


def dense(value):
    return lambda x, ids, starts: (value(x), ids, starts)


def ids_of(table, value):
    return lambda x, ids, starts: (x, replace(ids, table, value(ids[table])), starts)


def starts_of(table, value):
    return lambda x, ids, starts: (x, ids, replace(starts, table, value(starts[table])))


def weights_are(weights):
    return lambda x, ids, starts: (x, ids, starts, [weights, None, None])


def with_nan(x, value=math.nan):
    x = x.clone()
    x[2, 3] = value
    return x


WRONG = {
    "dense width": (dense(lambda x: x[:, :5]), ValueError, "dense_x"),
    "a single row": (dense(lambda x: x[0]), ValueError, "dense_x"),
    "dense dtype": (dense(lambda x: x.double()), TypeError, "dense_x"),
    "dense not a tensor": (dense(lambda x: x.tolist()), TypeError, "dense_x"),
    "NaN": (dense(with_nan), ValueError, r"dense_x\[2, 3\] is nan"),
    "infinity": (dense(lambda x: with_nan(x, -math.inf)), ValueError, r"dense_x\[2, 3\] is -inf"),
    "fewer rows": (dense(lambda x: x[:3]), ValueError, r"sparse_offsets\[0\].* 3 .* 4"),
    "a table too few": (lambda x, i, o: (x, i[:2], o), ValueError, "sparse_indices .*3.* 2"),
    "offsets too few": (lambda x, i, o: (x, i, o[:2]), ValueError, "sparse_offsets .*3.* 2"),
    "no list of bags": (lambda x, i, o: (x, i, 3), TypeError, "sparse_offsets"),
    "id too large": (
        ids_of(1, lambda v: replace_at(v, 2, 5)),
        IndexError,
        r"sparse_indices\[1\]\[2\] is 5",
    ),
    "id negative": (
        ids_of(2, lambda v: replace_at(v, 0, -1)),
        IndexError,
        r"sparse_indices\[2\]\[0\] is -1",
    ),
    "ids as floats": (ids_of(0, lambda v: v.float()), TypeError, r"sparse_indices\[0\]"),
    "ids in two dimensions": (
        ids_of(0, lambda v: v[:, None]),
        ValueError,
        r"sparse_indices\[0\].*\(4, 1\)",
    ),
    "offsets not a tensor": (starts_of(1, lambda v: v.tolist()), TypeError, r"sparse_offsets\[1\]"),
    "two dtypes": (
        starts_of(0, lambda v: v.int()),
        TypeError,
        r"sparse_offsets\[0\] is torch.int32",
    ),
    "lengths for offsets": (
        starts_of(0, lambda v: torch.ones_like(v)),
        ValueError,
        r"sparse_offsets\[0\].* 0",
    ),
    "offsets start late": (
        starts_of(2, lambda v: v + 1),
        ValueError,
        r"sparse_offsets\[2\].* 0.* 1",
    ),
    "offsets decrease": (
        starts_of(1, lambda v: v[[0, 2, 1, 3]]),
        ValueError,
        r"sparse_offsets\[1\].* 2 .* 1",
    ),
    "offsets run out": (starts_of(1, lambda v: v * 2), ValueError, r"sparse_offsets\[1\].* 6.* 4"),
    "a closing offset": (
        starts_of(1, lambda v: torch.arange(5)),
        ValueError,
        r"sparse_offsets\[1\].* 4 .* 5",
    ),
    "weights too few": (weights_are(torch.ones(3)), ValueError, r"sparse_weights\[0\].* 4 "),
    "weights of another dtype": (
        weights_are(torch.ones(4).double()),
        TypeError,
        r"sparse_weights\[0\]",
    ),
    "weights that are no numbers": (
        weights_are(torch.tensor([1, 1, math.nan, 1])),
        ValueError,
        r"sparse_weights\[0\]\[2\]",
    ),
    "a batch of none with ids": (
        lambda x, i, o: (x[:0], i, [v[:0] for v in o]),
        ValueError,
        r"sparse_indices\[0\].* 4 ",
    ),
}


def replace_at(vector, position, value):
    vector = vector.clone()
    vector[position] = value
    return vector


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_named(name):
    spoil, error, words = WRONG[name]
    batch = one_id_a_bag()
    with pytest.raises(error, match=words):
        tiny()(*spoil(*batch))


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
        (dict(m_spa="4"), TypeError),
        (dict(num_embeddings=(4, 0, 3)), ValueError),
        (dict(num_embeddings=(4, 2.5, 3)), TypeError),
        (dict(init=0.0), ValueError),
        (dict(init=math.nan), ValueError),
    ],
)
def test_a_wrong_shape_is_named_when_the_model_is_built(kwargs, error):
    name = list(kwargs)[-1]
    with pytest.raises(error, match=name):
        tiny(**kwargs)


def test_sizes_may_come_from_numpy():
    model = tiny(m_spa=np.int64(4), num_embeddings=[*np.array([4, 5, 3])], init=np.float32(0.1))
    assert [table.num_embeddings for table in model.emb_l] == [4, 5, 3]


@pytest.mark.parametrize(
    "interaction", ["dot", "concat", lambda x, xs: torch.stack([x, *xs]).sum(0)]
)
def test_a_shape_and_weights_make_a_twin(interaction, tmp_path):
    model, batch = tiny(interaction, reads=(0, 1, 2)), one_id_a_bag()
    twin = MicroDLRM(**model.shape)
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    twin.load_state_dict(torch.load(tmp_path / "weights.pt"))
    assert torch.equal(twin(*batch), model(*batch))


# --- in other hands: autocast, torch.func, torch.export ---


@pytest.mark.parametrize("interaction", ["dot", "concat"])
@pytest.mark.parametrize("lengths", [(1, 1, 1, 1), (3, 0, 2, 5)], ids=["one id a bag", "bags"])
def test_it_trains_under_autocast(interaction, lengths):
    model = tiny(interaction)
    indices, offsets = zip(*(bags(lengths, rows) for rows in ROWS), strict=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model.logits(torch.randn(len(lengths), 6), indices, offsets)
    logits.float().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == p.dtype for p in model.parameters())


def plain_dots(x_dense, x_sparse):
    v = torch.stack([x_dense, *x_sparse], dim=1)
    i, j = torch.triu_indices(v.shape[1], v.shape[1], 1)
    return torch.cat([x_dense, (v @ v.mT)[:, i, j]], dim=1)


@pytest.mark.filterwarnings("ignore:`torch.jit.script`")  # PyTorch's own, where it goes forward
@pytest.mark.parametrize(
    "transform",
    [
        lambda f: torch.func.grad(lambda x: f(x).pow(2).sum()),
        torch.func.jacrev,
        torch.func.jacfwd,
        lambda f: torch.func.hessian(lambda x: f(x).pow(2).sum()),
        lambda f: lambda x: torch.func.vmap(f)(torch.stack([x, 2 * x])),
        lambda f: lambda x: torch.func.jvp(f, (x,), (x.cos(),))[1],
    ],
    ids=["grad", "jacrev", "jacfwd", "hessian", "vmap", "jvp"],
)
def test_the_interaction_can_be_transformed(transform):
    x, others = torch.randn(5, 4), [torch.randn(5, 4) for _ in range(3)]
    ours, plain = (transform(lambda x, f=f: f(x, others))(x) for f in (dot_interaction, plain_dots))
    torch.testing.assert_close(ours, plain)


def test_functional_gradients_are_the_models_own():
    model, inputs = (
        tiny(),
        (torch.randn(4, 6), *zip(*(bags((3, 0, 2, 5), rows) for rows in ROWS), strict=True)),
    )
    parameters = dict(model.named_parameters())
    found = torch.func.grad(lambda p: torch.func.functional_call(model, p, inputs).sum())(
        parameters
    )
    model(*inputs).sum().backward()
    for name, parameter in parameters.items():
        torch.testing.assert_close(found[name], parameter.grad)


@pytest.mark.parametrize("interaction", ["dot", "concat"])
def test_an_exported_program_gives_the_models_outputs(interaction):
    model = tiny(interaction).eval()
    dense_x, indices, offsets = one_id_a_bag(4)
    any_length = {0: torch.export.Dim.AUTO}
    program = torch.export.export(
        model,
        (dense_x, indices, offsets),
        dynamic_shapes=(any_length, [any_length] * 3, [any_length] * 3),
    )
    torch.testing.assert_close(
        program.module()(dense_x, indices, offsets), model(dense_x, indices, offsets)
    )
    indices, offsets = zip(*(bags((3, 0, 2, 5, 1, 1, 2), rows) for rows in ROWS), strict=True)
    others = torch.randn(7, 6), list(indices), list(offsets)
    torch.testing.assert_close(program.module()(*others), model(*others))
    model(*others).sum().backward()  # nothing of the export is left behind


def test_ids_of_another_dtype_than_shared_offsets_are_found():
    dense_x, indices, offsets = one_id_a_bag(4)
    with pytest.raises(TypeError, match=r"sparse_offsets\[1\] is torch.int64"):
        tiny()(dense_x, [indices[0], indices[1].int(), indices[2]], offsets)
