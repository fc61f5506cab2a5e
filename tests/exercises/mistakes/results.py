"""Something else than one float32 tensor comes back."""

# ruff: noqa
from itertools import combinations

import torch

from mistakes import wrong


def _parts(x_dense, x_sparse):
    v = [x_dense, *x_sparse]
    return [x_dense, *((a * b).sum(1, keepdim=True) for a, b in combinations(v, 2))]


@wrong("not started", "...")
def stub(x_dense, x_sparse):
    """The dense vector, then every pair's dot product."""
    ...


@wrong("not started", "...")
def nbgrader_stub(x_dense, x_sparse):
    # YOUR CODE HERE
    raise NotImplementedError()


@wrong("nothing returned", "return")
def forgot_return(x_dense, x_sparse):
    torch.cat(_parts(x_dense, x_sparse), 1)


@wrong("nothing returned", "return")
def half_done(x_dense, x_sparse):
    T = torch.stack([x_dense, *x_sparse], 1)
    ...


@wrong("returns a list", "joined")
def list_of_parts(x_dense, x_sparse):
    return _parts(x_dense, x_sparse)


@wrong("returns a tuple", "tuple")
def two_results(x_dense, x_sparse):
    first, *pairs = _parts(x_dense, x_sparse)
    return first, torch.cat(pairs, 1)


@wrong("returns a tuple", "comma")
def trailing_comma(x_dense, x_sparse):
    return torch.cat(_parts(x_dense, x_sparse), 1),  # fmt: skip


@wrong("returns a NumPy array", "NumPy")
def as_numpy(x_dense, x_sparse):
    return torch.cat(_parts(x_dense, x_sparse), 1).numpy()


@wrong("returns a number", "number")
def total(x_dense, x_sparse):
    return torch.cat(_parts(x_dense, x_sparse), 1).sum().item()


@wrong("returns a generator", "generator")
def yields(x_dense, x_sparse):
    yield torch.cat(_parts(x_dense, x_sparse), 1)


@wrong("wrong dtype", "float64")
def in_double(x_dense, x_sparse):
    return torch.cat(_parts(x_dense, x_sparse), 1).double()


@wrong("wrong dtype", "int64")
def as_integers(x_dense, x_sparse):
    return torch.cat(_parts(x_dense, x_sparse), 1).long()


@wrong("wrong device", "device")
def elsewhere(x_dense, x_sparse):
    return torch.cat(_parts(x_dense, x_sparse), 1).to("meta")


@wrong("wrong arguments", "x_sparse")
def spread_out(x_dense, user, movie, occupation):
    return torch.cat(_parts(x_dense, [user, movie, occupation]), 1)


@wrong("wrong arguments", "x_dense")
def as_a_method(self, x_dense, x_sparse):
    return torch.cat(_parts(x_dense, x_sparse), 1)


@wrong("not started", "...")
def returns_the_stub(x_dense, x_sparse):
    return ...
