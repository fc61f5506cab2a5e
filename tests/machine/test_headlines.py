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


@pytest.mark.parametrize(
    "shape", [regimes.ORIGINAL, regimes.COMPUTE, regimes.ORIGINAL | dict(interaction="dot")]
)
def test_a_model_to_be_timed_has_the_shape_asked_for(shape):
    built, asked = regimes._built(shape), MicroDLRM(**shape)
    sizes = [{name: p.shape for name, p in model.named_parameters()} for model in (built, asked)]
    assert sizes[0] == sizes[1]
    assert all(
        table.weight.is_contiguous() and table.weight.std() > 0 for table in built.emb_l
    )  # each row is written
    inputs = regimes.random_batches(shape, 9, batches=1)[0]
    assert built(*inputs).shape == (9, 1)


def test_bmm_index_is_the_dot_interaction():
    x, tables = torch.randn(3, 4), [torch.randn(3, 4) for _ in range(5)]
    torch.testing.assert_close(
        headlines.bmm_index(x, tables), headlines.half_backward_dot(x, tables)
    )


def test_a_headline_that_fails_says_so_and_fails_the_command(monkeypatch, capsys):
    least = headlines.Headline(spread(60.0), "at least", 50, "says this")
    most = headlines.Headline(spread(0.9), "at most", 0.7, "says that")
    excused = most._replace(unless="the cache is larger")
    for results, status in (({"a": least, "b": excused}, 0), ({"a": least, "b": most}, 1)):
        monkeypatch.setattr(headlines, "headlines", lambda results=results: results)
        assert main(["bench", "--json"]) == status
        said = json.loads(capsys.readouterr().out)
        assert (said["a"], said["b"]) == (60.0, 0.9)
        assert said["bounds"] == {"a": "at least 50", "b": "at most 0.7"}
        assert said["verdicts"]["a"] == "holds"
        assert (said["verdicts"]["b"] == "fails") == bool(status)
        assert torch.__version__ in said["machine"]
        assert main(["bench"]) == status
        assert ("fails" in capsys.readouterr().out) == bool(status)


@pytest.mark.timing
@pytest.mark.parametrize("name", ["inference_vs_seed_b256", "dot_vs_bmm_index", "checks_share"])
def test_headlines_of_a_second_or_two_hold(name):
    assert headlines.headlines(name)[name].verdict == "holds"


def test_the_plain_step_with_histories_does_without_bag_sums(monkeypatch):
    """What is compared are two backward passes of one model."""
    called = []
    ours = model.bag_sums
    monkeypatch.setattr(model, "bag_sums", lambda *bag: called.append(1) or ours(*bag))
    times = {}
    monkeypatch.setattr(
        headlines, "compare", lambda variants, **options: times.update(variants) or Fake()
    )
    headlines.history_step_vs_embedding_bag(batch=32)
    times["plain"](0)
    assert not called
    times["ours"](0)
    assert len(called) == 5  # user, movie, occupation, and two histories


class Fake:
    def ratio(self, *names):
        return spread(1.0)
