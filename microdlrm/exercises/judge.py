"""How a check goes about it: a task, the steps that a function is taken through, the naming of mistakes.

A task knows the right answer (in plain loops, apart from the package's own), the inputs to try, and a family
of wrong formulations. A wrong result is compared with what each wrong formulation gives on the same inputs:
the one that agrees is the mistake that was made.
"""

import copy
import dis
import inspect
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import zip_longest
from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor

from microdlrm.exercises import guard
from microdlrm.exercises.causes import CAUSES
from microdlrm.exercises.traffic import traffic
from microdlrm.exercises.verdict import Picture, Verdict


@dataclass(frozen=True)
class Mistake:
    """A wrong formulation: what it is called, what to say of it, and how to compute it."""

    code: str
    hint: str
    formula: Callable


@dataclass(frozen=True, eq=False)
class Case:
    """Inputs to try; `mistake` and `hint` are for a function that goes wrong on these alone."""

    step: str
    sizes: str  # in words: "B = 3, d = 2"
    args: tuple
    mistake: str = ""
    hint: str = ""


def small_whole_numbers(*shape: int, seed: int = 0) -> Tensor:
    """Floats from -5 to 5 without 0, so that you can follow the products by hand."""
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, shape, generator=generator) * 2 - 1
    return (torch.randint(1, 6, shape, generator=generator) * signs).float()


@dataclass(frozen=True)
class Task:
    """One function for a learner to write. Its first case also shows type, shape and gradients."""

    call: str  # "name(argument, argument)"
    answer: Callable
    cases: list[Case]
    mistakes: Callable[[], Iterable[Mistake]]
    praise: str  # said on a pass
    returns: str = "one tensor"  # or "one number", "one whole number", "two whole numbers"
    shape: str = ""  # of the tensor, in letters
    gradients: bool = False
    columns: Callable[..., list[str]] = lambda *args: []  # headings of the result's columns
    other: str = "Compare the marked numbers with what you get by hand."  # nobody knows this mistake
    detour: Callable[[Callable], str] = lambda fn: ""  # said for praise where the way to the numbers is a long one
    growing: dict[str, tuple] | None = None  # inputs, by their sizes in words, for which a loop calls ever more

    @property
    def name(self) -> str:
        return self.call.split("(")[0]

    @property
    def arguments(self) -> list[str]:
        return re.findall(r"\w+", self.call)[1:]


@dataclass
class Failure(Exception):
    """Ends a check: what is wrong, and what to show for it."""

    mistake: str
    hint: str
    where: str = ""
    picture: Picture | None = None
    inputs: tuple | None = None
    known: bool = False  # by name, whatever the inputs that brought it up


