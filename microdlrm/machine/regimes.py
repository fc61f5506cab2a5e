"""Models that wait for different things: their shapes, their inputs, and what to time of them."""

from collections.abc import Callable, Sequence
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from microdlrm.machine import cost
from microdlrm.machine.timing import Spread, compare, ratio
from microdlrm.model import MicroDLRM

# The original model: it waits for its operators to start.
ORIGINAL = dict(m_spa=8, num_embeddings=(943, 1682, 21), ln_bot=(16, 8, 8), ln_top=(32, 16, 1))
# Large tables and long bags, with bags of MEMORY_BAG ids: it waits for memory.
MEMORY = dict(m_spa=64, num_embeddings=(2**18,) * 4, ln_bot=(16, 64), ln_top=(32, 1))
MEMORY_BAG = 32
# Small tables and wide MLPs: it computes.
COMPUTE = dict(
    m_spa=64, num_embeddings=(1024,) * 4, ln_bot=(64, 1024, 1024, 64), ln_top=(1024, 1024, 1)
)
BATCH = 512


def grid() -> dict[str, tuple[dict, int, int]]:
    """Models of many kinds, name -> (shape, batch, bag)."""
    models = {}
    for kind, batch in product(("concat", "dot"), (1, 16, 256, 4096, 65536)):
        models[f"original, {kind}, batch {batch:,}"] = (ORIGINAL | dict(interaction=kind), batch, 1)
    tables = ((2**10, 64), (2**13, 64), (2**18, 64), (2**10, 8), (2**20, 8))
    for (rows, m), bag in product(tables, (1, 32)):
        shape = dict(m_spa=m, num_embeddings=(rows,) * 4, ln_bot=(16, m), ln_top=(32, 1))
        models[f"4 tables of {rows:,} × {m}, bag {bag}"] = (shape, BATCH, bag)
    many = ORIGINAL | dict(num_embeddings=(1000,) * 32)
    models |= {f"32 tables of 1,000 × 8, batch {batch}": (many, batch, 1) for batch in (16, 256)}
    return models | {f"wide MLPs, batch {batch}": (COMPUTE, batch, 1) for batch in (1, 64, BATCH)}


def random_batches(shape: dict, batch: int, bag: int = 1, batches: int = 16) -> list[tuple]:
    """Inputs of this shape, uniform ids: [(dense_x, indices, offsets), ...]."""
    draw, tables = torch.Generator().manual_seed(0), shape["num_embeddings"]
    offsets = [torch.arange(0, batch * bag, bag)] * len(tables)  # (B,) each

    def drawn() -> tuple:
        dense_x = torch.randn(batch, shape["ln_bot"][0], generator=draw)
        return dense_x, [torch.randint(R, (batch * bag,), generator=draw) for R in tables], offsets

    return [drawn() for _ in range(batches)]


def original_forward(model: MicroDLRM, dense_x, sparse_indices, sparse_offsets) -> Tensor:
    """The model's operators as the original calls them, no checks of the input -> (B, 1)."""
    x_dense = model.bot_l(dense_x)  # (B, d)
    bags = zip(model.emb_l, sparse_indices, sparse_offsets, strict=True)
    x_sparse = [table(ids, offsets) for table, ids, offsets in bags]  # (B, m_spa) each
    return model.top_l(model.interaction(x_dense, x_sparse))  # (B, 1)


def forward(shape: dict, batch: int, bag: int = 1, batches: int = 16) -> Callable[[int], Tensor]:
    """A callable for `timing.compare`: a fresh model's forward pass on one of a few batches."""
    model, inputs = built(shape), random_batches(shape, batch, bag, batches)
    return torch.inference_mode()(lambda i: original_forward(model, *inputs[i % batches]))


def built(shape: dict) -> MicroDLRM:
    """A model of this shape to be timed: a table's numbers are all the same, and written.

    Drawing them would take longer than timing them does.
    """
    with torch.device("meta"):
        model = MicroDLRM(**shape)
    model.to_empty(device="cpu")
    for table in model.emb_l:
        torch.nn.init.constant_(table.weight, 0.05)
    for layer in (*model.bot_l[::2], *model.top_l[::2]):
        layer.reset_parameters()
    return model


def wider(shape: dict) -> dict:
    """The same model with hidden layers twice as wide.

    That is nearly four times the FLOPs where hidden layers feed hidden layers, and less elsewhere:
    the inputs of both MLPs stay as wide as they are.
    """
    first, *bottom, last = shape["ln_bot"]
    *top, logit = shape["ln_top"]
    bottom, top = ([2 * width for width in hidden] for hidden in (bottom, top))
    return shape | dict(ln_bot=(first, *bottom, last), ln_top=(*top, logit))


ROWS, IDS, WIDTHS = "rows × 256", "ids in a bag × 2", "MLP widths × 2"


