"""Count what a function really does: the operators it calls and the bytes they move."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Traffic(NamedTuple):
    operators: int  # views left out: they move nothing
    bytes: int  # that the operators read and wrote
    largest: int  # numbers in a result


class _Counter(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.operators = self.bytes = self.largest = 0

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        out = op(*args, **(kwargs or {}))
        if not op.is_view:
            self.operators += 1
            tensors = (t for t in tree_leaves((args, kwargs, out)) if isinstance(t, torch.Tensor))
            # An expanded tensor has more elements than bytes behind it.
            self.bytes += sum(
                min(t.numel() * t.itemsize, t.untyped_storage().nbytes()) for t in tensors
            )
            results = (t.numel() for t in tree_leaves(out) if isinstance(t, torch.Tensor))
            self.largest = max(self.largest, *results, 0)
        return out


def traffic(fn: Callable, *args) -> Traffic:
    """Call `fn(*args)` without gradients; return its operators, and what they moved and made.

    Every operator is taken to read its operands and to write its result once. What NumPy and Python
    move between the operators isn't seen.
    """
    with torch.no_grad(), _Counter() as counter:
        fn(*args)
    return Traffic(counter.operators, counter.bytes, counter.largest)
