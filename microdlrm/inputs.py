"""What the model accepts: bad input stops here with a sentence, not three calls deeper with an index error.

`check_sizes` looks once, when a model is built. What `check_inputs` does is a cheap operator or two, for it runs on
every batch; words are looked for once one has failed.
"""

import math
from collections.abc import Sequence
from numbers import Integral, Real

import torch
from torch import Tensor, nn


def check_sizes(m_spa: int, num_embeddings: Sequence[int], ln_bot: Sequence[int], ln_top: Sequence[int], init: float):
    """Raise TypeError or ValueError for sizes that no MicroDLRM can have."""
    _check_size("m_spa", m_spa, "the width of an embedding row")
    for name, sizes, least, what in (
        ("num_embeddings", num_embeddings, 0, "the rows of each table"),
        ("ln_bot", ln_bot, 2, "the bottom MLP's widths, the input first and at least one layer behind it"),
        ("ln_top", ln_top, 1, "the widths of the top MLP's layers, the last of them 1"),
    ):
        if not isinstance(sizes, Sequence) or isinstance(sizes, str):
            raise TypeError(f"{name} must be a list or tuple, {what}; got {sizes!r}")
        if len(sizes) < least:
            raise ValueError(f"{name} must hold {what}; got {tuple(sizes)}")
        for k, size in enumerate(sizes):
            _check_size(f"{name}[{k}]", size, f"in {what}")
    if ln_top[-1] != 1:
        raise ValueError(f"ln_top must end in 1, the logit; it ends in {ln_top[-1]}: {tuple(ln_top)}")
    if isinstance(init, bool) or not isinstance(init, Real) or not 0 < init < math.inf:
        raise ValueError(
            f"init must be a positive number, the standard deviation of the embeddings at the start, got {init!r}: "
            f"0.05 is usual here, and 1.0 is PyTorch's own"
        )


def _check_size(name: str, size: int, what: str):
    if isinstance(size, bool) or not isinstance(size, Integral):
        raise TypeError(f"{name} must be a whole number, {what}; got {size!r}, {type(size).__name__}: try int({name})")
    if size < 1:
        raise ValueError(f"{name} must be at least 1, {what}; got {size}")


def check_inputs(
    model: nn.Module,
    dense_x: Tensor,
    sparse_indices: Sequence[Tensor],
    sparse_offsets: Sequence[Tensor],
    sparse_weights: Sequence[Tensor | None] | None = None,
):
    """Raise TypeError, ValueError or IndexError where a batch doesn't fit `model`, a MicroDLRM.

    While the model is exported (torch.export), nothing is checked: there are no numbers yet to look at.
    """
    if torch.compiler.is_exporting():
        return
    if sparse_weights is None:
        sparse_weights = [None] * len(model.reads)
    _check_dense(dense_x, model.bot_l[0])
    bags = dict(sparse_indices=sparse_indices, sparse_offsets=sparse_offsets, sparse_weights=sparse_weights)
    for name, tensors in bags.items():
        if not hasattr(tensors, "__len__"):
            raise TypeError(f"{name} must be a list with a tensor for each bag, got {type(tensors).__name__}")
        if len(tensors) != len(model.reads):
            raise ValueError(
                f"{name} must hold one tensor for each bag that the model reads: {len(model.reads)}, got {len(tensors)}"
            )
    seen = None
    for b, (t, ids, offsets, weights) in enumerate(zip(model.reads, *bags.values(), strict=True)):
        _check_ids(b, t, ids, model.emb_l[t].num_embeddings)
        # Bags of one id usually share one tensor of offsets: looking at it once is enough.
        if seen != (this := (id(offsets), len(ids), ids.dtype)):
            _check_offsets(b, offsets, ids, batch_size=len(dense_x))
            seen = this
        if weights is not None and (weights.shape != ids.shape or weights.dtype != dense_x.dtype):
            raise ValueError(
                f"sparse_weights[{b}] must weigh each of the {len(ids)} ids, {dense_x.dtype}, "
                f"got shape {tuple(weights.shape)}, {weights.dtype}"
            )
        if weights is not None and not math.isfinite(weights.sum().item()) and not (finite := weights.isfinite()).all():
            k = int((~finite).nonzero()[0, 0])
            raise ValueError(f"sparse_weights[{b}] must be finite, but entry {k} is {weights[k].item()}")


