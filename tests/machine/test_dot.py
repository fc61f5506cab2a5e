"""The dot interaction with half its backward against autograd's own."""

import pytest
import torch

from microdlrm import dot_interaction
from microdlrm.machine.dot import half_backward_dot


@pytest.mark.parametrize("n", [1, 2, 3, 5, 27])
def test_outputs_and_gradients_are_autograds(n):
    vectors = [torch.randn(7, 4, dtype=torch.double, requires_grad=True) for _ in range(n)]
    weight = torch.randn(7, 4 + n * (n - 1) // 2, dtype=torch.double)
    results = []
    for interaction in (dot_interaction, half_backward_dot):
        out = interaction(vectors[0], vectors[1:])
        results.append((out, *torch.autograd.grad((out * weight).sum(), vectors)))
    torch.testing.assert_close(results[1], results[0])
