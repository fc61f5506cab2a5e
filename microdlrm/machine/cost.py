"""What a DLRM costs on paper: parameters, FLOPs and bytes of each part, from shapes alone.

FLOPs     A multiply-add is two. Matrix products and the sums of bags count. Biases, activations,
          the loss and the sigmoid don't, and neither do they in torch.utils.flop_counter.
bytes     Compulsory traffic (Williams et al. 2009): each part reads its operands once and writes
          its results once. A row looked up twice counts twice, but for the optimiser.
training  The gradient of the batch's dense features isn't computed: nobody asks for it.
not here  Page faults; the line that a processor fetches before it writes to a part of it (Drepper
          2007, section 6.1); that ReLU reads and writes its layer's output again.

Symbols: B rows in a batch, L ids in a bag, K = B L lookups in a table of R rows, m = m_spa, d the
width of the bottom MLP's output, n = 1 + the number of tables. Numbers are float32, ids int64.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import pandas as pd

FLOAT, INT = 4, 8  # bytes
PHASES = ("forward", "backward", "step")

# FLOPs for each parameter that the optimiser visits, and the numbers it keeps for it beside the
# gradient.
OPTIMISERS = {"sgd": (2, 0), "adam": (12, 2)}


class Cost(NamedTuple):
    """FLOPs, bytes read, bytes written."""

    flops: float
    read: float
    written: float


def table_forward(lookups: float, bags: int, m: int) -> Cost:
    """An EmbeddingBag, K lookups in B bags: (K - B) m FLOPs, K rows and their ids read, B sums
    written.

    Adding up L rows takes L - 1 additions, so a bag of one id computes nothing.
    """
    return Cost(
        flops=max(0.0, lookups - bags) * m,
        read=lookups * (m * FLOAT + INT) + bags * INT,
        written=bags * m * FLOAT,
    )


def table_backward(lookups: float, bags: int, m: int, rows: int, sparse: bool) -> Cost:
    """The gradient of a table: a dense one writes all R rows, most of them zeros; a sparse one K
    rows.

    Dense: the table's gradient starts as zeros, and each lookup adds its bag's gradient to a row: K
    m FLOPs. Sparse: one row a lookup, beside the forward's own ids; rows that come up twice are
    added up later, by the optimiser.
    """
    read = bags * m * FLOAT + lookups * INT + bags * INT
    if sparse:
        return Cost(flops=0, read=read, written=lookups * m * FLOAT)
    return Cost(flops=lookups * m, read=read, written=rows * m * FLOAT)


def mlp_forward(batch: int, widths: Sequence[int]) -> Cost:
    """Layers a -> b: 2 B a b FLOPs each; (B, a), weights and bias read, (B, b) written."""
    return Cost(
        flops=sum(2 * batch * a * b for a, b in pairwise(widths)),
        read=sum((batch * a + a * b + b) * FLOAT for a, b in pairwise(widths)),
        written=sum(batch * b * FLOAT for _, b in pairwise(widths)),
    )


def mlp_backward(batch: int, widths: Sequence[int], input_needs_gradient: bool) -> Cost:
    """Two products a layer, each as large as the forward's: twice its FLOPs.

    Weights' gradient: (b, B) times (B, a), so both are read and (b, a) and the bias's (b,) written.
    Input's gradient: (B, b) times (b, a), so the weights are read and (B, a) written; the first
    layer can do without where its input needs no gradient (Goodfellow et al. 2016, 6.5).
    """
    flops = read = written = 0
    for layer, (a, b) in enumerate(pairwise(widths)):
        flops += 2 * batch * a * b
        read += (batch * b + batch * a) * FLOAT
        written += (a * b + b) * FLOAT
        if layer or input_needs_gradient:
            flops += 2 * batch * a * b
            read += a * b * FLOAT
            written += batch * a * FLOAT
    return Cost(flops, read, written)


def concat_forward(batch: int, d: int, n: int, m: int) -> Cost:
    """Nothing computed; (B, d + (n-1) m) read and written."""
    n_bytes = batch * (d + (n - 1) * m) * FLOAT
    return Cost(0, n_bytes, n_bytes)


def concat_backward(batch: int, d: int, n: int, m: int) -> Cost:
    """Each input's gradient is a slice of the output's, a view: nothing moves."""
    return Cost(0, 0, 0)


def dot_forward(batch: int, d: int, n: int, m: int) -> Cost:
    """V Vᵀ for each of B rows, V (n, d): 2 B n² d FLOPs, though only n(n-1)/2 products are kept.

    (B, n, d) read; (B, d + n(n-1)/2) written.
    """
    return Cost(
        flops=2 * batch * n * n * d,
        read=batch * n * d * FLOAT,
        written=batch * dot_width(d, n) * FLOAT,
    )


def dot_backward(batch: int, d: int, n: int, m: int) -> Cost:
    """G V + Gᵀ V, G (n, n) the gradient of V Vᵀ: two products like the forward's, 4 B n² d FLOPs.

    (One is enough: `dot.half_backward_dot`, which chapter 8 measures.)
    """
    return Cost(
        flops=4 * batch * n * n * d,
        read=batch * (dot_width(d, n) + n * d) * FLOAT,
        written=batch * n * d * FLOAT,
    )


# How many kernels PyTorch starts for an interaction, and what its two ways cost.
INTERACTIONS = {
    "concat": (1, concat_forward, concat_backward),
    "dot": (4, dot_forward, dot_backward),
}


def loss_forward(batch: int) -> Cost:
    """Binary cross-entropy from logits: (B, 1) logits and labels read, one number written."""
    return Cost(0, 2 * batch * FLOAT, FLOAT)


def loss_backward(batch: int) -> Cost:
    """p - y: (B, 1) logits and labels read, (B, 1) written."""
    return Cost(0, 2 * batch * FLOAT, batch * FLOAT)


def step_dense(parameters: int, optimiser: str) -> Cost:
    """The optimiser visits every parameter: SGD reads it and its gradient and writes it back.

    Adam (Kingma and Ba 2015) reads and writes two moments as well, and takes about 12 FLOPs where
    SGD takes 2.
    """
    flops, moments = OPTIMISERS[optimiser]
    return Cost(
        flops * parameters, (2 + moments) * parameters * FLOAT, (1 + moments) * parameters * FLOAT
    )


def step_sparse(lookups: float, rows: int, m: int, optimiser: str) -> Cost:
    """The optimiser visits each row looked up once: `distinct` rows, K rows of gradient."""
    flops, moments = OPTIMISERS[optimiser]
    visited = distinct(rows, lookups) * m
    return Cost(
        flops=flops * visited,
        read=(1 + moments) * visited * FLOAT + lookups * (m * FLOAT + INT),
        written=(1 + moments) * visited * FLOAT,
    )


def table_training(
    lookups: int, rows: int, m: int, optimiser: str = "sgd", sparse: bool = False
) -> float:
    """Bytes of a table's whole training step: there, back, the optimiser; bags of one id."""
    costs = (
        table_forward(lookups, lookups, m),
        table_backward(lookups, lookups, m, rows, sparse),
        step_sparse(lookups, rows, m, optimiser) if sparse else step_dense(rows * m, optimiser),
    )
    return sum(c.read + c.written for c in costs)


