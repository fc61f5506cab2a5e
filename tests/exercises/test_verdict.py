"""The card: what a verdict looks like, in a notebook and as text."""

import re
from html.parser import HTMLParser

import pytest
import torch

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
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def one_too_much(x_dense, x_sparse):
    return check.plain_loop(x_dense, x_sparse) + 1


def escapes(x_dense, x_sparse):
    raise ValueError("<script>alert(1)</script> & more")


def stub(x_dense, x_sparse): ...


@pytest.mark.parametrize("fn", [check.plain_loop, one_too_much, escapes, stub])
def test_the_card_is_accessible_and_says_what_the_text_says(fn):
    verdict = check.dot_interaction(fn)
    html, text = verdict._repr_html_(), repr(verdict)
    card = Card(html)
    assert ("div", "group") in [(tag, a.get("role")) for tag, a in card.attributes]
    assert any(a.get("role") == "heading" and "aria-level" in a for _, a in card.attributes)
    for said in (verdict.title, verdict.hint.replace("`", ""), *verdict.where.splitlines()):
        assert said in card.text
        assert said in text
    assert "<script>" not in html
    # Colours are the page's own, in light and dark: the accent at the edge is all the card brings.
    for _, a in card.attributes:
        for name, value in re.findall(
            r"(?<![\w-])(color|background):([^;]+)", a.get("style") or ""
        ):
            assert value == {"color": "inherit", "background": "transparent"}[name]
    assert all("scope" in a for tag, a in card.attributes if tag == "th")
    assert sum(tag == "table" for tag, _ in card.attributes) == bool(verdict.shown)
    assert all(cell in card.text for row in verdict.shown[1:] for cell in row)
    assert not any(map(callable, vars(verdict).values()))  # it holds no answer


def test_what_the_verdict_suggests_can_be_pasted():
    def dot_interaction(x_dense, x_sparse):
        return torch.cat([x_dense, *x_sparse], 1)

    verdict = check.dot_interaction(dot_interaction)
    call, line = re.search("Try it: (.*), after (.*)$", repr(verdict)).groups()
    known = {"check": check, "dot_interaction": dot_interaction}
    exec(line, known)
    assert torch.equal(eval(call, known), dot_interaction(*verdict.inputs))


def test_the_table_shows_what_is_due_and_how_it_comes_about():
    def lower(x_dense, x_sparse):
        v = [x_dense, *x_sparse]
        pairs = [(i, j) for i in range(len(v)) for j in range(i)]
        return torch.cat([x_dense, *((v[i] * v[j]).sum(1, True) for i, j in pairs)], 1)

    shown = {
        name: (due, how, yours, mark)
        for name, due, how, yours, mark in check.dot_interaction(lower).shown
    }
    assert shown["v0·v1"] == ("15", "= 3·5", "15", "✓")
    assert shown["v0·v3"] == ("33", "= 3·11", "35", "✗ v1·v2")
