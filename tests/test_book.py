"""The house around the course: what is pinned, what the pages promise, the picture, the two
commands.

The links between pages and the notebooks' cells are checked by `make book`, whose build fails on a
warning.
"""

import ast
import os
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from importlib import metadata
from pathlib import Path

import pytest
import rendered_book
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
needs_make = pytest.mark.skipif(
    os.name == "nt", reason="Windows does without make, see book/setup.md"
)


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


# --- what is pinned ---


def pins(name):
    """What a file of requirements pins: the packages and their versions."""
    lines = [line for line in read(name).splitlines() if line and not line.startswith(("#", "-e "))]
    found = [line.split("==") for line in lines]
    assert all(len(pin) == 2 and re.fullmatch(r"[0-9][0-9a-z.]*", pin[1]) for pin in found), name
    pinned = {canonicalize_name(package): version for package, version in found}
    assert len(pinned) == len(lines), f"{name} names a package twice"
    return pinned


def test_every_requirement_is_pinned_and_frozen():
    direct = pins("requirements.txt") | pins("requirements-browser.txt")
    frozen = pins("constraints.txt")
    assert direct.items() <= frozen.items()
    # Installed without their dependencies: all of them are listed.
    assert not pins("requirements-scale.txt").keys() & frozen.keys()


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def test_what_is_imported_is_required():
    # The browser's tests and TorchRec have requirements of their own, extensions what Jupyter Book
    # brings, and a learner imports what there isn't.
    elsewhere = {"browser", "extensions", "mistakes", "scale", "scaling"}
    files = [p for top in ("microdlrm", "book", "tests") for p in (ROOT / top).rglob("*.py")]
    names = {name for path in files if path.parent.name not in elsewhere for name in imported(path)}
    ours = {part for path in files for part in path.with_suffix("").parts}
    packages = metadata.packages_distributions()
    needed = {packages[name][0] for name in names - sys.stdlib_module_names - ours}
    needed |= {Requirement(dependency).name for dependency in PROJECT["dependencies"]}
    assert {canonicalize_name(name) for name in needed} <= pins("requirements.txt").keys()
    assert "-e ." in read("requirements.txt").splitlines()


def test_the_same_pythons_everywhere():
    versions = [name.split()[-1] for name in PROJECT["classifiers"]]
    assert PROJECT["requires-python"] == f">={versions[0]}"
    assert str(tuple(map(int, versions[0].split(".")))) in read("Makefile")
    for page in ("README.md", "book/setup.md"):
        said = set(re.findall(r"\b3\.\d\d\b", read(page)))
        assert {versions[0], versions[-1]} <= said <= set(versions), page


# --- the commands ---


def make(*arguments):
    # Not our own make's: a test must not inherit its flags and its targets.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    command = ["make", *arguments]
    return subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False)


@needs_make
def test_make_alone_tells_every_command_that_a_page_names():
    told = set(re.findall(r"^make ([a-z-]+)", make().stdout, re.MULTILINE))
    for page in [*ROOT.glob("*.md"), *ROOT.glob("book/*.md"), ROOT / ".ci/run"]:
        named = re.findall(r"(?:^|`)make (?:PYTHON=\S+ )?([a-z-]+)", read(page), re.MULTILINE)
        assert set(named) <= told, page.name


@needs_make
def test_an_old_python_is_refused_before_anything_is_made(tmp_path):
    version = "import sys; sys.version_info = (3, 10)"
    old = tmp_path / "python"
    old.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{version}; $2"\n')
    old.chmod(0o755)
    said = make("install", f"PYTHON={old}", f"VENV={tmp_path / 'environment'}")
    assert said.returncode != 0
    assert "3.11" in said.stderr
    assert not (tmp_path / "environment").exists()


# --- the pages ---


def test_readme_leads_somewhere():
    targets = re.findall(r"\]\(([^)\s]+)\)", read("README.md"))
    assert targets
    for target in targets:
        assert target.startswith("https://") or (ROOT / target).is_file(), target


