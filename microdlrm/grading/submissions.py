"""Check whole submissions: find the exercise functions in a file, judge each within limits.

Only the statements that the exercise functions need are run, so that training, plots and prints
cost nothing, and a cell that fails elsewhere does no harm. The limits catch accidents. They are no
defence against malice. What is this machine's own trouble ends the command: no learner pays for it.
"""

import __future__

import argparse
import ast
import contextlib
import csv
import io
import json
import linecache
import multiprocessing
import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from microdlrm.exercises import check, guard
from microdlrm.exercises.verdict import Verdict
from microdlrm.grading import own, reading

SUFFIXES = (".ipynb", ".py")
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


class Limits(NamedTuple):
    timeout: float = 60.0  # seconds a file may take
    seconds: float = check.SECONDS  # of them, each check
    memory: int = 2**31  # bytes a file may take


# --- judging it, in a process of its own ---


def judge_file(path: Path, names: list[str], memory: int) -> Iterator[tuple[str, bool | None, str]]:
    """Run what `names` need; yield (task, passed, mistake) for each, before its check with None.

    Only what the submission defines is judged: an import takes no answer's place, not even later.
    """
    notebook, parsed, problems = reading.is_notebook(path), [], {}
    for number, cell in enumerate(reading.cells(path), start=1):
        filename = f"{path.name}, cell {number}" if notebook else path.name
        linecache.cache[filename] = len(cell), None, cell.splitlines(keepends=True), filename
        try:
            parsed += [(filename, statement) for statement in reading.parse(cell, notebook)]
        except SyntaxError as error:
            problems |= dict.fromkeys(reading.seems_to_define(cell), str(error))
    statements = [statement for _, statement in parsed]
    kept = set(reading.needed(statements, names))
    namespace, answers, flags = _namespace(), {}, 0
    with guard.memory_limit(memory):
        for filename, statement in ((filename, s) for filename, s in parsed if s in kept):
            if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                flags |= sum(getattr(__future__, a.name).compiler_flag for a in statement.names)
            try:
                code = compile(ast.Module([statement], []), filename, "exec", flags, True)
                exec(code, namespace)
            except BaseException as error:
                says = f"{type(error).__name__}: {error}"[:200]
                problems |= dict.fromkeys(reading.binds(statement), says)
            answers |= {n: namespace[n] for n in names if _is_own(namespace.get(n), statement)}
            namespace |= answers
        left = reading.passed_over(statements, kept)
        for name in names:
            yield name, None, ""
            needs, judge = reading.needed(statements, [name]), check.TASKS[name]
            if name not in answers:
                yield name, False, _missing(name, problems, needs)
                continue
            verdict = None if reading.borrowed(name, needs, check.TASKS) else judge(answers[name])
            if verdict is None or (verdict.passed and own.borrows(answers[name], judge)):
                yield name, False, BORROWED
            else:
                yield name, verdict.passed, _mistake(verdict, problems, left)


def _namespace() -> dict:
    """What every notebook has without defining it. What it asks of Jupyter does nothing."""

    class Jupyter:
        def __getattr__(self, name):
            return lambda *args, **kwargs: [] if name == "getoutput" else None

    return {"__name__": own.MODULE, "display": lambda *args, **kwargs: None, "get_ipython": Jupyter}


def _is_own(value, statement: ast.stmt) -> bool:
    """Whether the statement made `value` of the submission's own code, and didn't import it."""
    if value is None or isinstance(statement, reading.IMPORTS):
        return False
    if own.is_own(value):
        return True
    made = (ast.Assign, ast.AnnAssign, ast.ClassDef, *reading.FUNCTIONS)
    ours = any(owner.split(".")[0] == "microdlrm" for owner in own.owners(value))
    return isinstance(statement, made) and not ours


def _missing(name: str, problems: dict[str, str], needs: list[ast.stmt]) -> str:
    if says := problems.get(name):
        kind = says.partition(":")[0]
        return _unknown(says, problems, []) or (
            says if kind.startswith("not valid") else f"{kind} where it is defined"
        )
    if any(name in reading.imported(s) for s in needs):
        return "imported, not defined"
    return BORROWED if reading.borrowed(name, needs, check.TASKS) else "not defined"


def _mistake(verdict: Verdict, problems: dict[str, str], left: list[str]) -> str:
    unknown = verdict.mistake == "unknown name" and _unknown(verdict.where, problems, left)
    return unknown or verdict.mistake or ""


def _unknown(says: str, problems: dict[str, str], left: list[str]) -> str:
    """Of a name that is missing, what kept it from being defined; "" if that can't be told."""
    name = re.search(r"NameError: .*?'(\w+)'", says)
    why = name and (problems.get(name[1]) or (left and f"not run: {'; '.join(left)[:100]}"))
    return f"unknown name: {name[1]} ({why})" if why else ""


def run_file(path: Path, names: list[str], limits: Limits) -> dict[str, tuple[bool, str]]:
    """Judge one file in a process of its own; again without a function that takes the process down.

    Raises OSError where no process can be had for it.
    """
    left, found = list(names), {}
    while left:
        log, reason = _run_process(path, left, limits)
        found |= {task: (passed, mistake) for task, passed, mistake in log if passed is not None}
        left = [name for name in left if name not in found]
        # The one that was begun is to blame; if none was, what the first of them needs.
        begun = [task for task, *_ in log if task in left]
        found |= dict.fromkeys(begun[:1] or left[:1], (False, reason))
        left = [name for name in left if name not in found]
    return {name: found[name] for name in names}


