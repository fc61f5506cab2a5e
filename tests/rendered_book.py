"""Check the rendered book: `python tests/rendered_book.py _build/html`, the last step of `make
book`.

A page may load nothing from the network (what scripts fetch, the tests in the browser see), and not
much in all; every local link and every file it names must exist; and every picture must have a text
alternative. Sphinx checks the links that it made itself; the ones in HTML, in notebooks' outputs
and in styles are ours to check.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = ("src", "href", "xlink:href", "data")  # what a browser fetches; but <a href> it doesn't
ONLY_NAMED = ("canonical", "next", "prev", "alternate")
STYLE_URL = re.compile(r"""(?:@import\s+(?:url\()?|url\()\s*["']?([^"')\s;]+)""")
# Bytes that a page may take, uncompressed: the first that one opens, and one more, when what all
# pages load is cached.
FIRST, FURTHER = 1_500_000, 500_000


class Page(HTMLParser):
    """What one page loads, links to and names, and which pictures on it say nothing."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.links, self.ids, self.mute = [], [], {"top"}, []
        self.in_style = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.in_style = tag == "style"
        values = {name: value.strip() for name, value in attributes if value and value.strip()}
        self.ids.add(values.get("id"))
        self.loads += STYLE_URL.findall(values.get("style", ""))
        if tag == "a":
            self.links += [values["href"]] if "href" in values else []
        elif values.get("rel") not in ONLY_NAMED:
            self.loads += [values[name] for name in LOADING if name in values]
        named = "aria-label" in values or "aria-labelledby" in values
        if tag == "img" and values.get("role") != "presentation" and "alt" not in values:
            self.mute.append(values.get("src"))
        # An <svg> that a script draws gets its label from there.
        elif values.get("role") == "img" and tag not in ("img", "svg") and not named:
            self.mute.append(f"<{tag} role=img>")

    def handle_data(self, data):
        if self.in_style:
            self.loads += STYLE_URL.findall(data)


def is_remote(url):
    """Whether a browser would go to the network for `url`."""
    return urlsplit(url).scheme in ("http", "https", "ws", "wss") or url.startswith("//")


def local(path, url):
    """The file that `url` means on the page or in the style `path`; None elsewhere."""
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return None
    return (path.parent / unquote(parts.path)).resolve() if parts.path else path


def urls_of(style):
    return STYLE_URL.findall(style.read_text(encoding="utf-8"))


def loaded(path, page):
    """The files that a browser fetches for a page, itself among them."""
    files = {path} | {local(path, url) for url in page.loads}
    files = {file for file in files if file and file.is_file()}
    styles = [file for file in files if file.suffix == ".css"]
    named = {local(style, url) for style in styles for url in urls_of(style)}
    return files | {file for file in named if file and file.is_file()}


def problems(root):
    """One line for each thing wrong with the book in the folder `root`."""
    paths = [p for p in sorted(root.rglob("*.html")) if "_static" not in p.relative_to(root).parts]
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in paths}
    if not pages:
        yield f"{root}: no page here"
    files = {path: loaded(path, page) for path, page in pages.items() if page.loads}
    cached = set.intersection(*files.values()) if files else set()
    for path, page in pages.items():
        where = path.relative_to(root)
        yield from (f"{where}: no text alternative for {picture}" for picture in page.mute)
        for url in page.links + page.loads:
            place, target = unquote(urlsplit(url).fragment), local(path, url)
            if target and not target.exists():
                yield f"{where}: {url} leads nowhere"
            elif target in pages and place and place not in pages[target].ids:
                yield f"{where}: {url}: the page is there, the place isn't"
        needed = files.get(path, set())
        for need, most in ((needed, FIRST), (needed - cached, FURTHER)):
            if (size := sum(file.stat().st_size for file in need)) > most:
                yield f"{where}: {size / 1e3:.0f} kB to load, where {most / 1e3:.0f} are allowed"
    loads = {path: page.loads for path, page in pages.items()}
    loads |= {style: urls_of(style) for style in sorted(root.glob("_static/**/*.css"))}
    for path, urls in loads.items():
        for url in filter(is_remote, urls):
            yield f"{path.relative_to(root)}: loads {url} from the network"


if __name__ == "__main__":
    found = list(problems(Path(sys.argv[1]).resolve()))
    print("\n".join(found) or "Nothing loads from the network, every link leads somewhere.")
    sys.exit(bool(found))
