"""book/crosswalk.md: each line that is arithmetic, against a few lines written from the other code's description.

Nothing of facebookresearch/dlrm, TorchRec or MLPerf is imported: what they do is written out here once more, in loops
and in formulas, and held against MicroDLRM. Which file says so, and at which commit, stands on the page.
"""

import inspect
import itertools
import math
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from microdlrm import MicroDLRM, concat_interaction, dot_interaction, training

PAGE = (Path(__file__).resolve().parent.parent / "book/crosswalk.md").read_text(encoding="utf-8")
ROWS, M, BATCH = (7, 5, 3), 4, 6
BAGS = [[[0, 1], [], [6]], [[3], [4], [1, 1, 2]]]  # two features, three rows of a batch each


def model(interaction="dot", **kwargs):
    torch.manual_seed(0)
    shape = dict(m_spa=M, num_embeddings=ROWS, ln_bot=(5, 6, M), ln_top=(8, 1), init=0.5) | kwargs
    return MicroDLRM(interaction=interaction, **shape).double()


def batch(tables=ROWS, size=BATCH):
    torch.manual_seed(1)
    ids = [torch.randint(rows, (size,)) for rows in tables]
    return torch.randn(size, 5, dtype=torch.float64), ids, [torch.arange(size)] * len(ids)


def vectors(n=4, size=BATCH):
    torch.manual_seed(2)
    return [torch.randn(size, M, dtype=torch.float64) for _ in range(n)]


def pairs(vs, order):
    """x_dense, then v_i . v_j for (i, j) in `order`, one row at a time."""
    rows = [
        [*vs[0][b].tolist(), *(math.fsum(p * q for p, q in zip(vs[i][b].tolist(), vs[j][b].tolist(), strict=True))
                               for i, j in order)]
        for b in range(len(vs[0]))
    ]  # fmt: skip
    return torch.tensor(rows, dtype=torch.float64)


def upper(n):
    """TorchRec: row by row above the diagonal."""
    return list(itertools.combinations(range(n), 2))


def lower(n, itself=False):
    """facebookresearch/dlrm: row by row below the diagonal, or down to it."""
    return [(i, j) for i in range(n) for j in range(n) if j < i or (itself and i == j)]


# --- the input ---


def test_offsets_become_lengths_and_back():
    """A KeyedJaggedTensor: the bags of all features end to end, feature by feature, with one list of lengths."""
    values = [i for feature in BAGS for bag in feature for i in bag]
    lengths = [len(bag) for feature in BAGS for bag in feature]
    starts, tensors = np.concatenate([[0], np.cumsum(lengths)]), []
    for f, feature in enumerate(BAGS):
        own = starts[3 * f : 3 * f + 4]  # TorchRec keeps the end of the last bag: one offset more than bags
        ids = torch.tensor(values[own[0] : own[-1]])
        tensors.append((ids, torch.tensor(own[:-1] - own[0])))
        assert ids.tolist() == [i for bag in feature for i in bag]
    assert len(starts) == len(BAGS) * 3 + 1
    net = model(num_embeddings=(7, 5))
    found = net.logits(batch()[0][:3], *zip(*tensors, strict=True))
    for (ids, offsets), table, feature in zip(tensors, net.emb_l, BAGS, strict=True):
        ends = torch.cat([offsets, torch.tensor([len(ids)])])
        assert torch.equal(F.embedding_bag(ids, table.weight, ends, mode="sum", include_last_offset=True),
                           table(ids, offsets))  # fmt: skip
        assert torch.diff(ends).tolist() == [len(bag) for bag in feature]
    by_hand = [torch.stack([sum((t.weight[i] for i in bag), torch.zeros(M)) for bag in feature])
               for t, feature in zip(net.emb_l, BAGS, strict=True)]  # fmt: skip
    vs = [net.bot_l(batch()[0][:3]), *by_hand]
    torch.testing.assert_close(found, net.top_l[:-1](pairs(vs, upper(3))), atol=1e-12, rtol=0)


