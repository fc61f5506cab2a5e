"""Chapter 8's challenge: the seed model's inference at batch 256, faster, with the same outputs."""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from microdlrm import bench
from microdlrm.exercises.verdict import Verdict
from microdlrm.frozen import freeze
from microdlrm.model import MicroDLRM
from microdlrm.regimes import SEED, random_batches, seed_forward

BATCH = 256
TARGET = 1.4  # times as fast as the seed's forward
PREPARATION = 2.0  # seconds that `make` may take
TOLERANCE = 1e-5

_STEPS = ("prepares in time", "returns probabilities", "equal to the model's", "looks at its input", f"{TARGET} ×")


def score(make: Callable) -> Verdict:
    """Check and time `make(model)`, which prepares and returns `predict(dense_x, sparse_indices, sparse_offsets)`.

    `predict` gets batches of 256 rows, one id a bag, every id inside its table, and returns (256, 1) probabilities.
    Preparing may take 2 seconds and isn't timed; `predict` is, against the seed's forward and `frozen.freeze`, all
    three in turn. Passed from 1.4 times the seed's speed on.
    """
    tried = dict.fromkeys(_STEPS, "not reached")

    def verdict(passed: bool, mistake: str | None, hint: str, step: str | None = None) -> Verdict:
        for name in _STEPS[: _STEPS.index(step)] if step else ():
            tried[name] = "passed"
        if step:
            tried[step] = "passed" if passed else "failed"
        return Verdict(passed, mistake, hint, "make", tried if step else {})

    torch.manual_seed(0)
    model = MicroDLRM(**SEED, init=1.0).eval()
    started = time.process_time()
    try:
        predict = make(model)
    except Exception as error:
        return verdict(False, "an error", f"make raises {type(error).__name__}: {error}", "prepares in time")
    seconds = time.process_time() - started
    if predict is None or predict is ...:
        return verdict(False, "not started", "Return a function that predicts, in place of the `...`.")
    if seconds > PREPARATION:
        hint = f"make took {seconds:.1f} s of CPU time; {PREPARATION:g} s are allowed."
        return verdict(False, "too long a preparation", hint, "prepares in time")

    batches = [*random_batches(SEED, BATCH, batches=31), _edges()]
    reference = freeze_nothing(model)
    for batch in batches:
        try:
            answer = predict(*batch)
        except Exception as error:
            hint = f"predict raises {type(error).__name__}: {error}"
            return verdict(False, "an error", hint, "returns probabilities")
        if not isinstance(answer, Tensor) or answer.shape != (BATCH, 1):
            came = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
            hint = f"predict should return a tensor ({BATCH}, 1), it returned {came}."
            return verdict(False, "another shape", hint, "returns probabilities")
        off = (answer - reference(*batch)).abs().max().item()
        if not off <= TOLERANCE:
            hint = f"A probability is off by {off:.2g}, {TOLERANCE:g} is allowed: {_likely(answer, off)}"
            return verdict(False, "other outputs", hint, "equal to the model's")

    # A function that remembers its answers is fast, too. Write new numbers where the old ones were.
    (dense_x, indices, _), (new_dense, new_indices, _) = batches[:2]
    for old, new in zip([dense_x, *indices], [new_dense, *new_indices], strict=True):
        old.copy_(new)
    if not (predict(*batches[0]) - reference(*batches[0])).abs().max().item() <= TOLERANCE:
        hint = "The numbers in the tensors changed and your answer didn't: it remembers, it doesn't predict."
        return verdict(False, "remembered answers", hint, "looks at its input")

    frozen = freeze(model)
    times = bench.compare(
        {
            "seed": lambda i: reference(*batches[i % len(batches)]),
            "yours": lambda i: predict(*batches[i % len(batches)]),
            "frozen": lambda i: frozen(*batches[i % len(batches)]),
        }
    )
    yours, ours = times.ratio("seed", "yours"), times.ratio("seed", "frozen")
    said = f"{yours.median:.2f} times as fast as the seed's forward; the package's own is at {ours.median:.2f}."
    if yours.median < TARGET:
        hint = f"{said} From {TARGET} on you pass. Count the operators that are left, and the modules around them."
        return verdict(False, "not fast enough", hint, _STEPS[-1])
    better = " Faster than ours: well done." if yours.low > ours.high else ""
    return verdict(True, None, f"{said}{better}", _STEPS[-1])


def freeze_nothing(model: MicroDLRM) -> Callable:
    """The seed's forward as a function of a batch: the baseline."""

    @torch.inference_mode()
    def predict(*batch) -> Tensor:
        return seed_forward(model, *batch)

    return predict


def _edges() -> tuple:
    """A batch of the tables' first and last rows, and of large dense features."""
    ids = [torch.tensor([0, rows - 1]).repeat(BATCH // 2) for rows in SEED["num_embeddings"]]  # (256,) each
    return torch.linspace(-9, 9, BATCH * 16).view(BATCH, 16), ids, [torch.arange(BATCH)] * len(ids)


def _likely(answer: Tensor, off: float) -> str:
    if not torch.isfinite(answer).all():
        return "and some aren't finite."
    if answer.min() < 0 or answer.max() > 1:
        return "these aren't probabilities; is the sigmoid missing?"
    if off < 0.02:
        return "that close, it may be the numbers' precision."
    return "is a ReLU missing, or are the tables in another order?"
