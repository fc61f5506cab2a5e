"""Predictions that the page asks, and less scaffolding between them.

A prediction is a Markdown question that opens with **Predict.** and ends in a list (a), (b), …; a cell `guess = "?"`;
cells that measure; and a cell that calls `quiz.verdict(guess, …)`. On the page the guess cell becomes the place
to commit, and what the cells show waits for that (asked.js, asked.css). A prediction that lacks a part is a warning,
so that the build fails. Verdicts' code, and code that only makes a table or a picture, is folded; a
cell that is hidden whole is a solution.
"""

import ast
import builtins
import hashlib
import html
import re

from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)
PRESENT = ("figures", "study_figures", "studies", "pd", "timing.duration", "hardware.size")
COMPUTE = (ast.FunctionDef, ast.Lambda, ast.For, ast.With, ast.Import, ast.ImportFrom)


def cells(doctree):
    """The code cells of a notebook, as (node, source)."""
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            inputs = [part for part in cell.children if part.get("nb_element") == "cell_code_source"]
            yield cell, "".join(part.astext() for part in inputs)


def only_presents(source, modules):
    """Whether a cell does nothing but show what others computed: the only modules that it calls are PRESENT."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a magic command
        return False
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        return False
    for node in ast.walk(tree):
        if isinstance(node, COMPUTE):
            return False
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            root = called.split(".")[0]
            if called == "print" or (isinstance(node.func, ast.Name) and not hasattr(builtins, called)):
                return False
            if root in modules and root not in PRESENT and called not in PRESENT:
                return False
    return True


def is_verdict(source):
    return "quiz.verdict(guess," in "".join(source.split())


def imported(sources):
    """The names under which a notebook's cells import modules."""
    found = re.findall(r"^(?:from \S+ )?import (\(.*?\)|.*)$", "\n".join(sources), re.MULTILINE | re.DOTALL)
    return {name.split(" as ")[-1].strip(" ()\n") for names in found for name in names.split(",")}


def opens(node):
    return isinstance(node, nodes.paragraph) and node.astext().startswith("Predict.")


def question(guess):
    """The list of options above a guess cell and what identifies the question; (None, "") without either."""
    before = guess.parent.children[: guess.parent.index(guess)]
    lists = [node for node in before if isinstance(node, nodes.bullet_list)]
    starts = [i for i, node in enumerate(before) if opens(node)]
    if not lists or not starts or before.index(lists[-1]) < starts[-1]:
        return None, ""
    asked = " ".join(node.astext() for node in before[starts[-1] : before.index(lists[-1]) + 1])
    return lists[-1], hashlib.sha256(asked.encode()).hexdigest()[:8]


def answer(guess, sources):
    """The code cells from a guess to its verdict, the verdict last, and the outcome; ([], None) without a verdict."""
    passed = []
    for node in guess.parent.children[guess.parent.index(guess) + 1 :]:
        if node in sources:
            passed.append(node)
            if is_verdict(sources[node]):
                shown = " ".join(raw.astext() for raw in node.findall(nodes.raw))
                outcome = re.search(r'data-outcome="(\w)"', shown)
                return passed, outcome and outcome[1]
    return [], None


def told(verdict):
    """The text from "What happened" behind a verdict to the next heading, cell or question, one block; or nothing."""
    after = verdict.parent.children[verdict.parent.index(verdict) + 1 :]
    if not after or not after[0].astext().startswith("What happened"):
        return []
    ends = (i for i, node in enumerate(after) if isinstance(node, (nodes.section, nodes.container)) or opens(node))
    block = nodes.container(classes=["told"])
    block.extend(after[: next(ends, len(after))])
    for node in block.children:
        verdict.parent.remove(node)
    verdict.parent.insert(verdict.parent.index(verdict) + 1, block)
    return [block]


def ask(guess, sources, docname):
    """Put the place to commit where the guess cell stands, and mark what waits for it."""
    options, digest = question(guess)
    covered, outcome = answer(guess, sources)
    letters = [item.astext()[1:2] for item in options.children if item.astext()[2:4] == ") "] if options else []
    if letters != list("abcdef"[: len(letters)]) or len(letters) < 2 or len(letters) != len(options):
        logger.warning("no list of options (a), (b), … after **Predict.** above a guess cell", location=guess.parent)
    elif outcome not in letters:
        logger.warning("no verdict on one of (%s) after a guess", ", ".join(letters), location=guess.parent)
    else:
        options["classes"].append("choices")
        options["ids"].append(f"choices-{digest}")
        for node in [*covered, *told(covered[-1])]:
            node["classes"].append("awaits")
        place = f'<div class="commit" data-question="{digest}" data-page="{docname}"></div>'
        guess.parent.replace(guess, nodes.raw("", place, format="html", prediction=f"{digest}:{outcome}"))


def reshape(app, doctree):
    sources = dict(cells(doctree))
    modules = imported(sources.values())
    for cell, source in sources.items():
        if source.startswith('guess = "?"'):
            ask(cell, sources, app.env.docname)
        elif is_verdict(source) or only_presents(source, modules):
            cell.setdefault("hide_mode", "input")
            cell["prompt_show"], cell["prompt_hide"] = "Show the code", "Hide the code"
        elif cell.get("hide_mode") == "all":
            cell["prompt_show"], cell["prompt_hide"] = "Show a solution", "Hide the solution"


def asked(env, docname):
    """The predictions of a page: "question:outcome" for each."""
    return [raw["prediction"] for raw in env.get_doctree(docname).findall(nodes.raw) if "prediction" in raw]


def tally(app):
    """For each page that asks, a line with what it asks, which asked.js turns into the reader's tally."""
    lines = []
    for docname in app.env.toctree_includes.get(app.config.root_doc, []):
        questions = asked(app.env, docname)
        if questions:
            address = app.builder.get_relative_uri(app.config.root_doc, docname)
            title = html.escape(app.env.titles[docname].astext())
            lines.append(
                f'<li data-questions="{" ".join(questions)}"><a href="{address}">{title}</a>: '
                f"<span>{len(questions)} predictions</span></li>"
            )
    return f'<ul id="tally">{"".join(lines)}</ul>'


def scripts(app, pagename, template, context, doctree):
    """The script and the styles, on the pages that use them."""
    root = pagename == app.config.root_doc
    if root and context.get("body"):
        context["body"] = context["body"].replace('<div id="tally"></div>', tally(app))
    if root or (doctree is not None and 'class="commit"' in context.get("body", "")):
        app.add_js_file("asked.js")
        app.add_css_file("asked.css")


def setup(app):
    app.connect("doctree-read", reshape)
    app.connect("html-page-context", scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