def test_offsets_given_for_indices_are_refused():
    """DLRM_Net.forward(dense_x, lS_o, lS_i) takes the offsets first."""
    dense_x, ids, offsets = batch()
    with pytest.raises(ValueError, match="offsets"):
        model().logits(dense_x, offsets, ids)


def test_weights_of_rows_are_weights_of_lookups():
    """DLRM_Net holds one weight a row and looks it up; here and in TorchRec each lookup brings its own."""
    net, (dense_x, ids, offsets) = model(), batch()
    of_rows = [torch.rand(rows, dtype=torch.float64) for rows in ROWS]
    weighted = net.logits(dense_x, ids, offsets, [w[i] for w, i in zip(of_rows, ids, strict=True)])
    scaled = model()
    for table, w in zip(scaled.emb_l, of_rows, strict=True):
        table.weight.data *= w[:, None]
    torch.testing.assert_close(weighted, scaled.logits(dense_x, ids, offsets))


def test_features_stand_in_the_order_of_their_tables():
    """Two features of one table: TorchRec lists the vectors table by table, `reads` as the bags come."""
    reads = (0, 1, 2, 1)
    by_table = sorted(range(len(reads)), key=lambda f: reads[f])
    assert by_table == [0, 1, 3, 2]
    ours, (dense_x, ids, offsets) = model(reads=reads), batch([ROWS[t] for t in reads])
    theirs = model(reads=[reads[f] for f in by_table])
    state = ours.state_dict()
    place = [0, *(1 + f for f in by_table)]  # of each of their vectors among ours
    columns = [*range(M), *(M + upper(5).index(tuple(sorted((place[i], place[j])))) for i, j in upper(5))]
    assert columns != sorted(columns)
    state["top_l.0.weight"] = state["top_l.0.weight"][:, columns]
    theirs.load_state_dict(state)
    found = theirs.logits(dense_x, [ids[f] for f in by_table], [offsets[f] for f in by_table])
    torch.testing.assert_close(found, ours.logits(dense_x, ids, offsets))


# --- how it starts ---


def test_tables_start_differently():
    """Uniform within ±sqrt(1/n) in both others: a spread that depends on the table's rows. Here it doesn't."""
    draw, rows = np.random.default_rng(0), (21, 943, 1682)
    spreads = [draw.uniform(-math.sqrt(1 / n), math.sqrt(1 / n), (n, 64)).std() for n in rows]
    assert spreads == pytest.approx([1 / math.sqrt(3 * n) for n in rows], rel=0.05)
    torch.manual_seed(0)
    ours = MicroDLRM(64, rows, (16, 64), interaction="dot")
    assert [t.weight.std().item() for t in ours.emb_l] == pytest.approx([0.05] * 3, rel=0.05)
    small, middle, large = (f"{1 / math.sqrt(3 * n):.3f}" for n in rows)
    assert f"For 21, 943 and 1,682 rows: {small}, {middle} and {large}." in PAGE


def test_layers_start_differently():
    """DLRM_Net: normal, variance 2/(m + n), biases 1/m; nn.Linear, here and in TorchRec: uniform, ±sqrt(1/n)."""
    n, m = 400, 300
    torch.manual_seed(0)
    layer = MicroDLRM(m_spa=m, ln_bot=(n, m)).bot_l[0]
    for values in (layer.weight, layer.bias):
        assert values.abs().max().item() <= math.sqrt(1 / n)
        assert values.std().item() == pytest.approx(math.sqrt(1 / (3 * n)), rel=0.15)
    draw = np.random.default_rng(0)
    weight, bias = draw.normal(0, math.sqrt(2 / (m + n)), (m, n)), draw.normal(0, math.sqrt(1 / m), m)
    stated = re.search(r"(\d\.\d) times the spread in the weights and (\d\.\d) times in the biases", PAGE).groups()
    assert [f"{weight.std() / layer.weight.std().item():.1f}", f"{math.sqrt(3 * n / m):.1f}"] == list(stated)
    assert bias.std() / layer.bias.std().item() == pytest.approx(math.sqrt(3 * n / m), rel=0.15)


# --- the MLPs ---


