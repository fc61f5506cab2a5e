"""Functions as learners write them: wrong ones with the diagnosis they should get, and right ones.

A wrong one is declared with the name of its mistake, as in `Verdict.mistake`, and a word that its hint must say.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from microdlrm.exercises.task import Task


class Wrong(NamedTuple):
    fn: Callable
    task: str
    mistake: str
    word: str

    @property
    def id(self) -> str:
        return f"{self.task}-{self.fn.__name__}"


TASKS: dict[str, Task] = {
    task.name: task
    for chapter in (1, 2, 3, 4, 5, 6, 9, 10)
    for task in vars(import_module(f"microdlrm.exercises.chapter{chapter}")).values()
    if isinstance(task, Task)
}
WRONG: list[Wrong] = []
RIGHT: list[tuple[str, Callable]] = []


def wrong(mistake: str, word: str, task: str = "dot_interaction"):
    def declare(fn):
        WRONG.append(Wrong(fn, task, mistake, word))
        return fn

    return declare


def right(task: str = "dot_interaction"):
    def declare(fn):
        RIGHT.append((task, fn))
        return fn

    return declare


for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
    import_module(f"mistakes.{path.stem}")
