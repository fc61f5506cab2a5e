"""What a DLRM costs on paper, from shapes alone: each part of its forward pass, and a table's
training step.

FLOPs     A multiply-add is two. Matrix products and the sums of bags count. Biases, activations
          and the sigmoid don't, and neither do they in torch.utils.flop_counter.
bytes     Compulsory traffic (Williams et al. 2009): each part reads its operands once and writes
          its results once. A row looked up twice counts twice, but for the optimiser.
not here  Page faults; the line that a processor fetches before it writes to a part of it (Drepper
          2007, section 6.1); that ReLU reads and writes its layer's output again.

Symbols: B rows in a batch, L ids in a bag, K = B L lookups in a table of R rows, m = m_spa, d the
width of the bottom MLP's output, n = 1 + the number of tables. Numbers are float32, ids int64.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

FLOAT, INT = 4, 8  # bytes
MOMENTS = {"sgd": 0, "adam": 2}  # numbers that the optimiser keeps for each parameter


# --- a forward pass ---


def table_forward(lookups: float, bags: int, m: int) -> tuple[float, float, float]:
    """An EmbeddingBag, K lookups in B bags: (K - B) m FLOPs; bytes read, of K rows and their ids;
    bytes written, of B sums.

    Adding up L rows takes L - 1 additions, so a bag of one id computes nothing.
    """
    read = lookups * (m * FLOAT + INT) + bags * INT
    return max(0.0, lookups - bags) * m, read, bags * m * FLOAT


def dot_width(d: int, n: int) -> int:
    """Width of the dot interaction's output: d + n(n-1)/2."""
    return d + n * (n - 1) // 2


def parts(
    batch: int,
    bags: float | Sequence[float] = 1,
    *,
    m_spa: int = 8,
    num_embeddings: Sequence[int] = (943, 1682, 21),
    ln_bot: Sequence[int] = (16, 8, 8),
    ln_top: Sequence[int] = (32, 16, 1),
    interaction: str = "concat",
    reads: Sequence[int] | None = None,
) -> pd.DataFrame:
    """The cost of one batch's forward pass, part by part, in a `MicroDLRM` of this shape.

    batch  rows in the batch
    bags   ids in a bag on average: one number for all, or one for each of `reads`
    reads  which table each bag reads, as in `MicroDLRM`: one bag a table if not given

    Rows: table 0, table 1, ..., bottom MLP, interaction, top MLP. Columns: parameters; flops; read
    and written, in bytes; bytes, their sum; intensity, in FLOP per byte; operators, how many
    kernels PyTorch starts for it. Raises ValueError for an interaction it has no formula for, or
    bags that don't match the tables.
    """
    if interaction not in ("concat", "dot"):
        raise ValueError(f"interaction must be 'concat' or 'dot', got {interaction!r}")
    reads = range(len(num_embeddings)) if reads is None else reads
    bags = [bags] * len(reads) if isinstance(bags, int | float) else bags
    lines = {}
    for t, rows in enumerate(num_embeddings):
        own = [bag for read, bag in zip(reads, bags, strict=True) if read == t]
        forward = table_forward(batch * sum(own), batch * len(own), m_spa)
        lines[f"table {t}"] = (rows * m_spa, *forward, len(own))
    d, n = ln_bot[-1], 1 + len(reads)
    lines["bottom MLP"] = _mlp_line(batch, ln_bot)
    width, flops, operators = d + (n - 1) * m_spa, 0, 1
    read = batch * width * FLOAT
    if interaction == "dot":  # V Vᵀ for each row, V (n, d): half of the products aren't kept
        width, flops, operators = dot_width(d, n), 2 * batch * n * n * d, 4
    lines["interaction"] = (0, flops, read, batch * width * FLOAT, operators)
    lines["top MLP"] = _mlp_line(batch, (width, *ln_top))
    columns = ["parameters", "flops", "read", "written", "operators"]
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=columns).rename_axis("part")
    frame.insert(4, "bytes", frame["read"] + frame["written"])
    frame.insert(5, "intensity", frame["flops"] / frame["bytes"].clip(lower=1))
    return frame