def test_the_bottom_mlp_ends_in_a_relu():
    x = model().bot_l(batch(size=500)[0])
    assert (x >= 0).all()
    assert (x == 0).any()


@pytest.mark.parametrize("interaction", ["dot", "concat"])
def test_widths_say_the_same_in_three_ways(interaction):
    """ln_top without its input here; with it in DLRM_Net; TorchRec leaves out the inputs of both MLPs."""
    n = 1 + len(ROWS)
    width = M + n * (n - 1) // 2 if interaction == "dot" else n * M
    dlrm_net = dict(ln_bot=[5, 6, M], ln_top=[width, 8, 1])
    torchrec = dict(dense_in_features=5, dense_arch_layer_sizes=[6, M], over_arch_layer_sizes=[8, 1])
    net = model(interaction)
    shapes = [tuple(layer.weight.shape[::-1]) for mlp in (net.bot_l, net.top_l) for layer in mlp[::2]]
    assert shapes == [*itertools.pairwise(dlrm_net["ln_bot"]), *itertools.pairwise(dlrm_net["ln_top"])]
    assert shapes == [
        *itertools.pairwise([torchrec["dense_in_features"], *torchrec["dense_arch_layer_sizes"]]),
        *itertools.pairwise([width, *torchrec["over_arch_layer_sizes"]]),
    ]


# --- the interaction ---


@pytest.mark.parametrize("n", [2, 4, 7])
def test_torchrec_numbers_the_pairs_as_we_do(n):
    x_dense, *x_sparse = vs = vectors(n)
    torch.testing.assert_close(dot_interaction(x_dense, x_sparse), pairs(vs, upper(n)))


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_dlrm_numbers_the_pairs_otherwise(n):
    """The same numbers in other columns, from four vectors on; the page's few lines say in which."""
    x_dense, *x_sparse = vs = vectors(n)
    ours, theirs = dot_interaction(x_dense, x_sparse), pairs(vs, lower(n))
    assert torch.allclose(ours, theirs) == (n < 4)
    torch.testing.assert_close(ours[:, recipe(n, M)["columns"]], theirs)


def recipe(n, d, **names):
    """The page's few lines, run as they stand there, for n vectors of d numbers."""
    code = textwrap.dedent(re.search(r"```python\n( *n, d = .*?)```", PAGE, re.S)[1])
    code = re.sub(r"^n, d = 4, 4", f"n, d = {n}, {d}", code)
    exec(code if names else code[: code.index("ours.top_l")], names)
    return names


def test_dlrms_weights_carry_over_once_the_columns_are_permuted():
    """A model in the lower triangle's order, its weights taken over by the page's recipe: the same logits."""
    n, (dense_x, ids, offsets) = 1 + len(ROWS), batch()
    theirs = model(lambda x_dense, x_sparse: pairs([x_dense, *x_sparse], lower(n))).eval()
    ours = model()
    for p in theirs.parameters():
        torch.nn.init.normal_(p)
    ours.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        expected = theirs.logits(dense_x, ids, offsets)
        assert not torch.allclose(ours.logits(dense_x, ids, offsets), expected)
        recipe(n, M, ours=ours, theirs=theirs)
        torch.testing.assert_close(ours.logits(dense_x, ids, offsets), expected)


def test_a_vector_with_itself_is_n_columns_more():
    """--arch-interaction-itself: the diagonal too; here a callable of your own."""
    vs, n = vectors(), 4
    found = pairs(vs, lower(n, itself=True))
    assert found.shape[1] == M + n * (n + 1) // 2
    diagonal = [M + k for k, (i, j) in enumerate(lower(n, itself=True)) if i == j]
    torch.testing.assert_close(found[:, diagonal], torch.stack([v.pow(2).sum(1) for v in vs], 1))
    net = model(lambda x_dense, x_sparse: pairs([x_dense, *x_sparse], lower(n, itself=True)))
    assert net.top_l[0].in_features == M + n * (n + 1) // 2


