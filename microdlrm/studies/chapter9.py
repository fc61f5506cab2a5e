"""Chapter 9's studies: tables of hashed ids, lists, a model that ages, tables of several widths."""

from functools import cache, partial

import numpy as np
import torch

from microdlrm import clicks, metrics, training
from microdlrm.histories import histories
from microdlrm.model import MicroDLRM
from microdlrm.studies import start
from microdlrm.wild import rankers, ranking
from microdlrm.wild.hashing import hashed

DAY = 86_400  # seconds


def without_choice(split: clicks.Split) -> clicks.Split:
    """The split with training rows to validate on: `fit` then keeps the last epoch, or nearly, and chooses nothing."""
    return split._replace(validation=split.train[:2000])


# --- hashing: quality against rows ---

ROWS, SEEDS = (16, 256, 4096), (0, 1)


def hashing() -> start.Cells:
    grid = {}
    for told in ("all features", "ids alone"):
        for rows, hashes in [(0, 1), *((rows, hashes) for hashes in (1, 2) for rows in ROWS)]:
            grid[f"{told}, {rows} rows, {hashes}"] = partial(one_hashing, told, rows, hashes)
    return grid


def one_hashing(told: str, rows: int, hashes: int) -> list[dict]:
    """Users and movies hashed into `rows` rows each (0: a row for each id); four epochs, two seeds."""
    split, _ = start.prepared()
    y, user = clicks.labels(start.data())[split.test], clicks.positions(start.data())[0][split.test]
    p = _hashed_answers(told, rows, hashes)
    key = dict(told=told, rows=rows, hashes=hashes)
    records = start.lines(metrics.level(p, y, user), over="", **key)
    if rows:
        records += start.lines(metrics.lead(p, _hashed_answers(told, 0, 1), y, user), over="own rows", **key)
    return records


@cache
def _hashed_answers(told: str, rows: int, hashes: int) -> list[np.ndarray]:
    split, prepared = start.prepared()
    if told == "ids alone":
        prepared = prepared._replace(dense=torch.zeros_like(prepared.dense))
    if rows:
        users, movies = (torch.tensor(ids) for ids in clicks.positions(start.data()))
        prepared = prepared.replace(
            user=hashed("user", users, rows, hashes), movie=hashed("movie", movies, rows, hashes)
        )
    models = [training.train(prepared, split, seed=seed, epochs=4)[0] for seed in SEEDS]
    return [training.predict(model, prepared, split.test) for model in models]


# --- rankings: lists judged among all films, and among some ---


def rankings() -> start.Cells:
    return {f"seed {seed}": partial(one_ranking, seed) for seed in (0, 1, 2)}


RANKERS = {
    "popularity": lambda data, split, users, seed: rankers.popularity(data, split),
    "dot, verdicts": rankers.by_verdicts,
    "dot, 1 negative": lambda *of: rankers.against_negatives(*of, each=1, epochs=8)[1],
    "dot, 4 negatives": lambda *of: rankers.against_negatives(*of)[1],
    "factorisation, 4 negatives": lambda *of: rankers.against_negatives(*of, epochs=8, factorise=True)[1],
}


def one_ranking(seed: int, names=tuple(RANKERS)) -> list[dict]:
    """Each ranker's lists for 300 users, judged among all unseen films and among 20 or 100 of them."""
    data, split = start.data(), start.prepared("user")[0]
    relevant, candidates = rankers.held_out_clicks(data, split)
    some = np.random.default_rng(seed).choice(len(relevant), 300, replace=False)
    candidates[np.setdiff1d(np.arange(len(relevant)), some)] = False
    scores = {name: RANKERS[name](data, split, some, seed) for name in names}
    records = []
    for among in ("all", 100, 20):
        which = candidates if among == "all" else ranking.sampled(relevant, candidates, among, seed)
        lists = {name: ranking.at_k(s, relevant, which) for name, s in scores.items()}
        for name, table in lists.items():
            for over, other in [("", 0 * table), *((o, t) for o, t in lists.items() if o != name)]:
                for metric in ("recall", "ndcg"):
                    each = table[metric] - other[metric]
                    margin = 1.96 * each.std() / len(each) ** 0.5
                    key = dict(seed=seed, among=str(among), model=name, over=over, metric=metric)
                    records.append(key | dict(value=each.mean(), low=each.mean() - margin, high=each.mean() + margin))
    return records


# --- ages: a model week by week ---

START = 0.5  # of the ratings, by time, the first model trains on
KEPT = ("trained once", "trained once, histories live", "trained on late bags, histories live", "retrained weekly")


def ages() -> start.Cells:
    return {f"seed {seed}": partial(one_age, seed) for seed in (0, 1)}


