"""Inference with a model that won't be trained further: the same outputs, sooner.

What a frozen model needn't do, and what that buys, is measured in chapter 8.
"""

import copy
import math
import mmap
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
import torch.nn.functional as F
from torch import Tensor, addmm, equal, index_select, int64, maximum, mm, nn

from microdlrm.inputs import check_inputs
from microdlrm.model import MicroDLRM, concat_interaction

HUGE_PAGE = 2 * 2**20  # bytes, on x86-64 and most others
SMALL = 2**16  # numbers; fewer, the allocator keeps at hand
MODERATE = 10.0  # a bias that, added and taken off again, leaves an activation's digits alone
FOLDED = 2**18  # numbers that tables times the first layer may have in all: they should stay in a cache


def freeze(model: MicroDLRM) -> Callable[..., Tensor]:
    """A function that does what `model` does, with the same arguments, sooner: -> (B, 1).

    It holds copies: training `model` afterwards doesn't change it. A bag of one id is a row, so it is fetched
    and not summed; where the vectors are concatenated and the tables are small, a row and its share of the top MLP's
    first layer are one row of their product, computed once. No module stands between two operators, no graph is
    kept, activations overwrite their input, large hidden layers have buffers of their own, one set a thread, and
    large tables lie in huge pages where the system has them. Raises what the model raises, but on a CPU looks for the
    reason only once something has gone wrong.

    `.tables` are the copies that its bags read. Raises ValueError for a model whose MLPs have other layers than
    MicroDLRM gives them.
    """
    model = copy.deepcopy(model)
    bottom, top = _Layers(model.bot_l, "bot_l"), _Layers(model.top_l, "top_l")
    for table in model.emb_l:
        table.weight.data = in_huge_pages(table.weight.data)
    tables = [model.emb_l[t].weight.detach() for t in model.reads]
    plain, folded = _plain(model, tables, bottom, top), _folded(model, tables, bottom, top)
    widest = max(weight.shape[1] for weight in (*bottom.weights, *top.weights))
    on_cpu, one_id_each = next(model.parameters()).device.type == "cpu", _OneIdEach()

    def compute(dense_x, sparse_indices, sparse_offsets, sparse_weights):
        # A GPU answers an id outside its table with an assertion that ends the process: look first.
        if not on_cpu or not math.isfinite(dense_x.sum().item()):
            check_inputs(model, dense_x, sparse_indices, sparse_offsets, sparse_weights)
        batch = len(dense_x)
        if sparse_weights is None and one_id_each(sparse_indices, sparse_offsets, batch):
            if folded and batch * widest < SMALL:
                return folded(dense_x, sparse_indices)
            rows = [table.index_select(0, ids) for table, ids in zip(tables, sparse_indices, strict=True)]
            return plain(dense_x, rows)  # rows: n - 1 times (B, m_spa)
        check_inputs(model, dense_x, sparse_indices, sparse_offsets, sparse_weights)
        weights = [None] * len(tables) if sparse_weights is None else sparse_weights
        bags = zip(tables, sparse_indices, sparse_offsets, weights, strict=True)
        return plain(
            dense_x,
            [
                F.embedding_bag(ids, table, offsets, mode="sum", per_sample_weights=weights)  # (B, m_spa)
                for table, ids, offsets, weights in bags
            ],
        )

    @torch.inference_mode()
    def predict(
        dense_x: Tensor,
        sparse_indices: Sequence[Tensor],
        sparse_offsets: Sequence[Tensor],
        sparse_weights: Sequence[Tensor | None] | None = None,
    ) -> Tensor:
        inputs = dense_x, sparse_indices, sparse_offsets, sparse_weights
        try:
            return compute(*inputs)
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
            check_inputs(model, *inputs)
            raise

    predict.tables = tables
    return predict


def _plain(model: MicroDLRM, tables: list[Tensor], bottom: "_Layers", top: "_Layers") -> Callable:
    """(dense_x (B, a), x_sparse [(B, m_spa), ...]) -> (B, 1): the model's own operators."""

    def finish(dense_x: Tensor, x_sparse: list[Tensor]) -> Tensor:
        return top(model.interaction(bottom(dense_x).relu_(), x_sparse)).sigmoid_()  # (B, 1)

    return finish


def _folded(model: MicroDLRM, tables: list[Tensor], bottom: "_Layers", top: "_Layers") -> Callable | None:
    """(dense_x (B, a), ids) -> (B, 1) with fewer operators, for concat, small tables and moderate biases; else None.

    (x | rows) W is x times a part of W, and of each table a row of (table times its part of W), computed once.
    """
    numbers = sum(len(table) for table in tables) * top.weights[0].shape[1]
    if model.interaction is not concat_interaction or not tables or numbers > FOLDED:
        return None
    if not (bottom.moderate and top.moderate):
        return None
    m, weight = tables[0].shape[1], top.weights[0]  # (d + (n - 1) m_spa, b)
    of_dense, *of_tables = weight.split([len(weight) - m * len(tables), *[m] * len(tables)])
    below, shift = _floors(bottom.weights, bottom.biases)
    rows, *others = (table @ w for table, w in zip(tables, of_tables, strict=True))  # (R, b) each
    rows = rows + (top.biases[0] + shift @ of_dense)
    above, shift = _floors(top.weights[1:-1], top.biases[1:-1])
    last = top.weights[-1] if len(top.weights) > 1 else None
    last_bias = top.biases[-1] + shift @ last if last is not None and above else top.biases[-1]

    buffers = threading.local()

    def finish(dense_x: Tensor, sparse_indices: Sequence[Tensor]) -> Tensor:
        batch = len(dense_x)
        if getattr(buffers, "batch", None) != batch:  # of the batch before: most have one size
            buffers.below = [(*step, dense_x.new_empty(batch, len(step[1]))) for step in below]
            buffers.above = [(*step, dense_x.new_empty(batch, len(step[1]))) for step in above]
            buffers.rows = dense_x.new_empty(2, batch, rows.shape[1]).unbind()
            buffers.batch = batch
        x, (z, more) = dense_x, buffers.rows
        for weight, floor, out in buffers.below:
            x = maximum(mm(x, weight, out=out), floor, out=out)  # (B, d) in the end
        index_select(rows, 0, sparse_indices[0], out=z)  # (B, b)
        for table, ids in zip(others, sparse_indices[1:]):  # noqa: B905  (their number has been checked)
            z.add_(index_select(table, 0, ids, out=more))
        z.addmm_(x, of_dense)
        if last is None:
            return z.sigmoid()
        z.relu_()
        for weight, floor, out in buffers.above:
            z = maximum(mm(z, weight, out=out), floor, out=out)
        return addmm(last_bias, z, last).sigmoid_()  # (B, 1)

    return finish


