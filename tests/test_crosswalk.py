"""book/crosswalk.md: each line that is arithmetic, held against the other code's rule.

Nothing of the other code is imported: what it does is written out here, in loops and formulas.
"""

import itertools
import math
import re
import textwrap
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from microdlrm import MicroDLRM, concat_interaction, dot_interaction
from microdlrm.scaling import published

PAGE = (Path(__file__).resolve().parent.parent / "book/crosswalk.md").read_text(encoding="utf-8")
ROWS, M, BATCH = (7, 5, 3), 4, 6


def model(interaction="dot", **kwargs):
    torch.manual_seed(0)
    shape = dict(m_spa=M, num_embeddings=ROWS, ln_bot=(5, 6, M), ln_top=(8, 1), init=0.5) | kwargs
    return MicroDLRM(interaction=interaction, **shape).double()


def batch(tables=ROWS, size=BATCH):
    torch.manual_seed(1)
    ids = [torch.randint(rows, (size,)) for rows in tables]
    return torch.randn(size, 5, dtype=torch.float64), ids, [torch.arange(size)] * len(ids)


def vectors(n=4):
    torch.manual_seed(2)
    return [torch.randn(BATCH, M, dtype=torch.float64) for _ in range(n)]


def pairs(vs, order):
    """x_dense, then v_i . v_j for (i, j) in `order`."""
    return torch.cat([vs[0], *((vs[i] * vs[j]).sum(1, keepdim=True) for i, j in order)], 1)


def upper(n):
    """TorchRec: row by row above the diagonal."""
    return list(itertools.combinations(range(n), 2))


def lower(n, itself=False):
    """facebookresearch/dlrm: row by row below the diagonal, or down to it."""
    return [(i, j) for i in range(n) for j in range(n) if j < i or (itself and i == j)]


def test_offsets_become_lengths_and_back():
    """A KeyedJaggedTensor: the bags of all features end to end, and one list of lengths."""
    bags = [[[0, 1], [], [6]], [[3], [4], [1, 1, 2]]]  # two features, three rows of a batch each
    values = torch.tensor([i for feature in bags for bag in feature for i in bag])
    lengths = torch.tensor([len(bag) for feature in bags for bag in feature])
    # TorchRec keeps the end of the last bag: one offset more than bags.
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    for f, table in enumerate(model(num_embeddings=(7, 5)).emb_l):
        own = starts[3 * f : 3 * f + 4]
        ids, offsets = values[own[0] : own[-1]], own - own[0]
        theirs = F.embedding_bag(ids, table.weight, offsets, mode="sum", include_last_offset=True)
        torch.testing.assert_close(table(ids, offsets[:-1]), theirs)
        for bag, found in zip(bags[f], theirs, strict=True):
            torch.testing.assert_close(found, table.weight[bag].sum(0))


def test_weights_of_rows_are_weights_of_lookups():
    """DLRM_Net holds one weight a row and looks it up; here each lookup brings its own."""
    net, scaled, (dense_x, ids, offsets) = model(), model(), batch()
    of_rows = [torch.rand(rows, dtype=torch.float64) for rows in ROWS]
    weights = [w[i] for w, i in zip(of_rows, ids, strict=True)]
    for table, w in zip(scaled.emb_l, of_rows, strict=True):
        table.weight.data *= w[:, None]
    expected = scaled.logits(dense_x, ids, offsets)
    torch.testing.assert_close(net.logits(dense_x, ids, offsets, weights), expected)


def test_features_stand_in_the_order_of_their_tables():
    """Two features of one table: TorchRec lists the vectors table by table, we as the bags come."""
    reads = (0, 1, 2, 1)
    by_table = sorted(range(len(reads)), key=lambda f: reads[f])
    ours, (dense_x, ids, offsets) = model(reads=reads), batch([ROWS[t] for t in reads])
    theirs = model(reads=[reads[f] for f in by_table])
    place = [0, *(1 + f for f in by_table)]  # of each of their vectors among ours
    moved = [upper(5).index(tuple(sorted((place[i], place[j])))) for i, j in upper(5)]
    assert moved != sorted(moved)
    state = ours.state_dict()
    state["top_l.0.weight"] = state["top_l.0.weight"][:, [*range(M), *(M + k for k in moved)]]
    theirs.load_state_dict(state)
    found = theirs.logits(dense_x, [ids[f] for f in by_table], offsets)
    torch.testing.assert_close(found, ours.logits(dense_x, ids, offsets))


def test_tables_and_layers_start_with_another_spread():
    """Tables: uniform within ±sqrt(1/n) there, normal here. Layers: DLRM_Net's are normal, with
    variances 2/(m + n) and, for biases, 1/m; ours and TorchRec's uniform within ±sqrt(1/n)."""
    torch.manual_seed(0)
    n, m, rows = 400, 300, (21, 943, 1682)
    net = MicroDLRM(m, rows, (n, m), interaction="dot")
    assert [t.weight.std().item() for t in net.emb_l] == pytest.approx([0.05] * 3, rel=0.05)
    assert [math.sqrt(1 / (3 * r)) for r in rows] == pytest.approx([0.126, 0.019, 0.014], rel=0.05)
    ours = net.bot_l[0].weight.std().item(), net.bot_l[0].bias.std().item()
    ratios = math.sqrt(2 / (m + n)) / ours[0], math.sqrt(1 / m) / ours[1]
    assert ratios == pytest.approx((1.9, 2.0), rel=0.1)


# --- the interaction ---


