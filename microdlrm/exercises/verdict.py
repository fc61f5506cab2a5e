"""What a check says: one verdict, as a card in a notebook and as plain text elsewhere."""

import re
from dataclasses import dataclass
from html import escape

from torch import Tensor

from microdlrm.exercises.compare import Place

MOST = 18  # numbers that are shown


@dataclass(frozen=True, eq=False)
class Verdict:
    """The outcome of a check; true where it `passed`. `inputs` are the arguments of the call that failed."""

    passed: bool
    mistake: str | None
    hint: str
    task: str = ""
    where: str = ""  # the learner's line, what Python said about it, and what stood in it
    inputs: tuple | None = None
    given: tuple[str, ...] = ()  # the same in words, argument by argument
    shown: tuple[tuple[str, ...], ...] = ()  # of each number: where, what is due, what came, right or wrong
    check: str = ""

    def __bool__(self) -> bool:
        return self.passed

    @property
    def title(self) -> str:
        if self.passed:
            return f"✓ {self.task}: passed"
        return f"○ {self.task}: not started" if self.mistake == "not started" else f"✗ {self.task}: {self.mistake}"

    def _parts(self):
        yield from ((False, self.hint), (True, self.where))
        if self.given:
            yield False, "The smallest input on which it is wrong:" if self.shown else "Called with"
            yield True, "\n".join(self.given)
        if self.shown:
            yield True, "\n".join(_table(self.shown))
        if self.inputs is not None:
            yield False, f"Try it: `{self.task}(*verdict.inputs)`, after `verdict = check.{self.check}({self.task})`"

    def __repr__(self) -> str:
        parts = [(code, text) for code, text in self._parts() if text]
        return "\n".join([self.title, *("  " + t.replace("\n", "\n  ") if c else "  " + t.replace("`", "") for c, t in parts)])

    def _repr_html_(self) -> str:
        # The card takes the reader's colours, light or dark, and marks right and wrong in signs and words.
        accent = "#009e73" if self.passed else "#888888" if self.mistake == "not started" else "#d55e00"
        plain = "color:inherit;background:transparent"
        body = "".join(
            f'<pre tabindex="0" style="margin:0 0 0.4em;overflow-x:auto;{plain}">{escape(text)}</pre>'
            if code
            else f'<p style="margin:0 0 0.4em">' + re.sub("`(.*?)`", rf'<code style="{plain}">\1</code>', escape(text)) + "</p>"
            for code, text in self._parts()
            if text
        )
        return (
            f'<div role="group" aria-label="{escape(self.title[2:])}" style="border:1px solid currentColor;border-left:'
            f'0.4em solid {accent};border-radius:4px;padding:0.6em 1em;margin:0.5em 0;max-width:46em;{plain}">'
            f'<p role="heading" aria-level="3" style="margin:0 0 0.4em"><strong>{escape(self.title)}</strong></p>{body}</div>'
        )


def _table(rows) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    pad = (str.ljust, str.rjust, str.ljust, str.rjust, str.ljust)
    return ["  ".join(p(c, w) for p, c, w in zip(pad, row, widths, strict=True)).rstrip() for row in rows]


def show(found: list[list[Place]], each: str) -> tuple[tuple[str, ...], ...]:
    """A line for each number: where, what is due, how it comes about, what came, and what that is."""
    lines, first = [], None
    for k, row in enumerate(found):
        for place in row:
            name = f"{each} {k}: {place.name}" if len(found) > 1 else place.name
            how = f"= {place.due_is}" if place.due_is not in ("", place.name) else ""
            first = len(lines) if first is None and not place.right else first
            mark = "✓" if place.right else f"✗ {place.got_is}".rstrip()
            lines.append((name, _text(place.due), how, _text(place.got), mark))
    start = 0 if len(lines) <= MOST else max(0, min((first or 0) - 1, len(lines) - MOST))
    left_out = [(f"({MOST} of {len(lines)} shown)", "", "", "", "")] if len(lines) > MOST else []
    return (("", "due", "", "yours", ""), *lines[start : start + MOST], *left_out)


def given(names: list[str], args: tuple) -> tuple[str, ...]:
    return tuple(f"{name} = {literal(arg)}" for name, arg in zip(names, args, strict=True))


def literal(arg) -> str:
    """An argument as you would write it, whole numbers short; of a large one, its shape."""
    if isinstance(arg, Tensor):
        return _nested(arg.tolist()) if arg.numel() <= 12 else f"a tensor {tuple(arg.shape)}"
    if isinstance(arg, list):
        if sum(t.numel() for t in arg) > 12:
            return f"{len(arg)} tensors {tuple(arg[0].shape)}"
        return "[" + ", ".join(map(literal, arg)) + "]"
    return _nested(arg)


def _nested(x) -> str:
    if isinstance(x, list | tuple):
        return ("[" if isinstance(x, list) else "(") + ", ".join(map(_nested, x)) + ("]" if isinstance(x, list) else ")")
    return f"{x:.7g}" if isinstance(x, float) else repr(x)


def _text(x: float | None) -> str:
    return "" if x is None else f"{x:.7g}" if x % 1 == 0 else f"{x:.4g}"
