"""Chapter 9's studies: tables of hashed ids, lists, a model that ages, tables of several widths."""

from functools import cache, partial

import numpy as np
import torch

from microdlrm import baselines, cells, clicks, intervals, logs, movielens, ranking, training
from microdlrm.histories import histories
from microdlrm.ids import hashed
from microdlrm.model import MicroDLRM

DAY = 86_400  # seconds


def replaced(prepared: clicks.Clicks, **features: clicks.SparseFeature) -> clicks.Clicks:
    """The same clicks with other bags in the place of those of that name."""
    return prepared._replace(sparse=tuple(features.get(f.name, f) for f in prepared.sparse))


def without_choice(split: clicks.Split) -> clicks.Split:
    """The split with training rows to validate on: `fit` then keeps the last epoch, or nearly, and chooses nothing."""
    return split._replace(validation=split.train[:2000])


# --- hashing: quality against rows ---

ROWS, SEEDS = (16, 256, 4096), (0, 1)


def hashing() -> cells.Cells:
    grid = {}
    for told in ("all features", "ids alone"):
        for rows, hashes in [(0, 1), *((rows, hashes) for hashes in (1, 2) for rows in ROWS)]:
            grid[f"{told}, {rows} rows, {hashes}"] = partial(one_hashing, told, rows, hashes)
    return grid


def one_hashing(told: str, rows: int, hashes: int) -> list[dict]:
    """Users and movies hashed into `rows` rows each (0: a row for each id); four epochs, two seeds."""
    split, _ = cells.prepared()
    y, user = clicks.labels(cells.data())[split.test], clicks.positions(cells.data())[0][split.test]
    p = _hashed_answers(told, rows, hashes)
    key = dict(told=told, rows=rows, hashes=hashes)
    records = cells.lines(intervals.level(p, y, user), over="", **key)
    if rows:
        records += cells.lines(intervals.lead(p, _hashed_answers(told, 0, 1), y, user), over="own rows", **key)
    return records


@cache
def _hashed_answers(told: str, rows: int, hashes: int) -> list[np.ndarray]:
    split, prepared = cells.prepared()
    if told == "ids alone":
        prepared = prepared._replace(dense=torch.zeros_like(prepared.dense))
    if rows:
        users, movies = (torch.tensor(ids) for ids in clicks.positions(cells.data()))
        prepared = replaced(
            prepared, user=hashed("user", users, rows, hashes), movie=hashed("movie", movies, rows, hashes)
        )
    models = [training.train(prepared, split, seed=seed, epochs=4)[0] for seed in SEEDS]
    return [cells.answer(model, prepared, split.test) for model in models]


# --- rankings: lists judged among all films, and among some ---


def rankings() -> cells.Cells:
    return {f"seed {seed}": partial(one_ranking, seed) for seed in (0, 1, 2)}


RANKERS = {
    "popularity": lambda users, seed: popularity(cells.data(), cells.prepared("user")[0]),
    "dot, verdicts": lambda users, seed: by_verdicts(users, seed),
    "dot, 1 negative": lambda users, seed: against_negatives(users, seed, each=1, epochs=8)[1],
    "dot, 4 negatives": lambda users, seed: against_negatives(users, seed)[1],
    "factorisation, 4 negatives": lambda users, seed: against_negatives(users, seed, epochs=8, factorise=True)[1],
}


def one_ranking(seed: int, rankers=tuple(RANKERS)) -> list[dict]:
    """Each ranker's lists for 300 users, judged among all unseen films and among 20 or 100 of them."""
    relevant, candidates = held_out_clicks(cells.data(), cells.prepared("user")[0])
    some = np.random.default_rng(seed).choice(len(relevant), 300, replace=False)
    candidates[np.setdiff1d(np.arange(len(relevant)), some)] = False
    scores = {name: RANKERS[name](some, seed) for name in rankers}
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


def held_out_clicks(data: movielens.MovieLens, split: clicks.Split) -> tuple[np.ndarray, np.ndarray]:
    """Which films each user clicks in the test rows, and which they hadn't rated before: twice (users, movies)."""
    user, movie = clicks.positions(data)
    relevant = np.zeros((len(data.users), len(data.movies)), dtype=bool)
    candidates = ~relevant
    for rows in (split.train, split.validation):
        candidates[user[rows], movie[rows]] = False
    rows = split.test[clicks.labels(data)[split.test] == 1]
    relevant[user[rows], movie[rows]] = True
    return relevant, candidates


