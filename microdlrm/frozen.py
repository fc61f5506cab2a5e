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


def freeze(model: MicroDLRM) -> Callable[[Tensor, Sequence[Tensor], Sequence[Tensor]], Tensor]:
    """A function that does what `model` does, (dense_x, sparse_indices, sparse_offsets) -> (B, 1), sooner.

    It holds copies: training `model` afterwards doesn't change it. A bag of one id is a row, so it is fetched
    and not summed. No module stands between two operators, no graph is kept, activations overwrite their
    input, and large tables lie in huge pages where the system has them. Raises what the model raises, but it
    looks for the reason only once something has gone wrong.
    """
    model = copy.deepcopy(model)
    for table in model.emb_l:
        table.weight.data = _in_huge_pages(table.weight.data)
    tables = [table.weight.detach() for table in model.emb_l]
    bottom, top = _layers(model.bot_l), _layers(model.top_l)
    one_id_a_bag = torch.arange(4096)

    def is_row(ids: Tensor, offsets: Tensor, batch: int) -> bool:
        return (
            len(ids) == len(offsets) == batch <= len(one_id_a_bag)
            and offsets.dtype == one_id_a_bag.dtype
            and torch.equal(offsets, one_id_a_bag[:batch])
        )

    def compute(dense_x: Tensor, sparse_indices: Sequence[Tensor], sparse_offsets: Sequence[Tensor]) -> Tensor:
        if not math.isfinite(dense_x.sum().item()):
            check_inputs(model, dense_x, sparse_indices, sparse_offsets)
        bags = list(zip(sparse_indices, sparse_offsets, strict=True))
        if all(is_row(ids, offsets, len(dense_x)) for ids, offsets in bags):
            rows = zip(tables, sparse_indices, strict=True)
            x_sparse = [table.index_select(0, ids) for table, ids in rows]  # n - 1 times (B, m_spa)
        else:
            check_inputs(model, dense_x, sparse_indices, sparse_offsets)
            x_sparse = [
                F.embedding_bag(ids, table, offsets, mode="sum")  # (B, m_spa)
                for table, (ids, offsets) in zip(tables, bags, strict=True)
            ]
        z = model.interaction(_forward(dense_x, bottom).relu_(), x_sparse)  # (B, width)
        return _forward(z, top).sigmoid_()  # (B, 1)

    @torch.inference_mode()
    def predict(dense_x: Tensor, sparse_indices: Sequence[Tensor], sparse_offsets: Sequence[Tensor]) -> Tensor:
        try:
            return compute(dense_x, sparse_indices, sparse_offsets)
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
            check_inputs(model, dense_x, sparse_indices, sparse_offsets)
            raise

    return predict


def _forward(x: Tensor, layers: list[tuple[Tensor, Tensor]]) -> Tensor:
    """An MLP without its last activation: (B, a) -> (B, z)."""
    for layer, (weight, bias) in enumerate(layers):
        # With addmm the bias is first copied into every row of the result: an extra trip through memory.
        x = torch.mm(x.relu_() if layer else x, weight).add_(bias)
    return x


def _layers(layers: nn.Sequential) -> list[tuple[Tensor, Tensor]]:
    """Weights (a, b), ready to be multiplied from the right, and biases (b,) of the linear layers."""
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    return [(layer.weight.detach().t(), layer.bias.detach()) for layer in linear]


def _in_huge_pages(table: Tensor) -> Tensor:
    """A copy of `table`; in huge pages (Linux) if it is large, so that rows at random miss the TLB less."""
    n_bytes = table.numel() * table.element_size()
    if n_bytes < HUGE_PAGE or not hasattr(mmap, "MADV_HUGEPAGE") or table.device.type != "cpu":
        return table.clone()
    buffer = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel built without them
        buffer.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(buffer, dtype=table.dtype).view_as(table).copy_(table)
