"""Adagrad by rows, against a plain loop in whole numbers of steps."""

import pytest
import torch
from torch import nn

from microdlrm.wild.adagrad import RowwiseAdagrad, state_bytes


def by_hand(table, steps, lr, eps):
    """A loop over rows: each remembers the sum of the means of its squared gradients."""
    rows, squares = [row.clone() for row in table], [0.0] * len(table)
    for gradient in steps:
        for r, g in enumerate(gradient):
            if any(x != 0 for x in g.tolist()):
                squares[r] += sum(x * x for x in g.tolist()) / len(g)
                rows[r] = rows[r] - lr * g / (squares[r] ** 0.5 + eps)
    return torch.stack(rows)


@pytest.mark.parametrize("sparse", [True, False])
def test_it_is_the_loop(sparse):
    torch.manual_seed(0)
    table = nn.EmbeddingBag(7, 4, mode="sum", sparse=sparse)
    start, optimiser, steps = (
        table.weight.detach().clone(),
        RowwiseAdagrad(table.parameters(), lr=0.1),
        [],
    )
    for ids in ([0, 3, 3, 5], [3, 6], [0, 0, 0]):
        optimiser.zero_grad()
        out = table(torch.tensor(ids), torch.tensor([0, 1]))
        (out**2).sum().backward()
        steps.append(table.weight.grad.to_dense().clone())
        optimiser.step()
    assert torch.allclose(table.weight.detach(), by_hand(start, steps, 0.1, 1e-8), atol=1e-6)
    assert torch.equal(table.weight[[1, 2, 4]], start[[1, 2, 4]])  # never looked up


def test_one_number_a_row_is_kept():
    sizes = {}
    for make in (torch.optim.Adam, torch.optim.Adagrad, RowwiseAdagrad):
        table = nn.Embedding(50, 16)
        optimiser = make(table.parameters(), lr=0.1)
        table(torch.tensor([1, 2])).sum().backward()
        optimiser.step()
        sizes[make.__name__] = state_bytes(optimiser)
    assert sizes == {"Adam": 2 * 50 * 16 * 4, "Adagrad": 50 * 16 * 4, "RowwiseAdagrad": 50 * 4}


def test_a_table_without_a_gradient_stays():
    table = nn.Embedding(3, 2)
    before = table.weight.detach().clone()
    RowwiseAdagrad(table.parameters()).step()
    assert torch.equal(table.weight, before)
