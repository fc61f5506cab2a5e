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


# --- wrapped models, and what is kept of them ---


@pytest.mark.parametrize(
    "wrap",
    [
        lambda m: torch.compile(m, backend="eager"),
        torch.nn.DataParallel,
        torch.optim.swa_utils.AveragedModel,
        lambda m: torch.nn.DataParallel(torch.compile(m, backend="eager")),
    ],
    ids=["compiled", "DataParallel", "averaged", "both"],
)
def test_a_wrapped_model_is_saved_bare(tmp_path, prepared, wrap):
    model = MicroDLRM()
    checkpoint.save(tmp_path / "m.pt", wrap(model), prepared)
    again = checkpoint.load(tmp_path / "m.pt", prepared)
    assert again.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), model.parameters(), strict=True))


def test_what_is_no_model_of_the_course_is_refused_when_saved(tmp_path, prepared):
    with pytest.raises(TypeError, match="holds a MicroDLRM, got Linear"):
        checkpoint.save(tmp_path / "m.pt", torch.nn.Linear(2, 2), prepared)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("sparse", [False, True])
def test_dtype_and_sparse_gradients_are_kept(tmp_path, prepared, dtype, sparse):
    model = MicroDLRM(sparse=sparse).to(dtype)
    model.top_l.float()  # mixed, as people mix them
    checkpoint.save(tmp_path / "m.pt", model, prepared)
    again = checkpoint.load(tmp_path / "m.pt", prepared)
    assert [p.dtype for p in again.parameters()] == [p.dtype for p in model.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), model.parameters(), strict=True))
    assert [table.sparse for table in again.emb_l] == [sparse] * 3
    assert all(p.requires_grad for p in again.parameters())


# --- what a file is ---


def test_what_the_file_is_instead(saved, prepared, tmp_path):
    model = MicroDLRM()
    for content, says in (
        (model, "a whole pickled object"),
        (model.state_dict(), "a state_dict"),
        ({"model": model.state_dict(), "epoch": 3}, "a dictionary of other things"),
        (torch.zeros(3), "it holds Tensor"),
    ):
        torch.save(content, saved)
        with pytest.raises(checkpoint.CheckpointError, match=says) as raised:
            checkpoint.load(saved, prepared)
        assert "cut short" not in str(raised.value)
    torch.save(model, saved, _use_new_zipfile_serialization=False)
    with pytest.raises(checkpoint.CheckpointError, match="a whole pickled object"):
        checkpoint.load(saved, prepared)
    saved.write_text("<html>")
    with pytest.raises(checkpoint.CheckpointError, match=r"nothing that torch\.save writes begins with b'<h'"):
        checkpoint.load(saved, prepared)
    with pytest.raises(checkpoint.CheckpointError, match="it is a folder"):
        checkpoint.load(tmp_path, prepared)


def test_a_checkpoint_of_a_later_format_is_refused(saved, prepared):
    torch.save(torch.load(saved, weights_only=True) | {"format": 99}, saved)
    with pytest.raises(checkpoint.CheckpointError, match="of format 99"):
        checkpoint.load(saved, prepared)


def test_a_checkpoint_of_the_first_format_is_read(saved, prepared):
    content = torch.load(saved, weights_only=True)
    content["features"]["sparse"] = [name for name, *_ in content["features"]["sparse"]]
    del content["format"], content["sparse"], content["features"]["means"]
    torch.save(content, saved)
    assert checkpoint.load(saved, prepared).emb_l[0].num_embeddings == 4


def test_the_same_features_with_the_leak_closed_are_others(tmp_path, data, split):
    leaky, closed = clicks.seed_features(data), clicks.seed_features(data, split.train)
    checkpoint.save(tmp_path / "m.pt", MicroDLRM(), leaky)
    checkpoint.load(tmp_path / "m.pt", leaky)
    with pytest.raises(checkpoint.CheckpointError, match="the same names and other values, 'user"):
        checkpoint.load(tmp_path / "m.pt", closed)


def test_features_that_read_another_table_are_others(tmp_path, prepared):
    checkpoint.save(tmp_path / "m.pt", MicroDLRM(), prepared)
    user, *others = prepared.sparse
    with pytest.raises(checkpoint.CheckpointError, match=r"have user \(table people, 943 rows\)"):
        checkpoint.load(tmp_path / "m.pt", prepared._replace(sparse=(user._replace(table="people"), *others)))


# --- where it is written ---


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_the_file_has_the_mode_that_the_umask_gives(tmp_path, prepared, umask, mode):
    before = os.umask(umask)
    try:
        checkpoint.save(tmp_path / "m.pt", MicroDLRM(), prepared)
    finally:
        os.umask(before)
    assert (tmp_path / "m.pt").stat().st_mode & 0o777 == mode


def test_a_path_that_is_a_folder_leaves_nothing_behind(tmp_path, prepared):
    (tmp_path / "m.pt").mkdir()
    with pytest.raises(OSError, match=r"m\.pt"):
        checkpoint.save(tmp_path / "m.pt", MicroDLRM(), prepared)
    assert [p.name for p in tmp_path.iterdir()] == ["m.pt"]


def test_a_home_is_expanded(tmp_path, prepared, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    checkpoint.save(checkpoint.place("~/m.pt"), MicroDLRM(), prepared)
    assert (tmp_path / "m.pt").exists()
    checkpoint.load("~/m.pt", prepared)


@pytest.mark.parametrize(("path", "says"), [("nope/m.pt", "can't be written: No such file"), (".", "is a folder")])
def test_where_nothing_can_be_written(tmp_path, path, says):
    with pytest.raises(checkpoint.CheckpointError, match=says):
        checkpoint.place(tmp_path / path)
