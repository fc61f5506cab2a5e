"""A check: the learner's function on ever larger inputs, and the smallest that it fails."""

import copy
import dis
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch

from microdlrm.exercises import compare, guard, inputs
from microdlrm.exercises.change import Change, one_change
from microdlrm.exercises.compare import Try, alike, as_tensor, equal, same
from microdlrm.exercises.dice import Dice
from microdlrm.exercises.errors import Failure, came_to, first_not_finite
from microdlrm.exercises.gradients import gradients_of, tracked
from microdlrm.exercises.returned import convert, kind
from microdlrm.exercises.task import Task
from microdlrm.exercises.verdict import Verdict, given, show
from microdlrm.exercises.wrappers import layers, uncompiled
from microdlrm.machine.traffic import traffic

DRAWN = 24  # random inputs beside the task's own
MORE = 100  # where facts are said: what holds by chance, they refute
AGAIN = 8  # times that one input is given again
WORDS = 45  # of a hint, at most
STEPS = ("it runs", "inputs untouched", "same answer twice", "values", "dtype")


@uncompiled()
def judge(task: Task, fn: Callable, seconds: float) -> Verdict:
    """Take `fn` through the inputs of `task`, in at most `seconds`, and return the verdict."""
    name = getattr(fn, "__name__", "")
    name = name if name.isidentifier() else task.name
    attempt = Attempt(task, fn, time.monotonic() + seconds, seconds)
    try:
        for step in (attempt.begin, attempt.values, attempt.gradients, attempt.small):
            step()
    except Failure as f:
        print(attempt.printed, end="")
        args = copy.deepcopy(f.inputs)  # what the learner does with them stays here
        tried = attempt.tried() if f.mistake != "not started" else {}
        end = (f.where, args, given(task.arguments, args), f.shown, task.name)
        return Verdict(False, f.mistake, f.hint, name, tried, *end)
    tried = dict.fromkeys(attempt.tried(), "passed")
    return Verdict(True, None, task.praise, name, tried)


