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


@pytest.mark.parametrize("guess", ["a", "b", "?", "", "x", None, 3])
def test_the_card_explains_what_was_measured_whatever_the_guess(guess):
    said = repr(quiz.verdict("which", guess, "b", MEASURED))
    assert said.startswith(f"You said ({guess}), and (b)") == (guess in ("a", "b"))
    assert ('"a", "b"' in said) == (guess not in ("a", "b"))  # then it invites a guess
    assert MEASURED in said
    assert OPTIONS["b"] in said
    assert OPTIONS["a"] not in said


def test_the_card_is_safe_and_shows_code_and_stress():
    html = {of: quiz.verdict("which", "a", of, MEASURED)._repr_html_() for of in OPTIONS}
    assert "&lt;as&gt;" in html["b"]
    assert "<code>table</code>" in html["b"]
    assert "it <em>is a</em> product, 2 * 3 * 4 of m*n*k" in html["a"]


@pytest.mark.parametrize(("name", "outcome"), [("which", "c"), ("whose", "a")])
def test_what_no_card_explains_is_refused(name, outcome):
    with pytest.raises(ValueError, match=f"'{outcome}' of '{name}'"):
        quiz.verdict(name, "a", outcome, MEASURED)


@pytest.mark.parametrize(
    ("value", "letters", "expected"),
    [(1.9, "abc", "a"), (2.0, "abc", "b"), (10, "abc", "c"), (1, "cba", "c"), (99, "cba", "a")],
)
def test_band(value, letters, expected):
    assert quiz.band(value, 2, 10, letters=letters) == expected
    assert quiz.band(Spread.of([value]), 2, 10, letters=letters) == expected


@pytest.mark.parametrize(("value", "bounds"), [(math.nan, (1,)), (1.5, (2, 1)), (1.5, (1, 1))])
def test_a_band_needs_a_number_and_ascending_bounds(value, bounds):
    with pytest.raises(ValueError, match="must"):
        quiz.band(value, *bounds)


SPREAD = Spread.of([1.0, 1.5, 9.0])


@pytest.mark.parametrize(
    ("value", "claim", "shown"),
    [
        (5.0, dict(at_least=4), "✓ a / b: 5.00, claimed at least 4"),
        (6, dict(at_least=5, at_most=6), "✓ a / b: 6, claimed at least 5 and at most 6"),
        (SPREAD, dict(at_most=1.6), "✓ a / b: 1.50, claimed at most 1.6"),
        (1.0, dict(at_least=4, unless="it fits"), "a / b: 1.00. Not asserted: it fits."),
    ],
)
def test_expect_shows_what_holds(capsys, value, claim, shown):
    quiz.expect("a / b", value, **claim)
    assert capsys.readouterr().out == f"{shown}\n"


@pytest.mark.parametrize(
    ("value", "claim", "error"),
    [
        (3.0, dict(at_least=4), AssertionError),
        (SPREAD, dict(at_most=1), AssertionError),
        (math.nan, dict(at_most=1), AssertionError),
        (1.0, {}, ValueError),
    ],
)
def test_expect_fails_where_the_claim_does_and_where_there_is_none(value, claim, error):
    with pytest.raises(error):
        quiz.expect("a / b", value, **claim)


# --- every prediction of the course ---


def calls_in(tree, name):
    """The calls of quiz.NAME in a syntax tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"quiz.{name}":
            yield node


def reachable(outcome, cell, known):
    """The options that the expression for an outcome names, or the cell's for what it is called."""
    if isinstance(outcome, ast.Name):
        assigned = [node for node in ast.walk(cell) if isinstance(node, ast.Assign)]
        values = [node.value for node in assigned if ast.unparse(node.targets[0]) == outcome.id]
        outcome = values[-1]
    constants = {node.value for node in ast.walk(outcome) if isinstance(node, ast.Constant)}
    of_bands = {letter for band in calls_in(outcome, "band") for letter in letters_of(band)}
    return of_bands | constants & {*"abcdef", *known}


def letters_of(band):
    """The letter of each band: one more than bounds, which follow the value."""
    letters = [keyword.value.value for keyword in band.keywords]
    return (*letters, "abcdef")[0][: len(band.args)]


def cards_of(path):
    path = path.parent / "predictions" / f"{path.stem}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_each_guess_meets_a_verdict_that_explains_each_option_within_reach(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    cards, asked, guesses = cards_of(path), [], 0
    for cell in map(ast.parse, sources):
        for call in calls_in(cell, "verdict"):
            asked.append(name := ast.literal_eval(call.args[0]))
            guesses += ast.unparse(call.args[1]) == "guess"
            explained = {letter: text for letter, text in cards[name].items() if letter != "usual"}
            assert reachable(call.args[2], cell, explained) == set(explained), name
            assert min(map(len, explained.values())) > 30, f"{name}: an option explains little"
    assert asked == list(cards), "the cards stand in the order in which they are asked, each once"
    assert guesses == sum(source.lstrip().startswith('guess = "?"') for source in sources)


def test_the_answers_stand_in_no_pattern():
    """The letters that most machines measure (`usual`), chapter by chapter, and in the whole."""
    course = []
    names = [name for path in NOTEBOOKS for name in cards_of(path)]
    assert len(names) == len(set(names))  # a question is named once in the course
    for path in NOTEBOOKS:
        cards = cards_of(path).values()
        usual = [card["usual"] for card in cards if set(card) <= {*"abcdef", "usual"}]
        assert all(usual.count(letter) <= max(1, len(usual) / 2) for letter in usual), path.stem
        assert not any(len({*usual[k : k + 3]}) == 1 for k in range(len(usual) - 2)), path.stem
        course += usual
    assert min(course.count(letter) for letter in "abc") >= len(course) / 4
