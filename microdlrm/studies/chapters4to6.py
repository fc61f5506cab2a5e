"""The studies of chapters 4 and 6: six splits, what was tried, the recipe's parts, histories and tomorrow."""

from functools import partial

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression

from microdlrm import baselines, clicks, metrics, training
from microdlrm.histories import NEUTRAL, histories
from microdlrm.studies import start

# --- splits: the headline comparison on six splits ---

RIVALS = {
    "logistic regression, 2 features": lambda data, c, s: baselines.logistic_regression(c, s),
    "logistic regression, 16 features": lambda data, c, s: baselines.logistic_regression(c, s, c.dense_names),
    "gradient boosting, 16 features": lambda data, c, s: baselines.gradient_boosting(c, s),
    "matrix factorisation": lambda data, c, s: baselines.matrix_factorisation(c, s),
    "item-kNN": baselines.item_knn,
    "logistic regression, 16 features and the neighbours": baselines.stacked,
}
OURS = ("concat", "dot", "concat, histories", "dot, histories")


def splits() -> start.Cells:
    return {f"split {seed}": partial(one_split, seed) for seed in (1, 2, 3, 4, 5, 42)}


def one_split(split_seed: int, seeds=(0, 1), rivals=tuple(RIVALS), ours=OURS) -> list[dict]:
    split, prepared = start.prepared("random", split_seed)
    more = prepared.add(*histories(start.data(), split.train))
    answers = {name: [RIVALS[name](start.data(), prepared, split)] for name in rivals}
    for name in ours:
        of = more if "histories" in name else prepared
        models = [training.train(of, split, name.split(",")[0], seed)[0] for seed in seeds]
        answers[name] = [training.predict(model, of, split.test) for model in models]
    y, user = prepared.y[split.test, 0].numpy(), clicks.positions(start.data())[0][split.test]
    records = []
    for name, p in answers.items():
        records += start.lines(metrics.level(p, y, user), split=split_seed, model=name, over="")
        for over in answers:
            if over != name:
                lead = metrics.lead(p, answers[over], y, user)
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
                    grid[f"{interaction}, {'' if used else 'no '}histories, {variant}, seed {seed}"] = cell
    return grid


def one_recipe(interaction, used, seed, neutral=NEUTRAL, cap=None, **variant) -> list[dict]:
    split, prepared = start.prepared()
    if used:
        prepared = prepared.add(*histories(start.data(), split.train, neutral=neutral, cap=cap))
    _, epochs = training.train(prepared, split, interaction, seed, **variant)
    best = epochs.loc[epochs["logloss"].idxmin()]
    own_shape, own_decay = training.RECIPES[interaction]
    shape = own_shape | variant.get("shape", {})
    return [
        dict(
            interaction=interaction, histories=used, seed=seed, decay=variant.get("decay", own_decay), neutral=neutral,
            cap=cap, ln_top=str(shape["ln_top"]), init=shape["init"], lr=variant.get("lr", 3e-3),
            epoch=int(best["epoch"]), logloss=best["logloss"], auc=best["auc"],
        )
    ]  # fmt: skip


# --- rivals: the same for two baselines ---


def rivals() -> start.Cells:
    knn = {f"kNN, {k}, {shrink}": partial(one_knn, k, shrink) for k in (10, 20, 40, 80) for shrink in (30, 100, 300)}
    grid = [(decay, epochs) for decay in (0.3, 0.5, 1.0, 2.0, 4.0) for epochs in (8, 16)]
    return knn | {f"MF, {decay}, {epochs}": partial(one_mf, decay, epochs) for decay, epochs in grid}


def one_knn(k: int, shrink: float) -> list[dict]:
    """The step to a probability is fitted on one half of the validation rows and judged on the other, and back."""
    split, prepared = start.prepared()
    y = prepared.y[split.validation, 0].numpy()
    x = baselines.neighbours(start.data(), split.train, split.validation, k, shrink)
    even = np.arange(len(y)) % 2 == 0
    p = np.empty(len(y))
    for half in (even, ~even):
        p[half] = LogisticRegression().fit(x[~half], y[~half]).predict_proba(x[half])[:, 1]
    score = metrics.score(p, y)
    return [dict(model="item-kNN", k=k, shrink=shrink, logloss=score.logloss, auc=score.auc)]