def recipe(n, d, **names):
    """The page's few lines, run as they stand there, for n vectors of d numbers."""
    code = textwrap.dedent(re.search(r"```python\n( *n, d = .*?)```", PAGE, re.S)[1])
    code = re.sub(r"^n, d = 4, 4", f"n, d = {n}, {d}", code)
    exec(code if names else code[: code.index("ours.top_l")], names)
    return names


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_torchrec_numbers_the_pairs_as_we_do_and_dlrm_otherwise(n):
    """The same numbers in other columns, from four vectors on; the page's lines say in which."""
    x_dense, *x_sparse = vs = vectors(n)
    ours, theirs = dot_interaction(x_dense, x_sparse), pairs(vs, lower(n))
    torch.testing.assert_close(ours, pairs(vs, upper(n)))
    assert torch.allclose(ours, theirs) == (n < 4)
    torch.testing.assert_close(ours[:, recipe(n, M)["columns"]], theirs)


def test_dlrms_weights_carry_over_once_the_columns_are_permuted():
    """A model in the lower triangle's order, taken over by the page's lines: the same logits."""
    n, (dense_x, ids, offsets), ours = 1 + len(ROWS), batch(), model()
    theirs = model(lambda x_dense, x_sparse: pairs([x_dense, *x_sparse], lower(n))).eval()
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
    vs, order = vectors(), lower(4, itself=True)
    found = pairs(vs, order)[:, M:]
    for v, at in zip(vs, (0, 2, 5, 9), strict=True):
        torch.testing.assert_close(found[:, at], v.pow(2).sum(1))
    net = model(lambda x_dense, x_sparse: pairs([x_dense, *x_sparse], order))
    assert net.top_l[0].in_features == M + 6 + 4


def test_a_cross_layer_is_an_interaction_of_its_own():
    """DLRM_DCN: x0 * (W (V x) + b) + x on the concatenated vectors; as wide as they are."""
    width, rank = 4 * M, 2
    torch.manual_seed(3)
    sizes = ((width, rank), (rank, width), (width,))
    w, v, b = (torch.randn(*size, dtype=torch.float64) for size in sizes)

    def cross(x_dense, x_sparse):
        x0 = concat_interaction(x_dense, x_sparse).double()
        return x0 * (x0 @ v.T @ w.T + b) + x0  # (B, width)

    vs = vectors()
    for x, found in zip(torch.cat(vs, 1), cross(vs[0], vs[1:]), strict=True):
        torch.testing.assert_close(found, torch.stack(
            [x[k] * (w[k] @ (v @ x) + b[k]) + x[k] for k in range(width)]
        ))  # fmt: skip
    assert model(cross).top_l[0].in_features == width


# --- the output and the loss ---


@pytest.mark.parametrize(
    ("logit", "losses", "slopes"),
    [(3.0, [3.0486, 3.0486], [0.9526, 0.9526]), (20.0, [100, 20], [0, 1])],
)
def test_a_probability_of_one_goes_blind_and_a_logit_does_not(logit, losses, slopes):
    """One formula, but in float32 the sigmoid of 20 is 1, and its gradient 0."""
    z, y = torch.tensor([logit], requires_grad=True), torch.zeros(1)
    by_probability = F.binary_cross_entropy(torch.sigmoid(z), y)
    by_logit = F.binary_cross_entropy_with_logits(z, y)
    for loss, value, slope in zip((by_probability, by_logit), losses, slopes, strict=True):
        assert loss.item() == pytest.approx(value, rel=1e-4)
        assert torch.autograd.grad(loss, z)[0].item() == pytest.approx(slope, abs=1e-4)


# --- optimisers, and how large ---


def steps(rule, sparse, **how):
    """The first table after four steps, each on other ids: at the start, its gradients, the end."""
    net, seen = model(sparse=sparse), []
    torch.manual_seed(5)
    weight = net.emb_l[0].weight
    start, optimiser = weight.detach().clone(), rule([weight], lr=0.1, **how)
    for _ in range(4):
        ids = [torch.randint(rows, (3,)) for rows in ROWS]
        net.logits(batch(size=3)[0], ids, [torch.arange(3)] * 3).sum().backward()
        seen.append(weight.grad.to_dense() if sparse else weight.grad.clone())
        with torch.sparse.check_sparse_tensor_invariants():  # unasked, PyTorch warns that it won't
            optimiser.step()
        net.zero_grad()
    return start, seen, weight.detach()


def test_sgd_and_adagrad_take_the_same_steps_sparse_or_dense():
    """And MLPerf's Adagrad is the plain formula: no decay, the sum of squares from zero."""
    for rule, how in ((torch.optim.SGD, {}), (torch.optim.Adagrad, dict(eps=1e-8))):
        start, gradients, found = steps(rule, sparse=True, **how)
        torch.testing.assert_close(found, steps(rule, sparse=False, **how)[-1])
    squares = torch.zeros_like(start)
    for g in gradients:
        squares += g**2
        start -= 0.1 * g / (squares.sqrt() + 1e-8)
    torch.testing.assert_close(found, start)


def test_adam_is_another_optimiser_where_gradients_are_sparse():
    dense = steps(torch.optim.Adam, sparse=False)[-1]
    sparse = steps(torch.optim.SparseAdam, sparse=True)[-1]
    assert (dense - sparse).abs().max() > 0.01


def test_sizes_are_the_published_ones():
    big = published.MLPERF_DCN
    small = sum(sorted(big.rows)[:-5])
    assert 0.975 < 1 - small / sum(big.rows) < 0.985
    for number in (f"{sum(big.rows):,}", f"{big.table_bytes / 1e9:.1f} GB"):
        assert number in PAGE


# --- the page ---


def test_the_page_and_the_tests_know_each_other():
    tests = {name for name in globals() if name.startswith("test_")}
    own = test_the_page_and_the_tests_know_each_other.__name__
    assert set(re.findall(r"`(test_\w+)`", PAGE)) == tests - {own}
