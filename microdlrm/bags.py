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
    """What `table(ids, offsets, weights)` gives, (B, m_spa), and the same gradients.

    Weights (L,) that want a gradient, as an attention's do, take EmbeddingBag's own way back.
    """
    learned = weights is not None and weights.requires_grad
    if len(ids) == len(offsets) or learned or table.sparse or not torch.is_grad_enabled():
        return table(ids, offsets, weights)  # (B, m_spa)
    return _BagSums.apply(table.weight, ids, offsets, weights)  # (B, m_spa)


class _BagSums(torch.autograd.Function):
    """table (R, d), ids (L,), offsets (B,), weights (L,) or None -> (B, d)."""

    @staticmethod
    def forward(ctx, table: Tensor, ids: Tensor, offsets: Tensor, weights: Tensor | None) -> Tensor:
        ctx.rows = len(table)
        ctx.save_for_backward(ids, offsets, weights)
        return F.embedding_bag(ids, table, offsets, mode="sum", per_sample_weights=weights)

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
        every_row = torch.arange(ctx.rows, dtype=narrow, device=ids.device)
        starts = torch.searchsorted(by_row, every_row)  # (R,)
        bag, gradient = bag.index_select(0, order), gradient.contiguous()
        if weights is not None:
            weights = weights.index_select(0, order)
        of_table = F.embedding_bag(bag, gradient, starts, mode="sum", per_sample_weights=weights)
        return of_table, None, None, None  # (R, d)
