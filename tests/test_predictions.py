"""The reader's guess against the measurement, and the book's claims against it."""

import pytest

from microdlrm import predictions
from microdlrm.machine.timing import Spread

OPTIONS = {"a": False, "b": True}


def test_verdict():
    assert "(b) is right" in repr(predictions.verdict("b", OPTIONS, "3.0 times as long"))
    wrong = repr(predictions.verdict("a", OPTIONS, "3.0 times as long"))
    assert "You guessed (a)" in wrong
    assert "it is (b)" in wrong
    assert "none of the options" in repr(predictions.verdict("a", {"a": False, "b": False}, ""))
    assert "<" not in predictions.verdict("b", OPTIONS, "<b>")._repr_html_().split(">", 1)[1].removesuffix("</div>")


@pytest.mark.parametrize("guess", ["?", "", "x", None, 3])
def test_verdict_without_a_guess_invites_one(guess):
    answer = repr(predictions.verdict(guess, OPTIONS, "3.0 times as long"))
    assert 'one of "a", "b"' in answer
    assert "3.0 times as long" in answer


def test_expect():
    assert "✓" in predictions.expect("a / b", 5.0, at_least=4)
    assert "✓" in predictions.expect("a / b", Spread.of([1.0, 1.5, 9.0]), at_most=1.6)
    with pytest.raises(AssertionError, match="at least 4, measured 3 here"):
        predictions.expect("a / b", 3.0, at_least=4)
    with pytest.raises(AssertionError, match="at most 1"):
        predictions.expect("a / b", Spread.of([2.0, 3.0, 4.0]), at_most=1)


def test_expect_asserts_nothing_where_there_is_a_reason_not_to():
    said = predictions.expect("a / b", 1.0, at_least=4, unless="512 MiB fit into this machine's last cache")
    assert said == "a / b: 1.00. Not asserted: 512 MiB fit into this machine's last cache."
