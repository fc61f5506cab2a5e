"""General tests: what can be said of a wrong result that no list of mistakes foresees.

Each looks at the result beside the expected one, or calls the learner's function a few more times, and says
nothing that those calls don't show. The first that has something to say is heard.
"""

from itertools import combinations

import torch
from torch import Tensor

from microdlrm.exercises.arguments import blamed, unused
from microdlrm.exercises.compare import ATOL, RTOL, as_tensor, close, equal
from microdlrm.exercises.finding import Finding, Probe, columns, first_marked
from microdlrm.exercises.otherwise import agrees, other_inputs, some_rows_only
from microdlrm.exercises.responses import bent, influence, step, unmoved, weight
from microdlrm.exercises.shapes import OF_THE_SHAPE


def find(probe: Probe) -> Finding | None:
    tests = WITH_A_SHAPE if probe.got.shape == probe.want.shape else OF_THE_SHAPE
    return next((found for test in (*probe.task.own, *tests) if (found := test(probe))), None)


def strong(probe: Probe) -> Finding | None:
    """What agrees with the result on many inputs, number by number."""
    return next((found for test in (other_inputs, some_rows_only) if (found := test(probe))), None)


# --- the result against the expected one: what was done to it ---

_ROUNDED = (
    "The numbers are nearly right: off by {} at most. Something on the way is rounded: half precision, `round`, whole "
    "numbers, or a constant with few digits."
)
# (mistake, what was done, how it is done)
AFTERWARDS = [
    ("sign", "every number has the wrong sign", lambda t: -t),
    ("rounded to whole numbers", "it is rounded to whole numbers", lambda t: t.round()),
    ("rounded to whole numbers", "it is cut to whole numbers", lambda t: t.trunc()),
    ("absolute values", "it lost its signs", lambda t: t.abs()),
    ("cut off at 0", "what is below 0 became 0", lambda t: t.clamp(min=0)),
    ("squared", "it is squared", lambda t: t**2),
    ("root taken", "you took the square root of it", lambda t: t.sqrt()),
    ("logarithm taken", "you took its logarithm", lambda t: t.log()),
    ("exponential taken", "you took its exponential", lambda t: t.exp()),
    ("turned round below a half", "it is turned round where it is below a half", lambda t: t.maximum(1 - t)),
    ("one minus", "it is 1 minus what is due", lambda t: 1 - t),
    ("upside down", "it is 1 divided by what is due", lambda t: 1 / t),
    ("squashed", "it went through a sigmoid", lambda t: t.sigmoid()),
    ("squashed", "it went through tanh", lambda t: t.tanh()),
]
ALONG = [  # the same, along an axis
    ("reversed", "reversed", lambda t, dim: t.flip(dim)),
    ("sorted", "sorted", lambda t, dim: t.sort(dim).values),
    ("sorted", "sorted downwards", lambda t, dim: t.sort(dim, descending=True).values),
    ("shifted by one", "shifted by one place", lambda t, dim: t.roll(1, dim)),
    ("shifted by one", "shifted by one place", lambda t, dim: t.roll(-1, dim)),
    ("added up on the way", "added up one after another", lambda t, dim: t.cumsum(dim)),
    ("normalised", "divided by their sum", lambda t, dim: t / t.sum(dim, keepdim=True)),
    ("normalised", "divided by the largest", lambda t, dim: t / t.amax(dim, keepdim=True)),
    ("normalised", "divided by their length", lambda t, dim: t / t.norm(dim=dim, keepdim=True)),
    ("normalised", "less their mean", lambda t, dim: t - t.mean(dim, keepdim=True)),
    ("normalised", "through a softmax", lambda t, dim: t.softmax(dim)),
    ("places added", "with 0, 1, 2, … added", lambda t, dim: t + _counted(t, dim)),
    ("places added", "with 0, 1, 2, … taken off", lambda t, dim: t - _counted(t, dim)),
    ("averaged", "replaced by their mean", lambda t, dim: t.mean(dim, keepdim=True).expand_as(t)),
]


def _counted(t: Tensor, dim: int) -> Tensor:
    return torch.arange(t.shape[dim], dtype=t.dtype).reshape(-1, *[1] * (t.ndim - 1 - dim))


def afterwards(probe: Probe) -> Finding | None:
    """Is it the right result, and something done to it?"""
    for mistake, says, done in AFTERWARDS:
        if agrees(probe, lambda *args, done=done: done(as_tensor(probe.task.answer(*args)))):
            return Finding(mistake, f"You have what is due, but {says}.")
    axes = {0: "along the rows", 1: "along the columns"} if probe.got.ndim == 2 else {0: "from the first to the last"}
    for dim, axis in axes.items() if probe.got.numel() > 2 else ():
        for mistake, says, done in ALONG:
            if agrees(probe, lambda *args, done=done, dim=dim: done(as_tensor(probe.task.answer(*args)), dim)):
                return Finding(mistake, f"You have the numbers that are due, {says} {axis}.")
    return None


