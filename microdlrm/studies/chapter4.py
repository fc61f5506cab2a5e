"""The studies of chapters 4 and 6 alike: six splits, what was tried, what the recipe's parts do."""

from functools import partial

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from microdlrm import baselines, clicks, metrics, training
from microdlrm.histories import NEUTRAL, histories
from microdlrm.studies import start

# --- splits: the headline comparison on six splits ---

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
OF_A_LEAD = ("logloss", "auc within users")


def splits() -> start.Cells:
    return {f"split {seed}": partial(one_split, seed) for seed in (1, 2, 3, 4, 5, 42)}


PAIRS = {  # whose lead over whom a chapter shows
    "item-kNN": ("gradient boosting, 16 features", "matrix factorisation", "dot"),
    "logistic regression, 16 features and the neighbours": ("item-kNN",),
    "dot": ("concat", "item-kNN"),
    "dot, histories": (*RIVALS, "dot", "concat, histories"),
}


def one_split(split_seed: int, seeds=(0, 1), pairs=PAIRS) -> list[dict]:
    split, prepared = start.prepared("random", split_seed)
    more = prepared.add(*histories(start.data(), split.train))
    answers = {}
    for name in {*pairs, *sum(pairs.values(), ())}:
        if name in RIVALS:
            answers[name] = [RIVALS[name](start.data(), prepared, split)]
        else:
            of = more if "histories" in name else prepared
            models = [training.train(of, split, name.split(",")[0], seed)[0] for seed in seeds]
            answers[name] = [training.predict(model, of, split.test) for model in models]
    y, user = prepared.y[split.test, 0].numpy(), clicks.positions(start.data())[0][split.test]
    records = []
    for name, others in pairs.items():
        for over in others:
            shown = metrics.METRICS if (name, over) == ("dot", "concat") else OF_A_LEAD
            lead = metrics.lead(answers[name], answers[over], y, user).loc[list(shown)]
            records += start.lines(lead, split=split_seed, model=name, over=over)
    return records


# --- recipes: what was tried for each interaction, judged on the validation rows ---


def recipes() -> start.Cells:
    grid = {}
    for interaction in ("dot", "concat"):
        for used in (False, True):
            variants = [dict(decay=decay) for decay in (1.0, 3.0, 6.0, 12.0, 16.0)]
            variants += [dict(shape=dict(ln_top=top)) for top in ((64, 1), (128, 64, 1))]
            variants += [dict(shape=dict(init=0.1)), dict(lr=5e-3)]
            if used and interaction == "dot":
                variants += [dict(neutral=neutral) for neutral in (-10.0, 1.0, 2.0, 3.0)]
                variants += [dict(cap=50)]
            for variant in variants:
                for seed in (0, 1):
                    cell = partial(one_recipe, interaction, used, seed, **variant)
                    grid[
                        f"{interaction}, {'' if used else 'no '}histories, {variant}, seed {seed}"
                    ] = cell
    decays = {
        "top": (1.5, 3.0, 6.0),
        "bottom": (6.0, 12.0, 16.0, 24.0),
        "top and bottom": (1.5, 3.0, 6.0),
    }
    for without, of_part in decays.items():
        for decay in of_part:
            for seed in (0, 1):
                cell = partial(one_recipe, "dot", True, seed, without=without, decay=decay)
                grid[f"without {without}, {decay}, seed {seed}"] = cell
    return grid


def one_recipe(
    interaction, used, seed, neutral=NEUTRAL, cap=None, without="", **variant
) -> list[dict]:
    split, prepared = start.prepared()
    if used:
        prepared = prepared.add(*histories(start.data(), split.train, neutral=neutral, cap=cap))
    shape, (own_shape, own_decay) = variant.get("shape", {}), training.RECIPES[interaction]
    model = (
        without_mlp(prepared, seed, without)
        if without
        else training.build(prepared, interaction, seed, **shape)
    )
    decay, lr = variant.get("decay", own_decay), variant.get("lr", 3e-3)
    epochs = training.fit(model, prepared, split, embedding_decay=decay, lr=lr, seed=seed)
    best, shape = epochs.loc[epochs["logloss"].idxmin()], own_shape | shape
    return [
        dict(
            interaction=interaction, histories=used, without=without, seed=seed, decay=decay,
            neutral=neutral, cap=cap, ln_top=str(shape["ln_top"]), init=shape["init"], lr=lr,
            epoch=int(best["epoch"]), logloss=best["logloss"],
        )
    ]  # fmt: skip


