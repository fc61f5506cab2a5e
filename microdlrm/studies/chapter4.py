"""The studies of chapters 4 and 6 alike: six splits, what was tried, what the recipe's parts do."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from microdlrm import baselines, clicks, metrics, training
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


def of_rivals(prepared: clicks.Clicks, split: clicks.Split) -> dict[str, list[np.ndarray]]:
    """What each rival says of the test rows."""
    return {name: [rival(start.data(), prepared, split)] for name, rival in RIVALS.items()}


def splits() -> Iterator[dict]:
    """The models on six splits: who leads whom"""
    for number in SPLITS:
        split, prepared, more = start.prepared("random", number)
        answers = of_rivals(prepared, split)
        for interaction in ("dot", "concat"):
            for name, of in ((interaction, prepared), (f"{interaction}, histories", more)):
                answers[name] = start.answers(of, split, SEEDS, interaction=interaction)
        for name, others in PAIRS.items():
            for over in others:
                lead = metrics.lead(answers[name], answers[over], *start.judged_on(split))
                yield from start.lines(lead, split=number, model=name, over=over)


# --- how the recipes were found ---

TRIED = [dict(decay=decay) for decay in (1.0, 3.0, 6.0, 12.0, 16.0)]
TRIED += [dict(ln_top=(64, 1)), dict(ln_top=(128, 64, 1)), dict(init=0.1), dict(lr=5e-3)]
DECAYS = {
    "top": (1.5, 3.0, 6.0),
    "bottom": (6.0, 12.0, 16.0, 24.0),
    "top and bottom": (1.5, 3.0, 6.0),
}


def recipes() -> Iterator[dict]:
    """What was tried for dot and concat, judged on the validation rows"""
    split, *inputs = start.prepared()  # without histories, with them
    cases = [(*case, "") for case in product(("dot", "concat"), (False, True), TRIED)]
    for without, decays in DECAYS.items():
        cases += [("dot", True, dict(decay=decay), without) for decay in decays]
    for (interaction, used, variant, without), seed in product(cases, SEEDS):
        own, decay = training.RECIPES[interaction]
        settings = dict(ln_top=own["ln_top"], init=own["init"], decay=decay, lr=3e-3) | variant
        shape = {name: settings[name] for name in ("ln_top", "init")}
        how = dict(seed=seed, decay=settings["decay"], lr=settings["lr"])
        if without:
            _, epochs = train_without(inputs[used], split, without, **how)
        else:
            _, epochs = training.train(inputs[used], split, interaction, shape=shape, **how)
        found = dict(interaction=interaction, histories=used, without=without, seed=seed)
        found |= settings | dict(ln_top=str(settings["ln_top"]))
        yield found | dict(logloss=epochs["logloss"].min())


def train_without(of: clicks.Clicks, split: clicks.Split, without: str, seed: int, decay, lr=3e-3):
    """As `training.train` the dot model whose "top", "bottom" or "top and bottom" MLP is one linear
    layer, without a ReLU.
    """
    shape = dict(ln_top=(1,)) if "top" in without else {}
    shape |= dict(ln_bot=(16, 32)) if "bottom" in without else {}
    model = training.build(of, "dot", seed, **shape)
    if "bottom" in without:
        model.bot_l = model.bot_l[:1]
    return model, training.fit(model, of, split, embedding_decay=decay, lr=lr, seed=seed)


def rivals() -> Iterator[dict]:
    """What was tried for item-kNN and matrix factorisation, on the validation rows"""
    for k, shrink in product((10, 20, 40, 80), (30, 100, 300)):
        yield one_knn(k, shrink)
    split, prepared, _ = start.prepared()
    y = prepared.y[split.validation, 0].numpy()
    judged = split._replace(test=split.validation)
    for decay, epochs in product((0.3, 0.5, 1.0, 2.0, 4.0), (8, 16)):
        p = baselines.matrix_factorisation(prepared, judged, decay=decay, epochs=epochs)
        found = dict(model="matrix factorisation", decay=decay, epochs=epochs)
        yield found | dict(logloss=metrics.score(p, y).logloss)


def one_knn(k: int, shrink: float) -> dict:
    """The step to a probability is fitted on one half of the validation rows and judged on the
    other, and back.
    """
    split, prepared, _ = start.prepared()
    y = prepared.y[split.validation, 0].numpy()
    x = baselines.neighbours(start.data(), split.train, split.validation, k, shrink)
    halves = PredefinedSplit(np.arange(len(y)) % 2)
    p = cross_val_predict(LogisticRegression(), x, y, cv=halves, method="predict_proba")[:, 1]
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
    for (part, (init, decays)), number in product(PARTS.items(), SPLITS[:5]):
        split, prepared, _ = start.prepared("random", number)
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
        key, judged_on = dict(part=part, split=number), start.judged_on(split)
        lead = metrics.lead(answers["dot"], answers["concat"], *judged_on)
        yield from start.lines(lead, ["logloss"], model="dot", over="concat", **key)
        for interaction, p in answers.items():
            level = metrics.level(p, *judged_on)
            yield from start.lines(level, ["logloss"], model=interaction, over="", **key)


STUDIES = (splits, recipes, rivals, parts)
