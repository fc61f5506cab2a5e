"""How a check goes about it: the steps that a function is taken through, the naming of mistakes.

A wrong result is compared with what each of the task's wrong formulations gives on the same inputs: the one that
agrees is the mistake that was made.
"""

import copy
import dis
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor

from microdlrm.exercises import guard
from microdlrm.exercises.compare import as_tensor, draw, equal, same
from microdlrm.exercises.explain import Failure, explain, learners_name, not_started, too_long, where_it_was
from microdlrm.exercises.task import Case, Task
from microdlrm.exercises.traffic import traffic
from microdlrm.exercises.verdict import Picture, Verdict


def judge(task: Task, fn: Callable, seconds: float) -> Verdict:
    """Take `fn` through the steps of `task`, in at most `seconds`, and return the verdict."""
    name = learners_name(fn, task)
    attempt = Attempt(task, fn, time.monotonic() + seconds)
    steps = attempt.steps()
    tried = dict.fromkeys(steps, "not reached")
    for step, go in steps.items():
        try:
            go()
        except Failure as f:
            tried[step] = "failed"
            if f.mistake == "not started":
                tried = {}
            # Copies: what the learner does with them mustn't reach the next check.
            return Verdict(
                False, f.mistake, f.hint, name, tried, f.where, f.picture, copy.deepcopy(f.inputs), task.name
            )
        tried[step] = "passed"
    return Verdict(True, None, attempt.praise(), name, tried)