def without_mlp(prepared: clicks.Clicks, seed: int, without: str):
    """The dot model whose "top", "bottom" or "top and bottom" MLP is one linear layer, without a
    ReLU.
    """
    shape = (dict(ln_top=(1,)) if "top" in without else {}) | (
        dict(ln_bot=(16, 32)) if "bottom" in without else {}
    )
    model = training.build(prepared, "dot", seed, **shape)
    if "bottom" in without:
        model.bot_l = model.bot_l[:1]
    return model


# --- rivals: the same for two baselines ---


def rivals() -> start.Cells:
    knn = {
        f"kNN, {k}, {shrink}": partial(one_knn, k, shrink)
        for k in (10, 20, 40, 80)
        for shrink in (30, 100, 300)
    }
    grid = [(decay, epochs) for decay in (0.3, 0.5, 1.0, 2.0, 4.0) for epochs in (8, 16)]
    return knn | {
        f"MF, {decay}, {epochs}": partial(one_mf, decay, epochs) for decay, epochs in grid
    }


def one_knn(k: int, shrink: float) -> list[dict]:
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
    score = metrics.score(p, y)
    return [dict(model="item-kNN", k=k, shrink=shrink, logloss=score.logloss)]


def one_mf(decay: float, epochs: int) -> list[dict]:
    split, prepared = start.prepared()
    p = baselines.matrix_factorisation(
        prepared, split._replace(test=split.validation), decay=decay, epochs=epochs
    )
    score = metrics.score(p, prepared.y[split.validation, 0].numpy())
    return [dict(model="matrix factorisation", decay=decay, epochs=epochs, logloss=score.logloss)]


# --- parts: what the recipe's parts do for dot and for concat ---

PARTS = {
    "the recipe": {},
    "no decay": dict(decay=0.0),
    "N(0, 1)": dict(shape=dict(init=1.0)),
    "DLRM's own start": {},
    "no decay, N(0, 1)": dict(decay=0.0, shape=dict(init=1.0)),
}


def parts() -> start.Cells:
    return {
        f"{part}, split {s}": partial(one_part, part, s) for part in PARTS for s in (1, 2, 3, 4, 5)
    }


def one_part(part: str, split_seed: int, interactions=("dot", "concat")) -> list[dict]:
    split, prepared = start.prepared("random", split_seed)
    y, user = prepared.y[split.test, 0].numpy(), clicks.positions(start.data())[0][split.test]
    answers = {}
    for interaction in interactions:
        changed = PARTS[part]
        model = training.build(prepared, interaction, **changed.get("shape", {}))
        if part == "DLRM's own start":  # as facebookresearch/dlrm starts its tables
            for table in model.emb_l:
                torch.nn.init.uniform_(
                    table.weight, -(table.num_embeddings**-0.5), table.num_embeddings**-0.5
                )
        decay = changed.get("decay", training.RECIPES[interaction][1])
        training.fit(model, prepared, split, embedding_decay=decay)
        answers[interaction] = training.predict(model, prepared, split.test)
    key = dict(part=part, split=split_seed)
    records = []
    if len(answers) == 2:
        lead = metrics.lead(answers["dot"], answers["concat"], y, user)
        records += start.lines(lead.loc[["logloss"]], model="dot", over="concat", **key)
    for interaction, p in answers.items():
        records += start.lines(
            metrics.level(p, y, user).loc[["logloss"]], model=interaction, over="", **key
        )
    return records


STUDIES = {
    "splits": ("The models on six splits: who leads whom", splits),
    "recipes": ("What was tried for dot and concat, judged on the validation rows", recipes),
    "rivals": (
        "What was tried for item-kNN and matrix factorisation, on the validation rows",
        rivals,
    ),
    "parts": ("Dot against concat with parts of the recipe taken away, on five splits", parts),
}
