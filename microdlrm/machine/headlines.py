"""This machine's headline ratios: what the package promises, each measured against its rival in the same run.

`python -m microdlrm bench` prints them, and its exit status is 1 where one fails.
"""

import itertools
import json
import math
from argparse import ArgumentParser
from collections.abc import Callable
from typing import NamedTuple
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor

from microdlrm import clicks, movielens, original, training
from microdlrm.histories import histories
from microdlrm.inputs import check_inputs
from microdlrm.machine import allocator, cost, hardware
from microdlrm.machine.ceilings import GEMM_SIZES, gather_from
from microdlrm.machine.dot import half_backward_dot
from microdlrm.machine.frozen import freeze, in_huge_pages
from microdlrm.machine.regimes import BATCH, COMPUTE, MEMORY, MEMORY_BAG, ORIGINAL, original_forward, random_batches
from microdlrm.machine.timing import Spread, compare
from microdlrm.model import MicroDLRM

FAR = 512 * hardware.MIB  # of a table that should lie beyond every cache


class Headline(NamedTuple):
    """A ratio, what it should be at least (or at most), what it says, and why it can't be asked for on this machine."""

    ratio: Spread
    at_least: float
    at_most: float
    says: str
    unless: str = ""

    @property
    def holds(self) -> bool:
        return bool(self.unless) or self.at_least <= self.ratio.median <= self.at_most

    @property
    def bound(self) -> str:
        return f"at least {self.at_least:g}" if self.at_most == math.inf else f"at most {self.at_most:g}"


def headlines(*only: str) -> dict[str, Headline]:
    """All of them, in about a minute, or those named. Raises KeyError for a name that is none."""
    found = {}
    for name in only or PROMISES:
        measure, at_least, at_most, says = PROMISES[name]
        found[name] = Headline(measure(), at_least, at_most, says, _unless(name))
    return found


def _unless(name: str) -> str:
    if name in ("bf16_rows_beyond_cache", "zipf_vs_uniform"):
        return hardware.fits_cache(hardware.affordable(FAR))
    return allocator.unless_set() if name == "sparse_vs_dense_step_kept" else ""


def table(results: dict[str, Headline]) -> str:
    """A line for each: name, median and quartiles, what it should be, and what it says."""
    lines = [f"On {hardware.machine()}:"]
    for name, headline in results.items():
        mark = "–" if headline.unless else "✓" if headline.holds else "✗"
        says = f"{headline.says} (not asked for: {headline.unless})" if headline.unless else headline.says
        lines.append(f"{mark} {name:<30}{headline.ratio!s:<24}{headline.bound:<16}{says}")
    return "\n".join(lines)


# --- loading ---


def loading_vs_seed(batch_size: int = 256) -> Spread:
    """CPU time a row: a shuffled DataLoader over single samples ÷ shuffled `clicks.batches`."""
    data = movielens.load()
    split = clicks.split(data)
    prepared = clicks.prepare(data, split.train)
    few = split.train[: 8 * batch_size]  # enough for the slow way: it costs the same for each sample
    loader = original.loader(prepared, few, batch_size)
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


def inference_vs_seed(batch_size: int = 256) -> Spread:
    """Time of the seed's forward ÷ that of `freeze(model)`, which also checks its input."""
    model = MicroDLRM(**ORIGINAL).eval()
    frozen, batches = freeze(model), random_batches(ORIGINAL, batch_size)
    with torch.inference_mode():
        times = compare(
            {
                "seed": lambda i: original_forward(model, *batches[i % len(batches)]),
                "frozen": lambda i: frozen(*batches[i % len(batches)]),
            }
        )
    return times.ratio("seed", "frozen")


def tables_vs_best_gather() -> Spread:
    """Time of the best way known here to sum the memory model's bags ÷ that of a frozen model's tables."""
    predict = freeze(MicroDLRM(**MEMORY))
    tables = [torch.randn(rows, MEMORY["m_spa"]) for rows in MEMORY["num_embeddings"]]
    batches = random_batches(MEMORY, BATCH, MEMORY_BAG, batches=32)
    narrow = [([own.int() for own in ids], [own.int() for own in offsets]) for _, ids, offsets in batches]
    wide = [(ids, offsets) for _, ids, offsets in batches]

    def look_up(held: list[Tensor], bags: list) -> Callable[[int], object]:
        return lambda i: [
            F.embedding_bag(ids, weight, offsets, mode="sum")
            for weight, ids, offsets in zip(held, *bags[i % len(bags)], strict=True)
        ]

    ways = {
        "frozen": look_up(predict.tables, wide),
        "as it comes": look_up(tables, wide),
        "int32": look_up(tables, narrow),
        "frozen, int32": look_up(predict.tables, narrow),
    }
    with torch.inference_mode():
        times = compare(ways, sample=0.03, rounds=9)
    best = min(list(ways)[1:], key=lambda name: times[name].median)
    return times.ratio(best, "frozen")


