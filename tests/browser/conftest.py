"""The rendered book in a real browser: a local server, and pages that write down what they say and
fetch.
"""

import contextlib
import functools
import http.server
import threading
from pathlib import Path

import chromium
import pytest
from playwright.sync_api import sync_playwright

BOOK = Path(__file__).resolve().parents[2] / "_build/html"
FLAGS = [  # a container has no sandbox, and nothing may call home
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/favicon.ico":  # every browser asks for it; the book has none
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def address():
    """Where the book is served: http://127.0.0.1:port."""
    assert (BOOK / "index.html").is_file(), f"no book in {BOOK}: run `make book` first"
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=BOOK)
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    path = chromium.find()
    assert path, chromium.MISSING
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def visit(browser, address, **context):
    """A page that may ask `address` and nobody else. `page.complaints` collects errors, warnings
    and such requests.
    """
    context = browser.new_context(**context)
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
    """A page in light mode, 1280 wide: see `visit`."""
    with visit(
        browser, address, viewport={"width": 1280, "height": 900}, color_scheme="light"
    ) as page:
        yield page
