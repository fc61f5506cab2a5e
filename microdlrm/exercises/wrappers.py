"""What a learner's function is behind its wrappers: decorators, partial, compiled, a method."""

import contextlib
import functools
import sys
from collections.abc import Iterator

import torch


def layers(value) -> Iterator:
    """`value`, what it wraps, and so on to the plain function that is called in the end."""
    seen = []
    while value is not None and not any(value is layer for layer in seen):
        seen.append(value)
        yield value
        value = _inner(value)


def _inner(value):
    if isinstance(value, functools.partial):
        return value.func
    if isinstance(value, torch.nn.Module):
        return getattr(value, "_orig_mod", None) or getattr(type(value), "forward", None)
    # A decorator's, TorchScript's, a method's.
    for name in ("__wrapped__", "_torchdynamo_inline", "__func__"):
        if (inner := getattr(value, name, None)) is not None:
            return inner
    if hasattr(value, "__code__") or isinstance(value, type) or not callable(value):
        return None
    return getattr(type(value).__call__, "__wrapped__", type(value).__call__)


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """What `torch.compile` made runs as it was written: compiling takes too long."""
    compiles = "torch._dynamo" in sys.modules
    with torch.compiler.set_stance("force_eager") if compiles else contextlib.nullcontext():
        yield
