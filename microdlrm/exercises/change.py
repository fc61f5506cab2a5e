"""One change of its code that makes a wrong answer right: in which line, of what, of what kind.

The rules are a small model of errors, as in Singh, Gulwani and Solar-Lezama, "Automated Feedback
Generation for Introductory Programming Assignments" (PLDI 2013). What to change into isn't told.
"""

import ast
import inspect
import textwrap
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, islice
from typing import NamedTuple

from microdlrm.exercises.wrappers import layers

MOST = 2000  # changes that are tried
SIGNS = dict(
    Add="+", Sub="-", Mult="*", Div="/", FloorDiv="//", Mod="%", BitAnd="&", BitOr="|", And="and",
    Or="or", Lt="<", LtE="<=", Gt=">", GtE=">=", Eq="==", NotEq="!=", MatMult="@",
)  # fmt: skip
# What is taken for each other.
ARITHMETIC, *_ = OTHERS = [words.split() for words in (
    "+ - * / // %", "& |", "and or", "< <= > >= == !=", "any all", "argmax argmin argsort",
    "cat stack", "float long bool", "sum mean max min prod cumsum", "tril triu",
    "tril_indices triu_indices", "unique unique_consecutive",
    "combinations combinations_with_replacement permutations product",
)]  # fmt: skip
ARGUMENTS = ("0", "1", "-1", "keepdim=True", "descending=True", "stable=True", "mode='sum'")
METHODS = ("T", "mT", "mean()", "sum()", "sum(0)", "sum(1)", "mean(0)", "mean(1)", "float()",
           "long()", "bool()", "abs()", "clone()", "argsort()")  # fmt: skip
AROUND = (*(f"({{}}).{name}" for name in METHODS), "({})[:-1]", "({})[1:]", "({})[:, None]",
          "1 - ({})", "-({})", "~({})", "list({})", "sorted({})")  # fmt: skip
LEFT_OUT = "something is left out"


class Change(NamedTuple):
    kind: str
    says: str
    line: str
    made: Callable[[], Callable]  # the function with this change


def one_change(fn: Callable, right: Callable[[Callable], bool]) -> Change | None:
    """The first change of `fn` of which `right` says yes."""
    with warnings.catch_warnings(action="ignore"):
        for change in islice(_all_changes(fn), MOST):
            try:
                if right(change.made()):
                    return change
            except Exception:
                continue
    return None


def _all_changes(fn: Callable) -> Iterator[Change]:
    *_, inner = layers(fn)
    try:
        lines, first = inspect.getsourcelines(inner)
        [tree] = ast.parse(source := textwrap.dedent("".join(lines))).body
        given = inner.__globals__ | inspect.getclosurevars(inner).nonlocals
        arguments = [argument.arg for argument in tree.args.args]
    except (OSError, TypeError, SyntaxError, ValueError, AttributeError):
        return
    for a, b in combinations(arguments, 2):
        other = [{a: b, b: a}.get(name, name) for name in arguments]
        says = f"With {a} and {b} exchanged, all inputs come out right."
        yield Change(f"{a} and {b} exchanged", says, "", partial(_renamed, fn, arguments, other))
    nodes = [*ast.walk(tree)]
    if any(isinstance(node, ast.While) for node in nodes):
        return  # changed, it might never end
    stored = [n for n in nodes if isinstance(getattr(n, "ctx", None), ast.Store)]
    names = sorted({*arguments, *(n.id for n in stored if isinstance(n, ast.Name))})
    read = [n for n in nodes if isinstance(n, ast.expr) and n not in stored]
    found = [(*change, n) for n in read for change in _changes(n, names)]
    lines = source.encode().splitlines(keepends=True)
    lines = [b"\n"] * (tree.lineno - 1) + lines[tree.lineno - 1 :]  # without decorators
    for kind, new, node in sorted(found, key=lambda change: change[0] == LEFT_OUT):
        before = b"".join(lines[: node.lineno - 1]) + lines[node.lineno - 1][: node.col_offset]
        after = b"".join(lines[node.end_lineno - 1 :])[node.end_col_offset :]
        code = b"%b(%b)%b" % (before, new.encode(), after)
        line = f"line {first + node.lineno - 1}"
        says = f"With one change in {line}, at `{ast.unparse(node)}`, all inputs come out right: "
        line += f" of your code: {lines[node.lineno - 1].decode().strip()}"
        yield Change(kind, f"{says}{kind}.", line, partial(_compiled, code, tree.name, given))


