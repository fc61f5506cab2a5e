"""Chapter 6's studies: what each MLP is worth, three kinds of split."""

from functools import partial

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from microdlrm import baselines, clicks, metrics, training
from microdlrm.histories import histories
from microdlrm.model import concat_interaction, dot_interaction
from microdlrm.studies import start
from microdlrm.studies.chapter4 import OF_A_LEAD, RIVALS, without_mlp

# --- mlps: what each MLP is worth, and the products, each taken away at a decay of its own ---

ABLATIONS = {
    "no top MLP": (lambda of, seed: without_mlp(of, seed, "top"), 3.0),
    "no bottom MLP": (lambda of, seed: without_mlp(of, seed, "bottom"), 16.0),
    "neither": (lambda of, seed: without_mlp(of, seed, "top and bottom"), 3.0),
    "without one product": (lambda of, seed: training.build(of, without_a_product, seed), 12.0),
    "concat": (lambda of, seed: training.build(of, "concat", seed), 6.0),
    "concat with the products": (
        lambda of, seed: training.build(of, concat_with_products, seed),
        12.0,
    ),
}
FILM, RATED = (
    2,
    6,
)  # vectors: dense, user, movie, occupation, genres, who rated the movie, what the user rated


def without_a_product(x_dense, x_sparse):
    """Dot without the product of the movie's row with the sum of the rows that the user rated."""
    z = dot_interaction(x_dense, x_sparse)
    n = 1 + len(x_sparse)
    keep = (torch.triu_indices(n, n, 1) != torch.tensor([[FILM], [RATED]])).any(0)
    return torch.cat([x_dense, z[:, x_dense.shape[1] :][:, keep]], 1)


def concat_with_products(x_dense, x_sparse):
    products = dot_interaction(x_dense, x_sparse)[:, x_dense.shape[1] :]
    return torch.cat([concat_interaction(x_dense, x_sparse), products], 1)


def mlps() -> start.Cells:
    return {f"split {seed}": partial(one_ablation, seed) for seed in (1, 2, 3, 4, 5, 42)}


def one_ablation(split_seed: int, seeds=(0, 1), parts=tuple(ABLATIONS)) -> list[dict]:
    """How far each changed model is ahead of the whole one, with histories (below 0: behind)."""
    split, prepared = start.prepared("random", split_seed)
    prepared = prepared.add(*histories(start.data(), split.train))
    y, user = prepared.y[split.test, 0].numpy(), clicks.positions(start.data())[0][split.test]

    def answers(make, decay):
        models = [make(prepared, seed) for seed in seeds]
        for seed, model in zip(seeds, models, strict=True):
            training.fit(model, prepared, split, embedding_decay=decay, seed=seed)
        return [training.predict(model, prepared, split.test) for model in models]

    whole = answers(lambda of, seed: training.build(of, "dot", seed), 12.0)
    records = []
    for part in parts:
        lead = metrics.lead(answers(*ABLATIONS[part]), whole, y, user).loc[list(OF_A_LEAD)]
        records += start.lines(lead, split=split_seed, part=part)
    return records


# --- kinds: everything on three kinds of split ---


def kinds() -> start.Cells:
    return {how: partial(one_kind, how) for how in ("random", "user", "time")}


def one_kind(how: str, seeds=(0, 1, 2)) -> list[dict]:
    """Levels, and how far dot with histories is ahead of each; of the split by time for known and
    cold users, too.
    """
    split, prepared = start.prepared(how)
    more = prepared.add(*histories(start.data(), split.train, past=how != "random"))
    answers = {name: [rival(start.data(), prepared, split)] for name, rival in RIVALS.items()}
    answers["factorisation machine, histories"] = [
        baselines.factorisation_machine(more, split, s) for s in seeds
    ]
    for name, of in (("dot", prepared), ("dot, histories", more)):
        models = [training.train(of, split, seed=seed)[0] for seed in seeds]
        answers[name] = [training.predict(model, of, split.test) for model in models]
    y, user = prepared.y[split.test, 0].numpy(), clicks.positions(start.data())[0]
    known, user = np.isin(user, user[split.train])[split.test], user[split.test]
    records = []
    for who, rows in (("all", known | True), ("known", known), ("cold", ~known))[
        : 3 if how == "time" else 1
    ]:
        shown = list(OF_A_LEAD) if who == "all" else ["logloss"]
        key, ours = dict(split=how, who=who), [p[rows] for p in answers["dot, histories"]]
        for name, p in answers.items():
            p = [q[rows] for q in p]
            level = metrics.level(p, y[rows], user[rows]).loc[shown]
            records += start.lines(level, model=name, over="", **key)
            if name != "dot, histories":
                lead = metrics.lead(ours, p, y[rows], user[rows]).loc[shown]
                records += start.lines(lead, model="dot, histories", over=name, **key)
    return records


# --- tomorrow: one try to do better on the split by time, chosen on its validation rows ---


def tomorrow() -> start.Cells:
    return {"all": one_tomorrow}


def one_tomorrow(decays=(12.0, 30.0, 100.0), lengths=(1, 2, 4, 8), seeds=(0, 1, 2)) -> list[dict]:
    """Decay and epochs of dot, with histories and without; then the best with a step of Platt's,
    against a rival.
    """
    split, prepared = start.prepared("time")
    inputs = {
        "dot": prepared,
        "dot, histories": prepared.add(*histories(start.data(), split.train, past=True)),
    }
    records, y = [], prepared.y[:, 0].numpy()
    for name, of in inputs.items():
        for decay in decays:
            for epochs in lengths:
                loss = training.train(of, split, decay=decay, epochs=epochs)[1]["logloss"].min()
                records.append(
                    dict(model=name, decay=decay, epochs=epochs, part="validation", logloss=loss)
                )
    best = min(records, key=lambda record: record["logloss"])
    of, p, mended = inputs[best["model"]], [], []
    for seed in seeds:
        model, _ = training.train(of, split, seed=seed, decay=best["decay"], epochs=best["epochs"])
        p.append(training.predict(model, of, split.test))
        mended.append(
            platt(training.predict(model, of, split.validation), y[split.validation], p[-1])
        )
    user = clicks.positions(start.data())[0][split.test]
    rival = RIVALS["logistic regression, 16 features"](start.data(), prepared, split)
    for name, answers in (("as it is", p), ("Platt", mended)):
        lead = metrics.lead(answers, rival, y[split.test], user).loc[list(OF_A_LEAD)]
        records += start.lines(lead, **best | dict(part="test", logloss=None), calibrated=name)
    return records


def platt(p: np.ndarray, y: np.ndarray, of: np.ndarray) -> np.ndarray:
    """The probabilities `of`, mended as those `p` would have to be to fit y: slope and level of
    their logits.
    """
    logit = [np.log(q / (1 - q))[:, None] for q in (p, of)]
    return LogisticRegression().fit(logit[0], y).predict_proba(logit[1])[:, 1]


STUDIES = {
    "mlps": ("The model without an MLP, without a product; concat with products; six splits", mlps),
    "kinds": ("All baselines and the model with histories on three kinds of split", kinds),
    "tomorrow": ("Decay and epochs on the split by time; the best with Platt's step", tomorrow),
}
