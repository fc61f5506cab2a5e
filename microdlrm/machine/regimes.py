"""Models that wait for different things: their shapes, their inputs, and what to time of them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from microdlrm.machine.timing import Spread, compare
from microdlrm.model import MicroDLRM

# The original model: it waits for its operators to start.
ORIGINAL = dict(m_spa=8, num_embeddings=(943, 1682, 21), ln_bot=(16, 8, 8), ln_top=(32, 16, 1))
# Large tables and long bags, with bags of MEMORY_BAG ids: it waits for memory.
MEMORY = dict(m_spa=64, num_embeddings=(2**18,) * 4, ln_bot=(16, 64), ln_top=(32, 1))
MEMORY_BAG = 32
# Small tables and wide MLPs: it computes.
COMPUTE = dict(m_spa=64, num_embeddings=(1024,) * 4, ln_bot=(64, 1024, 1024, 64), ln_top=(1024, 1024, 1))
BATCH = 512


def grid() -> dict[str, tuple[dict, int, int]]:
    """Models of many kinds, name -> (shape, batch, bag), for asking how far a prediction can be trusted."""

    def tables(count: int, rows: int, m: int) -> dict:
        return dict(m_spa=m, num_embeddings=(rows,) * count, ln_bot=(16, m), ln_top=(32, 1))

    models = {
        f"seed, {kind}, batch {batch:,}": (ORIGINAL | dict(interaction=kind), batch, 1)
        for kind in ("concat", "dot")
        for batch in (1, 16, 256, 4096, 65536)
    }
    models |= {
        f"4 tables of {rows:,} × {m}, bag {bag}": (tables(4, rows, m), BATCH, bag)
        for rows, m in ((2**10, 64), (2**13, 64), (2**18, 64), (2**10, 8), (2**20, 8))
        for bag in (1, 32)
    }
    models |= {f"32 tables of 1,000 × 8, batch {batch}": (tables(32, 1000, 8), batch, 1) for batch in (16, 256)}
    return models | {f"wide MLPs, batch {batch}": (COMPUTE, batch, 1) for batch in (1, 64, 512)}


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


def original_forward(
    model: MicroDLRM, dense_x: Tensor, sparse_indices: Sequence[Tensor], sparse_offsets: Sequence[Tensor]
) -> Tensor:
    """The model's operators and nothing else, as the original calls them: no checks of the input. -> (B, 1)."""
    x_dense = model.bot_l(dense_x)  # (B, d)
    x_sparse = []
    for i, table in enumerate(model.emb_l):
        x_sparse.append(table(sparse_indices[i], sparse_offsets[i]))  # (B, m_spa)
    return model.top_l(model.interaction(x_dense, x_sparse))  # (B, 1)


def forward(shape: dict, batch: int, bag: int = 1, batches: int = 16) -> Callable[[int], Tensor]:
    """A callable for `timing.compare`: a fresh model's forward pass on one of a few batches."""
    model, inputs = _built(shape), random_batches(shape, batch, bag, batches)

    @torch.inference_mode()
    def run(i: int) -> Tensor:
        return original_forward(model, *inputs[i % batches])

    return run


def _built(shape: dict) -> MicroDLRM:
    """A model of this shape to be timed: each row of a table is the same, and written.

    Drawing the numbers of large tables would take longer than timing them does.
    """
    torch.manual_seed(0)
    rows = shape["num_embeddings"]
    model = MicroDLRM(**shape | dict(num_embeddings=(1,) * len(rows)))
    for table, count in zip(model.emb_l, rows, strict=True):
        table.weight = torch.nn.Parameter(table.weight.detach().repeat(count, 1))  # (R, m_spa)
        table.num_embeddings = count
    return model


def wider(shape: dict) -> dict:
    """The same model with MLPs twice as wide: about four times their FLOPs."""
    bottom = (shape["ln_bot"][0], *(2 * width for width in shape["ln_bot"][1:]))
    return shape | dict(ln_bot=bottom, ln_top=(*(2 * width for width in shape["ln_top"][:-1]), 1))


def more_rows(shape: dict) -> tuple[dict, dict]:
    """The model with small tables, and the same with tables of 256 times as many rows."""
    few = [min(rows, 1024) for rows in shape["num_embeddings"]]
    return tuple(shape | dict(num_embeddings=tuple(times * rows for rows in few)) for times in (1, 256))


def turned(shape: dict, batch: int, bag: int = 1) -> dict[str, Spread]:
    """What each knob does to the time, measured: times as long with twice the ids in each bag, MLPs twice as wide."""
    times = compare(
        {
            "as it is": forward(shape, batch, bag, batches=8),
            "ids in a bag × 2": forward(shape, batch, 2 * bag, batches=8),
            "MLP widths × 2": forward(wider(shape), batch, bag, batches=8),
        }
    )
    return {name: times.ratio(name, "as it is") for name in list(times)[1:]}


def measured_regime(turns: dict[str, Spread]) -> str:
    """What moves the time, from `turned`: "memory", "compute" or, where neither does, "dispatch".

    Twice the ids double what the rows take; MLPs twice as wide take four times as long, less what grows only twofold.
    """
    shares = {
        "memory": turns["ids in a bag × 2"].median - 1,
        "compute": (turns["MLP widths × 2"].median - 1) / 3,
    }
    shares["dispatch"] = 1 - shares["memory"] - shares["compute"]
    return max(shares, key=shares.get)


def part_calls(shape: dict, batch: int, bag: int = 1, batches: int = 16) -> dict[str, Callable[[int], object]]:
    """Callables for `timing.compare`, one for each part of a model: tables, bottom MLP, interaction, top MLP."""
    model, inputs = _built(shape), random_batches(shape, batch, bag, batches)

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
