"""Inference with a model that won't be trained further: the same outputs, sooner (chapter 8)."""

import copy
import math
import mmap
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from microdlrm.inputs import check_inputs
from microdlrm.model import MicroDLRM, concat_interaction

HUGE_PAGE = 2 * 2**20  # bytes, on x86-64 and most others
_starts = lru_cache(4)(torch.arange)  # of bags of one id; most batches have one size
FOLDED = 2**18  # numbers that tables times the first layer may have: a cache should hold them


def freeze(model: MicroDLRM) -> Callable[..., Tensor]:
    """A function that does what `model` does, on a CPU, with the same arguments, sooner: -> (B, 1).

    It holds copies: training `model` afterwards doesn't change it. There are no modules and no
    graph, and activations overwrite their input. A bag of one id is fetched and not summed. Behind
    concat, small tables hold what a row adds to the top MLP's first layer, computed once. Large
    tables lie in huge pages where the system has them.

    It raises what the model raises. Raises ValueError for MLPs with other layers than MicroDLRM's.
    """
    model = copy.deepcopy(model).requires_grad_(False)
    for table in model.emb_l:
        table.weight.data = in_huge_pages(table.weight.data)
    tables = [model.emb_l[t].weight.detach() for t in model.reads]  # (R, m) each
    (first, first_bias), *bottom = _layers(model.bot_l, nn.ReLU)
    (weight, bias), *top = _layers(model.top_l, nn.Sigmoid)
    numbers, products = sum(map(len, tables)) * len(bias), []
    if model.interaction is concat_interaction and 0 < numbers <= FOLDED:
        # (x | rows) W is x times its part of W, and of each table a row of: table times its part.
        widths = [table.shape[1] for table in tables]
        of_x, *parts = weight.split([len(weight) - sum(widths), *widths])
        products = [table @ part for table, part in zip(tables, parts, strict=True)]  # (R, b) each
        products[0] += bias

    def compute(dense_x, sparse_indices, sparse_offsets, sparse_weights):
        starts = _starts(len(dense_x))
        one_each = sparse_weights is None and all(
            ids.dtype is torch.int64 and ids.shape == starts.shape and torch.equal(offsets, starts)
            for ids, offsets in zip(sparse_indices, sparse_offsets, strict=True)
        )
        if not one_each or not math.isfinite(dense_x.sum()):
            check_inputs(model, dense_x, sparse_indices, sparse_offsets, sparse_weights)
        x = _through(bottom, torch.addmm(first_bias, dense_x, first)).relu_()  # (B, d)
        held = products if one_each and products else tables
        weights = sparse_weights or [None] * len(held)
        bags = zip(held, sparse_indices, sparse_offsets, weights, strict=True)
        sums = [_sums(*bag, one_each) for bag in bags]  # (B, m) each, or (B, b)
        if held is tables:
            z = torch.addmm(bias, model.interaction(x, sums), weight)  # (B, b)
        else:
            z = reduce(Tensor.add_, sums).addmm_(x, of_x)  # (B, b)
        return _through(top, z).sigmoid_()

    @torch.inference_mode()
    def predict(dense_x, sparse_indices, sparse_offsets, sparse_weights=None) -> Tensor:
        inputs = dense_x, sparse_indices, sparse_offsets, sparse_weights
        try:
            return compute(*inputs)
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
            check_inputs(model, *inputs)  # says what is wrong; to look beforehand takes longer
            raise

    return predict


def _layers(mlp: nn.Sequential, last: type) -> list[tuple[Tensor, Tensor]]:
    """An MLP's weights, transposed (a, b), and biases (b,)."""
    kinds = [nn.Linear, nn.ReLU] * (len(mlp) // 2)
    if list(map(type, mlp)) != [*kinds[:-1], last]:
        raise ValueError(f"freeze knows MicroDLRM's own MLPs, use the model itself: got {mlp}")
    return [(layer.weight.detach().t().contiguous(), layer.bias.detach()) for layer in mlp[::2]]


def _through(layers: list[tuple[Tensor, Tensor]], z: Tensor) -> Tensor:
    """(B, a) -> (B, b), a ReLU before each layer; overwrites z."""
    for weight, bias in layers:
        z = torch.addmm(bias, z.relu_(), weight)
    return z


def _sums(table: Tensor, ids: Tensor, offsets: Tensor, weights, one_each: bool) -> Tensor:
    if one_each:
        return table.index_select(0, ids)
    return F.embedding_bag(ids, table, offsets, mode="sum", per_sample_weights=weights)


def in_huge_pages(table: Tensor) -> Tensor:
    """A copy; in huge pages (Linux) if it is large, so that rows at random miss the TLB less."""
    n_bytes = table.numel() * table.element_size()
    if n_bytes < HUGE_PAGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return table.clone()
    buffer = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel built without them
        buffer.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(buffer, dtype=table.dtype).view_as(table).copy_(table)
