"""Inference with a model that won't be trained further: the same outputs, sooner (chapter 8)."""

import copy
import math
import mmap
from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from microdlrm.inputs import check_inputs
from microdlrm.model import MicroDLRM, concat_interaction

HUGE_PAGE = 2 * 2**20  # bytes, on x86-64 and most others
FOLDED = (
    2**18
)  # numbers that tables times the first layer may have in all: a cache should hold them


def freeze(model: MicroDLRM) -> Callable[..., Tensor]:
    """A function that does what `model` does, on a CPU, with the same arguments, sooner: -> (B, 1).

    It holds copies: training `model` afterwards doesn't change it. There are no modules and no
    graph, and activations overwrite their input. A bag of one id is fetched and not summed. Behind
    concat, small tables hold what a row adds to the top MLP's first layer, computed once. Large
    tables lie in huge pages where the system has them; `.tables` are those that the bags read.

    It raises what the model raises. Raises ValueError for MLPs with other layers than MicroDLRM's.
    """
    model = copy.deepcopy(model).requires_grad_(False)
    for table in model.emb_l:
        table.weight.data = in_huge_pages(table.weight.data)
    tables = [model.emb_l[t].weight.detach() for t in model.reads]
    bottom, top = _layers(model.bot_l, nn.ReLU, "bot_l"), _layers(model.top_l, nn.Sigmoid, "top_l")
    numbers = sum(map(len, tables)) * len(top[0][1])
    concat = model.interaction is concat_interaction and tables
    first_layer = _folded(tables, *top[0]) if concat and numbers <= FOLDED else None
    starts = torch.arange(0)  # of the batch before: most have one size

    def compute(dense_x, sparse_indices, sparse_offsets, sparse_weights):
        nonlocal starts
        own = starts if len(starts) == len(dense_x) else torch.arange(len(dense_x))
        starts = own
        rows = _one_id_each(sparse_indices, sparse_offsets, own, len(tables))
        rows = rows and sparse_weights is None
        if not rows or not math.isfinite(dense_x.sum().item()):
            check_inputs(model, dense_x, sparse_indices, sparse_offsets, sparse_weights)
        x = _through(bottom, dense_x).relu_()  # (B, d)
        if rows and first_layer:
            z = first_layer(x, sparse_indices)  # (B, b)
            return (_through(top[1:], z.relu_()) if top[1:] else z).sigmoid_()
        if rows:
            x_sparse = list(map(_row, tables, sparse_indices))  # (B, m_spa) each
        else:
            weights = sparse_weights or [None] * len(tables)
            bags = zip(tables, sparse_indices, sparse_offsets, weights, strict=True)
            x_sparse = [
                F.embedding_bag(ids, table, offsets, mode="sum", per_sample_weights=weigh)
                for table, ids, offsets, weigh in bags
            ]
        return _through(top, model.interaction(x, x_sparse)).sigmoid_()

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
            check_inputs(model, *inputs)  # says what is wrong; to look beforehand takes longer
            raise

    predict.tables = tables
    return predict


def _folded(tables: list[Tensor], weight: Tensor, bias: Tensor) -> Callable[..., Tensor]:
    """(x (B, d), ids) -> (B, b): concat and the top MLP's first layer.

    (x | rows) W is x times its part of W, and of each table a row of: table times its part of W.
    """
    m = tables[0].shape[1]
    of_dense, *of_tables = weight.split([len(weight) - m * len(tables), *[m] * len(tables)])
    products = [table @ w for table, w in zip(tables, of_tables, strict=True)]  # (R, b) each
    products[0] += bias

    def first_layer(x: Tensor, sparse_indices: Sequence[Tensor]) -> Tensor:
        z, *others = map(_row, products, sparse_indices)  # (B, b) each
        for other in others:
            z.add_(other)
        return z.addmm_(x, of_dense)

    return first_layer


def _one_id_each(
    indices: Sequence[Tensor], offsets: Sequence[Tensor], starts: Tensor, bags: int
) -> bool:
    """Whether there are so many bags, and each holds one id: its offsets are 0, 1, 2, ..."""
    return (
        len(indices) == len(offsets) == bags
        and all(ids.dtype is torch.int64 and ids.shape == starts.shape for ids in indices)
        # Bags of one id usually share one tensor of offsets: looking at it once is enough.
        and all(torch.equal(own, starts) for own in {id(own): own for own in offsets}.values())
    )


def _layers(mlp: nn.Sequential, last: type, name: str) -> list[tuple[Tensor, Tensor]]:
    """An MLP's weights, transposed (a, b), and biases (b,)."""
    for k, layer in enumerate(mlp):
        kind = last if k == len(mlp) - 1 else (nn.Linear, nn.ReLU)[k % 2]
        if type(layer) is not kind:
            raise ValueError(
                f"freeze knows MicroDLRM's own MLPs: {name}[{k}] must be a {kind.__name__}, "
                f"got a {type(layer).__name__}: use the model itself"
            )
    return [(layer.weight.detach().t().contiguous(), layer.bias.detach()) for layer in mlp[:-1:2]]


def _through(layers: list[tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
    """(B, a) -> (B, z), a ReLU between two layers and none behind the last."""
    *hidden, (last, last_bias) = layers
    for weight, bias in hidden:
        x = torch.addmm(bias, x, weight).relu_()
    return torch.addmm(last_bias, x, last)


def _row(table: Tensor, ids: Tensor) -> Tensor:
    return table.index_select(0, ids)


def in_huge_pages(table: Tensor) -> Tensor:
    """A copy; in huge pages (Linux) if it is large, so that rows at random miss the TLB less."""
    n_bytes = table.numel() * table.element_size()
    if n_bytes < HUGE_PAGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return table.clone()
    buffer = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel built without them
        buffer.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(buffer, dtype=table.dtype).view_as(table).copy_(table)
