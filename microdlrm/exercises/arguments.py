"""General tests of the arguments: which of them count, and which makes the difference."""

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from microdlrm.exercises.compare import equal
from microdlrm.exercises.finding import Finding, Probe, first_marked


def unused(probe: Probe) -> Finding | None:
    """An argument, or an entry of one, that changes the answer and not the result."""
    for name, variants in _variants(probe, _other_values).items():
        there = [(probe.call(args), answer) for args, answer in variants]
        same = len(there) > 1 and all(g is not None and equal(g, probe.got) for g, _ in there)
        if same and not has_a_say(probe, name):
            return Finding(
                f"{name} not used",
                f"Your result stays the same whatever {name} is. It should have a say: is it misspelt, overwritten, "
                "or a fixed number in its place?",
            )
    return None


def has_a_say(probe: Probe, name: str) -> bool:
    """Whether the result follows an argument on the inputs that were tried first, if not on these."""
    first = probe.task.cases[0]
    if probe.case is first or (got := probe.call(first.args)) is None:
        return False
    there = probe._replace(case=first, got=got, want=probe.answer(first.args), kept={})
    others = (probe.call(args) for args, _ in _variants(there, _other_values).get(name, []))
    return any(other is not None and not equal(other, got) for other in others)


def blamed(probe: Probe) -> Finding | None:
    """An argument that makes the difference: where it is 0, or 1, the result is right."""
    if probe.task.per == "all":
        return None  # where all is tied, all else is right
    for value, make in ((0, torch.zeros_like), (1, torch.ones_like)):

        def filled(name, arg, value=value, make=make):
            if isinstance(arg, float):
                yield name, float(value)
            elif isinstance(arg, Tensor) and arg.is_floating_point() and not _is_yes_or_no(arg):
                yield name, make(arg)

        found = []
        for name, variants in _variants(probe, filled).items():
            if all((got := probe.call(args)) is not None and equal(got, answer) for args, answer in variants):
                found.append(name)
        if len(found) == 1:
            return Finding(
                f"wrong in {found[0]}",
                f"With {found[0]} all {value} and everything else as it is, yours comes out right. So look at what you "
                f"do with {found[0]}.{first_marked(probe)}",
            )
    return None


def _variants(probe: Probe, others: Callable) -> dict[str, list[tuple[tuple, Tensor]]]:
    """For each argument, or part of one, the inputs in which it alone is another, and changes the answer."""
    found = {}
    for k, (name, arg) in enumerate(zip(probe.task.arguments, probe.case.args, strict=True)):
        for part, other in others(name, arg):
            args = list(copy.deepcopy(probe.case.args))
            args[k] = other
            try:
                answer = probe.answer(tuple(args))
            except (RuntimeError, ValueError, IndexError, ArithmeticError):
                continue
            if answer.isfinite().all() and answer.any() and not equal(answer, probe.want):
                found.setdefault(part, []).append((tuple(args), answer))
    return found


def varied(probe: Probe) -> Iterator[tuple]:
    """The case's inputs with one argument another, each argument in turn, where that changes the answer."""
    args = probe.case.args
    for k, (name, arg) in enumerate(zip(probe.task.arguments, args, strict=True)):
        if isinstance(arg, Tensor) and arg.dtype == torch.int64 and name not in probe.task.ids and arg.ndim == 1:
            for other in (arg + 1, arg.flip(0), arg.roll(1, 0) + torch.arange(len(arg)) % 2):
                yield (*args[:k], other, *args[k + 1 :])
    variants = _variants(probe, _other_values)
    for turn in range(3):
        yield from (found[turn][0] for found in variants.values() if len(found) > turn)


def _is_yes_or_no(arg: Tensor) -> bool:
    return set(arg.unique().tolist()) <= {0.0, 1.0}


def _other_values(name: str, arg) -> Iterator[tuple[str, object]]:
    """Other values of an argument, whole and in each of its parts."""
    if isinstance(arg, bool | str) or callable(arg):
        return
    if isinstance(arg, int | float):
        yield from ((name, arg + 1), (name, arg + 3))
    elif isinstance(arg, Tensor) and arg.is_floating_point():
        if _is_yes_or_no(arg):
            yield from ((name, 1 - arg), (name, arg.roll(1, 0)))
        steps = torch.arange(arg.numel()).reshape(arg.shape)
        if not _is_yes_or_no(arg):
            yield from ((name, arg + 1 + steps % 3), (name, arg * 2 - steps % 4), (name, -arg))
    elif isinstance(arg, list | tuple):
        for k, part in enumerate(arg):
            for inner, other in _other_values(f"{name}[{k}]", part):
                yield inner, type(arg)([*arg[:k], other, *arg[k + 1 :]])
