"""Chapter 8's challenge: the seed model's inference at batch 256, faster, with the same outputs."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from microdlrm.exercises.verdict import Verdict
from microdlrm.machine.frozen import freeze
from microdlrm.machine.regimes import ORIGINAL, original_forward, random_batches
from microdlrm.machine.timing import Spread, compare
from microdlrm.model import MicroDLRM

BATCH = 256
TARGET = 1.4  # times as fast as the seed's forward
PREPARATION = 2.0  # seconds that `make` may take
TOLERANCE = 1e-5

_STEPS = ("prepares in time", "returns probabilities", "equal to the model's", "looks at its input", f"{TARGET} ×")


def score(make: Callable) -> Verdict:
    """Check and time `make(model)`, which prepares and returns `predict(dense_x, sparse_indices, sparse_offsets)`.

    `predict` gets batches of 256 rows, one id a bag, every id inside its table, and returns (256, 1) probabilities.
    Preparing may take 2 seconds and isn't timed; `predict` is, against the seed's forward and `frozen.freeze`, all
    three in turn, each time with new numbers in the batch. Passed from 1.4 times the seed's speed on.
    """
    torch.manual_seed(0)
    model = MicroDLRM(**ORIGINAL, init=1.0).eval()
    # What `make` does to its model must not change what it is measured by.
    own = copy.deepcopy(model)
    reference, batches = freeze_nothing(own), [*random_batches(ORIGINAL, BATCH, batches=31), _edges()]
    try:
        predict = _prepare(make, model)
        _same_outputs(predict, reference, batches)
        _no_memory(predict, reference, batches)
        said = _fast_enough(predict, reference, freeze(own), batches)
    except _Failed as f:
        at = _STEPS.index(f.step)
        outcomes = ["passed"] * at + ["failed"] + ["not reached"] * (len(_STEPS) - at - 1)
        tried = {} if f.mistake == "not started" else dict(zip(_STEPS, outcomes, strict=True))
        return Verdict(False, f.mistake, f.hint, "make", tried)
    return Verdict(True, None, said, "make", dict.fromkeys(_STEPS, "passed"))


@dataclass
class _Failed(Exception):
    """Ends the challenge at one of its steps."""

    step: str
    mistake: str
    hint: str


def _prepare(make: Callable, model: MicroDLRM) -> Callable:
    started = time.process_time()
    try:
        predict = make(model)
    except Exception as error:
        raise _Failed("prepares in time", "an error", f"make raises {type(error).__name__}: {error}") from None
    seconds = time.process_time() - started
    if predict is None or predict is ...:
        raise _Failed("prepares in time", "not started", "Return a function that predicts, in place of the `...`.")
    if seconds > PREPARATION:
        hint = f"make took {seconds:.1f} s of CPU time; {PREPARATION:g} s are allowed."
        raise _Failed("prepares in time", "too long a preparation", hint)
    return predict


def _same_outputs(predict: Callable, reference: Callable, batches: list[tuple]) -> None:
    for batch in batches:
        try:
            answer = predict(*batch)
        except Exception as error:
            hint = f"predict raises {type(error).__name__}: {error}"
            raise _Failed("returns probabilities", "an error", hint) from None
        if not isinstance(answer, Tensor) or answer.shape != (BATCH, 1):
            came = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
            hint = f"predict should return a tensor ({BATCH}, 1), it returned {came}."
            raise _Failed("returns probabilities", "another shape", hint)
        off = (answer - reference(*batch)).abs().max().item()
        if not off <= TOLERANCE:
            hint = f"A probability is off by {off:.2g}, {TOLERANCE:g} is allowed: {_likely(answer, off)}"
            raise _Failed("equal to the model's", "other outputs", hint)


def _no_memory(predict: Callable, reference: Callable, batches: list[tuple]) -> None:
    """A function that remembers its answers is fast, too. Change a part of what it saw: it can't know which."""
    draw = torch.Generator().manual_seed(2)
    for batch in batches:
        parts = [batch[0], *batch[1]]  # dense_x and the ids of each table
        for k in torch.randperm(len(parts), generator=draw).tolist():
            rows = torch.randint(1, BATCH, (2,), generator=draw).sort().values  # never the first
            new = batches[torch.randint(len(batches), (), generator=draw)]
            parts[k][rows[0] : rows[1] + 1] = [new[0], *new[1]][k].flip(0)[rows[0] : rows[1] + 1]
            if not (predict(*batch) - reference(*batch)).abs().max().item() <= TOLERANCE:
                hint = "The numbers in the tensors changed and your answer didn't: it remembers, it doesn't predict."
                raise _Failed("looks at its input", "remembered answers", hint)


def _fast_enough(predict: Callable, reference: Callable, frozen: Callable, batches: list[tuple]) -> str:
    """Time all three in turn; return what to say of a `predict` that is fast enough.

    Each call finds dense features that were never there before. What writing them takes is measured, and taken off.
    """
    pool = torch.randn(64 * BATCH, batches[0][0].shape[1], generator=torch.Generator().manual_seed(3))
    starts = torch.randint(63 * BATCH, (4096,), generator=torch.Generator().manual_seed(4)).tolist()

    def renewed(i: int) -> tuple:
        batch = batches[i % len(batches)]
        start = starts[i % len(starts)]
        batch[0].copy_(pool[start : start + BATCH])
        return batch

    times = compare(
        {
            "seed": lambda i: reference(*renewed(i)),
            "yours": lambda i: predict(*renewed(i)),
            "frozen": lambda i: frozen(*renewed(i)),
            "new numbers": renewed,
        }
    )
    written = times["new numbers"].median
    yours, ours = (
        Spread.of(
            (seed - written) / max(other - written, 1e-9)
            for seed, other in zip(times["seed"].samples, times[name].samples, strict=True)
        )
        for name in ("yours", "frozen")
    )
    said = f"{yours.median:.2f} times as fast as the seed's forward; the package's own is at {ours.median:.2f}."
    if yours.median < TARGET:
        hint = f"{said} From {TARGET} on you pass. Count the operators that are left, and the modules around them."
        raise _Failed(_STEPS[-1], "not fast enough", hint)
    return said + (" Faster than ours: well done." if yours.low > ours.high else "")


def freeze_nothing(model: MicroDLRM) -> Callable:
    """The seed's forward as a function of a batch: the baseline."""

    @torch.inference_mode()
    def predict(*batch) -> Tensor:
        return original_forward(model, *batch)

    return predict


def _edges() -> tuple:
    """A batch of the tables' first and last rows, and of large dense features."""
    ids = [torch.tensor([0, rows - 1]).repeat(BATCH // 2) for rows in ORIGINAL["num_embeddings"]]  # (256,) each
    return torch.linspace(-9, 9, BATCH * 16).view(BATCH, 16), ids, [torch.arange(BATCH)] * len(ids)


def _likely(answer: Tensor, off: float) -> str:
    if not torch.isfinite(answer).all():
        return "and some aren't finite."
    if answer.min() < 0 or answer.max() > 1:
        return "these aren't probabilities; is the sigmoid missing?"
    if off < 0.02:
        return "that close, it may be the numbers' precision."
    return "is a ReLU missing, or are the tables in another order?"