def test_cat_is_concat():
    x_dense, *x_sparse = vs = vectors()
    by_hand = [[value for v in vs for value in v[b].tolist()] for b in range(BATCH)]
    assert concat_interaction(x_dense, x_sparse).tolist() == by_hand


def test_a_cross_layer_is_an_interaction_of_its_own():
    """DLRM_DCN: x0 * (W (V x) + b) + x, layer after layer, on the concatenated vectors; as wide as they are."""
    width, rank = 4 * M, 2
    torch.manual_seed(3)
    layers = [[torch.randn(*shape, dtype=torch.float64) for shape in ((width, rank), (rank, width), (width,))]
              for _ in range(3)]  # fmt: skip

    def cross(x_dense, x_sparse):
        x0 = x = concat_interaction(x_dense, x_sparse).double()
        for w, v, b in layers:
            x = x0 * (x @ v.T @ w.T + b) + x  # (B, width)
        return x

    vs = vectors()
    for row, found in zip(torch.cat(vs, 1), cross(vs[0], vs[1:]), strict=True):
        x = row
        for w, v, b in layers:
            x = torch.stack([row[k] * (w[k] @ (v @ x) + b[k]) + x[k] for k in range(width)])
        torch.testing.assert_close(found, x)
    assert model(cross).top_l[0].in_features == width


# --- the output and the loss ---


def test_sigmoid_then_bce_is_bce_with_logits():
    """By the formula log(1 + e^z) - y z, where a double's sigmoid doesn't round to 1."""
    z = torch.linspace(-15, 15, 61, dtype=torch.float64)
    for y in (0.0, 1.0):
        target = torch.full_like(z, y)
        exact = [math.log1p(math.exp(v)) - y * v for v in z.tolist()]
        for loss in (F.binary_cross_entropy(torch.sigmoid(z), target, reduction="none"),
                     F.binary_cross_entropy_with_logits(z, target, reduction="none")):  # fmt: skip
            assert loss.tolist() == pytest.approx(exact, rel=1e-6)


def test_a_probability_of_one_goes_blind_and_a_logit_does_not():
    """In float32 the sigmoid of 20 is 1: its loss is PyTorch's clamp of 100, and its gradient is gone."""
    losses, gradients = [], []
    for loss in (lambda z: F.binary_cross_entropy(torch.sigmoid(z), torch.zeros(1)),
                 lambda z: F.binary_cross_entropy_with_logits(z, torch.zeros(1))):  # fmt: skip
        z = torch.tensor([20.0], requires_grad=True)
        value = loss(z)
        losses.append(value.item())
        gradients.append(torch.autograd.grad(value, z)[0].item())
    assert losses == pytest.approx([100, 20])
    assert gradients == pytest.approx([0, 1], abs=1e-6)


def test_a_threshold_stops_the_gradient():
    """--loss-threshold clamps the probability; outside nothing is learnt. --loss-function is mse unless set."""
    z = torch.tensor([-9.0, 0.0, 9.0], dtype=torch.float64, requires_grad=True)
    F.binary_cross_entropy(torch.sigmoid(z).clamp(0.01, 0.99), torch.tensor([1.0, 1, 0]).double()).backward()
    assert (z.grad != 0).tolist() == [False, True, False]
    z.grad = None
    F.mse_loss(torch.sigmoid(z), torch.ones(3, dtype=torch.float64)).backward()
    p = [1 / (1 + math.exp(-v)) for v in (-9, 0, 9)]
    assert z.grad.tolist() == pytest.approx([2 * (q - 1) * q * (1 - q) / 3 for q in p])


# --- gradients and optimisers ---


def steps(optimiser, sparse, count=4):
    """The first table after `count` steps, each on other ids, and the gradients that it got."""
    net, seen = model(sparse=sparse), []
    torch.manual_seed(5)
    start = net.emb_l[0].weight.detach().clone()
    steering = optimiser(net.emb_l[0].parameters())
    for _ in range(count):
        ids = [torch.randint(rows, (3,)) for rows in ROWS]
        net.logits(batch(size=3)[0], ids, [torch.arange(3)] * 3).sum().backward()
        gradient = net.emb_l[0].weight.grad
        assert gradient.is_sparse == sparse
        seen.append(gradient.to_dense() if sparse else gradient.clone())
        with torch.sparse.check_sparse_tensor_invariants():  # unasked, PyTorch warns that it doesn't look
            steering.step()
        net.zero_grad()
    return start, seen, net.emb_l[0].weight.detach()


