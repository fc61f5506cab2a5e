"""General tests of what moves what: one input at a time is changed, and the result's numbers are watched.

Where the answer moves and the result doesn't, something was left out; where only the result moves, something is in it
that has no business there; where both move, how far they move tells what weight it was given.
"""

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from microdlrm.exercises.arguments import has_a_say
from microdlrm.exercises.compare import ATOL, RTOL, equal
from microdlrm.exercises.finding import Finding, Probe, place, places_of

MOST = 64  # inputs that are changed one by one


class Response(NamedTuple):
    """One input, and by how much it moves each number of the result and of the answer, for each of two changes."""

    name: str
    at: tuple[int, ...]
    got: Tensor  # (2, numbers)
    want: Tensor  # (2, numbers)


def responses(probe: Probe) -> list[Response] | None:
    """What every input's change does; None if a call fails, or there are too many inputs."""
    if "responses" not in probe.kept:
        probe.kept["responses"] = _responses(probe)
    return probe.kept["responses"]


def _responses(probe: Probe) -> list[Response] | None:
    found = []
    for name, at, others in _inputs(probe):
        pairs = []
        for args in others:
            try:
                answer = probe.answer(args)
            except (RuntimeError, ValueError, IndexError, ArithmeticError, TypeError):
                break
            got = probe.call(args)
            if got is None or got.shape != probe.got.shape or answer.shape != probe.want.shape:
                return None
            pairs.append((_moved(got, probe.got), _moved(answer, probe.want)))
        else:
            found.append(Response(name, at, *(torch.stack(side) for side in zip(*pairs, strict=True))))
        if len(found) > MOST:
            return None
    return found


def _moved(after: Tensor, before: Tensor) -> Tensor:
    """How far each number moved, 0 where it did by rounding only."""
    after, before = after.double().flatten(), before.double().flatten()
    stayed = torch.isclose(after, before, rtol=1e-5, atol=1e-6, equal_nan=True)
    return (after - before).masked_fill(stayed, 0.0)


def _inputs(probe: Probe) -> Iterator[tuple[str, tuple[int, ...], list[tuple]]]:
    """Each number among the arguments, by name and place, and the arguments with two other numbers there."""
    args = probe.case.args

    def put(k: int, value) -> tuple:
        return (*copy.deepcopy(args[:k]), value, *copy.deepcopy(args[k + 1 :]))

    for k, (name, arg) in enumerate(zip(probe.task.arguments, args, strict=True)):
        if name in probe.task.ids or callable(arg):
            continue
        for inner, at, others in _numbers(name, arg):
            yield inner, at, [put(k, other) for other in others]


def _numbers(name: str, arg) -> Iterator[tuple[str, tuple[int, ...], list]]:
    if isinstance(arg, Tensor) and arg.dtype != torch.bool:
        labels = arg.is_floating_point() and set(arg.unique().tolist()) <= {0.0, 1.0}
        steps = (1, 2) if not arg.is_floating_point() else (1.5, -2.75)
        for flat in range(arg.numel()):
            at = tuple(int(i) for i in torch.unravel_index(torch.tensor(flat), arg.shape))
            others = [arg.clone(), arg.clone()]
            for other, step in zip(others, steps, strict=True):
                other[at] = 1 - other[at] if labels else other[at] + step
            yield name, at, others
    elif isinstance(arg, list):
        for k, part in enumerate(arg):
            for inner, at, others in _numbers(f"{name}[{k}]", part):
                yield inner, at, [[*arg[:k], other, *arg[k + 1 :]] for other in others]
    elif isinstance(arg, tuple):
        for k, part in enumerate(arg):
            yield name, (k,), [(*arg[:k], part + step, *arg[k + 1 :]) for step in (1, 2)]
    elif isinstance(arg, int | float) and not isinstance(arg, bool):
        steps = (1, 2) if isinstance(arg, int) else (0.75, -0.375)
        yield name, (), [arg + step for step in steps]


# --- which inputs count ---