def _done(got: Tensor, want: Tensor) -> Finding | None:
    for mistake, says, done in AFTERWARDS:
        if equal(got, done(want)) and not equal(got, want):
            return Finding(mistake, f"You have what is due, but {says}.")
    return None


def scaled(probe: Probe) -> Finding | None:
    """Is every number the same number of times, or the same amount, off?"""
    got, want = _enough(probe)
    return divided(probe) or (_scaled(got, want) if got.numel() > 1 else None)


def divided(probe: Probe) -> Finding | None:
    """Is a sum divided by another count than is due?"""
    tried = [(c, probe.got if c is probe.case else probe.call(c.args)) for c in probe.task.cases]
    tried = [(probe.task.divisor(*c.args), got, probe.answer(c.args)) for c, got in tried if got is not None]
    if not tried or not tried[0][0] or equal(probe.got, probe.want):
        return None
    due, *others = tried[0][0]
    for other in others:
        if all(counts[other] and equal(got * counts[other], want * counts[due]) for counts, got, want in tried):
            return Finding("divided by another count", f"Your sum is divided by {other}. It has to be {due}.")
    return None


def _scaled(got: Tensor, want: Tensor) -> Finding | None:
    distinct = len(want.unique()) > 1  # of equal numbers, a factor and a constant look alike
    difference, ratio = got - want, (got / want)[want != 0]
    if distinct and len(ratio) > 1 and equal(got, want * ratio[0]):
        return Finding("off by a factor", f"Every number of yours is {ratio[0]:.4g} times what is due.")
    if distinct and equal(difference, difference.flatten()[0].expand_as(difference)):
        return Finding("off by a constant", f"Every number of yours is off by {difference.flatten()[0]:.4g}.")
    low, high = want.flatten().argmin(), want.flatten().argmax()
    if len(want.unique()) > 2 and got.isfinite().all():
        slope = (got.flatten()[high] - got.flatten()[low]) / (want.flatten()[high] - want.flatten()[low])
        base = got.flatten()[low] - slope * want.flatten()[low]
        if slope != 0 and equal(got, slope * want + base):
            off = f"{'plus' if base > 0 else 'less'} {abs(base):.4g}"
            says = f"Every number of yours is {slope:.4g} times what is due, {off}."
            return Finding("off by a factor and a constant", says)
    return None


def row_by_row(probe: Probe) -> Finding | None:
    """Is each row a multiple of what is due, with a factor of its own?"""
    got, want = probe.got.double(), probe.want.double()
    if got.ndim != 2 or got.shape[1] < 2 or got.shape != want.shape or not want.any():
        return None
    factors = {}
    for k, (mine, due) in enumerate(zip(got, want, strict=True)):
        ratio = mine[due != 0] / due[due != 0]
        if not equal(mine, due * ratio[0] if len(ratio) else due):
            return None
        if len(ratio):
            factors[k] = float(ratio[0])
    if len(set(factors.values())) < 2:
        return None
    says = ", ".join(f"row {k} is {by:.4g} times what is due" for k, by in list(factors.items())[:4])
    return Finding(
        "rows off by factors",
        f"Each of your rows is a multiple of what is due, and the factors differ: {says}. Something that depends on "
        "the row, such as a count, its root or a length, divides or multiplies it.",
    )


def rounded(probe: Probe) -> Finding | None:
    got, want = _enough(probe)
    if close(got, want, rtol=1e-2):
        return Finding("rounded on the way", _ROUNDED.format(f"{(got - want).abs().max():.2g}"))
    return None


def _enough(probe: Probe) -> tuple[Tensor, Tensor]:
    """The result and the expected one; of a single number, those of all the task's inputs, one behind another."""
    if probe.got.numel() > 2:
        return probe.got.double(), probe.want.double()
    pairs = [(probe.call(case.args), probe.answer(case.args)) for case in probe.task.cases]
    pairs = [(g, w) for g, w in pairs if g is not None and g.shape == w.shape and g.isfinite().all()]
    if len(pairs) < 3:
        return probe.got.double(), probe.want.double()
    return tuple(torch.cat([t.double().reshape(-1) for t in side]) for side in zip(*pairs, strict=True))


# --- the rows: each for itself, in any order, in any company ---


