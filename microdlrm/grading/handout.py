"""Chapter 5 as an nbgrader assignment: solutions put in, and a test behind each task."""

import argparse
import json
import re
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
EXERCISE = NOTEBOOKS / "05_exercise_dot_interaction.ipynb"
SOLUTIONS = NOTEBOOKS / "solutions" / "05_dot_interaction.ipynb"

TEST = """from microdlrm.grading import own
verdict, borrowed = own.judged({name}, check.TASKS["{name}"])
assert verdict.passed, verdict.hint
assert not borrowed, "{name} calls the course's own answer\""""


def stub(solution: str) -> str:
    """What a learner gets of a solution's cell: `...` for what stands between its markers."""
    pattern = r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION$"
    return re.sub(pattern, r"\1...", solution, flags=re.MULTILINE | re.DOTALL)


def assignment(exercise: dict, solutions: dict, points: int) -> dict:
    """The exercise as nbgrader's source: it releases the stubs, and grades the test cells."""
    answers = ["".join(cell["source"]) for cell in solutions["cells"]]
    answers = {stub(answer): answer for answer in answers if "### BEGIN SOLUTION" in answer}
    cells = []
    for cell in exercise["cells"]:
        source = "".join(cell["source"])
        if source in answers:
            name = re.search(r"def (\w+)", source)[1]
            cell = cell | {"source": answers[source], "metadata": _mark(name, solution=True)}
        cells.append(cell)
        found = re.search(r"check\.\w+\((\w+)(, loop=False)?\)", source)
        if found and cell["cell_type"] == "code":
            test = TEST.format(name=found[1])
            mark = _mark(f"test_{found[1]}", grade=True, locked=True, points=points)
            test = {"cell_type": "code", "source": test, "metadata": mark, "outputs": []}
            cells.append(test | {"id": f"test-{len(cells)}", "execution_count": None})
    return exercise | {"cells": cells}


def _mark(grade_id: str, **kind) -> dict:
    mark = {"schema_version": 3, "task": False, "grade_id": grade_id}
    return {"nbgrader": mark | {"grade": False, "solution": False, "locked": False} | kind}


def add_options(command: argparse.ArgumentParser) -> None:
    """Make `command` the one that writes the assignment: what it takes, and `run` to do it."""
    command.description = "Write chapter 5 with solutions and test cells, for nbgrader's source."
    says = "nbgrader's source/ASSIGNMENT; made if need be"
    command.add_argument("folder", type=Path, metavar="FOLDER", help=says)
    command.add_argument("--points", type=int, default=1, metavar="N", help="for each task (1)")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    exercise, solutions = (json.loads(path.read_text("utf-8")) for path in (EXERCISE, SOLUTIONS))
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / EXERCISE.name
    text = json.dumps(assignment(exercise, solutions, options.points), indent=1)
    path.write_text(text, encoding="utf-8")
    print(f"wrote {path}")