def popularity(data: movielens.MovieLens, split: clicks.Split) -> np.ndarray:
    """Each film's clicks among the training rows, the same for everyone: (users, movies)."""
    rows = split.train[clicks.labels(data)[split.train] == 1]
    counts = np.bincount(clicks.positions(data)[1][rows], minlength=len(data.movies)).astype(float)
    return np.broadcast_to(counts, (len(data.users), len(counts)))


def by_verdicts(users: np.ndarray, seed: int = 0) -> np.ndarray:
    """Scores of all films for `users`, from a dot model of who rates what well, as in chapters 1 to 6."""
    split, _ = cells.prepared("user")
    data, grid = _with_grid(cells.data(), users)
    prepared = clicks.prepare(data, split.train).add(clicks.genres(data))
    return _filled(cells.answer(training.train(prepared, split, seed=seed)[0], prepared, grid), users)


def against_negatives(users, seed: int = 0, each: int = 4, epochs: int = 4, factorise: bool = False):
    """A model of what is clicked and what isn't rated at all, and its scores of all films for `users`.

    Trained on the clicks among the training rows and, for each, `each` films at random that the user hasn't rated.
    """
    split, _ = cells.prepared("user")
    y = clicks.labels(cells.data())
    rows, data = [], cells.data()
    for part in (split.train, split.validation):
        of_part = part[y[part] == 1]
        negatives = logs.unrated(cells.data(), of_part, np.concatenate([split.train, split.validation]), each, seed)
        rows.append(np.concatenate([of_part, len(data.ratings) + np.arange(len(negatives[0]))]))
        data = logs.with_pairs(data, *negatives)
    data, grid = _with_grid(data, users)
    split = clicks.Split(*rows, split.test)
    prepared = clicks.prepare(data, split.train).add(clicks.genres(data))
    if factorise:
        torch.manual_seed(seed)
        model = baselines.MatrixFactorisation(*prepared.num_embeddings[:2])
        training.fit(model, prepared, split, lr=1e-2, embedding_decay=1.0, epochs=epochs, seed=seed)
    else:
        model, _ = training.train(prepared, split, seed=seed, epochs=epochs)
    return model, _filled(cells.answer(model, prepared, grid), users)


def _with_grid(data: movielens.MovieLens, users: np.ndarray) -> tuple[movielens.MovieLens, np.ndarray]:
    """The data with every film for each of `users` behind them, and where these rows are."""
    films = len(data.movies)
    more = logs.with_pairs(data, np.repeat(users, films), np.tile(np.arange(films), len(users)))
    return more, np.arange(len(data.ratings), len(more.ratings))


def _filled(p: np.ndarray, users: np.ndarray) -> np.ndarray:
    scores = np.full((len(cells.data().users), len(cells.data().movies)), -1.0)
    scores[users] = p.reshape(len(users), -1)
    return scores


# --- ages: a model week by week ---

START = 0.5  # of the ratings, by time, the first model trains on
KEPT = ("trained once", "trained once, histories live", "trained on late bags, histories live", "retrained weekly")


def ages() -> cells.Cells:
    return {f"seed {seed}": partial(one_age, seed) for seed in (0, 1)}


