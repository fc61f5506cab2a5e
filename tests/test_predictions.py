"""The reader's guess against the measurement, and the book's claims against it."""

import ast
import json
import math
from pathlib import Path

import pytest

from microdlrm import predictions
from microdlrm.machine.timing import Spread

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
OPTIONS = {"a": "All did.", "b": "Only `table` did, for it's large."}
MEASURED = "3.0 times as long"


def test_the_card_explains_what_was_measured():
    right = predictions.verdict("b", "b", OPTIONS, MEASURED)
    assert repr(right) == f"You said (b), and (b) was measured: {MEASURED}. {OPTIONS['b']}"
    wrong = predictions.verdict("a", "b", OPTIONS, MEASURED)
    assert repr(wrong) == f"You said (a), and (b) was measured: {MEASURED}. {OPTIONS['b']}"


@pytest.mark.parametrize("guess", ["?", "", "x", None, 3])
def test_without_a_guess_it_invites_one(guess):
    answer = repr(predictions.verdict(guess, "a", OPTIONS, MEASURED))
    assert answer.startswith(f"Here (a) was measured: {MEASURED}. All did.")
    assert 'one of "a", "b"' in answer


def test_the_card_is_safe_and_shows_code_as_code():
    card = predictions.verdict("a", "b", OPTIONS, "<i>")._repr_html_()
    assert "&lt;i&gt;" in card
    assert "<code>table</code>" in card


def test_the_card_shows_stress_as_stress_and_products_as_products():
    options = {"a": "It *is a* product, 2 * 3 * 4 of m*n*k, and `f(*a, *b)` is a call.", "b": "no"}
    card = predictions.verdict("?", "a", options, "*all* of it")._repr_html_()
    assert "<em>all</em> of it. It <em>is a</em> product, 2 * 3 * 4 of m*n*k, and <code>f(*a, *b)</code>" in card


@pytest.mark.parametrize(("outcome", "options"), [("c", OPTIONS), ("a", {"a": "", "b": "x"})])
def test_an_outcome_without_an_explanation_is_refused(outcome, options):
    with pytest.raises(ValueError, match="explain each outcome"):
        predictions.verdict("a", outcome, options, MEASURED)


@pytest.mark.parametrize(
    ("value", "letters", "expected"),
    [(1.9, "abc", "a"), (2.0, "abc", "b"), (9.9, "abc", "b"), (10, "abc", "c"), (1, "cba", "c"), (99, "cba", "a")],
)
def test_band(value, letters, expected):
    assert predictions.band(value, 2, 10, letters=letters) == expected
    assert predictions.band(Spread.of([value]), 2, 10, letters=letters) == expected


def test_a_band_needs_a_number_and_ascending_bounds():
    with pytest.raises(ValueError, match="NaN"):
        predictions.band(math.nan, 1)
    for bounds in ((2, 1), (1, 1)):
        with pytest.raises(ValueError, match="ascend"):
            predictions.band(1.5, *bounds)


def test_expect():
    assert predictions.expect("a / b", 5.0, at_least=4) == "a / b: 5.00, expected at least 4 ✓"
    assert predictions.expect("splits", 6, at_least=5) == "splits: 6, expected at least 5 ✓"
    assert "✓" in predictions.expect("a / b", Spread.of([1.0, 1.5, 9.0]), at_most=1.6)
    with pytest.raises(AssertionError, match="at least 4, measured 3 here"):
        predictions.expect("a / b", 3.0, at_least=4)
    with pytest.raises(AssertionError, match="at most 1"):
        predictions.expect("a / b", Spread.of([2.0, 3.0, 4.0]), at_most=1)
    with pytest.raises(AssertionError):
        predictions.expect("a / b", math.nan, at_most=1)
    with pytest.raises(ValueError, match="nothing to assert"):
        predictions.expect("a / b", 1.0)


def test_expect_asserts_nothing_where_there_is_a_reason_not_to():
    said = predictions.expect("a / b", 1.0, at_least=4, unless="512 MiB fit into this machine's last cache")
    assert said == "a / b: 1.00. Not asserted: 512 MiB fit into this machine's last cache."


# --- every prediction of the course ---


def calls_in(path, name):
    """The calls of predictions.NAME in a notebook, as syntax trees."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            for node in ast.walk(ast.parse("".join(cell["source"]))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == f"predictions.{name}":
                    yield node, ast.parse("".join(cell["source"]))


def value_of(node, cell):
    """An argument, or what it was called just before in the same cell."""
    if isinstance(node, ast.Name):
        values = [s.value for s in ast.walk(cell) if isinstance(s, ast.Assign) and ast.unparse(s.targets[0]) == node.id]
        return values[-1] if values else node
    return node


def reachable(outcome):
    """The options that the expression for an outcome can give."""
    if isinstance(outcome, ast.IfExp):
        assert not isinstance(outcome.test, ast.Constant), "a condition that never changes decides nothing"
        return reachable(outcome.body) | reachable(outcome.orelse)
    if isinstance(outcome, ast.Constant):
        return {outcome.value}
    if isinstance(outcome, ast.Call) and ast.unparse(outcome.func) == "predictions.band":
        letters = [k.value.value for k in outcome.keywords if k.arg == "letters"] or ["abcdef"]
        bounds = [ast.literal_eval(bound) for bound in outcome.args[1:]]
        assert bounds == sorted(set(bounds)), bounds
        return set(letters[0][: len(bounds) + 1])
    if isinstance(outcome, ast.Call) and ast.unparse(outcome.func) in ("max", "min"):
        candidates, key = outcome.args[0], outcome.keywords[0]
        assert key.arg == "key"
        return {ast.literal_eval(k) for k in candidates.keys} if isinstance(candidates, ast.Dict) else set()
    raise AssertionError(f"can't tell which options this reaches: {ast.unparse(outcome)}")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_each_option_is_explained_and_within_reach(path):
    for call, cell in calls_in(path, "verdict"):
        outcome, options = (value_of(argument, cell) for argument in call.args[1:3])
        assert isinstance(options, ast.Dict), ast.unparse(call)
        explained = {key.value: value for key, value in zip(options.keys, options.values, strict=True)}
        for letter, value in explained.items():
            text = ast.unparse(value)
            assert len(text) > 40, f"({letter}) explains little: {text}"
        assert reachable(outcome) == set(explained), ast.unparse(call)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_each_guess_meets_its_verdict(path):
    """A cell with a guess for each verdict, before it."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    guesses = sum("".join(cell["source"]).lstrip().startswith('guess = "?"') for cell in cells)
    assert guesses == len([call for call, _ in calls_in(path, "verdict") if ast.unparse(call.args[0]) == "guess"])