@dataclass
class Attempt:
    """One learner's function on its way through the steps."""

    task: Task
    fn: Callable
    deadline: float
    used: tuple = ()  # the arguments of the first call, as the function left them
    got: object = None  # what the first call returned

    def steps(self) -> dict[str, Callable[[], None]]:
        base, *others = self.task.cases
        steps = {"it runs": self.it_runs, f"returns {self.task.returns}": self.returns}
        if self.task.returns == "one tensor":
            steps |= {"dtype": self.dtype, "shape": lambda: self.shape(base, self.got)}
        steps["values"] = lambda: self.values(base, self.got)
        if self.task.gradients:
            steps["gradients"] = self.gradients
        for case in others:
            steps[case.step] = lambda step=case.step: [self.again(c) for c in others if c.step == step]
        steps |= {"same answer twice": self.deterministic, "inputs untouched": self.untouched}
        return steps | ({"number of operators": self.few_operators} if self.task.growing else {})

    def call(self, fn: Callable, args: tuple):
        """Call a function under guard; return its value, or raise the Failure that it amounts to."""
        outcome = guard.run(fn, args, max(0.1, self.deadline - time.monotonic()))
        if outcome.stopped:
            raise Failure("runs without end", too_long(outcome), where_it_was(outcome.error), known=True)
        if outcome.error is not None:
            raise explain(outcome.error, self.fn, self.task, args)
        return outcome.value

    def it_runs(self) -> None:
        task, args = self.task, self.task.cases[0].args
        if not callable(self.fn):
            raise Failure(
                "not a function",
                f"The check calls your function itself: hand it over by its bare name, {task.name}, "
                f"without parentheses. It was given {_kind(self.fn)}.",
            )
        try:
            inspect.signature(self.fn).bind(*args)
        except TypeError as error:
            hint = f"The check calls {task.call}. Yours can't be called so: {error}."
            raise Failure("wrong arguments", hint) from None
        except ValueError:
            pass  # a built-in function need not say what it takes
        self.used = copy.deepcopy(args)
        self.got = self.call(self.fn, self.used)
        if (self.got is None and _is_stub(self.fn)) or self.got is ...:
            raise not_started(learners_name(self.fn, task))

    def returns(self) -> None:
        self.got = self.convert(self.got)

    def convert(self, value) -> Tensor:
        """Return the value as a tensor to compare, or raise a Failure if it is not what is due."""
        kind, due = _kind(value), self.task.returns
        if value is None:
            hint = "Your function gave back None. Does its last line say `return`?"
            raise Failure("nothing returned", hint)
        if due == "one tensor":
            if isinstance(value, Tensor):
                return value
            raise Failure(f"returns {kind}", f"One tensor is due, and yours is {kind}. {_TENSOR_DUE.get(kind, '')}")
        pair = due == "two whole numbers"
        parts = list(value) if pair and isinstance(value, tuple | list) else [value]
        if pair and len(parts) != 2:
            raise Failure(f"returns {kind}", f"Two whole numbers are due, as in `return a, b`. Yours is {kind}.")
        for part in parts:
            if due == "one number" and isinstance(part, Tensor | np.ndarray) and part.ndim == 0:
                continue
            if not isinstance(part, Real):
                each = "Each of the two is" if pair else f"{due.capitalize()} is"
                raise Failure(f"returns {_kind(part)}", f"{each} due as a number, and yours is {_kind(part)}.")
            if due != "one number" and not isinstance(part, Integral):
                raise Failure(
                    "a float where a whole number is due",
                    f"You returned {part!r}. This is a count, so a whole number, and `/` gives a float even where "
                    "nothing remains: divide with `//`.",
                )
        return torch.tensor([float(part) for part in parts], dtype=torch.float64)

    def expected(self, case: Case) -> Tensor:
        return self.apply(self.task.answer, case)

    def apply(self, formula: Callable, case: Case) -> Tensor:
        return as_tensor(formula(*copy.deepcopy(case.args)))

    def dtype(self) -> None:
        got, want = self.got, self.expected(self.task.cases[0])
        if got.device != want.device:
            raise Failure(
                "wrong device",
                f"Your tensor lives on the device '{got.device}', the inputs on '{want.device}'. "
                "Leave it where the inputs are.",
            )
        if got.dtype != want.dtype:
            raise Failure(
                "wrong dtype",
                f"Your tensor's dtype is {_short(got.dtype)}, and {_short(want.dtype)} is expected. Look for a "
                "conversion, or for a tensor that was made without naming a dtype.",
            )

    def shape(self, case: Case, got: Tensor) -> None:
        want = self.expected(case)
        if got.shape == want.shape:
            return
        self.steady(case)
        shapes = f"Its shape is {tuple(got.shape)}, expected is {tuple(want.shape)}"
        shapes += f": {self.task.shape}." if self.task.shape else "."
        picture = draw(self.task.columns(*case.args), case.sizes, got, want)
        self.recognise(case, got, f" {shapes}", picture)
        mistake, hint = "wrong shape", "What your function returns has the wrong shape."
        if got.ndim == want.ndim == 2 and equal(got.T, want):
            mistake, hint = "transposed", "The numbers are right, with rows and columns exchanged."
        elif got.numel() == want.numel() and equal(got.reshape(want.shape), want):
            mistake, hint = "right numbers, wrong shape", "The numbers are right, their shape is not."
        raise Failure(mistake, f"{hint} {shapes}", picture=picture, inputs=case.args)

    def values(self, case: Case, got: Tensor) -> None:
        want = self.expected(case)
        if equal(got, want):
            return
        self.steady(case)
        picture = draw(self.task.columns(*case.args), case.sizes, got, want)
        self.recognise(case, got, picture=picture)
        mistake, hint = "wrong values", self.task.other
        if not got.isfinite().all():
            mistake, hint = "not a number", "Some of your numbers are nan or infinite: a 0/0, or an overflow."
        elif got.numel() > 1 and equal(got.sort(dim=-1).values, want.sort(dim=-1).values):
            mistake, hint = "right numbers, wrong order", "You have the right numbers, in another order."
        elif got.ndim > 1 and equal(got.flatten().sort().values, want.flatten().sort().values):
            mistake = "right numbers, wrong rows"
            hint = "You have the right numbers, in the wrong rows. Reshaping exchanges no axes."
        raise Failure(mistake, hint, picture=picture, inputs=case.args)

    def recognise(self, case: Case, got: Tensor, more: str = "", picture: Picture | None = None) -> None:
        """Raise the mistake whose formulation gives what the learner's function gave, if one does."""
        passed = self.task.cases[: self.task.cases.index(case)]  # where the learner's function was right
        for mistake in self.task.mistakes:
            try:
                agrees = equal(got, self.apply(mistake.formula, case))
                agrees = agrees and not equal(got, self.expected(case))
                agrees = agrees and all(equal(self.apply(mistake.formula, c), self.expected(c)) for c in passed)
            except (RuntimeError, ValueError, IndexError, ArithmeticError):
                continue  # this formulation doesn't apply to these inputs
            if agrees:
                raise Failure(mistake.code, mistake.hint + more, "", picture, case.args, known=True)

    def steady(self, case: Case) -> None:
        """Before a wrong result is explained: is it at least the same each time?"""
        first, second = (self.convert(self.call(self.fn, copy.deepcopy(case.args))) for _ in range(2))
        if first.shape == second.shape and not equal(first, second):
            raise _unsteady()

    def gradients(self) -> None:
        args = self.task.cases[0].args
        try:
            got = self.call(_gradients_of(self.fn), copy.deepcopy(args))
        except Failure as f:
            f.inputs = f.inputs and tuple(_tracked(args))  # without gradients it wouldn't fail
            raise
        want = self.call(_gradients_of(self.task.answer), copy.deepcopy(args))
        for name, mine, right in zip(self.leaves(args), got or [None] * len(want), want, strict=True):
            if mine is not None and equal(mine, right, rtol=1e-3):
                continue
            self.deterministic()  # a function that remembers, or changes its inputs, has strange gradients too
            self.untouched()
            if not any(g is not None and g.any() for g in got or []):
                raise Failure(
                    "gradient cut",
                    "The numbers are right, but no gradient flows back to any of the inputs, so nothing in front of "
                    "your function could learn. Something on the way leaves PyTorch: `.detach()`, `.data`, `.item()`, "
                    "`.tolist()`, `torch.tensor(…)`, `torch.no_grad()`.",
                )
            if mine is None or not mine.any():
                hint = f"The numbers are right, but no gradient reaches {name}. It is detached somewhere."
                raise Failure("gradient cut", hint)
            if not mine.isfinite().all():
                hint = f"The numbers are right, but the gradient that reaches {name} has nan or infinity in it."
                raise Failure("gradient not finite", hint)
            raise Failure(
                "gradient cut in part",
                f"The numbers are right, but the gradient that reaches {name} is not. On part of the way it is "
                "cut: is something detached, or made anew from plain numbers?",
            )

    def leaves(self, args: tuple) -> list[str]:
        """The names of the float tensors among the arguments: "x_dense", "x_sparse[0]", …"""
        names = []
        for name, arg in zip(self.task.arguments, args, strict=True):
            tensors = {f"{name}[{k}]": t for k, t in enumerate(arg)} if isinstance(arg, list) else {name: arg}
            names += [name for name, t in tensors.items() if _is_float(t)]
        return names

    def again(self, case: Case) -> None:
        """Shape and values once more, on inputs of other sizes."""
        try:
            got = self.convert(self.call(self.fn, copy.deepcopy(case.args)))
            self.shape(case, got)
            self.values(case, got)
        except Failure as f:
            if f.known or not case.hint:
                raise
            shapes = f.hint[f.hint.find("Its shape") :] if "Its shape" in f.hint else ""
            hint = f"{case.hint} It went wrong with {case.sizes}. {shapes}".strip()
            raise Failure(case.mistake, hint, f.where, f.picture, case.args) from None

    def deterministic(self) -> None:
        if not equal(self.convert(self.call(self.fn, copy.deepcopy(self.task.cases[0].args))), self.got):
            raise _unsteady()

    def untouched(self) -> None:
        for name, before, after in zip(self.task.arguments, self.task.cases[0].args, self.used, strict=True):
            if not same(before, after):
                raise Failure(
                    "inputs changed",
                    f"The result is right, but your function changed {name}, which belongs to whoever called it. "
                    "Make a new object, and leave the given one as it was: a list changes by `.insert`, `.append` "
                    "or `+=`, a tensor by `x[…] = …`, `+=` or a method whose name ends in `_`.",
                )

    def few_operators(self) -> None:
        """A loop calls more operators where there is more to go through."""
        counts = {}
        for sizes, args in self.task.growing.items():
            self.call(self.fn, copy.deepcopy(args))  # what is made once and kept costs nothing from here on
            counts[sizes] = self.call(traffic, (self.fn, *copy.deepcopy(args))).operators
        (small, few), (large, many) = counts.items()
        if many > few:
            raise Failure(
                "grows with the vectors",
                f"The numbers are right, but your function calls {few} operators for {small} and {many} for {large}. "
                "Something still goes through the vectors or the pairs one by one, and a comprehension is a loop, "
                "too. Take all products in one call.",
            )

    def praise(self) -> str:
        try:
            return self.call(self.task.detour, (self.fn,)) or self.task.praise
        except Failure:  # it can't be watched, and is right all the same
            return self.task.praise