def distinct(rows: int, lookups: float) -> float:
    """Different rows that K uniform draws from R rows are to touch: R (1 - (1 - 1/R)^K)."""
    return rows * (1 - (1 - 1 / rows) ** lookups)


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
    optimiser: str = "sgd",
    sparse: bool = False,
) -> pd.DataFrame:
    """The cost of one batch, part by part: what `MicroDLRM` with the same shape does with it.

    batch       rows in the batch
    bags        ids in a bag on average: one number for all, or one for each of `reads`
    reads       which table each bag reads, as in `MicroDLRM`: one bag a table if not given
    optimiser   "sgd" or "adam"
    sparse      whether the tables' gradients are sparse

    Rows: (phase, part), with phase forward, backward or step, and part table 0, table 1, ...,
    bottom MLP, interaction, top MLP, loss. Columns: parameters; flops; read and written, in bytes;
    bytes, their sum; intensity, in FLOP per byte; operators, how many kernels PyTorch starts for it
    (forward only). Raises ValueError for an interaction or optimiser it has no formula for, or bags
    that don't match the tables.
    """
    if interaction not in INTERACTIONS:
        raise ValueError(f"interaction must be 'concat' or 'dot', got {interaction!r}")
    if optimiser not in OPTIMISERS:
        raise ValueError(f"optimiser must be one of {', '.join(OPTIMISERS)}, got {optimiser!r}")
    reads = range(len(num_embeddings)) if reads is None else reads
    bags = [bags] * len(reads) if isinstance(bags, int | float) else list(bags)
    if len(bags) != len(reads):
        raise ValueError(f"bags must be one number, or {len(reads)}, one a table read: {bags}")
    if interaction == "dot" and ln_bot[-1] != m_spa:
        raise ValueError(f"dot needs ln_bot to end in m_spa = {m_spa}, it ends in {ln_bot[-1]}")
    lines = []
    for t, rows in enumerate(num_embeddings):
        own = [bag for read, bag in zip(reads, bags, strict=True) if read == t]
        lines += _table_lines(f"table {t}", rows, m_spa, batch, own, optimiser, sparse)
    n = 1 + len(reads)
    width = ln_bot[-1] + (n - 1) * m_spa if interaction == "concat" else dot_width(ln_bot[-1], n)
    lines += _mlp_lines("bottom MLP", batch, ln_bot, optimiser, input_needs_gradient=False)
    operators, forward, backward = INTERACTIONS[interaction]
    lines += [
        ("forward", "interaction", 0, *forward(batch, ln_bot[-1], n, m_spa), operators),
        ("backward", "interaction", 0, *backward(batch, ln_bot[-1], n, m_spa), None),
    ]
    lines += _mlp_lines("top MLP", batch, (width, *ln_top), optimiser, input_needs_gradient=True)
    lines += [
        ("forward", "loss", 0, *loss_forward(batch), 1),
        ("backward", "loss", 0, *loss_backward(batch), None),
    ]
    return _frame(lines)