def influence(probe: Probe) -> Finding | None:
    """Numbers of the result that move with other inputs than they should."""
    found = responses(probe) if _applies(probe) else None
    if not found:
        return None
    mine = torch.stack([(r.got != 0).any(0) for r in found])  # (inputs, numbers)
    due = torch.stack([(r.want != 0).any(0) for r in found])
    never = _never(found, mine, due)
    never = "" if never and has_a_say(probe, never) else never
    wrong = (mine != due).any(0) & _wrong(probe)
    if not wrong.any():
        return None
    mine, due = mine & wrong, due & wrong
    lacking, extra = (_differing(found, a & ~b) for a, b in ((due, mine), (mine, due)))
    if never and {r.name for r in lacking} == {never}:
        return Finding(
            f"{never} not used",
            f"Your result stays the same whatever {never} is. It should have a say: is it misspelt, overwritten, "
            "or a fixed number in its place?" + _more(probe, found, mine, due, wrong, never),
        )
    if not lacking and _all_other_rows(probe, found, mine & ~due):
        return None  # `company` says it better
    mistake = "an input left out" if not extra else "an input too many" if not lacking else "the wrong inputs"
    return Finding(mistake, _told(probe, found, mine, due, wrong), sure=True)


def _applies(probe: Probe) -> bool:
    """Whether the result has numbers that follow the inputs' numbers: ranks don't, nor does a count of a function's."""
    return probe.task.per != "all" and probe.got.shape == probe.want.shape and not any(map(callable, probe.case.args))


def _wrong(probe: Probe) -> Tensor:
    """Which numbers of the result are wrong."""
    return ~torch.isclose(probe.got.double(), probe.want.double(), rtol=RTOL, atol=ATOL, equal_nan=True).flatten()


def _differing(found: list[Response], table: Tensor) -> list[Response]:
    return [r for r, some in zip(found, table.any(1).tolist(), strict=True) if some]


def _never(found: list[Response], mine: Tensor, due: Tensor) -> str:
    """The name of an argument that should count and counts nowhere."""
    for name in dict.fromkeys(r.name for r in found):
        which = [k for k, r in enumerate(found) if r.name == name]
        if due[which].any() and not mine[which].any():
            return name
    return ""


def _never_used(probe: Probe) -> str:
    found = responses(probe)
    if not found:
        return ""
    mine, due = (torch.stack([(getattr(r, side) != 0).any(0) for r in found]) for side in ("got", "want"))
    return _never(found, mine, due)


def _more(probe, found, mine, due, wrong, never) -> str:
    """What else is wrong beside an argument that isn't used."""
    kept = [k for k, r in enumerate(found) if r.name != never]
    rest = [found[k] for k in kept]
    mine, due = mine[kept], due[kept]
    also = (mine & ~due).any(0)
    return f" Besides: {_told(probe, rest, mine, due, also)}" if also.any() else ""


def _told(probe: Probe, found: list[Response], mine: Tensor, due: Tensor, wrong: Tensor) -> str:
    """Of the first number that moves with the wrong inputs, which these are."""
    k = int(wrong.nonzero()[0])
    where = place(probe, k)
    lacking, extra = (
        places_of(
            probe.case.args, probe.task.arguments, [(r.name, r.at) for r, some in zip(found, side, strict=True) if some]
        )
        for side in ((due & ~mine)[:, k].tolist(), (mine & ~due)[:, k].tolist())
    )
    says = []
    if lacking:
        says.append(f"{where} has to move when {lacking} changes, and yours stays as it is.")
    if extra:
        says.append(f"{where} moves when {extra} changes, and has nothing to do with it.")
    text = " ".join(says)
    return f"Change one input at a time: {text}"


def _all_other_rows(probe: Probe, found: list[Response], extra: Tensor) -> bool:
    """Whether what is too much are other rows of the batch."""
    rows = len(probe.want)
    if probe.task.per != "row" or probe.task.rows is None:
        return False
    batched = {name for name, arg in zip(probe.task.arguments, probe.case.args, strict=True) if _length(arg) == rows}
    return all(r.name.split("[")[0] in batched for r in _differing(found, extra))


