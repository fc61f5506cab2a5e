"""What is stored in the notebooks: nbval passes a checked cell without an execution count whatever it shows,
so what it compares with has to be checked itself."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import execute_ahead
import nbformat
import pytest
import store_outputs
import yaml
from nbformat import v4
from store_outputs import LOCAL_PATH, ROOT, is_checked, strip, volatile

CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NOTEBOOKS = store_outputs.all_notebooks()
DIRECTIVE = re.compile(r"^\s*(```|:::)\{|\{[a-z:-]+\}`", re.MULTILINE)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell):
    return "".join(cell["source"])


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda p: p.relative_to(ROOT / "notebooks").as_posix())


def unchecked_outputs(notebook):
    """Cells that hold outputs or a count that nbval doesn't compare."""
    code = [c for c in notebook["cells"] if c["cell_type"] == "code" and not is_checked(c)]
    return [c["id"] for c in code if c["outputs"] or c["execution_count"] is not None]


def vacuous_checks(notebook):
    """Cells that nbval would pass whatever they show."""
    checked = [c for c in notebook["cells"] if is_checked(c)]
    return [c["id"] for c in checked if not c["outputs"] or not isinstance(c["execution_count"], int)]


def out_of_order(notebook):
    """Checked cells whose stored count isn't the one they get when everything runs once, top to bottom."""
    code = [c for c in notebook["cells"] if c["cell_type"] == "code" and source(c).strip()]
    return [c["id"] for n, c in enumerate(code, start=1) if is_checked(c) and c["execution_count"] != n]


def saved(path):
    """What to say of a notebook that isn't stored as the course stores it."""
    name = path.relative_to(ROOT).as_posix()
    return (
        f"you saved outputs with {name}: if you changed nothing, `git checkout {name}` takes them back; if you did, "
        f"`{sys.executable} tests/store_outputs.py {name}` stores it as the course does"
    )


@each(NOTEBOOKS)
def test_checked_cells_store_what_they_are_compared_with(path):
    assert vacuous_checks(read(path)) == [], saved(path)


@each(NOTEBOOKS)
def test_other_cells_store_nothing(path):
    assert unchecked_outputs(read(path)) == [], saved(path)


@each(NOTEBOOKS)
def test_cells_were_run_in_order(path):
    assert out_of_order(read(path)) == [], saved(path)


@each(NOTEBOOKS)
def test_no_local_path(path):
    found = LOCAL_PATH.search(path.read_text(encoding="utf-8"))
    assert found is None, found.group()


@each(NOTEBOOKS)
def test_stored_outputs_can_be_the_same_elsewhere(path):
    assert volatile(read(path)) == [], saved(path)


@each(NOTEBOOKS)
def test_stored_as_the_tool_stores_it(path, tmp_path):
    """No volatile metadata, no random cell ids: a difference in version control is a change of the course."""
    store_outputs.write(strip(read(path)), tmp_path / path.name)
    assert (tmp_path / path.name).read_text(encoding="utf-8") == path.read_text(encoding="utf-8"), saved(path)


@each(NOTEBOOKS)
def test_one_way_to_mark_a_checked_cell(path):
    """Comment markers would escape the tests above; raises-exception passes whether or not the cell raises."""
    for cell in read(path)["cells"]:
        assert "raises-exception" not in cell["metadata"].get("tags", []), cell["id"]
        if cell["cell_type"] == "code":
            assert "NBVAL_" not in source(cell), cell["id"]


@each(NOTEBOOKS)
def test_reads_well_in_jupyterlab(path):
    """JupyterLab renders Markdown and HTML, not the directives and roles of the book."""
    for cell in read(path)["cells"]:
        if cell["cell_type"] == "markdown":
            assert not DIRECTIVE.search(source(cell)), f"{cell['id']}: {DIRECTIVE.search(source(cell)).group()}"


@each(NOTEBOOKS)
def test_a_summary_is_html(path):
    """JupyterLab reads no Markdown between <summary> and </summary>."""
    for cell in read(path)["cells"]:
        for summary in re.findall(r"<summary>.*?</summary>", source(cell), re.DOTALL):
            words = re.sub(r"<code>.*?</code>", "", summary)
            assert not re.search(r"[`*$]|]\(", words), f"{cell['id']}: {summary}"


