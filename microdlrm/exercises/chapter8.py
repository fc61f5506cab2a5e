"""Chapter 8's challenge: the original model's inference at batch 256, faster, the same outputs."""

import copy
import time
from collections.abc import Callable

import torch
from torch import Tensor

from microdlrm.exercises.by_hand import call, one_by_one
from microdlrm.exercises.compare import same
from microdlrm.exercises.errors import Failure, explain
from microdlrm.exercises.verdict import Verdict
from microdlrm.machine.frozen import freeze
from microdlrm.machine.regimes import ORIGINAL, original_forward, random_batches
from microdlrm.machine.timing import Spread, compare
from microdlrm.machine.traffic import traffic
from microdlrm.model import MicroDLRM

BATCH = 256
TARGET = 1.4  # times as fast as the original's forward
PREPARATION = 2.0  # seconds of CPU time that `make` may take
TOLERANCE = 1e-5
MOST = 6  # rows that are shown


def score(make: Callable) -> Verdict:
    """Check and time `make(model)`, which prepares and returns
    `predict(dense_x, sparse_indices, sparse_offsets)`.

    `predict` gets batches of 256 rows, one id a bag, every id inside its table, and returns
    (256, 1) probabilities, which the caller may keep. Preparing may take 2 seconds and isn't timed;
    `predict` is, against the original's forward and `frozen.freeze`, all three in turn, each time
    with new numbers in the batch. Passed from 1.4 times the original's speed on.
    """
    torch.manual_seed(0)
    model = MicroDLRM(**ORIGINAL, init=1.0).eval()
    own = copy.deepcopy(model)  # what `make` does to its model mustn't change its measure
    reference = freeze_nothing(own)
    batches = [*random_batches(ORIGINAL, BATCH, batches=31), _edges()]
    made = []
    steps = {
        "prepares in time": lambda: made.append(_prepare(make, model)),
        "returns probabilities": lambda: _probabilities(*made, batches[0]),
        "equal to the model's": lambda: _same_outputs(*made, reference, batches),
        "answers can be kept": lambda: _memory_of_its_own(*made, batches),
        "looks at its input": lambda: _looks(*made, reference, batches),
        f"{TARGET} ×": lambda: _fast_enough(*made, reference, freeze(own), batches),
    }
    return one_by_one("make", (), {step: [()] for step in steps}, lambda step: steps[step](), "")


def _prepare(make: Callable, model: MicroDLRM) -> Callable:
    started = time.process_time()
    try:
        predict = make(model)
    except Exception as error:
        raise explain(error, ()) from None
    seconds = time.process_time() - started
    if predict is None or predict is ...:
        raise Failure("not started", "Return a function that predicts, in place of the `...`.")
    if not callable(predict):
        hint = f"make returned {predict!r:.60}; a function that predicts is due."
        raise Failure("not a function", hint)
    if seconds > PREPARATION:
        hint = f"make took {seconds:.1f} s of CPU time; {PREPARATION:g} s are allowed."
        raise Failure("too long a preparation", hint)
    return predict


def _probabilities(predict: Callable, batch: tuple) -> None:
    answer = call(predict, "make", batch)
    came = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
    if came != (BATCH, 1):
        hint = f"predict should return a tensor ({BATCH}, 1), it returned {came}."
        raise Failure("another shape", hint)


def _same_outputs(predict: Callable, reference: Callable, batches: list[tuple]) -> None:
    for k, batch in enumerate(batches):
        due, before = reference(*batch), copy.deepcopy(batch)
        answer = predict(*batch)
        for name, mine, theirs in zip(("dense_x", "sparse_indices"), before, batch, strict=False):
            if not same(mine, theirs):
                raise Failure("inputs changed", f"predict writes into {name}, which isn't its own.")
        wrong = ~((answer - due).abs() <= TOLERANCE)[:, 0]  # (B,)
        if not wrong.any():
            continue
        where = "first and last rows, large dense_x" if k == len(batches) - 1 else f"batch {k}"
        off = (answer - due)[wrong].abs().max().item()
        hint = f"On {where}, {int(wrong.sum())} of {BATCH} are off, by up to {off:.2g}"
        lines = [("row: user, movie, occupation", "due", "how", "yours", "right or wrong")]
        for row in wrong.nonzero().flatten().tolist()[:MOST]:
            ids = ", ".join(str(ids[row].item()) for ids in batch[1])
            lines.append((f"{row}: {ids}", f"{due[row, 0]:.6f}", "", f"{answer[row, 0]:.6f}", "✗"))
        raise Failure("other outputs", f"{hint}: {_likely(answer, due, off)}", shown=tuple(lines))


