"""Pages that weigh less: formulas set when the book is built, code without marks that no style
uses.

What the theme loads and the book doesn't need is left out in book/templates.
"""

import re

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging

logger = logging.getLogger(__name__)
# Names, punctuation and blanks: half of all marks in highlighted code, and they look like the rest.
PLAIN = re.compile(r'<span class="(?:n|p|w)">([^<]*)</span>')
converter = LatexToMathML(fancy_error=False)


def formula(node, displaystyle):
    """A formula as MathML, which browsers set by themselves. One that can't be read is a
    warning.
    """
    try:
        return converter.convert_with_local_state(node.astext(), displaystyle=displaystyle)
    except LatexError as error:
        logger.warning("formula %s: %s", node.astext(), error, location=node)
        return ""


def inline(writer, node):
    writer.body.append(formula(node, displaystyle=False))
    raise nodes.SkipNode


def block(writer, node):
    writer.body.append(
        f'<div class="formula" tabindex="0">{formula(node, displaystyle=True)}</div>\n'
    )
    raise nodes.SkipNode


def plain_code(app, pagename, template, context, doctree):
    if context.get("body"):
        context["body"] = PLAIN.sub(r"\1", context["body"])


def setup(app):
    app.add_html_math_renderer(
        "mathml", inline_renderers=(inline, None), block_renderers=(block, None)
    )
    app.connect("html-page-context", plain_code)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
