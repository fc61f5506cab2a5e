"""The dot interaction with half its backward against autograd's own."""

import pytest
import torch

from microdlrm import MicroDLRM, dot_interaction
from microdlrm.machine.dot import half_backward_dot


@pytest.mark.parametrize("n", [1, 2, 3, 5, 27])
def test_outputs_and_gradients_are_autograds(n):
    draw = torch.Generator().manual_seed(n)
    v = [
        torch.randn(7, 4, generator=draw, dtype=torch.double, requires_grad=True) for _ in range(n)
    ]
    weight = torch.randn(7, 4 + n * (n - 1) // 2, generator=draw, dtype=torch.double)
    results = []
    for interaction in (dot_interaction, half_backward_dot):
        out = interaction(v[0], v[1:])
        results.append((out, *torch.autograd.grad((out * weight).sum(), v)))
    torch.testing.assert_close(results[1], results[0])


def test_a_model_trains_with_it():
    torch.manual_seed(0)
    model = MicroDLRM(ln_bot=(16, 8), interaction=half_backward_dot)
    batch = (
        torch.randn(5, 16),
        [torch.randint(0, n, (5,)) for n in (943, 1682, 21)],
        [torch.arange(5)] * 3,
    )
    model(*batch).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
