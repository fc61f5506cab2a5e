"""The book's figures as slides: `python book/slides.py FOLDER NOTEBOOK ...`, what `make slides`
does.

Each figure of the notebooks, as the book's build has executed them, becomes an SVG file, which any
slide program takes, and a slide of FOLDER's index.html: the question of its section, the figure,
its caption. Arrow keys and space go through them; printing gives one a page.
"""

import html
import re
import sys
from pathlib import Path
from typing import NamedTuple

from execute_ahead import CACHE, read
from jupyter_cache import get_cache
from nbformat import NotebookNode

FIGURE = re.compile(r'<figure class="microdlrm.*?</figure>', re.DOTALL)
PARTS = re.compile(
    r'<div role="img" aria-label="([^"]*)">\s*(<svg.*?</svg>)\s*</div>'
    r"\s*<figcaption>(.*?)</figcaption>",
    re.DOTALL,
)
DECK = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>microDLRM: the figures</title>
<style>
  html {{ scroll-snap-type: y mandatory; font: 1.3rem/1.4 system-ui, sans-serif; }}
  body {{ margin: 0; color: #111; background: #fff; }}
  section {{ box-sizing: border-box; height: 100vh; padding: 3vh 5vw; scroll-snap-align: start;
    display: flex; flex-direction: column; gap: 2vh; break-after: page; }}
  section p {{ margin: 0; color: #555; font-size: .7em; }}
  h1, h2 {{ margin: 0; font-size: 1.6em; line-height: 1.2; }}
  figure {{ margin: 0; flex: 1; min-height: 0; display: flex; flex-direction: column; gap: 2vh; }}
  img {{ flex: 1; min-height: 0; max-width: 100%; object-fit: contain; }}
</style>
</head>
<body>
{slides}
<script>
  const slides = [...document.querySelectorAll("section")];
  const step = {{ ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1 }};
  Object.assign(step, {{ ArrowLeft: -1, ArrowUp: -1, PageUp: -1 }});
  addEventListener("keydown", (event) => {{
    if (!step[event.key]) return;
    event.preventDefault();
    const now = slides.findIndex((slide) => slide.getBoundingClientRect().bottom > 1);
    slides[now + step[event.key]]?.scrollIntoView();
  }});
</script>
</body>
</html>
"""
SLIDE = """<section>
<p>{chapter}</p>
<h2>{question}</h2>
<figure><img src="{file}" alt="{alt}"><figcaption>{caption}</figcaption></figure>
</section>"""


class Figure(NamedTuple):
    chapter: str
    question: str
    alt: str
    svg: str
    caption: str


def figures(notebook: NotebookNode) -> list[Figure]:
    """What an executed notebook shows, in order. Raises ValueError for a figure without its
    parts.
    """
    found, chapter, question = [], "", ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for hashes, words in re.findall(r"^(#+) (.+)$", cell.source, re.MULTILINE):
                chapter, question = (words, words) if hashes == "#" else (chapter, words)
            continue
        for output in cell.get("outputs", []):
            for figure in FIGURE.findall("".join(output.get("data", {}).get("text/html", ""))):
                parts = PARTS.search(figure)
                if parts is None:
                    raise ValueError(
                        f"{chapter}, {question}: a figure without a picture, caption and "
                        "alternative"
                    )
                alt, svg, caption = parts.groups()
                found.append(
                    Figure(chapter, question, html.unescape(alt), svg, html.unescape(caption))
                )
    return found


def alone(figure: Figure) -> str:
    """The SVG as a file of its own: black ink, its own size, its text alternative inside."""
    svg = re.sub(r' width="100%" style="[^"]*"', ' color="#111"', figure.svg, count=1)
    if "xmlns=" not in svg.split(">")[0]:
        svg = svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return svg.replace(">", f"><title>{html.escape(figure.alt)}</title>", 1)


def write(folder: Path, notebooks: dict[str, NotebookNode]) -> int:
    """Write the deck of the executed `notebooks` and its pictures into `folder`; returns how
    many.
    """
    folder.mkdir(parents=True, exist_ok=True)
    slides = []
    for name, notebook in notebooks.items():
        for number, figure in enumerate(figures(notebook), start=1):
            file = f"{name}-{number:02}.svg"
            (folder / file).write_text(alone(figure), encoding="utf-8")
            words = {
                name: html.escape(getattr(figure, name))
                for name in ("chapter", "question", "alt", "caption")
            }
            slides.append(SLIDE.format(file=file, **words))
    (folder / "index.html").write_text(DECK.format(slides="\n".join(slides)), encoding="utf-8")
    return len(slides)


def main(arguments: list[str]) -> int:
    folder, *paths = map(Path, arguments)
    cache = get_cache(str(CACHE))
    try:
        executed = {
            path.stem: cache.merge_match_into_notebook(read(path))[1] for path in sorted(paths)
        }
    except KeyError:
        print("The book isn't built: run `make book` first.", file=sys.stderr)
        return 1
    count = write(folder, executed)
    print(f"{count} figures. Open {folder / 'index.html'}, or take the SVG files beside it.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
