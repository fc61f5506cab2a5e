"""Check the rendered book: `python tests/rendered_book.py _build/html`, the last step of `make
book`.

A page may load nothing from the network, and not much in all; every local link and every file it
names must exist; and every picture must have a text alternative. Sphinx checks the links that it
made itself; the ones in HTML, in notebooks' outputs and in styles are ours to check.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = {  # what a browser fetches without being asked
    ("script", "src"), ("link", "href"), ("img", "src"), ("source", "src"), ("iframe", "src"),
    ("embed", "src"),
    ("video", "src"), ("audio", "src"), ("object", "data"), ("image", "href"), ("use", "href"),
    ("use", "xlink:href"), ("image", "xlink:href"),
}  # fmt: skip
STYLE_URL = re.compile(r"""(?:@import\s+(?:url\()?|url\()\s*["']?([^"')\s;]+)""")
SCRIPT_URL = re.compile(
    r"""(?:\bimport\b\s*\(?|\bfetch\(|\.src\s*=)\s*["']((?:https?:)?//[^"']*)"""
)
# Bytes that a page may take, uncompressed: the first that one opens, and one more, when what all
# pages load is cached.
FIRST, FURTHER = 1_500_000, 500_000


class Page(HTMLParser):
    """What one page loads, links to and names, and which pictures on it say nothing."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.links, self.ids, self.mute = [], [], set(), []
        self.inside = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.inside = tag if tag in ("script", "style") else None
        if values.get("id"):
            self.ids.add(values["id"])
        if tag == "a" and values.get("name"):
            self.ids.add(values["name"])
        for name, value in attributes:
            if (
                (tag, name) in LOADING
                and value
                and values.get("rel") not in ("canonical", "next", "prev", "alternate")
            ):
                self.loads.append(value)
            if name == "style" and value:
                self.loads += STYLE_URL.findall(value)
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if (
            tag == "img"
            and not values.get("alt", "").strip()
            and values.get("role") != "presentation"
        ):
            self.mute.append(values.get("src"))
        if tag == "figure" or (tag == "svg" and values.get("role") == "img"):
            return
        if values.get("role") == "img" and not (
            values.get("aria-label") or values.get("aria-labelledby")
        ):
            self.mute.append(f"<{tag} role=img>")

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "style":
            self.loads += STYLE_URL.findall(data)
        if self.inside == "script":
            self.loads += SCRIPT_URL.findall(data)


def is_remote(url):
    """Whether a browser would go to the network for `url`."""
    return urlsplit(url).scheme in ("http", "https", "ws", "wss") or url.startswith("//")


def local(path, url):
    """The file that `url` means on the page or in the style `path`; None elsewhere."""
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return None
    return (path.parent / unquote(parts.path)).resolve() if parts.path else path


def loaded(path, page):
    """The files that a browser fetches for a page, itself among them."""
    files = {path} | {local(path, url) for url in page.loads}
    for style in [file for file in files if file and file.suffix == ".css" and file.is_file()]:
        urls = STYLE_URL.findall(style.read_text(encoding="utf-8"))
        files |= {local(style, url) for url in urls}
    return {file for file in files if file and file.is_file()}


def problems(root):
    """One line for each thing wrong with the book in the folder `root`."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(root.rglob("*.html"))}
    pages = {p: page for p, page in pages.items() if "_static" not in p.relative_to(root).parts}
    if not pages:
        yield f"{root}: no page here"
    files = {path: loaded(path, page) for path, page in pages.items() if page.loads}
    cached = set.intersection(*files.values()) if files else set()
    for path, page in pages.items():
        where = path.relative_to(root)
        for url in page.loads:
            if is_remote(url):
                yield f"{where}: loads {url} from the network"
        for picture in page.mute:
            yield f"{where}: no text alternative for {picture}"
        for url in page.links + page.loads:
            place = unquote(urlsplit(url).fragment)
            target = local(path, url)
            if target and not target.exists():
                yield f"{where}: {url} leads nowhere"
            elif target in pages and place and place not in pages[target].ids | {"top"}:
                yield f"{where}: {url}: the page is there, the place isn't"
        for needed, most in (
            (files.get(path, set()), FIRST),
            (files.get(path, set()) - cached, FURTHER),
        ):
            if (size := sum(file.stat().st_size for file in needed)) > most:
                yield f"{where}: {size / 1e3:.0f} kB to load, where {most / 1e3:.0f} are allowed"
    for path in sorted(root.glob("_static/**/*.css")):
        for url in STYLE_URL.findall(path.read_text(encoding="utf-8")):
            if is_remote(url):
                yield f"{path.relative_to(root)}: loads {url} from the network"


def main(arguments):
    root = Path(arguments[0] if arguments else "_build/html").resolve()
    found = list(problems(root))
    print("\n".join(found), file=sys.stderr)
    if not found:
        print(
            f"{len(list(root.rglob('*.html')))} pages: nothing loads from the network, every link "
            "leads somewhere."
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