def one_age(seed: int, weeks: int = 5, kept=KEPT) -> list[dict]:
    """Models of the first half of the ratings, judged on each of the weeks that follow; four epochs, none chosen."""
    y, user = clicks.labels(start.data()), clicks.positions(start.data())[0]
    time = start.data().ratings["timestamp"].to_numpy()
    begin = np.sort(time)[int(START * len(time))]
    week = (time - begin) // (7 * DAY)  # negative before the begin
    known = np.isin(user, user[time < begin])
    everything = np.arange(len(time))
    old, live = _of_age(begin, None), _of_age(begin, everything)
    once = _four_epochs(old, begin, seed)
    answers = {name: np.full(len(time), np.nan) for name in kept}
    of_all_weeks = {KEPT[0]: (once, old), KEPT[1]: (once, live)}
    if KEPT[2] in kept:
        of_all_weeks[KEPT[2]] = _four_epochs(_of_age(begin, everything, delay=DAY), begin, seed), live
    for w in range(weeks):
        of_week = dict(of_all_weeks)
        if KEPT[3] in kept:
            fresh = _of_age(begin + w * 7 * DAY, everything)
            of_week[KEPT[3]] = _four_epochs(fresh, begin + w * 7 * DAY, seed), fresh
        rows = np.flatnonzero(week == w)
        for name in kept:
            answers[name][rows] = training.predict(*of_week[name], rows)
    records = []
    for who, those in (("all", known | True), ("known", known)):
        for name, weeks_of in (("all weeks", range(weeks)), *((str(w), [w]) for w in range(weeks))):
            rows = np.flatnonzero(np.isin(week, list(weeks_of)) & those)
            if len(rows) < 100 or len(np.unique(user[rows])) < 5:
                continue
            key = dict(seed=seed, week=name, who=who, rows=len(rows))
            for model, p in answers.items():
                records += start.lines(metrics.level(p[rows], y[rows], user[rows]), model=model, over="", **key)
                if model != KEPT[0]:
                    lead = metrics.lead(p[rows], answers[KEPT[0]][rows], y[rows], user[rows])
                    records += start.lines(lead, model=model, over=KEPT[0], **key)
    return records


def _of_age(until, entries: np.ndarray | None, delay: int = 0) -> clicks.Clicks:
    """Clicks whose statistics are those of `until`, and whose bags hold of `entries` what is older than the row.

    entries  None: those up to `until`, so that the bags grow old
    """
    train = _before(until)
    prepared = clicks.prepare(start.data(), train).add(clicks.genres(start.data()))
    entries = train if entries is None else entries
    return prepared.add(*histories(start.data(), entries, past=True, delay=delay))


def _before(until) -> np.ndarray:
    return np.flatnonzero(start.data().ratings["timestamp"].to_numpy() < until)


def _four_epochs(prepared: clicks.Clicks, until, seed: int) -> MicroDLRM:
    rows = _before(until)
    return training.train(prepared, clicks.Split(rows, rows[:2000], rows[:0]), seed=seed, epochs=4)[0]


# --- widths: how wide a row ---


def widths() -> start.Cells:
    return {f"{width}": partial(one_width, width) for width in (4, 16, 64)}


def one_width(width: int, seeds=(0, 1)) -> list[dict]:
    """The dot recipe with rows of another width, four epochs, by how often the row's movie was rated."""
    split, prepared = start.prepared()
    user, movie = clicks.positions(start.data())
    seen = np.bincount(movie[split.train], minlength=len(start.data().movies))[movie[split.test]]  # (rows,)
    shape = dict(m_spa=width, ln_bot=(16, 64, width))
    models = [training.train(prepared, split, seed=seed, shape=shape, epochs=4)[0] for seed in seeds]
    p = [training.predict(model, prepared, split.test) for model in models]
    y, records = clicks.labels(start.data()), []
    cuts = {"all": (0, 10**6), "up to 20": (0, 20), "21 to 150": (21, 150), "more": (151, 10**6)}
    for name, (low, high) in cuts.items():
        which = (seen >= low) & (seen <= high)
        rows = split.test[which]
        level = metrics.level([q[which] for q in p], y[rows], user[rows])
        records += start.lines(level, width=width, ratings=name, rows=len(rows))
    return records


STUDIES = {
    "hashing": ("Users and movies hashed into fewer rows, with one hash and with two, on the random split", hashing),
    "rankings": ("Lists judged among all films and among samples, three seeds, on the split by user", rankings),
    "ages": ("A model week by week: trained once, with live histories, retrained; two seeds", ages),
    "widths": ("Rows of 4 to 64 numbers, by how often the movie was rated", widths),
}