_TENSOR_DUE = {
    "a list": "Its parts are still to be joined.",
    "a tuple": "Are there several values after `return`, or a comma at its end?",
    "a NumPy array": "No gradient flows through NumPy: stay in PyTorch.",
    "a number": "`.item()` leads there, and so does `float()`.",
}


def _unsteady() -> Failure:
    return Failure(
        "not deterministic",
        "Called twice with equal inputs, your function gives two different answers. Something in it is random "
        "(noise, dropout, memory never filled), or remembers the call before.",
        known=True,
    )


def _is_stub(fn: Callable) -> bool:
    """Whether the function's body is nothing but a docstring and `...`."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    idle = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    return code is not None and all(step.opname in idle for step in dis.get_instructions(code))


def _kind(value) -> str:
    names = {"NoneType": "None", "ndarray": "a NumPy array", "int": "a number", "float": "a number"}
    name = type(value).__name__
    return names.get(name, f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name[0].lower()}{name[1:]}")


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _is_float(value) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _tracked(args) -> list:
    """Copies of the arguments whose float tensors require gradients."""

    def track(value):
        return value.detach().clone().requires_grad_() if _is_float(value) else value

    return [[track(v) for v in arg] if isinstance(arg, list) else track(arg) for arg in args]


def _gradients_of(fn: Callable) -> Callable:
    """Make a function that gives the gradients of fn's result, unevenly weighted, in its float inputs."""

    def gradients(*args):
        args = _tracked(args)
        tensors = [v for arg in args for v in (arg if isinstance(arg, list) else [arg]) if _is_float(v)]
        out = fn(*args)
        if not out.requires_grad:
            return None
        weights = torch.linspace(-1.0, 2.0, out.numel()).to(out).reshape(out.shape)
        return torch.autograd.grad((out * weights).sum(), tensors, allow_unused=True)

    return gradients
