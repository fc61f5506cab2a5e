"""Training: fit a model on a prepared data set, and judge it."""

import copy
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from microdlrm.clicks import Clicks, Split, batches
from microdlrm.metrics import Metrics, breakdown, score
from microdlrm.model import MicroDLRM

# For each interaction the model's shape and its embeddings' decay: with histories the best found on the validation
# rows (study `recipes`), without them not far from it.
_SHAPE = dict(m_spa=32, ln_bot=(16, 64, 32), ln_top=(128, 1), init=0.05)
RECIPES = {"concat": (_SHAPE | dict(interaction="concat"), 6.0), "dot": (_SHAPE | dict(interaction="dot"), 12.0)}


@torch.no_grad()
def predict(model: MicroDLRM, clicks: Clicks, rows: np.ndarray) -> Tensor:
    """Click probabilities of `rows`: (len(rows),)."""
    return torch.cat([model(*batch.inputs)[:, 0] for batch in batches(clicks, rows, 4096)])


def evaluate(model: MicroDLRM, clicks: Clicks, rows: np.ndarray) -> Metrics:
    """Judge the model on `rows`."""
    return score(predict(model, clicks, rows).double().numpy(), clicks.y[rows, 0].numpy())


def report(model: MicroDLRM, clicks: Clicks, rows: np.ndarray, groups: np.ndarray = ()) -> pd.DataFrame:
    """Judge the model on `rows` and on each of their `groups`, with base rate and calibration: `metrics.breakdown`.

    groups  what each row belongs to, (len(rows),); none: all rows alone
    """
    p = predict(model, clicks, rows).double().numpy()
    return breakdown(p, clicks.y[rows, 0].numpy(), np.asarray(groups))


def fit(
    model: MicroDLRM,
    clicks: Clicks,
    split: Split,
    *,
    epochs: int = 8,
    batch_size: int = 1024,
    lr: float = 3e-3,
    embedding_decay: float = 12.0,
    patience: int | None = None,
    target: float | None = None,
    seed: int = 0,
    progress: bool = False,
    watch: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Train in place and keep the epoch with the lowest validation logloss; returns one row an epoch.

    AdamW, its rate falling linearly to 2%. Weight decay acts on the embeddings alone: they hold nearly all
    parameters, and without it they learn the training rows by heart (chapter 6).
    It ends early after `patience` epochs without a new best, once validation accuracy reaches `target`, or when
    interrupted (Kernel -> Interrupt); the best epoch so far is kept.
    `watch`, if given, is called with the epoch's number at its end.
    The columns: epoch, training_logloss, the validation metrics, and cpu_seconds and seconds of training so far.
    """
    tables = list(model.emb_l.parameters())
    others = [p for name, p in model.named_parameters() if not name.startswith("emb_l.")]
    optimiser = torch.optim.AdamW(
        [dict(params=tables, weight_decay=embedding_decay), dict(params=others, weight_decay=0.0)],
        lr=lr,
        fused=True,
    )
    steps = epochs * -(-len(split.train) // batch_size)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, total_iters=steps)
    generator = torch.Generator().manual_seed(seed)

    history, best, best_epoch, best_state, clock = [], np.inf, 0, None, np.zeros(2)
    try:
        for epoch in tqdm(range(1, epochs + 1), desc="epochs", disable=not progress):
            started = np.array([time.process_time(), time.perf_counter()])
            parts = batches(clicks, split.train, batch_size, generator)
            training_logloss = _epoch(model, parts, optimiser, schedule)
            clock += [time.process_time(), time.perf_counter()] - started
            on_validation = evaluate(model, clicks, split.validation)
            history.append((epoch, training_logloss, *on_validation, *clock))
            if watch is not None:
                watch(epoch)
            if on_validation.logloss < best:
                best, best_epoch, best_state = on_validation.logloss, epoch, copy.deepcopy(model.state_dict())
            if patience is not None and epoch - best_epoch >= patience:
                break
            if target is not None and on_validation.accuracy >= target:
                break
    except KeyboardInterrupt:
        print(f"interrupted in epoch {len(history) + 1}; the best of the {len(history)} finished epochs is kept")
    if best_state is not None:
        model.load_state_dict(best_state)
    return pd.DataFrame(history, columns=["epoch", "training_logloss", *Metrics._fields, "cpu_seconds", "seconds"])


def _epoch(model, parts, optimiser, schedule) -> float:
    """One pass over the batches `parts`; returns the mean logloss met on the way."""
    total = rows = 0
    for batch in parts:
        loss = F.binary_cross_entropy_with_logits(model.logits(*batch.inputs), batch.y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        total, rows = total + loss.item() * len(batch.y), rows + len(batch.y)
    return total / rows


def train(
    clicks: Clicks, split: Split, interaction: str = "dot", seed: int = 0, **fitting
) -> tuple[MicroDLRM, pd.DataFrame]:
    """Build a model for `clicks` by its recipe, fit it, and return it with its epochs. Equal seeds, equal models.

    `fitting` goes to `fit`: progress, target, patience, epochs, batch_size.
    """
    shape, embedding_decay = RECIPES[interaction]
    torch.manual_seed(seed)
    model = MicroDLRM(num_embeddings=clicks.num_embeddings, reads=clicks.reads, **shape)
    epochs = fit(model, clicks, split, embedding_decay=embedding_decay, seed=seed, **fitting)
    return model, epochs
