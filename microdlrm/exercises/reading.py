"""How a submission is read: as Jupyter reads a notebook and Python a .py file; and which statements a task needs."""

import ast
import builtins
import json
import re
import tokenize
from collections.abc import Iterable
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager

LARGEST = 200 * 2**20  # bytes of a submission: a notebook with its pictures stays far below
SAME_CODE = ("time", "timeit", "capture", "prun")  # cell magics that run the cell's code as it stands
IMPORTS = (ast.Import, ast.ImportFrom)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_notebook(path: Path) -> bool:
    return path.suffix.lower() == ".ipynb"


# --- from the file to statements ---


def cells(path: Path) -> list[str]:
    """The code of a .py file, or of each code cell of a notebook, in order. Raises ValueError if it is neither."""
    if not path.is_file():
        raise ValueError("this is not a file")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it is larger than {LARGEST >> 20} MB")
    if is_notebook(path):
        return _cells_of_notebook(path.read_bytes())
    if path.suffix.lower() != ".py":
        raise ValueError("this is neither a notebook nor a .py file")
    try:
        with tokenize.open(path) as file:  # a BOM and a coding line as Python understands them
            return [file.read()]
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(f"Python can't decode it, and wants UTF-8: {error}") from error


def _cells_of_notebook(blob: bytes) -> list[str]:
    """Of a notebook in any format that nbformat knows, and any encoding that json does: a BOM, UTF-16."""
    try:
        notebook = json.loads(blob)
    except UnicodeDecodeError as error:
        raise ValueError(f"it isn't UTF-8: {error}") from error
    try:
        if notebook.get("nbformat", 4) < 4:
            notebook = _upgraded(notebook)
        return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("this is not a notebook") from error


def _upgraded(notebook: dict) -> dict:
    import nbformat  # here, because it takes long to import and only a file of years ago needs it

    notebook.setdefault("metadata", {})
    for cell in (cell for sheet in notebook.get("worksheets", []) for cell in sheet["cells"]):
        cell.setdefault("outputs", [])
    try:
        return nbformat.convert(nbformat.reader.reads(json.dumps(notebook)), 4)
    except nbformat.ValidationError as error:
        raise ValueError("this is not a notebook") from error


def parse(code: str, notebook: bool = True) -> list[ast.stmt]:
    """The statements of a cell as IPython would run it, or of a .py file; none if it is no Python even then."""
    for text in (_transformed, str) if notebook else (str, _transformed):
        try:
            return [inner for statement in ast.parse(text(code)).body for inner in _unwrapped(statement)]
        except (SyntaxError, ValueError):
            continue
    return []


def _transformed(code: str) -> str:
    """Magics, shell escapes and questions as the calls that IPython makes of them."""
    return TransformerManager().transform_cell(code)


def _unwrapped(statement: ast.stmt) -> list[ast.stmt]:
    """The statements of a cell under `%%time` or the like, which is one call with the code in a string."""
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
    names = imported(statement)
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names |= {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
    return names


def imported(statement: ast.stmt) -> set[str]:
    aliases = (node for node in ast.walk(statement) if isinstance(node, ast.alias))
    return {(alias.asname or alias.name).split(".")[0] for alias in aliases}


def uses(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def needed(statements: list[ast.stmt], names: Iterable[str]) -> list[ast.stmt]:
    """The statements that define `names`, and whatever those need in turn, in their order."""
    wanted, kept = {"*", *names}, {k for k, s in enumerate(statements) if _sets(s)}
    wanted |= set().union(*(uses(statements[k]) for k in kept))
    modules = {name for s in statements if isinstance(s, IMPORTS) for name in binds(s)}
    writes = {s.name: _globals(s) for s in statements if isinstance(s, FUNCTIONS)}
    while True:
        more = {
            k
            for k, s in enumerate(statements)
            if k not in kept and (binds(s) & wanted or _changes(s, writes) & (wanted - modules))
        }
        if not more:
            return [statements[k] for k in sorted(kept)]
        kept |= more
        wanted |= set().union(*(uses(statements[k]) for k in more))


def _sets(statement: ast.stmt) -> bool:
    """Whether a statement sets something for all that follows: sys.path, the future, torch.set_default_dtype(…)."""
    match statement:
        case ast.ImportFrom("__future__"):
            return True
        case ast.Expr(ast.Call(ast.Attribute(ast.Attribute(ast.Name("sys"), "path")))):
            return True
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(), name))):
            return name.startswith("set")
        case ast.Expr(ast.Call(ast.Name(name))):
            return name == "setrecursionlimit" or name.startswith("set_")
        case ast.Assign() | ast.AugAssign():
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            return any(re.match(r"sys\.path\b", ast.unparse(target)) for target in targets)
    return False