def judge(task: Task, fn: Callable, seconds: float) -> Verdict:
    """Take `fn` through the steps of `task`, in at most `seconds`, and return the verdict."""
    name = _name(fn, task)
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
            raise Failure("runs without end", _too_long(outcome), _where(outcome.error), known=True)
        if outcome.error is not None:
            raise _explain(outcome.error, self.fn, self.task, args)
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
            raise _not_started(_name(self.fn, task))

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
        return _as_tensor(formula(*copy.deepcopy(case.args)))

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
        picture = self.picture(case, got, want)
        self.recognise(case, got, f" {shapes}", picture)
        mistake, hint = "wrong shape", "What your function returns has the wrong shape."
        if got.ndim == want.ndim == 2 and _equal(got.T, want):
            mistake, hint = "transposed", "The numbers are right, with rows and columns exchanged."
        elif got.numel() == want.numel() and _equal(got.reshape(want.shape), want):
            mistake, hint = "right numbers, wrong shape", "The numbers are right, their shape is not."
        raise Failure(mistake, f"{hint} {shapes}", picture=picture, inputs=case.args)

    def values(self, case: Case, got: Tensor) -> None:
        want = self.expected(case)
        if _equal(got, want):
            return
        self.steady(case)
        picture = self.picture(case, got, want)
        self.recognise(case, got, picture=picture)
        mistake, hint = "wrong values", self.task.other
        if not got.isfinite().all():
            mistake, hint = "not a number", "Some of your numbers are nan or infinite: a 0/0, or an overflow."
        elif got.numel() > 1 and _equal(got.sort(dim=-1).values, want.sort(dim=-1).values):
            mistake, hint = "right numbers, wrong order", "You have the right numbers, in another order."
        elif got.ndim > 1 and _equal(got.flatten().sort().values, want.flatten().sort().values):
            mistake = "right numbers, wrong rows"
            hint = "You have the right numbers, in the wrong rows. Reshaping exchanges no axes."
        raise Failure(mistake, hint, picture=picture, inputs=case.args)

    def recognise(self, case: Case, got: Tensor, more: str = "", picture: Picture | None = None) -> None:
        """Raise the mistake whose formulation gives what the learner's function gave, if one does."""
        passed = self.task.cases[: self.task.cases.index(case)]  # where the learner's function was right
        for mistake in self.task.mistakes():
            try:
                agrees = _equal(got, self.apply(mistake.formula, case))
                agrees = agrees and not _equal(got, self.expected(case))
                agrees = agrees and all(_equal(self.apply(mistake.formula, c), self.expected(c)) for c in passed)
            except (RuntimeError, ValueError, IndexError, ArithmeticError):
                continue  # this formulation doesn't apply to these inputs
            if agrees:
                raise Failure(mistake.code, mistake.hint + more, "", picture, case.args, known=True)

    def steady(self, case: Case) -> None:
        """Before a wrong result is explained: is it at least the same each time?"""
        first, second = (self.convert(self.call(self.fn, copy.deepcopy(case.args))) for _ in range(2))
        if first.shape == second.shape and not _equal(first, second):
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
            if mine is not None and _equal(mine, right, rtol=1e-3):
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
        if not _equal(self.convert(self.call(self.fn, copy.deepcopy(self.task.cases[0].args))), self.got):
            raise _unsteady()

    def untouched(self) -> None:
        for name, before, after in zip(self.task.arguments, self.task.cases[0].args, self.used, strict=True):
            if not _same(before, after):
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

    def picture(self, case: Case, got: Tensor, want: Tensor) -> Picture | None:
        """Up to three rows and twelve columns, among them the first that is wrong; None if they can't be compared.

        One row is enough where the widths differ.
        """
        if got.ndim != want.ndim or want.ndim > 2 or (want.ndim == 2 and len(got) != len(want)):
            return None
        rows = [list(zip_longest(*pair)) for pair in zip(_rows(got), _rows(want), strict=True)]
        wrong = [[not _close(g, w) for g, w in row] for row in rows]
        top = next((k for k, row in enumerate(wrong) if any(row)), 0)
        top = 0 if top < 3 else top
        left = min(row.index(True) for row in wrong[top : top + 3] if any(row))
        left = 0 if left < 12 else left
        count = 3 if got.shape == want.shape else 1
        shown, window = range(top, min(top + count, len(rows))), slice(left, left + 12)
        columns = self.task.columns(*case.args) or [str(k) for k in range(_rows(want).shape[1])]
        if got.shape != want.shape:
            columns = [str(k) for k in range(len(rows[0]))]  # what stands where in a wrong result is anyone's guess
        total = len(columns)
        fits = left == 0 and total <= 12

        def cut(cells, dots="…"):
            """The cells in the window, `dots` where the row goes on."""
            return ((dots,) if left else ()) + tuple(cells[window]) + ((dots,) if left + 12 < total else ())

        return Picture(
            columns=cut(columns),
            rows=tuple(f"row {k}" if len(rows) > 1 else "" for k in shown),
            got=tuple(cut([_text(g) for g, _ in rows[k]]) for k in shown),
            expected=tuple(cut([_text(w) for _, w in rows[k]]) for k in shown),
            wrong=tuple(cut(wrong[k], False) for k in shown),
            caption=f"With {case.sizes}; {'' if fits else f'{total} columns, {len(columns[window])} shown; '}"
            "✗ marks what differs:",
        )