def _floors(weights: list[Tensor], biases: list[Tensor]) -> tuple[list[tuple[Tensor, Tensor]], Tensor | float]:
    """Hidden layers as pairs (weight, -bias), what is left of each bias moved on; and what is left of the last.

    relu(y + b) is max(y, -b) + b, where the b behind it can be added, once and for all, to the next layer's own: a
    trip through memory less. But a b far larger than y would round y away, hence MODERATE.
    """
    steps, left = [], None
    for weight, bias in zip(weights, biases, strict=True):
        left = bias if left is None else bias + left @ weight
        steps.append((weight, -left))
    return steps, left


class _OneIdEach:
    """Whether every bag holds one id: its offsets are 0, 1, 2, ..."""

    def __init__(self):
        self.starts = torch.arange(0)

    def __call__(self, sparse_indices: Sequence[Tensor], sparse_offsets: Sequence[Tensor], batch: int) -> bool:
        starts = self.starts  # of the batch before: most have one size
        if starts.numel() != batch:
            self.starts = starts = torch.arange(batch)
        if len(sparse_offsets) != len(sparse_indices):
            return False
        seen = None  # tables with one id a bag usually share one tensor of offsets
        for ids, offsets in zip(sparse_indices, sparse_offsets):  # noqa: B905  (strict=True costs a microsecond)
            if ids.dtype is not int64 or ids.numel() != batch:
                return False
            if offsets is not seen:
                if offsets.dtype is not int64 or not offsets.is_cpu or not equal(offsets, starts):
                    return False
                seen = offsets
        return True


class _Layers:
    """A frozen MLP without its last activation: (B, a) -> (B, z).

    Large layers write into two buffers in turn, and what follows them into its input: two trips through memory less
    for each.
    """

    def __init__(self, layers: nn.Sequential, name: str):
        last = nn.ReLU if name == "bot_l" else nn.Sigmoid
        kinds = [*([nn.Linear, nn.ReLU] * len(layers))[: len(layers) - 1], last]
        for k, (layer, kind) in enumerate(zip(layers, kinds, strict=True)):
            if type(layer) is not kind:
                raise ValueError(
                    f"freeze knows MLPs as MicroDLRM builds them: {name}[{k}] is a {type(layer).__name__}, "
                    f"where {kind.__name__} was expected; use the model itself"
                )
        linear = layers[:-1:2]
        self.weights = [layer.weight.detach().t().contiguous() for layer in linear]  # (a, b) each
        self.biases = [
            layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias.detach().clone()
            for layer in linear
        ]
        self.moderate = all(bias.abs().max().item() <= MODERATE for bias in self.biases)  # NaN isn't
        self.widest = max(weight.shape[1] for weight in self.weights)
        self.floors, left = _floors(self.weights[:-1], self.biases[:-1]) if self.moderate else ([], None)
        self.last_bias = self.biases[-1] if left is None else self.biases[-1] + left @ self.weights[-1]
        self.buffers = threading.local()

    def __call__(self, x: Tensor) -> Tensor:
        # The caller keeps the last layer's output, so only the others have buffers.
        large = len(x) * self.widest >= SMALL
        hidden = self.floors or zip(self.weights[:-1], self.biases[:-1], strict=True)
        for k, (weight, bias_or_floor) in enumerate(hidden):
            out = self._buffer(k % 2, x, weight.shape[1]) if large else None
            if self.floors:
                x = mm(x, weight, out=out)
                maximum(x, bias_or_floor, out=x)
            else:
                x = addmm(bias_or_floor, x, weight, out=out).relu_()
        return addmm(self.last_bias, x, self.weights[-1])

    def _buffer(self, which: int, x: Tensor, width: int) -> Tensor:
        name, numbers = f"buffer {which}", len(x) * width
        if (buffer := getattr(self.buffers, name, None)) is None or buffer.numel() < numbers:
            buffer = x.new_empty(numbers)
            setattr(self.buffers, name, buffer)
        return buffer[:numbers].view(len(x), width)


def in_huge_pages(table: Tensor) -> Tensor:
    """A copy of `table`; in huge pages (Linux) if it is large, so that rows at random miss the TLB less."""
    n_bytes = table.numel() * table.element_size()
    if n_bytes < HUGE_PAGE or not hasattr(mmap, "MADV_HUGEPAGE") or table.device.type != "cpu":
        return table.clone()
    buffer = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel built without them
        buffer.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(buffer, dtype=table.dtype).view_as(table).copy_(table)
