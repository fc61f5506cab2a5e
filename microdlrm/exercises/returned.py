"""What a learner's function gives back: is it what is due, and as a tensor to compare."""

from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor

from microdlrm.exercises.errors import Failure

_TENSOR_DUE = {
    "a list": "Its parts are still to be joined.",
    "a tuple": "Are there several values after `return`, or a comma at its end?",
    "a NumPy array": "No gradient flows through NumPy: stay in PyTorch.",
    "a number": "`.item()` leads there, and so does `float()`.",
}


def convert(value, due: str) -> Tensor:
    """The value as a tensor to compare, or a Failure if it isn't what is due."""
    its_kind = kind(value)
    if value is None:
        hint = "Your function gave back None. Does its last line say `return`?"
        raise Failure("nothing returned", hint)
    if due == "one tensor":
        if isinstance(value, Tensor):
            return _dense(value)
        raise Failure(
            f"returns {its_kind}",
            f"One tensor is due, and yours is {its_kind}. {_TENSOR_DUE.get(its_kind, '')}",
        )
    pair = due == "two whole numbers"
    parts = list(value) if pair and isinstance(value, tuple | list) else [value]
    if pair and len(parts) != 2:
        raise Failure(
            f"returns {its_kind}",
            f"Two whole numbers are due, as in `return a, b`. Yours is {its_kind}.",
        )
    for part in parts:
        if due == "one number" and isinstance(part, Tensor | np.ndarray) and part.ndim == 0:
            continue
        if not isinstance(part, Real):
            each = "Each of the two is" if pair else f"{due.capitalize()} is"
            raise Failure(
                f"returns {kind(part)}", f"{each} due as a number, and yours is {kind(part)}."
            )
        if due != "one number" and not isinstance(part, Integral):
            raise Failure(
                "a float where a whole number is due",
                f"You returned {part!r}. A count is due, a whole number: a mean gives a share, and "
                "`/` gives a float "
                "even where nothing remains, where `//` doesn't.",
            )
    whole = due != "one number"
    made = [int(part) if whole else float(part) for part in parts]
    return torch.tensor(made, dtype=torch.int64 if whole else torch.float64)


def kind(value) -> str:
    names = {"NoneType": "None", "ndarray": "a NumPy array", "int": "a number", "float": "a number"}
    name = type(value).__name__
    return names.get(
        name, f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name[0].lower()}{name[1:]}"
    )


def _dense(value: Tensor) -> Tensor:
    if value.is_nested or value.layout != torch.strided:
        raise Failure(
            "not an ordinary tensor",
            "Your tensor keeps its numbers in another form (sparse, or nested), and one that holds "
            "them all, place by "
            "place, is due: `.to_dense()` makes one of a sparse tensor.",
        )
    return value
