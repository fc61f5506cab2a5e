"""What is stored in the notebooks: nbval passes a checked cell without an execution count whatever
it shows, so what it compares with has to be checked itself."""

import re
import subprocess
import sys

import execute_ahead
import nbformat
import pytest
import store_outputs
import yaml
from nbformat import v4
from store_outputs import LOCAL_PATH, ROOT, is_checked, strip, volatile

NOTEBOOKS = store_outputs.all_notebooks()
CHAPTERS = [path for path in NOTEBOOKS if path.parent.name == "notebooks"]
DIRECTIVE = re.compile(r"^\s*(```|:::)\{|\{[a-z:-]+\}`", re.MULTILINE)
CONTRACT = ("You will", "You need", r"Minutes\*\* \d+", "Takeaway")


def read(path):
    return nbformat.read(path, as_version=4)


def text_of(path):
    return "\n\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def flaws(notebook):
    """Cells of which nbval would compare nothing, or what it can't compare."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    for count, cell in enumerate(code, start=1):
        assert "raises-exception" not in cell.metadata.get("tags", [])  # passes in either case
        assert "NBVAL_" not in cell.source  # one way to mark a cell
        if is_checked(cell) and not (cell.outputs and cell.execution_count == count):
            yield cell.id, "is checked, and holds no output of a run from the top"
    yield from volatile(notebook)


@each(NOTEBOOKS)
def test_stored_as_the_course_stores_it(path):
    """No volatile metadata, no random ids: a difference in git is a change of the course."""
    name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    way_back = (
        f"{name} holds outputs that the course doesn't store: if you changed nothing, `git "
        f"checkout {name}`; else `{sys.executable} tests/store_outputs.py {name}`"
    )
    notebook = read(path)
    assert list(flaws(notebook)) == [], way_back
    assert nbformat.writes(strip(notebook)) + "\n" == text, way_back
    assert not LOCAL_PATH.search(text)


@each(NOTEBOOKS)
def test_reads_well_in_jupyterlab(path):
    """JupyterLab renders neither the book's directives nor Markdown within <summary>."""
    text = text_of(path)
    assert not DIRECTIVE.search(text), DIRECTIVE.search(text).group()
    for summary in re.findall(r"<summary>.*?</summary>", text, re.DOTALL):
        assert not re.search(r"[`*$]|]\(", re.sub(r"<code>.*?</code>", "", summary)), summary


@each(CHAPTERS)
def test_keeps_the_chapters_contract(path):
    """The title with its number, then what one will be able to do, what one needs, the minutes."""
    text = text_of(path)
    assert text.startswith(f"# {int(path.name[:2])}. ")
    assert re.search(".*".join(CONTRACT), text, re.DOTALL), f"not all of {CONTRACT}, in order"
    assert any(map(is_checked, read(path).cells))
    headings = re.findall(r"^##+ .+", text, re.MULTILINE)
    assert len(headings) == len(set(headings)), "a heading comes twice"


# --- the tools ---


@pytest.mark.parametrize("name", [".venv (3.12)", None])
def test_the_kernel_is_this_environments_whatever_a_notebook_was_saved_under(tmp_path, name):
    """As `make book` executes it ahead, and as the build itself does."""
    metadata = {"kernelspec": {"name": name, "display_name": name}} if name else {}
    nbformat.write(v4.new_notebook(metadata=metadata), tmp_path / "a.ipynb")
    assert execute_ahead.read(tmp_path / "a.ipynb").metadata["kernelspec"]["name"] == "python3"
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    ((pattern, kernel),) = config["sphinx"]["config"]["nb_kernel_rgx_aliases"].items()
    assert kernel == "python3"
    assert re.fullmatch(pattern, name or "ir")


def checked(source, output, **cell):
    metadata = {"tags": [store_outputs.CHECKED], "trusted": True}
    cell = {"execution_count": 1, "metadata": metadata, **cell}
    return v4.new_code_cell(source, outputs=[output], **cell)


def printed(text):
    return v4.new_output("stream", text=text)


def result(text):
    return v4.new_output("execute_result", {"text/plain": text}, execution_count=1)


def test_nbval_compares_what_is_stored(tmp_path):
    """A right and a wrong output of each kind that the course stores."""
    cells = [
        checked("print(6 * 7)", printed("42\n")),
        checked("6 * 7", result("42")),
        checked("print(6 * 7)", printed("43\n")),
        checked("6 * 7", result("43")),
    ]
    nbformat.write(strip(v4.new_notebook(cells=cells)), path := tmp_path / "made.ipynb")
    command = [sys.executable, "-m", "pytest", "-v", "-c", ROOT / "tests/nbval.ini"]
    command += ["--rootdir", tmp_path, path]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    came = re.findall(r"::Cell (\d) (PASSED|FAILED) ", run.stdout)
    assert came == [("0", "PASSED"), ("1", "PASSED"), ("2", "FAILED"), ("3", "FAILED")], run.stdout


@pytest.mark.parametrize(
    "broken",
    [
        {"execution_count": None},
        {"outputs": []},
        {"outputs": [printed("<function f at 0x7f3a12bc9d30>\n")]},
        {"outputs": [printed("/home/ada/course/microdlrm/model.py\n")]},
        {"outputs": [v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})]},
        {"outputs": [v4.new_output("error", ename="ValueError")]},
    ],
    ids=lambda broken: next(iter(broken)),
)
def test_what_nbval_overlooks_is_seen(broken):
    sound = printed("(256, 8) of 22,977 at 3.5 FLOP/byte\n")
    notebook = v4.new_notebook(cells=[checked("1", sound)])
    assert list(flaws(notebook)) == []
    notebook.cells[0] |= broken
    assert list(flaws(notebook))


def test_storing_keeps_what_is_checked_and_drops_the_rest():
    timed = checked("time()", printed("0"), metadata={"tags": ["hide-cell"], "trusted": True})
    cells = [checked("print(1)", printed("1\n")), timed]
    stored = strip(v4.new_notebook(cells=cells, metadata={"widgets": {}}))
    first, second = stored.cells
    assert [output.text for output in first.outputs] == ["1\n"]
    assert (second.outputs, second.execution_count) == ([], None)
    assert [cell.id for cell in stored.cells] == ["cell-01", "cell-02"]
    assert second.metadata == {"tags": ["hide-cell"]}
    assert stored.metadata["kernelspec"]["name"] == "python3"
