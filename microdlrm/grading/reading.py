"""How a submission is read, as Jupyter or Python reads it, and which statements a task needs."""

import ast
import builtins
import json
import re
import sys
import tokenize
from collections.abc import Iterable
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager

LARGEST = 200 * 2**20  # bytes of a submission: a notebook with its pictures stays far below
SAME_CODE = ("time", "timeit", "capture", "prun")  # cell magics that run the cell as it stands
IMPORTS = (ast.Import, ast.ImportFrom)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_notebook(path: Path) -> bool:
    return path.suffix.lower() == ".ipynb"


# --- from the file to statements ---


def cells(path: Path) -> list[str]:
    """The code of a .py file, or of each code cell of a notebook. Raises ValueError for neither."""
    if not path.is_file():
        raise ValueError("this is not a file")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it is larger than {LARGEST >> 20} MB")
    if not is_notebook(path):
        try:
            with tokenize.open(path) as file:  # a BOM and a coding line as Python understands them
                return [file.read()]
        except (SyntaxError, UnicodeDecodeError) as error:
            raise ValueError(f"Python can't decode it, and wants UTF-8: {error}") from error
    try:
        found = json.loads(path.read_bytes())["cells"]
        return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]
    except UnicodeDecodeError as error:
        raise ValueError(f"it isn't UTF-8: {error}") from error
    except (KeyError, TypeError) as error:
        raise ValueError("this is not a notebook") from error


def parse(code: str, notebook: bool = True) -> list[ast.stmt]:
    """The statements of a cell as IPython would run it, or of a .py file. Raises SyntaxError."""
    ways = (
        TransformerManager().transform_cell,
        str,
    )  # magics, `!` and `?` as the calls they become
    said = None
    for text in ways if notebook else ways[::-1]:
        try:
            return [s for found in ast.parse(text(code)).body for s in _unwrapped(found)]
        except (SyntaxError, ValueError) as error:
            said = said or error
    line = (getattr(said, "text", None) or "").strip()
    version = "{}.{}".format(*sys.version_info)
    says = f"not valid Python {version}: {getattr(said, 'msg', said)}"
    raise SyntaxError(says + (f", in {line[:80]}" if line else ""))


def _unwrapped(statement: ast.stmt) -> list[ast.stmt]:
    """The statements of a cell under `%%time` or the like: one call with the code in a string."""
    match statement:
        case ast.Expr(
            ast.Call(
                ast.Attribute(ast.Call(ast.Name("get_ipython")), "run_cell_magic"),
                [ast.Constant(name), ast.Constant(), ast.Constant(str(body))],
            )
        ) if name in SAME_CODE:
            return parse(body)
    return [statement]


# --- what statements define, and what a task needs of them ---


def binds(statement: ast.stmt) -> set[str]:
    """The names that a statement defines or changes, at whatever depth."""
    if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        return {statement.name}
    names = imported(statement) | _assigned(statement)
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names |= uses(node.value)
    return names


def imported(statement: ast.stmt) -> set[str]:
    aliases = (node for node in ast.walk(statement) if isinstance(node, ast.alias))
    return {(alias.asname or alias.name).split(".")[0] for alias in aliases}


def _assigned(statement: ast.stmt) -> set[str]:
    """The names that a statement binds otherwise than by an import in it."""
    nodes = list(ast.walk(statement))
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {n.name for n in nodes if isinstance(n, (*FUNCTIONS, ast.ClassDef))}


