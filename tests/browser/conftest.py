"""The rendered book in a real browser: a local server, pages that write down what they say and
fetch, and what several tests do or ask.
"""

import contextlib
import functools
import http.server
import threading
from pathlib import Path

import chromium
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "_build/html"
LATER = 500  # ms, until the theme's script has made what scrolls reachable by Tab


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/favicon.ico":  # every browser asks for it; the book has none
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def serve(folder):
    """Where a folder is served: http://127.0.0.1:port."""
    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def address():
    assert (BOOK / "index.html").is_file(), f"no book in {BOOK}: run `make book` first"
    with serve(BOOK) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    path = chromium.find()
    assert path, chromium.MISSING
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@contextlib.contextmanager
def visit(browser, address, width=1280, color_scheme="light", **context):
    """A page that may ask `address` and nobody else. `page.complaints` collects errors, warnings
    and such requests.
    """
    context |= dict(base_url=address, color_scheme=color_scheme)
    context = browser.new_context(viewport={"width": width, "height": 900}, **context)
    page = context.new_page()
    page.complaints = []

    def only_ours(route):
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            page.complaints.append(f"asks for {route.request.url}")
            route.abort()

    def note(message):
        if message.type in ("error", "warning"):
            page.complaints.append(f"says {message.text} ({message.location.get('url')})")

    def called(socket):
        if not socket.url.startswith(address.replace("http", "ws", 1)):
            page.complaints.append(f"calls {socket.url}")

    context.route("**/*", only_ours)
    page.on("pageerror", lambda error: page.complaints.append(f"throws {error}"))
    page.on("console", note)
    page.on("websocket", called)
    yield page
    context.close()


@pytest.fixture
def page(browser, address):
    """A page in light mode, 1280 wide, that in the end must have said nothing: see `visit`."""
    with visit(browser, address) as page:
        yield page
        assert page.complaints == []


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def predict(page, letter=None):
    """Answer the first prediction that is still open, or have it shown."""
    place = page.locator(".commit:has(button)").first
    if letter:
        page.locator(f"#choices-{place.get_attribute('data-question')} [value={letter}]").check()
    place.get_by_role("button", name="my guess" if letter else "Just show me").click()


def look(page, width, scheme):
    """Resize the page, and switch the system, which it follows, to light or dark."""
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(
        "scheme => document.documentElement.dataset.theme === scheme", arg=scheme
    )
    if page.viewport_size["width"] != width:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(LATER)


AXE = """async (options) => {
    const found = await axe.run({ exclude: ["figure.microdlrm svg", "math"] }, options);
    return found.violations
        .filter((rule) => ["serious", "critical"].includes(rule.impact))
        .flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)}`));
}"""


def objections(page, **options):
    """What axe calls serious or critical. A figure is one picture to it, and so is a formula."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    return page.evaluate(AXE, {"resultTypes": ["violations"], "preload": False, **options})
