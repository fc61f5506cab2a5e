"""The reader's guess against the measurement, and the book's own claims against it."""

import html
import re
import tomllib
from functools import cache
from numbers import Integral
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent.parent / "notebooks" / "predictions"


class Answer(NamedTuple):
    """What was measured, which option that is, and why it can come about; shown as a short card.

    The rendered page makes a question of each card: it reads `data-outcome`, rewords `verdict-said`
    for the reader's own guess, and drops `verdict-invite` (book/extensions/asked.py,
    book/styles/asked.js).
    """

    outcome: str  # the option that was measured
    said: str  # who said what
    told: str  # what was measured, and why
    invite: str  # without a guess, the invitation

    def __repr__(self) -> str:
        return self.said + self.told + self.invite

    def _repr_html_(self) -> str:
        style = "border-left: 4px solid currentColor; padding: .4em .8em; margin: .5em 0"
        said, told, invite = map(_marked, (self.said, self.told, self.invite))
        return (
            f'<div role="status" class="verdict" data-outcome="{self.outcome}" style="{style}">'
            f'<span class="verdict-said">{said}</span>{told}'
            f'<span class="verdict-invite">{invite}</span></div>'
        )


def _marked(text: str) -> str:
    """Safe HTML of a text in which `code` and *stress* are marked as in Markdown."""
    coded = re.sub(r"`(.+?)`", r"<code>\1</code>", html.escape(text))
    return re.sub(r"(?<!\w)\*(\S[^*]*)\*(?!\w)", r"<em>\1</em>", coded)


@cache
def cards() -> dict[str, dict[str, str]]:
    """What the cards say: question -> option -> why it can be what was measured.

    Each chapter has a file of them. `usual`, there, is the option that most machines measure: by it
    a test keeps the answers out of a pattern.
    """
    read: dict[str, dict[str, str]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for name, card in tomllib.loads(path.read_text(encoding="utf-8")).items():
            card.pop("usual", None)
            read[name] = {letter: " ".join(text.split()) for letter, text in card.items()}
    return read


def verdict(name: str, guess: str, outcome: str, measured: str) -> Answer:
    """Compare a guess with what was measured, and explain that, whichever option it is.

    name      the question, as `notebooks/predictions` names it, where its explanations stand
    outcome   the option that the measurement bears out, such as `band(ratio, 2, 10)`
    measured  the measurement in words: f"{ratio:.1f} times as long"

    A guess that is no option, such as the "?" of an untouched cell, is no error: the answer is
    shown, with an invitation to guess first. Raises ValueError for a question or an outcome without
    an explanation.
    """
    options = cards().get(name, {})
    if outcome not in options:
        known = ", ".join(options) or "none"
        raise ValueError(f"no card explains {outcome!r} of {name!r}; its options: {known}")
    said, invite = f"You said ({guess}), and ({outcome}) was measured", ""
    if str(guess) not in options:
        letters = ", ".join(f'"{letter}"' for letter in options)
        said = f"Here ({outcome}) was measured"
        invite = f" (No guess yet: set guess to one of {letters} above, and run both cells again.)"
    return Answer(outcome, said, f": {measured}. {options[outcome]}", invite)


def band(value: float, *bounds: float, letters: str = "abcdef") -> str:
    """Which of the bands between ascending `bounds` holds `value`: "a" below the first, ...

    letters  the options from the lowest band up; `letters="cba"` where (a) is the highest
    Raises ValueError for NaN, and for bounds that don't ascend.
    """
    value = getattr(value, "median", value)
    if value != value:
        raise ValueError("value must be a number, got NaN: nothing was measured")
    if list(bounds) != sorted(set(bounds)):
        raise ValueError(f"bounds must ascend, got {bounds}")
    return letters[sum(value >= bound for bound in bounds)]


def expect(
    what: str,
    ratio: float,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    unless: str = "",
) -> None:
    """Assert what the chapter claims of a ratio, a number or a `Spread`, and print it in words.

    `unless` says why the claim can't be made on this machine, as `hardware.fits_cache(n_bytes)`
    does of one about memory; then nothing is asserted, and the line says so.

    Raises AssertionError where the claim fails, and ValueError where there is nothing to claim.
    """
    value, claims = getattr(ratio, "median", ratio), {}
    if at_least is not None:
        claims[f"at least {at_least:g}"] = value >= at_least
    if at_most is not None:
        claims[f"at most {at_most:g}"] = value <= at_most
    if not claims:
        raise ValueError("expect needs at_least, at_most or both: it has nothing to assert")
    said = " and ".join(claims)
    if unless:
        print(f"{what}: {_number(value)}. Not asserted: {unless}.")
    elif all(claims.values()):
        print(f"✓ {what}: {_number(value)}, claimed {said}")
    else:
        raise AssertionError(f"{what}: expected {said}, measured {value:.3g} here")


def _number(value: float) -> str:
    if isinstance(value, Integral):
        return str(value)
    return f"{value:.2f}" if abs(value) >= 0.1 or not value else f"{value:.2g}"
