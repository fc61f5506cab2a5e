"""What the model accepts: bad input stops here, with a sentence that names it."""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor, nn


def check_shape(m_spa, num_embeddings, ln_bot, ln_top, interaction, reads, init, **_):
    """Raise TypeError or ValueError for sizes that no MicroDLRM can have."""
    sizes = dict(m_spa=(m_spa,), num_embeddings=num_embeddings, ln_bot=ln_bot, ln_top=ln_top)
    for name, numbers in sizes.items():
        if not all(isinstance(n, Integral) for n in numbers):
            raise TypeError(f"{name} must be of whole numbers, got {numbers}: try int")
        if min(numbers, default=1) < 1:
            raise ValueError(f"{name} must be of numbers from 1 up, got {numbers}")
    if len(ln_bot) < 2:
        raise ValueError(f"ln_bot must hold the input's width and a layer's, got {ln_bot}")
    if ln_top[-1:] != (1,):
        raise ValueError(f"ln_top must end in 1, the logit, got {ln_top}")
    if interaction == "dot" and ln_bot[-1] != m_spa:
        due = f"ln_bot must end in m_spa = {m_spa}, got {ln_bot}"
        raise ValueError(f"interaction='dot' multiplies vectors of one width: {due}")
    tables = range(len(num_embeddings))
    if not all(t in tables for t in reads):
        raise ValueError(f"reads must number tables from 0 to {len(tables) - 1}, got {reads}")
    if not 0 < init < float("inf"):
        raise ValueError(f"init must be a standard deviation, a positive number, got {init}")


def check_inputs(
    model: nn.Module,
    dense_x: Tensor,
    sparse_indices: Sequence[Tensor],
    sparse_offsets: Sequence[Tensor],
    sparse_weights: Sequence[Tensor | None] | None = None,
):
    """Raise TypeError, ValueError or IndexError where a batch doesn't fit `model`, a MicroDLRM.

    It runs on every batch: each look is a cheap operator, and words are looked for once one has
    failed.
    """
    width, dtype, n_bags = model.bot_l[0].in_features, model.bot_l[0].weight.dtype, len(model.reads)
    _check_tensor("dense_x", dense_x, dtype)
    if dense_x.dim() != 2 or dense_x.shape[1] != width:
        came = tuple(dense_x.shape)
        raise ValueError(f"dense_x must be (B, {width}), got {came}: one row is dense_x[None]")
    _check_finite("dense_x", dense_x)
    bags = dict(
        sparse_indices=sparse_indices,
        sparse_offsets=sparse_offsets,
        sparse_weights=[None] * n_bags if sparse_weights is None else sparse_weights,
    )
    for name, tensors in bags.items():
        if not hasattr(tensors, "__len__"):
            came = type(tensors).__name__
            raise TypeError(f"{name} must be a list with a tensor for each bag, got {came}")
        if len(tensors) != n_bags:
            came = f"{n_bags} bags, got {len(tensors)}"
            raise ValueError(f"{name} must hold one tensor for each of {came}")
    seen = set()
    for b, (t, ids, offsets, weights) in enumerate(zip(model.reads, *bags.values(), strict=True)):
        _check_ids(f"sparse_indices[{b}]", ids, t, model.emb_l[t].num_embeddings)
        # Bags of one id usually share one tensor of offsets: looking at it once is enough.
        if (these := (id(offsets), len(ids), ids.dtype)) not in seen:
            _check_offsets(f"sparse_offsets[{b}]", offsets, ids, len(dense_x))
            seen.add(these)
        if weights is not None:
            _check_weights(f"sparse_weights[{b}]", weights, ids, dtype)


def _check_tensor(name: str, tensor: Tensor, *dtypes: torch.dtype):
    if not isinstance(tensor, Tensor) or tensor.dtype not in dtypes:
        came = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        due = " or ".join(map(str, dtypes))
        raise TypeError(f"{name} must be a tensor of {due}, got {came}: .to({dtypes[0]}) converts")


def _check_vector(name: str, tensor: Tensor):
    _check_tensor(name, tensor, torch.int64, torch.int32)
    if tensor.dim() != 1:
        came = f"{tuple(tensor.shape)}: flatten it, offsets say where each bag starts"
        raise ValueError(f"{name} must have one dimension, got shape {came}")


def _check_finite(name: str, tensor: Tensor):
    # A sum is NaN or infinite if any term is; only then is it worth asking which. (A sum can also
    # overflow.)
    if not tensor.sum().isfinite() and not (finite := tensor.isfinite()).all():
        where = (~finite).nonzero()[0].tolist()
        came = f"{name}{where} is {tensor[tuple(where)].item()}"
        raise ValueError(f"{name} must be finite, but {came}: fill or drop it")


def _check_ids(name: str, ids: Tensor, table: int, rows: int):
    _check_vector(name, ids)
    if len(ids) == 0:
        return
    low, high = ids.aminmax()
    if low.item() < 0 or high.item() >= rows:
        where = int(((ids < 0) | (ids >= rows)).nonzero()[0, 0])
        raise IndexError(
            f"{name}[{where}] is {int(ids[where])}, but table {table} has {rows} rows: "
            f"ids go from 0 to {rows - 1} (MovieLens counts from 1: subtract 1)"
        )


def _check_offsets(name: str, offsets: Tensor, ids: Tensor, batch_size: int):
    _check_vector(name, offsets)
    if offsets.dtype != ids.dtype:
        raise TypeError(f"{name} is {offsets.dtype} and its ids are {ids.dtype}: give both one")
    if len(offsets) != batch_size:
        came = f"got {len(offsets)}: empty bags have one, too, and there is no closing entry"
        raise ValueError(f"{name} must hold {batch_size} starts, one a row of dense_x, {came}")
    first, last = (offsets[0].item(), offsets[-1].item()) if batch_size else (0, 0)
    if first != 0:
        raise ValueError(f"{name} must start at 0, not {first}: these are positions, not lengths")
    if (decreasing := offsets[1:] < offsets[:-1]).any().item():
        k = int(decreasing.nonzero()[0, 0])
        came = f"entry {k} is {offsets[k]} and the next {offsets[k + 1]}"
        raise ValueError(f"{name} must not decrease, but {came}")
    if last > len(ids) or (len(ids) and not batch_size):
        came = f"{last}, with {batch_size} bags for {len(ids)} ids"
        raise ValueError(f"{name} ends at {came}: each id has a bag, no bag starts past the last")


def _check_weights(name: str, weights: Tensor, ids: Tensor, dtype: torch.dtype):
    _check_tensor(name, weights, dtype)
    if weights.shape != ids.shape:
        came = tuple(weights.shape)
        raise ValueError(f"{name} must weigh each of the {len(ids)} ids, got shape {came}")
    _check_finite(name, weights)
