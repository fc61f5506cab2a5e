"""Inference with a model that won't be trained further: the same outputs, sooner.

What a frozen model needn't do, and what that buys, is measured in chapter 8.
"""

import copy
import math
import mmap
from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from microdlrm.inputs import check_inputs
from microdlrm.model import MicroDLRM

HUGE_PAGE = 2 * 2**20  # bytes, on x86-64 and most others
SMALL = 2**16  # numbers; fewer, the allocator keeps at hand


def freeze(model: MicroDLRM) -> Callable[..., Tensor]:
    """A function that does what `model` does, with the same arguments, sooner: -> (B, 1).

    It holds copies: training `model` afterwards doesn't change it. A bag of one id is a row, so it is fetched
    and not summed. No module stands between two operators, no graph is kept, activations overwrite their
    input, hidden layers have buffers of their own (so it isn't for two threads at once), and large tables lie
    in huge pages where the system has them. Raises what the model raises, but looks for the reason only once
    something has gone wrong.
    """
    model = copy.deepcopy(model)
    for table in model.emb_l:
        table.weight.data = _in_huge_pages(table.weight.data)
    tables = [model.emb_l[t].weight.detach() for t in model.reads]
    bottom, top = _Layers(model.bot_l), _Layers(model.top_l)

    def compute(dense_x, sparse_indices, sparse_offsets, sparse_weights):
        inputs = dense_x, sparse_indices, sparse_offsets, sparse_weights
        if not math.isfinite(dense_x.sum().item()):
            check_inputs(model, *inputs)
        if sparse_weights is None and _one_id_each(sparse_indices, sparse_offsets, len(dense_x)):
            rows = zip(tables, sparse_indices, strict=True)
            x_sparse = [table.index_select(0, ids) for table, ids in rows]  # n - 1 times (B, m_spa)
        else:
            check_inputs(model, *inputs)
            if sparse_weights is None:
                sparse_weights = [None] * len(tables)
            x_sparse = [
                F.embedding_bag(ids, table, offsets, mode="sum", per_sample_weights=weights)  # (B, m_spa)
                for table, ids, offsets, weights in zip(
                    tables, sparse_indices, sparse_offsets, sparse_weights, strict=True
                )
            ]
        z = model.interaction(bottom(dense_x).relu_(), x_sparse)  # (B, width)
        return top(z).sigmoid_()  # (B, 1)

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

    return predict


_STARTS = torch.arange(4096)  # of bags of one id


def _one_id_each(sparse_indices: Sequence[Tensor], sparse_offsets: Sequence[Tensor], batch: int) -> bool:
    seen = None  # tables with one id a bag usually share one tensor of offsets
    for ids, offsets in zip(sparse_indices, sparse_offsets, strict=True):
        if offsets is not seen:
            if offsets.dtype != _STARTS.dtype or not torch.equal(offsets, _STARTS[:batch]):
                return False
            seen = offsets
        if len(ids) != batch:
            return False
    return batch <= len(_STARTS)


class _Layers:
    """A frozen MLP without its last activation: (B, a) -> (B, z).

    Two trips through memory are saved for each hidden layer. relu(y + b) is max(y, -b) + b, and the b behind it
    can be added once and for all to the next layer's own: what is left is one maximum. And large layers write
    into two buffers in turn: fresh memory of that size would come from the system on every call, and its pages
    be zeroed one fault after another.
    """

    def __init__(self, layers: nn.Sequential):
        linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
        self.weights = [layer.weight.detach().t().contiguous() for layer in linear]  # (a, b) each
        self.floors, bias = [], linear[0].bias.detach()
        for layer, weight in zip(linear[1:], self.weights[1:], strict=True):
            self.floors.append(-bias)
            bias = layer.bias.detach() + bias @ weight
        self.bias = bias
        self.buffers = [linear[0].weight.new_empty(0) for _ in range(2)]

    def __call__(self, x: Tensor) -> Tensor:
        *hidden, last = self.weights
        for layer, (weight, floor) in enumerate(zip(hidden, self.floors, strict=True)):
            x = torch.mm(x, weight, out=self._buffer(layer % 2, len(x), weight.shape[1]))
            torch.maximum(x, floor, out=x)
        return torch.addmm(self.bias, x, last)

    def _buffer(self, which: int, rows: int, width: int) -> Tensor | None:
        if rows * width < SMALL:
            return None
        if self.buffers[which].numel() < rows * width:
            self.buffers[which] = self.buffers[which].new_empty(rows * width)
        return self.buffers[which][: rows * width].view(rows, width)


def _in_huge_pages(table: Tensor) -> Tensor:
    """A copy of `table`; in huge pages (Linux) if it is large, so that rows at random miss the TLB less."""
    n_bytes = table.numel() * table.element_size()
    if n_bytes < HUGE_PAGE or not hasattr(mmap, "MADV_HUGEPAGE") or table.device.type != "cpu":
        return table.clone()
    buffer = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel built without them
        buffer.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(buffer, dtype=table.dtype).view_as(table).copy_(table)
