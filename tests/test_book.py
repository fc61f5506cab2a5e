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

import glossary_links
import pytest
import rendered_book
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
needs_make = pytest.mark.skipif(
    os.name == "nt", reason="Windows does without make, see book/setup.md"
)


def pins(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith(("#", "-e "))]
    requirements = [Requirement(line) for line in lines]
    assert len({canonical(r) for r in requirements}) == len(requirements), (
        f"{name} names a package twice"
    )
    return {canonical(r): r for r in requirements}


def canonical(requirement):
    return re.sub(r"[-_.]+", "-", requirement.name).lower()


# --- what is pinned
# -----------------------------------------------------------------------------------------


def test_every_requirement_is_pinned_and_frozen():
    direct, frozen = (
        pins("requirements.txt") | pins("requirements-browser.txt"),
        pins("constraints.txt"),
    )
    scale = pins(
        "requirements-scale.txt"
    )  # installed without their dependencies: all of them are listed
    assert not set(scale) & set(frozen)
    for requirement in [*direct.values(), *frozen.values(), *scale.values()]:
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(requirement.specifier)), requirement
        assert requirement.url is None
        assert requirement.marker is None
    assert {name: str(r.specifier) for name, r in direct.items()} == {
        name: str(frozen[name].specifier) for name in direct if name in frozen
    }


def test_requirements_install_the_package_and_what_it_imports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "-e ." in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert {canonical(Requirement(r)) for r in project["dependencies"]} <= set(
        pins("requirements.txt")
    )


def test_what_is_imported_is_required():
    imported = set()
    # The browser's tests and TorchRec have requirements of their own, and a learner imports what
    # there isn't.
    tests = [
        p
        for p in (ROOT / "tests").rglob("*.py")
        if p.parent.name not in ("browser", "mistakes", "scale")
    ]
    package = [p for p in (ROOT / "microdlrm").rglob("*.py") if p.parent.name != "scaling"]
    for path in [*package, *(ROOT / "book").glob("*.py"), *tests]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.split(".")[0])
    ours = {
        "microdlrm",
        *(path.stem for top in ("tests", "book") for path in (ROOT / top).rglob("*")),
    }
    packages = metadata.packages_distributions()
    needed = {packages[name][0] for name in imported - set(sys.stdlib_module_names) - ours}
    assert {canonical(Requirement(name)) for name in needed} <= set(pins("requirements.txt"))


def test_the_same_pythons_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = [name.split()[-1] for name in project["classifiers"]]
    assert project["requires-python"] == f">={versions[0]}"
    assert str(tuple(map(int, versions[0].split(".")))) in MAKEFILE
    for page in ("README.md", "book/setup.md"):
        said = set(re.findall(r"\b3\.\d\d\b", (ROOT / page).read_text(encoding="utf-8")))
        assert {versions[0], versions[-1]} <= said <= set(versions), page


# --- the commands ---------------------------------------------------------------------------------


def make(*arguments, **environment):
    # Not our own make's: a test must not inherit its flags and its targets.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    command = ["make", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=kept | environment, capture_output=True, text=True, check=False
    )


@needs_make
def test_make_alone_tells_every_command_that_a_page_names():
    told = set(re.findall(r"^make ([a-z-]+)", make().stdout, re.MULTILINE))
    for page in [*ROOT.glob("*.md"), *ROOT.glob("book/*.md"), ROOT / ".ci/run"]:
        text = page.read_text(encoding="utf-8")
        named = re.findall(r"(?:^|`)make (?:PYTHON=\S+ )?([a-z-]+)", text, re.MULTILINE)
        assert set(named) <= told, page.name


@needs_make
def test_an_old_python_is_refused_before_anything_is_made(tmp_path):
    old = tmp_path / "python"
    old.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "import sys; sys.version_info = (3, 10); $2"\n'
    )
    old.chmod(0o755)
    venv = tmp_path / "environment"
    said = make("install", f"PYTHON={old}", f"VENV={venv}")
    assert said.returncode != 0
    assert "3.11" in said.stderr
    assert not venv.exists()


@needs_make
@pytest.mark.parametrize(("user", "option"), [("0", True), ("1000", False)])
def test_lab_starts_as_root(tmp_path, user, option):
    (tmp_path / "id").write_text(f"#!/bin/sh\necho {user}\n")
    (tmp_path / "id").chmod(0o755)
    said = make("-n", "lab", PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}").stdout
    assert "jupyterlab" in said
    assert ("--allow-root" in said) == option


# --- the pages
# ----------------------------------------------------------------------------------------------


def test_readme_leads_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert targets
    for target in targets:
        assert target.startswith("https://") or (ROOT / target).is_file(), target