def test_links_name_a_commit_or_a_release():
    """A link to a branch leads elsewhere tomorrow, or nowhere."""
    file = re.compile(r"github\.com/[\w.-]+/[\w.-]+/(?:blob|tree|raw)/([^/\s)\"'<>]+)")
    moving = re.compile(r"https://[\w.-]+/\S*?/(?:master|main|latest|nightly)/\S*")
    lasting = re.compile(r"[0-9a-f]{40}|v?\d+(\.\d+)+")
    pages = ("*.md", "data/*.md", "book/**/*.md", "notebooks/**/*.ipynb", "microdlrm/**/*.py")
    for path in [path for kind in pages for path in ROOT.glob(kind)]:
        wrong = [ref for ref in file.findall(read(path)) if not lasting.fullmatch(ref)]
        assert not wrong + moving.findall(read(path)), path.name


def test_what_the_package_cites_is_in_the_references():
    sections = re.split(r"^## ", read("book/references.md"), flags=re.M)[1:]
    known = set()
    for section in sections:
        authors, year = re.match(r"(.*) \((\d{4})\)\n", section).groups()
        known.add((re.split(r" and | et al", authors)[0].split()[-1], year))
        assert re.search(r"\]\(https://\S+\)", section), f"no address: {section[:40]}"
        assert re.search(r"^\*\S.*\*$", section, re.M), f"not said what for: {section[:40]}"
    assert sections == sorted(sections, key=str.lower)
    citation = r"\b([A-Z][a-z]+(?:-[A-Z][a-z]+)?) (?:et al\. |and [A-Z][a-z]+ )\(?(\d{4})\b"
    cited = {c for p in ROOT.glob("microdlrm/**/*.py") for c in re.findall(citation, read(p))}
    assert ("Naumov", "2019") in cited
    assert cited <= known, f"not in book/references.md: {cited - known}"


def test_architecture_picture_stands_alone():
    text = read("book/figures/architecture.svg")
    root = ElementTree.fromstring(text)
    for name in ("title", "desc"):
        assert root.find(f"{{http://www.w3.org/2000/svg}}{name}").text
    assert "prefers-color-scheme: dark" in text  # in the README it follows the system
    assert "currentColor" in text  # in the book it follows the page
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert all(name.startswith("architecture-") for name in ids)  # it is put into a page


# --- the check of the rendered book ---

GOOD = """<html><head><link rel="stylesheet" href="_static/a.css"><link rel="canonical"
href="https://example.org/"> <script src="_static/a.js"></script></head><body><h1 id="here">A</h1><a
href="#here">up</a> <a href="https://example.org/">elsewhere</a><img src="_static/a.png" alt="A
picture"> <div role="img" aria-label="Bars"><svg></svg></div></body></html>"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "_static").mkdir()
    for name in ("a.css", "a.js", "a.png"):
        (tmp_path / "_static" / name).write_text("")
    (tmp_path / "index.html").write_text(GOOD)
    assert list(rendered_book.problems(tmp_path)) == []
    return tmp_path


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ('<script src="https://example.org/a.js"></script>', "from the network"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "from the network"),
        ("<style>@import url('https://example.org/a.css');</style>", "from the network"),
        ('<p style="background: url(https://example.org/a.png)">', "from the network"),
        ('<img src="_static/a.png">', "no text alternative"),
        ('<div role="img"><svg></svg></div>', "no text alternative"),
        ('<a href="gone.html">', "leads nowhere"),
        ('<script src="_static/gone.js"></script>', "leads nowhere"),
        ('<a href="index.html#gone">', "the place isn't"),
    ],
)
def test_a_flaw_is_found(site, bad, complaint):
    (site / "index.html").write_text(GOOD.replace("</body>", bad + "</body>"))
    (found,) = rendered_book.problems(site)
    assert complaint in found


def test_a_style_that_loads_from_the_network_is_found(site):
    (site / "_static/a.css").write_text("@font-face { src: url(https://example.org/a.woff2) }")
    assert "from the network" in next(rendered_book.problems(site))


def test_a_page_that_weighs_too_much_is_found(site):
    (site / "_static/a.png").write_bytes(bytes(rendered_book.FURTHER))
    assert list(rendered_book.problems(site)) == []  # one page: all that it loads, all pages load
    (site / "other.html").write_text(GOOD.replace("a.png", "b.png"))
    (site / "_static/b.png").write_bytes(bytes(rendered_book.FURTHER))
    heavy = [line.split(":")[0] for line in rendered_book.problems(site)]
    assert heavy == ["index.html", "other.html"]


def test_no_book_is_a_flaw(tmp_path):
    assert list(rendered_book.problems(tmp_path))