def bf16_rows_beyond_cache(width: int = 64) -> Spread:
    """Time of summing float32 rows ÷ that of bfloat16 rows, drawn alike from a table that no cache holds."""
    rows = torch.ones(hardware.affordable(FAR) // 4).view(-1, width)
    return compare({"float32": gather_from(rows), "bfloat16": gather_from(rows.bfloat16())}).ratio(
        "float32", "bfloat16"
    )


def zipf_vs_uniform(width: int = 64) -> Spread:
    """Time of summing rows that are all drawn alike ÷ rows drawn by Zipf's law, from a table that no cache holds.

    In huge pages, as `freeze` keeps it: otherwise the popular rows, one to a page, miss the TLB as the others do.
    """
    rows = in_huge_pages(torch.ones(hardware.affordable(FAR) // 4).view(-1, width))
    return compare({"alike": gather_from(rows), "zipf": gather_from(rows, skewed=True)}).ratio("alike", "zipf")


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
    """Time of `half_backward_dot`, forward and backward ÷ that of `bmm_index`."""
    vectors = [torch.randn(batch, d, requires_grad=True) for _ in range(n)]
    gradient = torch.randn(batch, cost.dot_width(d, n))

    def there_and_back(interaction: Callable):
        torch.autograd.grad(interaction(vectors[0], vectors[1:]), vectors, gradient)

    times = compare(
        {
            "ours": lambda: there_and_back(half_backward_dot),
            "bmm, index": lambda: there_and_back(bmm_index),
        }
    )
    return times.ratio("ours", "bmm, index")


def sparse_vs_dense_step(pages: str = "settled", rows: int = 2**20, width: int = 32, batch: int = 1024) -> Spread:
    """Time of a training step of one table, 1M × 32, with SGD: dense gradient ÷ sparse gradient.

    With its pages "settled", the allocator gets the dense gradient's fresh in every step; "kept", it uses them again.
    """
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

    steps = {"dense": table_step(False), "sparse": table_step(True)}
    return compare(steps, pages=pages).ratio("dense", "sparse")


def sparse_vs_dense_step_kept() -> Spread:
    """The same with an allocator that keeps what was freed: traffic alone, without page faults."""
    return sparse_vs_dense_step("kept")


def history_step_vs_embedding_bag(batch: int = 1024) -> Spread:
    """Time of a training step of chapter 6's model with histories: EmbeddingBag's own backward ÷ `bags.bag_sums`."""
    data = movielens.load()
    split = clicks.split(data)
    prepared = clicks.prepare(data, split.train).add(*histories(data, split.train))
    model = training.build(prepared)
    batches = [b.inputs for b in itertools.islice(clicks.batches(prepared, split.train, batch), 8)]
    step = training_step(model, torch.optim.AdamW(model.parameters(), fused=True), batches)

    def plainly(i: int):
        with mock.patch("microdlrm.model.bag_sums", lambda bags, *bag: bags(*bag)):
            step(i)

    return compare({"plain": plainly, "ours": lambda i: step(i)}, rounds=5).ratio("plain", "ours")


def checks_share(batch: int = 1024) -> Spread:
    """Time to check a batch ÷ time of a training step, the checks included."""
    model, batches = MicroDLRM(**ORIGINAL), random_batches(ORIGINAL, batch)
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


# name -> (how it is measured, at least, at most, what it says)
PROMISES = {
    "loading_vs_seed": (loading_vs_seed, 50, math.inf, "CPU time of the seed's loading over that of slices"),
    "inference_vs_seed_b256": (
        inference_vs_seed, 2.2, math.inf, "time of the seed's forward over the frozen model's, batch 256"
    ),
    "dot_vs_bmm_index": (
        dot_vs_bmm_index, 0, 0.7, "time of our dot interaction over bmm + [:, i, j], there and back"
    ),
    "tables_vs_best_gather": (
        tables_vs_best_gather, 0.95, math.inf, "speed of the frozen memory model's tables over the best way here"
    ),
    "bf16_rows_beyond_cache": (
        bf16_rows_beyond_cache, 1.5, math.inf, "time of float32 rows over bfloat16 rows, from memory"
    ),
    "zipf_vs_uniform": (zipf_vs_uniform, 1.5, math.inf, "time of rows drawn alike over rows by Zipf's law"),
    "compute_model_of_gemm": (
        compute_model_of_gemm, 0.85, math.inf, "FLOP/s of the compute model over the best matrix product"
    ),
    "sparse_vs_dense_step": (
        sparse_vs_dense_step, 35, math.inf, "time of a dense training step over a sparse one, a table of 1M × 32"
    ),
    "sparse_vs_dense_step_kept": (
        sparse_vs_dense_step_kept, 15, math.inf, "the same with an allocator that keeps its pages"
    ),
    "history_step_vs_embedding_bag": (
        history_step_vs_embedding_bag, 2, math.inf, "time of a step with histories, plain EmbeddingBag over ours"
    ),
    "checks_share": (checks_share, 0, 0.05, "share of a training step that checking the input takes, batch 1,024"),
}  # fmt: skip


# --- the command ---


def add_options(command: ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")
    command.set_defaults(run=_run)


def _run(options) -> int:
    results = headlines()
    if options.json:
        print(json.dumps({name: headline.ratio.median for name, headline in results.items()}))
    else:
        print(table(results))
    return 0 if all(headline.holds for headline in results.values()) else 1
