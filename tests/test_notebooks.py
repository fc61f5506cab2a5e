"""What is stored in the notebooks: nbval passes a checked cell without an execution count whatever
it shows, so what it compares with has to be checked itself."""

import copy
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


def read(path):
    return nbformat.read(path, as_version=4)


def text_of(notebook):
    return "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def flaws(notebook):
    """Cells of which nbval would compare nothing, or that hold what it doesn't compare."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    for count, cell in enumerate(code, start=1):
        assert "raises-exception" not in cell.metadata.get("tags", [])  # passes in either case
        assert "NBVAL_" not in cell.source  # one way to mark a cell
        if is_checked(cell) and not cell.outputs:
            yield cell.id, "is checked, and holds no output"
        if cell.execution_count != (count if is_checked(cell) else None):
            yield cell.id, f"has the count {cell.execution_count}"
        if cell.outputs and not is_checked(cell):
            yield cell.id, "holds an output, and isn't checked"
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
    text = text_of(read(path))
    assert not DIRECTIVE.search(text), DIRECTIVE.search(text).group()
    for summary in re.findall(r"<summary>.*?</summary>", text, re.DOTALL):
        assert not re.search(r"[`*$]|]\(", re.sub(r"<code>.*?</code>", "", summary)), summary


@each(CHAPTERS)
def test_keeps_the_chapters_contract(path):
    """The title with its number, then what one will be able to do, what one needs, the minutes."""
    text = text_of(read(path))
    parts = (
        rf"\A# {int(path.name[:2])}\. \S",
        "You will",
        "You need",
        r"Minutes\*\* \d+",
        "Takeaway",
    )
    places = [re.search(part, text) for part in parts]
    assert all(places), f"{parts}: {places}"
    assert [place.start() for place in places] == sorted(place.start() for place in places)
    assert any(map(is_checked, read(path).cells))
    headings = re.findall(r"^##+ .+", text, re.MULTILINE)
    assert sorted(headings) == sorted(set(headings)), "a heading comes twice"


# --- the tools ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["conda-env-dlrm-py", "ir", ".venv (3.12)", None])
def test_the_kernel_is_this_environments_whatever_a_notebook_was_saved_under(tmp_path, name):
    """As `make book` executes it ahead, and as the build itself does."""
    metadata = {"kernelspec": {"name": name, "display_name": name}} if name else {}
    nbformat.write(v4.new_notebook(metadata=metadata), tmp_path / "a.ipynb")
    assert execute_ahead.read(tmp_path / "a.ipynb").metadata["kernelspec"]["name"] == "python3"
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    aliases = config["sphinx"]["config"]["nb_kernel_rgx_aliases"]
    kernels = {kernel for pattern, kernel in aliases.items() if re.fullmatch(pattern, name or "ir")}
    assert kernels == {"python3"}


def checked(source, *outputs, count=1, tags=(store_outputs.CHECKED,)):
    return v4.new_code_cell(
        source,
        outputs=list(outputs),
        execution_count=count,
        metadata={"tags": list(tags), "execution": {"iopub.status.busy": "now"}, "trusted": True},
    )


def printed(text):
    return v4.new_output("stream", text=text)


def result(text):
    return v4.new_output("execute_result", {"text/plain": text}, execution_count=1)


def test_nbval_compares_what_is_stored(tmp_path):
    """A right and a wrong output of each kind that the course stores."""
    made = [("print(6 * 7)", printed, "42\n"), ("6 * 7", result, "42")]
    made += [("print(6 * 7)", printed, "43\n"), ("6 * 7", result, "43")]
    cells = [checked(source, kind(text)) for source, kind, text in made]
    nbformat.write(strip(v4.new_notebook(cells=cells)), path := tmp_path / "made.ipynb")
    # -rN: no summary at the end, which repeats each message where CI is set
    command = [sys.executable, "-m", "pytest", "-v", "-rN", "-c", ROOT / "tests/nbval.ini"]
    command += ["--rootdir", tmp_path, path]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert run.returncode == 1, run.stdout
    came = re.findall(r"::Cell (\d) (PASSED|FAILED)", run.stdout)
    assert came == [("0", "PASSED"), ("1", "PASSED"), ("2", "FAILED"), ("3", "FAILED")]
    assert run.stdout.count("Cell outputs differ") == 2


@pytest.mark.parametrize(
    "broken",
    [
        {"execution_count": None},
        {"execution_count": 3},
        {"outputs": []},
        {"metadata": {}},
        {"outputs": [printed("<function f at 0x7f3a12bc9d30>\n")]},
        {"outputs": [printed("/home/ada/course/microdlrm/model.py\n")]},
        {"outputs": [printed("C:\\Users\\ada\\course\n")]},
        {"outputs": [v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})]},
        {"outputs": [v4.new_output("error", ename="ValueError")]},
    ],
    ids=lambda broken: next(iter(broken)),
)
def test_what_nbval_overlooks_is_seen(broken):
    sound = v4.new_notebook(cells=[checked("1"), checked("2", count=2)])
    for cell in sound.cells:
        cell.outputs = [printed("(256, 8) of 22,977 at 3.5 FLOP/byte\n")]
    assert list(flaws(sound)) == []
    sound.cells[1] |= copy.deepcopy(broken)
    assert list(flaws(nbformat.from_dict(sound)))


def test_storing_keeps_what_is_checked_and_drops_the_rest():
    cells = [
        checked("print(1)", printed("1\n")),
        checked("time()", printed("0"), tags=["hide-cell"]),
    ]
    notebook = v4.new_notebook(cells=cells, metadata={"widgets": {}})
    stored = strip(notebook)
    first, second = stored.cells
    assert [output.text for output in first.outputs] == ["1\n"]
    assert (second.outputs, second.execution_count) == ([], None)
    assert [cell.id for cell in stored.cells] == ["cell-01", "cell-02"]
    assert [cell.metadata for cell in stored.cells] == [
        {"tags": [store_outputs.CHECKED]},
        {"tags": ["hide-cell"]},
    ]
    assert stored.metadata["kernelspec"]["name"] == "python3"
    assert strip(copy.deepcopy(stored)) == stored
