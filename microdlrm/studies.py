"""Studies: measurements that take longer than a chapter may. One command repeats each, and the chapters show it.

    python -m microdlrm study            # lists them
    python -m microdlrm study splits     # runs one, and writes book/studies/splits.json

A study is a dict of cells, each a function that returns records, so that a test can repeat one cell. What is written
are aggregates (no rating), with the versions of what they were measured with.
"""

import json
import platform
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
import torch
from sklearn.linear_model import LogisticRegression
from tqdm.auto import tqdm

from microdlrm import baselines, cells, clicks, intervals, metrics, training, wild
from microdlrm.histories import NEUTRAL, histories
from microdlrm.model import MicroDLRM

FOLDER = Path(__file__).resolve().parent.parent / "book" / "studies"


def load(name: str) -> pd.DataFrame:
    """What the study came to, a line a record. Raises FileNotFoundError, and says which command writes it."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        command = "scale" if name == "scale" else f"study {name}"
        raise FileNotFoundError(f"there is no {path.name}: `python -m microdlrm {command}` writes it")
    return pd.DataFrame(json.loads(path.read_text(encoding="utf-8"))["records"])


def run(name: str) -> Path:
    """Measure every cell of the study, with progress, and write what it came to."""
    says, grid = STUDIES[name]
    return write(name, says, [record for cell in tqdm(grid().values(), desc=name) for record in cell()])


def write(name: str, says: str, records: list[dict]) -> Path:
    """Store what was measured, with the versions of what it was measured with."""
    versions = dict(python=platform.python_version(), torch=torch.__version__, sklearn=sklearn.__version__)
    content = dict(study=name, says=says, versions=versions, records=[_rounded(record) for record in records])
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def _rounded(record: dict) -> dict:
    return {key: float(f"{v:.5g}") if isinstance(v, float | np.floating) else v for key, v in record.items()}


def _train(prepared, split, interaction="dot", seed=0, decay=None, start="normal", fitting=(), **shape):
    """The recipe with some of it changed: the model and its epochs."""
    own_shape, own_decay = training.RECIPES[interaction]
    torch.manual_seed(seed)
    model = MicroDLRM(num_embeddings=prepared.num_embeddings, reads=prepared.reads, **own_shape | shape)
    if start == "uniform":  # as facebookresearch/dlrm starts its tables
        for table in model.emb_l:
            torch.nn.init.uniform_(table.weight, -(table.num_embeddings**-0.5), table.num_embeddings**-0.5)
    decay = own_decay if decay is None else decay
    return model, training.fit(model, prepared, split, embedding_decay=decay, seed=seed, **dict(fitting))


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


def _splits() -> cells.Cells:
    return {f"split {seed}": partial(_one_split, seed) for seed in (1, 2, 3, 4, 5, 42)}


def _one_split(split_seed: int, seeds=(0, 1), rivals=tuple(RIVALS), ours=OURS) -> list[dict]:
    split, prepared = cells.prepared("random", split_seed)
    more = prepared.add(*histories(cells.data(), split.train))
    answers = {name: [RIVALS[name](cells.data(), prepared, split)] for name in rivals}
    for name in ours:
        of = more if "histories" in name else prepared
        models = [_train(of, split, name.split(",")[0], seed)[0] for seed in seeds]
        answers[name] = [cells.answer(model, of, split.test) for model in models]
    y, user = prepared.y[split.test, 0].numpy(), clicks.positions(cells.data())[0][split.test]
    records = []
    for name, p in answers.items():
        records += cells.lines(intervals.level(p, y, user), split=split_seed, model=name, over="")
        for over in answers:
            if over != name:
                lead = intervals.lead(p, answers[over], y, user)
                records += cells.lines(lead, split=split_seed, model=name, over=over)
    return records


# --- recipes: what was tried for each interaction, judged on the validation rows ---


def _recipes() -> cells.Cells:
    grid = {}
    for interaction in ("dot", "concat"):
        own = training.RECIPES[interaction][1]
        for used in (False, True):
            variants = [dict(decay=decay) for decay in (6.0, 12.0, 16.0)]
            variants += [dict(decay=own, ln_top=top) for top in ((64, 1), (128, 64, 1))]
            variants += [dict(decay=own, init=0.1), dict(decay=own, fitting=(("lr", 5e-3),))]
            if used and interaction == "dot":
                variants += [dict(decay=own, neutral=neutral) for neutral in (-10.0, 1.0, 2.0, 3.0)]
                variants += [dict(decay=own, cap=50)]
            for variant in variants:
                for seed in (0, 1):
                    cell = partial(_one_recipe, interaction, used, seed, **variant)
                    grid[f"{interaction}, {'' if used else 'no '}histories, {variant}, seed {seed}"] = cell
    return grid


def _one_recipe(interaction, used, seed, neutral=NEUTRAL, cap=None, **variant) -> list[dict]:
    split, prepared = cells.prepared()
    if used:
        prepared = prepared.add(*histories(cells.data(), split.train, neutral=neutral, cap=cap))
    _, epochs = _train(prepared, split, interaction, seed, **variant)
    best = epochs.loc[epochs["logloss"].idxmin()]
    shape, fitting = training.RECIPES[interaction][0], dict(variant.get("fitting", ()))
    return [
        dict(
            interaction=interaction, histories=used, seed=seed, decay=variant["decay"], neutral=neutral, cap=cap,
            ln_top=str(variant.get("ln_top", shape["ln_top"])), batch_size=fitting.get("batch_size", 1024),
            lr=fitting.get("lr", 3e-3), init=variant.get("init", 0.05), epoch=int(best["epoch"]),
            logloss=best["logloss"], auc=best["auc"],
        )
    ]  # fmt: skip


# --- rivals: the same for two baselines ---


def _rivals() -> cells.Cells:
    knn = {f"kNN, {k}, {shrink}": partial(_one_knn, k, shrink) for k in (10, 20, 40, 80) for shrink in (30, 100, 300)}
    grid = [(decay, epochs) for decay in (0.3, 0.5, 1.0, 2.0, 4.0) for epochs in (8, 16)]
    return knn | {f"MF, {decay}, {epochs}": partial(_one_mf, decay, epochs) for decay, epochs in grid}


def _one_knn(k: int, shrink: float) -> list[dict]:
    """The step to a probability is fitted on one half of the validation rows and judged on the other, and back."""
    split, prepared = cells.prepared()
    y = prepared.y[split.validation, 0].numpy()
    x = baselines.neighbours(cells.data(), split.train, split.validation, k, shrink)
    even = np.arange(len(y)) % 2 == 0
    p = np.empty(len(y))
    for half in (even, ~even):
        p[half] = LogisticRegression().fit(x[~half], y[~half]).predict_proba(x[half])[:, 1]
    score = metrics.score(p, y)
    return [dict(model="item-kNN", k=k, shrink=shrink, logloss=score.logloss, auc=score.auc)]


def _one_mf(decay: float, epochs: int) -> list[dict]:
    split, prepared = cells.prepared()
    p = baselines.matrix_factorisation(prepared, split._replace(test=split.validation), decay=decay, epochs=epochs)
    score = metrics.score(p, prepared.y[split.validation, 0].numpy())
    return [dict(model="matrix factorisation", decay=decay, epochs=epochs, logloss=score.logloss, auc=score.auc)]


# --- parts: what the recipe's parts do for dot and for concat ---

PARTS = {
    "the recipe": {},
    "no decay": dict(decay=0.0),
    "N(0, 1)": dict(init=1.0),
    "DLRM's own start": dict(start="uniform"),
    "no decay, N(0, 1)": dict(decay=0.0, init=1.0),
}


def _parts() -> cells.Cells:
    return {f"{part}, split {s}": partial(_one_part, part, s) for part in PARTS for s in (1, 2, 3, 4, 5)}


def _one_part(part: str, split_seed: int, interactions=("dot", "concat")) -> list[dict]:
    split, prepared = cells.prepared("random", split_seed)
    y, user = prepared.y[split.test, 0].numpy(), clicks.positions(cells.data())[0][split.test]
    answers = {}
    for interaction in interactions:
        model, _ = _train(prepared, split, interaction, **PARTS[part])
        answers[interaction] = cells.answer(model, prepared, split.test)
    key = dict(part=part, split=split_seed)
    records = []
    if len(answers) == 2:
        lead = intervals.lead(answers["dot"], answers["concat"], y, user)
        records += cells.lines(lead, model="dot", over="concat", **key)
    for interaction, p in answers.items():
        records += cells.lines(intervals.level(p, y, user), model=interaction, over="", **key)
    return records


# --- dent: does leaving a row out of its own bag give its label away? ---


def _dent() -> cells.Cells:
    return {f"{bags}, seed {seed}": partial(_one_dent, bags, seed) for bags in DENTS for seed in (0, 1)}


def _leave_one_out(data, train) -> list[clicks.SparseFeature]:
    return histories(data, train)


def _out_of_fold(data, train, folds: int = 10) -> list[clicks.SparseFeature]:
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
    "leave-one-out": _leave_one_out,
    "out of fold": _out_of_fold,
    "itself left in": lambda data, train: histories(data, train, itself=True),
    "none": lambda data, train: [],
}


def _one_dent(bags: str, seed: int) -> list[dict]:
    split, prepared = cells.prepared()
    prepared = prepared.add(*DENTS[bags](cells.data(), split.train))
    model, epochs = _train(prepared, split, seed=seed)
    some = np.random.default_rng(0).choice(split.train, 20_000, replace=False)
    training_rows, test = (training.evaluate(model, prepared, rows) for rows in (some, split.test))
    return [
        dict(
            bags=bags, seed=seed, validation=epochs["logloss"].min(), test=test.logloss, test_auc=test.auc,
            training_rows=training_rows.logloss,
        )
    ]  # fmt: skip


# --- tomorrow: histories of the past, epoch by epoch, for users with a past and for those without ---


def _tomorrow() -> cells.Cells:
    return {f"{how}, seed {seed}": partial(_one_tomorrow, how, seed) for how in ("time", "user") for seed in (0, 1, 2)}


def _one_tomorrow(how: str, seed: int, target: float | None = None) -> list[dict]:
    split, prepared = cells.prepared(how)
    user = clicks.positions(cells.data())[0]
    known = np.isin(user, user[split.train])
    parts = {
        (part, who): rows[known[rows] == (who == "known")]
        for part, rows in (("validation", split.validation), ("test", split.test))
        for who in ("known", "cold")
    }
    parts = {key: rows for key, rows in parts.items() if len(rows)}  # on the split by user, nobody is cold
    answers, records = {}, []
    with_histories = prepared.add(*histories(cells.data(), split.train, past=True))
    for name, of in (("dot", prepared), ("dot, histories", with_histories)):
        torch.manual_seed(seed)
        shape, decay = training.RECIPES["dot"]
        model = MicroDLRM(num_embeddings=of.num_embeddings, reads=of.reads, **shape)

        def watch(epoch, name=name, model=model, of=of):
            for (part, who), rows in parts.items():
                answers[name, epoch, part, who] = p = cells.answer(model, of, rows)
                score = metrics.score(p, prepared.y[rows, 0].numpy())
                key = dict(split=how, seed=seed, model=name, epoch=epoch, part=part, who=who, rows=len(rows), over="")
                records.append(key | dict(chosen_by="", logloss=score.logloss, auc=score.auc))

        training.fit(model, of, split, embedding_decay=decay, seed=seed, target=target, watch=watch)
    return records + _leads_of_tomorrow(
        how, seed, pd.DataFrame(records), answers, parts, prepared.y[:, 0].numpy(), user
    )


def _leads_of_tomorrow(how, seed, records, answers, parts, y, user) -> list[dict]:
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
            table = intervals.lead(p, q, y[rows], user[rows])
            key = dict(
                split=how, seed=seed, model="dot, histories", over="dot", part="test", who=who, chosen_by=chosen_by
            )
            leads += cells.lines(table, epoch=epoch["dot, histories"], rows=len(rows), **key)
    return leads


STUDIES: dict[str, tuple[str, Callable[[], cells.Cells]]] = {
    "splits": ("The models on six splits: levels, and each one's lead over each other", _splits),
    "recipes": ("What was tried for dot and concat, judged on the validation rows", _recipes),
    "rivals": ("What was tried for item-kNN and matrix factorisation, judged on the validation rows", _rivals),
    "parts": ("Dot against concat with parts of the recipe taken away, on five splits", _parts),
    "dent": ("Histories without the row itself, without its fold, and with the row itself", _dent),
    "tomorrow": (
        "Histories of the past on the splits by time and by user, epoch by epoch, for known users and cold ones",
        _tomorrow,
    ),
} | wild.STUDIES


def add_options(command: ArgumentParser) -> None:
    command.add_argument("name", nargs="?", choices=list(STUDIES), help="which one to run; none: list them")
    command.set_defaults(run=_command)


def _command(options) -> None:
    if options.name is None:
        for name, (says, _) in STUDIES.items():
            print(f"{name:<10}{says}{'' if (FOLDER / f'{name}.json').exists() else ' (not measured yet)'}")
        return
    print(f"wrote {run(options.name)}")
