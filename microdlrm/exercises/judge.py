"""How a check goes about it: the learner's function is called on ever larger inputs, and shown the smallest it fails."""

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

from microdlrm.exercises.compare import Try, alike, as_tensor, all_alike, equal, in_sum, places, same
from microdlrm.exercises.errors import Failure, explain, where_it_was
from microdlrm.exercises.inputs import company, where_right, without_a_say
from microdlrm.exercises.task import Task
from microdlrm.exercises.verdict import Verdict, given, show
from microdlrm.exercises import guard
from microdlrm.exercises.gradients import gradients_of, is_float, tracked
from microdlrm.exercises.traffic import traffic
from microdlrm.exercises.wrappers import layers, uncompiled
from microdlrm.exercises.returned import convert, kind


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
        inputs = copy.deepcopy(f.inputs)  # what the learner does with them mustn't reach the next check
        named = given(task.arguments, inputs) if inputs else ()
        return Verdict(False, f.mistake, f.hint, name, f.where, inputs, named, attempt.shown, task.name)
    return Verdict(True, None, task.praise, name)


@dataclass
class Attempt:
    task: Task
    fn: Callable
    deadline: float
    seconds: float
    tries: list[Try] = field(default_factory=list)
    shown: tuple = ()

    def call(self, fn: Callable, args: tuple):
        """Call a function under guard; return its value, or raise the Failure that it amounts to."""
        given = copy.deepcopy(args)
        outcome = guard.run(fn, given, max(min(1.0, self.seconds), self.deadline - time.monotonic()))
        if outcome.stopped:
            who = "you stopped it" if outcome.stopped == "reader" else "it was stopped"
            hint = f"Your function had been running for {outcome.seconds:.0f} s when {who}. Look for a loop whose end never comes."
            hint += " It still runs: Kernel → Restart frees the processor." if outcome.alive else ""
            raise Failure("runs without end", hint, where_it_was(outcome.error), args, final=True)
        if outcome.error is not None:
            if type(outcome.error) is NotImplementedError:
                raise self.not_started()
            raise explain(outcome.error, args)
        for name, before, after in zip(self.task.arguments, args, given, strict=True) if fn is self.fn else ():
            if not same(before, after):
                hint = (
                    f"Your function changed {name}, which belongs to whoever called it. Make a new object. A second name "
                    "for the old one is no copy, and `+=`, `.append` or `x[…] = …` change what they are given."
                )
                raise Failure("inputs changed", hint, inputs=args, final=True)
        return outcome.value

    def not_started(self) -> Failure:
        hint = f"Replace the `...` in {self.task.name} with your code, run its cell, then run the check again."
        return Failure("not started", hint, final=True)

    def begin(self) -> None:
        if not callable(self.fn):
            raise Failure("not a function", f"Hand over your function by its bare name, {self.task.name}. This is {kind(self.fn)}.")
        try:
            inspect.signature(self.fn).bind(*self.task.inputs[0])
        except TypeError as error:
            raise Failure("wrong arguments", f"The check calls {self.task.call}. Yours can't be called so: {error}.") from None
        except ValueError:
            pass  # a built-in function need not say what it takes
        value = self.call(self.fn, self.task.inputs[0]) if _is_stub(self.fn) else None
        if _is_stub(self.fn) and value in (None, ...):
            raise self.not_started()

    def values(self) -> None:
        for args in self.task.inputs:
            t = Try(args, as_tensor(self.task.answer(*copy.deepcopy(args))))
            try:
                t.got = convert(self.call(self.fn, args), self.task.returns)
                if self.task.returns == "one tensor" and t.got.device != t.want.device:
                    raise Failure("wrong device", f"Your tensor lives on '{t.got.device}', the inputs on '{t.want.device}'.", final=True)
            except Failure as f:
                if f.final:
                    raise
                t.error = f
            self.tries.append(t)
        wrong = [t for t in self.tries if not t.right]
        self.steady(self.tries[0])  # once more after all others: does it remember?
        self.steady(wrong[0] if wrong else self.tries[self.task.typical])
        if wrong:
            raise self.wrong(wrong)
        got, want = self.tries[0].got, self.tries[0].want
        if self.task.returns == "one tensor" and got.dtype != want.dtype:
            kinds = (str(t.dtype).removeprefix("torch.") for t in (got, want))
            raise Failure("wrong dtype", "The numbers are right. Their dtype is {}, and {} is due.".format(*kinds))

    def steady(self, t: Try) -> None:
        """Whether the same input gives the same result, more often tried where something is drawn."""
        if t.got is None:
            return
        times = calls = 2
        while calls:
            before = _random_state()
            again = self.quietly(t.args)
            calls = 20 if times == 2 and _random_state() != before else calls - 1  # draws may come out equal a few times
            times = 20 if calls == 20 else times
            if again is None or not equal(again, t.got):
                hint = (
                    "Called twice with equal inputs, your function gives two different answers. Something in it is random "
                    "(noise, dropout, memory never filled), or remembers the call before."
                )
                raise Failure("not deterministic", hint, inputs=t.args)

    def wrong(self, wrong: list[Try]) -> Failure:
        """What there is to say of the inputs on which it is wrong; the first of them is shown."""
        task, first = self.task, wrong[0]
        where_title, where = where_right(task, self.tries)
        known, typical = self.known(wrong), self.tries[task.typical]
        if first.error is not None and not known and (typical.error or typical.right):
            shown = typical.error if typical.error and typical.error.mistake == first.error.mistake else first.error
            return Failure(shown.mistake, f"{shown.hint} {where}".strip(), shown.where, shown.inputs)
        values = [t for t in wrong if t.got is not None]  # an error on the smallest input may hide what is wrong
        first = next((t for t in values if not t.rearranged), values[0])
        found = places(task, first)
        self.shown = show(found, task.row)
        if known:
            return Failure(known.name, f"{known.words} {where}".strip(), inputs=first.args)
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
        return Failure(title or where_title or "wrong values", " ".join(filter(None, says)), inputs=first.args)

    def quietly(self, args: tuple) -> Tensor | None:
        try:
            return convert(self.call(self.fn, args), self.task.returns) if time.monotonic() < self.deadline else None
        except Failure:
            return None

    def known(self, wrong: list[Try]):
        """The usual mistake whose formulation gives all that is wrong; all that is right, too, unless in part.

        One that agrees on less than three wrong numbers, or on one input alone, may agree by chance.
        """
        for in_part in (False, True):
            for mistake in self.task.mistakes if in_part else (*self.task.mistakes, *self.task.recipes):
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
            numbers |= set(made[off].reshape(-1).tolist()) - ({0.0, 1.0} if in_part else set())
            inputs += bool(off.any())
        return inputs >= 2 and len(numbers) >= (3 if in_part else 2)

    def gradients(self) -> None:
        if not self.task.gradients:
            return
        data = {k for k, name in enumerate(self.task.arguments) if name not in self.task.gradients}
        cases = [(self.task.inputs[self.task.typical], "", "")] + ([self.task.far] if self.task.far else [])
        for args, mistake, words in cases:
            got, want = (self.call(gradients_of(fn, data), args) for fn in (self.fn, self.task.answer))
            for name, mine, due in zip(self.leaves(args), got or [None] * len(want), want, strict=True):
                if mine is not None and equal(mine, due, rtol=1e-3):
                    continue
                if mistake:
                    raise Failure(mistake, words, inputs=tuple(tracked(args, data)))
                none = not any(g is not None and g.any() for g in got or [])
                to = "any of the inputs" if none else name
                if mine is not None and not none and mine.any() and equal(mine, due, rtol=3e-2):
                    raise Failure("rounded on the way", f"The numbers are right, the gradient of {name} is nearly so: half precision?")
                how = "isn't right" if mine is not None and mine.any() else "is missing"
                hint = (
                    f"The numbers are right, and the gradient that should flow back to {to} {how}. Something on the way "
                    "leaves PyTorch: `.detach()`, `.data`, `.item()`, `.tolist()`, `torch.tensor(…)`, `no_grad`, NumPy."
                )
                raise Failure("gradient cut" if none else "gradient cut in part", hint)

    def leaves(self, args: tuple) -> list[str]:
        names = []
        for name, arg in zip(self.task.arguments, args, strict=True):
            if name in self.task.gradients:
                tensors = {f"{name}[{k}]": t for k, t in enumerate(arg)} if isinstance(arg, list) else {name: arg}
                names += [n for n, t in tensors.items() if is_float(t)]
        return names

    def few_operators(self) -> None:
        """A loop calls more operators where there is more to go through."""
        if self.task.growing:
            traffic(torch.zeros, 1)  # what PyTorch loads for the first count is no part of the learner's time
        for growth in self.task.growing:
            counts = {}
            for sizes, args in growth.inputs.items():
                self.call(self.fn, args)  # what is made once and kept costs nothing from here on
                counts[sizes] = self.call(lambda *given: traffic(self.fn, *given), args).operators
            (small, few), (large, many) = counts.items()
            if many > few:
                says = f"The numbers are right, but your function calls {few} operators for {small} and {many} for {large}."
                raise Failure(growth.mistake, f"{says} {growth.words}")


def _random_state() -> tuple:
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), str(np.random.get_state())  # noqa: NPY002


def _is_stub(fn: Callable) -> bool:
    """Whether the function's body is nothing but a docstring and `...`."""
    *_, inner = layers(fn)
    code = getattr(inner, "__code__", None)
    idle = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "LOAD_SMALL_INT"}
    return code is not None and all(step.opname in idle for step in dis.get_instructions(code))
