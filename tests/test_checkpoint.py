"""Checkpoints: the same model again, whole or not at all, and only for the features it was trained on."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from microdlrm import MicroDLRM, checkpoint, clicks, training
from microdlrm.histories import histories


def test_a_checkpoint_gives_the_same_probabilities(tmp_path, data, prepared, few):
    with_bags = prepared.add(*histories(data, few.train))
    model, _ = training.train(with_bags, few, epochs=1)
    checkpoint.save(tmp_path / "model.pt", model, with_bags)
    again = checkpoint.load(tmp_path / "model.pt", with_bags)
    answers = [training.predict(m, with_bags, few.test) for m in (model, again)]
    assert torch.equal(*answers)
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


@pytest.fixture
def saved(tmp_path, prepared):
    torch.manual_seed(0)
    path = tmp_path / "model.pt"
    checkpoint.save(path, MicroDLRM(m_spa=2, num_embeddings=(4, 3), ln_bot=(16, 2), ln_top=(1,)), prepared)
    return path


def test_a_file_cut_short_anywhere_is_refused(saved, prepared):
    whole = saved.read_bytes()
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        saved.write_bytes(whole[:length])
        with pytest.raises(checkpoint.CheckpointError, match="cut short"):
            checkpoint.load(saved, prepared)


def test_a_file_of_something_else_is_refused(saved, prepared):
    for content in ([1, 2], dict(weights={}), dict(shape=1, weights=2, features=3)):
        torch.save(content, saved)
        with pytest.raises(checkpoint.CheckpointError, match=r"model\.pt"):
            checkpoint.load(saved, prepared)


def test_weights_of_another_shape_are_refused(saved, prepared):
    content = torch.load(saved, weights_only=True)
    content["shape"]["num_embeddings"] = [5, 3]
    torch.save(content, saved)
    with pytest.raises(checkpoint.CheckpointError, match="don't fit the shape"):
        checkpoint.load(saved, prepared)


def test_features_of_another_scale_are_refused(saved, data):
    with pytest.raises(checkpoint.CheckpointError, match="another scale"):
        checkpoint.load(saved, clicks.prepare(data, clicks.split(data, "time").train))


def test_other_features_are_refused(saved, data, prepared):
    with pytest.raises(checkpoint.CheckpointError, match="the dense features age, male, user mean, log user count"):
        checkpoint.load(saved, clicks.seed_features(data))
    with pytest.raises(checkpoint.CheckpointError, match="have user, movie, occupation, genres"):
        checkpoint.load(saved, prepared.add(clicks.genres(data)))


def test_an_interaction_of_ones_own_cannot_be_saved(tmp_path, prepared):
    with pytest.raises(ValueError, match="state_dict"):
        checkpoint.save(tmp_path / "m.pt", MicroDLRM(interaction=lambda x, xs: x), prepared)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_checkpoint(saved, prepared, monkeypatch):
    before = saved.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(saved, MicroDLRM(), prepared)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == ["model.pt"]


def test_a_kill_while_saving_leaves_the_old_checkpoint(saved, prepared):
    """Save over and over in another process, and kill it at some moment."""
    before = checkpoint.load(saved, prepared).state_dict()
    script = (
        "import sys, torch\n"
        "from microdlrm import checkpoint, clicks, model, movielens\n"
        "prepared = clicks.seed_features(movielens.load())\n"
        "small = model.MicroDLRM(m_spa=2, num_embeddings=(4, 3), ln_bot=(16, 2), ln_top=(1,))\n"
        "print('saving', flush=True)\n"
        "while True:\n"
        "    checkpoint.save(sys.argv[1], small, prepared)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(saved)], stdout=subprocess.PIPE, env=os.environ)
    with process:
        assert process.stdout.readline().strip() == b"saving"
        for _ in range(200):
            torch.load(saved, weights_only=True)  # whole, whenever one looks
        process.send_signal(signal.SIGKILL) if os.name == "posix" else process.kill()
    assert torch.load(saved, weights_only=True)["weights"].keys() == before.keys()