def _changes(statement: ast.stmt, writes: dict[str, set[str]]) -> set[str]:
    """The names that a bare call may change: pairs.append(…), setattr(pairs, …), and what a function calls global."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(name)))):
            return {name}
        case ast.Expr(ast.Call(ast.Name("setattr" | "delattr"), [ast.Name(name), *_])):
            return {name}
        case ast.Expr(ast.Call(ast.Name(name))):
            return writes.get(name, set())
    return set()


def _globals(function: ast.stmt) -> set[str]:
    """The names that a function calls global, or whose values it changes: pairs[0] = …, pairs.append(…)."""
    names = {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
    for node in ast.walk(function):
        if isinstance(node, ast.Expr):
            names |= _changes(node, {})
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names |= uses(node.value)
    return names


def passed_over(statements: list[ast.stmt], kept: set[ast.stmt]) -> list[str]:
    """The statements that weren't run and may have defined something: calls of one's own, `%run`, globals()."""
    modules = {name for s in statements for name in imported(s)}
    harmless = {*dir(builtins), *modules, "display", "get_ipython"} - {"exec", "eval", "globals", "vars", "setattr"}
    left = []
    for statement in statements:
        match statement:
            case _ if statement in kept or isinstance(statement, (*IMPORTS, *FUNCTIONS, ast.ClassDef)):
                continue
            case ast.Expr(ast.Call(ast.Attribute(_, "run_line_magic"), [ast.Constant(name), ast.Constant(line)])):
                left += [f"%{name} {line}"] if name in ("run", "load", "pylab", "store") else []
            case _ if _called(statement) - harmless:
                left.append(" ".join(ast.unparse(statement).split()))
    return left


def _called(statement: ast.stmt) -> set[str]:
    """The names that a statement calls, or calls methods of."""
    calls = [ast.unparse(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return {re.match(r"\w*", call)[0] for call in calls} - {""}


def borrowed(name: str, statements: Iterable[ast.stmt], answers: Iterable[str]) -> bool:
    """Whether the learner's function `name`, made by `statements`, uses one of the course's own answers."""
    nodes = [node for statement in statements for node in ast.walk(statement)]
    used = {node.id for node in nodes if isinstance(node, ast.Name)} - {name}  # which is the learner's own
    answers, course = {*answers, "plain_loop"}, {"microdlrm"}  # the latter: what stands for one of its modules
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("microdlrm"):
            if any(alias.name in answers and (alias.asname or alias.name) in used for alias in node.names):
                return True
            course |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            course |= {alias.asname for alias in node.names if alias.asname and alias.name.startswith("microdlrm")}
    attributes = [node for node in nodes if isinstance(node, ast.Attribute) and node.attr in answers]
    return any(ast.unparse(node).split(".")[0] in course for node in attributes)


def defines(code: str) -> set[str]:
    """The functions that text which doesn't parse seems to define."""
    return set(re.findall(r"^\s*def\s+(\w+)", code, flags=re.MULTILINE))


def tasks_in(path: Path, known: Iterable[str]) -> list[str]:
    """The exercise functions that a file defines, even in a cell that doesn't parse; imports aren't definitions."""
    defined = set()
    for cell in cells(path):
        statements = parse(cell, is_notebook(path))
        defined |= set().union(*(binds(s) - (imported(s) - _assigned(s)) for s in statements))
        defined |= set() if statements else defines(cell)
    return [name for name in known if name in defined]


def _assigned(statement: ast.stmt) -> set[str]:
    """The names that a statement binds otherwise than by an import in it."""
    stores = (n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return {*stores, *(n.name for n in ast.walk(statement) if isinstance(n, (*FUNCTIONS, ast.ClassDef)))}
