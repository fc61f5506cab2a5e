"""Keeping a trained model: a file that holds its shape, its weights and what its features were."""

import contextlib
import os
import pickle
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from microdlrm.clicks import Clicks
from microdlrm.model import INTERACTIONS, MicroDLRM


class CheckpointError(RuntimeError):
    """The file can't be used; the message says why and what to do."""


def shape_of(model: MicroDLRM) -> dict:
    """The arguments that build a model of this shape. Raises ValueError for an interaction of one's own."""
    names = [name for name, function in INTERACTIONS.items() if function is model.interaction]
    if not names:
        raise ValueError(
            f"a checkpoint can name only {' or '.join(INTERACTIONS)} as interaction, and this model's is "
            f"{model.interaction!r}: save model.state_dict() instead"
        )
    bottom, top = ([m for m in layers if isinstance(m, nn.Linear)] for layers in (model.bot_l, model.top_l))
    return dict(
        m_spa=model.emb_l[0].embedding_dim,
        num_embeddings=[table.num_embeddings for table in model.emb_l],
        ln_bot=[bottom[0].in_features, *(layer.out_features for layer in bottom)],
        ln_top=[layer.out_features for layer in top],
        interaction=names[0],
        reads=list(model.reads),
    )


FORMAT = 2  # 1 knew neither dtype, nor sparse gradients, nor the features' means


def bare(model: nn.Module) -> MicroDLRM:
    """The model itself, out of what torch.compile, DataParallel and their like wrap around it."""
    inner = model
    while not isinstance(inner, MicroDLRM):
        inner = getattr(inner, "_orig_mod", None) or getattr(inner, "module", None)
        if inner is None:
            raise TypeError(
                f"a checkpoint holds a MicroDLRM, got {type(model).__name__}: save its state_dict() instead"
            )
    return inner


def place(path: str | Path) -> Path:
    """The path of a checkpoint to be written, `~` expanded. Raises CheckpointError where nothing can be written."""
    path = Path(path).expanduser()
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder: name a file in it, as {path / 'model.pt'}")
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            return path
    except OSError as error:
        raise CheckpointError(f"{path} can't be written: {error.strerror or error}: {path.parent}") from error


def save(path: str | Path, model: nn.Module, clicks: Clicks) -> None:
    """Write the model, and what the features it was trained on were, to `path`.

    The file appears whole or not at all: it is written under another name and then renamed.
    """
    model, path = bare(model), Path(path).expanduser()
    content = dict(
        format=FORMAT,
        shape=shape_of(model),
        sparse=[table.sparse for table in model.emb_l],
        weights=model.state_dict(),
        features=dict(
            dense=list(clicks.dense_names),
            scale=clicks.scale,
            means=_means(clicks),
            sparse=[[f.name, f.table, f.rows] for f in clicks.sparse],
        ),
    )
    with _whole_or_not_at_all(path) as file:
        torch.save(content, file)


def _means(clicks: Clicks) -> torch.Tensor:
    """Mean and spread of each dense feature over all rows, and their number."""
    dense = clicks.dense.double()
    return torch.cat([dense.mean(0), dense.std(0), torch.tensor([float(len(dense))])])


@contextlib.contextmanager
def _whole_or_not_at_all(path: Path) -> Iterator:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            mask = os.umask(0)  # there is no way to read it but to set it
            os.umask(mask)
            os.chmod(file.name, 0o666 & ~mask)  # a temporary file is its owner's alone
        except BaseException:
            os.unlink(file.name)
            raise
    try:
        os.replace(file.name, path)
    except OSError:
        os.unlink(file.name)
        raise


