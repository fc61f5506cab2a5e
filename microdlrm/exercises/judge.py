"""A check: the learner's function on ever larger inputs, and the smallest that it fails."""

import copy
import dis
import inspect
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from microdlrm.exercises import guard
from microdlrm.exercises.compare import (
    Try,
    alike,
    all_alike,
    as_tensor,
    equal,
    in_sum,
    places,
    same,
)  # fmt: skip
from microdlrm.exercises.errors import Failure, explain, where_it_was
from microdlrm.exercises.gradients import gradients_of, is_float, tracked
from microdlrm.exercises.inputs import company, where_right, without_a_say
from microdlrm.exercises.returned import convert, kind
from microdlrm.exercises.task import Task
from microdlrm.exercises.traffic import traffic
from microdlrm.exercises.verdict import Verdict, given, show
from microdlrm.exercises.wrappers import layers, uncompiled

WORDS = 45  # of a hint, at most
STEPS = ("it runs", "inputs untouched", "same answer twice", "values", "dtype")


@uncompiled()
def judge(task: Task, fn: Callable, seconds: float) -> Verdict:
    """Take `fn` through the inputs of `task`, in at most `seconds`, and return the verdict."""
    name = getattr(fn, "__name__", "")
    name = name if name.isidentifier() else task.name
    attempt = Attempt(task, fn, time.monotonic() + seconds, seconds)
    try:
        for step in (attempt.begin, attempt.values, attempt.gradients, attempt.few_operators):
            step()
    except Failure as f:
        print(attempt.printed, end="")
        inputs = copy.deepcopy(
            f.inputs
        )  # what the learner does with them mustn't reach the next check
        named = given(task.arguments, inputs) if inputs else ()
        tried = attempt.tried() if f.mistake != "not started" else {}
        return Verdict(
            False, f.mistake, f.hint, name, tried, f.where, inputs, named, attempt.shown, task.name
        )  # fmt: skip
    tried = dict.fromkeys(attempt.tried(), "passed")
    return Verdict(True, None, task.praise + task.also(fn), name, tried)