def test_sgd_and_adagrad_take_the_same_steps_sparse_or_dense():
    for optimiser in (lambda p: torch.optim.SGD(p, lr=0.1), lambda p: torch.optim.Adagrad(p, lr=0.1, eps=1e-8)):
        torch.testing.assert_close(steps(optimiser, sparse=True)[-1], steps(optimiser, sparse=False)[-1])


def test_adagrads_step_is_the_formula():
    """MLPerf's: lr, eps 1e-8, no decay, the sum of squares from zero."""
    start, gradients, found = steps(lambda p: torch.optim.Adagrad(p, lr=0.1, eps=1e-8), sparse=True)
    expected, squares = start.clone(), torch.zeros_like(start)
    for g in gradients:
        squares += g**2
        expected -= 0.1 * g / (squares.sqrt() + 1e-8)
    torch.testing.assert_close(found, expected)
    assert (gradients[0] == 0).all(1).any()  # a row that nobody looked up


def test_adam_is_another_optimiser_where_gradients_are_sparse():
    dense = steps(lambda p: torch.optim.Adam(p, lr=0.1), sparse=False)[-1]
    sparse = steps(lambda p: torch.optim.SparseAdam(list(p), lr=0.1), sparse=True)[-1]
    assert (dense - sparse).abs().max() > 0.01


# --- how large ---

# --num_embeddings_per_feature of MLPerf's command in recommendation_v2/torchrec_dlrm/README.MD
MLPERF = [40000000, 39060, 17295, 7424, 20265, 3, 7122, 1543, 63, 40000000, 3067956, 405282, 10, 2209, 11938, 155, 4,
          976, 14, 40000000, 40000000, 40000000, 590152, 12973, 108, 36]  # fmt: skip


def test_sizes_are_what_the_page_says():
    rows, ours = sum(MLPERF), MicroDLRM()
    held = sum(table.weight.numel() * 4 for table in ours.emb_l)
    assert f"{len(MLPERF)} tables, {rows:,} rows of 128 numbers, {rows * 128 * 4 / 1e9:.1f} GB in float32" in PAGE
    assert f"3 tables, {sum(t.num_embeddings for t in ours.emb_l):,} rows of 8, {held / 1e3:.1f} kB" in PAGE
    *small, _, _, _, _, _ = sorted(MLPERF)
    assert f"five tables hold {1 - sum(small) / rows:.0%} of the rows" in PAGE
    assert f"The other {len(small)} together take {sum(small) * 128 * 4 / 1e9:.1f} GB" in PAGE


def test_our_recipe_is_what_the_page_says():
    given = {name: p.default for name, p in inspect.signature(training.fit).parameters.items()}
    said = f"AdamW at {given['lr']}, weight decay on the tables alone, {given['epochs']} epochs of batches of"
    assert f"{said} {given['batch_size']:,} |" in PAGE


# --- the page ---


def test_the_page_and_the_tests_know_each_other():
    about_the_page = {"test_the_page_and_the_tests_know_each_other", "test_every_source_is_named_with_its_commit"}
    tests = {name for name in globals() if name.startswith("test_")} - about_the_page
    assert set(re.findall(r"`(test_\w+)`", PAGE)) == tests


def test_every_source_is_named_with_its_commit():
    at_a_commit = r"^\[[\w-]+\]: https://github\.com/([\w.-]+/[\w.-]+)/(?:blob|tree)/([0-9a-f]{40})/\S"
    sources = re.findall(at_a_commit, PAGE, re.M)
    names = {"facebookresearch/dlrm", "pytorch/torchrec", "mlcommons/training", "mlcommons/inference"}
    assert names <= {repository for repository, _ in sources}
    for name in names:
        assert len({commit for repository, commit in sources if repository == name}) == 1, name
