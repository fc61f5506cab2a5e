"""Keeping a trained model: a file that holds its shape, its weights and the scale of its features."""

import os
import pickle
import tempfile
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


def save(path: str | Path, model: MicroDLRM, clicks: Clicks) -> None:
    """Write the model, and the scale of the features it was trained on, to `path`.

    The file appears whole or not at all: it is written under another name and then renamed.
    """
    path = Path(path)
    content = dict(
        shape=shape_of(model),
        weights=model.state_dict(),
        features=dict(dense=list(clicks.dense_names), scale=clicks.scale, sparse=[f.name for f in clicks.sparse]),
    )
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            os.unlink(file.name)
            raise
    os.replace(file.name, path)


def load(path: str | Path, clicks: Clicks) -> MicroDLRM:
    """Read a model back, to be used on `clicks`.

    Raises CheckpointError for a file that isn't a whole checkpoint, whose weights aren't of the shape it names, or
    that was trained on other features than `clicks` has, or on features scaled otherwise, of another split for one;
    FileNotFoundError for none.
    """
    try:
        content = torch.load(path, weights_only=True)
        shape, weights, features = (content[key] for key in ("shape", "weights", "features"))
    except FileNotFoundError:
        raise
    except (RuntimeError, EOFError, OSError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path} is no whole checkpoint of this course ({type(error).__name__}): cut short, perhaps; train again"
        ) from error
    try:
        model = MicroDLRM(**shape)
        model.load_state_dict(weights)
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} holds weights that don't fit the shape it names, {shape}: {error}") from error
    for kind, here in (("dense", clicks.dense_names), ("sparse", [f.name for f in clicks.sparse])):
        if features[kind] != list(here):
            raise CheckpointError(
                f"{path} was trained on the {kind} features {', '.join(features[kind])}; these clicks have "
                f"{', '.join(here)}: prepare them as they were for training"
            )
    if not torch.equal(features["scale"], clicks.scale):
        raise CheckpointError(
            f"{path} was trained on features of another scale: prepare the clicks with the split it was trained on"
        )
    return model