@each(CHAPTERS)
def test_opens_as_every_chapter_does(path):
    first = "\n".join(
        source(c) for c in read(path)["cells"][:3] if c["cell_type"] == "markdown"
    )  # up to the first section
    number = int(path.name[:2])
    assert re.match(rf"# {number}\. \S", first), f"starts with {first[:40]!r}"
    parts = [re.search(rf"\*\*{part}[.:]?\*\*", first) for part in ("You will", "You need", "Minutes")]
    assert all(parts), f"You will, You need, Minutes: {parts}"
    assert [p.start() for p in parts] == sorted(p.start() for p in parts)
    assert re.search(r"\d", first[parts[2].end() :]), "Minutes says no number"


@each(CHAPTERS)
def test_checks_something(path):
    assert any(map(is_checked, read(path)["cells"]))


@each(CHAPTERS)
def test_has_a_takeaway(path):
    assert any("**Takeaway" in source(c) for c in read(path)["cells"] if c["cell_type"] == "markdown")


def test_contents_list_every_notebook_and_no_other():
    listed = set()

    def collect(entry):
        if isinstance(entry, dict):
            if entry.get("file", "").startswith("notebooks/"):
                listed.add(entry["file"])
            entry = list(entry.values())
        if isinstance(entry, list):
            for part in entry:
                collect(part)

    collect(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))
    assert listed == {p.relative_to(ROOT).with_suffix("").as_posix() for p in NOTEBOOKS}
    assert listed


# --- the checks themselves ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["conda-env-dlrm-py", "python3", "ir", ".venv (3.12)"])
def test_the_kernel_is_this_environments_whatever_a_notebook_was_saved_under(tmp_path, name):
    """As `make book` executes it ahead, and as the build itself does."""
    path = tmp_path / "a.ipynb"
    made = v4.new_notebook(cells=[v4.new_code_cell("1")], metadata={"kernelspec": {"name": name, "display_name": name}})
    nbformat.write(made, path)
    assert execute_ahead.read(path).metadata["kernelspec"]["name"] == "python3"
    nbformat.write(v4.new_notebook(), path)
    assert execute_ahead.read(path).metadata["kernelspec"]["name"] == "python3"
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    aliases = config["sphinx"]["config"]["nb_kernel_rgx_aliases"]
    assert {kernel for pattern, kernel in aliases.items() if re.fullmatch(pattern, name)} == {"python3"}


def shortest_start():
    """A real notebook, cut off behind its first checked cell: the one with the fewest cells."""
    starts = []
    for path in CHAPTERS:
        notebook = read(path)
        end = next(i for i, c in enumerate(notebook["cells"], start=1) if is_checked(c))
        if notebook["cells"][end - 1]["outputs"]:
            starts.append((end, path, notebook | {"cells": notebook["cells"][:end]}))
    return min(starts, key=lambda start: start[:2])[2]


def test_nbval_compares_what_is_stored(tmp_path):
    """A right and a wrong output of each kind that the course stores; `make test` runs the real ones."""
    made = [
        code_cell("print(6 * 7)", stream("42\n")),
        code_cell("6 * 7", result("42")),
        code_cell("print(6 * 7)", stream("43\n")),
        code_cell("6 * 7", result("43")),
    ]
    path = tmp_path / "made.ipynb"
    store_outputs.write(strip({"cells": made}), path)
    # -rN: no summary at the end, which repeats each message where CI is set
    command = [sys.executable, "-m", "pytest", "-v", "-rN", "-c", ROOT / "tests/nbval.ini", "--rootdir", tmp_path, path]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path, check=False)
    assert run.returncode == 1, run.stdout
    assert re.findall(r"::Cell (\d) (PASSED|FAILED)", run.stdout) == [
        ("0", "PASSED"), ("1", "PASSED"), ("2", "FAILED"), ("3", "FAILED")
    ]  # fmt: skip
    assert run.stdout.count("Cell outputs differ") == 2


def test_a_reader_who_saved_outputs_is_told_the_way_back(tmp_path, monkeypatch):
    """Run in JupyterLab and saved, nothing changed: each of the tests that then fail says how to undo it."""
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "notebooks/03_mlps.ipynb"
    path.parent.mkdir()
    cells = shortest_start()["cells"] + [code_cell("import time; time.time()", result("0.1"), tags=())]
    cells[-1]["id"] = "last"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    for test in (test_other_cells_store_nothing, lambda path: test_stored_as_the_tool_stores_it(path, tmp_path)):
        with pytest.raises(AssertionError) as error:
            test(path)
        said = str(error.value)
        assert "you saved outputs with notebooks/03_mlps.ipynb" in said
        assert "`git checkout notebooks/03_mlps.ipynb`" in said
        assert "tests/store_outputs.py notebooks/03_mlps.ipynb`" in said


