"""How a check goes about it: the steps that a function is taken through, the naming of mistakes.

A wrong result is compared with what each of the task's wrong formulations gives on the same inputs: the one that
agrees is the mistake that was made.
"""

import copy
import dis
import inspect
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from torch import Tensor

from microdlrm.exercises import guard, probes, returned
from microdlrm.exercises.compare import as_tensor, close, draw, equal, same
from microdlrm.exercises.explain import Failure, explain, learners_name, not_started, too_long, where_it_was
from microdlrm.exercises.finding import Probe, first_marked
from microdlrm.exercises.gradients import gradients_of, is_float, tracked
from microdlrm.exercises.task import Case, Task
from microdlrm.exercises.traffic import traffic
from microdlrm.exercises.verdict import Picture, Verdict
from microdlrm.exercises.wrappers import layers, uncompiled

PLAIN = ("wrong values", "wrong shape", "exception")  # what a failure is called that tells nothing more


@uncompiled()
def judge(task: Task, fn: Callable, seconds: float) -> Verdict:
    """Take `fn` through the steps of `task`, in at most `seconds`, and return the verdict."""
    name = learners_name(fn, task)
    attempt = Attempt(task, fn, time.monotonic() + seconds, seconds)
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


@cache
def _result(formula: Callable, case: Case) -> Tensor | None:
    """What a formulation gives on a case, None where it doesn't apply. Both are the course's: it never changes."""
    try:
        return as_tensor(formula(*copy.deepcopy(case.args)))
    except (RuntimeError, ValueError, IndexError, ArithmeticError):
        return None


