"""The studies of chapters 4 and 6 alike: six splits, what was tried, what the recipe's parts do."""

from collections.abc import Iterator

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from microdlrm import baselines, clicks, metrics, training
from microdlrm.histories import histories
from microdlrm.studies import start

SPLITS, SEEDS = (1, 2, 3, 4, 5, 42), (0, 1)

# --- the headline comparison ---

RIVALS = {
    "logistic regression, 2 features": lambda data, c, s: baselines.logistic_regression(c, s),
    "logistic regression, 16 features": lambda data, c, s: baselines.logistic_regression(
        c, s, c.dense_names
    ),
    "gradient boosting, 16 features": lambda data, c, s: baselines.gradient_boosting(c, s),
    "matrix factorisation": lambda data, c, s: baselines.matrix_factorisation(c, s),
    "item-kNN": baselines.item_knn,
    "logistic regression, 16 features and the neighbours": baselines.stacked,
}
PAIRS = {  # whose lead over whom a chapter shows
    "item-kNN": ("gradient boosting, 16 features", "matrix factorisation", "dot"),
    "logistic regression, 16 features and the neighbours": ("item-kNN",),
    "dot": ("concat", "item-kNN"),
    "dot, histories": (*RIVALS, "dot", "concat, histories"),
}


def splits() -> Iterator[dict]:
    """The models on six splits: who leads whom"""
    for number in SPLITS:
        split, prepared = start.prepared("random", number)
        more = prepared.add(*histories(start.data(), split.train))
        answers = {name: [rival(start.data(), prepared, split)] for name, rival in RIVALS.items()}
        for interaction in ("dot", "concat"):
            answers[interaction] = start.answers(prepared, split, interaction, SEEDS)
            answers[f"{interaction}, histories"] = start.answers(more, split, interaction, SEEDS)
        for name, others in PAIRS.items():
            for over in others:
                lead = metrics.lead(answers[name], answers[over], *start.judged_on(split))
                yield from start.lines(lead, split=number, model=name, over=over)


# --- how the recipes were found ---

TOPS = [dict(shape=dict(ln_top=top)) for top in ((64, 1), (128, 64, 1))]
TRIED = [dict(decay=decay) for decay in (1.0, 3.0, 6.0, 12.0, 16.0)]
TRIED += [*TOPS, dict(shape=dict(init=0.1)), dict(lr=5e-3)]
DECAYS = {
    "top": (1.5, 3.0, 6.0),
    "bottom": (6.0, 12.0, 16.0, 24.0),
    "top and bottom": (1.5, 3.0, 6.0),
}


def recipes() -> Iterator[dict]:
    """What was tried for dot and concat, judged on the validation rows"""
    for interaction in ("dot", "concat"):
        for used in (False, True):
            for variant in TRIED:
                for seed in SEEDS:
                    yield one_recipe(interaction, used, seed, **variant)
    for without, decays in DECAYS.items():
        for decay in decays:
            for seed in SEEDS:
                yield one_recipe("dot", True, seed, without, decay=decay)


def one_recipe(
    interaction: str, used: bool, seed: int, without: str = "", shape=None, decay=None, lr=3e-3
) -> dict:
    split, prepared = start.prepared()
    if used:
        prepared = prepared.add(*histories(start.data(), split.train))
    own_shape, own_decay = training.RECIPES[interaction]
    shape, decay = own_shape | (shape or {}), own_decay if decay is None else decay
    if without:
        model = without_mlp(prepared, seed, without)
    else:
        model = training.build(prepared, interaction, seed, **shape)
    epochs = training.fit(model, prepared, split, embedding_decay=decay, lr=lr, seed=seed)
    found = dict(interaction=interaction, histories=used, without=without, seed=seed, decay=decay)
    found |= dict(ln_top=str(shape["ln_top"]), init=shape["init"], lr=lr)
    return found | dict(logloss=epochs["logloss"].min())


def without_mlp(prepared: clicks.Clicks, seed: int, without: str):
    """The dot model whose "top", "bottom" or "top and bottom" MLP is one linear layer, without a
    ReLU.
    """
    shape = dict(ln_top=(1,)) if "top" in without else {}
    shape |= dict(ln_bot=(16, 32)) if "bottom" in without else {}
    model = training.build(prepared, "dot", seed, **shape)
    if "bottom" in without:
        model.bot_l = model.bot_l[:1]
    return model


def rivals() -> Iterator[dict]:
    """What was tried for item-kNN and matrix factorisation, on the validation rows"""
    for k in (10, 20, 40, 80):
        for shrink in (30, 100, 300):
            yield one_knn(k, shrink)
    split, prepared = start.prepared()
    y = prepared.y[split.validation, 0].numpy()
    judged = split._replace(test=split.validation)
    for decay in (0.3, 0.5, 1.0, 2.0, 4.0):
        for epochs in (8, 16):
            p = baselines.matrix_factorisation(prepared, judged, decay=decay, epochs=epochs)
            found = dict(model="matrix factorisation", decay=decay, epochs=epochs)
            yield found | dict(logloss=metrics.score(p, y).logloss)


def one_knn(k: int, shrink: float) -> dict:
    """The step to a probability is fitted on one half of the validation rows and judged on the
    other, and back.
    """
    split, prepared = start.prepared()
    y = prepared.y[split.validation, 0].numpy()
    x = baselines.neighbours(start.data(), split.train, split.validation, k, shrink)
    even = np.arange(len(y)) % 2 == 0
    p = np.empty(len(y))
    for half in (even, ~even):
        p[half] = LogisticRegression().fit(x[~half], y[~half]).predict_proba(x[half])[:, 1]
    return dict(model="item-kNN", k=k, shrink=shrink, logloss=metrics.score(p, y).logloss)


# --- what the recipe's parts do ---

PARTS = {  # the tables' start, and whether they decay
    "the recipe": (0.05, True),
    "no decay": (0.05, False),
    "N(0, 1)": (1.0, True),
    "DLRM's own start": (None, True),
    "no decay, N(0, 1)": (1.0, False),
}


def parts() -> Iterator[dict]:
    """Dot against concat with parts of the recipe taken away, on five splits"""
    for part, (init, decays) in PARTS.items():
        for number in SPLITS[:5]:
            split, prepared = start.prepared("random", number)
            y, user = start.judged_on(split)
            answers = {}
            for interaction in ("dot", "concat"):
                model = training.build(prepared, interaction, init=init or 0.05)
                if init is None:  # as facebookresearch/dlrm starts its tables
                    for table in model.emb_l:
                        most = table.num_embeddings**-0.5
                        torch.nn.init.uniform_(table.weight, -most, most)
                decay = training.RECIPES[interaction][1] if decays else 0.0
                training.fit(model, prepared, split, embedding_decay=decay)
                answers[interaction] = training.predict(model, prepared, split.test)
            key = dict(part=part, split=number)
            lead = metrics.lead(answers["dot"], answers["concat"], y, user)
            yield from start.lines(lead, ["logloss"], model="dot", over="concat", **key)
            for interaction, p in answers.items():
                level = metrics.level(p, y, user)
                yield from start.lines(level, ["logloss"], model=interaction, over="", **key)


STUDIES = (splits, recipes, rivals, parts)
