"""This machine's headline ratios: what the package promises, each measured against its rival in the same run.

`python -m microdlrm bench` prints them.
"""

import json
import math
from argparse import ArgumentParser
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from microdlrm import clicks, movielens
from microdlrm.inputs import check_inputs
from microdlrm.machine import cost, hardware
from microdlrm.machine.ceilings import GEMM_SIZES
from microdlrm.machine.frozen import freeze
from microdlrm.machine.regimes import BATCH, COMPUTE, MEMORY, MEMORY_BAG, SEED, random_batches, seed_forward
from microdlrm.machine.timing import Spread, compare
from microdlrm.model import MicroDLRM, dot_interaction
from microdlrm.seed import seed_loader


class Headline(NamedTuple):
    """A ratio, what it should be at least (or at most), and what it says."""

    ratio: Spread
    at_least: float
    at_most: float
    says: str

    @property
    def holds(self) -> bool:
        return self.at_least <= self.ratio.median <= self.at_most


def headlines() -> dict[str, Headline]:
    """All of them, in about half a minute."""
    return {
        "loading_vs_seed": Headline(
            loading_vs_seed(), 50, math.inf, "CPU time of the seed's loading over slices of prepared tensors"
        ),
        "inference_vs_seed_b256": Headline(
            inference_vs_seed(256), 1.4, math.inf, "time of the seed's forward over the frozen model's, batch 256"
        ),
        "dot_vs_bmm_index": Headline(
            dot_vs_bmm_index(), 0, 0.7, "time of our dot interaction over bmm + [:, i, j], there and back"
        ),
        "memory_model_of_stream": Headline(
            memory_model_of_stream(), 0.35, math.inf, "bandwidth of the memory model over streaming"
        ),
        "compute_model_of_gemm": Headline(
            compute_model_of_gemm(), 0.85, math.inf, "FLOP/s of the compute model over the best matrix product"
        ),
        "sparse_vs_dense_step": Headline(
            sparse_vs_dense_step(), 50, math.inf, "time of a dense training step over a sparse one, a table of 1M × 32"
        ),
        "checks_share": Headline(
            checks_share(), 0, 0.05, "share of a training step that checking the input takes, batch 1,024"
        ),
    }


def table(results: dict[str, Headline]) -> str:
    """A line for each: name, median and quartiles, what it should be, and what it says."""
    lines = [f"On {hardware.machine()}:"]
    for name, headline in results.items():
        bound = f"at least {headline.at_least:g}" if headline.at_most == math.inf else f"at most {headline.at_most:g}"
        mark = "✓" if headline.holds else "✗"
        lines.append(f"{mark} {name:<24}{headline.ratio!s:<24}{bound:<16}{headline.says}")
    return "\n".join(lines)


# --- loading ---


def loading_vs_seed(batch_size: int = 256) -> Spread:
    """CPU time a row: a shuffled DataLoader over single samples ÷ shuffled `clicks.batches`."""
    data = movielens.load()
    split = clicks.split(data)
    prepared = clicks.prepare(data, split.train)
    few = split.train[: 8 * batch_size]  # enough for the slow way: it costs the same for each sample
    loader = seed_loader(prepared, few, batch_size)
    draw = torch.Generator().manual_seed(0)

    def slices():
        for _ in clicks.batches(prepared, split.train, batch_size, generator=draw):
            pass

    def one_by_one():
        for _ in loader:
            pass

    times = compare({"one by one": one_by_one, "slices": slices})
    return times.ratio("one by one", "slices").into(lambda ratio: ratio * len(split.train) / len(few))


# --- inference ---


def inference_vs_seed(batch_size: int) -> Spread:
    """Time of the seed's forward ÷ that of `freeze(model)`, which also checks its input."""
    model = MicroDLRM(**SEED).eval()
    frozen, batches = freeze(model), random_batches(SEED, batch_size)
    with torch.inference_mode():
        times = compare(
            {
                "seed": lambda i: seed_forward(model, *batches[i % len(batches)]),
                "frozen": lambda i: frozen(*batches[i % len(batches)]),
            }
        )
    return times.ratio("seed", "frozen")


