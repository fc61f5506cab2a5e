"""How a submission is read, as Jupyter or Python reads it, and which statements a task needs."""

import ast
import re
import sys
import tokenize
from collections.abc import Iterable
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

SAME_CODE = ("time", "timeit", "capture", "prun")  # cell magics that run the cell as it stands
IMPORTS = (ast.Import, ast.ImportFrom)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

# --- from the file to statements ---


def cells(path: Path) -> list[str]:
    """The code of a .py file, or of each code cell of a notebook."""
    if path.suffix.lower() == ".ipynb":
        notebook = nbformat.read(path, as_version=4)
        return [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    with tokenize.open(path) as file:  # a BOM and a coding line as Python understands them
        return [file.read()]


def parse(code: str) -> list[ast.stmt]:
    """The statements of a cell as IPython would run it, or of a .py file. Raises SyntaxError."""
    try:  # magics, `!` and `?` become calls
        found = ast.parse(TransformerManager().transform_cell(code)).body
    except (SyntaxError, ValueError) as error:
        line = (getattr(error, "text", None) or "").strip()
        version = "{}.{}".format(*sys.version_info)
        says = f"not valid Python {version}: {getattr(error, 'msg', error)}"
        raise SyntaxError(says + (f", in {line[:80]}" if line else "")) from error
    return [statement for each in found for statement in _unwrapped(each)]


def _unwrapped(statement: ast.stmt) -> list[ast.stmt]:
    """The statements of a cell under `%%time` or the like: one call with the code in a string."""
    match statement:
        case ast.Expr(
            ast.Call(
                ast.Attribute(_, "run_cell_magic"), [ast.Constant(name), _, ast.Constant(body)]
            )
        ) if name in SAME_CODE:
            return parse(body)
    return [statement]


# --- what statements define, and what a task needs of them ---


def defines(statement: ast.stmt) -> set[str]:
    """The names that a statement binds, at whatever depth, otherwise than by an import."""
    if isinstance(statement, DEFINITIONS):
        return {statement.name}
    nodes = list(ast.walk(statement))
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {node.name for node in nodes if isinstance(node, DEFINITIONS)}


def imports(statement: ast.stmt) -> set[str]:
    """The names that a statement binds by an import, those inside of functions too."""
    aliases = (node for node in ast.walk(statement) if isinstance(node, ast.alias))
    return {(alias.asname or alias.name).split(".")[0] for alias in aliases}


def binds(statement: ast.stmt) -> set[str]:
    """The names that a statement defines, imports or changes: `pairs[0] = …` changes pairs."""
    if isinstance(statement, DEFINITIONS):
        return {statement.name}
    names = defines(statement) | imports(statement)
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names |= uses(node.value)
    return names


def uses(statement: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def needed(statements: list[ast.stmt], names: Iterable[str]) -> list[ast.stmt]:
    """The statements that define `names`, and whatever those need in turn, in their order."""
    modules = {name for s in statements if isinstance(s, IMPORTS) for name in imports(s)}
    kept = [s for s in statements if _sets(s, modules)]
    wanted = {"*", *names}.union(*map(uses, kept))
    while more := [
        s
        for s in statements
        if s not in kept and (binds(s) & wanted or _changes(s) & (wanted - modules))
    ]:
        kept += more
        wanted = wanted.union(*map(uses, more))
    return [s for s in statements if s in kept]


def _sets(statement: ast.stmt, modules: set[str]) -> bool:
    """Whether it sets something for all that follows: sys.path, torch.set_default_dtype(…)."""
    if ast.unparse(statement).startswith("sys.path"):
        return True
    match statement:
        case ast.Expr(ast.Call(called)):
            first, *_, last = ast.unparse(called).split(".") * 2
            return first in modules and last.startswith("set")
    return False


def _changes(statement: ast.stmt) -> set[str]:
    """What a bare call may change: pairs.append(…), setattr(pairs, …)."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(name)))):
            return {name}
        case ast.Expr(ast.Call(ast.Name("setattr"), [ast.Name(name), *_])):
            return {name}
    return set()


def seems_to_define(code: str) -> set[str]:
    """The names that text which doesn't parse seems to define."""
    found = re.findall(r"^\s*(?:def|class|type)\s+(\w+)|^(\w+)\s*(?::.*)?=", code, re.MULTILINE)
    return {one or other for one, other in found}


def tasks_in(path: Path, known: Iterable[str]) -> list[str]:
    """The exercise functions that a file defines, in a cell that doesn't parse, too; no imports."""
    defined = set()
    for cell in cells(path):
        try:
            defined = defined.union(*map(defines, parse(cell)))
        except SyntaxError:
            defined |= seems_to_define(cell)
    return [name for name in known if name in defined]
