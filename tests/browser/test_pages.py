"""Every page of the book: silent, self-contained, its formulas set, as wide as the screen, light and dark;
and nothing in what the course wrote that axe objects to (the theme's own frame is not ours to mend)."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

BOOK = Path(__file__).resolve().parents[2] / "_build/html"
PAGES = sorted(
    path.relative_to(BOOK).as_posix() for path in BOOK.rglob("*.html") if "_static" not in path.relative_to(BOOK).parts
)
FORMULAS = """async () => {
    const formulas = [...document.querySelectorAll(".math")];
    if (formulas.length) await MathJax.startup.promise;
    const broken = (formula) => !formula.querySelector("mjx-container") || formula.querySelector("mjx-merror");
    return formulas.filter(broken).map((formula) => formula.textContent);
}"""
GROUND = "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number)"


def too_wide(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def flaws(page):
    article, standard = "#main-content article", {"runOnly": ["wcag2a", "wcag2aa"], "preload": False}
    if not page.locator(article).count():  # the search page
        return []
    found = Axe().run(page, context=article, options=standard).response["violations"]
    return [f"{v['id']}: {node['html'][:120]}" for v in found for node in v["nodes"]]


def test_there_is_a_book():
    assert {"index.html", "book/explorer.html"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_works_in_the_browser(page, address, name):
    page.goto(f"{address}/{name}", wait_until="load")
    page.wait_for_load_state("networkidle")
    assert page.evaluate(FORMULAS) == [], "formulas that MathJax didn't set"
    assert too_wide(page) <= 0, "wider than a screen of 1280"
    assert sum(page.evaluate(GROUND)) > 600, "not light in light mode"
    assert flaws(page) == []
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert sum(page.evaluate(GROUND)) < 150, "not dark in dark mode"
    assert flaws(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(100)
    assert too_wide(page) <= 0, "wider than a screen of 390"
    assert page.complaints == []