def one_age(seed: int, weeks: int = 5, kept=KEPT) -> list[dict]:
    """Models of the first half of the ratings, judged on each of the weeks that follow; four epochs, none chosen."""
    y, user = clicks.labels(cells.data()), clicks.positions(cells.data())[0]
    time = cells.data().ratings["timestamp"].to_numpy()
    start = np.sort(time)[int(START * len(time))]
    week = (time - start) // (7 * DAY)  # negative before the start
    known = np.isin(user, user[time < start])
    everything = np.arange(len(time))
    old, live = _of_age(start, None), _of_age(start, everything)
    once = _four_epochs(old, start, seed)
    answers = {name: np.full(len(time), np.nan) for name in kept}
    of_all_weeks = {KEPT[0]: (once, old), KEPT[1]: (once, live)}
    if KEPT[2] in kept:
        of_all_weeks[KEPT[2]] = _four_epochs(_of_age(start, everything, delay=DAY), start, seed), live
    for w in range(weeks):
        of_week = dict(of_all_weeks)
        if KEPT[3] in kept:
            fresh = _of_age(start + w * 7 * DAY, everything)
            of_week[KEPT[3]] = _four_epochs(fresh, start + w * 7 * DAY, seed), fresh
        rows = np.flatnonzero(week == w)
        for name in kept:
            answers[name][rows] = cells.answer(*of_week[name], rows)
    records = []
    for who, those in (("all", known | True), ("known", known)):
        for name, weeks_of in (("all weeks", range(weeks)), *((str(w), [w]) for w in range(weeks))):
            rows = np.flatnonzero(np.isin(week, list(weeks_of)) & those)
            if len(rows) < 100 or len(np.unique(user[rows])) < 5:
                continue
            key = dict(seed=seed, week=name, who=who, rows=len(rows))
            for model, p in answers.items():
                records += cells.lines(intervals.level(p[rows], y[rows], user[rows]), model=model, over="", **key)
                if model != KEPT[0]:
                    lead = intervals.lead(p[rows], answers[KEPT[0]][rows], y[rows], user[rows])
                    records += cells.lines(lead, model=model, over=KEPT[0], **key)
    return records


def _of_age(until, entries: np.ndarray | None, delay: int = 0) -> clicks.Clicks:
    """Clicks whose statistics are those of `until`, and whose bags hold of `entries` what is older than the row.

    entries  None: those up to `until`, so that the bags grow old
    """
    train = _before(until)
    prepared = clicks.prepare(cells.data(), train).add(clicks.genres(cells.data()))
    entries = train if entries is None else entries
    return prepared.add(*histories(cells.data(), entries, past=True, delay=delay))


def _before(until) -> np.ndarray:
    return np.flatnonzero(cells.data().ratings["timestamp"].to_numpy() < until)


def _four_epochs(prepared: clicks.Clicks, until, seed: int) -> MicroDLRM:
    rows = _before(until)
    return training.train(prepared, clicks.Split(rows, rows[:2000], rows[:0]), seed=seed, epochs=4)[0]


# --- widths: how wide a row ---


def widths() -> cells.Cells:
    return {f"{width}": partial(one_width, width) for width in (4, 16, 64)}


def one_width(width: int, seeds=(0, 1)) -> list[dict]:
    """The dot recipe with rows of another width, four epochs, by how often the row's movie was rated."""
    split, prepared = cells.prepared()
    user, movie = clicks.positions(cells.data())
    seen = np.bincount(movie[split.train], minlength=len(cells.data().movies))[movie[split.test]]  # (rows,)
    shape, decay = training.RECIPES["dot"]
    p = []
    for seed in seeds:
        torch.manual_seed(seed)
        own = shape | dict(m_spa=width, ln_bot=(16, 64, width))
        model = MicroDLRM(num_embeddings=prepared.num_embeddings, reads=prepared.reads, **own)
        training.fit(model, prepared, split, embedding_decay=decay, seed=seed, epochs=4)
        p.append(cells.answer(model, prepared, split.test))
    y, records = clicks.labels(cells.data()), []
    cuts = {"all": (0, 10**6), "up to 20": (0, 20), "21 to 150": (21, 150), "more": (151, 10**6)}
    for name, (low, high) in cuts.items():
        which = (seen >= low) & (seen <= high)
        rows = split.test[which]
        level = intervals.level([q[which] for q in p], y[rows], user[rows])
        records += cells.lines(level, width=width, ratings=name, rows=len(rows))
    return records


STUDIES = {
    "hashing": ("Users and movies hashed into fewer rows, with one hash and with two, on the random split", hashing),
    "rankings": ("Lists judged among all films and among samples, three seeds, on the split by user", rankings),
    "ages": ("A model week by week: trained once, with live histories, retrained; two seeds", ages),
    "widths": ("Rows of 4 to 64 numbers, by how often the movie was rated", widths),
}