def test_links_name_a_commit_or_a_release():
    """A link to a branch leads elsewhere tomorrow, or nowhere."""
    file = re.compile(r"github\.com/[\w.-]+/[\w.-]+/(?:blob|tree|raw)/([^/\s)\"'<>]+)")
    moving = re.compile(r"https://[\w.-]+/\S*?/(?:master|main|latest|nightly)/\S*")
    for path in [*ROOT.glob("*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("book/**/*.md"),
                 *ROOT.glob("notebooks/**/*.ipynb"), *ROOT.glob("microdlrm/**/*.py")]:  # fmt: skip
        text = path.read_text(encoding="utf-8")
        wrong = [
            ref
            for ref in file.findall(text)
            if not re.fullmatch(r"[0-9a-f]{40}|v?\d+(\.\d+)+", ref)
        ]
        assert not wrong + moving.findall(text), path.name


def test_what_the_package_cites_is_in_the_references():
    headings = re.findall(
        r"^## (.*) \((\d{4})\)$", (ROOT / "book/references.md").read_text(encoding="utf-8"), re.M
    )
    known = {
        (re.split(r" and | et al", authors)[0].split()[-1], year) for authors, year in headings
    }
    assert len(known) == len(headings)
    cited = set()
    for path in (ROOT / "microdlrm").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        cited |= set(
            re.findall(
                r"\b([A-Z][a-z]+(?:-[A-Z][a-z]+)?) (?:et al\. |and [A-Z][a-z]+ )\(?(\d{4})\b", text
            )
        )
    assert ("Naumov", "2019") in cited
    assert cited <= known, f"not in book/references.md: {cited - known}"


def test_references_are_in_order_and_linked():
    text = (ROOT / "book/references.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.M)[1:]
    names = [section.split("\n")[0] for section in sections]
    assert names == sorted(names, key=str.lower)
    for section in sections:
        assert re.search(r"\]\(https://\S+\)", section), f"no address: {section[:40]}"
        assert re.search(r"^\*\S.*\*$", section, re.M), f"not said what for: {section[:40]}"


@pytest.mark.parametrize(
    ("words", "entry"),
    [
        ("bag", "term-bag"),
        ("Bags", "term-bag"),
        ("loss", "term-loss"),
        ("losses", "term-loss"),
        ("bagpipe", None),
    ],
)
def test_a_link_to_the_glossary_finds_its_term(words, entry):
    assert glossary_links.find(words, {"bag": "term-bag", "loss": "term-loss"}) == entry


def test_architecture_picture_stands_alone():
    path = ROOT / "book/figures/architecture.svg"
    root = ElementTree.parse(path).getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text
    assert root.find(f"{space}desc").text
    text = path.read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text  # in the README it follows the system
    assert "currentColor" in text  # in the book it follows the page
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []
    assert all(
        i.startswith("architecture-") for i in re.findall(r'\bid="([^"]+)"', text)
    )  # it is put into a page


# --- the check of the rendered book
# -------------------------------------------------------------------------

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
    return tmp_path


def test_a_sound_book_passes(site):
    assert list(rendered_book.problems(site)) == []
    assert rendered_book.main([str(site)]) == 0


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ('<script src="https://example.org/a.js"></script>', "from the network"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "from the network"),
        ('<img src="http://example.org/a.png" alt="A">', "from the network"),
        ("<style>@import url('https://example.org/a.css');</style>", "from the network"),
        ('<p style="background: url(https://example.org/a.png)">', "from the network"),
        ('<script>import("https://example.org/a.js")</script>', "from the network"),
        ('<img src="_static/a.png">', "no text alternative"),
        ('<div role="img"><svg></svg></div>', "no text alternative"),
        ('<a href="gone.html">', "leads nowhere"),
        ('<script src="_static/gone.js"></script>', "leads nowhere"),
        ('<a href="index.html#gone">', "the place isn't"),
    ],
)
def test_a_flaw_is_found(site, bad, complaint):
    (site / "index.html").write_text(GOOD.replace("</body>", bad + "</body>"))
    found = list(rendered_book.problems(site))
    assert len(found) == 1, found
    assert complaint in found[0]
    assert rendered_book.main([str(site)]) == 1


def test_a_style_that_loads_from_the_network_is_found(site):
    (site / "_static/a.css").write_text("@font-face { src: url(https://example.org/a.woff2) }")
    assert "from the network" in next(rendered_book.problems(site))


def test_a_page_that_weighs_too_much_is_found(site):
    (site / "_static/a.png").write_bytes(bytes(rendered_book.FURTHER))
    assert list(rendered_book.problems(site)) == []  # one page: all that it loads, all pages load
    (site / "other.html").write_text(GOOD.replace("a.png", "b.png"))
    (site / "_static/b.png").write_bytes(bytes(rendered_book.FURTHER))
    assert [line.split(":")[0] for line in rendered_book.problems(site)] == [
        "index.html",
        "other.html",
    ]


def test_no_book_is_a_flaw(tmp_path):
    assert rendered_book.main([str(tmp_path)]) == 1
