"""Chapter 6's studies: what each MLP is worth, three kinds of split."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from microdlrm import baselines, clicks, metrics, training
from microdlrm.histories import histories
from microdlrm.model import concat_interaction, dot_interaction
from microdlrm.studies import start
from microdlrm.studies.chapter4 import RIVALS, SEEDS, SPLITS, without_mlp

# --- the model without one of its parts, at a decay of its own ---


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


WHOLE = (training.build, 12.0)
ABLATIONS = {
    "no top MLP": (partial(without_mlp, without="top"), 3.0),
    "no bottom MLP": (partial(without_mlp, without="bottom"), 16.0),
    "neither": (partial(without_mlp, without="top and bottom"), 3.0),
    "without one product": (partial(training.build, interaction=without_a_product), 12.0),
    "concat": (partial(training.build, interaction="concat"), 6.0),
    "concat with the products": (partial(training.build, interaction=concat_with_products), 12.0),
}


def mlps() -> Iterator[dict]:
    """The model without an MLP, without a product; concat with products; six splits

    How far each is ahead of the whole one, with histories (below 0: behind).
    """
    for number in SPLITS:
        split, prepared = start.prepared("random", number)
        prepared = prepared.add(*histories(start.data(), split.train))
        answers = {}
        for part, (make, decay) in {"whole": WHOLE, **ABLATIONS}.items():
            answers[part] = []
            for seed in SEEDS:
                model = make(prepared, seed=seed)
                training.fit(model, prepared, split, embedding_decay=decay, seed=seed)
                answers[part].append(training.predict(model, prepared, split.test))
        for part in ABLATIONS:
            lead = metrics.lead(answers[part], answers["whole"], *start.judged_on(split))
            yield from start.lines(lead, split=number, part=part)


def kinds() -> Iterator[dict]:
    """Dot with histories against all baselines on three kinds of split

    How far it is ahead; of the split by time for known and cold users, too.
    """
    for how in ("random", "user", "time"):
        split, prepared = start.prepared(how)
        more = prepared.add(*histories(start.data(), split.train, past=how != "random"))
        answers = {name: [rival(start.data(), prepared, split)] for name, rival in RIVALS.items()}
        answers["factorisation machine, histories"] = [
            baselines.factorisation_machine(more, split, seed) for seed in (0, 1, 2)
        ]
        answers["dot"] = start.answers(prepared, split, "dot", (0, 1, 2))
        best = start.answers(more, split, "dot", (0, 1, 2))
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
    split, prepared = start.prepared("time")
    more = prepared.add(*histories(start.data(), split.train, past=True))
    inputs, tried = {"dot": prepared, "dot, histories": more}, []
    for name, of in inputs.items():
        for decay in (12.0, 30.0, 100.0):
            for epochs in (1, 2, 4, 8):
                loss = training.train(of, split, decay=decay, epochs=epochs)[1]["logloss"].min()
                settings = dict(model=name, decay=decay, epochs=epochs)
                tried.append(settings | dict(part="validation", logloss=loss))
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