RTOL, ATOL = 1e-4, 1e-5  # float32 sums, in whatever order a learner takes them

_TENSOR_DUE = {
    "a list": "Its parts are still to be joined.",
    "a tuple": "Are there several values after `return`, or a comma at its end?",
    "a NumPy array": "No gradient flows through NumPy: stay in PyTorch.",
    "a number": "`.item()` leads there, and so does `float()`.",
}


def _name(fn: Callable, task: Task) -> str:
    """What the learner calls the function; the task's name if it has none to speak of."""
    name = getattr(fn, "__name__", "")
    return name if name.isidentifier() else task.name


def _not_started(name: str) -> Failure:
    hint = f"Replace the `...` in {name} with your code, run its cell, then run the check again."
    return Failure("not started", hint)


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


def _source(fn: Callable) -> str:
    try:
        return inspect.getsource(inspect.unwrap(fn))
    except (OSError, TypeError):
        return ""


def _kind(value) -> str:
    names = {"NoneType": "None", "ndarray": "a NumPy array", "int": "a number", "float": "a number"}
    name = type(value).__name__
    return names.get(name, f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name[0].lower()}{name[1:]}")


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _is_float(value) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _as_tensor(value) -> Tensor:
    return value.detach() if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64).reshape(-1)


def _equal(a: Tensor, b: Tensor, rtol: float = RTOL) -> bool:
    """Shape before value: nothing is broadcast."""
    if a.shape != b.shape:
        return False
    return torch.allclose(a.detach().double(), b.detach().double(), rtol=rtol, atol=ATOL, equal_nan=True)


def _same(a, b) -> bool:
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(_same, a, b))
    return torch.equal(a, b) if isinstance(a, Tensor) else a == b


def _rows(tensor: Tensor) -> Tensor:
    return tensor.detach().reshape(-1, tensor.shape[-1] if tensor.ndim else 1).double()


def _close(a: Tensor | None, b: Tensor | None) -> bool:
    return a is not None and b is not None and _equal(a, b)


def _text(x: Tensor | None) -> str:
    return "" if x is None else f"{x.item():.4g}"


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


def _where(error: BaseException | None, says: str = "") -> str:
    line = guard.learners_line(error) if error is not None else None
    at = f"line {line[0]} of your code" + (f": {line[1][:120]}" if line[1] else "") if line else ""
    return "\n".join(part for part in (at, says) if part)


def _too_long(outcome: guard.Outcome) -> str:
    who = "you stopped it" if outcome.stopped == "reader" else "it was stopped"
    hint = (
        f"Your function had been running for {outcome.seconds:.0f} s when {who}. On inputs this small it should end "
        "at once: look for a loop whose end never comes. If it needs time to compile, raise `check.SECONDS`."
    )
    if outcome.alive:
        hint += " It couldn't be made to stop and still runs: Kernel → Restart frees the processor."
    return hint


def _explain(error: BaseException, fn: Callable, task: Task, args: tuple) -> Failure:
    """The Failure that an exception in a learner's function amounts to: their line, and the usual cause."""
    text = re.sub(r"^\[enforce fail.*?\] err == 0\. ", "", str(error).strip().split("\n")[0])
    where = _where(error, f"{type(error).__name__}: {text[:240]}".rstrip(": "))
    if type(error) is NotImplementedError and "raise" in where.split("\n")[0]:
        return _not_started(_name(fn, task))
    line, body = where.split("\n")[0], _source(fn)
    cause = next(
        c
        for c in CAUSES
        if isinstance(error, c.errors)
        and re.search(c.pattern, text)
        and re.search(c.line, line)
        and re.search(c.body, body)
    )
    known = cause.code in ("too much memory", "calls exit", "calls itself without end")
    return Failure(cause.code, cause.hint, where, inputs=args, known=known)
