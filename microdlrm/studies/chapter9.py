"""Chapter 9's studies: tables of hashed ids, and rankers of films."""

import time
from collections.abc import Iterator
from itertools import product

import numpy as np
import torch

from microdlrm import clicks, training
from microdlrm.studies import start
from microdlrm.wild import rankers, ranking
from microdlrm.wild.hashing import hashed

TABLES = [(0, 1), *((rows, hashes) for hashes in (1, 2) for rows in (16, 256, 4096))]


def hashing() -> Iterator[dict]:
    """Users and movies hashed into fewer rows, with one hash and with two, on the random split

    Into `rows` rows each (0: a row an id); four epochs, two seeds.
    """
    split, prepared, _ = start.prepared()
    inputs = {
        "all features": prepared,
        "ids alone": prepared._replace(dense=torch.zeros_like(prepared.dense)),
    }
    user, movie = map(torch.tensor, clicks.positions(start.data()))
    for (told, of), (rows, hashes) in product(inputs.items(), TABLES):
        for name, ids in (("user", user), ("movie", movie)) if rows else ():
            of = of.replace(**{name: hashed(name, ids, rows, hashes)})
        models = [training.train(of, split, seed=seed, epochs=4)[0] for seed in (0, 1)]
        loss = np.mean([training.evaluate(model, of, split.test).logloss for model in models])
        yield dict(told=told, rows=rows, hashes=hashes, logloss=loss)


def _for_lists(data, split, users, seed):
    of_users, of_films = rankers.for_lists(data, split, seed)
    return of_users @ of_films.T


RANKERS = {
    "popularity": lambda data, split, users, seed: rankers.popularity(data, split),
    "item-kNN": lambda data, split, users, seed: rankers.item_knn(data, split),
    "EASE": lambda data, split, users, seed: rankers.ease(data, split),
    "trained for lists": _for_lists,
    "dot, 4 negatives": lambda *of: rankers.against_negatives(*of)[1],
    "factorisation, 4 negatives": lambda *of: rankers.against_negatives(*of, factorise=True)[1],
}


def rankings() -> Iterator[dict]:
    """Lists judged among all films and among 20, three seeds, on the split by user

    NDCG@10 of each ranker's lists for 300 users, among films unseen; leads over EASE.
    """
    data, split = start.data(), start.prepared("user")[0]
    relevant, unseen = rankers.held_out_clicks(data, split)
    for seed in (0, 1, 2):
        some = np.random.default_rng(seed).choice(len(relevant), 300, replace=False)
        candidates = np.zeros_like(unseen)
        candidates[some] = unseen[some]
        scores, seconds = {}, {}
        for name, ranker in RANKERS.items():
            started = time.process_time()
            scores[name] = ranker(data, split, some, seed)
            seconds[name] = time.process_time() - started
        among = {"all": candidates, "20": ranking.sampled(relevant, candidates, 20, seed)}
        for said, which in among.items():
            ndcg = {name: ranking.at_k(s, relevant, which)["ndcg"] for name, s in scores.items()}
            for name, each in ndcg.items():
                key = dict(seed=seed, among=said, model=name)
                yield key | dict(over="", cpu_seconds=seconds[name]) | _interval(each, "value")
                if name != "EASE":
                    yield key | dict(over="EASE") | _interval(each - ndcg["EASE"], "gain")


def _interval(each, name: str) -> dict:
    margin = 1.96 * each.std() / len(each) ** 0.5
    return {name: each.mean(), "low": each.mean() - margin, "high": each.mean() + margin}


STUDIES = (hashing, rankings)
