"""This machine's headline ratios: what the package promises, against its rival in one run.

`python -m microdlrm bench` prints them, and its exit status is 1 where one fails.
"""

import itertools
import json
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from unittest import mock

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from microdlrm import clicks, movielens, original, training
from microdlrm.histories import histories
from microdlrm.inputs import check_inputs
from microdlrm.machine import cost, hardware, regimes
from microdlrm.machine.ceilings import GEMM_SIZES, gather_from
from microdlrm.machine.dot import half_backward_dot
from microdlrm.machine.frozen import freeze, in_huge_pages
from microdlrm.machine.regimes import BATCH, COMPUTE, MEMORY, MEMORY_BAG, ORIGINAL, random_batches
from microdlrm.machine.timing import Spread, compare, ratio
from microdlrm.model import MicroDLRM

FAR = 512 * hardware.MIB  # of a table that should lie beyond every cache


def loading_vs_seed() -> Spread:
    """Time of loading by the original's Dataset of single samples ÷ that of `clicks.batches`."""
    data = movielens.load()
    split = clicks.split(data)
    prepared = clicks.prepare(data, split.train)
    few, draw = split.train[: 8 * 256], torch.Generator().manual_seed(0)
    loader = original.loader(prepared, few)
    return ratio(lambda: list(loader), lambda: list(clicks.batches(prepared, few, 256, draw)))


def inference_vs_seed() -> Spread:
    """Time of the original's forward ÷ that of `freeze(model)`, checks included; batch 256."""
    model, batches = MicroDLRM(**ORIGINAL).eval(), random_batches(ORIGINAL, 256)
    frozen = freeze(model)
    plain = partial(regimes.original_forward, model)
    with torch.inference_mode():
        return ratio(lambda i: plain(*batches[i % 16]), lambda i: frozen(*batches[i % 16]))


def tables_vs_best_gather() -> Spread:
    """Time of the memory model's bags, int64 or int32 ids ÷ those from tables in huge pages."""
    tables = [table.weight.detach() for table in regimes.built(MEMORY).emb_l]
    wide = random_batches(MEMORY, BATCH, MEMORY_BAG, batches=32)
    narrow = [(x, *([part.int() for part in parts] for parts in bags)) for x, *bags in wide]
    ways = {
        "huge pages": regimes.look_up(list(map(in_huge_pages, tables)), wide),
        "as it comes": regimes.look_up(tables, wide),
        "int32": regimes.look_up(tables, narrow),
    }
    times = compare(ways, sample=0.03, rounds=9)
    best = min("as it comes", "int32", key=lambda name: times[name].median)
    return times.ratio(best, "huge pages")


