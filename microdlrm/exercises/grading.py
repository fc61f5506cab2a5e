"""Check whole submissions: find the exercise functions in a file, and judge each in a process with limits.

Only the statements that the exercise functions need are run, so that training, plots and prints cost nothing, and
a cell that fails elsewhere does no harm. The limits catch accidents. They are no defence against malice.
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

from microdlrm.exercises import check, guard, own, reading
from microdlrm.exercises.verdict import Verdict

SUFFIXES = (".ipynb", ".py")
SUBMISSION = "submission"  # the module that a submission's own functions say they are from
BORROWED = "uses the course's own answer"
ON_LINUX = sys.platform == "linux"  # the one system that limits memory, and forks without risk
# To import torch takes longer than to judge. On Linux one process imports it, with what it loads at its first use of
# a dispatch mode, and forks for each file: none sees what another did. Elsewhere a fork isn't safe: each imports anew.
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
    """Run what `names` need of the file; yield (task, passed, mistake) for each, before its check with None.

    Only what the submission defines is judged. An import takes no answer's place: not even a later one.
    """
    parsed = []
    for number, cell in enumerate(reading.cells(path), start=1):
        filename = f"{path.name}, cell {number}" if reading.is_notebook(path) else path.name
        linecache.cache[filename] = len(cell), None, cell.splitlines(keepends=True), filename
        parsed.append((filename, cell, reading.parse(cell, reading.is_notebook(path))))
    statements = [statement for *_, found in parsed for statement in found]
    kept = set(reading.needed(statements, names))
    namespace, answers, problems, flags = _namespace(), {}, {}, 0
    with guard.memory_limit(memory):
        for filename, cell, found in parsed:
            if not found:
                problems |= dict.fromkeys(reading.defines(cell), "not valid Python")
            for statement in (s for s in found if s in kept):
                flags |= _future(statement)
                try:
                    code = compile(ast.Module([statement], []), filename, "exec", flags, dont_inherit=True)
                    exec(code, namespace)
                except BaseException as error:
                    problems |= dict.fromkeys(reading.binds(statement), f"{type(error).__name__}: {error}"[:200])
                answers |= {name: namespace[name] for name in names if _is_own(namespace.get(name), statement)}
                namespace |= answers
        for name in names:
            yield name, None, ""
            needs = reading.needed(statements, [name])
            if name not in answers:
                yield name, False, _missing(name, problems, needs)
                continue
            verdict = None if reading.borrowed(name, needs, check.TASKS) else check.TASKS[name](answers[name])
            if verdict is None or (verdict.passed and own.borrows(answers[name], check.TASKS[name])):
                yield name, False, BORROWED
            else:
                yield name, verdict.passed, _mistake(verdict, problems, reading.passed_over(statements, kept))


def _namespace() -> dict:
    """What every notebook has without defining it; whatever it shows, and asks of Jupyter, comes to nothing."""

    class Jupyter:
        def __getattr__(self, name):
            return lambda *args, **kwargs: [] if name == "getoutput" else None

    return {"__name__": SUBMISSION, "display": lambda *args, **kwargs: None, "get_ipython": Jupyter}


def _future(statement: ast.stmt) -> int:
    """The compiler flags of a `from __future__ import …`, which hold for all that follows."""
    match statement:
        case ast.ImportFrom("__future__", names):
            return sum(getattr(__future__, alias.name).compiler_flag for alias in names)
    return 0


def _is_own(value, statement: ast.stmt) -> bool:
    """Whether the statement made `value` out of the submission's own code, rather than imported it."""
    if value is None or isinstance(statement, reading.IMPORTS):
        return False
    if own.is_own(value, SUBMISSION):
        return True
    made = isinstance(statement, (ast.Assign, ast.AnnAssign, ast.ClassDef, *reading.FUNCTIONS))
    return made and not any(owner.split(".")[0] == "microdlrm" for owner in own.owners(value))


def _missing(name: str, problems: dict[str, str], needs: list[ast.stmt]) -> str:
    if name in problems:
        kind, colon, _ = problems[name].partition(":")
        return f"{kind} where it is defined" if colon else kind
    if any(name in reading.imported(s) for s in needs):
        return "imported, not defined"
    return BORROWED if reading.borrowed(name, needs, check.TASKS) else "not defined"


def _mistake(verdict: Verdict, problems: dict[str, str], passed_over: list[str]) -> str:
    """The mistake's name; of an unknown name what kept it from being defined."""
    unknown = re.search(r"NameError: (?:free variable|name) '(\w+)'", verdict.where)
    if verdict.mistake == "unknown name" and unknown:
        if problem := problems.get(unknown[1]):
            return f"{verdict.mistake}: {unknown[1]} ({problem})"
        if passed_over:
            return f"{verdict.mistake}: {unknown[1]} (not run: {'; '.join(passed_over)[:100]})"
    return verdict.mistake or ""


def run_file(path: Path, names: list[str], limits: Limits) -> dict[str, tuple[bool, str]]:
    """Judge one file, in a process of its own; again without a function that takes the process down."""
    left, found = list(names), {}
    while left:
        log, reason = _run_process(path, left, limits)
        found |= {task: (passed, mistake) for task, passed, mistake in log if passed is not None}
        left = [name for name in left if name not in found]
        # The one that was begun is to blame; if none was, what the first of them needs ended or outlasted the process.
        begun = [task for task, *_ in log if task in left]
        found |= dict.fromkeys(begun[:1] or left[:1], (False, reason))
        left = [name for name in left if name not in found]
    return {name: found[name] for name in names}