def _length(arg) -> int | None:
    arg = arg[0] if isinstance(arg, list) else arg
    return len(arg) if isinstance(arg, Tensor) and arg.ndim else None


# --- how much each input counts ---


def weight(probe: Probe) -> Finding | None:
    """An argument whose change moves the result a fixed number of times as far as it should."""
    found = responses(probe) if _applies(probe) else None
    if not found:
        return None
    factors: dict[str, float] = {}
    for name in dict.fromkeys(r.name for r in found):
        got, want = (
            torch.cat([getattr(r, side).flatten() for r in found if r.name == name]) for side in ("got", "want")
        )
        ratio = got[want != 0] / want[want != 0]
        if len(ratio) > 2 and not got[want == 0].any() and equal(ratio, ratio[:1].expand_as(ratio), rtol=1e-3):
            factors[name] = float(ratio[0])
    off = {name: by for name, by in factors.items() if abs(by - 1) > 1e-3}
    if not off:
        return _weighted_apart(probe, found)
    (first, by), names = (
        next(iter(off.items())),
        [n for n, b in off.items() if abs(b - next(iter(off.values()))) < 1e-3],
    )
    names = " or ".join(names)
    how = "the other way" if abs(by + 1) < 1e-3 else f"{by:.4g} times as far as it should"
    return Finding(
        f"{first} counts wrongly",
        f"Whenever {names} changes, your result moves {how}. The rest of it may well be right: look at what multiplies "
        f"or divides what {names} gives, and at its sign.",
    )


def _weighted_apart(probe: Probe, found: list[Response]) -> Finding | None:
    for name in dict.fromkeys(r.name for r in found):
        if each := _each_by_its_own(probe, [r for r in found if r.name == name]):
            return Finding(
                f"{name} counts wrongly",
                f"Whenever {name} changes, your numbers move too far or not far enough: {each}. So look at what "
                f"divides or multiplies what {name} gives: it should depend on other things.",
            )
    return None


def _each_by_its_own(probe: Probe, found: list[Response]) -> str:
    """Where each number of the result has a factor of its own by which an argument moves it: some, in words."""
    got, want = (torch.cat([getattr(r, side) for r in found]) for side in ("got", "want"))
    says = []
    for k in range(got.shape[1]):
        ratio = got[:, k][want[:, k] != 0] / want[:, k][want[:, k] != 0]
        if got[:, k][want[:, k] == 0].any() or not equal(ratio, ratio[:1].expand_as(ratio), rtol=1e-3):
            return ""
        if len(ratio) and not ratio[0]:
            return ""
        if len(ratio) >= 4 and abs(ratio[0] - 1) > 1e-3:  # one input alone always has a factor
            where = place(probe, k)
            says.append(f"{where[0].lower()}{where[1:]} {ratio[0]:.4g} times as far as it should")
    return ", ".join(says[:3])


def step(probe: Probe) -> Finding | None:
    """Of a number that counts in proportion: how far the result moves when it grows, and how far it should."""
    args = probe.case.args
    plain = [n for n, arg in zip(probe.task.arguments, args, strict=True) if not isinstance(arg, Tensor | list)]
    found = responses(probe) if _applies(probe) and (plain or probe.task.ids) else None
    for r in found or ():
        if r.name not in plain and not probe.task.ids:
            continue
        off = (r.got[0] - r.want[0]).abs() > 1e-3 * r.want[0].abs().clamp(min=1)
        if (off & _wrong(probe)).any():
            k = int((off & _wrong(probe)).nonzero()[0])
            where = place(probe, k)
            return Finding(
                "counts otherwise",
                f"When {places_of(args, probe.task.arguments, [(r.name, r.at)])} grows a little, "
                f"{where[0].lower()}{where[1:]} has to move by {r.want[0, k]:.4g}, and yours moves by "
                f"{r.got[0, k]:.4g}. How many times, and in which terms, does it count?",
            )
    return None


# --- what leaves the result alone, or bends it ---


def _first_raised(t: Tensor) -> Tensor:
    return t + torch.nn.functional.one_hot(torch.tensor(0), t.shape[-1]) * 1.5


