"""The model: DLRM (Naumov et al. 2019, arXiv:1906.00091) at laptop size, the whole of it.

    dense_x ─ bottom MLP ──────────┐
                                   ├─ interaction ─ top MLP ─ logit ─ sigmoid ─ click probability
    bags of ids ─ embedding tables ┘

Shapes: B rows in a batch, d the bottom MLP's output width, m_spa the width of an embedding row,
n = 1 + the number of bags, as a rule one a table: the vectors that meet in the interaction.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from microdlrm.bags import bag_sums
from microdlrm.inputs import check_inputs, check_shape

Interaction = Callable[[Tensor, list[Tensor]], Tensor]


def mlp(widths: Sequence[int], last: nn.Module) -> nn.Sequential:
    """Linear layers from `widths[0]` to `widths[-1]`, a ReLU between them, `last` at the end."""
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        layers += [nn.Linear(width_in, width_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1], last)


def concat_interaction(x_dense: Tensor, x_sparse: list[Tensor]) -> Tensor:
    """The vectors side by side: (B, d) and n - 1 times (B, m_spa) -> (B, d + (n - 1) * m_spa)."""
    return torch.cat([x_dense, *x_sparse], dim=1)


def dot_interaction(x_dense: Tensor, x_sparse: list[Tensor]) -> Tensor:
    """Every pair's dot product, behind the dense vector (Naumov et al. 2019, section 2.2).

    x_dense (B, d) and x_sparse, a list of (B, d), -> (B, d + n(n-1)/2), n = 1 + len(x_sparse):
    [x_dense | v_i . v_j for i < j in torch.triu_indices(n, n, 1) order], v = [x_dense, *x_sparse].
    """
    v = torch.stack([x_dense, *x_sparse], dim=1)  # (B, n, d)
    n = v.shape[1]
    i, j = torch.triu_indices(n, n, 1, device=v.device)  # (n(n-1)/2,) each
    pairs = torch.bmm(v, v.mT).flatten(1).index_select(1, i * n + j)  # (B, n(n-1)/2)
    return torch.cat([x_dense, pairs], dim=1)  # (B, d + n(n-1)/2)


INTERACTIONS = {"concat": concat_interaction, "dot": dot_interaction}


class MicroDLRM(nn.Module):
    """Click probability from dense features and bags of ids.

    m_spa           width of an embedding row
    num_embeddings  rows of each table; by default MovieLens-100K's users, movies, occupations
    ln_bot          widths of the bottom MLP, the input first
    ln_top          widths of the top MLP's layers; its input width follows from the interaction
    interaction     "concat", "dot", or a callable: x_dense (B, d), x_sparse [(B, m_spa), ...] ->
                    (B, width)
    reads           which table each bag of the input reads; one bag a table, in order, if not
                    given. An id and its history share a table: reads=(0, 1, 2, 1) looks up a
                    fourth bag in table 1
    init            standard deviation of the embedding rows at the start. PyTorch's own is 1.0: a
                    dot product of two such rows starts with a spread of sqrt(m_spa), which means
                    nothing yet
    sparse          let the tables produce sparse gradients, for torch.optim.SparseAdam or SGD

    `shape` keeps these arguments: MicroDLRM(**model.shape) is a twin, for torch.save and
    load_state_dict. Raises TypeError or ValueError for sizes that can't be a model's, or that
    don't fit together.
    """

    def __init__(
        self,
        m_spa: int = 8,
        num_embeddings: Sequence[int] = (943, 1682, 21),
        ln_bot: Sequence[int] = (16, 8, 8),
        ln_top: Sequence[int] = (32, 16, 1),
        interaction: str | Interaction = "concat",
        reads: Sequence[int] | None = None,
        init: float = 0.05,
        sparse: bool = False,
    ):
        super().__init__()
        self.reads = tuple(range(len(num_embeddings)) if reads is None else reads)
        self.shape = dict(
            m_spa=m_spa, num_embeddings=tuple(num_embeddings), ln_bot=tuple(ln_bot),
            ln_top=tuple(ln_top), interaction=interaction, reads=self.reads, init=init,
            sparse=sparse,
        )  # fmt: skip
        if not callable(interaction) and interaction not in INTERACTIONS:
            came = repr(interaction)
            raise ValueError(f"interaction must be 'concat', 'dot' or a callable, got {came}")
        check_shape(**self.shape)
        self.interaction = INTERACTIONS.get(interaction, interaction)
        tables = (nn.EmbeddingBag(R, m_spa, mode="sum", sparse=sparse) for R in num_embeddings)
        self.emb_l = nn.ModuleList(tables)
        for table in self.emb_l:
            nn.init.normal_(table.weight, std=init)
        self.bot_l = mlp(ln_bot, last=nn.ReLU())
        self.top_l = mlp([self._interaction_width(), *ln_top], last=nn.Sigmoid())

    def forward(self, dense_x, sparse_indices, sparse_offsets, sparse_weights=None) -> Tensor:
        """Click probabilities (B, 1). Arguments and errors as in `logits`."""
        z = self.logits(dense_x, sparse_indices, sparse_offsets, sparse_weights)  # (B, 1)
        return torch.sigmoid(z)  # (B, 1)

    def logits(
        self,
        dense_x: Tensor,
        sparse_indices: Sequence[Tensor],
        sparse_offsets: Sequence[Tensor],
        sparse_weights: Sequence[Tensor | None] | None = None,
    ) -> Tensor:
        """Log-odds of a click (B, 1), for a loss: exact where a probability rounds to 1.

        dense_x         (B, ln_bot[0]) floats
        sparse_indices  one tensor for each of `reads`: the ids of all bags, one bag after another
        sparse_offsets  one tensor (B,) for each: where each bag starts; an empty bag sums to 0
        sparse_weights  what each id's row is multiplied by before the sum; None: by one

        Raises TypeError or ValueError for inputs that don't fit, IndexError for ids without a row.
        """
        check_inputs(self, dense_x, sparse_indices, sparse_offsets, sparse_weights)
        sparse_weights = sparse_weights or [None] * len(self.reads)
        x_dense = self.bot_l(dense_x)  # (B, d)
        bags = zip(self.reads, sparse_indices, sparse_offsets, sparse_weights, strict=True)
        x_sparse = [bag_sums(self.emb_l[t], *bag) for t, *bag in bags]  # n - 1 times (B, m_spa)
        z = self.interaction(x_dense, x_sparse)  # (B, width)
        return self.top_l[:-1](z)  # (B, 1), the sigmoid left out

    def _interaction_width(self) -> int:
        # A callable knows its own width best. Two rows show whether the batch dimension is lost.
        d, m_spa = self.shape["ln_bot"][-1], self.shape["m_spa"]
        with torch.no_grad():
            z = self.interaction(torch.zeros(2, d), [torch.zeros(2, m_spa) for _ in self.reads])
        if not isinstance(z, Tensor) or z.dim() != 2 or z.shape[0] != 2:
            came = f"shape {tuple(z.shape)}" if isinstance(z, Tensor) else repr(z)
            raise ValueError(f"interaction must return a (B, width) tensor, for B = 2 gave {came}")
        return z.shape[1]
