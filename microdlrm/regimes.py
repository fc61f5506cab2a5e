"""Models that wait for different things: shapes, inputs, and the check of chapter 7's exercise."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from microdlrm import bench, cost
from microdlrm._verdict import Verdict
from microdlrm.model import MicroDLRM

# The original model: it waits for its operators to start.
SEED = dict(m_spa=8, num_embeddings=(943, 1682, 21), ln_bot=(16, 8, 8), ln_top=(32, 16, 1))
# Large tables and long bags, with bags of MEMORY_BAG ids: it waits for memory.
MEMORY = dict(m_spa=64, num_embeddings=(2**18,) * 4, ln_bot=(16, 64), ln_top=(32, 1))
MEMORY_BAG = 32
# Small tables and wide MLPs: it computes.
COMPUTE = dict(m_spa=64, num_embeddings=(1024,) * 4, ln_bot=(64, 1024, 1024, 64), ln_top=(1024, 1024, 1))
BATCH = 512

# The exercise's models: name -> (shape, batch, bag).
UNSEEN = {
    "one visitor": (dict(m_spa=16, num_embeddings=(2000,) * 4, ln_bot=(13, 32, 16), ln_top=(64, 32, 1)), 4, 1),
    "long histories": (dict(m_spa=32, num_embeddings=(2**19,) * 3, ln_bot=(13, 32), ln_top=(16, 1)), 256, 40),
    "deep and wide": (
        dict(m_spa=32, num_embeddings=(5000,) * 6, ln_bot=(32, 512, 512, 32), ln_top=(1536, 1024, 512, 1)),
        256,
        1,
    ),
}


def random_batches(shape: dict, batch: int, bag: int = 1, batches: int = 16) -> list[tuple]:
    """Inputs for a model of this shape: uniform ids, bags of one length, [(dense_x, indices, offsets), ...]."""
    draw = torch.Generator().manual_seed(0)
    offsets = torch.arange(0, batch * bag, bag)  # (B,)
    return [
        (
            torch.randn(batch, shape["ln_bot"][0], generator=draw),
            [torch.randint(rows, (batch * bag,), generator=draw) for rows in shape["num_embeddings"]],
            [offsets] * len(shape["num_embeddings"]),
        )
        for _ in range(batches)
    ]


def seed_forward(
    model: MicroDLRM, dense_x: Tensor, sparse_indices: Sequence[Tensor], sparse_offsets: Sequence[Tensor]
) -> Tensor:
    """The model's operators and nothing else, as the original calls them: no checks of the input. -> (B, 1)."""
    x_dense = model.bot_l(dense_x)  # (B, d)
    x_sparse = []
    for i, table in enumerate(model.emb_l):
        x_sparse.append(table(sparse_indices[i], sparse_offsets[i]))  # (B, m_spa)
    return model.top_l(model.interaction(x_dense, x_sparse))  # (B, 1)


def forward(shape: dict, batch: int, bag: int = 1, batches: int = 16) -> Callable[[int], Tensor]:
    """A callable for `bench.compare`: a fresh model's forward pass on one of a few batches."""
    torch.manual_seed(0)
    model, inputs = MicroDLRM(**shape), random_batches(shape, batch, bag, batches)

    @torch.inference_mode()
    def run(i: int) -> Tensor:
        return seed_forward(model, *inputs[i % batches])

    return run


