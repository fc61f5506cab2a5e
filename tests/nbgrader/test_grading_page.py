"""book/grading.md as written: nbgrader makes the release, grades four learners, and no import earns
a point. `make test-nbgrader` installs nbgrader and runs this. NBGRADER names the folder of another
environment that has it.
"""

import copy
import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book/grading.md").read_text(encoding="utf-8")
BIN = Path(os.environ.get("NBGRADER", ROOT / "_build/nbgrader")) / "bin"
NOTEBOOK = "05_exercise_dot_interaction.ipynb"
IMPORTS = {
    "dot_interaction": "from microdlrm import dot_interaction\n",
    "dot_interaction_slow": "from microdlrm.exercises.check import plain_loop as "
    "dot_interaction_slow\n",
}


def filled(release: dict, fill) -> dict:
    """The release with fill(name, stub) in its stubs; of its other cells only what is graded and
    what that needs, because nbgrader runs whatever a notebook holds."""
    notebook = copy.deepcopy(release)
    notebook["cells"] = [
        cell
        for cell in notebook["cells"]
        if "nbgrader" in cell["metadata"]
        or (cell["cell_type"] == "code" and "import check" in "".join(cell["source"]))
    ]
    for cell in notebook["cells"]:
        mark = cell["metadata"].get("nbgrader", {})
        if mark.get("solution"):
            cell["source"] = fill(mark["grade_id"], "".join(cell["source"]))
    return notebook


@pytest.fixture(scope="module")
def marks(tmp_path_factory):
    course = tmp_path_factory.mktemp("course")
    if not (BIN / "nbgrader").exists():
        pytest.fail(f"there is no nbgrader in {BIN}: make test-nbgrader installs it")
    config = re.search(r"```python\n(c = get_config.*?)```", PAGE, re.DOTALL)[1]
    (course / "nbgrader_config.py").write_text(config)
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"  # the line that the page types first
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}

    def run(*command):
        how = dict(cwd=course, env=environment, capture_output=True, text=True, check=False)
        done = subprocess.run(command, **how)
        assert done.returncode == 0, done.stdout + done.stderr

    run(sys.executable, "-m", "microdlrm", "handout", "source/dot", "--points", "2")
    run("nbgrader", "generate_assignment", "dot")
    release, source = (
        json.loads((course / kind / "dot" / NOTEBOOK).read_text()) for kind in ("release", "source")
    )
    assert "### BEGIN SOLUTION" not in json.dumps(release)
    marked = [cell for cell in source["cells"] if "nbgrader" in cell["metadata"]]
    answers = {cell["metadata"]["nbgrader"]["grade_id"]: cell["source"] for cell in marked}
    wrong = ("    ...", "    return x_dense")
    for learner, fill in {
        "ann": lambda name, stub: answers[name],
        "bob": lambda name, stub: stub,
        "carol": lambda name, stub: IMPORTS.get(name, stub),
        "dave": lambda name, stub: stub.replace(*wrong) + "\n" + IMPORTS.get(name, ""),
    }.items():
        folder = course / "submitted" / learner / "dot"
        folder.mkdir(parents=True)
        (folder / NOTEBOOK).write_text(json.dumps(filled(release, fill)))
    run("nbgrader", "autograde", "dot", "--create")
    run("nbgrader", "export")
    with (course / "grades.csv").open() as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


def test_solutions_earn_all_and_nothing_else_earns_any(marks):
    assert marks == {"ann": 8.0, "bob": 0.0, "carol": 0.0, "dave": 0.0}


def test_the_page_uses_the_commands_that_are_run_here():
    assert re.search(r'export PATH="[^"\n]*\.venv/bin:\$PATH"', PAGE)
    fenced = "\n".join(re.findall(r"^```bash\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
    commands = {"generate_assignment", "autograde", "export"}
    assert set(re.findall(r"^nbgrader (\w+)", fenced, re.MULTILINE)) == commands