def uses(statement: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def needed(statements: list[ast.stmt], names: Iterable[str]) -> list[ast.stmt]:
    """The statements that define `names`, and whatever those need in turn, in their order."""
    modules = {name for s in statements if isinstance(s, IMPORTS) for name in binds(s)}
    kept = {k for k, s in enumerate(statements) if _sets(s, modules)}
    wanted = {"*", *names}.union(*(uses(statements[k]) for k in kept))
    writes = {s.name: _globals(s) for s in statements if isinstance(s, FUNCTIONS)}

    def is_needed(s: ast.stmt) -> bool:
        return bool(binds(s) & wanted or _changes(s, writes) & (wanted - modules))

    while more := {k for k, s in enumerate(statements) if k not in kept and is_needed(s)}:
        kept |= more
        wanted = wanted.union(*(uses(statements[k]) for k in more))
    return [statements[k] for k in sorted(kept)]


def _sets(statement: ast.stmt, modules: set[str]) -> bool:
    """Whether it sets something for all that follows: sys.path, torch.set_default_dtype(…)."""
    if re.match(r"from __future__ |sys\.path\b", ast.unparse(statement)):
        return True
    match statement:
        case ast.Expr(ast.Call(called)):
            first, *_, last = ast.unparse(called).split(".") * 2
            return first in modules and last.startswith("set")
    return False


def _changes(statement: ast.stmt, writes: dict[str, set[str]]) -> set[str]:
    """What a bare call may change: pairs.append(…), setattr(pairs, …), a function's globals."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(name)))):
            return {name}
        case ast.Expr(ast.Call(ast.Name("setattr" | "delattr"), [ast.Name(name), *_])):
            return {name}
        case ast.Expr(ast.Call(ast.Name(name))):
            return writes.get(name, set())
    return set()


def _globals(function: ast.stmt) -> set[str]:
    """The names that a function calls global, or whose values it changes: pairs[0] = …"""
    names = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Global):
            names |= set(node.names)
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names |= uses(node.value)
        elif isinstance(node, ast.Expr):
            names |= _changes(node, {})
    return names


def passed_over(statements: list[ast.stmt], kept: Iterable[ast.stmt]) -> list[str]:
    """What wasn't run and may have defined something: calls of one's own, `%run`, globals()."""
    modules = {name for s in statements for name in imported(s)}
    harmless = {*dir(builtins), *modules, "display", "get_ipython"}
    harmless -= {"exec", "eval", "globals", "vars", "setattr"}
    left = []
    for s in statements:
        match s:
            case _ if s in kept or isinstance(s, (*IMPORTS, *FUNCTIONS, ast.ClassDef)):
                continue
            case ast.Expr(
                ast.Call(
                    ast.Attribute(_, "run_line_magic"), [ast.Constant(name), ast.Constant(line)]
                )
            ):
                left += [f"%{name} {line}"] if name in ("run", "load", "pylab", "store") else []
            case _ if _called(s) - harmless:
                left.append(" ".join(ast.unparse(s).split()))
    return left


def _called(statement: ast.stmt) -> set[str]:
    """The names that a statement calls, or calls methods of."""
    calls = [ast.unparse(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return {re.match(r"\w*", call)[0] for call in calls} - {""}


def borrowed(name: str, statements: Iterable[ast.stmt], answers: Iterable[str]) -> bool:
    """Whether the function `name`, made by `statements`, uses one of the course's own answers."""
    nodes = [node for statement in statements for node in ast.walk(statement)]
    used = {node.id for node in nodes if isinstance(node, ast.Name)} - {name}  # the learner's own
    answers, course = {*answers, "plain_loop"}, {"microdlrm"}  # what stands for one of its modules
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("microdlrm"):
            aliases = {alias.asname or alias.name for alias in node.names if alias.name in answers}
            if aliases & used:
                return True
            course |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            course |= {a.asname for a in node.names if a.asname and a.name.startswith("microdlrm")}
    reached = [n for n in nodes if isinstance(n, ast.Attribute) and n.attr in answers]
    return any(ast.unparse(node).split(".")[0] in course for node in reached)


def seems_to_define(code: str) -> set[str]:
    """The names that text which doesn't parse seems to define."""
    found = re.findall(r"^\s*(?:def|class|type)\s+(\w+)|^(\w+)\s*(?::.*)?=", code, re.MULTILINE)
    return {one or other for one, other in found}


def tasks_in(path: Path, known: Iterable[str]) -> list[str]:
    """The exercise functions that a file defines, in a cell that doesn't parse, too; no imports."""
    defined = set()
    for cell in cells(path):
        try:
            for s in parse(cell, is_notebook(path)):
                defined |= binds(s) - (imported(s) - _assigned(s))
        except SyntaxError:
            defined |= seems_to_define(cell)
    return [name for name in known if name in defined]