@dataclass
class Attempt:
    task: Task
    fn: Callable
    deadline: float
    seconds: float
    tries: list[Try] = field(default_factory=list)
    shown: tuple = ()
    step: str = STEPS[0]
    printed: str = (
        ""  # by the call that is shown: a `print` in a loop of calls would bury the verdict
    )

    def tried(self) -> dict[str, str]:
        """What was looked at so far, step by step."""
        steps = [*STEPS] if self.task.returns == "one tensor" else [*STEPS[:-1]]
        steps += ["gradients"] if self.task.gradients else []
        steps += ["few operators"] if self.task.growing else []
        at = steps.index(self.step)
        after = ["failed"] + ["not reached"] * (len(steps) - at - 1)
        return dict(zip(steps, ["passed"] * at + after, strict=True))

    def call(self, fn: Callable, args: tuple):
        """Call a function under guard; return its value, or raise what it amounts to."""
        given = copy.deepcopy(args)
        left = max(min(1.0, self.seconds), self.deadline - time.monotonic())
        outcome = guard.run(fn, given, left)
        if outcome.stopped or outcome.error is not None or not self.printed:
            self.printed = outcome.printed
        if outcome.stopped:
            who = "you stopped it" if outcome.stopped == "reader" else "it was stopped"
            hint = f"Your function had been running for {outcome.seconds:.0f} s when {who}."
            hint += " Look for a loop whose end never comes."
            hint += " It still runs: Kernel → Restart frees the processor." if outcome.alive else ""
            raise Failure("runs without end", hint, where_it_was(outcome.error), args, final=True)
        if outcome.error is not None:
            if type(outcome.error) is NotImplementedError:
                raise self.not_started()
            raise explain(outcome.error, args)
        pairs = zip(self.task.arguments, args, given, strict=True)
        for name, before, after in pairs if fn is self.fn else ():
            if not same(before, after):
                self.step = "inputs untouched"
                hint = (
                    f"Your function changed {name}, which belongs to whoever called it. Make a new "
                    "object. A second name for the old one is no copy, and `+=`, `.append` or "
                    "`x[…] = …` change what they are given."
                )
                raise Failure("inputs changed", hint, inputs=args, final=True)
        return outcome.value

    def not_started(self) -> Failure:
        hint = f"Replace the `...` in {self.task.name} with your code, run its cell and the check."
        return Failure("not started", hint, final=True)

    def begin(self) -> None:
        if not callable(self.fn):
            hint = f"Hand over your function by its bare name, {self.task.name}."
            raise Failure("not a function", f"{hint} This is {kind(self.fn)}.")
        try:
            inspect.signature(self.fn).bind(*self.task.inputs[0])
        except TypeError as error:
            hint = f"The check calls {self.task.call}. Yours can't be called so: {error}."
            raise Failure("wrong arguments", hint) from None
        except ValueError:
            pass  # a built-in function need not say what it takes
        if _is_stub(self.fn) and self.call(self.fn, self.task.inputs[0]) in (None, ...):
            raise self.not_started()

    def values(self) -> None:
        for args in self.task.inputs:
            t = Try(args, as_tensor(self.task.answer(*copy.deepcopy(args))))
            try:
                t.returned = self.call(self.fn, args)
                t.got = convert(t.returned, self.task.returns).detach().clone()
                if self.task.returns == "one tensor" and t.got.device != t.want.device:
                    hint = (
                        f"Your tensor lives on '{t.got.device}', the inputs on '{t.want.device}'."
                    )
                    raise Failure("wrong device", hint, final=True)
            except Failure as f:
                if f.final:
                    raise
                t.error = f
            self.tries.append(t)
        self.step = "same answer twice"
        wrong = [t for t in self.tries if not t.right]
        self.one_buffer()
        self.steady(self.tries[0])  # once more after all others: does it remember?
        self.steady(wrong[0] if wrong else self.tries[self.task.typical])
        self.step = "values"
        if wrong:
            raise self.wrong(wrong)
        got, want = self.tries[0].got, self.tries[0].want
        if self.task.returns == "one tensor":
            self.step = "dtype"
            if got.dtype != want.dtype:
                kinds = (str(t.dtype).removeprefix("torch.") for t in (got, want))
                hint = "The numbers are right. Their dtype is {}, and {} is due.".format(*kinds)
                raise Failure("wrong dtype", hint)

    def one_buffer(self) -> None:
        """An answer that a later call overwrote was right when it came."""
        for t in self.tries if self.task.returns == "one tensor" else ():
            if t.got is not None and not same(t.returned.detach(), t.got):
                hint = "A later call changed what this one gave back: is one tensor kept?"
                raise Failure("an answer overwritten later", hint, inputs=t.args)

    def steady(self, t: Try) -> None:
        """Whether the same input gives the same result; tried often if something is drawn."""
        if t.got is None and not (t.error and any(other.got is not None for other in self.tries)):
            return
        times = calls = 2
        while calls:
            before = _random_state()
            again = self.quietly(t.args)
            drawn = times == 2 and _random_state() != before
            calls = 20 if drawn else calls - 1  # draws may come out equal a few times
            times = 20 if drawn else times
            differs = (
                again is not None if t.got is None else again is None or not equal(again, t.got)
            )
            if differs and time.monotonic() < self.deadline:
                hint = (
                    "Called twice with equal inputs, your function gives two different answers. "
                    "Something in it is random (noise, dropout, memory never filled), or remembers "
                    "the call before."
                )
                raise Failure("not deterministic", hint, inputs=t.args)

    def wrong(self, wrong: list[Try]) -> Failure:
        """What there is to say of the inputs on which it is wrong; the first of them is shown."""
        task, first = self.task, wrong[0]
        where_title, where = where_right(task, self.tries)
        known, typical = self.known(wrong), self.tries[task.typical]
        if first.error is not None and not known and (typical.error or typical.right):
            self.step = STEPS[0]
            alike_ = typical.error and typical.error.mistake == first.error.mistake
            shown = typical.error if alike_ else first.error
            return Failure(shown.mistake, brief(shown.hint, where), shown.where, shown.inputs)
        values = [
            t for t in wrong if t.got is not None
        ]  # an error on the smallest may hide the rest
        first = next((t for t in values if not t.rearranged), values[0])
        found = places(task, first)
        self.shown = show(found, task.row)
        if known:
            return Failure(known.name, brief(known.words, where), inputs=first.args)
        title, summary = in_sum(first, found)
        says = [summary, where]
        if not first.fits:
            shapes = f"Its shape is {tuple(first.got.shape)}, and {tuple(first.want.shape)} is due"
            says.insert(0, f"{shapes}{': ' + task.shape if task.shape else ''}.")
            title = title or "wrong shape"
        largest = max(values, key=lambda t: (t.fits, t.want.numel()))
        fitting = [t for t in values if t.fits]
        says.append(all_alike(fitting) if fitting else "")
        mixed = company(task, largest, self.quietly) if not where else ""
        title = title or ("rows of the batch mixed" if mixed else "")
        says += [mixed, without_a_say(task, self.tries, self.quietly)]
        if not first.got.isfinite().all():
            says.append("Some of your numbers are nan or infinite: a 0/0, or an overflow.")
        says.append(task.legend if "v0" in "".join(says) or not title else "")
        return Failure(title or where_title or "wrong values", brief(*says), inputs=first.args)

    def quietly(self, args: tuple) -> Tensor | None:
        try:
            in_time = time.monotonic() < self.deadline
            return convert(self.call(self.fn, args), self.task.returns) if in_time else None
        except Failure:
            return None

    def known(self, wrong: list[Try]):
        """The usual mistake that gives all that is wrong; and all that is right, unless in part.

        One that agrees on less than three wrong numbers, or on one input alone, may agree by
        chance.
        """
        for in_part in (False, True):
            for mistake in self.task.mistakes:
                if self.agrees(mistake.formula, wrong, in_part):
                    more = " That is what you have wherever it is wrong." if in_part else ""
                    return mistake._replace(words=mistake.words + more)
        return None

    def agrees(self, formula: Callable, wrong: list[Try], in_part: bool) -> bool:
        numbers, inputs = set(), 0
        for t in wrong if in_part else self.tries:
            try:
                made = as_tensor(formula(*copy.deepcopy(t.args))).double()
            except (RuntimeError, ValueError, IndexError, ArithmeticError):
                continue
            if t.got is None or made.shape != t.got.shape:
                return False
            told = ~made.isnan()
            if in_part:
                if not t.fits:
                    return False
                told &= ~alike(t.got, t.want)
            if not alike(t.got, made)[told].all():
                return False
            off = told & ~alike(made, t.want) if t.fits else told
            if in_part:  # any two formulas may agree on a 0 or a 1
                numbers |= set(made[off].reshape(-1).tolist()) - {0.0, 1.0}
            else:
                numbers |= {(inputs, place) for place in range(int(off.sum()))}
            inputs += bool(off.any())
        return inputs >= 2 and len(numbers) >= (3 if in_part else 2)

    def gradients(self) -> None:
        if not self.task.gradients:
            return
        self.step = "gradients"
        data = {k for k, a in enumerate(self.task.arguments) if a not in self.task.gradients}
        cases = [(self.task.inputs[self.task.typical], "", "")]
        cases += [self.task.far] if self.task.far else []
        for args, mistake, words in cases:
            both = (self.fn, self.task.answer)
            got, want = (self.call(gradients_of(fn, data), args) for fn in both)
            got = got or [None] * len(want)
            for name, mine, due in zip(self.leaves(args), got, want, strict=True):
                if mine is not None and equal(mine, due, rtol=1e-3):
                    continue
                if mistake:
                    raise Failure(mistake, words, inputs=tuple(tracked(args, data)))
                none = not any(g is not None and g.any() for g in got)
                arrives = mine is not None and bool(mine.any())
                if arrives and not none and equal(mine, due, rtol=3e-2):
                    hint = f"The gradient of {name} is nearly right: half precision?"
                    raise Failure("rounded on the way", hint)
                to = "any of the inputs" if none else name
                how = "isn't right" if arrives else "is missing"
                hint = (
                    f"The numbers are right, and the gradient that should flow back to {to} {how}. "
                    "Something on the way leaves PyTorch: `.detach()`, `.data`, `.item()`, "
                    "`.tolist()`, "
                    "`torch.tensor(…)`, `no_grad`, NumPy."
                )
                inputs = tuple(tracked(args, data))
                raise Failure(
                    "gradient cut" if none else "gradient cut in part", hint, inputs=inputs
                )

    def leaves(self, args: tuple) -> list[str]:
        names = []
        for name, arg in zip(self.task.arguments, args, strict=True):
            if name in self.task.gradients:
                several = isinstance(arg, list)
                tensors = {f"{name}[{k}]": t for k, t in enumerate(arg)} if several else {name: arg}
                names += [n for n, t in tensors.items() if is_float(t)]
        return names

    def few_operators(self) -> None:
        """A loop calls more operators where there is more to go through."""
        if self.task.growing:
            self.step = "few operators"
            traffic(torch.zeros, 1)  # what PyTorch loads for the first count is no part of the time
        for growth in self.task.growing:
            counts = {}
            for sizes, args in growth.inputs.items():
                self.call(self.fn, args)  # what is made once and kept costs nothing from here on
                counted = self.call(lambda *given: traffic(self.fn, *given), args)
                counts[sizes] = counted.operators
            (small, few), (large, many) = counts.items()
            if many > few:
                says = "The numbers are right, but your function calls"
                says = f"{says} {few} operators for {small} and {many} for {large}."
                raise Failure(growth.mistake, f"{says} {growth.words}")


def brief(*sentences: str) -> str:
    """The first sentences, and of the others those for which there is room in a hint."""
    said = ""
    for sentence in filter(None, sentences):
        if not said or len(f"{said} {sentence}".split()) <= WORDS:
            said = f"{said} {sentence}".strip()
    return said


def _random_state() -> tuple:
    state = torch.get_rng_state().numpy().tobytes()
    return state, random.getstate(), str(np.random.get_state())  # noqa: NPY002


def _is_stub(fn: Callable) -> bool:
    """Whether the function's body is nothing but a docstring and `...`."""
    *_, inner = layers(fn)
    code = getattr(inner, "__code__", None)
    idle = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "LOAD_SMALL_INT"}
    return code is not None and all(s.opname in idle for s in dis.get_instructions(code))
