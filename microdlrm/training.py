"""Training: fit a model on a prepared data set, and judge it.

python -m microdlrm train --interaction dot --histories --seeds 5 --json
"""

import copy
import json
import time
from argparse import ArgumentParser
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from tqdm import tqdm

from microdlrm import movielens
from microdlrm.clicks import Clicks, Split, batches, genres, prepare, split
from microdlrm.histories import histories
from microdlrm.metrics import Metrics, score
from microdlrm.model import MicroDLRM

# For each interaction the model's shape and its embeddings' decay: the best on the validation rows
# with histories (study `recipes`), and not far from it without them.
_SHAPE = dict(m_spa=32, ln_bot=(16, 64, 32), ln_top=(128, 1), init=0.05)
RECIPES = {"concat": (_SHAPE, 6.0), "dot": (_SHAPE, 12.0)}

EPOCH = ["epoch", "training_logloss", *Metrics._fields, "cpu_seconds", "seconds"]  # fit's columns


@torch.no_grad()
def predict(model: MicroDLRM, clicks: Clicks, rows: np.ndarray) -> np.ndarray:
    """Click probabilities of `rows`: (len(rows),) float64, as the metrics take them.

    The model judges in eval mode, and has its own back afterwards. The sigmoid is taken in float64,
    where a logit of 20 isn't yet a probability of 1.
    """
    training = model.training
    model.eval()
    try:
        logits = [model.logits(*batch.inputs)[:, 0] for batch in batches(clicks, rows, 4096)]
    finally:  # whoever interrupts it goes on with the mode that was set
        model.train(training)
    return torch.cat(logits).double().sigmoid().numpy()


def evaluate(model: MicroDLRM, clicks: Clicks, rows: np.ndarray) -> Metrics:
    """Judge the model on `rows`."""
    return score(predict(model, clicks, rows), clicks.y[rows, 0].numpy())


def fit(
    model: MicroDLRM,
    clicks: Clicks,
    split: Split,
    *,
    epochs: int = 8,
    batch_size: int = 1024,
    lr: float = 3e-3,
    embedding_decay: float = 12.0,
    seed: int = 0,
    progress: bool = False,
    watch: Callable[[MicroDLRM, int], None] | None = None,
) -> pd.DataFrame:
    """Train in place and keep the epoch of the lowest validation logloss; one row an epoch.

    AdamW, its rate falling linearly to 2%. Weight decay acts on the embeddings alone: they hold
    nearly all parameters, and without it they learn the training rows by heart (chapter 6).
    It ends early when interrupted (Kernel -> Interrupt), or when it diverges; the best epoch so far
    is kept.
    `watch`, if given, is called with the model and the epoch's number at the end of each.
    The columns are EPOCH: validation metrics, and seconds of training so far.
    """
    tables = dict(params=list(model.emb_l.parameters()), weight_decay=embedding_decay)
    others = [p for name, p in model.named_parameters() if not name.startswith("emb_l.")]
    optimiser = torch.optim.AdamW([tables, dict(params=others)], lr, weight_decay=0, fused=True)
    steps = epochs * -(-len(split.train) // batch_size)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, total_iters=steps)
    generator = torch.Generator().manual_seed(seed)

    history, best, best_state, clock = [], np.inf, None, np.zeros(2)
    try:
        for epoch in tqdm(range(1, epochs + 1), desc="epochs", disable=not progress):
            started = np.array([time.process_time(), time.perf_counter()])
            model.train()
            total = 0.0
            for batch in batches(clicks, split.train, batch_size, generator):
                loss = F.binary_cross_entropy_with_logits(model.logits(*batch.inputs), batch.y)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                total += loss.item() * len(batch.y)
            clock += [time.process_time(), time.perf_counter()] - started
            if not all(parameter.isfinite().all() for parameter in model.parameters()):
                print(f"epoch {epoch} diverged: lower lr. {len(history)} finished epochs are kept")
                break
            on_validation = evaluate(model, clicks, split.validation)
            history.append((epoch, total / len(split.train), *on_validation, *clock))
            if on_validation.logloss < best:
                best, best_state = on_validation.logloss, copy.deepcopy(model.state_dict())
            if watch is not None:
                watch(model, epoch)
    except KeyboardInterrupt:
        done = len(history)
        print(f"interrupted in epoch {done + 1}; the best of the {done} finished epochs is kept")
    if best_state is not None:
        model.load_state_dict(best_state)
    return pd.DataFrame(history, columns=EPOCH)


def build(clicks: Clicks, interaction="dot", seed: int = 0, **shape) -> MicroDLRM:
    """A fresh model for `clicks` by the interaction's recipe, which `shape` changes.

    interaction  "concat", "dot", or a callable, which gets dot's recipe
    Equal seeds give equal models. Raises TypeError or ValueError as MicroDLRM does.
    """
    torch.manual_seed(seed)
    own, _ = RECIPES.get(interaction, RECIPES["dot"])
    sizes = dict(num_embeddings=clicks.num_embeddings, reads=clicks.reads, interaction=interaction)
    return MicroDLRM(**own | sizes | shape)


def train(
    clicks: Clicks,
    split: Split,
    interaction="dot",
    seed: int = 0,
    shape: dict | None = None,
    decay: float | None = None,
    **fitting,
) -> tuple[MicroDLRM, pd.DataFrame]:
    """Build a model for `clicks` by its recipe, fit it, and return it with its epochs.

    shape, decay  model arguments, and the embeddings' decay, instead of the recipe's
    fitting       goes to `fit`: progress, epochs, batch_size, lr, watch
    Equal seeds give equal models.
    """
    model = build(clicks, interaction, seed, **shape or {})
    if decay is None:
        _, decay = RECIPES.get(interaction, RECIPES["dot"])
    return model, fit(model, clicks, split, embedding_decay=decay, seed=seed, **fitting)


def add_options(command: ArgumentParser) -> None:
    add = command.add_argument
    add("--interaction", choices=(*RECIPES,), default="dot", help="how vectors meet [dot]")
    add("--histories", action="store_true", help="add the user's and the movie's as bags")
    judges = "random tenths judge [random], or the newest, or each user's: histories then look back"
    add("--split", choices=("random", "time", "user"), default="random", help=judges)
    add("--seeds", type=int, default=1, metavar="N", help="train N models, seeds 0 to N - 1 [1]")
    add("--json", action="store_true", help="print one JSON object a seed, and nothing else")
    command.set_defaults(run=_command)


def _command(options) -> None:
    if options.seeds < 1:
        raise SystemExit(f"--seeds must be at least 1, got {options.seeds}")
    data = movielens.load()
    parts = split(data, options.split)
    clicks = prepare(data, parts.train).add(genres(data))
    if options.histories:
        clicks = clicks.add(*histories(data, parts.train, past=options.split != "random"))
    results = []
    for seed in range(options.seeds):
        model, epochs = train(clicks, parts, options.interaction, seed, progress=not options.json)
        result = dict(seed=seed) | evaluate(model, clicks, parts.test)._asdict()
        result["cpu_seconds"] = epochs["cpu_seconds"].iloc[-1]
        result["parameters"] = sum(p.numel() for p in model.parameters())
        results.append(result)
        if options.json:
            print(json.dumps(result), flush=True)
    if not options.json:
        table = pd.DataFrame(results).set_index("seed")
        table.loc["median"] = table.median()
        print(table.to_string(float_format="{:.4f}".format))
