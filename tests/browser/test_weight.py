"""What a page weighs: the bytes that come over the wire from a server that compresses nothing, with an empty cache
and with that of a reader who has seen another chapter."""

from pathlib import Path

import pytest

BOOK = Path(__file__).resolve().parents[2] / "_build/html"
PAGES = sorted(
    path.relative_to(BOOK).as_posix()
    for path in BOOK.rglob("*.html")
    if "_static" not in path.relative_to(BOOK).parts and 'http-equiv="Refresh"' not in path.read_text(encoding="utf-8")
)
FIRST, FURTHER = 1_500_000, 500_000  # bytes


def weigh(context, address, name):
    """The bytes that a visit transfers, headers and all, and what they went to."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    urls, loaded = {}, []
    session.on("Network.requestWillBeSent", lambda event: urls.update({event["requestId"]: event["request"]["url"]}))
    session.on(
        "Network.loadingFinished",
        lambda event: loaded.append((int(event["encodedDataLength"]), urls[event["requestId"]].replace(address, ""))),
    )
    page.goto(f"{address}/{name}")
    for _ in range(10):  # what loads only when it comes into view counts as well
        page.evaluate("window.scrollBy(0, document.documentElement.scrollHeight / 10)")
        page.wait_for_timeout(20)
    page.wait_for_load_state("networkidle")
    page.close()
    assert any(url.endswith(name) and n > 1000 for n, url in loaded), "the page itself wasn't weighed"
    return sum(n for n, _ in loaded), sorted(loaded, reverse=True)[:6]


@pytest.fixture(scope="module")
def reader(browser, address):
    """A browser that has seen a chapter, and keeps in its cache what it meets."""
    with browser.new_context() as context:
        weigh(context, address, "notebooks/03_mlps.html?before")  # another address: the chapter itself is new
        yield context


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light(browser, reader, address, name, capsys):
    with browser.new_context() as context:
        alone, heaviest = weigh(context, address, name)
    further, rest = weigh(reader, address, name)
    with capsys.disabled():
        print(f"\n{name:50} first {alone / 1e3:6.0f} kB   further {further / 1e3:6.0f} kB", end="")
    assert alone <= FIRST, heaviest
    assert further <= FURTHER, rest
    assert further < alone, "nothing was taken from the cache"