def _likely(answer: Tensor, due: Tensor, off: float) -> str:
    if not torch.isfinite(answer).all():
        return "some aren't finite."
    if torch.allclose(answer.sigmoid(), due, atol=TOLERANCE):
        return "these are the logits, and the sigmoid is missing."
    if off < 0.02:
        return "that close, it may be the numbers' precision."
    return "is a ReLU missing, or are the tables in another order?"


def _memory_of_its_own(predict: Callable, batches: list[tuple]) -> None:
    """Whether an answer is still what it was once others have been given."""
    for k, batch in enumerate(batches[:4]):
        answer = predict(*batch)
        was = answer.clone()
        others = [predict(*other) for other in batches[k + 1 : k + 3]]
        if torch.equal(answer, was):
            continue
        now = [f"answer {n}" for n, o in enumerate(others, k + 1) if torch.equal(answer, o)]
        hint = f"Answer {k} has become {[*now, 'something else'][0]}: it lies in memory that a "
        hint += "later call writes to. Give each answer memory of its own."
        raise Failure("answers share their memory", hint)


def _looks(predict: Callable, reference: Callable, batches: list[tuple]) -> None:
    """One that remembers its answers is fast, too: change a part of what it saw, whichever."""
    draw = torch.Generator().manual_seed(2)
    for batch in batches:
        parts = [batch[0], *batch[1]]  # dense_x and the ids of each table
        for k in torch.randperm(len(parts), generator=draw).tolist():
            rows = torch.randint(1, BATCH, (2,), generator=draw).sort().values  # never the first
            new = batches[torch.randint(len(batches), (), generator=draw)]
            own = [new[0], *new[1]][k].flip(0)[rows[0] : rows[1] + 1]
            parts[k][rows[0] : rows[1] + 1] = own
            if not (predict(*batch) - reference(*batch)).abs().max().item() <= TOLERANCE:
                part = f"sparse_indices[{k - 1}]" if k else "dense_x"
                hint = f"Rows {rows[0]} to {rows[1]} of {part}, which you had seen, changed, and"
                hint += " your answer didn't: it remembers, it doesn't predict."
                raise Failure("remembered answers", hint)


def _fast_enough(predict: Callable, reference: Callable, frozen: Callable, batches: list) -> str:
    """Time all three in turn; return what to say of a `predict` that is fast enough.

    Each call finds dense features that were never there before. What writing them takes is
    measured, and taken off.
    """
    draw = torch.Generator().manual_seed(3)
    pool = torch.randn(64 * BATCH, batches[0][0].shape[1], generator=draw)
    starts = torch.randint(63 * BATCH, (4096,), generator=draw).tolist()

    def renewed(i: int) -> tuple:
        batch = batches[i % len(batches)]
        start = starts[i % len(starts)]
        batch[0].copy_(pool[start : start + BATCH])
        return batch

    ways = {"original": reference, "yours": predict, "frozen": frozen}
    calls = {name: lambda i, fn=fn: fn(*renewed(i)) for name, fn in ways.items()}
    times = compare(calls | {"new numbers": renewed})
    written = times["new numbers"].median

    def gain(name: str) -> Spread:
        pairs = zip(times["original"].samples, times[name].samples, strict=True)
        return Spread.of((a - written) / max(b - written, 1e-9) for a, b in pairs)

    yours, ours = gain("yours"), gain("frozen")
    said = f"{yours.median:.2f} times as fast as the original's forward, the package's own "
    said += f"{ours.median:.2f} times."
    if yours.median < TARGET:
        largest, least = (traffic(way, *batches[0]).largest for way in (predict, frozen))
        more = "Count the operators that are left, and the modules."
        if largest > 2 * least:
            more = f"Each call makes a tensor of {largest} numbers, many more than a batch needs: "
            more += "what doesn't depend on the batch can be made once, before."
        raise Failure("not fast enough", f"{said} From {TARGET} on you pass. {more}")
    return said + (" Faster than ours: well done." if yours.low > ours.high else "")


def freeze_nothing(model: MicroDLRM) -> Callable:
    """The original's forward as a function of a batch: the baseline."""

    @torch.inference_mode()
    def predict(*batch) -> Tensor:
        return original_forward(model, *batch)

    return predict


def _edges() -> tuple:
    """A batch of the tables' first and last rows, and of large dense features."""
    ids = [torch.tensor([0, rows - 1]).repeat(BATCH // 2) for rows in ORIGINAL["num_embeddings"]]
    dense_x = torch.linspace(-9, 9, BATCH * 16).view(BATCH, 16)
    return dense_x, ids, [torch.arange(BATCH)] * len(ids)  # (256, 16), (256,) each
