"""How a submission is read, as Jupyter or Python reads it, and which statements a task needs."""

import ast
import re
import sys
import tokenize
from collections.abc import Iterable
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# Cell magics that run the cell as it stands.
SAME_CODE = re.compile(r"\A(\s*%%(time|timeit|capture|prun)\b.*\n)+")


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
        return ast.parse(TransformerManager().transform_cell(SAME_CODE.sub("", code))).body
    except (SyntaxError, ValueError) as error:
        line = (getattr(error, "text", None) or "").strip()
        version = "{}.{}".format(*sys.version_info)
        says = f"not valid Python {version}: {getattr(error, 'msg', error)}"
        raise SyntaxError(says + (f", in {line[:80]}" if line else "")) from error


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
    """The statements that define `names`, and whatever those need in turn, in their order. What
    sets something for all that follows is needed: sys.path, torch.set_default_dtype(…).
    """
    modules = set().union(*map(imports, statements)) - {"sys"}
    changed = [binds(s) | _changes(s, modules) for s in statements]
    wanted, before = {"*", "sys", *names}, set()
    while wanted != before:
        before = wanted
        kept = [s for s, own in zip(statements, changed, strict=True) if own & wanted]
        wanted = wanted.union(*map(uses, kept))
    return kept


def _changes(statement: ast.stmt, modules: set[str]) -> set[str]:
    """What a bare call may change: pairs.append(…) pairs, a module's setter all ("*")."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(attr=last) as called)):
            first = ast.unparse(called).split(".")[0]
            if first in modules:
                return {"*"} if last.startswith("set") else set()
            return {first}
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
