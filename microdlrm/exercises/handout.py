"""The exercise of chapter 5 as an nbgrader assignment: solutions put in, test cells with points behind each task."""

import argparse
import json
import re
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
EXERCISE = NOTEBOOKS / "05_exercise_dot_interaction.ipynb"
SOLUTIONS = NOTEBOOKS / "solutions" / "05_dot_interaction.ipynb"


def stub(solution: str) -> str:
    """What a learner gets of a solution's cell: `...` for what stands between its markers."""
    pattern = r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION$"
    return re.sub(pattern, r"\1...", solution, flags=re.MULTILINE | re.DOTALL)


def assignment(exercise: dict, solutions: dict, points: int) -> dict:
    """The exercise's notebook as nbgrader's source: it releases the stubs itself, and grades the test cells.

    Raises ValueError if a solution has no stub in the exercise.
    """
    answers = ["".join(cell["source"]) for cell in solutions["cells"]]
    answers = {stub(answer): answer for answer in answers if "### BEGIN SOLUTION" in answer}
    cells = []
    for cell in exercise["cells"]:
        source = "".join(cell["source"])
        cells.append(cell)
        if source in answers:
            name = re.search(r"def (\w+)", source)[1]
            cells[-1] = cell | {"source": answers.pop(source), "metadata": _metadata(name, solution=True)}
        checked = re.search(r"(check\.\w+)\((\w+)(, loop=False)?\)", source) if cell["cell_type"] == "code" else None
        if checked:
            # An import in place of an answer would earn its points: what is graded is what the notebook defines.
            call, judge, name = checked[0], checked[1], checked[2]
            test = (
                "from microdlrm.exercises import own\n"
                f'assert own.is_own({name}), "define {name} in this notebook: an import is no answer"\n'
                f"verdict = {call}\nassert verdict.passed, verdict.hint\n"
                f'assert not own.borrows({name}, {judge}), "{name} calls the course\'s own answer"'
            )
            metadata = _metadata(f"test_{name}", grade=True, locked=True, points=points)
            cells.append(
                {
                    "cell_type": "code",
                    "id": f"test-{name.replace('_', '-')}",
                    "source": test,
                    "metadata": metadata,
                    "outputs": [],
                    "execution_count": None,
                }
            )
    if answers:
        raise ValueError(f"{len(answers)} solutions have no stub in the exercise")
    return exercise | {"cells": cells}


def _metadata(grade_id: str, **kind) -> dict:
    kind = {"grade": False, "solution": False, "locked": False} | kind
    return {"nbgrader": {"schema_version": 3, "task": False, "grade_id": grade_id} | kind}


def add_options(command: argparse.ArgumentParser) -> None:
    """Make `command` the one that writes the assignment: what it takes, and `run` to do it."""
    command.description = (
        "Write the exercise of chapter 5, with its solutions and test cells, for nbgrader's source folder."
    )
    command.add_argument("folder", type=Path, metavar="FOLDER", help="nbgrader's source/ASSIGNMENT; made if need be")
    command.add_argument("--points", type=int, default=1, metavar="N", help="points for each task (1)")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    exercise, solutions = (json.loads(path.read_text(encoding="utf-8")) for path in (EXERCISE, SOLUTIONS))
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / EXERCISE.name
    path.write_text(json.dumps(assignment(exercise, solutions, options.points), indent=1), encoding="utf-8")
    print(f"wrote {path}")
