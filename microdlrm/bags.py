"""The sum of a bag's rows, with a gradient that long bags can afford.

PyTorch's own EmbeddingBag finds the lookups of each row by sorting them, one by one (chapter 7
measures it). But the gradient of a sum of bags is itself a sum of bags: a row's gradient adds up
those of the bags that it stood in. So one fast sort turns the bags inside out, and the same
operator that went forward goes back.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def bag_sums(
    table: nn.EmbeddingBag, ids: Tensor, offsets: Tensor, weights: Tensor | None
) -> Tensor:
    """What `table(ids, offsets, per_sample_weights=weights)` gives, and the same gradients: (B,
    m_spa).

    Weights (L,) that want a gradient, as those of an attention do, take EmbeddingBag's own way
    back.
    """
    # Who traces the model mustn't be made to ask for a length: the trace would hold for this length
    # alone.
    learned = weights is not None and weights.requires_grad
    plain = torch.compiler.is_compiling() or table.sparse or learned or not torch.is_grad_enabled()
    if plain or len(ids) == len(offsets):
        return table(ids, offsets, weights)  # (B, m_spa)
    return _BagSums.apply(table.weight, ids, offsets, weights)  # (B, m_spa)


class _BagSums(torch.autograd.Function):
    """table (R, d), ids (L,), offsets (B,), weights (L,) or None -> (B, d)."""

    @staticmethod
    def forward(table: Tensor, ids: Tensor, offsets: Tensor, weights: Tensor | None) -> Tensor:
        return F.embedding_bag(
            ids, table, offsets, mode="sum", per_sample_weights=weights
        )  # (B, d)

    @staticmethod
    def setup_context(ctx, inputs, output):
        table, ids, offsets, weights = inputs
        ctx.rows = len(table)
        ctx.save_for_backward(ids, offsets, weights)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor):
        ids, offsets, weights = ctx.saved_tensors
        lengths = torch.diff(offsets, append=offsets.new_tensor([len(ids)]))  # (B,)
        bag = torch.repeat_interleave(lengths, output_size=len(ids))  # (L,) the bag of each lookup
        # A radix sort makes a pass for each byte of a number, whatever its value: take the
        # narrowest that holds an id.
        narrow = torch.int16 if ctx.rows <= 2**15 else torch.int32
        by_row, order = ids.to(narrow).sort(stable=True)  # (L,) each
        starts = torch.searchsorted(
            by_row, torch.arange(ctx.rows, dtype=narrow, device=ids.device)
        )  # (R,)
        of_table = F.embedding_bag(
            bag.index_select(0, order),
            gradient.contiguous(),
            starts,
            mode="sum",
            per_sample_weights=None if weights is None else weights.index_select(0, order),
        )  # (R, d)
        return of_table, None, None, None