def test_the_checks_above_see_what_nbval_overlooks():
    notebook = shortest_start()
    assert vacuous_checks(notebook) == out_of_order(notebook) == unchecked_outputs(notebook) == []
    last = notebook["cells"][-1]

    uncounted = copy.deepcopy(notebook)
    uncounted["cells"][-1]["execution_count"] = None
    assert vacuous_checks(uncounted) == [last["id"]]

    empty = copy.deepcopy(notebook)
    empty["cells"][-1]["outputs"] = []
    assert vacuous_checks(empty) == [last["id"]]

    untagged = copy.deepcopy(notebook)
    untagged["cells"][-1]["metadata"]["tags"] = []
    assert unchecked_outputs(untagged) == [last["id"]]

    rerun = copy.deepcopy(notebook)
    rerun["cells"][-1]["execution_count"] += 1
    assert out_of_order(rerun) == [last["id"]]


def code_cell(text, *outputs, tags=(store_outputs.CHECKED,)):
    return {
        "cell_type": "code",
        "id": "3f2a91bc",
        "metadata": {"tags": list(tags), "execution": {"iopub.status.busy": "now"}, "trusted": True},
        "execution_count": 1,
        "outputs": list(outputs),
        "source": text,
    }


def result(text):
    return {"output_type": "execute_result", "metadata": {}, "execution_count": 1, "data": {"text/plain": text}}


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def test_storing_keeps_what_is_checked_and_drops_the_rest():
    cells = [
        code_cell("print(1)", stream("1\n"), stream("w\n", "stderr"), stream("2\n")),
        code_cell("time()", stream("0.1\n"), tags=["hide-cell"]),
    ]
    notebook = {"cells": cells, "metadata": {"widgets": {}, "kernelspec": {"name": "mine"}}}
    stored = strip(notebook)
    first, second = stored["cells"]
    assert [(o["name"], o["text"]) for o in first["outputs"]] == [("stdout", ["1\n", "2\n"]), ("stderr", ["w\n"])]
    assert (first["id"], second["id"]) == ("cell-01", "cell-02")
    assert first["metadata"] == {"tags": [store_outputs.CHECKED]}
    assert second["metadata"] == {"tags": ["hide-cell"]}
    assert (second["outputs"], second["execution_count"]) == ([], None)
    assert set(stored["metadata"]) == {"kernelspec", "language_info"}
    assert stored["metadata"]["kernelspec"]["name"] == "python3"
    assert strip(copy.deepcopy(stored)) == stored


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ("<function f at 0x7f3a12bc9d30>", "memory address"),
        ("/home/ada/course/microdlrm/model.py", "path of this machine"),
        (r"C:\Users\ada\course", "path of this machine"),
        ("", None),
        ("(256, 8) of 22,977 at 3.5 FLOP/byte", None),
    ],
)
def test_storing_refuses_what_differs_elsewhere(shown, reason):
    notebook = strip({"cells": [code_cell("x", stream(shown + "\n"))]})
    reasons = [text for _, text in volatile(notebook)]
    assert len(reasons) == (reason is not None)
    assert reason is None or reason in reasons[0]


def test_storing_refuses_a_picture_and_an_empty_output():
    picture = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "iVBORw0KGgo="}}
    assert "picture" in volatile(strip({"cells": [code_cell("plot()", picture)]}))[0][1]
    assert "shows nothing" in volatile(strip({"cells": [code_cell("x = 1")]}))[0][1]


def test_tests_folder_holds_no_notebook():
    """nbval runs what lies in notebooks/; one anywhere else would be run by nobody."""
    elsewhere = [
        p for p in ROOT.rglob("*.ipynb")
        if p not in NOTEBOOKS and not any(part.startswith((".", "_build")) for part in p.relative_to(ROOT).parts)
    ]  # fmt: skip
    assert [p.relative_to(ROOT) for p in elsewhere] == []
    assert all(isinstance(p, Path) for p in NOTEBOOKS)
