"""Lead a link to the glossary to its term: `[bags](../book/glossary.md)` to the entry "bag".

Notebooks can't use the role {term}, which JupyterLab would show as it stands. They link to the
page, and here the link's own words find the entry. Words that the glossary doesn't explain are a
warning, so that the build fails.
"""

from docutils import nodes
from sphinx.util import logging

GLOSSARY = "book/glossary"
logger = logging.getLogger(__name__)


def find(words, terms):
    """The id of the entry for `words`, in the singular or as they stand; None if there is none."""
    words = " ".join(words.lower().split())
    for form in (words, words.removesuffix("s"), words.removesuffix("es")):
        if form in terms:
            return terms[form]
    return None


def lead_to_terms(app, doctree, docname):
    objects = app.env.domains["std"].objects
    terms = {name.lower(): where[1] for (kind, name), where in objects.items() if kind == "term"}
    page = app.builder.get_relative_uri(docname, GLOSSARY)
    for link in doctree.findall(nodes.reference):
        if link.get("refuri") != page or docname == GLOSSARY:
            continue
        words = link.astext()
        if words.lower() == "glossary":
            continue
        if entry := find(words, terms):
            link["refuri"] = f"{page}#{entry}"
        else:
            logger.warning("the glossary doesn't explain %r", words, location=link)


def setup(app):
    app.connect("doctree-resolved", lead_to_terms)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