def one_for_all(probe: Probe) -> Finding | None:
    """The same numbers in every row, or every column, where they should differ."""
    got, want = probe.got, probe.want
    if probe.task.per not in ("row", "order") or len(got) < 2 or _all_alike(want):
        return None
    if _all_alike(got):
        whose = "those of row 0" if equal(got[0], want[0]) else "the same"
        return Finding(
            "every row the same",
            f"All rows of your result hold the same numbers, {whose}. Each row has a result of its own: is there an "
            f"index 0 in front, a sum over the rows, or a `return` inside a loop?",
        )
    if got.ndim == 2 and got.shape[1] > 1:
        pairs = zip(got.split(1, 1), want.split(1, 1), strict=True)
        alike = [k for k, (g, w) in enumerate(pairs) if _all_alike(g) and not _all_alike(w)]
        if alike and not got[:, alike].any():
            return Finding(
                "columns never filled",
                f"In {columns(probe, alike)} your result is 0 in all rows. Was nothing written there? Look at which "
                "column each number goes to: do two of them go to the same?",
            )
        if alike:
            return Finding(
                "every row the same",
                f"In {columns(probe, alike)} all rows of your result hold the same number. Each row has one of its "
                "own: is there an index 0, or a sum, where all rows should go through?",
            )
    return None


def _all_alike(t: Tensor) -> bool:
    return equal(t, t[:1].expand_as(t))


def company(probe: Probe) -> Finding | None:
    """A row gives the same numbers in whatever company."""
    task, args = probe.task, probe.case.args
    if task.per not in ("row", "mean") or task.rows is None:
        return None
    n = probe.rows
    if n < 2:
        return None
    alone = [probe.call(task.rows(args, [k])) for k in range(n)]
    if any(a is None for a in alone) or any(a.shape != probe.answer(task.rows(args, [0])).shape for a in alone):
        return None
    together = torch.stack(alone).mean(0) if task.per == "mean" else torch.cat(alone)
    if equal(together, probe.got):
        return _smallest(probe, [[k] for k in range(n)])
    changed = next((k for k in range(n) if task.per == "row" and not equal(alone[k][0], probe.got[k])), 0)
    each = all(equal(a, probe.answer(task.rows(args, [k]))) for k, a in enumerate(alone))
    says = "Each row alone comes out right, and all together they don't" if each else "The rows change each other"
    if task.per == "mean":
        pairs = (task.rows(args, list(pair)) for pair in combinations(range(n), 2))
        return Finding(
            "rows of the batch mixed",
            f"{says}: the mean of several rows is not the mean of what each gives alone. Either the mean isn't taken "
            "once over all of them, or somewhere (B, 1) meets (B,), which makes (B, B): every logit with every label.",
            next((pair for pair in pairs if probe.right(pair) is False), None),
        )
    return Finding(
        "rows of the batch mixed",
        f"{says}: row {changed} of your result changes when the other rows are taken away. Rows of a batch never "
        "meet, so look for a sum, a mean, a largest value or a product that runs over the rows' axis, dim 0.",
    )


def _smallest(probe: Probe, choices: list[list[int]]) -> Finding | None:
    """Of a single number made of many rows: a few rows on which it shows."""
    if probe.task.per != "mean":
        return None
    for which in choices:
        args = probe.task.rows(probe.case.args, which)
        if probe.right(args) is False:
            mine, due = probe.call(args), probe.answer(args)
            which = ", ".join(f"{name} {_short(arg)}" for name, arg in zip(probe.task.arguments, args, strict=True))
            return Finding(
                "wrong values",
                f"One row is enough to see it: with {which} alone, {due.item():.4g} is due, and yours is "
                f"{mine.item():.4g}. Work that one out by hand.",
                args,
            )
    return None


# (in words, whether it holds of a row's number)
KINDS = [
    ("is 1", lambda t: t == 1),
    ("is 0", lambda t: t == 0),
    ("is above 0", lambda t: t > 0),
    ("is below 0", lambda t: t < 0),
    ("isn't 0", lambda t: t != 0),
]


def condition(probe: Probe) -> Finding | None:
    """Of a mean over rows: on which kind of row, each alone, it is right."""
    task, args = probe.task, probe.case.args
    if task.per != "mean":
        return None
    alone = [task.rows(args, [k]) for k in range(probe.rows)]
    right = [probe.right(row) for row in alone]
    if None in right or len(set(right)) == 1:
        return None
    for k, name in enumerate(task.arguments):
        for says, holds in KINDS:
            if right == [bool(holds(row[k]).all()) for row in alone]:
                wrong = _smallest(probe, [[i] for i, fine in enumerate(right) if not fine])
                return wrong._replace(
                    mistake=f"right only where {name} {says}",
                    hint=f"A row alone comes out right where {name} {says}, and wrong elsewhere. {wrong.hint}",
                )
    return None


def _short(arg) -> str:
    return f"{arg.item():.4g}" if isinstance(arg, Tensor) and arg.numel() == 1 else str(arg)


