"""The slide deck in a real browser: every picture shows, the keys go through it, and it prints one
figure a page.
"""

import functools
import http.server
import threading

import conftest
import pytest
import slides

NOTEBOOKS = sorted((conftest.BOOK.parents[1] / "notebooks").glob("[01]*.ipynb"))
TOP = "sections => sections.findIndex((each) => Math.abs(each.getBoundingClientRect().top) < 2)"


@pytest.fixture(scope="module")
def deck(tmp_path_factory):
    """The address of what `make slides` writes from the book as it is built."""
    folder = tmp_path_factory.mktemp("deck")
    assert slides.main([str(folder), *map(str, NOTEBOOKS)]) == 0
    handler = functools.partial(conftest.Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def show(browser, deck):
    with conftest.visit(browser, deck, viewport={"width": 1280, "height": 720}) as page:
        page.goto(deck, wait_until="load")
        yield page
        assert page.complaints == []


def test_every_picture_is_there_and_fits_its_slide(show):
    pictures = show.locator("section img")
    assert pictures.count() == show.locator("section").count() >= 3 * len(NOTEBOOKS)
    flawed = """pictures => pictures.filter((picture) => {
        const own = picture.getBoundingClientRect();
        const slide = picture.closest("section").getBoundingClientRect();
        const inside = own.bottom <= slide.bottom + 1 && own.right <= slide.right + 1;
        return !picture.naturalWidth || own.height < 200 || !inside;
    }).map((picture) => picture.src)"""
    assert pictures.evaluate_all(flawed) == []
    assert show.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_keys_go_through_it_and_stop_at_its_ends(show):
    sections = show.locator("section")
    places = []
    for key in ("ArrowLeft", "ArrowRight", "Space", "PageDown", "ArrowUp"):
        show.keyboard.press(key)
        show.wait_for_timeout(100)
        places.append(sections.evaluate_all(TOP))
    assert places == [0, 1, 2, 3, 2]
    for _ in range(sections.count() + 3):
        show.keyboard.press("ArrowDown")
    show.wait_for_timeout(300)
    assert sections.evaluate_all(TOP) == sections.count() - 1


def test_it_prints_a_figure_a_page(show):
    printed = show.pdf(landscape=True, print_background=True)
    pages = printed.count(b"/Type /Page") - printed.count(b"/Type /Pages")
    assert pages == show.locator("section").count()