def _table_lines(name, rows, m, batch, bags, optimiser, sparse) -> list[tuple]:
    """A table's lines of `parts`; `bags` are the mean lengths of the bags that read it."""
    lookups, count = batch * sum(bags), batch * len(bags)
    step = step_sparse(lookups, rows, m, optimiser) if sparse else step_dense(rows * m, optimiser)
    return [
        ("forward", name, rows * m, *table_forward(lookups, count, m), len(bags)),
        ("backward", name, rows * m, *table_backward(lookups, count, m, rows, sparse), None),
        ("step", name, rows * m, *step, None),
    ]


def _mlp_lines(name, batch, widths, optimiser, input_needs_gradient) -> list[tuple]:
    weights = sum(a * b + b for a, b in pairwise(widths))
    # A ReLU follows each layer, but for the very last, which a sigmoid or the loss follows.
    operators = 2 * (len(widths) - 1)
    return [
        ("forward", name, weights, *mlp_forward(batch, widths), operators),
        ("backward", name, weights, *mlp_backward(batch, widths, input_needs_gradient), None),
        ("step", name, weights, *step_dense(weights, optimiser), None),
    ]


def _frame(lines: list[tuple]) -> pd.DataFrame:
    columns = ["phase", "part", "parameters", "flops", "read", "written", "operators"]
    frame = pd.DataFrame(sorted(lines, key=lambda line: PHASES.index(line[0])), columns=columns)
    frame.insert(6, "bytes", frame["read"] + frame["written"])
    # A part that moves nothing computes nothing either: its intensity is 0 by decree.
    frame.insert(7, "intensity", frame["flops"] / frame["bytes"].where(frame["bytes"] > 0, 1))
    frame["operators"] = frame["operators"].astype("Int64")
    return frame.set_index(["phase", "part"])