def one_mf(decay: float, epochs: int) -> list[dict]:
    split, prepared = start.prepared()
    p = baselines.matrix_factorisation(prepared, split._replace(test=split.validation), decay=decay, epochs=epochs)
    score = metrics.score(p, prepared.y[split.validation, 0].numpy())
    return [dict(model="matrix factorisation", decay=decay, epochs=epochs, logloss=score.logloss, auc=score.auc)]


# --- parts: what the recipe's parts do for dot and for concat ---

PARTS = {
    "the recipe": {},
    "no decay": dict(decay=0.0),
    "N(0, 1)": dict(shape=dict(init=1.0)),
    "DLRM's own start": {},
    "no decay, N(0, 1)": dict(decay=0.0, shape=dict(init=1.0)),
}


def parts() -> start.Cells:
    return {f"{part}, split {s}": partial(one_part, part, s) for part in PARTS for s in (1, 2, 3, 4, 5)}


def one_part(part: str, split_seed: int, interactions=("dot", "concat")) -> list[dict]:
    split, prepared = start.prepared("random", split_seed)
    y, user = prepared.y[split.test, 0].numpy(), clicks.positions(start.data())[0][split.test]
    answers = {}
    for interaction in interactions:
        changed = PARTS[part]
        model = training.build(prepared, interaction, **changed.get("shape", {}))
        if part == "DLRM's own start":  # as facebookresearch/dlrm starts its tables
            for table in model.emb_l:
                torch.nn.init.uniform_(table.weight, -(table.num_embeddings**-0.5), table.num_embeddings**-0.5)
        decay = changed.get("decay", training.RECIPES[interaction][1])
        training.fit(model, prepared, split, embedding_decay=decay)
        answers[interaction] = training.predict(model, prepared, split.test)
    key = dict(part=part, split=split_seed)
    records = []
    if len(answers) == 2:
        lead = metrics.lead(answers["dot"], answers["concat"], y, user)
        records += start.lines(lead, model="dot", over="concat", **key)
    for interaction, p in answers.items():
        records += start.lines(metrics.level(p, y, user), model=interaction, over="", **key)
    return records


# --- dent: does leaving a row out of its own bag give its label away? ---


def dent() -> start.Cells:
    return {f"{bags}, seed {seed}": partial(one_dent, bags, seed) for bags in DENTS for seed in (0, 1)}


def leave_one_out(data, train) -> list[clicks.SparseFeature]:
    return histories(data, train)


def out_of_fold(data, train, folds: int = 10) -> list[clicks.SparseFeature]:
    """A training row sees no rating of its own fold; the other rows see all training ratings."""
    fold = np.full(len(data.ratings), folds)
    fold[train] = np.random.default_rng(0).permutation(len(train)) % folds
    rows = np.concatenate([np.flatnonzero(fold == f) for f in range(folds + 1)])
    place = torch.tensor(np.argsort(rows))
    parts = [histories(data, train[fold[train] != f]) for f in range(folds + 1)]
    made = []
    for side, whole in enumerate(histories(data, train)):
        cut = [part[side].take(torch.tensor(np.flatnonzero(fold == f))) for f, part in enumerate(parts)]
        lengths = torch.cat([torch.diff(o, append=torch.tensor([len(i)])) for i, o, _ in cut])
        bags = clicks.Bags.of(torch.arange(int(lengths.sum())), lengths)
        ids, weights = torch.cat([i for i, _, _ in cut]), torch.cat([w for _, _, w in cut])

        def take(which, bags=bags, ids=ids, weights=weights):
            entries, offsets = bags.take(place[which])
            return ids[entries], offsets, weights[entries]

        made.append(whole._replace(take=take))
    return made


DENTS = {
    "leave-one-out": leave_one_out,
    "out of fold": out_of_fold,
    "itself left in": lambda data, train: histories(data, train, itself=True),
    "none": lambda data, train: [],
}