def load(path: str | Path, clicks: Clicks) -> MicroDLRM:
    """Read a model back, to be used on `clicks`: dtype, and whether its gradients are sparse, as they were.

    Raises CheckpointError for a file that isn't a whole checkpoint, whose weights aren't of the shape it names, or
    that was trained on other features than `clicks` has, or on features made or scaled otherwise, of another split
    for one; FileNotFoundError for none.
    """
    path = Path(path).expanduser()
    content = _content(path)
    try:
        shape, weights, features = (content[key] for key in ("shape", "weights", "features"))
        model = MicroDLRM(**shape)
        model.load_state_dict(weights, assign=True)  # each weight in the dtype it was saved in
        for table, sparse in zip(model.emb_l, content.get("sparse", [False] * len(model.emb_l)), strict=True):
            table.sparse = sparse
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{path} holds weights that don't fit the shape it names, {content['shape']}: {error}"
        ) from error
    _check_features(path, features, clicks)
    return model


def _content(path: Path) -> dict:
    """What the file holds. Raises CheckpointError if it is no checkpoint, and says what it is instead."""
    try:
        content = torch.load(path, weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # torch.load raises whatever pickle, zip and its own reader do
        raise CheckpointError(f"{path} is no checkpoint of this course: {_what_it_is(path, error)}") from error
    if isinstance(content, dict) and content.keys() >= {"shape", "weights", "features"}:
        if (made := content.get("format", 1)) != FORMAT and made not in (1,):
            raise CheckpointError(
                f"{path} is of format {made}, and this version reads up to {FORMAT}: update the course"
            )
        return content
    says = f"it holds {type(content).__name__ if not isinstance(content, dict) else 'a dictionary of other things'}"
    if isinstance(content, dict) and content and all(isinstance(v, torch.Tensor) for v in content.values()):
        says = (
            "it holds a state_dict, weights without the shape of their model: build that model, then "
            "model.load_state_dict(torch.load(path)), and keep it with checkpoint.save"
        )
    raise CheckpointError(f"{path} is no checkpoint of this course: {says}")


def _what_it_is(path: Path, error: Exception) -> str:
    if path.is_dir():
        return "it is a folder"
    if isinstance(error, PermissionError):
        return "it can't be read, for lack of permission"
    start = path.read_bytes()[:2]
    if zipfile.is_zipfile(path) or (start[:1] == b"\x80" and isinstance(error, pickle.UnpicklingError)):
        return (
            "it holds a whole pickled object, as torch.save(model, path) writes, and reading one runs its code: if it "
            f"is yours, read it by torch.load(path, weights_only=False), and keep it by checkpoint.save ({error})"
        )
    if b"PK".startswith(start):
        return f"the file is cut short ({type(error).__name__}): copy it again, or train again"
    return f"nothing that torch.save writes begins with {start!r}"


def _check_features(path: Path, features: dict, clicks: Clicks) -> None:
    """Raise CheckpointError where a model was trained on other features than `clicks` has."""
    sparse = [[f.name, f.table, f.rows] for f in clicks.sparse]
    if features["sparse"] and isinstance(features["sparse"][0], str):  # format 1
        sparse = [f.name for f in clicks.sparse]
    for kind, here in (("dense", list(clicks.dense_names)), ("sparse", sparse)):
        if features[kind] != here:
            was, now = (", ".join(map(_named, names)) for names in (features[kind], here))
            raise CheckpointError(
                f"{path} was trained on the {kind} features {was}; these clicks have {now}: prepare them as they were "
                f"for training"
            )
    if not torch.equal(features["scale"], clicks.scale):
        raise CheckpointError(
            f"{path} was trained on features of another scale: prepare the clicks with the split it was trained on"
        )
    means, here = features.get("means"), _means(clicks)
    if means is not None and means[-1] == here[-1] and not torch.allclose(means, here, rtol=1e-5, atol=1e-6):
        k = int((means - here).abs().argmax()) % len(clicks.dense_names)
        raise CheckpointError(
            f"{path} was trained on features of the same names and other values, {clicks.dense_names[k]!r} for one: "
            f"prepare the clicks as they were for training, with the same leak or without it"
        )


def _named(feature: str | list) -> str:
    if isinstance(feature, str):
        return feature
    name, table, rows = feature
    return name if name == table else f"{name} (table {table}, {rows} rows)"