def order(probe: Probe) -> Finding | None:
    """The same rows in another order give the same results, in that order."""
    task, args = probe.task, probe.case.args
    if task.per == "" or task.rows is None or (n := probe.rows) < 2:
        return None
    which = list(range(n))[::-1]
    there = probe.call(task.rows(args, which))
    back = None if there is None else (there.flip(0) if task.per in ("row", "order") else there)
    if back is None or back.shape != probe.got.shape or equal(back, probe.got):
        return None
    return Finding(
        "depends on the rows' order",
        "Given the same rows in reversed order, your function gives other numbers for them. Nothing here depends on "
        "where a row stands: look for a running sum, neighbours compared, or positions used in place of values.",
    )


# --- the places: where it is right ---


def places(probe: Probe) -> Finding | None:
    """Right everywhere but in some rows or columns."""
    got, want = probe.got.double(), probe.want.double()
    if got.ndim == 1 and got.numel() == 2:
        return _one_of_two(probe, got, want)
    if got.ndim not in (1, 2) or got.numel() < 3:
        return None
    wrong = ~torch.isclose(got, want, rtol=RTOL, atol=ATOL, equal_nan=True)
    if got.ndim == 1:
        bad, name = wrong.nonzero()[:, 0].tolist(), "number"
        bad_columns = []
    else:
        bad, bad_columns = (wrong.any(dim).nonzero()[:, 0].tolist() for dim in (1, 0))
        name = "row"
    if bad_columns and len(bad_columns) < got.shape[1] and (len(bad) == len(got) or len(bad_columns) == 1):
        done = _done(got[:, bad_columns], want[:, bad_columns]) or _scaled(got[:, bad_columns], want[:, bad_columns])
        how = f" There, {done.hint[0].lower()}{done.hint[1:]}" if done else ""
        mistake = done.mistake if done else "some columns wrong"
        return Finding(mistake, f"All is right but {columns(probe, bad_columns)}.{how}{first_marked(probe)}")
    if len(bad) <= len(got) // 2:
        which = f"{name} {bad[0]}" if len(bad) == 1 else f"the {name}s {', '.join(map(str, bad))}"
        special = "What sets it apart?" if len(bad) == 1 else "What do they have in common?"
        return Finding(f"some {name}s wrong", f"All is right but {which}. {special}{first_marked(probe)}")
    return None


def _one_of_two(probe: Probe, got: Tensor, want: Tensor) -> Finding | None:
    names = probe.task.columns(*probe.case.args)
    bad = (got != want).nonzero()[:, 0].tolist()
    if len(bad) != 1 or len(names) != 2:
        return None
    (k,), by = bad, abs(got - want)[bad[0]].item()
    many = "many" if got[k] > want[k] else "few"
    return Finding(
        f"wrong {names[k]}",
        f"The {names[1 - k]} are right, and of the {names[k]} you have {by:g} too {many}: {want[k].item():g} is "
        f"due, and yours is {got[k].item():g}. {probe.task.other}",
    )


def behind(probe: Probe) -> Finding | None:
    """Are the rows those that are due, one place on, with something else at the end?"""
    got, want = probe.got, probe.want
    if got.shape != want.shape or got.ndim == 0 or len(want) < 3:
        return None
    for mine, due, says in (
        (got[1:], want[:-1], "one place late: your row 1 is what is due as row 0"),
        (got[:-1], want[1:], "one place early: your row 0 is what is due as row 1"),
    ):
        if equal(mine, due) and len({tuple(row.reshape(-1).tolist()) for row in due}) > 1:
            what = says if got.ndim > 1 else says.replace("row", "number")
            return Finding("shifted by one", f"You have what is due, {what}, and so on. What stands at the end is odd.")
    return None


def permuted(probe: Probe) -> Finding | None:
    got, want = probe.got, probe.want
    for k, (name, arg) in enumerate(zip(probe.task.arguments, probe.case.args, strict=True)):
        if not isinstance(arg, Tensor) or arg.ndim != 1 or got.ndim == 0 or len(arg) != len(got):
            continue
        if agrees(probe, lambda *args, k=k: probe.task.answer(*args)[args[k].argsort(stable=True)]):
            return Finding(
                f"left sorted by {name}",
                f"You have the right numbers in the order of sorted {name}, and not in the order in which the rows "
                "came. What is sorted has to be put back.",
            )
    if got.numel() > 1 and equal(got.sort(dim=-1).values, want.sort(dim=-1).values):
        return Finding(
            "right numbers, wrong order", f"You have the right numbers, in another order.{first_marked(probe)}"
        )
    if got.ndim > 1 and equal(got.flatten().sort().values, want.flatten().sort().values):
        says = "You have the right numbers, in the wrong rows. Reshaping exchanges no axes."
        return Finding("right numbers, wrong rows", says)
    return None


WITH_A_SHAPE = (
    afterwards, one_for_all, permuted, other_inputs, some_rows_only, behind, rounded, divided, row_by_row, condition,
    bent, unmoved, influence, company, order, scaled, unused, places, weight, blamed, step,
)  # fmt: skip
