"""What a check says: one verdict, as a card in a notebook and as plain text elsewhere."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from torch import Tensor

from microdlrm.exercises.compare import Place

MOST = 18  # numbers that are shown
HEADS = ("number", "due", "how", "yours", "right or wrong")
PLAIN = "color:inherit;background:transparent"  # the card takes the reader's colours, light or dark


@dataclass(frozen=True, eq=False)
class Verdict:
    """The outcome of a check; true where it `passed`.

    `mistake` names what is wrong (None if nothing is), `hint` says it in a sentence or two, and
    `inputs` are the arguments of the call that failed.
    """

    passed: bool
    mistake: str | None
    hint: str
    task: str = ""
    tried: dict[str, str] = field(default_factory=dict)  # step: "passed", "failed", "not reached"
    where: str = ""  # the learner's line, what Python said about it, and what stood in it
    inputs: tuple | None = None
    given: tuple[str, ...] = ()  # the same in words, argument by argument
    # The heads, then a line for each number, as HEADS has them.
    shown: tuple[tuple[str, ...], ...] = ()
    check: str = ""

    def __bool__(self) -> bool:
        return self.passed

    @property
    def title(self) -> str:
        if self.passed:
            return f"✓ {self.task}: passed"
        mark = "○" if self.mistake == "not started" else "✗"
        return f"{mark} {self.task}: {self.mistake}"

    def steps(self) -> str:
        """What was looked at, in a line: "✓ runs, inputs untouched ✗ values – gradients"."""
        marks = {"passed": "✓", "failed": "✗", "not reached": "–"}
        groups = {o: [s for s, outcome in self.tried.items() if outcome == o] for o in marks}
        return "  ".join(
            f"{marks[o]} {o}: {', '.join(steps)}" for o, steps in groups.items() if steps
        )

    def _blocks(self) -> list[tuple[str, str | tuple]]:
        """What stands below the title, from top to bottom: its form, and it."""
        smallest = self.shown and self.check
        blocks = [("paragraph", self.hint), ("code", self.where)]
        if self.given:
            says = "The smallest input on which it is wrong:" if smallest else "Called with"
            blocks += [("paragraph", says), ("code", "\n".join(self.given))]
        blocks += [("table", self.shown), ("paragraph", self.steps())]
        if self.check and self.inputs is not None:
            call, check = f"{self.task}(*verdict.inputs)", f"check.{self.check}({self.task})"
            blocks += [("paragraph", f"Try it: `{call}`, after `verdict = {check}`")]
        return [(form, block) for form, block in blocks if block]

    def __repr__(self) -> str:
        plain = {"paragraph": lambda text: [text.replace("`", "")], "code": str.splitlines}
        plain["table"] = _text_table
        lines = [line for form, block in self._blocks() for line in plain[form](block)]
        return "\n  ".join([self.title, *lines])

    def _repr_html_(self) -> str:
        accent = "#009e73" if self.passed else "#d55e00"
        accent = "#888888" if self.mistake == "not started" else accent
        html = {"paragraph": _paragraph, "code": _code, "table": _html_table}
        style = f"border:1px solid currentColor;border-left:0.4em solid {accent};{PLAIN};"
        style += "border-radius:4px;padding:0.6em 1em;margin:0.5em 0;max-width:46em"
        return (
            f'<div role="group" aria-label="{escape(self.title[2:])}" style="{style}">'
            '<p role="heading" aria-level="3" style="margin:0 0 0.4em">'
            f"<strong>{escape(self.title)}</strong></p>"
            f"{''.join(html[form](block) for form, block in self._blocks())}</div>"
        )


def _paragraph(text: str) -> str:
    """Text as HTML, what stands in backticks as code."""
    style = f"white-space:normal;overflow-wrap:anywhere;{PLAIN}"
    html = re.sub("`(.*?)`", rf'<code style="{style}">\1</code>', escape(text))
    return f'<p style="margin:0 0 0.4em">{html}</p>'


def _code(text: str) -> str:
    style = f"margin:0 0 0.4em;white-space:pre-wrap;overflow-wrap:anywhere;{PLAIN}"
    return f'<pre style="{style}">{escape(text)}</pre>'


def _columns(rows) -> list[tuple[str, tuple[str, ...]]]:
    """The side that each column keeps to, and its texts; without those that are empty."""
    sides = ("left", "right", "left", "right", "left")
    columns = zip(sides, zip(*rows, strict=True), strict=True)
    return [(side, texts) for side, texts in columns if any(texts[1:])]


def _text_table(rows) -> list[str]:
    columns = []
    for side, texts in _columns(rows):
        pad = str.rjust if side == "right" else str.ljust
        columns.append([pad(text, max(map(len, texts))) for text in texts])
    return ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]


def _html_table(rows) -> str:
    """A table with scopes; the keyboard scrolls one that is wider than the page."""
    sides, columns = zip(*_columns(rows), strict=True)
    (*heads,), *lines = zip(*columns, strict=True)

    def cell(tag, text, side, scope="", weight="normal"):
        wrap = "nowrap" if side == "right" else "normal"  # narrow pages break words, not numbers
        style = f"text-align:{side};padding:0.1em 0.4em;white-space:{wrap};font-weight:{weight}"
        return f'<{tag}{scope} style="{style};{PLAIN}">{escape(text)}</{tag}>'

    plain = f'<tr style="{PLAIN}">'
    head = "".join(cell("th", h, s, ' scope="col"') for h, s in zip(heads, sides, strict=True))
    body = []
    for name, *cells in lines:
        weight = "bold" if cells[-1].startswith("✗") else "normal"
        tds = [cell("td", c, s, weight=weight) for c, s in zip(cells, sides[1:], strict=True)]
        body.append("".join([plain, cell("th", name, "left", ' scope="row"'), *tds, "</tr>"]))
    label = "What is due, and your numbers"
    return (
        f'<div tabindex="0" role="region" aria-label="{label}" style="overflow-x:auto">'
        f'<table aria-label="{label}" style="border-collapse:collapse;margin:0.3em 0;'
        f'width:auto;{PLAIN}">'
        f"<thead>{plain}{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def show(found: list[list[Place]], each: str) -> tuple[tuple[str, ...], ...]:
    """A line a number: where, what is due, how it comes about, what came, what that is."""
    lines, first = [], None
    for k, row in enumerate(found):
        for place in row:
            name = f"{each} {k}: {place.name}" if len(found) > 1 else place.name
            how = f"= {place.due_is}" if place.due_is not in ("", place.name) else ""
            first = len(lines) if first is None and not place.right else first
            mark = "✓" if place.right else f"✗ {place.got_is}".rstrip()
            digits = _digits(place.due, place.got) if not place.right else 4
            lines.append((name, _text(place.due, digits), how, _text(place.got, digits), mark))
    start = 0 if len(lines) <= MOST else max(0, min((first or 0) - 1, len(lines) - MOST))
    left_out = [(f"({MOST} of {len(lines)} shown)", "", "", "", "")] if len(lines) > MOST else []
    return (HEADS, *lines[start : start + MOST], *left_out)


def given(names: Sequence[str], args: tuple | None) -> tuple[str, ...]:
    return tuple(f"{name} = {literal(arg)}" for name, arg in zip(names, args or (), strict=False))


def literal(arg) -> str:
    """An argument as you would write it, whole numbers short; of a large one, its shape."""
    several = isinstance(arg, list | tuple)
    tensors = [t for t in (arg if several else [arg]) if isinstance(t, Tensor)]
    if sum(t.numel() for t in tensors) > 12:
        shape = tuple(tensors[0].shape)
        return f"{len(arg)} tensors {shape}" if several else f"a tensor {shape}"
    if isinstance(arg, Tensor):
        return literal(arg.tolist())
    if several:
        inside = ", ".join(map(literal, arg))
        return f"[{inside}]" if isinstance(arg, list) else f"({inside}{',' * (len(arg) == 1)})"
    if callable(arg):
        return arg.__name__
    return f"{arg:.7g}" if isinstance(arg, float) else repr(arg)


def _digits(due: float | None, got: float | None) -> int:
    """As many digits as two numbers need to look different."""
    if due is None or got is None or due == got:
        return 4
    return next((n for n in range(4, 17) if _text(due, n) != _text(got, n)), 17)


def _text(x: float | None, digits: int = 4) -> str:
    if x is None:
        return ""
    return f"{x:.0f}" if x % 1 == 0 and abs(x) < 1e15 else f"{x:.{digits}g}"
