"""Arguments altered in the ways in which learners alter them unawares, in words and in deed."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def _all(of: Callable) -> Callable:
    return lambda t: of(t.double()).to(t.dtype).expand_as(t).clone()


_OF_ANY = [  # of tensors, in words: "if {name} ..."
    ("were everywhere the mean of {}", _all(torch.mean)),
    ("were everywhere the sum of {}", _all(torch.sum)),
    ("were everywhere the largest of {}", _all(torch.amax)),
    ("were everywhere the smallest of {}", _all(torch.amin)),
    ("were everywhere the first of {}", lambda t: t[:1].expand_as(t).clone()),
    ("were everywhere the last of {}", lambda t: t[-1:].expand_as(t).clone()),
    ("stood one place later", lambda t: t.roll(1, 0)),
    ("stood one place earlier", lambda t: t.roll(-1, 0)),
    ("were reversed", lambda t: t.flip(0)),
    ("were sorted", lambda t: t.sort(0).values),
    ("were sorted downwards", lambda t: t.sort(0, descending=True).values),
    ("were added up one after another", lambda t: t.cumsum(0)),
    ("were all 0", torch.zeros_like),
    ("were all 1", torch.ones_like),
    ("held each of its numbers once", lambda t: t.unique()),
    ("were negated", lambda t: -t),
    ("were taken without signs", lambda t: t.abs()),
    ("were doubled", lambda t: 2 * t),
    ("were 1 larger", lambda t: t + 1),
    ("were 1 smaller", lambda t: t - 1),
    ("were at least 1", lambda t: t.clamp(min=1)),
    ("were cut off below 0", lambda t: t.clamp(min=0)),
    ("were at most 1", lambda t: t.clamp(max=1)),
    ("were 1 less {}", lambda t: 1 - t),
    ("were squared", lambda t: t * t),
    ("lacked its first row", lambda t: t[1:]),
    ("lacked its last row", lambda t: t[:-1]),
]
_OF_FLOATS = [
    ("were halved", lambda t: t / 2),
    ("were replaced by the root of {}", lambda t: t.sqrt()),
    ("were 1 divided by {}", lambda t: 1 / t),
    ("were replaced by the logarithm of {}", lambda t: t.log()),
    ("were replaced by log(1 + {})", lambda t: t.log1p()),
    ("went through exp", lambda t: t.exp()),
    ("went through a sigmoid", lambda t: t.sigmoid()),
    ("went through tanh", lambda t: t.tanh()),
    ("were rounded", lambda t: t.round()),
    ("were replaced by the sign of {}", lambda t: t.sign()),
    ("were divided by the sum of {}", lambda t: t / t.sum()),
    ("were divided by the largest of {}", lambda t: t / t.max()),
    ("had its mean taken off", lambda t: t - t.mean()),
    ("had 0 for nan", lambda t: t.nan_to_num(0.0)),
    ("went through a softmax", lambda t: t.softmax(0)),
    *((f"were cut off at {c} and -{c}", lambda t, c=c: t.clamp(-c, c)) for c in (1, 2, 5, 6, 8, 10, 12, 15, 16, 18)),
    *((f"were cut off at {c} and -{c}", lambda t, c=c: t.clamp(-c, c)) for c in (20, 25, 30, 35, 40, 50, 60, 80, 88)),
    *((f"were kept {e} away from 0 and 1", lambda t, e=e: t.clamp(e, 1 - e)) for e in (0.05, 0.01, 1e-3, 1e-4, 1e-5)),
    *((f"were rounded to {n} places", lambda t, n=n: t.round(decimals=n)) for n in (1, 2, 3, 4)),
]
_OF_INTS = [
    ("were 0, 1, 2, …, a position in place of what stands there", lambda t: torch.arange(len(t))),
    ("were without its zeros", lambda t: t[t != 0]),
    ("were divided by 2", lambda t: t // 2),
    ("were replaced by its remainder by 2", lambda t: t % 2),
]
_OF_A_NUMBER = [
    ("were 1 larger", lambda x: x + 1),
    ("were 1 smaller", lambda x: x - 1),
    ("were doubled", lambda x: 2 * x),
    ("were halved", lambda x: x / 2),
    ("were 0", lambda x: x * 0),
    ("were 1", lambda x: x * 0 + 1),
    ("were 1 - {}", lambda x: 1 - x),
    ("were 1 / {}", lambda x: 1 / x),
    ("were 1 / (1 - {})", lambda x: 1 / (1 - x)),
    ("were 1 + {0}, or {0} were added to 1", lambda x: 1 + x),
    ("were negated", lambda x: -x),
    ("were squared", lambda x: x * x),
    ("were the root of {}", math.sqrt),
    ("were the logarithm of {}", math.log),
    ("were 10 times as large", lambda x: 10 * x),
    ("were a tenth", lambda x: x / 10),
    ("were 0.5", lambda x: 0.5),
]
_OF_A_SERIES = [  # lists and tuples
    ("were reversed", lambda s: s[::-1]),
    ("lacked its first", lambda s: s[1:]),
    ("lacked its last", lambda s: s[:-1]),
    ("stood one place later", lambda s: s[-1:] + s[:-1]),
    ("stood one place earlier", lambda s: s[1:] + s[:1]),
    ("were its first throughout", lambda s: s[:1] * len(s)),
    ("were its last throughout", lambda s: s[-1:] * len(s)),
    ("had its first once more at the end", lambda s: s + s[:1]),
    ("had its last twice", lambda s: s + s[-1:]),
    ("had its first twice", lambda s: s[:1] + s),
]
_OF_NUMBERS = [
    ("were sorted", lambda s: tuple(sorted(s))),
    ("were sorted downwards", lambda s: tuple(sorted(s, reverse=True))),
    ("held each of its numbers once", lambda s: tuple(dict.fromkeys(s))),
    ("were the largest of {} throughout", lambda s: (max(s),) * len(s)),
    ("were the smallest of {} throughout", lambda s: (min(s),) * len(s)),
    ("were all 1", lambda s: (1,) * len(s)),
    ("were 1 larger throughout", lambda s: tuple(x + 1 for x in s)),
    ("were 1 smaller throughout", lambda s: tuple(x - 1 for x in s)),
]


def _ways(arg) -> list[tuple[str, Callable]]:
    if isinstance(arg, Tensor) and arg.dtype == torch.bool:
        return [("were turned round, False for True", lambda t: ~t)]
    if isinstance(arg, Tensor):
        return _OF_ANY + (_OF_FLOATS if arg.is_floating_point() else _OF_INTS)
    if isinstance(arg, list | tuple):
        return _OF_A_SERIES + (_OF_NUMBERS if isinstance(arg, tuple) else [])
    return _OF_A_NUMBER if isinstance(arg, int | float) else []


def altered(names: list[str], args: tuple) -> Iterator[tuple[str, str, Callable[[tuple], tuple]]]:
    """Each argument in other ways, one at a time: its name, what is done to it in words, and the change of them all."""
    for k, (name, arg) in enumerate(zip(names, args, strict=True)):
        for says, way in _ways(arg):
            yield name, f"{name} {says.format(name)}", lambda a, k=k, way=way: (*a[:k], way(a[k]), *a[k + 1 :])
        if isinstance(arg, int | float):
            yield (
                name,
                f"{name} were divided by the number of rows",
                lambda a, k=k: (*a[:k], a[k] / _rows(a), *a[k + 1 :]),
            )
            yield (
                name,
                f"{name} were multiplied by the number of rows",
                lambda a, k=k: (*a[:k], a[k] * _rows(a), *a[k + 1 :]),
            )
    for k, name in enumerate(names):
        for j in range(len(names)):
            if j == k or not _alike(args[j], args[k]):
                continue
            yield name, f"{names[j]} stood in place of {name}", lambda a, k=k, j=j: (*a[:k], a[j], *a[k + 1 :])
            if j > k:
                yield f"{name} and {names[j]}", f"{name} and {names[j]} had changed places", _exchanged(k, j)


def _exchanged(k: int, j: int) -> Callable[[tuple], tuple]:
    return lambda a: (*a[:k], a[j], *a[k + 1 : j], a[k], *a[j + 1 :])


def _rows(args: tuple) -> int:
    return next(len(arg) for arg in args if isinstance(arg, Tensor))


def _alike(a, b) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape
    return type(a) is type(b) and isinstance(a, int | float | tuple)


def alternatives(task, args: tuple) -> Iterator[tuple[str, Callable]]:
    """What may stand in a row in place of what is due: in words, and as a formulation."""
    constants = [("yours are 0", 0.0), ("yours are nan, from 0/0 or the like", torch.nan), ("yours are 1", 1.0)]
    for says, number in constants:
        yield says, lambda *a, number=number: torch.full_like(task.answer(*a).double(), number)
    for k, (name, arg) in enumerate(zip(task.arguments, args, strict=True)):
        if isinstance(arg, float):
            yield f"you have {name} itself", lambda *a, k=k: torch.full_like(task.answer(*a), a[k])
        elif isinstance(arg, Tensor) and arg.ndim == 1:
            yield f"you have {name} itself", lambda *a, k=k: a[k].clone()
            yield f"you have the mean of all {name}", lambda *a, k=k: a[k].double().mean().expand(len(a[k]))
    for _, says, change in altered(task.arguments, args):
        yield f"you have what is due if {says}", lambda *a, change=change: task.answer(*change(a))