class Rates(NamedTuple):
    """What a machine can do; `measure_ceilings().rates(m_spa)` measures it.

    Rows of m_spa numbers, at random, come from one of three distances: `near`, in the cache of the
    core; `cache`, in the last one; or memory.
    """

    stream_gbs: float  # reading memory end to end
    gather_gbs: float  # rows at random from memory
    cache_gbs: float  # rows at random from the last cache
    near_gbs: float  # rows at random from the core's own
    gemm_gflops: float  # a large matrix product
    dispatch_us: float  # an operator that has next to nothing to do
    bag_us: float  # an EmbeddingBag that has next to nothing to do
    near_bytes: float  # the largest table that counts as near
    cache_bytes: float  # the most that all tables together may have to lie in the last cache


def row_gbs(table_bytes: float, all_bytes: float, rates: Rates) -> float:
    """The bandwidth of rows at random from a table of this size; all tables have `all_bytes`.

    A table is near by itself: its rows come one table at a time. The last cache has to hold all.
    """
    if table_bytes <= rates.near_bytes:
        return rates.near_gbs
    return rates.cache_gbs if all_bytes <= rates.cache_bytes else rates.gather_gbs


def predict(forward: pd.DataFrame, rates: Rates) -> pd.DataFrame:
    """How long each part of `parts(...).loc["forward"]` takes: the roofline and dispatch.

    seconds = operators * dispatch + max(flops / GEMM rate, bytes / bandwidth). A table's operators
    are EmbeddingBags, which have a price of their own, and its bandwidth is that of `row_gbs`; all
    else streams. Columns: dispatch, compute, memory and their outcome, seconds; regime: which of
    the three is the longest. The loss belongs to training and is left out.
    """
    forward = forward.drop(index="loss", errors="ignore")
    is_table = forward.index.str.startswith("table")
    held = forward["parameters"] * FLOAT
    together = held[is_table].sum()
    near_or_far = held.map(lambda n_bytes: row_gbs(n_bytes, together, rates))
    bandwidth = near_or_far.where(is_table, rates.stream_gbs)
    price = pd.Series(rates.dispatch_us, forward.index, dtype=float).mask(is_table, rates.bag_us)
    frame = pd.DataFrame(
        {
            "dispatch": forward["operators"].astype(float) * price * 1e-6,
            "compute": forward["flops"] / (rates.gemm_gflops * 1e9),
            "memory": forward["bytes"] / (bandwidth.astype(float) * 1e9),
        }
    )
    frame["seconds"] = frame["dispatch"] + frame[["compute", "memory"]].max(axis=1)
    frame["regime"] = frame[["dispatch", "compute", "memory"]].idxmax(axis=1)
    return frame


def regime(predicted: pd.DataFrame) -> str:
    """What a forward pass waits for most, by `predict`: "dispatch", "memory" or "compute"."""
    roof = predicted[["compute", "memory"]].max(axis=1)
    waits = {
        "dispatch": predicted["dispatch"].sum(),
        "compute": roof[predicted["compute"] >= predicted["memory"]].sum(),
        "memory": roof[predicted["compute"] < predicted["memory"]].sum(),
    }
    return max(waits, key=waits.get)


def total(frame: pd.DataFrame) -> pd.Series:
    """The sum over the rows of `parts`, or of some of them; the intensity is of the sums."""
    sums = frame[["flops", "read", "written", "bytes"]].sum().astype(float)
    sums["intensity"] = sums["flops"] / sums["bytes"]
    return sums