def _run_process(path: Path, names: list[str], limits: Limits) -> tuple[list, str]:
    """What the process wrote of each task, (task, passed, mistake), and how it came to its end."""
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder, "answers")
        process = PROCESSES.Process(target=_child, args=(path.resolve(), answers, names, limits))
        process.start()
        try:
            process.join(limits.timeout)
            code = process.exitcode
        finally:
            _end(process)
        if code is None:
            reason = f"stopped after {limits.timeout:g} s"
        elif code < 0:
            reason = f"crashed ({_signal(-code)})"
        else:
            reason = f"ended the process (exit code {code})"
        if not answers.exists():
            raise OSError(f"the process for {path} never came to it, {reason}")
        lines = answers.read_text(encoding="utf-8", errors="replace").splitlines()
        return [answer for line in lines if (answer := _answer(line, names))], reason


def _answer(line: str, names: list[str]) -> list | None:
    """A line that the process wrote; None for one that it was killed in the middle of."""
    try:
        task, passed, mistake = json.loads(line)
    except (TypeError, ValueError):
        return None
    return [task, passed, str(mistake)] if task in names else None


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"


def _end(process: multiprocessing.Process) -> None:
    """End a process, and on POSIX those that it started."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):  # there is none left, or it has just begun
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def _child(path: Path, answers: Path, names: list[str], limits: Limits) -> None:
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
    check.SECONDS = limits.seconds
    with open(
        answers, "a", encoding="utf-8"
    ) as file:  # that it is there says: from here on it is theirs
        for answer in judge_file(path, names, limits.memory):
            file.write(json.dumps(answer) + "\n")
            file.flush()
    os._exit(0)  # a submission may have left threads that never end


# --- the command ---


def find(paths: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """The submissions among files and folders, and what is neither. Raises FileNotFoundError."""
    files, aside = {}, []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"there is no {path}")
        if not path.is_dir():
            files[path] = None
            continue
        closed = lambda error: aside.append(f"{error.filename} (no access)")  # noqa: E731
        for folder, inside, names in os.walk(path, onerror=closed):
            # Not what systems and editors put beside the files.
            inside[:] = sorted(name for name in inside if not name.startswith((".", "__")))
            for name in sorted(name for name in names if not name.startswith(".")):
                if name.lower().endswith(SUFFIXES):
                    files[Path(folder, name)] = None
                else:
                    aside.append(str(Path(folder, name)))
    return list(files), aside


def grade(files: Iterable[Path], limits: Limits, tasks: list[str] | None = None) -> Iterator[Row]:
    """Check each file's exercise functions, or those named by `tasks`.

    What one file does costs no other its row. This machine's own trouble is an OSError or EOFError.
    """
    if ON_LINUX and len(tempfile.gettempdir()) > 70:
        tempfile.tempdir = (
            "/tmp"  # a socket's name has room for 107 characters: some TMPDIR takes more
        )
    for path in files:
        try:
            names = reading.tasks_in(path, check.TASKS)
        except (
            Exception
        ) as error:  # whatever a file can do to a reader: not only OSError and ValueError
            deep = isinstance(error, RecursionError | MemoryError)
            names, mistake = [], f"can't be read: {'it is nested too deep' if deep else error}"
        else:
            names, mistake = tasks or names, "no exercise in it"
        if not names:
            yield from (Row(str(path), task, False, mistake) for task in tasks or [""])
            continue
        for name, (passed, mistake) in run_file(path, names, limits).items():
            yield Row(str(path), name, passed, mistake)


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
        command.add_argument(
            f"--{name}",
            type=type(default),
            default=default,
            metavar=unit,
            help=f"{says} ({default:g})",
        )
    says = "demand this task of every file; may be repeated"
    command.add_argument("--task", action="append", choices=list(check.TASKS), help=says)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a line for each task of each file; return 2 if not every file could be judged."""
    for stream in (sys.stdout, sys.stderr):  # a name that its encoding lacks shows its number
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def say(text: str) -> int:
        print(f"check: {text}", file=sys.stderr)
        return 2

    try:
        files, aside = find(options.paths)
    except FileNotFoundError as error:
        return say(str(error))
    if aside:
        more = f", and {len(aside) - 10} more" if len(aside) > 10 else ""
        say(f"{len(aside)} left aside as neither: {', '.join(aside[:10])}{more}")
    if not files:
        return say(f"no submissions in {', '.join(map(str, options.paths))}")
    if not ON_LINUX:
        say("this system can't limit a process's memory, so --memory has no effect")
    limits = Limits(options.timeout, options.seconds, options.memory * 2**20)
    rows, status = [], 0
    try:
        for row in grade(files, limits, options.task):
            rows.append(row)
            if sys.stderr.isatty():
                done = len({row.file for row in rows})
                print(f"\r{done} of {len(files)} files", end="", file=sys.stderr, flush=True)
    except (OSError, EOFError) as error:
        done = len({row.file for row in rows})
        status = say(
            f"{done} of {len(files)} files judged, the rest not: this machine's trouble: {error}"
        )
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
