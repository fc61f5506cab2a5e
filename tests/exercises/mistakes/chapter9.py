"""Chapter 9's exercises, as learners write them."""

# ruff: noqa
import math

import numpy as np
import torch

from mistakes import right, wrong


# --- collides ---


@right("collides")
def collides_by_matrix(ids, a, b, p, rows):
    where = (a * ids + b) % p % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@right("collides")
def collides_by_unique(ids, a, b, p, rows):
    distinct, back = ids.unique(return_inverse=True)
    where = (a * distinct + b).remainder(p).remainder(rows)
    return (torch.bincount(where, minlength=rows)[where] > 1)[back]


@right("collides")
def collides_by_dictionary(ids, a, b, p, rows):
    tenants = {}
    for i in ids.tolist():
        tenants.setdefault((a * i + b) % p % rows, set()).add(i)
    return torch.tensor([len(tenants[(a * i + b) % p % rows]) > 1 for i in ids.tolist()])


@wrong("an id collides with itself", "twice", "collides")
def counts_rows(ids, a, b, p, rows):
    where = (a * ids + b) % p % rows
    return torch.bincount(where, minlength=rows)[where] > 1


@wrong("an id collides with itself", "itself", "collides")
def compares_with_itself(ids, a, b, p, rows):
    where = (a * ids + b) % p % rows
    return (where[:, None] == where[None, :]).any(dim=1)


@wrong("the first of two is let off", "earlier", "collides")
def remembers_what_was_there(ids, a, b, p, rows):
    seen, found = {}, []
    for i in ids.tolist():
        r = (a * i + b) % p % rows
        found.append(r in seen and i not in seen[r])
        seen.setdefault(r, set()).add(i)
    return torch.tensor(found)


@wrong("not hashed", "modulo", "collides")
def takes_the_remainder(ids, a, b, p, rows):
    where = ids % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@wrong("mod rows missing", "below p", "collides")
