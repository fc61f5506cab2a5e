"""How a check judges: what it compares, what it says of an error, what it leaves as it was."""

import inspect
import re

import pytest
import torch

from microdlrm.exercises import chapter4, check, compare

# What a learner's function does may warn; that is between PyTorch and the learner.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_nothing_is_broadcast():
    """Shape before value: one row that equals every row is not the batch."""
    answer = check.plain_loop
    assert not check.dot_interaction(lambda x, xs: answer(x, xs)[:1])
    assert not check.dot_interaction(lambda x, xs: answer(x, xs)[None])
    assert not compare.equal(torch.ones(3, 2), torch.ones(1, 2))


def test_what_is_not_a_function():
    assert check.dot_interaction(None).mistake == "not a function"
    assert check.dot_interaction(torch.zeros(2)).mistake == "not a function"


def test_a_body_that_is_still_dots_is_not_started():
    def stub(x_dense, x_sparse):
        """What is to be written."""
        ...

    def raises(x_dense, x_sparse):
        raise NotImplementedError

    for fn in (stub, raises):
        verdict = check.dot_interaction(fn)
        assert (verdict.mistake, verdict.tried) == ("not started", {})


def test_an_error_shows_the_learners_line():
    def helper(T):
        return torch.bmm(T, T)  # the line to show

    def dot_interaction(x_dense, x_sparse):
        return helper(torch.stack([x_dense, *x_sparse], 1))

    verdict = check.dot_interaction(dot_interaction)
    number = inspect.getsourcelines(helper)[1] + 1
    shown = f"line {number} of your code: return torch.bmm(T, T)  # the line to show\n"
    assert verdict.where.startswith(shown)
    assert "RuntimeError: Expected size" in verdict.where
    assert "T is a tensor" in verdict.where
    with pytest.raises(RuntimeError):
        dot_interaction(*verdict.inputs)


def test_an_error_in_a_notebook_cell_shows_its_line(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    judge = "from microdlrm.exercises import check\nv = check.dot_interaction(f)\nv"
    define = (
        "import torch\ndef f(x_dense, x_sparse):\n    T = torch.stack(x_sparse, 1)\n"
        "    return torch.mm(T, T)"
    )
    cells = [nbformat.v4.new_code_cell(c) for c in (define, judge)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    folder = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, kernel_name="python3", resources=folder).execute()
    (card,) = notebook.cells[1].outputs
    for form in ("text/plain", "text/html"):
        assert "line 4 of your code: return torch.mm(T, T)" in card["data"][form]


def test_the_inputs_fail_again_and_belong_to_the_learner():
    def in_place(x_dense, x_sparse):
        out = check.plain_loop(x_dense, x_sparse)
        x_dense.mul_(0)
        return out

    verdict = check.dot_interaction(in_place)
    assert verdict.mistake == "inputs changed"
    for tensor in (verdict.inputs[0], *verdict.inputs[1]):
        tensor.zero_()
    assert check.dot_interaction(check.plain_loop)


def test_one_buffer_for_all_answers_is_noticed():
    kept = {}

    def reused(x_dense, x_sparse):
        right = check.plain_loop(x_dense, x_sparse)
        return kept.setdefault("out", torch.empty(100)).resize_(right.shape).copy_(right)

    assert check.dot_interaction(reused).mistake == "an answer overwritten later"


def test_a_function_that_remembers_is_told_so_before_its_errors():
    seen = []

    def remembers(x_dense, x_sparse):
        seen.append(x_dense)
        if len(seen) > 3:
            raise ValueError("too many")
        return check.plain_loop(x_dense, x_sparse)

    assert check.dot_interaction(remembers).mistake == "not deterministic"


def test_operators_may_not_grow():
    def comprehended(x_dense, x_sparse):
        v = [x_dense, *x_sparse]
        pairs = ((a * b).sum(1, True) for k, a in enumerate(v) for b in v[k + 1 :])
        return torch.cat([x_dense, *pairs], 1)

    def row_by_row(x_dense, x_sparse):
        rows = range(len(x_dense))
        return torch.cat(
            [comprehended(x_dense[k : k + 1], [x[k : k + 1] for x in x_sparse]) for k in rows]
        )

    assert check.TASKS["dot_interaction_slow"](comprehended)
    assert check.TASKS["dot_interaction"](comprehended).mistake == "grows with the vectors"
    assert check.dot_interaction(row_by_row).mistake == "grows with the rows"


def test_what_is_kept_between_calls_is_no_loop():
    kept = {}

    def caches(x_dense, x_sparse):
        v = torch.stack([x_dense, *x_sparse], 1)
        n = v.shape[1]
        if n not in kept:
            kept[n] = torch.tensor([(i, j) for i in range(n) for j in range(i + 1, n)]).T
            for _ in range(n):
                kept[n] = kept[n].clone()
        return torch.cat([x_dense, (v @ v.mT)[:, kept[n][0], kept[n][1]]], 1)

    assert check.dot_interaction(caches, loop=False)


def test_a_check_leaves_no_trace(capsys):
    """Neither the random state nor what the learner set is touched, and one call's prints come."""

    def talks(x_dense, x_sparse):
        print("tables:", len(x_sparse))
        return check.plain_loop(x_dense, x_sparse) + 1

    torch.manual_seed(3)
    state = torch.get_rng_state()
    with torch.no_grad():
        assert not check.dot_interaction(talks)
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), state)
    assert capsys.readouterr().out.count("tables:") == 1


@pytest.mark.parametrize(
    "other", [torch.Tensor.to_sparse, lambda z: torch.nested.nested_tensor(list(z))]
)
def test_numbers_kept_in_another_form_get_a_verdict(other):
    verdict = check.dot_interaction(lambda x, xs: other(check.plain_loop(x, xs)))
    assert verdict.mistake == "not an ordinary tensor", repr(verdict)


def test_random_inputs_find_what_the_list_lets_through():
    def seven(n_tables, m_spa, d, kind):
        return chapter4.INTERACTION_WIDTH.answer(n_tables, m_spa, d, kind) + (n_tables == 7)

    assert all(args[0] != 7 for args in chapter4.INTERACTION_WIDTH.inputs)
    assert check.interaction_width(seven).inputs[0] == 7


@pytest.mark.parametrize("limit", [14, 25, 70])
def test_a_threshold_is_said_as_it_was_met(limit):
    def clipped(logits, y):
        z = logits.clamp(-limit, limit)
        return (torch.log1p(torch.exp(z)) - y * z).mean()

    hint = check.stable_logloss(clipped).hint
    right, wrong = re.search(r"Right with (\d+) and less .* wrong with (\d+)", hint).groups()
    assert int(right) <= limit < int(wrong)


def test_the_line_is_shown_where_the_first_nan_comes_up():
    def mean(sums, counts, prior, k):
        weight = counts / (counts + k)
        return weight * (sums / counts) + (1 - weight) * prior  # 0/0

    verdict = check.smoothed_mean(mean)
    assert "return weight * (sums / counts)" in verdict.where
    assert "counts is a tensor (1,), [0.0]" in verdict.where
    assert verdict.mistake == "wrong where a movie has no ratings"
