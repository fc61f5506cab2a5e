"""What some readers need and the theme leaves out: a name for the arrows that unfold the table of
contents, a way to scroll wide tables by keyboard, and a page that works where nothing is stored."""

UNNAMED, NAMED = "<summary>", '<summary aria-label="Pages below this one">'
TABLE = 'class="pst-scrollable-table-container"'
REACHABLE = f'{TABLE} tabindex="0" role="region" aria-label="Table"'

# In a frame, or with cookies blocked, a browser may refuse storage; search and theme stop at that.
STORAGE = """<script>
  for (const name of ["localStorage", "sessionStorage"]) {
    try { window[name]; } catch {
      const kept = new Map(), value = {
        getItem: (key) => kept.get(key) ?? null,
        setItem: (key, text) => kept.set(key, String(text)),
        removeItem: (key) => kept.delete(key),
        forgets: true, // when the reader leaves the page
      };
      Object.defineProperty(window, name, { value });
    }
  }
</script>"""


def mend(app, pagename, templatename, context, doctree):
    context["metatags"] = STORAGE + context.get("metatags", "")  # ahead of the theme's scripts
    if contents := context.get("generate_toctree_html"):
        context["generate_toctree_html"] = lambda *args, **more: str(
            contents(*args, **more)
        ).replace(UNNAMED, NAMED)
    if "body" in context:
        context["body"] = context["body"].replace(TABLE, REACHABLE)


def setup(app):
    app.connect("html-page-context", mend, priority=900)  # behind the theme
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
