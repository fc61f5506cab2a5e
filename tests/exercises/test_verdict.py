"""The card: what a verdict looks like, in a notebook and as text."""

import re
from html.parser import HTMLParser

import pytest
import torch
from mistakes import WRONG

from microdlrm.exercises import check

# What a learner's function does may warn; that is between PyTorch and the learner.
pytestmark = pytest.mark.filterwarnings("ignore")


class Card(HTMLParser):
    """Checks that tags close in order, and collects what a reader of the card meets."""

    def __init__(self, html):
        super().__init__()
        self.open, self.attributes, self.text = [], [], ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def cards():
    def kept_diagonal(x_dense, x_sparse):
        return check.plain_loop(x_dense, x_sparse) + 1

    def escapes(x_dense, x_sparse):
        raise ValueError("<script>alert(1)</script> & more")

    def stub(x_dense, x_sparse): ...

    return [check.dot_interaction(f) for f in (check.plain_loop, kept_diagonal, escapes, stub)]


def test_a_row_that_is_cut_says_so():
    wide = next(w.fn for w in WRONG if w.fn.__name__ == "offset_minus_one")
    picture = check.dot_interaction(wide).picture
    assert "15 columns, 12 shown" in picture.caption
    for row in (picture.columns, *picture.got, *picture.expected):
        assert len(row) == 13
        assert row[-1] == "…"
    assert "…" not in repr(check.dot_interaction(lambda x, xs: check.plain_loop(x, xs) + 1))


def test_what_the_verdict_suggests_can_be_pasted():
    def dot_interaction(x_dense, x_sparse):
        return torch.cat([x_dense, *x_sparse], 1)

    verdict = check.dot_interaction(dot_interaction)
    line, call = re.search("To see for yourself: (.*), then (.*)$", repr(verdict)).groups()
    names = {"check": check, "dot_interaction": dot_interaction}
    exec(line, names)
    assert torch.equal(eval(call, names), dot_interaction(*verdict.inputs))


@pytest.mark.parametrize("verdict", cards(), ids=["pass", "mistake", "exception", "stub"])
def test_the_card_is_accessible(verdict):
    html = verdict._repr_html_()
    card = Card(html)
    assert ("div", "group") in [(tag, a.get("role")) for tag, a in card.attributes]
    assert any(a.get("role") == "heading" and "aria-level" in a for _, a in card.attributes)
    assert verdict.title in card.text
    assert verdict.hint.replace("`", "") in card.text
    assert "<script>" not in html
    # Colours are the page's own, in light and in dark: the accent at the edge is all that the card brings.
    for _, a in card.attributes:
        for name, value in re.findall(r"(?<![\w-])(color|background):([^;]+)", a.get("style") or ""):
            assert value == {"color": "inherit", "background": "transparent"}[name]
    if verdict.picture:
        wrong = sum(map(sum, verdict.picture.wrong))
        table = card.text[card.text.index("what differs:") :]
        assert table.count("✗") - ("✗ Failed" in table) == wrong > 0
        assert [a for tag, a in card.attributes if tag == "th" and "scope" not in a] == []
        assert next(a["aria-label"] for tag, a in card.attributes if tag == "table") in card.text


def test_the_text_says_what_the_card_says():
    passed, wrong, error, stub = map(repr, cards())
    assert passed.startswith("✓ plain_loop: passed")
    assert "✗ Failed: values" in wrong
    assert "expected" in wrong
    assert "✗" in wrong.split("expected")[0]
    assert "ValueError: <script>" in error
    assert stub.startswith("○ stub: not started")
    assert "Failed" not in stub