def forgets_the_table(ids, a, b, p, rows):
    where = (a * ids + b) % p
    return ((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@wrong("mod p missing", "first", "collides")
def forgets_the_prime(ids, a, b, p, rows):
    where = (a * ids + b) % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@wrong("b left out", "missing", "collides")
def forgets_b(ids, a, b, p, rows):
    where = a * ids % p % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@wrong("the free ones marked", "themselves", "collides")
def marks_who_is_alone(ids, a, b, p, rows):
    where = (a * ids + b) % p % rows
    return ~((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@wrong("a times the sum", "only the id", "collides")
def brackets_the_sum(ids, a, b, p, rows):
    where = a * (ids + b) % p % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@wrong("wrong dtype", "bool", "collides")
def says_it_in_numbers(ids, a, b, p, rows):
    where = (a * ids + b) % p % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).sum(1)


@wrong("one answer for each different id", "twice", "collides")
def drops_what_comes_twice(ids, a, b, p, rows):
    ids = ids.unique()
    where = (a * ids + b) % p % rows
    return (where[:, None] == where).sum(1) > 1


@wrong("the last of two is let off", "later", "collides")
def looks_ahead(ids, a, b, p, rows):
    where = (a * ids + b) % p % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).triu().any(1)


# --- recalibrated ---


@right("recalibrated")
def recalibrated_by_odds(p, w):
    odds = w * p / (1 - p)
    return torch.where(p == 1, 1.0, odds / (1 + odds))


@right("recalibrated")
def recalibrated_by_logit(p, w):
    return torch.sigmoid(torch.logit(p) + math.log(w))


@right("recalibrated")
def recalibrated_by_counting(p, w):
    clicks, non_clicks = 100 * p, 100 * (1 - p) / w
    return clicks / (clicks + non_clicks)


@wrong("not recalibrated", "as the model", "recalibrated")
def does_nothing(p, w):
    return p.clone()


@wrong("the wrong way", "higher", "recalibrated")
def multiplies_the_non_clicks(p, w):
    return p / (p + (1 - p) * w)


@wrong("p times w", "odds", "recalibrated")
def multiplies(p, w):
    return p * w


@wrong("p divided by w", "exceed", "recalibrated")
def divides(p, w):
    return p / w


@wrong("odds returned", "odds", "recalibrated")
def stops_at_the_odds(p, w):
    return p / (1 - p) * w


@wrong("the clicks weighted below", "non-clicks", "recalibrated")
def weights_the_clicks(p, w):
    return p / (p / w + (1 - p))


@wrong("the logit scaled", "constant", "recalibrated")
def scales_the_logit(p, w):
    return torch.sigmoid(w * torch.log(p / (1 - p)))


@wrong("1 − w in place of w", "kept", "recalibrated")
def takes_the_other_share(p, w):
    return p / (p + (1 - p) / (1 - w))


@wrong("w hard-coded", "argument", "recalibrated")
def knows_the_share(p, w):
    return p / (p + (1 - p) * 10)


# --- ndcg_at_k ---


@right("ndcg_at_k")
def ndcg_by_topk(scores, relevant, k):
    k = min(k, len(scores))
    discount = 1 / torch.log2(torch.arange(2, k + 2))
    best = relevant.topk(k).values
    return (relevant[scores.topk(k).indices] * discount).sum() / (best * discount).sum()


@right("ndcg_at_k")
def ndcg_by_numpy(scores, relevant, k):
    order = np.argsort(-scores.numpy())
    gains = relevant.numpy()[order][:k]
    ideal = np.sort(relevant.numpy())[::-1][:k]
    at = np.log2(np.arange(len(gains)) + 2)
    return float((gains / at).sum() / (ideal / at).sum())


@right("ndcg_at_k")
def ndcg_by_pairs(scores, relevant, k):
    ranked = sorted(zip(scores.tolist(), relevant.tolist()), reverse=True)
    total = sum(r / math.log2(1 + place) for place, (_, r) in enumerate(ranked, 1) if place <= k)
    n = int(relevant.sum().item())
    return total / sum(1 / math.log2(1 + place) for place in range(1, min(n, k) + 1))


def _dcg(gains):
    return float((gains / torch.log2(torch.arange(2, len(gains) + 2))).sum())


@wrong("not normalised", "best order", "ndcg_at_k")
def stops_at_the_dcg(scores, relevant, k):
    return _dcg(relevant[scores.argsort(descending=True)][:k])


@wrong("lowest first", "upwards", "ndcg_at_k")
def sorts_upwards(scores, relevant, k):
    return _dcg(relevant[scores.argsort()][:k]) / _dcg(relevant.sort(descending=True).values[:k])


@wrong("not sorted", "Order them", "ndcg_at_k")
def takes_them_as_they_come(scores, relevant, k):
    return _dcg(relevant[:k]) / _dcg(relevant.sort(descending=True).values[:k])


@wrong("k ignored", "first k", "ndcg_at_k")
def goes_all_the_way(scores, relevant, k):
    return _dcg(relevant[scores.argsort(descending=True)]) / _dcg(relevant.sort(descending=True).values)


@wrong("divided by a full list", "fewer", "ndcg_at_k")
def fills_the_best_list(scores, relevant, k):
    return _dcg(relevant[scores.argsort(descending=True)][:k]) / _dcg(torch.ones(k))


@wrong("divided by all relevant films", "k places", "ndcg_at_k")
def lets_the_best_run_on(scores, relevant, k):
    return _dcg(relevant[scores.argsort(descending=True)][:k]) / _dcg(relevant.sort(descending=True).values)


@wrong("best order of the films shown", "rearranges", "ndcg_at_k")
def sorts_what_it_has(scores, relevant, k):
    got = relevant[scores.argsort(descending=True)][:k]
    best = _dcg(got.sort(descending=True).values)
    return _dcg(got) / best if best > 0 else 0.0


@wrong("recall", "where", "ndcg_at_k")
def counts_hits(scores, relevant, k):
    return float(relevant[scores.argsort(descending=True)][:k].sum() / relevant.sum())


@wrong("no logarithm", "logarithm", "ndcg_at_k")
def divides_by_the_place(scores, relevant, k):
    def worth(gains):
        return sum(g / place for place, g in enumerate(gains.tolist(), 1))

    return worth(relevant[scores.argsort(descending=True)][:k]) / worth(relevant.sort(descending=True).values[:k])


@wrong("films taken for places", "each place", "ndcg_at_k")
def reads_argsort_as_ranks(scores, relevant, k):
    ranks = scores.argsort(descending=True).float()
    got = (relevant / torch.log2(ranks + 2))[:k].sum()
    return got / sum(1 / math.log2(2 + place) for place in range(min(k, int(relevant.sum()))))


@wrong("best order one film short", "last number", "ndcg_at_k")
def ends_a_range_too_soon(scores, relevant, k):
    got = _dcg(relevant[scores.argsort(descending=True)][:k])
    return got / sum(1 / math.log2(1 + place) for place in range(1, int(min(k, relevant.sum()))))


@wrong("breaks where k exceeds the list", "shorter", "ndcg_at_k")
def takes_k_whatever_there_is(scores, relevant, k):
    worth = 1 / torch.log2(torch.arange(k) + 2.0)
    return (relevant[scores.topk(k).indices] * worth).sum() / (relevant.topk(k).values * worth).sum()


# --- share_that_differs ---


@right("share_that_differs")
def differs_by_isclose(trained, served, tolerance):
    same = torch.isclose(trained, served, rtol=0, atol=tolerance, equal_nan=True)
    return (~same).float().mean(0)


@right("share_that_differs")
def differs_by_cases(trained, served, tolerance):
    one_missing = trained.isnan() != served.isnan()
    return (((trained - served).abs() > tolerance) | one_missing).float().mean(dim=0)


@right("share_that_differs")
def differs_by_loop(trained, served, tolerance):
    shares = []
    for k in range(trained.shape[1]):
        a, b = trained[:, k], served[:, k]
        count = sum(
            bool(torch.isnan(x) != torch.isnan(y)) or abs(x - y).item() > tolerance for x, y in zip(a, b)
        )
        shares.append(count / len(a))
    return torch.tensor(shares)


@wrong("means compared", "row by row", "share_that_differs")
def compares_means(trained, served, tolerance):
    return (trained.nanmean(0) - served.nanmean(0)).abs()


@wrong("a missing number overlooked", "passes it over", "share_that_differs")
def compares_and_averages(trained, served, tolerance):
    return ((trained - served).abs() > tolerance).float().mean(0)


@wrong("two missing numbers called different", "itself", "share_that_differs")
def compares_the_other_way(trained, served, tolerance):
    return 1 - ((trained - served).abs() <= tolerance).float().mean(0)


@wrong("the sign forgotten", "negative", "share_that_differs")
def forgets_abs(trained, served, tolerance):
    return ((trained - served) > tolerance).float().mean(0)


@wrong("one number a row", "each feature", "share_that_differs")
def averages_over_features(trained, served, tolerance):
    return (~torch.isclose(trained, served, rtol=0, atol=tolerance, equal_nan=True)).float().mean(1)


@wrong("count where a share is due", "Divide", "share_that_differs")
def counts_them(trained, served, tolerance):
    return (~torch.isclose(trained, served, rtol=0, atol=tolerance, equal_nan=True)).float().sum(0)


@wrong("missing taken for 0", "real 0", "share_that_differs")
def fills_with_zeros(trained, served, tolerance):
    return ((trained.nan_to_num(0) - served.nan_to_num(0)).abs() > tolerance).float().mean(0)


@wrong("the rows that agree", "agree", "share_that_differs")
def counts_what_agrees(trained, served, tolerance):
    return torch.isclose(trained, served, rtol=0, atol=tolerance, equal_nan=True).float().mean(0)


@wrong("tolerance ignored", "rounding", "share_that_differs")
def compares_exactly(trained, served, tolerance):
    return ((trained != served) & ~(trained.isnan() & served.isnan())).float().mean(0)