def _mlp_line(batch: int, widths: Sequence[int]) -> tuple:
    """Layers a -> b: 2 B a b FLOPs each; (B, a), weights and bias read, (B, b) written.

    A ReLU follows each, but for the very last, which a sigmoid follows.
    """
    weights = sum(a * b + b for a, b in pairwise(widths))
    flops = sum(2 * batch * a * b for a, b in pairwise(widths))
    read = (batch * sum(widths[:-1]) + weights) * FLOAT
    return weights, flops, read, batch * sum(widths[1:]) * FLOAT, 2 * (len(widths) - 1)


# --- the bytes of a table's training step ---


def table_backward(lookups: float, bags: int, m: int, rows: int, sparse: bool) -> float:
    """The gradient of a table: a dense one writes all R rows, most of them zeros; a sparse one a
    row a lookup, beside the forward's own ids. Rows that come up twice the optimiser adds up.
    """
    return (bags + (lookups if sparse else rows)) * m * FLOAT + (lookups + bags) * INT


def step_bytes(lookups: float, rows: int, m: int, optimiser: str, sparse: bool) -> float:
    """The optimiser visits every parameter: SGD reads it and its gradient and writes it back; Adam
    (Kingma and Ba 2015) reads and writes two moments as well.

    With a sparse gradient it visits each row looked up once: `distinct` rows, K rows of gradient
    and their ids.
    """
    visited = m * (distinct(rows, lookups) if sparse else rows)
    gradient = lookups * (m * FLOAT + INT) if sparse else visited * FLOAT
    return gradient + 2 * (1 + MOMENTS[optimiser]) * visited * FLOAT


def table_training(lookups: int, rows: int, m: int, optimiser: str, sparse: bool) -> float:
    """The whole step, there, back and the optimiser, with bags of one id."""
    _, read, written = table_forward(lookups, lookups, m)
    back = table_backward(lookups, lookups, m, rows, sparse)
    return read + written + back + step_bytes(lookups, rows, m, optimiser, sparse)


def distinct(rows: int, lookups: float) -> float:
    """Different rows that K uniform draws from R rows are to touch: R (1 - (1 - 1/R)^K)."""
    return rows * (1 - (1 - 1 / rows) ** lookups)


# --- how long it takes ---


class Rates(NamedTuple):
    """What a machine can do, rows being m_spa wide: `measure_ceilings().rates(m_spa)`."""

    stream_gbs: float  # reading memory end to end
    gather_gbs: float  # rows at random from memory
    cache_gbs: float  # rows at random from the last cache
    near_gbs: float  # rows at random from the core's own
    gemm_gflops: float  # a large matrix product
    dispatch_us: float  # an operator that has next to nothing to do
    bag_us: float  # an EmbeddingBag that has next to nothing to do
    near_bytes: float  # the largest table that counts as near
    cache_bytes: float  # the most that all tables together may have to lie in the last cache


def predict(parts: pd.DataFrame, rates: Rates) -> pd.DataFrame:
    """How long each part of `parts` takes: the roofline and dispatch.

    seconds = operators * dispatch + max(flops / peak, bytes / bandwidth). A table's operators
    are EmbeddingBags, which have a price of their own. Its rows come from one of three distances,
    the core's own cache, the last one or memory: a table is near by itself, as rows come one table
    at a time, and the last cache has to hold all. All else streams. Columns: dispatch, compute,
    memory and their outcome, seconds.
    """
    is_table = parts.index.str.startswith("table")
    held = parts["parameters"] * FLOAT
    price = np.where(is_table, rates.bag_us, rates.dispatch_us)
    beyond = rates.cache_gbs if held[is_table].sum() <= rates.cache_bytes else rates.gather_gbs
    of_rows = np.where(held <= rates.near_bytes, rates.near_gbs, beyond)
    bandwidth = np.where(is_table, of_rows, rates.stream_gbs)
    frame = pd.DataFrame()
    frame["dispatch"] = parts["operators"] * price * 1e-6
    frame["compute"] = parts["flops"] / (rates.gemm_gflops * 1e9)
    frame["memory"] = parts["bytes"] / (bandwidth * 1e9)
    frame["seconds"] = frame["dispatch"] + frame[["compute", "memory"]].max(axis=1)
    return frame
