"""Functions as learners write them: wrong ones with the diagnosis they should get, and right ones.

A wrong one is declared with the name of its mistake, as in `Verdict.mistake`, and a word that its hint must say.
"""

from collections.abc import Callable
from typing import NamedTuple


class Wrong(NamedTuple):
    fn: Callable
    task: str
    mistake: str
    word: str

    @property
    def id(self) -> str:
        return f"{self.task}-{self.fn.__name__}"


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


from mistakes import batches, errors, gradients, pairs, products, results, solved, tasks  # noqa: E402, F401