@dataclass
class Attempt:
    """One learner's function on its way through the steps."""

    task: Task
    fn: Callable
    deadline: float
    seconds: float
    used: tuple = ()  # the arguments of the first call, as the function left them
    got: object = None  # what the first call returned
    others: dict[Case, Tensor | None] = field(default_factory=dict)

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
        if self.task.far:
            steps[self.task.far.step] = self.gradients_far_out
        steps |= {
            "same answer twice": self.deterministic,
            "inputs untouched": lambda: self.untouched(base.args, self.used),
        }
        return steps | ({"number of operators": self.few_operators} if self.task.growing else {})

    def call(self, fn: Callable, args: tuple):
        """Call a function under guard; return its value, or raise the Failure that it amounts to."""
        # On a busy machine the time may be up before a call has begun: what ends at once isn't endless.
        outcome = guard.run(fn, args, max(min(1.0, self.seconds), self.deadline - time.monotonic()))
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
                f"without parentheses. It was given {returned.kind(self.fn)}.",
            )
        if isinstance(self.fn, type) and any("__call__" in vars(base) for base in self.fn.__mro__):
            name = learners_name(self.fn, task)
            hint = f"The check calls {task.call}, and {name} is a class. Hand over an object of it: {name}()."
            raise Failure("a class, no object of it", hint)
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
        return returned.convert(value, self.task.returns)

    def expected(self, case: Case) -> Tensor:
        return _result(self.task.answer, case)

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
        self.sound(case)
        shapes = f"Its shape is {tuple(got.shape)}, expected is {tuple(want.shape)}"
        shapes += f": {self.task.shape}." if self.task.shape else "."
        picture = draw(self.task.columns(*case.args), case.sizes, got, want)
        self.recognise(case, got, f" {shapes}", picture)
        if got.ndim == want.ndim == 2 and equal(got.T, want):
            mistake, hint = "transposed", "The numbers are right, with rows and columns exchanged."
        elif got.numel() == want.numel() and equal(got.reshape(want.shape), want):
            mistake, hint = "right numbers, wrong shape", "The numbers are right, their shape is not."
        elif found := probes.find(self.probe(case, got)):
            mistake, hint = found.mistake, found.hint
        else:
            mistake, hint = "wrong shape", "What your function returns has the wrong shape."
        raise Failure(mistake, f"{hint} {shapes}", picture=picture, inputs=case.args)

    def values(self, case: Case, got: Tensor) -> None:
        want = self.expected(case)
        if equal(got, want):
            return
        self.sound(case)
        picture = draw(self.task.columns(*case.args), case.sizes, got, want)
        probe, found = self.probe(case, got), None
        for look in self.task.looks:
            if found := look(probe):
                raise Failure(found.mistake, found.hint, picture=picture, inputs=case.args, known=True)
        self.recognise(case, got, picture=picture)
        if not got.isfinite().all() and not (found := probes.strong(probe)):
            hint = "Some of your numbers are nan or infinite: a 0/0, or an overflow." + first_marked(probe)
            raise Failure("not a number", hint, picture=picture, inputs=case.args)
        if found := found or probes.find(probe):
            raise Failure(
                found.mistake, found.hint, picture=picture, inputs=found.args or case.args, sure=found.sure
            )
        hint = self.task.other + first_marked(probe)
        raise Failure("wrong values", hint, picture=picture, inputs=case.args)

    def probe(self, case: Case, got: Tensor) -> Probe:
        """What the general tests need: the result, and a way to ask for others."""

        def call(args):
            if time.monotonic() > self.deadline:
                return None
            try:
                return self.convert(self.call(self.fn, copy.deepcopy(args)))
            except Failure:
                return None

        def answer(args):
            return as_tensor(self.task.answer(*copy.deepcopy(args)))

        return Probe(self.task, case, got, self.expected(case), call, answer, {})

    def recognise(self, case: Case, got: Tensor, more: str = "", picture: Picture | None = None) -> None:
        """Raise the mistake whose formulation gives what the learner's function gave, if one does."""
        passed = self.task.cases[: self.task.cases.index(case)]  # where the learner's function was right
        if equal(got, self.expected(case)):
            return
        for mistake in self.task.mistakes:
            results = [_result(mistake.formula, c) for c in (case, *passed)]
            if any(result is None for result in results):
                continue  # this formulation doesn't apply to these inputs
            agrees = equal(got, results[0]) and all(map(equal, results[1:], map(self.expected, passed)))
            if agrees and (got.shape != self.expected(case).shape or self.agrees_elsewhere(mistake.formula, case)):
                raise Failure(mistake.code, mistake.hint + more, "", picture, case.args, known=True)

    def agrees_elsewhere(self, formula: Callable, case: Case) -> bool:
        """On some inputs two formulations agree by chance: does this one give the learner's on others, too?"""
        for other in self.task.cases:
            got, result = None if other is case else self.elsewhere(other), _result(formula, other)
            if got is not None and result is not None and not equal(got, result):
                return False
        return True

    def elsewhere(self, case: Case) -> Tensor | None:
        """What the learner's function gives on another case, asked once; None if it fails there."""
        if case not in self.others:
            self.others[case] = self.probe(case, self.got).call(case.args)
        return self.others[case]

    def sound(self, case: Case) -> None:
        """Before a wrong result is explained: is it the same each time, and are the inputs left as they were?"""
        first, tries = None, 3
        for _ in range(20):
            args, before = copy.deepcopy(case.args), _random_state()
            result = self.convert(self.call(self.fn, args))
            self.untouched(case.args, args, "Whatever else is wrong, your")
            if _random_state() != before:
                tries = 20  # what is drawn may come out equal a few times
            first = result if first is None else first
            if not equal(first, result):
                looks = (look(self.probe(case, result)) for look in self.task.looks)
                raise _unsteady(next((found.hint for found in looks if found), ""))
            tries -= 1
            if tries <= 0:
                return

    def gradients(self) -> None:
        args = self.task.cases[0].args
        try:
            got = self.call(gradients_of(self.fn, self.data()), copy.deepcopy(args))
        except Failure as f:
            f.inputs = f.inputs and tuple(tracked(args, self.data()))  # without gradients it wouldn't fail
            raise
        want = self.call(gradients_of(self.task.answer, self.data()), copy.deepcopy(args))
        for name, mine, right in zip(self.leaves(args), got or [None] * len(want), want, strict=True):
            if mine is not None and equal(mine, right, rtol=1e-3):
                continue
            self.deterministic()  # a function that remembers, or changes its inputs, has strange gradients too
            self.untouched(args, self.used)
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
            if close(mine, right, rtol=1e-2):
                raise Failure(
                    "rounded on the way",
                    f"The numbers are right, and the gradient that reaches {name} is nearly so: off by "
                    f"{(mine - right).abs().max():.1g} at most. Something on the way is rounded, as in half precision: "
                    "`.half()`, `.bfloat16()`, `autocast`.",
                )
            raise Failure(
                "gradient cut in part",
                f"The numbers are right, but the gradient that reaches {name} is not. On part of the way it is "
                "cut: is something detached, or made anew from plain numbers?",
            )

    def gradients_far_out(self) -> None:
        far = self.task.far
        got, want = (
            self.call(gradients_of(fn, self.data()), copy.deepcopy(far.args)) for fn in (self.fn, self.task.answer)
        )
        for mine, right in zip(got or [None] * len(want), want, strict=True):
            if mine is None or not equal(mine, right, rtol=1e-3):
                raise Failure(far.mistake, far.hint, inputs=tuple(tracked(far.args, self.data())))

    def data(self) -> set[int]:
        """The places of the arguments that need no gradient."""
        return {k for k, name in enumerate(self.task.arguments) if name in self.task.data}

    def leaves(self, args: tuple) -> list[str]:
        """The names of the float tensors among the arguments that need a gradient: "x_dense", "x_sparse[0]", …"""
        names = []
        for k, (name, arg) in enumerate(zip(self.task.arguments, args, strict=True)):
            if k in self.data():
                continue
            tensors = {f"{name}[{k}]": t for k, t in enumerate(arg)} if isinstance(arg, list) else {name: arg}
            names += [name for name, t in tensors.items() if is_float(t)]
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
            right = [sizes for sizes, args in case.more.items() if self.probe(case, self.got).right(args)]
            if not right:
                found = f.hint if f.sure and not shapes else shapes
                hint = f"{case.hint} It went wrong with {case.sizes}. {found}".strip()
                raise Failure(case.mistake, hint, f.where, f.picture, case.args) from None
            if f.mistake not in PLAIN:
                raise
            hint = f"It comes out right with {' and with '.join(right)}, and wrong with {case.sizes}. {shapes}".strip()
            raise Failure("wrong for some sizes", hint, f.where, f.picture, case.args) from None

    def deterministic(self) -> None:
        if not equal(self.convert(self.call(self.fn, copy.deepcopy(self.task.cases[0].args))), self.got):
            raise _unsteady()

    def untouched(self, given: tuple, used: tuple, says: str = "The result is right, but your") -> None:
        for name, before, after in zip(self.task.arguments, given, used, strict=True):
            if not same(before, after):
                raise Failure(
                    "inputs changed",
                    f"{says} function changed {name}, which belongs to whoever called it. "
                    "Make a new object, and leave the given one as it was: a list changes by `.insert`, `.append` "
                    "or `+=`, a tensor by `x[…] = …`, `+=` or a method whose name ends in `_`. A second name for it "
                    "is no copy; `.clone()` makes one.",
                    known=True,
                )

    def few_operators(self) -> None:
        """A loop calls more operators where there is more to go through."""
        traffic(torch.zeros, 1)  # what PyTorch loads for the first count is no part of the learner's time
        for growth in self.task.growing:
            counts = {}
            for sizes, args in growth.inputs.items():
                self.call(self.fn, copy.deepcopy(args))  # what is made once and kept costs nothing from here on
                counts[sizes] = self.call(traffic, (self.fn, *copy.deepcopy(args))).operators
            (small, few), (large, many) = counts.items()
            if many > few:
                raise Failure(
                    growth.mistake,
                    f"The numbers are right, but your function calls {few} operators for {small} and {many} for "
                    f"{large}. {growth.hint}",
                )

    def praise(self) -> str:
        try:
            return self.call(self.task.detour, (self.fn,)) or self.task.praise
        except Failure:  # it can't be watched, and is right all the same
            return self.task.praise


def _unsteady(besides: str = "") -> Failure:
    return Failure(
        "not deterministic",
        f"{besides + ' Besides: c' if besides else 'C'}alled twice with equal inputs, your function gives two "
        "different answers. Something in it is random (noise, dropout, memory never filled), or remembers the call "
        "before.",
        known=True,
    )


def _is_stub(fn: Callable) -> bool:
    """Whether the function's body is nothing but a docstring and `...`."""
    *_, inner = layers(fn)
    code = getattr(inner, "__code__", None)
    idle = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    return code is not None and all(step.opname in idle for step in dis.get_instructions(code))


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _random_state() -> tuple:
    """Where the three generators stand that a learner may draw from."""
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), str(np.random.get_state())  # noqa: NPY002