def part_calls(shape: dict, batch: int, bag: int = 1, batches: int = 16) -> dict[str, Callable[[int], object]]:
    """Callables for `bench.compare`, one for each part of a model: tables, bottom MLP, interaction, top MLP."""
    torch.manual_seed(0)
    model, inputs = MicroDLRM(**shape), random_batches(shape, batch, bag, batches)

    def look_up(i: int) -> list[Tensor]:
        _, indices, offsets = inputs[i % batches]
        return [table(*bags) for table, *bags in zip(model.emb_l, indices, offsets, strict=True)]  # (B, m_spa) each

    with torch.inference_mode():
        x_dense = [model.bot_l(dense_x) for dense_x, _, _ in inputs]  # (B, d) each
        x_sparse = [look_up(i) for i in range(batches)]
        z = [model.interaction(*vectors) for vectors in zip(x_dense, x_sparse, strict=True)]  # (B, width) each
    calls = {
        "tables": look_up,
        "bottom MLP": lambda i: model.bot_l(inputs[i % batches][0]),
        "interaction": lambda i: model.interaction(x_dense[i % batches], x_sparse[i % batches]),
        "top MLP": lambda i: model.top_l(z[i % batches]),
    }
    return {name: torch.inference_mode()(call) for name, call in calls.items()}


def check_prediction(fn: Callable) -> Verdict:
    """Check `predict(forward, rates)` -> (regime, seconds) against three models, measured on this machine.

    forward  a frame: a line for each part of a model, with the columns flops, bytes and operators
    rates    this machine's: rates.stream_gbs, .gather_gbs, .gemm_gflops, .dispatch_us
    regime   "dispatch", "memory" or "compute": what the model waits for most
    seconds  of a forward pass, right if it lies within a factor of two of what is measured

    Takes a few seconds. The models are in `regimes.UNSEEN`.
    """
    task, tried = "predict", dict.fromkeys(UNSEEN, "not reached")
    said, mistake = [], None
    for name, (shape, batch, bag) in UNSEEN.items():
        on_paper = cost.parts(batch, bag, **shape).loc["forward"].drop(index="loss")
        rates = bench.ceilings().rates(shape["m_spa"])
        try:
            answer = fn(on_paper.copy(), rates)
        except Exception as error:
            return Verdict(
                False, "raises an error", f"On “{name}” it raises {type(error).__name__}: {error}", task, tried
            )
        if answer is None or answer is ...:
            return Verdict(False, "not started", "Replace the ... by your prediction: a regime and seconds.", task)
        try:
            guess, seconds = answer
            seconds = float(seconds)
        except (TypeError, ValueError):
            hint = f'It should return a regime and seconds, as in return "memory", 0.001; it returned {answer!r}.'
            return Verdict(False, "not a regime and a number", hint, task, tried)
        measured = bench.measure(forward(shape, batch, bag), rounds=5).median
        truth = cost.regime(cost.predict(on_paper, rates))
        within = 0.5 <= seconds / measured <= 2
        tried[name] = "passed" if within and guess == truth else "failed"
        said.append(f"{name}: you say {guess}, {bench.duration(max(seconds, 0))}; measured {bench.duration(measured)}.")
        if tried[name] == "failed" and mistake is None:
            mistake, hint = _misjudged(name, guess, truth, seconds / measured)
    if mistake:
        return Verdict(False, mistake, f"{hint} {' '.join(said)}", task, tried)
    return Verdict(
        True, None, f"All three regimes, and all three times within a factor of two. {' '.join(said)}", task, tried
    )


def _misjudged(name: str, guess: object, truth: str, ratio: float) -> tuple[str, str]:
    if guess not in ("dispatch", "memory", "compute"):
        return "an unknown regime", f"On “{name}” the regime is {guess!r}; it is one of dispatch, memory, compute."
    if guess != truth:
        return "another regime", f"“{name}” doesn't wait for {guess} most. Compare the three sums over its parts."
    if not 1e-4 < ratio < 1e4:
        return (
            "the wrong unit",
            f"On “{name}” your time is off by {ratio:.0e}: is everything in seconds, and a GB 10⁹ bytes?",
        )
    if ratio < 0.5:
        return "too short a time", f"On “{name}” you expect {ratio:.2f} of the time it takes: what haven't you counted?"
    return "too long a time", f"On “{name}” you expect {ratio:.1f} times the time it takes: what do you count twice?"
