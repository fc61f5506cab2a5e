"""Give the arrows that unfold the table of contents a name: the theme leaves them to the eye alone."""

NAMED = '<summary aria-label="Pages below this one">'


def name_toggles(app, pagename, templatename, context, doctree):
    if contents := context.get("generate_toctree_html"):
        context["generate_toctree_html"] = lambda *args, **more: str(contents(*args, **more)).replace("<summary>", NAMED)


def setup(app):
    app.connect("html-page-context", name_toggles, priority=900)  # behind the theme
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