def knobs(shape: dict, bag: int = 1) -> dict[str, tuple[tuple[dict, int], tuple[dict, int]]]:
    """Knob -> the model before and after its turn, each as (shape, ids in a bag).

    Before rows are multiplied there are at most 1,024 in a table.
    """
    few = [min(rows, 1024) for rows in shape["num_embeddings"]]
    small, large = (shape | dict(num_embeddings=tuple(k * rows for rows in few)) for k in (1, 256))
    return {
        ROWS: ((small, bag), (large, bag)),
        IDS: ((shape, bag), (shape, 2 * bag)),
        WIDTHS: ((shape, bag), (wider(shape), bag)),
    }


def turned(shape: dict, batch: int, bag: int = 1, names=(IDS, WIDTHS)) -> dict[str, Spread]:
    """How many times as long a forward pass takes once each of these knobs is turned, measured."""
    found = {}
    for name in names:
        before, after = (forward(s, batch, ids, batches=8) for s, ids in knobs(shape, bag)[name])
        found[name] = ratio(after, before, rounds=5, patience=0.5)
    return found


def more_flops(shape: dict) -> float:
    """How many times the FLOPs of its MLPs a model has once they are `wider`."""
    flops = (cost.parts(1, **each)["flops"] for each in (shape, wider(shape)))
    before, after = (own[["bottom MLP", "top MLP"]].sum() for own in flops)
    return after / before


def waits_for(turns: dict[str, Spread], shape: dict) -> dict[str, float]:
    """The shares of the time that go to memory, compute and, the rest, dispatch; from `turned`.

    Twice the ids double what the rows take. Wider MLPs multiply what computing takes by as much as
    they multiply the FLOPs.
    """
    memory = turns[IDS].median - 1
    compute = (turns[WIDTHS].median - 1) / (more_flops(shape) - 1)
    return dict(memory=memory, compute=compute, dispatch=1 - memory - compute)


def look_up(tables: Sequence[Tensor], batches: list[tuple]) -> Callable[[int], list[Tensor]]:
    """A callable for `timing.compare`: the sums of each batch's bags, one table after another."""

    def run(i: int) -> list[Tensor]:
        _, indices, offsets = batches[i % len(batches)]
        bags = zip(indices, tables, offsets, strict=True)
        return [F.embedding_bag(*bag, mode="sum") for bag in bags]  # (B, m_spa) each

    return run


def table_step(
    rows: int, width: int = 32, sparse: bool = False, optimiser=torch.optim.SGD
) -> Callable[[int], None]:
    """A callable for `timing.compare`: a training step of one table, 1,024 bags of one id."""
    table = torch.nn.EmbeddingBag(rows, width, mode="sum", sparse=sparse)
    steps = optimiser(table.parameters(), lr=0.01)
    draw = torch.Generator().manual_seed(0)
    ids, offsets = torch.randint(rows, (16, 1024), generator=draw), torch.arange(1024)

    def step(i: int) -> None:
        steps.zero_grad()
        table(ids[i % 16], offsets).sum().backward()
        steps.step()

    return step


def part_calls(shape: dict, batch: int, bag: int = 1) -> dict[str, Callable[[int], object]]:
    """Callables for `timing.compare`: tables, bottom MLP, interaction, top MLP."""
    model, inputs = built(shape), random_batches(shape, batch, bag)
    tables = look_up([table.weight.detach() for table in model.emb_l], inputs)
    with torch.inference_mode():
        x_dense = [model.bot_l(dense_x) for dense_x, _, _ in inputs]  # (B, d) each
        x_sparse = [tables(i) for i in range(16)]
        z = list(map(model.interaction, x_dense, x_sparse))  # (B, width) each
    calls = {
        "tables": tables,
        "bottom MLP": lambda i: model.bot_l(inputs[i % 16][0]),
        "interaction": lambda i: model.interaction(x_dense[i % 16], x_sparse[i % 16]),
        "top MLP": lambda i: model.top_l(z[i % 16]),
    }
    return {name: torch.inference_mode()(call) for name, call in calls.items()}


def on_roofline(shape: dict, batch: int, bag: int = 1) -> dict[str, tuple[float, float]]:
    """Tables and MLPs on the roofline: part -> (intensity, GFLOP/s), the time measured.

    A part without FLOPs, such as tables with one id a bag, has no place there.
    """
    paper = cost.parts(batch, bag, **shape)[["flops", "bytes"]]
    tables = paper.filter(like="table", axis=0).sum()
    parts = {"tables": tables} | {name: paper.loc[name] for name in ("bottom MLP", "top MLP")}
    times = compare(part_calls(shape, batch, bag), rounds=5)
    return {
        name: (part["flops"] / part["bytes"], part["flops"] / times[name].median / 1e9)
        for name, part in parts.items()
        if part["flops"]
    }
