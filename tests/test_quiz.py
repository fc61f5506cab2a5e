"""The reader's guess against the measurement, and the book's claims against it."""

import ast
import json
import math
import tomllib
from pathlib import Path

import pytest

from microdlrm import quiz
from microdlrm.machine.timing import Spread

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
OPTIONS = {
    "a": "All did, and it *is a* product, 2 * 3 * 4 of m*n*k.",
    "b": "Only `table` did, for it's large.",
}
MEASURED = "3.0 times <as> long"


@pytest.fixture(autouse=True)
def one_card(monkeypatch):
    monkeypatch.setattr(quiz, "cards", lambda: {"which": OPTIONS})


def test_the_card_explains_what_was_measured_whatever_the_guess():
    for guess in ("a", "b"):
        said = repr(quiz.verdict("which", guess, "b", MEASURED))
        assert said.startswith(f"You said ({guess}), and (b)")
        assert MEASURED in said
        assert OPTIONS["b"] in said
        assert OPTIONS["a"] not in said


@pytest.mark.parametrize("guess", ["?", "", "x", None, 3])
def test_without_a_guess_it_invites_one(guess):
    answer = repr(quiz.verdict("which", guess, "a", MEASURED))
    assert OPTIONS["a"] in answer
    assert '"a", "b"' in answer


def test_the_card_is_safe_and_shows_code_and_stress():
    card = quiz.verdict("which", "a", "b", MEASURED)._repr_html_()
    assert "&lt;as&gt;" in card
    assert "<code>table</code>" in card
    assert (
        "it <em>is a</em> product, 2 * 3 * 4 of m*n*k"
        in quiz.verdict("which", "?", "a", "")._repr_html_()
    )


@pytest.mark.parametrize(("name", "outcome"), [("which", "c"), ("whose", "a")])
def test_what_no_card_explains_is_refused(name, outcome):
    with pytest.raises(ValueError, match=outcome if name == "which" else name):
        quiz.verdict(name, "a", outcome, MEASURED)


@pytest.mark.parametrize(
    ("value", "letters", "expected"),
    [
        (1.9, "abc", "a"),
        (2.0, "abc", "b"),
        (9.9, "abc", "b"),
        (10, "abc", "c"),
        (1, "cba", "c"),
        (99, "cba", "a"),
    ],
)
def test_band(value, letters, expected):
    assert quiz.band(value, 2, 10, letters=letters) == expected
    assert quiz.band(Spread.of([value]), 2, 10, letters=letters) == expected


def test_a_band_needs_a_number_and_ascending_bounds():
    with pytest.raises(ValueError, match="NaN"):
        quiz.band(math.nan, 1)
    for bounds in ((2, 1), (1, 1)):
        with pytest.raises(ValueError, match="ascend"):
            quiz.band(1.5, *bounds)


def test_expect(capsys):
    quiz.expect("a / b", 5.0, at_least=4)
    quiz.expect("splits", 6, at_least=5)
    quiz.expect("c / d", Spread.of([1.0, 1.5, 9.0]), at_most=1.6)
    lines = capsys.readouterr().out.splitlines()
    assert [line.startswith("✓") for line in lines] == [True] * 3
    assert ["5.00" in lines[0], " 6," in lines[1], "1.50" in lines[2]] == [True] * 3
    for value, bounds in (
        (3.0, dict(at_least=4)),
        (Spread.of([2.0, 3.0, 4.0]), dict(at_most=1)),
        (math.nan, dict(at_most=1)),
    ):
        with pytest.raises(AssertionError, match="a / b"):
            quiz.expect("a / b", value, **bounds)
    with pytest.raises(ValueError, match="at_least"):
        quiz.expect("a / b", 1.0)


def test_expect_asserts_nothing_where_there_is_a_reason_not_to(capsys):
    quiz.expect("a / b", 1.0, at_least=4, unless="it fits")
    said = capsys.readouterr().out
    assert "it fits" in said
    assert "✓" not in said


# --- every prediction of the course ---


def calls_in(path, name):
    """The calls of quiz.NAME in a notebook, as syntax trees."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            for node in ast.walk(ast.parse("".join(cell["source"]))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == f"quiz.{name}":
                    yield node, ast.parse("".join(cell["source"]))


def value_of(node, cell):
    """An argument, or what it was called just before in the same cell."""
    if isinstance(node, ast.Name):
        values = [
            s.value
            for s in ast.walk(cell)
            if isinstance(s, ast.Assign) and ast.unparse(s.targets[0]) == node.id
        ]
        return values[-1] if values else node
    return node


def reachable(outcome):
    """The options that the expression for an outcome can give."""
    if isinstance(outcome, ast.IfExp):
        assert not isinstance(outcome.test, ast.Constant), (
            "a condition that never changes decides nothing"
        )
        return reachable(outcome.body) | reachable(outcome.orelse)
    if isinstance(outcome, ast.Constant):
        return {outcome.value}
    if isinstance(outcome, ast.Call) and ast.unparse(outcome.func) == "quiz.band":
        letters = [k.value.value for k in outcome.keywords if k.arg == "letters"] or ["abcdef"]
        bounds = [ast.literal_eval(bound) for bound in outcome.args[1:]]
        assert bounds == sorted(set(bounds)), bounds
        return set(letters[0][: len(bounds) + 1])
    if isinstance(outcome, ast.Call) and ast.unparse(outcome.func) in ("max", "min"):
        candidates, key = outcome.args[0], outcome.keywords[0]
        assert key.arg == "key"
        return (
            {ast.literal_eval(k) for k in candidates.keys}
            if isinstance(candidates, ast.Dict)
            else set()
        )
    raise AssertionError(f"can't tell which options this reaches: {ast.unparse(outcome)}")


def cards_of(path):
    return tomllib.loads(
        (path.parent / "predictions" / f"{path.stem}.toml").read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_each_option_is_explained_and_within_reach(path):
    cards, asked = cards_of(path), []
    for call, cell in calls_in(path, "verdict"):
        name = ast.literal_eval(call.args[0])
        asked.append(name)
        explained = {letter: text for letter, text in cards[name].items() if letter != "usual"}
        for letter, text in explained.items():
            assert len(text) > 30, f"{name}: ({letter}) explains little: {text}"
        assert reachable(value_of(call.args[2], cell)) == set(explained), name
    assert asked == list(cards), "the cards stand in the order in which they are asked, each once"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_each_guess_meets_its_verdict(path):
    """A cell with a guess for each verdict, before it."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    guesses = sum("".join(cell["source"]).lstrip().startswith('guess = "?"') for cell in cells)
    assert guesses == len(
        [call for call, _ in calls_in(path, "verdict") if ast.unparse(call.args[1]) == "guess"]
    )


def test_the_answers_stand_in_no_pattern():
    """The letters that most machines measure (`usual`), chapter by chapter, and in the whole."""
    course = []
    for path in NOTEBOOKS:
        usual = [
            card["usual"] for card in cards_of(path).values() if set(card) <= {*"abcdef", "usual"}
        ]
        assert all(usual.count(letter) <= max(1, len(usual) / 2) for letter in usual), path.stem
        assert not any(len({*usual[k : k + 3]}) == 1 for k in range(len(usual) - 2)), path.stem
        course += usual
    assert min(course.count(letter) for letter in "abc") >= len(course) / 4
