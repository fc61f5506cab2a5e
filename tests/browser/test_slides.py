"""The slide deck in a real browser: every picture shows, the keys go through it, and it prints one
figure a page.
"""

import conftest
import pytest
import slides

NOTEBOOKS = sorted((conftest.ROOT / "notebooks").glob("[01]*.ipynb"))
TOP = "sections => sections.findIndex((each) => Math.abs(each.getBoundingClientRect().top) < 2)"
FLAWED = """pictures => pictures.filter((picture) => {
    const own = picture.getBoundingClientRect();
    const slide = picture.closest("section").getBoundingClientRect();
    const inside = own.bottom <= slide.bottom + 1 && own.right <= slide.right + 1;
    return !picture.naturalWidth || own.height < 200 || !inside;
}).map((picture) => picture.src)"""


@pytest.fixture
def sections(browser, tmp_path):
    """The sections of what `make slides` writes from the book as it is built."""
    assert slides.main([str(tmp_path), *map(str, NOTEBOOKS)]) == 0
    with conftest.serve(tmp_path) as deck, conftest.visit(browser, deck) as page:
        page.goto(deck, wait_until="load")
        yield page.locator("section")
        assert page.complaints == []


def test_the_deck(sections):
    page, pictures = sections.page, sections.locator("img")
    assert pictures.count() == sections.count() >= 3 * len(NOTEBOOKS)
    assert pictures.evaluate_all(FLAWED) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    places = []
    for key in ("ArrowLeft", "ArrowRight", "Space", "PageDown", "ArrowUp"):
        page.keyboard.press(key)
        page.wait_for_timeout(100)
        places.append(sections.evaluate_all(TOP))
    assert places == [0, 1, 2, 3, 2]
    for _ in range(sections.count() + 3):
        page.keyboard.press("ArrowDown")
    page.wait_for_timeout(300)
    assert sections.evaluate_all(TOP) == sections.count() - 1
    printed = page.pdf(landscape=True, print_background=True)
    pages = printed.count(b"/Type /Page") - printed.count(b"/Type /Pages")
    assert pages == sections.count()
