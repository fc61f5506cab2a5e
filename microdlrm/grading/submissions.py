"""Check whole submissions: find the exercise functions in a file, judge each within limits.

Only the statements that the exercise functions need are run, so that training, plots and prints
cost nothing, and a cell that fails elsewhere does no harm. The limits catch accidents. They are no
defence against malice. What is this machine's own trouble ends the command: no learner pays for it.
"""

import __future__

import argparse
import contextlib
import csv
import json
import linecache
import multiprocessing
import os
import re
import signal
import sys
import tempfile
from ast import Module
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from unittest.mock import MagicMock

import torch
from tqdm import tqdm

from microdlrm.exercises import check, guard
from microdlrm.grading import own, reading

BORROWED = "uses the course's own answer"
ON_LINUX = sys.platform == "linux"  # the one system that limits memory, and forks without risk
# To import torch takes longer than to judge. On Linux one process imports it, with what its first
# dispatch mode loads, and forks for each file: none sees what another did.
PROCESSES = multiprocessing.get_context("forkserver" if ON_LINUX else "spawn")
if ON_LINUX:
    PROCESSES.set_forkserver_preload([__name__, "torch._dynamo"])


class Row(NamedTuple):
    """One task in one file; `mistake` is empty where it passed."""

    file: str
    task: str
    passed: bool
    mistake: str


# --- judging it, in a process of its own ---


def judge_file(path: Path, names: list[str], memory: int) -> Iterator[tuple[bool, str]]:
    """Run what `names` need, and yield (passed, mistake) for one after the other.

    Only what the submission defines is judged: an import takes no answer's place, not even later.
    """
    parsed, problems = {}, {}  # a statement -> its cell; a name -> what became of it
    for number, cell in enumerate(reading.cells(path), start=1):
        filename = f"{path.name}, cell {number}"
        linecache.cache[filename] = len(cell), None, cell.splitlines(keepends=True), filename
        try:
            parsed |= dict.fromkeys(reading.parse(cell), filename)
        except SyntaxError as error:
            problems |= dict.fromkeys(reading.seems_to_define(cell), str(error))
    kept = reading.needed(list(parsed), names)
    # What every notebook has without defining it. What it asks of Jupyter does nothing.
    namespace = dict(__name__="__main__", display=MagicMock(), get_ipython=MagicMock())
    answers = {}
    with guard.memory_limit(memory):
        for statement in kept:
            try:  # nobody's annotations are evaluated, whether or not they asked for that
                flags = __future__.annotations.compiler_flag
                module = Module([statement], [])
                exec(compile(module, parsed[statement], "exec", flags, True), namespace)
            except BaseException as error:
                says = f"{type(error).__name__}: {error}"[:200]
                problems |= dict.fromkeys(reading.binds(statement), says)
            defined = reading.defines(statement).intersection(names, namespace)
            answers |= {name: namespace[name] for name in defined}
        for name in names:
            if name not in answers:
                imported = any(name in reading.imports(s) for s in kept)
                says = problems.get(name, "imported, not defined" if imported else "not defined")
                yield False, _unknown(says, problems) or says
                continue
            verdict, borrowed = own.judged(answers[name], check.TASKS[name])
            mistake = _unknown(verdict.where, problems) or verdict.mistake or ""
            yield (False, BORROWED) if borrowed else (verdict.passed, mistake)


def _unknown(says: str, problems: dict[str, str]) -> str:
    """Of a name that is missing, what kept it from being defined; "" if that can't be told."""
    name = re.search(r"NameError: .*?'(\w+)'", says)
    why = name and problems.get(name[1])
    return f"unknown name: {name[1]} ({why})" if why else ""


def grade(path: Path, options: argparse.Namespace) -> Iterator[Row]:
    """Judge one file in a process of its own; again behind a function that takes it down.

    What the file does costs no other its row. Raises OSError or EOFError where this machine has no
    process for it.
    """
    try:
        names = reading.tasks_in(path, check.TASKS)
        names, reason = options.task or names, "no exercise in it"
    except Exception as error:  # whatever a file can do to a reader
        names, reason = [], f"can't be read: {error}"[:200]
    if not names:
        yield from (Row(str(path), task, False, reason) for task in options.task or [""])
    left = list(names)
    while left:
        found, reason = _run_process(path, left, options)
        found += [(False, reason)] if len(found) < len(left) else []
        for passed, mistake in found:
            yield Row(str(path), left.pop(0), passed, mistake)