def _check_dense(dense_x: Tensor, first: nn.Linear):
    expected = f"(B, {first.in_features}) of {first.weight.dtype}"
    if not isinstance(dense_x, Tensor):
        raise TypeError(f"dense_x must be a tensor {expected}, got {type(dense_x).__name__}")
    if dense_x.dim() != 2 or dense_x.shape[1] != first.in_features:
        raise ValueError(
            f"dense_x must be {expected}, got shape {tuple(dense_x.shape)}: its width is ln_bot[0], "
            f"the number of dense features; a single row needs a batch dimension, dense_x[None]"
        )
    if dense_x.dtype != first.weight.dtype:
        raise TypeError(
            f"dense_x must be {expected}, got {dense_x.dtype}: convert it, dense_x.to({first.weight.dtype})"
        )
    # A sum is NaN or infinite if any term is; only then is it worth asking which (a sum can also overflow).
    if not math.isfinite(dense_x.sum().item()) and not (finite := dense_x.isfinite()).all():
        row, column = (~finite).nonzero()[0].tolist()
        raise ValueError(
            f"dense_x must be finite; row {row}, column {column} is {dense_x[row, column].item()}, and "
            f"{int((~finite).sum())} values are NaN or infinite in all: fill or drop them before the model"
        )


def _check_ids(b: int, t: int, ids: Tensor, rows: int):
    name = f"sparse_indices[{b}]"
    _check_vector(name, ids)
    if len(ids) == 0:
        return
    low, high = ids.aminmax()
    if low.item() < 0 or high.item() >= rows:
        where = int(((ids < 0) | (ids >= rows)).nonzero()[0, 0])
        raise IndexError(
            f"{name}[{where}] is {int(ids[where])}, but table {t} has {rows} rows: "
            f"ids go from 0 to {rows - 1} (MovieLens counts from 1: subtract 1)"
        )


def _check_offsets(b: int, offsets: Tensor, ids: Tensor, batch_size: int):
    name = f"sparse_offsets[{b}]"
    _check_vector(name, offsets)
    if offsets.dtype != ids.dtype:
        raise TypeError(f"{name} is {offsets.dtype} and sparse_indices[{b}] {ids.dtype}: give both one dtype")
    if len(offsets) != batch_size:
        raise ValueError(
            f"{name} must hold one start for each of the {batch_size} rows of dense_x, got {len(offsets)} "
            f"(no closing entry, and an empty bag has a start, too)"
        )
    if batch_size == 0:
        if len(ids):
            raise ValueError(f"sparse_indices[{b}] holds {len(ids)} ids, but the batch has no rows for them")
        return
    if (first := offsets[0].item()) != 0:
        raise ValueError(f"{name} must start at 0, it starts at {first}: offsets are positions, not lengths")
    if (decreasing := offsets[1:] < offsets[:-1]).any().item():
        where = int(decreasing.nonzero()[0, 0])
        raise ValueError(
            f"{name} must not decrease, but entry {where} is {int(offsets[where])} and the next "
            f"{int(offsets[where + 1])}: offsets are where bags start, not how long they are"
        )
    if (last := offsets[-1].item()) > len(ids):
        raise ValueError(
            f"{name} ends at {last}, past the end of sparse_indices[{b}], which holds {len(ids)} ids: "
            f"a bag must start where there still are ids, or, if it is empty, right behind them"
        )


def _check_vector(name: str, tensor: Tensor):
    if not isinstance(tensor, Tensor) or tensor.dtype not in (torch.int64, torch.int32):
        came = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise TypeError(f"{name} must be a tensor of int64 (or int32), got {came}: convert it with .long()")
    if tensor.dim() != 1:
        raise ValueError(
            f"{name} must have one dimension, all bags one after another, got shape {tuple(tensor.shape)}: "
            f"flatten it, and let the offsets say where each bag starts"
        )
