"""Check whole submissions: find the exercise functions in a file, and judge each in a process with limits.

Only the statements that the exercise functions need are run, so that training, plots and prints cost nothing, and
a cell that fails elsewhere does no harm. The limits catch accidents. They are no defence against malice.
"""

import argparse
import ast
import csv
import json
import linecache
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from microdlrm.exercises import check, guard

SUFFIXES = (".ipynb", ".py")
MEMORY_LIMITED = sys.platform == "linux"


class Row(NamedTuple):
    """One task in one file; `mistake` is empty where it passed."""

    file: str
    task: str
    passed: bool
    mistake: str


# --- reading a submission ---


def cells(path: Path) -> list[str]:
    """The code of a .py file, or of each code cell of a notebook, in order. Raises ValueError if it is neither."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return [text]
    try:
        found = json.loads(text)["cells"]
        return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]
    except (KeyError, TypeError) as error:
        raise ValueError("this is not a notebook") from error


def parse(cell: str) -> list[ast.stmt]:
    """The statements of a cell without its magics; none if it is no Python even then."""
    for code in (cell, re.sub(r"^(\s*)([%!?].*|.*\?)$", r"\1pass", cell, flags=re.MULTILINE)):
        try:
            return ast.parse(code).body
        except (SyntaxError, ValueError):
            continue
    return []


def binds(statement: ast.stmt) -> set[str]:
    """The names that a statement defines or changes, at whatever depth."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    names = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names |= {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
    return names


def uses(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def needed(statements: list[ast.stmt], names: Iterable[str]) -> list[ast.stmt]:
    """The statements that define `names`, and whatever those need in turn, in their order."""
    wanted, kept = {"*", *names}, set()
    imported = {name for s in statements if isinstance(s, ast.Import | ast.ImportFrom) for name in binds(s)}
    while True:
        more = {
            k
            for k, s in enumerate(statements)
            if k not in kept and (binds(s) & wanted or _changes(s) in wanted - imported)
        }
        if not more:
            return [statements[k] for k in sorted(kept)]
        kept |= more
        wanted |= set().union(*(uses(statements[k]) for k in more))


def _changes(statement: ast.stmt) -> str | None:
    """`pairs` of a statement such as pairs.append(…)."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    target = call.func.value if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None
    return target.id if isinstance(target, ast.Name) else None


def _defines(code: str) -> set[str]:
    return set(re.findall(r"^\s*def\s+(\w+)", code, flags=re.MULTILINE))


def tasks_in(path: Path, known: Iterable[str]) -> list[str]:
    """The exercise functions that a file defines, even in a cell that doesn't parse."""
    code = cells(path)
    defined = set().union(*(binds(s) for cell in code for s in parse(cell)))
    defined |= _defines("\n".join(code))
    return [name for name in known if name in defined]


# --- judging it, in a process of its own ---


def judge_file(path: Path, names: list[str], memory: int) -> Iterator[tuple[str, bool | None, str]]:
    """Run what `names` need of the file; yield (task, passed, mistake) for each, before its check with None."""
    parsed = []
    for number, cell in enumerate(cells(path), start=1):
        filename = f"{path.name}, cell {number}" if path.suffix == ".ipynb" else path.name
        linecache.cache[filename] = len(cell), None, cell.splitlines(keepends=True), filename
        parsed.append((filename, cell, parse(cell)))
    wanted = set(needed([statement for *_, statements in parsed for statement in statements], names))
    namespace, problems = {"__name__": "submission"}, {}
    with guard.memory_limit(memory):
        for filename, cell, statements in parsed:
            if not statements:
                problems |= dict.fromkeys(_defines(cell), "not valid Python")
            for statement in (s for s in statements if s in wanted):
                try:
                    exec(compile(ast.Module([statement], []), filename, "exec"), namespace)
                except BaseException as error:
                    problems |= dict.fromkeys(binds(statement), f"{type(error).__name__} where it is defined")
        for name in names:
            yield name, None, ""
            if name in namespace:
                verdict = check.TASKS[name](namespace[name])
                yield name, verdict.passed, verdict.mistake or ""
            else:
                yield name, False, problems.get(name, "not defined")


def run_file(path: Path, names: list[str], timeout: float, memory: int) -> dict[str, tuple[bool, str]]:
    """Judge one file, in a process of its own; again without a function that takes the process down."""
    left, found = list(names), {}
    while left:
        log, reason = _run_process(path, left, timeout, memory)
        found |= {task: (passed, mistake) for task, passed, mistake in log if passed is not None}
        left = [name for name in left if name not in found]
        # The one that was begun is to blame; if none was, what the first of them needs ended or outlasted the process.
        begun = [task for task, *_ in log if task in left]
        found |= dict.fromkeys(begun[:1] or left[:1], (False, reason))
        left = [name for name in left if name not in found]
    return {name: found[name] for name in names}


def _run_process(path: Path, names: list[str], timeout: float, memory: int) -> tuple[list, str]:
    """What the process wrote of each task, (task, passed, mistake), and how the process came to its end."""
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder, "answers")
        # -P: the submission's folder may hold a torch.py, and must not come first among the places to import from.
        command = [sys.executable, "-P", "-m", "microdlrm.exercises.grading"]
        process = subprocess.Popen(
            [*command, str(path.resolve()), str(answers), str(memory), *names],
            cwd=path.resolve().parent,
            env=os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=os.name == "posix",
        )
        try:
            code = process.wait(timeout)
            reason = f"crashed ({signal.Signals(-code).name})" if code < 0 else f"ended the process (exit code {code})"
        except subprocess.TimeoutExpired:
            reason = f"stopped after {timeout:g} s"
        finally:
            _end(process)
        lines = answers.read_text(encoding="utf-8").splitlines() if answers.exists() else []
        return [json.loads(line) for line in lines], reason


