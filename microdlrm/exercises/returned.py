"""What a learner's function gives back: is it what is due, and as a tensor to compare."""

from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor

from microdlrm.exercises.errors import Failure

_TENSOR_DUE = {
    "a list": "A tensor is still to be made of it.",
    "a tuple": "Are there several values after `return`, or a comma at its end?",
    "a NumPy array": "No gradient flows through NumPy: stay in PyTorch.",
    "a number": "`.item()` leads there, and so does `float()`.",
}


def convert(value, due: str) -> Tensor:
    """The value as a tensor to compare, or a Failure if it isn't what is due."""
    returned = f"returns {kind(value)}"
    if value is None:
        hint = "Your function gave back None. Does its last line say `return`?"
        raise Failure("nothing returned", hint)
    if due == "one tensor":
        if not isinstance(value, Tensor):
            more = _TENSOR_DUE.get(kind(value), "")
            raise Failure(returned, f"One tensor is due, and yours is {kind(value)}. {more}")
        if value.is_nested or value.layout != torch.strided:
            hint = "One that holds all its numbers is due, place by place: no sparse or nested one."
            raise Failure("not an ordinary tensor", hint)
        return value
    pair = due == "two whole numbers"
    parts = list(value) if pair and isinstance(value, tuple | list) else [value]
    if pair and len(parts) != 2:
        raise Failure(returned, f"Two are due, as in `return a, b`. Yours is {kind(value)}.")
    for part in parts:
        scalar = isinstance(part, Tensor | np.ndarray) and part.ndim == 0
        if not isinstance(part, Real) and not (scalar and due == "one number"):
            hint = f"{due.capitalize()}: that is due, as Python has it, and yours is {kind(part)}."
            raise Failure(f"returns {kind(part)}", hint)
        if due != "one number" and not isinstance(part, Integral):
            hint = f"You returned {part!r}, and a count is due, a whole number. `/` gives a float "
            hint += "even where nothing remains, `//` doesn't."
            raise Failure("a float where a whole number is due", hint)
    if due == "one number":
        return torch.tensor([float(value)], dtype=torch.float64)
    return torch.tensor([int(part) for part in parts])


def kind(value) -> str:
    names = {"NoneType": "None", "ndarray": "a NumPy array", "int": "a number", "float": "a number"}
    name = type(value).__name__
    article = "an" if name[0] in "aeiouAEIOU" else "a"
    return names.get(name, f"{article} {name[0].lower()}{name[1:]}")
