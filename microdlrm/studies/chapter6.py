"""Chapter 6's studies: what each MLP is worth, three kinds of split."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from microdlrm import baselines, clicks, metrics, training
from microdlrm.model import concat_interaction, dot_interaction
from microdlrm.studies import start
from microdlrm.studies.chapter4 import RIVALS, SEEDS, SPLITS, of_rivals, train_without


def without_a_product(x_dense, x_sparse):
    """Dot without the product of the movie's row with the sum of the rows that the user rated."""
    movie, rated = 2, 6  # after dense, user; occupation, genres, who rated the movie
    z = dot_interaction(x_dense, x_sparse)
    n = 1 + len(x_sparse)
    keep = (torch.triu_indices(n, n, 1) != torch.tensor([[movie], [rated]])).any(0)
    return torch.cat([x_dense, z[:, x_dense.shape[1] :][:, keep]], 1)


def concat_with_products(x_dense, x_sparse):
    products = dot_interaction(x_dense, x_sparse)[:, x_dense.shape[1] :]
    return torch.cat([concat_interaction(x_dense, x_sparse), products], 1)


ABLATIONS = {
    "whole": {},
    "no top MLP": dict(train=train_without, without="top", decay=3.0),
    "no bottom MLP": dict(train=train_without, without="bottom", decay=16.0),
    "neither": dict(train=train_without, without="top and bottom", decay=3.0),
    "without one product": dict(interaction=without_a_product),
    "concat": dict(interaction="concat"),
    "concat with the products": dict(interaction=concat_with_products),
}


def mlps() -> Iterator[dict]:
    """The model without an MLP, without a product; concat with products; six splits

    How far each is ahead of the whole one, with histories (below 0: behind).
    """
    for number in SPLITS:
        split, _, more = start.prepared("random", number)
        whole, *others = (start.answers(more, split, SEEDS, **how) for how in ABLATIONS.values())
        for part, answers in zip(list(ABLATIONS)[1:], others, strict=True):
            lead = metrics.lead(answers, whole, *start.judged_on(split))
            yield from start.lines(lead, split=number, part=part)


def kinds() -> Iterator[dict]:
    """Dot with histories against all baselines on three kinds of split

    How far it is ahead; of the split by time for known and cold users, too.
    """
    seeds = (0, 1, 2)
    for how in ("random", "user", "time"):
        split, prepared, more = start.prepared(how)
        answers = of_rivals(prepared, split)
        machines = [baselines.factorisation_machine(more, split, seed) for seed in seeds]
        answers["factorisation machine, histories"] = machines
        answers["dot"] = start.answers(prepared, split, seeds)
        best = start.answers(more, split, seeds)
        y, user = start.judged_on(split)
        known = np.isin(user, clicks.positions(start.data())[0][split.train])
        of_users = {"all": known | True} | (dict(known=known, cold=~known) if how == "time" else {})
        for who, rows in of_users.items():
            shown = start.OF_A_LEAD if who == "all" else ["logloss"]
            for name, rival in answers.items():
                ours, theirs = ([p[rows] for p in of] for of in (best, rival))
                lead = metrics.lead(ours, theirs, y[rows], user[rows])
                key = dict(model="dot, histories", over=name, split=how, who=who)
                yield from start.lines(lead, shown, **key)


def tomorrow() -> Iterator[dict]:
    """Decay and epochs on the split by time; the best with Platt's step

    Dot with histories and without, chosen on the validation rows; the best against a rival.
    """
    split, prepared, more = start.prepared("time")
    inputs, tried = {"dot": prepared, "dot, histories": more}, []
    for name, decay, epochs in product(inputs, (12.0, 30.0, 100.0), (1, 2, 4, 8)):
        fitting = dict(decay=decay, epochs=epochs)
        loss = training.train(inputs[name], split, **fitting)[1]["logloss"].min()
        tried.append(dict(model=name, **fitting, part="validation", logloss=loss))
        yield tried[-1]
    best = min(tried, key=lambda record: record["logloss"])
    of, answers = inputs[best["model"]], {"as it is": [], "Platt": []}
    fitting = dict(decay=best["decay"], epochs=best["epochs"])
    for seed in (0, 1, 2):
        model, _ = training.train(of, split, seed=seed, **fitting)
        known, p = (training.predict(model, of, rows) for rows in (split.validation, split.test))
        answers["as it is"].append(p)
        answers["Platt"].append(platt(known, prepared.y[split.validation, 0].numpy(), p))
    rival = RIVALS["logistic regression, 16 features"](start.data(), prepared, split)
    for name, p in answers.items():
        lead = metrics.lead(p, rival, *start.judged_on(split))
        key = best | dict(part="test", logloss=None, calibrated=name)
        yield from start.lines(lead, **key)


def platt(p: np.ndarray, y: np.ndarray, of: np.ndarray) -> np.ndarray:
    """The probabilities `of`, mended as those `p` would have to be to fit y: slope and level of
    their logits.
    """
    logit = [np.log(q / (1 - q))[:, None] for q in (p, of)]
    return LogisticRegression().fit(logit[0], y).predict_proba(logit[1])[:, 1]


STUDIES = (mlps, kinds, tomorrow)