def _run_process(path: Path, names: list[str], limits: Limits) -> tuple[list, str]:
    """What the process wrote of each task, (task, passed, mistake), and how the process came to its end."""
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
        else:
            reason = f"crashed ({_signal(-code)})" if code < 0 else f"ended the process (exit code {code})"
        lines = answers.read_text(encoding="utf-8", errors="replace").splitlines() if answers.exists() else []
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
    sys.path[:] = [*(entry for entry in sys.path if entry and Path(entry).resolve() != path.parent), str(path.parent)]
    os.environ["MPLBACKEND"] = "Agg"
    torch.set_num_threads(1)
    check.SECONDS = limits.seconds
    with open(answers, "a", encoding="utf-8") as file:
        for answer in judge_file(path, names, limits.memory):
            file.write(json.dumps(answer) + "\n")
            file.flush()
    # A submission may have left threads that never end.
    os._exit(0)


# --- the command ---


def find(paths: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """The submissions among files and folders, and what was left aside. Raises FileNotFoundError for a missing path."""
    files, aside = {}, []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"there is no {path}")
        if not path.is_dir():
            files[path] = None
            continue
        for folder, inside, names in os.walk(path, onerror=lambda error: aside.append(f"{error.filename} (no access)")):
            # What systems and editors put beside the files.
            inside[:] = sorted(name for name in inside if not name.startswith((".", "__")))
            for name in sorted(name for name in names if not name.startswith(".")):
                if name.lower().endswith(SUFFIXES):
                    files[Path(folder, name)] = None
                else:
                    aside.append(str(Path(folder, name)))
    return list(files), aside


def grade(files: Iterable[Path], limits: Limits, tasks: list[str] | None = None) -> Iterator[Row]:
    """Check each file's exercise functions, or those named by `tasks`. What one file does costs no other its row."""
    for path in files:
        try:
            names = reading.tasks_in(path, check.TASKS)
        except Exception as error:  # whatever a file can do to a reader: not only OSError and ValueError
            says = "it is nested too deep" if isinstance(error, RecursionError | MemoryError) else error
            names, mistake = [], f"can't be read: {says}"
        else:
            names, mistake = tasks or names, "no exercise in it"
        if not names:
            yield from (Row(str(path), task, False, mistake) for task in tasks or [""])
            continue
        try:
            found = run_file(path, names, limits)
        except OSError as error:  # no room for a temporary file, for one
            found = dict.fromkeys(names, (False, f"can't be run: {error}"))
        for name, (passed, mistake) in found.items():
            yield Row(str(path), name, passed, mistake)


def add_options(command: argparse.ArgumentParser) -> None:
    """Make `command` the one that checks submissions: what it takes, and `run` to do it."""
    command.description = "Check the exercises in submitted notebooks or .py files, each in a process with limits."
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder to search")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    form.add_argument("--csv", action="store_true", help="print CSV instead of a table")
    command.add_argument("--timeout", type=float, default=60, metavar="S", help="seconds a file may take (60)")
    command.add_argument(
        "--seconds",
        type=float,
        default=check.SECONDS,
        metavar="S",
        help=f"seconds each check may take ({check.SECONDS:g})",
    )
    command.add_argument(
        "--memory",
        type=int,
        default=2048,
        metavar="MB",
        help="MB a file may take beyond Python and torch (2048; Linux)",
    )
    command.add_argument(
        "--task", action="append", choices=list(check.TASKS), help="demand this task of every file; may be repeated"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a line for each task of each file; return 2 if a path isn't there or holds nothing, or else 0."""
    for stream in (sys.stdout, sys.stderr):  # a name that its encoding lacks shows its number, and stops nothing
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        files, aside = find(options.paths)
    except FileNotFoundError as error:
        print(f"check: {error}", file=sys.stderr)
        return 2
    if aside:
        more = f", and {len(aside) - 10} more" if len(aside) > 10 else ""
        print(f"check: {len(aside)} left aside as neither: {', '.join(aside[:10])}{more}", file=sys.stderr)
    if not files:
        print(f"check: no submissions in {', '.join(map(str, options.paths))}", file=sys.stderr)
        return 2
    if not ON_LINUX:
        print("check: this system can't limit a process's memory, so --memory has no effect", file=sys.stderr)
    limits = Limits(options.timeout, options.seconds, options.memory * 2**20)
    rows = []
    for row in grade(files, limits, options.task):
        rows.append(row)
        if sys.stderr.isatty():
            print(f"\r{len({r.file for r in rows})} of {len(files)} files", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    show(rows, options)
    return 0


def show(rows: list[Row], options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps([row._asdict() | {"mistake": row.mistake or None} for row in rows], indent=1))
    elif options.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([Row._fields, *rows])
    else:
        table = [Row._fields, *((r.file, r.task, "yes" if r.passed else "no", r.mistake) for r in rows)]
        table = [[" ".join(text.split()) for text in line] for line in table]  # a line is a line
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table:
            print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
