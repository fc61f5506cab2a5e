"""What the course hands to others: the teacher's schedules, the slides, how to cite it."""

import html
import json
import re
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import nbformat
import pytest
import slides
import yaml

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TEACHERS = (ROOT / "book/teachers.md").read_text(encoding="utf-8")


def minutes(path):
    """What a chapter says of itself: minutes to read and run, minutes for its exercises."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"][:3]
    opening = "\n".join("".join(cell["source"]) for cell in cells)
    return tuple(map(int, re.search(r"\*\*Minutes\*\* (\d+)\D+(\d+)", opening).groups()))


# --- the teacher's guide ---

SCHEDULES = {}  # by title, the rows, cell by cell
for title, text in re.findall(r"^### (A .+)\n([^#]+)", TEACHERS, re.MULTILINE):
    lines = re.findall(r"^\|(.*)\|$", text, re.MULTILINE)[2:]
    SCHEDULES[title] = [[cell.strip(" *") for cell in line.split("|")] for line in lines]


@pytest.mark.parametrize("title", SCHEDULES)
def test_a_schedule_takes_the_minutes_that_its_chapters_say(title):
    *parts, total = SCHEDULES[title]
    columns = [index for index, cell in enumerate(total) if cell.isdigit()]
    for index in columns:
        assert sum(int(row[index]) for row in parts) == int(total[index])
    met = []
    for row in parts:
        if chapter := re.search(r"\(\.\./(notebooks/\w+\.ipynb)\)(.*)", " ".join(row)):
            read, exercises = minutes(ROOT / chapter[1])
            due = [exercises if "exercises" in chapter[2] else read]
            due = [read, exercises] if len(columns) == 2 else due
            assert [int(row[index]) for index in columns] == due, row
            met.append(chapter[1])
    assert met == sorted(met), "a chapter before one that it needs"
    for said, allowed in (("two hours", 120), ("half a day", 240)):
        assert said not in title or int(total[columns[0]]) == allowed


def test_every_question_has_an_answer_in_the_course():
    questions = TEACHERS.split("## Questions that classes ask")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (?![\"-])(.+) \| (.+) \|$", questions, re.MULTILINE)
    assert len(rows) >= 10
    for question, answer in rows:
        assert re.search(r"\]\((\.\./notebooks/\w+\.ipynb#[\w-]+|\w+\.md)", answer), question


# --- the slides ---


def figure(alt="Two bars", caption="Bars &amp; more"):
    size = 'width="100%" style="max-width: 46rem" viewBox="0 0 9 4"'
    path = '<path fill="currentColor" d="M 0 0"/>'
    svg = f'<svg {size} xmlns="http://www.w3.org/2000/svg">{path}</svg>'
    return (
        f'<figure class="microdlrm"><div role="img" aria-label="{alt}">{svg}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def executed(*outputs):
    """A notebook of one chapter and two sections, the second of which shows `outputs`."""
    new = nbformat.v4
    shown = [new.new_output("display_data", {"text/html": text}) for text in outputs]
    return new.new_notebook(cells=[
        new.new_markdown_cell("# 1. Clicks\n\n## What for?"),
        new.new_code_cell("1", outputs=[new.new_output("stream", text="no figure")]),
        new.new_markdown_cell("## Who <rates>?"),
        new.new_code_cell("2", outputs=shown),
    ])  # fmt: skip


def test_each_figure_is_a_slide_and_a_file(tmp_path):
    two = figure(alt="Two bars &lt; three"), figure(caption="The second")
    assert slides.write(tmp_path / "deck", {"01_clicks": executed("<p>a table</p>", *two)}) == 2
    deck = (tmp_path / "deck/index.html").read_text(encoding="utf-8")
    for words in ("1. Clicks", "Who &lt;rates&gt;?", "Bars &amp; more", "The second"):
        assert words in deck
    assert "What for?" not in deck
    for name, alt in (("01_clicks-01.svg", "Two bars < three"), ("01_clicks-02.svg", "Two bars")):
        assert f'src="{name}" alt="{html.escape(alt)}"' in deck
        root = ElementTree.parse(tmp_path / "deck" / name).getroot()  # well-formed, on its own
        assert root.find("{http://www.w3.org/2000/svg}title").text == alt
        assert "width" not in root.attrib
        assert root.attrib["color"]


def test_a_figure_without_its_words_is_refused():
    with pytest.raises(ValueError, match="Who <rates>"):
        slides.figures(executed(figure().replace("aria-label", "data-label")))


def test_slides_of_a_book_that_was_not_built(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(slides, "CACHE", tmp_path / "cache")
    assert slides.main([str(tmp_path / "deck"), str(CHAPTERS[0])]) == 1
    assert "make book" in capsys.readouterr().err


# --- citation, contributing ---


def test_how_to_cite_it():
    """What the Citation File Format 1.2.0 requires, and what must not drift from the package."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["license"] == ["MIT", "CC-BY-4.0"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert str(citation["version"]) == project["version"]
    book = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert citation["authors"] == [{"name": book["author"]}]


def test_what_contributing_names_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:book|tests|microdlrm)/[a-z_/.-]*)`|\]\(([^)]+)\)", text)
    assert len(named) > 5
    for path, link in named:
        assert (ROOT / (path or link)).exists(), path or link


def test_the_first_page_says_the_minutes_that_the_chapters_say():
    intro = (ROOT / "book/intro.md").read_text(encoding="utf-8")
    said = [tuple(map(int, row)) for row in re.findall(r"\| (\d+) \+ (\d+) \| <span", intro)]
    assert said == [minutes(path) for path in CHAPTERS]
    assert "{} + {} in all".format(*map(sum, zip(*said, strict=True))) in intro