@dataclass
class Attempt:
    task: Task
    fn: Callable
    deadline: float
    seconds: float
    tries: list[Try] = field(default_factory=list)
    step: str = STEPS[0]
    printed: str = ""  # by the call that is shown: a `print` each call would bury the verdict

    def tried(self) -> dict[str, str]:
        """What was looked at so far, step by step."""
        steps = [*STEPS] if self.task.returns == "one tensor" else [*STEPS[:-1]]
        steps += ["gradients"] if self.task.gradients else []
        steps += ["few operators"] if self.task.growing else []
        steps += ["no large result"] if self.task.narrow else []
        at = steps.index(self.step)
        after = ["failed"] + ["not reached"] * (len(steps) - at - 1)
        return dict(zip(steps, ["passed"] * at + after, strict=True))

    def call(self, fn: Callable, args: tuple):
        """Call a function under guard; return its value, or raise what it amounts to."""
        given = copy.deepcopy(args)
        left = max(min(1.0, self.seconds), self.deadline - time.monotonic())
        outcome = guard.run(fn, given, left)
        failure = came_to(outcome, args)
        if failure or not self.printed:
            self.printed = outcome.printed
        if failure:
            raise self.not_started() if type(outcome.error) is NotImplementedError else failure
        pairs = zip(self.task.arguments, args, given, strict=True) if fn is self.fn else ()
        for name, before, after in pairs:
            if not same(before, after):
                self.step = "inputs untouched"
                hint = f"Your function changed {name}, which belongs to whoever called it. Make a "
                hint += "new object. A second name for the old one is no copy, and `+=`, `.append` "
                hint += "or `x[…] = …` change what they are given."
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
        self.tries = [self.tried_on(args) for args in self.task.inputs]
        self.step = "same answer twice"
        wrong = [t for t in self.tries if not t.right]
        self.one_buffer()
        self.steady(self.tries[0])  # once more after all others: does it remember?
        self.steady(wrong[0] if wrong else self.tries[self.task.typical])
        self.step = "values"
        self.tries += self.drawn(range(DRAWN))
        if wrong := [t for t in self.tries if not t.right]:
            raise self.wrong(wrong)
        got, want = self.tries[0].got, self.tries[0].want
        if self.task.returns == "one tensor":
            self.step = "dtype"
            if got.dtype != want.dtype:
                kinds = (str(t.dtype).removeprefix("torch.") for t in (got, want))
                hint = "The numbers are right. Their dtype is {}, and {} is due.".format(*kinds)
                raise Failure("wrong dtype", hint)

    def drawn(self, seeds: range) -> list[Try]:
        """Random inputs, the smallest first, while there is time."""
        drawn = (self.task.draw(Dice(seed)) for seed in seeds)
        tries = [self.tried_on(args) for args in drawn if time.monotonic() < self.deadline - 1]
        return sorted(tries, key=lambda t: t.size)

    def tried_on(self, args: tuple) -> Try:
        """A call, with what it gave, or the error that it raised."""
        t = Try(args, as_tensor(self.task.answer(*args)))
        try:
            t.returned = self.call(self.fn, args)
            t.got = convert(t.returned, self.task.returns).detach().clone()
        except Failure as f:
            if f.final:
                raise
            t.error = f
        return t

    def one_buffer(self) -> None:
        """An answer that a later call overwrote was right when it came."""
        for t in self.tries if self.task.returns == "one tensor" else ():
            if t.got is not None and not same(t.returned.detach(), t.got):
                hint = "A later call changed what this one gave back: is one tensor kept?"
                raise Failure("an answer overwritten later", hint, inputs=t.args)

    def steady(self, t: Try) -> None:
        """Whether the same input gives the same result, or the same error, again and again."""

        def repeated(*args):
            results = [self.fn(*copy.deepcopy(args)) for _ in range(AGAIN)]
            return [convert(value, self.task.returns).detach().clone() for value in results]

        try:
            again = self.call(repeated, t.args)
        except Failure:
            again = []
        alike = not again if t.got is None else again and all(equal(a, t.got) for a in again)
        in_time = time.monotonic() < self.deadline
        if in_time and not alike and any(u.got is not None for u in self.tries):
            hint = "Called again with equal inputs, your function gives another answer. Something "
            hint += "in it is random (noise, dropout, memory never filled), or remembers the call "
            raise Failure("not deterministic", hint + "before.", inputs=t.args)

    def wrong(self, wrong: list[Try]) -> Failure:
        """What there is to say of the inputs on which it is wrong; the first of them is shown."""
        task, values = self.task, [t for t in wrong if t.got is not None]
        known = next((row for row in task.mistakes if self.agrees(row.formula)), None)
        change = None if known else self.changed(wrong)
        more = [] if known else self.drawn(range(DRAWN, MORE))
        where_title, where, always = inputs.where_right(task, self.tries + more)
        sure = where if always else ""
        one = change.says if change else ""
        typical = self.tries[task.typical]
        if wrong[0].error and not known and (typical.error or typical.right or not values):
            self.step = STEPS[0]
            alike = typical.error and typical.error.mistake == wrong[0].error.mistake
            f = typical.error if alike else wrong[0].error
            return Failure(f.mistake, brief(f.hint, one, sure), f.where, f.inputs)
        # An error on the smallest may hide the rest.
        first = next((t for t in values if not t.rearranged), values[0])
        found = compare.places(task, first)
        shown = show(found, task.row)
        if known:
            says = brief(known.words, sure)
            return Failure(known.name, says, inputs=first.args, shown=shown)
        title, summary = compare.in_sum(first, found)
        says = [one, summary, sure if change else where]
        if not (always and "everywhere but" in where):
            usual = [t for t in values if t.fits and t.got.isfinite().all()]
            shared_title, shared = compare.all_alike(usual) if usual else ("", "")
            title = title or shared_title
            says += [shared]
        title = title or (change.kind if change and not always else where_title)
        right = len(self.tries) - len(wrong)
        says += [] if any(says) else [f"Right on {right} of the {len(self.tries)} inputs tried."]
        if not first.fits:
            shapes = f"Its shape is {tuple(first.got.shape)}, and {tuple(first.want.shape)} is due"
            says.insert(0, f"{shapes}{': ' + task.shape if task.shape else ''}.")
            title = title or "wrong shape"
        finite = bool(first.got.isfinite().all())
        title = title or ("wrong values" if finite else "nan or infinity")
        line = change.line if change else "" if finite else self.not_finite(first.args)
        says.append(task.legend if "v0" in "".join(says) or title == "wrong values" else "")
        return Failure(title, brief(*says), line, first.args, shown=shown)

    def changed(self, wrong: list[Try]) -> Change | None:
        """The one change of the function's code that makes it right on all inputs, if there is."""
        tries = [*wrong, *(t for t in self.tries if t.right)]

        def right(fn: Callable) -> bool:
            results = ((t, fn(*copy.deepcopy(t.args))) for t in tries)
            return all(equal(convert(got, self.task.returns), t.want) for t, got in results)

        left = max(0.1, min(2.0, self.deadline - time.monotonic()))
        return guard.run(one_change, (self.fn, right), left).value

    def not_finite(self, args: tuple) -> str:
        try:
            return self.call(partial(first_not_finite, self.fn), args)
        except Failure:
            return ""

    def agrees(self, formula: Callable) -> bool:
        """Whether a formula gives what came, on enough numbers and inputs to be no coincidence."""
        numbers = met = 0
        for t in (t for t in self.tries if t.got is not None):
            try:
                made = as_tensor(formula(*t.args)).double()
            except (RuntimeError, ValueError, IndexError, ArithmeticError):
                continue
            told = ~made.isnan()
            if made.shape != t.got.shape or not alike(t.got, made)[told].all():
                return False
            off = told & ~alike(made, t.want) if t.fits else told
            numbers += int(off.sum())
            met += bool(off.any())
        return met >= 2 and numbers >= 2

    def gradients(self) -> None:
        if not self.task.gradients:
            return
        self.step = "gradients"
        names = self.task.arguments
        wanted = {k for k, name in enumerate(names) if name in self.task.gradients}
        cases = [(self.task.inputs[self.task.typical], "", ""), *self.task.slopes]
        for args, mistake, words in cases:
            both = (self.fn, self.task.answer)
            got, want = (self.call(gradients_of(fn, names, wanted), args) for fn in both)
            wrong = [n for n in want if got[n] is None or not equal(got[n], want[n], rtol=1e-3)]
            if not wrong:
                continue
            wrong.sort(key=lambda n: got[n] is not None and bool(got[n].any()))  # none first
            name, shown = wrong[0], tracked(args, wanted)
            if mistake:
                raise Failure(mistake, words, inputs=shown)
            none = not any(g is not None and g.any() for g in got.values())
            arrives = got[name] is not None and bool(got[name].any())
            to = "any of the inputs" if none else name
            how = "isn't right" if arrives else "is missing"
            hint = f"The numbers are right, and the gradient that should flow back to {to} {how}. "
            hint += "Something on the way leaves PyTorch: `.detach()`, `.data`, `.item()`, "
            hint += "`.tolist()`, `torch.tensor(…)`, `no_grad`, NumPy."
            raise Failure("gradient cut" if none else "gradient cut in part", hint, inputs=shown)

    def small(self) -> None:
        """Results of a size that the task excludes; a loop, which calls ever more operators."""
        if self.task.narrow or self.task.growing:
            traffic(torch.zeros, 1)  # what PyTorch loads for the first count is no part of the time
        if self.task.narrow:
            self.step = "no large result"
            args, limit, mistake, words = self.task.narrow
            if self.call(partial(traffic, self.fn), args).largest >= limit:
                raise Failure(mistake, f"The numbers are right, but {words}", inputs=args)
        if self.task.growing:
            self.step = "few operators"
        for growth in self.task.growing:
            counts = {}
            for sizes, args in growth.inputs.items():
                self.call(self.fn, args)  # what is made once and kept costs nothing from here on
                counts[sizes] = self.call(partial(traffic, self.fn), args).operators
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


def _is_stub(fn: Callable) -> bool:
    """Whether the function's body is nothing but a docstring and `...`."""
    *_, inner = layers(fn)
    code = getattr(inner, "__code__", None)
    idle = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "LOAD_SMALL_INT"}
    return code is not None and all(s.opname in idle for s in dis.get_instructions(code))
