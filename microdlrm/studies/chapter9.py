"""Chapter 9's studies: tables of hashed ids, and rankers of films."""

import time
from functools import partial

import numpy as np
import torch

from microdlrm import clicks, training
from microdlrm.studies import start
from microdlrm.wild import rankers, ranking
from microdlrm.wild.hashing import hashed

# --- hashing: quality against rows ---

ROWS, SEEDS = (16, 256, 4096), (0, 1)


def hashing() -> start.Cells:
    tables = [(0, 1), *((rows, hashes) for hashes in (1, 2) for rows in ROWS)]
    return {
        f"{told}, {rows} rows, {hashes}": partial(one_hashing, told, rows, hashes)
        for told in ("all features", "ids alone")
        for rows, hashes in tables
    }


def one_hashing(told: str, rows: int, hashes: int) -> list[dict]:
    """Users and movies hashed into `rows` rows each (0: a row an id); four epochs, two seeds."""
    split, prepared = start.prepared()
    if told == "ids alone":
        prepared = prepared._replace(dense=torch.zeros_like(prepared.dense))
    if rows:
        ids = dict(
            zip(("user", "movie"), map(torch.tensor, clicks.positions(start.data())), strict=True)
        )
        prepared = prepared.replace(
            **{name: hashed(name, of, rows, hashes) for name, of in ids.items()}
        )
    models = [training.train(prepared, split, seed=seed, epochs=4)[0] for seed in SEEDS]
    loss = np.mean([training.evaluate(model, prepared, split.test).logloss for model in models])
    return [dict(told=told, rows=rows, hashes=hashes, logloss=loss)]


# --- rankings: lists judged among all films, and among some ---


def rankings() -> start.Cells:
    return {f"seed {seed}": partial(one_ranking, seed) for seed in (0, 1, 2)}


def _for_lists(data, split, users, seed):
    of_users, of_films = rankers.for_lists(data, split, seed)
    return of_users @ of_films.T


RANKERS = {
    "popularity": lambda data, split, users, seed: rankers.popularity(data, split),
    "item-kNN": lambda data, split, users, seed: rankers.item_knn(data, split),
    "EASE": lambda data, split, users, seed: rankers.ease(data, split),
    "trained for lists": _for_lists,
    "dot, 4 negatives": lambda *of: rankers.against_negatives(*of)[1],
    "factorisation, 4 negatives": lambda *of: rankers.against_negatives(
        *of, epochs=8, factorise=True
    )[1],
}


def one_ranking(seed: int, names=tuple(RANKERS)) -> list[dict]:
    """NDCG@10 of each ranker's lists for 300 users, among all unseen films and among 20 of them;
    leads over EASE.
    """
    data, split = start.data(), start.prepared("user")[0]
    relevant, candidates = rankers.held_out_clicks(data, split)
    some = np.random.default_rng(seed).choice(len(relevant), 300, replace=False)
    candidates[np.setdiff1d(np.arange(len(relevant)), some)] = False
    scores, seconds = {}, {}
    for name in names:
        started = time.process_time()
        scores[name] = RANKERS[name](data, split, some, seed)
        seconds[name] = time.process_time() - started
    records = []
    for among in ("all", 20):
        which = candidates if among == "all" else ranking.sampled(relevant, candidates, among, seed)
        lists = {name: ranking.at_k(s, relevant, which)["ndcg"] for name, s in scores.items()}
        for name, each in lists.items():
            key = dict(seed=seed, among=str(among), model=name)
            records.append(
                key | dict(over="", cpu_seconds=seconds[name]) | _interval(each, "value")
            )
            if name != "EASE" and "EASE" in lists:
                records.append(key | dict(over="EASE") | _interval(each - lists["EASE"], "gain"))
    return records


def _interval(each, name: str) -> dict:
    margin = 1.96 * each.std() / len(each) ** 0.5
    return {name: each.mean(), "low": each.mean() - margin, "high": each.mean() + margin}


STUDIES = {
    "hashing": (
        "Users and movies hashed into fewer rows, with one hash and with two, on the random split",
        hashing,
    ),
    "rankings": (
        "Lists judged among all films and among 20, three seeds, on the split by user",
        rankings,
    ),
}
