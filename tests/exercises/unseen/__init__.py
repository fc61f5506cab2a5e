"""Wrong answers written from the exercises' text alone, in six rounds, before the checks had seen any of them.

Each is declared with the task, the mistake that its verdict has to name, and words that its hint has to hold; its
docstring says what is wrong with it.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple


class Wrong(NamedTuple):
    task: str
    mistake: str
    words: str
    fn: Callable


WRONG: list[Wrong] = []
RIGHT: list[tuple[str, Callable]] = []


def wrong(task: str, mistake: str, words: str = ""):
    def declare(fn):
        WRONG.append(Wrong(task, mistake, words, fn))
        return fn

    return declare


def right(task: str):
    def declare(fn):
        RIGHT.append((task, fn))
        return fn

    return declare


for path in sorted(Path(__file__).parent.glob("round*.py")):
    import_module(f"unseen.{path.stem}")
