"""The gradients that flow through a learner's function."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def tracked(args: Sequence, wanted: set[int]) -> tuple:
    """Copies of the arguments, in which the float tensors at the places `wanted` want gradients."""

    def track(value):
        if isinstance(value, list):
            return [track(v) for v in value]
        is_float = isinstance(value, Tensor) and value.is_floating_point()
        return value.detach().clone().requires_grad_() if is_float else value

    return tuple(track(arg) if k in wanted else arg for k, arg in enumerate(args))


def gradients_of(fn: Callable, names: Sequence[str], wanted: set[int]) -> Callable:
    """A function that gives the gradients of fn's result, unevenly weighted, tensor by tensor."""

    def gradients(*args) -> dict[str, Tensor | None]:
        args = tracked(args, wanted)
        leaves = {}
        for k in wanted:
            several = isinstance(args[k], list)
            own = {f"{names[k]}[{n}]": t for n, t in enumerate(args[k])} if several else {}
            leaves |= own or {names[k]: args[k]}
        out = fn(*args)
        if not out.requires_grad:
            return dict.fromkeys(leaves)
        weights = torch.linspace(-1.0, 2.0, out.numel()).to(out).reshape(out.shape)
        found = torch.autograd.grad((out * weights).sum(), [*leaves.values()], allow_unused=True)
        return dict(zip(leaves, found, strict=True))

    return gradients
