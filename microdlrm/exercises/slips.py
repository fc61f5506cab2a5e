"""Answers that are a line of arithmetic, and what one slip in it makes of them. Spoilers."""

import ast
import re
from collections.abc import Callable, Iterator
from copy import copy
from functools import cache
from itertools import combinations
from typing import NamedTuple

import torch

from microdlrm.exercises.task import Mistake

SIGNS = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult, "/": ast.Div}


class Formula(NamedTuple):
    line: str
    names: Callable | None = None  # of arguments: what the line's names are, if not the arguments
    then: Callable = lambda value, *args: value  # what becomes of its value


def _of_ranks(scores, labels):
    below, equal = (scores[:, None] > scores).sum(1), (scores[:, None] == scores).sum(1)
    ranks = (below + (equal + 1) / 2)[labels == 1].sum().item()
    return {"ranks": ranks, "clicks": labels.sum().item(), "others": (labels == 0).sum().item()}


def _of_groups(groups, values, prior):
    same = (groups[:, None] == groups).float()
    return {"total": same @ values, "value": values, "count": same.sum(1)}


def _in_company(means, groups, *_):
    return torch.where((groups[:, None] == groups).sum(1) > 1, means, torch.nan)


def _of_busiest(owners, widths, batch, devices):
    held = [sum(w for d, w in zip(owners, widths, strict=True) if d == own) for own in owners]
    return {"width": max(held), "batch": batch, "devices": devices}


def _shared(rows, ids, *_):
    rows = rows + 0 * ids  # one each, where a slip leaves one for all
    return ((rows[:, None] == rows) & (ids[:, None] != ids)).any(1)


FORMULAS = {
    "smoothed_mean": Formula("(sums + k * prior) / (counts + k)"),
    "leave_one_out_mean": Formula("(total - value) / (count - 1)", _of_groups, _in_company),
    "interaction_width": Formula(
        "d + n_tables * m_spa if kind == 'concat' else d + n * (n - 1) // 2",
        lambda t, m, d, kind: {"n_tables": t, "m_spa": m, "d": d, "n": t + 1, "kind": kind},
    ),
    "low_rank_cross": Formula(
        "x0 * (U @ V.T @ x + b) + x",  # of columns
        lambda x0, x, U, V, b: {"x0": x0.T, "x": x.T, "U": U, "V": V, "b": b[:, None]},
        lambda value, *args: value.T,
    ),
    "auc_from_ranks": Formula("(ranks - clicks * (clicks + 1) / 2) / (clicks * others)", _of_ranks),
    "collides": Formula("(a * ids + b) % p % rows", then=_shared),
    "recalibrated": Formula("p / (p + (1 - p) / w)"),
    "busiest_bytes": Formula("width * batch / devices * (devices - 1) * 4", _of_busiest),
}


@cache
def slips(task: str, arguments: tuple[str, ...]) -> list[Mistake]:
    """The line that is a task's answer with one slip in it, whichever."""
    if task not in FORMULAS:
        return []
    line, names, then = FORMULAS[task]
    names = names or (lambda *args: dict(zip(arguments, args, strict=True)))
    tree, found = ast.parse(line, mode="eval").body, []
    known = set(re.findall(r"[A-Za-z_]\w*", line)) - {"if", "else", "kind", "concat", "T"}
    likeliest = sorted(_slips(tree, known), key=lambda slip: "left out" not in slip[0])
    for what, slip in [*likeliest, *_exchanged(line, sorted(known))]:
        said = ast.unparse(_changed(tree, slip))
        code = compile(ast.unparse(slip), what, "eval")

        def formula(*args, code=code):
            return then(eval(code, {}, names(*args)), *args)

        texts = (what, f"Yours gives what `{said}` gives.")
        found.append(Mistake(*(t.replace(".T", "ᵀ").replace(" @", "") for t in texts), formula))
    return found


def _exchanged(line: str, names: list[str]) -> Iterator[tuple[str, ast.expr]]:
    """Two names that change places."""
    for a, b in combinations(names, 2):
        other = {a: b, b: a}
        said = re.sub(rf"\b({a}|{b})\b", lambda m, other=other: other[m[0]], line)
        yield f"{a} and {b} exchanged", ast.parse(said, mode="eval").body


def _slips(node: ast.expr, names: set[str]) -> Iterator[tuple[str, ast.expr]]:
    """A part left out, another sign, another name, a number off by 1, here or further in."""
    if isinstance(node, ast.Name):
        for name in sorted(names - {node.id}):
            yield f"{name} in place of {node.id}", ast.Name(name, ast.Load())
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        for value in (node.value - 1, node.value + 1):
            yield f"{value} in place of {node.value}", ast.Constant(value)
    if isinstance(node, ast.BinOp):
        yield f"{ast.unparse(node.right)} left out", node.left
        yield f"{ast.unparse(node.left)} left out", node.right
        own = next((sign for sign, op in SIGNS.items() if isinstance(node.op, op)), None)
        for sign, op in SIGNS.items() if own else ():
            if sign != own:
                yield f"{sign} in place of {own}", ast.BinOp(node.left, op(), node.right)
        left, right = node.left, node.right
        if isinstance(right, ast.BinOp):  # a * (b + c) for (a * b) + c, and the other way round
            inner = ast.BinOp(left, node.op, right.left)
            yield "other brackets", ast.BinOp(inner, right.op, right.right)
        if isinstance(left, ast.BinOp):
            inner = ast.BinOp(left.right, node.op, right)
            yield "other brackets", ast.BinOp(left.left, left.op, inner)
    for field in ("left", "right", "body", "orelse"):
        for what, part in _slips(getattr(node, field), names) if hasattr(node, field) else ():
            changed = copy(node)
            setattr(changed, field, part)
            yield what, changed


def _changed(tree: ast.expr, slip: ast.expr) -> ast.expr:
    """Of a choice between two lines, the one that isn't as it was."""
    if not isinstance(tree, ast.IfExp):
        return slip
    return slip.body if ast.dump(slip.body) != ast.dump(tree.body) else slip.orelse
