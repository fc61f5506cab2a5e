"""What a check says: one verdict, as a card in a notebook and as plain text elsewhere."""

import re
from dataclasses import dataclass, field
from html import escape


@dataclass(frozen=True)
class Picture:
    """A few rows of what the learner's function returned, above the rows that were expected.

    Where one is wider than the other, the narrower is filled up with blanks. A row that goes on has a "…".
    """

    columns: tuple[str, ...]  # headings
    rows: tuple[str, ...]  # names of the rows
    got: tuple[tuple[str, ...], ...]
    expected: tuple[tuple[str, ...], ...]
    wrong: tuple[tuple[bool, ...], ...]
    caption: str


@dataclass(frozen=True, eq=False)
class Verdict:
    """The outcome of a check.

    `passed` says whether the function is right, `mistake` names what is wrong with it (None if nothing is),
    and `hint` says it in a sentence or two. A verdict is true where `passed` is.
    `inputs` holds the arguments of the call that failed, for you to call your function with.
    """

    passed: bool
    mistake: str | None
    hint: str
    task: str = ""
    tried: dict[str, str] = field(default_factory=dict)  # step -> "passed", "failed" or "not reached"
    where: str = ""  # the learner's line and what Python said about it
    picture: Picture | None = None
    inputs: tuple | None = None
    check: str = ""  # the name of the check

    def __bool__(self) -> bool:
        return self.passed

    @property
    def title(self) -> str:
        if self.passed:
            return f"✓ {self.task}: passed"
        return f"○ {self.task}: not started" if self.mistake == "not started" else f"✗ {self.task}: {self.mistake}"

    def steps(self) -> list[tuple[str, str]]:
        """Pairs such as ("✓ Passed", "it runs, returns one tensor"), in the order in which a check goes."""
        marks = {"passed": "✓ Passed", "failed": "✗ Failed", "not reached": "– Not reached"}
        groups = {outcome: [s for s, o in self.tried.items() if o == outcome] for outcome in marks}
        return [(marks[outcome], ", ".join(steps)) for outcome, steps in groups.items() if steps]

    def see(self) -> str:
        return f"To see for yourself: `verdict = check.{self.check}({self.task})`, then `{self.task}(*verdict.inputs)`"

    def __repr__(self) -> str:
        lines = [self.title, self.hint, *self.where.splitlines()]
        lines += [f"{mark}: {steps}" for mark, steps in self.steps()]
        if self.picture:
            lines += ["", *_text_table(self.picture)]
        if self.inputs is not None:
            lines += ["", self.see().replace("`", "")]
        return "\n  ".join(lines).replace("\n  \n", "\n\n")

    def _repr_html_(self) -> str:
        # Notebooks and the book differ in their styles and switch between light and dark, so the card brings
        # no colours for text or ground: it takes the reader's, and marks right and wrong in signs and words.
        accent = "#009e73" if self.passed else "#888888" if self.mistake == "not started" else "#d55e00"
        parts = [
            f'<div role="group" aria-label="{escape(self.title[2:])}" style="border:1px solid currentColor;'
            f"border-left:0.4em solid {accent};border-radius:4px;padding:0.6em 1em;margin:0.5em 0;"
            'max-width:46em;color:inherit;background:transparent">',
            '<p role="heading" aria-level="3" style="margin:0 0 0.4em;font-size:1.05em">'
            f"<strong>{escape(self.title)}</strong></p>",
            f'<p style="margin:0 0 0.4em">{_with_code(self.hint)}</p>',
        ]
        if self.where:
            parts.append(
                '<pre style="margin:0 0 0.4em;padding:0.3em 0.6em;white-space:pre-wrap;color:inherit;'
                f'background:transparent;border:1px dashed currentColor">{escape(self.where)}</pre>'
            )
        if self.picture:
            parts.append(_html_table(self.picture))
        if self.tried:
            steps = "<br>".join(f"<strong>{mark}:</strong> {escape(steps)}" for mark, steps in self.steps())
            parts.append(f'<p style="margin:0.4em 0 0;font-size:0.9em">{steps}</p>')
        if self.inputs is not None:
            parts.append(f'<p style="margin:0.4em 0 0;font-size:0.9em">{_with_code(self.see())}.</p>')
        return "".join([*parts, "</div>"])


def _with_code(text: str) -> str:
    """Text as HTML, what stands in backticks as code."""
    return re.sub("`(.*?)`", r'<code style="color:inherit;background:transparent">\1</code>', escape(text))


def _lines(picture: Picture):
    """Yield (row name, "yours" or "expected", cells), a wrong cell of yours carrying its mark."""
    for name, got, expected, wrong in zip(picture.rows, picture.got, picture.expected, picture.wrong, strict=True):
        yield name, "yours", [f"{g} ✗" if w else g for g, w in zip(got, wrong, strict=True)]
        yield name, "expected", list(expected)


def _text_table(picture: Picture) -> list[str]:
    rows = [["", *picture.columns]] + [[f"{name} {whose}", *cells] for name, whose, cells in _lines(picture)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [picture.caption, *table]


def _html_table(picture: Picture) -> str:
    cell = "padding:0.1em 0.5em;text-align:right;white-space:nowrap;color:inherit;background:transparent;border:"
    plain, marked = f"{cell}1px solid transparent", f"{cell}2px solid currentColor;font-weight:bold"
    head = "".join(f'<th scope="col" style="{plain}">{escape(c)}</th>' for c in ("", *picture.columns))
    body = []
    for name, whose, cells in _lines(picture):
        rule = "border-top:1px solid currentColor;" if whose == "yours" else ""
        tds = "".join(f'<td style="{marked if "✗" in c else plain}">{escape(c)}</td>' for c in cells)
        row = f'<th scope="row" style="{plain};font-weight:normal">{escape(name)} {whose}</th>'
        body.append(f'<tr style="{rule}background:transparent">{row}{tds}</tr>')
    # tabindex lets a keyboard scroll a table that is wider than the page.
    return (
        f'<p style="margin:0.4em 0 0">{escape(picture.caption)}</p>'
        '<div tabindex="0" role="region" aria-label="Your numbers and the expected ones" style="overflow-x:auto">'
        f'<table aria-label="{escape(picture.caption)}" style="border-collapse:collapse;margin:0.3em 0;width:auto;'
        'color:inherit;background:transparent">'
        f'<thead style="background:transparent"><tr style="background:transparent">{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )
