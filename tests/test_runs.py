"""The command that trains."""

import json

import pytest

from microdlrm import __main__, checkpoint, training


def test_the_command_prints_one_json_object_a_seed(capsys, monkeypatch):
    monkeypatch.setitem(training.RECIPES, "dot", (dict(m_spa=2, ln_bot=(16, 2), ln_top=(1,), interaction="dot"), 1.0))
    __main__.main(["train", "--seeds", "2", "--target", "0.5", "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["seed"] for line in lines] == [0, 1]
    assert {"accuracy", "auc", "logloss", "cpu_seconds", "parameters", "reached"} <= set(lines[0])
    assert lines[0]["parameters"] == (943 + 1682 + 21 + 19) * 2 + 16 * 2 + 2 + (2 + 10) + 1


@pytest.fixture
def small(monkeypatch):
    """A model and a training that take no time."""
    monkeypatch.setitem(training.RECIPES, "dot", (dict(m_spa=2, ln_bot=(16, 2), ln_top=(1,), interaction="dot"), 1.0))
    fit = training.fit
    monkeypatch.setattr(training, "fit", lambda *args, **more: fit(*args, **more | {"epochs": 1}))


@pytest.mark.parametrize("path", ["nope/m.pt", "."])
def test_a_checkpoint_that_cannot_be_written_is_said_before_training(tmp_path, monkeypatch, path):
    monkeypatch.setattr(training, "train", lambda *args, **more: pytest.fail("it trained"))
    with pytest.raises(SystemExit, match="--checkpoint: "):
        __main__.main(["train", "--checkpoint", str(tmp_path / path)])


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_results_are_printed_whatever_happens_to_the_file(tmp_path, monkeypatch, capsys, small, form):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save", full)
    with pytest.raises(SystemExit, match=r"could not be written: .*No space"):
        __main__.main(["train", *form, "--checkpoint", str(tmp_path / "m.pt")])
    out = capsys.readouterr().out
    assert "accuracy" in out
    assert "saved" not in out


def test_a_home_is_expanded(tmp_path, monkeypatch, capsys, small):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    __main__.main(["train", "--checkpoint", "~/m.pt"])
    assert f"saved {tmp_path / 'm.pt'}" in capsys.readouterr().out
    assert (tmp_path / "m.pt").exists()
