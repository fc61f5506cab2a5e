"""Predictions that the page asks.

A prediction is a Markdown question that opens with **Predict.** and ends in a list (a), (b), …; a
cell `guess = "?"`; cells that measure; and a cell whose output is the verdict's card. On the page
the guess cell becomes the place to commit, and all that follows, up to the next question or
heading, waits for that under one cover (asked.js, asked.css). A prediction that lacks a part is a
warning, so that the build fails. A verdict's code is folded, as is that of a cell with the tag
`hide-input`; a cell that is hidden whole is a solution, unless it brings words of its own.
"""

import hashlib
import re

from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)


def is_cell(node):
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def source_of(cell):
    return "".join(
        part.astext() for part in cell.children if part.get("nb_element") == "cell_code_source"
    )


def outcome_of(cell):
    """The option that a verdict's card in the cell's output says was measured, or None."""
    shown = " ".join(raw.astext() for raw in cell.findall(nodes.raw))
    card = re.search(r'data-outcome="(\w)"', shown)
    return card and card[1]


def opens(node):
    return isinstance(node, nodes.paragraph) and node.astext().startswith("Predict.")


def question(guess):
    """The list of options above a guess cell and what identifies the question; (None, "") without
    either.
    """
    before = guess.parent.children[: guess.parent.index(guess)]
    lists = [node for node in before if isinstance(node, nodes.bullet_list)]
    starts = [i for i, node in enumerate(before) if opens(node)]
    if not lists or not starts or before.index(lists[-1]) < starts[-1]:
        return None, ""
    asked = " ".join(node.astext() for node in before[starts[-1] : before.index(lists[-1]) + 1])
    return lists[-1], hashlib.sha256(asked.encode()).hexdigest()[:8]


def answer(guess):
    """What follows a guess up to the next question, heading or guess, and the outcome that its card
    says.
    """
    waiting, outcome = [], None
    for node in guess.parent.children[guess.parent.index(guess) + 1 :]:
        if isinstance(node, nodes.section) or opens(node):
            break
        waiting.append(node)
        if is_cell(node):
            outcome = outcome or outcome_of(node)
    return waiting, outcome


def beneath(waiting):
    """In words, what a cover lies on."""
    cells = sum(map(is_cell, waiting))
    said = ["1 cell" if cells == 1 else f"{cells} cells"]
    texts = [node.astext() for node in waiting]
    said += ["what happened"] * any(text.startswith("What happened") for text in texts)
    said += ["the takeaway"] * any(text.startswith("Takeaway") for text in texts)
    return "Covered until you predict: " + ", ".join(said)


def ask(guess, docname):
    """Put the place to commit where the guess cell stands, and cover what waits for it."""
    options, digest = question(guess)
    waiting, outcome = answer(guess)
    letters = (
        [item.astext()[1:2] for item in options.children if item.astext()[2:4] == ") "]
        if options
        else []
    )
    if (
        letters != list("abcdef"[: len(letters)])
        or len(letters) < 2
        or len(letters) != len(options)
    ):
        logger.warning(
            "no list of options (a), (b), … after **Predict.** above a guess cell",
            location=guess.parent,
        )
    elif outcome not in letters:
        logger.warning(
            "no verdict on one of (%s) after a guess", ", ".join(letters), location=guess.parent
        )
    else:
        options["classes"].append("choices")
        options["ids"].append(f"choices-{digest}")
        parent = guess.parent
        cover = nodes.container(classes=["awaits"])
        cover += nodes.raw("", f'<p class="beneath">{beneath(waiting)}</p>', format="html")
        for node in waiting:
            parent.remove(node)
            cover += node
        parent.insert(parent.index(guess) + 1, cover)
        place = f'<div class="commit" data-question="{digest}" data-page="{docname}"></div>'
        parent.replace(guess, nodes.raw("", place, format="html", prediction=f"{digest}:{outcome}"))


def reshape(app, doctree):
    for cell in [node for node in doctree.findall(nodes.container) if is_cell(node)]:
        if source_of(cell).startswith('guess = "?"'):
            ask(cell, app.env.docname)
        elif outcome_of(cell):
            cell.setdefault("hide_mode", "input")
            cell.setdefault("prompt_show", "Show the code")
            cell.setdefault("prompt_hide", "Hide the code")
        elif cell.get("hide_mode") == "all" and cell.get("prompt_show", "").startswith("Show"):
            cell["prompt_show"], cell["prompt_hide"] = "Show a solution", "Hide the solution"


def asked(env, docname):
    """The predictions of a page: "question:outcome" for each."""
    return [
        raw["prediction"]
        for raw in env.get_doctree(docname).findall(nodes.raw)
        if "prediction" in raw
    ]


def tally(app, body):
    """The first page's table of chapters with what each page asks, which asked.js turns into the
    reader's tally.
    """

    def of_page(place):
        questions = asked(app.env, place[1])
        all_of_them, number = " ".join(questions), len(questions)
        return f'<span class="tally" data-questions="{all_of_them}">{number} questions</span>'

    return re.sub(r'<span class="tally" data-page="([^"]+)"></span>', of_page, body)


def scripts(app, pagename, template, context, doctree):
    """The script and the styles, on the pages that use them."""
    root = pagename == app.config.root_doc
    if root and context.get("body"):
        context["body"] = tally(app, context["body"])
    if root or (doctree is not None and 'class="commit"' in context.get("body", "")):
        app.add_js_file("asked.js")
        app.add_css_file("asked.css")
    if 'id="picker"' in context.get("body", ""):  # chapter 5's exercise that begins on the page
        app.add_js_file("picker.js", loading_method="defer")
        app.add_css_file("picker.css")


def setup(app):
    app.connect("doctree-read", reshape)
    app.connect("html-page-context", scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
