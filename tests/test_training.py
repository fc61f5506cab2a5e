"""Training: repeatable, better than guessing, and fit for what happens on the way."""

import json

import numpy as np
import pytest
import torch

from microdlrm import MicroDLRM, __main__, clicks, metrics, movielens, training
from microdlrm.histories import histories


def test_equal_seeds_give_equal_models(data, prepared, few):
    with_bags = prepared.add(clicks.genres(data), *histories(data, few.train))
    first, again, other = (
        training.train(with_bags, few, seed=s, epochs=2)[0].state_dict() for s in (1, 1, 2)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["emb_l.0.weight"], other["emb_l.0.weight"])


def interrupt(model, epoch):
    if epoch == 4:
        raise KeyboardInterrupt


@pytest.mark.parametrize("watch", [None, interrupt])
def test_training_beats_guessing_and_keeps_its_best_epoch(prepared, few, capsys, watch):
    """Without decay it soon learns the training rows by heart, and gets worse."""
    model, epochs = training.train(prepared, few, decay=0.0, batch_size=128, epochs=5, watch=watch)
    loss = epochs["logloss"]
    assert len(loss) == (4 if watch else 5)
    assert ("4 finished epochs" in capsys.readouterr().out) == (watch is not None)
    assert loss.iloc[-1] > loss.min() + 0.01
    kept = training.evaluate(model, prepared, few.validation)
    assert kept.logloss == pytest.approx(loss.min(), abs=1e-6)
    y = prepared.y[few.validation, 0].numpy()
    assert kept.logloss < metrics.score(np.full(len(y), y.mean()), y).logloss - 0.02
    assert (epochs["cpu_seconds"].diff().dropna() > 0).all()


def test_decay_acts_on_embeddings_alone(prepared, few):
    def norms(decay):
        torch.manual_seed(0)
        model = MicroDLRM(num_embeddings=prepared.num_embeddings, init=1.0)
        training.fit(model, prepared, few, epochs=1, embedding_decay=decay)
        return model.emb_l[0].weight.norm().item(), model.top_l[0].weight.norm().item()

    (table, top), (decayed_table, decayed_top) = norms(0.0), norms(50.0)
    assert decayed_table < 0.9 * table
    assert decayed_top == pytest.approx(top, rel=0.05)


@pytest.mark.parametrize("judge", [training.predict, training.evaluate])
def test_a_model_with_dropout_is_judged_without_it_and_trains_with_it(prepared, few, judge):
    model, modes = training.build(prepared), []
    model.top_l.insert(1, torch.nn.Dropout(0.5))
    model.top_l[1].register_forward_hook(lambda layer, inputs, output: modes.append(layer.training))
    judge(model, prepared, few.test)
    assert not any(modes)
    assert model.training  # its mode is put back
    training.fit(model.eval(), prepared, few, epochs=1)
    assert True in modes


def test_who_interrupts_a_judgement_has_the_mode_back(prepared, few):
    def interrupted(layer, inputs):
        raise KeyboardInterrupt

    model = training.build(prepared)
    model.top_l[0].register_forward_pre_hook(interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.predict(model, prepared, few.test)
    assert model.training


def test_a_training_that_diverges_says_so_and_keeps_what_it_has(prepared, few, capsys):
    model = training.build(prepared)
    epochs = training.fit(model, prepared, few, lr=1e30, epochs=3)
    assert "diverged" in capsys.readouterr().out
    assert len(epochs) < 3
    finite = all(parameter.isfinite().all() for parameter in model.parameters())
    assert finite == bool(len(epochs))


def test_a_certain_answer_costs_its_logit(prepared, few):
    """A float32 probability of 1 would cost 36, or infinity."""
    model = training.build(prepared)
    with torch.no_grad():
        model.top_l[-2].weight.zero_()
        model.top_l[-2].bias.fill_(20.0)
    y = prepared.y[few.test, 0].numpy()
    p = training.predict(model, prepared, few.test)
    level = metrics.level(p, y, np.arange(len(y)) % 50)
    for logloss in (metrics.score(p, y).logloss, level.loc["logloss", "value"]):
        assert logloss == pytest.approx(20 * (1 - y.mean()), rel=1e-6)


def test_the_command_prints_one_json_object_a_seed(data, capsys, monkeypatch):
    small = data._replace(ratings=data.ratings.head(5000))
    monkeypatch.setattr(movielens, "load", lambda: small)
    __main__.main(["train", "--seeds", "2", "--split", "user", "--histories", "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["seed"] for line in lines] == [0, 1]
    assert {"accuracy", "auc", "logloss", "cpu_seconds", "parameters"} <= set(lines[0])
    # tables, bottom MLP, top MLP on the dense vector and the 21 products of 7
    assert lines[0]["parameters"] == 2665 * 32 + 17 * 64 + 65 * 32 + (32 + 21 + 1) * 128 + 129
    with pytest.raises(SystemExit, match="--seeds"):
        __main__.main(["train", "--seeds", "0"])
    for asked in (["-h"], ["train", "-h"]):
        with pytest.raises(SystemExit, match="0"):
            __main__.main(asked)