def memory_model_of_stream() -> Spread:
    """Bandwidth of the frozen memory model's forward ÷ that of reading as many bytes end to end."""
    predict, batches = freeze(MicroDLRM(**MEMORY)), random_batches(MEMORY, BATCH, MEMORY_BAG, batches=32)
    stream = torch.ones(hardware.affordable(512 * hardware.MIB) // 4)
    n_bytes = cost.total(cost.parts(BATCH, MEMORY_BAG, **MEMORY).loc["forward"])["bytes"]
    times = compare({"stream": stream.sum, "model": lambda i: predict(*batches[i % len(batches)])})
    return times.ratio("stream", "model").into(lambda ratio: ratio * n_bytes / (stream.numel() * 4))


def compute_model_of_gemm() -> Spread:
    """FLOP/s of the frozen compute model's forward ÷ that of the best square matrix product."""
    predict, batches = freeze(MicroDLRM(**COMPUTE)), random_batches(COMPUTE, BATCH)
    flops = cost.total(cost.parts(BATCH, **COMPUTE).loc["forward"])["flops"]
    square = {n: torch.randn(n, n) for n in GEMM_SIZES}
    times = compare(
        {
            "model": lambda i: predict(*batches[i % len(batches)]),
            **{str(n): lambda a=a: a @ a for n, a in square.items()},
        },
        sample=0.03,
    )
    best = min(GEMM_SIZES, key=lambda n: times[str(n)].median / n**3)
    return times.ratio(str(best), "model").into(lambda ratio: ratio * flops / (2 * best**3))


# --- training ---


def bmm_index(x_dense: Tensor, x_sparse: list[Tensor]) -> Tensor:
    """The dot interaction as the seed's comment has it: bmm, then the pairs by two index vectors."""
    v = torch.stack([x_dense, *x_sparse], dim=1)  # (B, n, d)
    products = torch.bmm(v, v.transpose(1, 2))  # (B, n, n)
    i, j = torch.triu_indices(v.shape[1], v.shape[1], 1)
    return torch.cat([x_dense, products[:, i, j]], dim=1)  # (B, d + n(n-1)/2)


def dot_vs_bmm_index(batch: int = 1024, n: int = 64, d: int = 64) -> Spread:
    """Time of `dot_interaction`, forward and backward ÷ that of `bmm_index`."""
    vectors = [torch.randn(batch, d, requires_grad=True) for _ in range(n)]
    gradient = torch.randn(batch, cost.dot_width(d, n))

    def there_and_back(interaction: Callable):
        torch.autograd.grad(interaction(vectors[0], vectors[1:]), vectors, gradient)

    times = compare(
        {
            "ours": lambda: there_and_back(dot_interaction),
            "bmm, index": lambda: there_and_back(bmm_index),
        }
    )
    return times.ratio("ours", "bmm, index")


def sparse_vs_dense_step(rows: int = 2**20, width: int = 32, batch: int = 1024) -> Spread:
    """Time of a training step of one table, 1M × 32, with SGD: dense gradient ÷ sparse gradient."""
    offsets = torch.arange(batch)
    ids = torch.randint(rows, (16, batch), generator=torch.Generator().manual_seed(0))

    def table_step(sparse: bool) -> Callable[[int], None]:
        table = torch.nn.EmbeddingBag(rows, width, mode="sum", sparse=sparse)
        optimiser = torch.optim.SGD(table.parameters(), lr=0.1)

        def step(i: int):
            optimiser.zero_grad()
            table(ids[i % len(ids)], offsets).sum().backward()
            optimiser.step()

        return step

    return compare({"dense": table_step(False), "sparse": table_step(True)}).ratio("dense", "sparse")


def checks_share(batch: int = 1024) -> Spread:
    """Time to check a batch ÷ time of a training step, the checks included."""
    model, batches = MicroDLRM(**SEED), random_batches(SEED, batch)
    step = training_step(model, torch.optim.AdamW(model.parameters(), fused=True), batches)
    checks = {"checks": lambda i: check_inputs(model, *batches[i % len(batches)]), "step": step}
    return compare(checks).ratio("checks", "step")


def training_step(model: MicroDLRM, optimiser: torch.optim.Optimizer, batches: list) -> Callable[[int], None]:
    """A callable for `timing.compare`: forward, backward and one step of the optimiser."""
    y = torch.rand(len(batches[0][0]), 1).round()  # (B, 1)

    def step(i: int):
        loss = F.binary_cross_entropy_with_logits(model.logits(*batches[i % len(batches)]), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


# --- the command ---


def add_options(command: ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")
    command.set_defaults(run=_run)


def _run(options) -> None:
    results = headlines()
    if options.json:
        print(json.dumps({name: headline.ratio.median for name, headline in results.items()}))
    else:
        print(table(results))
