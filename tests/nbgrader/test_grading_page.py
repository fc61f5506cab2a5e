"""book/grading.md as written: nbgrader makes the release, grades four learners, and no import earns
a point.

`make test-nbgrader` installs nbgrader and runs this. NBGRADER names the folder of another
environment that has it.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book/grading.md").read_text(encoding="utf-8")
BIN = Path(os.environ.get("NBGRADER", ROOT / "_build/nbgrader")) / "bin"
NOTEBOOK = "05_exercise_dot_interaction.ipynb"
IMPORT = "from microdlrm import dot_interaction\n"
SLOW = "from microdlrm.exercises.check import plain_loop as dot_interaction_slow\n"


def learners(release: dict, source: dict) -> dict[str, dict]:
    """What four learners hand in: the solutions, nothing, imports, and imports behind an answer
    that is wrong.
    """

    def filled(fill):
        notebook = json.loads(json.dumps(release))
        for cell in notebook["cells"]:
            mark = cell["metadata"].get("nbgrader", {})
            if mark.get("solution"):
                cell["source"] = fill(mark["grade_id"], "".join(cell["source"]))
        # Only what is graded, so that a class is graded in a minute; nbgrader runs whatever a
        # notebook holds.
        keep = [c for c in notebook["cells"] if c["cell_type"] == "code"]
        notebook["cells"] = [
            c
            for c in keep
            if c["metadata"].get("nbgrader") or "import check" in "".join(c["source"])
        ]
        return notebook

    marked = [c for c in source["cells"] if "nbgrader" in c["metadata"]]
    marks = {c["metadata"]["nbgrader"]["grade_id"]: "".join(c["source"]) for c in marked}
    imports = {"dot_interaction": IMPORT, "dot_interaction_slow": SLOW}
    return {
        "ann": filled(lambda name, stub: marks[name]),
        "bob": filled(lambda name, stub: stub),
        "carol": filled(lambda name, stub: imports.get(name, stub)),
        "dave": filled(
            lambda name, stub: (
                stub.replace("    ...", "    return x_dense") + "\n" + imports.get(name, "")
            )
        ),
    }


@pytest.fixture(scope="module")
def marks(tmp_path_factory):
    course = tmp_path_factory.mktemp("course")
    if not (BIN / "nbgrader").exists():
        pytest.fail(f"there is no nbgrader in {BIN}: make test-nbgrader installs it")
    config = re.search(r"```python\n(c = get_config.*?)```", PAGE, re.DOTALL)[1]
    (course / "nbgrader_config.py").write_text(config)
    environment = os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",  # the line that the page types first
        "PYTHONPATH": str(ROOT),
    }

    def run(*command):
        done = subprocess.run(
            command, cwd=course, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run(sys.executable, "-m", "microdlrm", "handout", "source/dot", "--points", "2")
    run("nbgrader", "generate_assignment", "dot")
    release, source = (
        json.loads((course / kind / "dot" / NOTEBOOK).read_text()) for kind in ("release", "source")
    )
    assert "### BEGIN SOLUTION" not in json.dumps(release)
    for name, notebook in learners(release, source).items():
        folder = course / "submitted" / name / "dot"
        folder.mkdir(parents=True)
        (folder / NOTEBOOK).write_text(json.dumps(notebook))
    run("nbgrader", "autograde", "dot", "--create")
    run("nbgrader", "export")
    with (course / "grades.csv").open() as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


def test_solutions_earn_all_and_nothing_else_earns_any(marks):
    assert marks == {"ann": 8.0, "bob": 0.0, "carol": 0.0, "dave": 0.0}


def test_the_page_sets_the_path_and_uses_commands_that_are_there():
    assert re.search(r'export PATH="[^"\n]*\.venv/bin:\$PATH"', PAGE)
    fenced = "\n".join(re.findall(r"^```bash\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
    for command in re.findall(r"^nbgrader .*$", fenced, re.MULTILINE):
        assert command.split()[1] in ("generate_assignment", "autograde", "export")
    assert shutil.which("make") is None or "test-nbgrader" in (ROOT / "Makefile").read_text(
        encoding="utf-8"
    )