def bf16_rows_beyond_cache() -> Spread:
    """Time of summing float32 rows ÷ that of bfloat16 rows, from a table that no cache holds."""
    rows = torch.ones(hardware.affordable(FAR) // 4).view(-1, 64)
    return ratio(gather_from(rows), gather_from(rows.bfloat16()))


def zipf_vs_uniform() -> Spread:
    """Time of summing rows drawn alike ÷ rows drawn by Zipf's law, from a table no cache holds.

    In huge pages, as `freeze` keeps it: else the popular rows, one to a page, miss the TLB as the
    others do.
    """
    rows = in_huge_pages(torch.ones(hardware.affordable(FAR) // 4).view(-1, 64))
    return ratio(gather_from(rows), gather_from(rows, skewed=True))


def compute_model_of_gemm() -> Spread:
    """FLOP/s of the frozen compute model's forward ÷ that of the best square matrix product."""
    predict, batches = freeze(MicroDLRM(**COMPUTE)), random_batches(COMPUTE, BATCH)
    flops = cost.parts(BATCH, **COMPUTE)["flops"].sum()
    square = {n: torch.randn(n, n) for n in GEMM_SIZES}
    products = {n: lambda a=a: a @ a for n, a in square.items()}
    times = compare({"model": lambda i: predict(*batches[i % 16]), **products}, sample=0.03)
    best = min(GEMM_SIZES, key=lambda n: times[n].median / n**3)
    return times.ratio(best, "model").into(lambda ratio: ratio * flops / (2 * best**3))


def bmm_index(x_dense: Tensor, x_sparse: list[Tensor]) -> Tensor:
    """The dot interaction as the original's comment has it: pairs picked by two index vectors."""
    v = torch.stack([x_dense, *x_sparse], dim=1)  # (B, n, d)
    i, j = torch.triu_indices(v.shape[1], v.shape[1], 1)
    return torch.cat([x_dense, torch.bmm(v, v.mT)[:, i, j]], dim=1)  # (B, d + n(n-1)/2)


def dot_vs_bmm_index() -> Spread:
    """Time of `half_backward_dot`, there and back ÷ that of `bmm_index`; 64 vectors of 64."""
    vectors = [torch.randn(1024, 64, requires_grad=True) for _ in range(64)]
    gradient = torch.randn(1024, cost.dot_width(64, 64))

    def there_and_back(interaction: Callable) -> Callable:
        return lambda: torch.autograd.grad(interaction(vectors[0], vectors[1:]), vectors, gradient)

    return ratio(there_and_back(half_backward_dot), there_and_back(bmm_index))


def sparse_vs_dense_step(pages: str = "settled") -> Spread:
    """Time of a training step of one table, 1M × 32, with SGD: dense gradient ÷ sparse gradient.

    With pages "settled" the allocator gets the dense gradient's fresh in every step; "kept", it
    uses them again.
    """
    steps = (regimes.table_step(2**20, sparse=sparse) for sparse in (False, True))
    return ratio(*steps, pages=pages)


def sparse_vs_dense_step_kept() -> Spread:
    """The same with an allocator that keeps what was freed: traffic alone, without page faults."""
    return sparse_vs_dense_step("kept")


def history_step_vs_embedding_bag() -> Spread:
    """Time of a step with histories (chapter 6): EmbeddingBag's own backward ÷ `bags.bag_sums`."""
    data = movielens.load()
    split = clicks.split(data)
    prepared = clicks.prepare(data, split.train).add(*histories(data, split.train))
    few = itertools.islice(clicks.batches(prepared, split.train, 1024), 8)
    step = training_step(training.build(prepared), [batch.inputs for batch in few])

    def plainly(i: int):
        with mock.patch("microdlrm.model.bag_sums", lambda bags, *bag: bags(*bag)):
            step(i)

    return ratio(plainly, step, rounds=5)


def checks_share() -> Spread:
    """Time to check a batch ÷ time of a training step, the checks included."""
    model, batches = MicroDLRM(**ORIGINAL), random_batches(ORIGINAL, 1024)
    step = training_step(model, batches)
    return ratio(lambda i: check_inputs(model, *batches[i % 16]), step)


def training_step(model: MicroDLRM, batches: list) -> Callable[[int], None]:
    """A callable for `timing.compare`: forward, backward and one step of AdamW."""
    y = torch.rand(len(batches[0][0]), 1).round()  # (B, 1)
    optimiser = torch.optim.AdamW(model.parameters(), fused=True)

    def step(i: int):
        loss = F.binary_cross_entropy_with_logits(model.logits(*batches[i % len(batches)]), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


# --- the promises, and the command that measures them ---

# Each leaves room: two processors that were tried, one with AVX2 and one with AVX-512, keep it
# under load.
PROMISES = {
    "loading_vs_seed": (loading_vs_seed, "at least", 50),
    "inference_vs_seed_b256": (inference_vs_seed, "at least", 1.5),
    "dot_vs_bmm_index": (dot_vs_bmm_index, "at most", 0.7),
    "tables_vs_best_gather": (tables_vs_best_gather, "at least", 0.8),
    "bf16_rows_beyond_cache": (bf16_rows_beyond_cache, "at least", 1.3),
    "zipf_vs_uniform": (zipf_vs_uniform, "at least", 1.3),
    "compute_model_of_gemm": (compute_model_of_gemm, "at least", 0.6),
    "sparse_vs_dense_step": (sparse_vs_dense_step, "at least", 35),
    "sparse_vs_dense_step_kept": (sparse_vs_dense_step_kept, "at least", 15),
    "history_step_vs_embedding_bag": (history_step_vs_embedding_bag, "at least", 1.5),
    "checks_share": (checks_share, "at most", 0.06),
}
BEYOND_CACHE = ("bf16_rows_beyond_cache", "zipf_vs_uniform")  # asked for where FAR is


def headlines() -> pd.DataFrame:
    """A line for each promise, measured, in about a minute; "ratio" is a Spread."""
    lines = {}
    for name, (measure, direction, bound) in PROMISES.items():
        measured, what = measure(), measure.__doc__.partition("\n")[0]
        lines[name] = (measured, f"{direction} {bound:g}", verdict(name, measured), what)
    columns = ["ratio", "bound", "verdict", "what"]
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns)


def verdict(name: str, measured: Spread) -> str:
    """Whether it "holds" or "fails", or why this promise isn't asked for on this machine."""
    if name in BEYOND_CACHE and (fits := hardware.fits_cache(hardware.affordable(FAR))):
        return f"not asked for: {fits}"
    _, direction, bound = PROMISES[name]
    ratio = measured.median
    return "holds" if (ratio >= bound if direction == "at least" else ratio <= bound) else "fails"


def add_options(command: ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    command.set_defaults(run=_run)


def _run(options) -> int:
    found, here = headlines(), str(hardware.machine())
    if options.json:
        medians = {name: spread.median for name, spread in found["ratio"].items()}
        bounds, verdicts = found["bound"].to_dict(), found["verdict"].to_dict()
        print(json.dumps({**medians, "bounds": bounds, "verdicts": verdicts, "machine": here}))
    else:
        print(f"On {here}:\n{found.to_string()}")
    return int((found["verdict"] == "fails").any())
