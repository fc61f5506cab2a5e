"""What a keyboard and a screen reader need and the theme leaves out: a name for the arrows that
unfold the table of contents, and a way to scroll a table that is wider than its place."""

UNNAMED, NAMED = "<summary>", '<summary aria-label="Pages below this one">'
TABLE = 'class="pst-scrollable-table-container"'
REACHABLE = f'{TABLE} tabindex="0" role="region" aria-label="Table"'


def mend(app, pagename, templatename, context, doctree):
    if contents := context.get("generate_toctree_html"):
        context["generate_toctree_html"] = lambda *args, **more: str(
            contents(*args, **more)
        ).replace(UNNAMED, NAMED)
    if "body" in context:
        context["body"] = context["body"].replace(TABLE, REACHABLE)


def setup(app):
    app.connect("html-page-context", mend, priority=900)  # behind the theme
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
