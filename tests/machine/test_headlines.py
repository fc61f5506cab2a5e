"""What is measured in `bench` is what it says; how fast it is, `bench` itself tells."""

import json

import pytest
import torch

from microdlrm import MicroDLRM, model
from microdlrm.__main__ import main
from microdlrm.machine import headlines, regimes
from microdlrm.machine.timing import Spread


def spread(*samples):
    return Spread.of(samples)


def test_the_seeds_forward_is_the_models():
    seed = MicroDLRM()
    inputs = regimes.random_batches(regimes.ORIGINAL, 9, batches=1)[0]
    torch.testing.assert_close(regimes.original_forward(seed, *inputs), seed(*inputs))


@pytest.mark.parametrize("shape", [regimes.ORIGINAL, regimes.COMPUTE, regimes.ORIGINAL | dict(interaction="dot")])
def test_a_model_to_be_timed_has_the_shape_asked_for(shape):
    built, asked = regimes._built(shape), MicroDLRM(**shape)
    sizes = [{name: p.shape for name, p in model.named_parameters()} for model in (built, asked)]
    assert sizes[0] == sizes[1]
    assert all(table.weight.is_contiguous() and table.weight.std() > 0 for table in built.emb_l)  # each row is written
    inputs = regimes.random_batches(shape, 9, batches=1)[0]
    assert built(*inputs).shape == (9, 1)


def test_bmm_index_is_the_dot_interaction():
    x, tables = torch.randn(3, 4), [torch.randn(3, 4) for _ in range(5)]
    torch.testing.assert_close(headlines.bmm_index(x, tables), headlines.half_backward_dot(x, tables))


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


def test_the_command_fails_where_a_promise_does(monkeypatch, capsys):
    kept = headlines.Headline(spread(60.0), 50, float("inf"), "")
    broken = headlines.Headline(spread(10.0), 50, float("inf"), "")
    excused = broken._replace(unless="the cache is larger")
    for results, status in (({"a": kept, "b": excused}, 0), ({"a": kept, "b": broken}, 1)):
        monkeypatch.setattr(headlines, "headlines", lambda results=results: results)
        assert main(["bench", "--json"]) == status
        assert json.loads(capsys.readouterr().out).keys() == {"a", "b"}


def test_an_excused_promise_says_why():
    excused = headlines.Headline(spread(10.0), 50, float("inf"), "says this", "the cache is larger")
    assert "not asked for: the cache is larger" in headlines.table({"a": excused})


def test_the_plain_step_with_histories_does_without_bag_sums(monkeypatch):
    """What is compared are two backward passes of one model."""
    called = []
    ours = model.bag_sums
    monkeypatch.setattr(model, "bag_sums", lambda *bag: called.append(1) or ours(*bag))
    times = {}
    monkeypatch.setattr(headlines, "compare", lambda variants, **options: times.update(variants) or Fake())
    headlines.history_step_vs_embedding_bag(batch=32)
    times["plain"](0)
    assert not called
    times["ours"](0)
    assert len(called) == 5  # user, movie, occupation, and two histories


class Fake:
    def ratio(self, *names):
        return spread(1.0)