def _renamed(fn: Callable, arguments: list[str], other: list[str]) -> Callable:
    return lambda *args: fn(*(args[arguments.index(name)] for name in other))


def _compiled(code: bytes, name: str, given: dict) -> Callable:
    space = dict(given)
    exec(compile(code, "<changed>", "exec"), space)
    return space[name]


def _changes(node: ast.expr, names: list[str]) -> Iterator[tuple[str, str]]:
    """Kinds of a change, and what then stands in place of the node."""
    text = ast.unparse(node)
    if isinstance(node, ast.Compare):
        yield from (("this question is too much", answer) for answer in ("False", "True"))
    for child in ast.iter_child_nodes(node):
        child = child.value if isinstance(child, ast.Attribute) else child
        if isinstance(child, ast.expr):
            yield "something is too much", ast.unparse(child)
    match node:
        case ast.Constant(bool(value)):
            yield "the other of True and False is due", str(not value)
        case ast.Constant(int(value) | float(value)):
            yield from (("another number is due", str(value + by)) for by in (1, -1, 2))
        case ast.Name():
            yield from (("another name is due", name) for name in names if name != text)
        case ast.Tuple([a, b]) | ast.List([a, b]):
            yield "the two change places", f"{ast.unparse(b)}, {ast.unparse(a)}"
        case (
            ast.BinOp(left, op, right)
            | ast.Compare(left, [op], [right])
            | ast.BoolOp(op, [left, right])
        ):
            sign, a, b = SIGNS.get(type(op).__name__, ""), ast.unparse(left), ast.unparse(right)
            for other in _others(sign):
                yield f"another sign than {sign} is due", f"({a}) {other} ({b})"
            yield "the two change places", f"({b}) {sign} ({a})"
            if isinstance(left, ast.BinOp):  # a // b * c for a * c // b
                inner = SIGNS.get(type(left.op).__name__, "")
                first, second = ast.unparse(left.left), ast.unparse(left.right)
                yield "another order is due", f"({first}) {sign} ({b}) {inner} ({second})"
            leaves, signs = _chain(node)
            if 1 < len(signs) < 7:
                yield from (("other brackets are due", new) for new in _bracketed(leaves, signs))
        case ast.Call():
            *before, called = ast.unparse(node.func).rpartition(".")
            before = "".join(before)
            args = [ast.unparse(part) for part in (*node.args, *node.keywords)]
            for other in _others(called):
                yield "another function is due", f"{before}{other}({', '.join(args)})"
            for k in range(len(args)):
                fewer = ", ".join(args[:k] + args[k + 1 :])
                yield "an argument is too much", f"{before}{called}({fewer})"
            for extra in ARGUMENTS:
                more = ", ".join([*args, extra])
                yield "an argument is left out", f"{before}{called}({more})"
    yield from ((LEFT_OUT, around.format(text)) for around in AROUND)
    for sign in ARITHMETIC:
        yield from ((LEFT_OUT, f"({text}) {sign} {part}") for part in (*names, 1, 2, 4))


def _others(word: str) -> Iterator[str]:
    return (other for group in OTHERS if word in group for other in group if other != word)


def _chain(node: ast.expr) -> tuple[list[str], list[str]]:
    """What an arithmetic expression is made of, whatever its brackets, and the signs between."""
    sign = SIGNS.get(type(getattr(node, "op", None)).__name__)
    if not isinstance(node, ast.BinOp) or sign not in ARITHMETIC:
        return [f"({ast.unparse(node)})"], []
    (a, before), (b, after) = _chain(node.left), _chain(node.right)
    return a + b, [*before, sign, *after]


def _bracketed(leaves: list[str], signs: list[str]) -> Iterator[str]:
    """The expression with brackets set in each possible way."""
    yield from leaves if not signs else ()
    for k, sign in enumerate(signs):
        for left in _bracketed(leaves[: k + 1], signs[:k]):
            for right in _bracketed(leaves[k + 1 :], signs[k + 1 :]):
                yield f"({left} {sign} {right})"