def _end(process: subprocess.Popen) -> None:
    """End a process, and on POSIX those that it started."""
    try:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except ProcessLookupError:
        pass
    process.wait()


def _child(path: str, answers: str, memory: str, *names: str) -> None:
    sys.path.append(str(Path(path).parent))  # its own helper modules
    with open(answers, "a", encoding="utf-8") as file:
        for answer in judge_file(Path(path), list(names), int(memory)):
            file.write(json.dumps(answer) + "\n")
            file.flush()
    # A submission may have left threads that never end.
    os._exit(0)


# --- the command ---


def find(paths: Iterable[Path]) -> list[Path]:
    """The submissions among files and folders. Raises FileNotFoundError for a path that isn't there."""
    files = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"there is no {path}")
        inside = (p for p in sorted(path.rglob("*")) if p.suffix in SUFFIXES and ".ipynb_checkpoints" not in p.parts)
        files += inside if path.is_dir() else [path]
    return files


def grade(files: Iterable[Path], timeout: float, memory: int, tasks: list[str] | None = None) -> Iterator[Row]:
    """Check each file's exercise functions, or those named by `tasks`."""
    for path in files:
        try:
            names = tasks or tasks_in(path, check.TASKS)
        except (OSError, ValueError) as error:
            yield Row(str(path), "", False, f"can't be read: {error}")
            continue
        if not names:
            yield Row(str(path), "", False, "no exercise in it")
            continue
        for name, (passed, mistake) in run_file(path, names, timeout, memory).items():
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
    """Print a line for each task of each file; return 2 if a path isn't there, or else 0."""
    try:
        files = find(options.paths)
    except FileNotFoundError as error:
        print(f"check: {error}", file=sys.stderr)
        return 2
    if not MEMORY_LIMITED:
        print("check: this system can't limit a process's memory, so --memory has no effect", file=sys.stderr)
    rows = []
    for row in grade(files, options.timeout, options.memory * 2**20, options.task):
        rows.append(row)
        if sys.stderr.isatty():
            print(f"\r{len({r.file for r in rows})} of {len(files)} files", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if options.json:
        print(json.dumps([row._asdict() | {"mistake": row.mistake or None} for row in rows], indent=1))
    elif options.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([Row._fields, *rows])
    else:
        table = [Row._fields, *((r.file, r.task, "yes" if r.passed else "no", r.mistake) for r in rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table:
            print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    return 0


if __name__ == "__main__":
    _child(*sys.argv[1:])