def one_dent(bags: str, seed: int) -> list[dict]:
    split, prepared = start.prepared()
    prepared = prepared.add(*DENTS[bags](start.data(), split.train))
    model, epochs = training.train(prepared, split, seed=seed)
    some = np.random.default_rng(0).choice(split.train, 20_000, replace=False)
    training_rows, test = (training.evaluate(model, prepared, rows) for rows in (some, split.test))
    return [
        dict(
            bags=bags, seed=seed, validation=epochs["logloss"].min(), test=test.logloss, test_auc=test.auc,
            training_rows=training_rows.logloss,
        )
    ]  # fmt: skip


# --- tomorrow: histories of the past, epoch by epoch, for users with a past and for those without ---


def tomorrow() -> start.Cells:
    return {f"{how}, seed {seed}": partial(one_tomorrow, how, seed) for how in ("time", "user") for seed in (0, 1, 2)}


def one_tomorrow(how: str, seed: int, target: float | None = None) -> list[dict]:
    split, prepared = start.prepared(how)
    user = clicks.positions(start.data())[0]
    known = np.isin(user, user[split.train])
    parts = {
        (part, who): rows[known[rows] == (who == "known")]
        for part, rows in (("validation", split.validation), ("test", split.test))
        for who in ("known", "cold")
    }
    parts = {key: rows for key, rows in parts.items() if len(rows)}  # on the split by user, nobody is cold
    answers, records = {}, []
    with_histories = prepared.add(*histories(start.data(), split.train, past=True))
    for name, of in (("dot", prepared), ("dot, histories", with_histories)):

        def watch(model, epoch, name=name, of=of):
            for (part, who), rows in parts.items():
                answers[name, epoch, part, who] = p = training.predict(model, of, rows)
                score = metrics.score(p, prepared.y[rows, 0].numpy())
                key = dict(split=how, seed=seed, model=name, epoch=epoch, part=part, who=who, rows=len(rows), over="")
                records.append(key | dict(chosen_by="", logloss=score.logloss, auc=score.auc))

        training.train(of, split, seed=seed, target=target, watch=watch)
    return records + leads_of_tomorrow(
        how, seed, pd.DataFrame(records), answers, parts, prepared.y[:, 0].numpy(), user
    )


def leads_of_tomorrow(how, seed, records, answers, parts, y, user) -> list[dict]:
    """What histories bring where the epoch is chosen by all validation rows, by the known users', or is the last."""
    leads = []
    losses = records[records["part"] == "validation"].set_index(["model", "epoch", "who"])
    everybody = (losses["logloss"] * losses["rows"]).groupby(["model", "epoch"]).sum()
    of_known = losses["logloss"].xs("known", level="who")
    last = pd.Series(-records["epoch"].to_numpy(), index=pd.MultiIndex.from_frame(records[["model", "epoch"]]))
    for chosen_by, losses in (("all", everybody), ("known", of_known), ("last", last)):
        epoch = {name: int(losses[name].idxmin()) for name in ("dot", "dot, histories")}
        for who in (who for part, who in parts if part == "test"):
            rows = parts["test", who]
            p, q = (answers[name, epoch[name], "test", who] for name in ("dot, histories", "dot"))
            table = metrics.lead(p, q, y[rows], user[rows])
            key = dict(
                split=how, seed=seed, model="dot, histories", over="dot", part="test", who=who, chosen_by=chosen_by
            )
            leads += start.lines(table, epoch=epoch["dot, histories"], rows=len(rows), **key)
    return leads


STUDIES = {
    "splits": ("The models on six splits: levels, and each one's lead over each other", splits),
    "recipes": ("What was tried for dot and concat, judged on the validation rows", recipes),
    "rivals": ("What was tried for item-kNN and matrix factorisation, judged on the validation rows", rivals),
    "parts": ("Dot against concat with parts of the recipe taken away, on five splits", parts),
    "dent": ("Histories without the row itself, without its fold, and with the row itself", dent),
    "tomorrow": (
        "Histories of the past on the splits by time and by user, epoch by epoch, for known users and cold ones",
        tomorrow,
    ),
}