def _run_process(path: Path, names: list[str], options: argparse.Namespace) -> tuple[list, str]:
    """What the process found out about the first of `names`, and how it came to its end."""
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder, "answers")
        process = PROCESSES.Process(target=_child, args=(path.resolve(), answers, names, options))
        process.start()
        try:
            process.join(options.timeout)
            code = process.exitcode
        finally:
            if os.name == "posix":  # and those that it started
                with contextlib.suppress(ProcessLookupError):  # there is none left
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.join()
        if code is None:
            reason = f"stopped after {options.timeout:g} s"
        elif code < 0:
            reason = f"crashed ({signal.Signals(-code).name})"
        else:
            reason = f"ended the process (exit code {code})"
        if not answers.exists():
            raise OSError(f"the process for {path} never came to it, {reason}")
        # The last line is empty, or the process was killed in the middle of it.
        *lines, _ = answers.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines], reason


def _child(path: Path, answers: Path, names: list[str], options: argparse.Namespace) -> None:
    if os.name == "posix":
        os.setsid()
    for stream in range(3):
        os.dup2(os.open(os.devnull, os.O_RDWR), stream)
    os.chdir(path.parent)
    # Its own helper modules; last, for the folder may hold a torch.py.
    others = [entry for entry in sys.path if entry and Path(entry).resolve() != path.parent]
    sys.path[:] = [*others, str(path.parent)]
    os.environ["MPLBACKEND"] = "Agg"
    torch.set_num_threads(1)
    check.SECONDS = options.seconds
    with open(answers, "a", encoding="utf-8") as file:  # it is there: from here on it is theirs
        for answer in judge_file(path, names, options.memory * 2**20):
            file.write(json.dumps(answer) + "\n")
            file.flush()
    os._exit(0)  # a submission may have left threads that never end


# --- the command ---


def find(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """The submissions among files and folders, and what is neither. Raises FileNotFoundError."""
    files, aside = {}, {}
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"there is no {path}")
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            # Not what systems and editors put beside the files.
            hidden = any(part.startswith((".", "__")) for part in file.relative_to(path).parts)
            if not hidden and not file.is_dir():
                into = files if file.suffix.lower() in (".ipynb", ".py") else aside
                into[file] = None
    return list(files), list(aside)


def add_options(command: argparse.ArgumentParser) -> None:
    """Make `command` the one that checks submissions: what it takes, and `run` to do it."""
    command.description = "Check the exercises in submitted notebooks or .py files."
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    form.add_argument("--csv", action="store_true", help="print CSV instead of a table")
    for name, unit, default, says in (
        ("timeout", "S", 60.0, "seconds a file may take"),
        ("seconds", "S", check.SECONDS, "seconds each check may take"),
        ("memory", "MB", 2048, "MB a file may take beyond Python and torch, on Linux"),
    ):
        how = dict(type=type(default), default=default, metavar=unit)
        command.add_argument(f"--{name}", help=f"{says} ({default:g})", **how)
    says = "demand this task of every file; may be repeated"
    command.add_argument("--task", action="append", choices=list(check.TASKS), help=says)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a line for each task of each file; return 2 if not every file could be judged."""
    for stream in (sys.stdout, sys.stderr):  # a name that its encoding lacks shows its number
        stream.reconfigure(errors="backslashreplace")

    def say(text: str) -> int:
        print(f"check: {text}", file=sys.stderr)
        return 2

    try:
        files, aside = find(options.paths)
    except FileNotFoundError as error:
        return say(str(error))
    if aside:
        say(f"{len(aside)} left aside as neither: {', '.join(map(str, aside))}")
    if not files:
        return say(f"no submissions in {', '.join(map(str, options.paths))}")
    if not ON_LINUX:
        say("this system can't limit a process's memory, so --memory has no effect")
    rows, status = [], 0
    try:
        for path in tqdm(files, unit=" files", disable=None):  # shown on a terminal alone
            rows += grade(path, options)
    except (OSError, EOFError) as error:
        done = f"{len({row.file for row in rows})} of {len(files)} files judged"
        status = say(f"{done}, the rest not: this machine's trouble: {error}")
    if rows:
        show(rows, options)
    return status


def show(rows: list[Row], options: argparse.Namespace) -> None:
    if options.json:
        found = [row._asdict() | {"mistake": row.mistake or None} for row in rows]
        print(json.dumps(found, indent=1))
    elif options.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([Row._fields, *rows])
    else:
        lines = [(r.file, r.task, "yes" if r.passed else "no", r.mistake) for r in rows]
        table = [[" ".join(text.split()) for text in line] for line in (Row._fields, *lines)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table:
            padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
            print("  ".join(padded).rstrip())
