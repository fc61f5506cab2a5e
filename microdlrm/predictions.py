"""The reader's guess against the measurement, and the book's own claims against it."""

import html
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """Feedback on a prediction. It shows as a short card."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        style = "border-left: 4px solid currentColor; padding: .4em .8em; margin: .5em 0"
        return f'<div role="status" style="{style}">{html.escape(self.text)}</div>'


def verdict(guess: str, options: Mapping[str, bool], measured: str) -> Answer:
    """Compare a guess with what was measured.

    `options` says of each option whether the measurement bears it out, `measured` puts the measurement into
    words: `verdict(guess, {"a": r < 2, "b": r >= 2}, f"{r:.1f} times as long")`. A guess that is no option,
    such as the "?" of an untouched cell, is no error: the answer is shown, with an invitation to guess first.
    """
    right = [name for name, holds in options.items() if holds]
    answer = f"({') and ('.join(right)})" if right else "none of the options"
    letters = ", ".join(f'"{name}"' for name in options)
    if str(guess) not in options:
        return Answer(
            f"Measured here: {measured}. That is {answer}. "
            f"No guess yet: set guess to one of {letters} above, and run both cells again."
        )
    if guess in right:
        return Answer(f"({guess}) is right. Measured here: {measured}.")
    return Answer(f"You guessed ({guess}); it is {answer}. Measured here: {measured}. Why? Read on.")


def expect(
    what: str,
    ratio: float,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    unless: str = "",
) -> str:
    """Assert what the chapter claims of a ratio, a number or a `Spread`, and put it into words.

    `unless` says why the claim can't be made on this machine, as `hardware.fits_cache(n_bytes)` does of one about
    memory; then nothing is asserted, and the answer says so.

    Raises AssertionError where the claim fails.
    """
    value = getattr(ratio, "median", ratio)
    if unless:
        return f"{what}: {value:.2f}. Not asserted: {unless}."
    holds = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    bounds = " and ".join(
        f"{words} {bound:g}" for words, bound in (("at least", at_least), ("at most", at_most)) if bound is not None
    )
    if not holds:
        raise AssertionError(f"{what}: expected {bounds}, measured {value:.3g} here")
    return f"{what}: {value:.2f}, expected {bounds} ✓"