def _shifted(t: Tensor) -> Tensor:
    return t + 3.0


SAME_UNDER = [  # (mistake, what is done to an argument, what does that, the change)
    ("a mean taken off", "the same is added to all numbers of {}", "is a mean taken off?", _shifted),
    (
        "divided by its size",
        "all of {} is doubled",
        "is it divided by its length, its sum or its largest?",
        lambda t: 2 * t,
    ),
    ("the sign is lost", "{} is negated", "is there a square, or an absolute value?", lambda t: -t),
]


def unmoved(probe: Probe) -> Finding | None:
    """What moves the answer as a whole, and not the result."""
    if not _applies(probe) or probe.want.ndim < 2:
        return None
    wrong = _wrong(probe)
    for name, change in _floats(probe):
        bumped = probe.call(change(_first_raised))
        if bumped is None or bumped.shape != probe.got.shape:
            return None
        bumped_by = _moved(bumped, probe.got)  # what doesn't count at all stays the same whatever is done to it
        for mistake, done, cause, alter in SAME_UNDER:
            args = change(alter)
            got, want = probe.call(args), probe.answer(args)
            if got is None or got.shape != probe.got.shape:
                return None
            mine, due = _moved(got, probe.got), _moved(want, probe.want)
            moving = wrong & (due != 0)
            if (bumped_by[moving] != 0).any() and not (mine[moving] != 0).any():
                return Finding(
                    mistake, f"What is wrong in your result stays the same when {done.format(name)}: {cause}"
                )
    return None


def bent(probe: Probe) -> Finding | None:
    """Whether result and answer follow an argument along a straight line."""
    if not _applies(probe) or _never_used(probe):
        return None
    for name, change in _floats(probe):
        lines = []
        for t in (-2.0, -1.0, 0.0, 1.0, 2.0):
            args = change(partial(_along, t=t))
            got, want = probe.call(args), probe.answer(args)
            if got is None or got.shape != probe.got.shape or not got.isfinite().all():
                return None
            lines.append((got.double().flatten(), want.double().flatten()))
        mine, due = (_straight(torch.stack(side)) for side in zip(*lines, strict=True))
        if due.all() and not mine.all():
            where = place(probe, int((~mine).nonzero()[0]))
            return Finding(
                "not linear",
                f"{where} should follow {name} along a straight line, equal steps for equal steps, and yours doesn't. "
                "Something on the way bends it: a ReLU, a square, an absolute value, a largest or middle value, "
                "rounding, or the same input taken twice.",
            )
        if mine.all() and not due.any():
            return Finding(
                "linear",
                f"Your result follows {name} along a straight line, and what is due doesn't: a step that bends it, or "
                "a product, is missing.",
            )
    return None


def _along(t_: Tensor, t: float) -> Tensor:
    steps = torch.arange(t_.numel()).reshape(t_.shape) % 5
    return t_ + t * (2.5 + steps - 4.0 * (steps % 2))


def _straight(line: Tensor) -> Tensor:
    """Of values at equal distances, (points, numbers): which numbers lie on a line."""
    curve = line[2:] - 2 * line[1:-1] + line[:-2]
    return (curve.abs() <= 1e-4 * line.abs().amax(0).clamp(min=1)).all(0)


def _floats(probe: Probe) -> Iterator[tuple[str, Callable]]:
    """Each argument of amounts, and a way to have the arguments with it altered."""
    for k, (name, arg) in enumerate(zip(probe.task.arguments, probe.case.args, strict=True)):
        parts = arg if isinstance(arg, list) else [arg]
        if name in (*probe.task.data, *probe.task.ids) or not all(
            isinstance(t, Tensor) and t.is_floating_point() for t in parts
        ):
            continue
        for which in range(len(parts)):

            def change(alter, k=k, which=which):
                args = list(copy.deepcopy(probe.case.args))
                if isinstance(args[k], list):
                    args[k][which] = alter(args[k][which])
                else:
                    args[k] = alter(args[k])
                return tuple(args)

            yield (f"{name}[{which}]" if isinstance(arg, list) else name), change
