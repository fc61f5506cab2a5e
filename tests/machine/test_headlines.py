"""What is measured in `bench` is what it says; how fast it is, `bench` itself tells."""

import json

import pytest
import torch

from microdlrm import MicroDLRM, model
from microdlrm.__main__ import main
from microdlrm.machine import hardware, headlines, regimes
from microdlrm.machine.timing import Spread


def test_the_originals_forward_is_the_models():
    model, inputs = MicroDLRM(), regimes.random_batches(regimes.ORIGINAL, 9, batches=1)[0]
    torch.testing.assert_close(regimes.original_forward(model, *inputs), model(*inputs))


@pytest.mark.parametrize("shape", [regimes.COMPUTE, regimes.ORIGINAL | dict(interaction="dot")])
def test_a_model_to_be_timed_has_the_shape_asked_for(shape):
    built, asked = regimes.built(shape), MicroDLRM(**shape)
    sizes = [{name: p.shape for name, p in m.named_parameters()} for m in (built, asked)]
    assert sizes[0] == sizes[1]
    for table in built.emb_l:
        assert (table.weight == 0.05).all()  # each row is written
    assert built(*regimes.random_batches(shape, 9, batches=1)[0]).std() > 0


def test_bmm_index_is_the_dot_interaction():
    x, tables = torch.randn(3, 4), [torch.randn(3, 4) for _ in range(5)]
    due = model.dot_interaction(x, tables)
    torch.testing.assert_close(headlines.bmm_index(x, tables), due)


def measured(value):
    def measure():
        """What it says."""
        return Spread.of([value])

    return measure


def test_a_headline_that_fails_says_so_and_fails_the_command(monkeypatch, capsys):
    for a, b, *verdicts in (
        (60.0, 0.6, "holds", "holds"),
        (60.0, 0.9, "holds", "fails"),
        (40.0, 0.6, "fails", "holds"),
    ):
        promises = {"a": (measured(a), "at least", 50), "b": (measured(b), "at most", 0.7)}
        monkeypatch.setattr(headlines, "PROMISES", promises)
        assert main(["bench", "--json"]) == ("fails" in verdicts)
        assert json.loads(capsys.readouterr().out) == {
            "a": a,
            "b": b,
            "bounds": {"a": "at least 50", "b": "at most 0.7"},
            "verdicts": dict(zip("ab", verdicts, strict=True)),
            "machine": str(hardware.machine()),
        }
        assert main(["bench"]) == ("fails" in verdicts)
        assert "What it says." in capsys.readouterr().out
    monkeypatch.setattr(headlines, "BEYOND_CACHE", ("a",))
    monkeypatch.setattr(hardware, "fits_cache", lambda n_bytes: "the cache is larger")
    assert main(["bench"]) == 0
    assert "not asked for: the cache is larger" in capsys.readouterr().out


@pytest.mark.timing
@pytest.mark.parametrize("name", ["inference_vs_seed_b256", "dot_vs_bmm_index", "checks_share"])
def test_headlines_of_a_second_or_two_hold(name):
    measure, _, _ = headlines.PROMISES[name]
    assert headlines.verdict(name, measure()) == "holds"


def test_the_plain_step_with_histories_does_without_bag_sums(monkeypatch):
    """What is compared are two backward passes of one model."""
    ours, calls = model.bag_sums, []
    monkeypatch.setattr(model, "bag_sums", lambda *bag: calls.append(1) or ours(*bag))
    monkeypatch.setattr(headlines, "ratio", lambda plain, step, **options: (plain, step))
    plain, step = headlines.history_step_vs_embedding_bag()
    plain(0)
    assert not calls
    step(0)
    assert len(calls) == 5  # user, movie, occupation, and two histories
