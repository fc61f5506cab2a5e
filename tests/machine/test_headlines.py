"""What is measured in `bench` is what it says; how fast it is, `bench` itself tells."""

import torch

from microdlrm import MicroDLRM
from microdlrm.machine import headlines, regimes
from microdlrm.machine.timing import Spread


def spread(*samples):
    return Spread.of(samples)


def test_the_seeds_forward_is_the_models():
    model = MicroDLRM()
    inputs = regimes.random_batches(regimes.SEED, 9, batches=1)[0]
    torch.testing.assert_close(regimes.seed_forward(model, *inputs), model(*inputs))


def test_bmm_index_is_the_dot_interaction():
    x, tables = torch.randn(3, 4), [torch.randn(3, 4) for _ in range(5)]
    torch.testing.assert_close(headlines.bmm_index(x, tables), headlines.dot_interaction(x, tables))


def test_the_table_shows_each_ratio_beside_its_bound():
    results = {
        "good": headlines.Headline(spread(60.0), 50, float("inf"), "says this"),
        "bad": headlines.Headline(spread(0.9), 0, 0.7, "says that"),
    }
    _, good, bad = headlines.table(results).splitlines()
    assert good.startswith("✓")
    assert "at least 50" in good
    assert bad.startswith("✗")
    assert "at most 0.7" in bad
