"""Answers to chapter 9's exercises as learners write them, right and wrong."""

# ruff: noqa
import math
from collections import defaultdict

import numpy as np
import torch

from answers import right, wrong


@right("recalibrated")
def recalibrated_by_logit(p, w):
    return torch.sigmoid(torch.logit(p) + math.log(w))


@right("collides")
def collides_by_matrix(ids, a, b, p, rows):
    where = (a * ids + b) % p % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@right("recalibrated")
def recalibrated_by_odds(p, w):
    odds = w * p / (1 - p)
    return torch.where(p == 1, 1.0, odds / (1 + odds))


@right("recalibrated")
def recalibrated_by_counting(p, w):
    clicks, non_clicks = 100 * p, 100 * (1 - p) / w
    return clicks / (clicks + non_clicks)


@right("share_that_differs")
def differs_by_isclose(trained, served, tolerance):
    same = torch.isclose(trained, served, rtol=0, atol=tolerance, equal_nan=True)
    return (~same).float().mean(0)


@right("share_that_differs")
def differs_by_cases(trained, served, tolerance):
    one_missing = trained.isnan() != served.isnan()
    return (((trained - served).abs() > tolerance) | one_missing).float().mean(dim=0)


@right("recalibrated")
def a_constant_in_logits(p, w):
    return torch.sigmoid(torch.logit(p) + math.log(w))


@right("collides")
def collides_by_unique(ids, a, b, p, rows):
    distinct, back = ids.unique(return_inverse=True)
    where = (a * distinct + b).remainder(p).remainder(rows)
    return (torch.bincount(where, minlength=rows)[where] > 1)[back]


@right("share_that_differs")
def share_not_at_most(trained, served, tolerance):
    agree = ((trained - served).abs() <= tolerance) | (trained.isnan() & served.isnan())
    return 1 - agree.float().mean(dim=0)


@right("collides")
def collides_by_dictionary(ids, a, b, p, rows):
    tenants = {}
    for i in ids.tolist():
        tenants.setdefault((a * i + b) % p % rows, set()).add(i)
    return torch.tensor([len(tenants[(a * i + b) % p % rows]) > 1 for i in ids.tolist()])


@right("ndcg_at_k")
def ndcg_by_topk(scores, relevant, k):
    k = min(k, len(scores))
    discount = 1 / torch.log2(torch.arange(2, k + 2))
    best = relevant.topk(k).values
    return (relevant[scores.topk(k).indices] * discount).sum() / (best * discount).sum()


@right("ndcg_at_k")
def ndcg_by_pairs(scores, relevant, k):
    ranked = sorted(zip(scores.tolist(), relevant.tolist()), reverse=True)
    total = sum(r / math.log2(1 + place) for place, (_, r) in enumerate(ranked, 1) if place <= k)
    n = int(relevant.sum().item())
    return total / sum(1 / math.log2(1 + place) for place in range(1, min(n, k) + 1))


@right("ndcg_at_k")
def ndcg_by_numpy(scores, relevant, k):
    order = np.argsort(-scores.numpy())
    gains = relevant.numpy()[order][:k]
    ideal = np.sort(relevant.numpy())[::-1][:k]
    at = np.log2(np.arange(len(gains)) + 2)
    return float((gains / at).sum() / (ideal / at).sum())


@right("ndcg_at_k")
def ndcg_natural_log(scores, relevant, k):
    place = 1 + (scores[None, :] > scores[:, None]).sum(1)
    mine = sum(1 / math.log(1 + r) for r in place[relevant > 0].tolist() if r <= k)
    best = sum(1 / math.log(1 + r) for r in range(1, min(k, int(relevant.sum())) + 1))
    return mine / best


@right("collides")
def coll_rooms(ids, a, b, p, rows):
    tenants = defaultdict(set)
    where = [((a * i + b) % p) % rows for i in ids.tolist()]
    for r, i in zip(where, ids.tolist()):
        tenants[r].add(i)
    return torch.tensor([len(tenants[r]) > 1 for r in where], dtype=torch.bool)


@right("share_that_differs")
def differs_by_loop(trained, served, tolerance):
    shares = []
    for k in range(trained.shape[1]):
        a, b = trained[:, k], served[:, k]
        count = sum(
            bool(torch.isnan(x) != torch.isnan(y)) or abs(x - y).item() > tolerance
            for x, y in zip(a, b)
        )
        shares.append(count / len(a))
    return torch.tensor(shares)


@wrong("collides")
def counts_rows(ids, a, b, p, rows):
    where = (a * ids + b) % p % rows
    return torch.bincount(where, minlength=rows)[where] > 1


@wrong("collides")
def takes_the_remainder(ids, a, b, p, rows):
    where = ids % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@wrong("collides")
def forgets_the_table(ids, a, b, p, rows):
    where = (a * ids + b) % p
    return ((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@wrong("collides")
def forgets_the_prime(ids, a, b, p, rows):
    where = (a * ids + b) % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@wrong("collides")
def forgets_b(ids, a, b, p, rows):
    where = a * ids % p % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@wrong("collides")
def marks_who_is_alone(ids, a, b, p, rows):
    where = (a * ids + b) % p % rows
    return ~((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@wrong("collides")
def brackets_the_sum(ids, a, b, p, rows):
    where = a * (ids + b) % p % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).any(1)


@wrong("collides")
def says_it_in_numbers(ids, a, b, p, rows):
    where = (a * ids + b) % p % rows
    return ((where[:, None] == where) & (ids[:, None] != ids)).sum(1)


@wrong("recalibrated")
def does_nothing(p, w):
    return p.clone()


@wrong("recalibrated")
def multiplies_the_non_clicks(p, w):
    return p / (p + (1 - p) * w)


@wrong("recalibrated")
def multiplies(p, w):
    return p * w


@wrong("recalibrated")
def divides(p, w):
    return p / w


@wrong("recalibrated")
def stops_at_the_odds(p, w):
    return p / (1 - p) * w


@wrong("recalibrated")
def weights_the_clicks(p, w):
    return p / (p / w + (1 - p))


@wrong("recalibrated")
def scales_the_logit(p, w):
    return torch.sigmoid(w * torch.log(p / (1 - p)))


@wrong("recalibrated")
def takes_the_other_share(p, w):
    return p / (p + (1 - p) / (1 - w))


@wrong("ndcg_at_k")
def counts_hits(scores, relevant, k):
    return float(relevant[scores.argsort(descending=True)][:k].sum() / relevant.sum())


@wrong("ndcg_at_k")
def takes_k_whatever_there_is(scores, relevant, k):
    worth = 1 / torch.log2(torch.arange(k) + 2.0)
    return (relevant[scores.topk(k).indices] * worth).sum() / (
        relevant.topk(k).values * worth
    ).sum()


def _dcg(gains):
    return float((gains / torch.log2(torch.arange(2, len(gains) + 2))).sum())


@wrong("ndcg_at_k")
def stops_at_the_dcg(scores, relevant, k):
    return _dcg(relevant[scores.argsort(descending=True)][:k])


@wrong("ndcg_at_k")
def sorts_upwards(scores, relevant, k):
    return _dcg(relevant[scores.argsort()][:k]) / _dcg(relevant.sort(descending=True).values[:k])


@wrong("ndcg_at_k")
def takes_them_as_they_come(scores, relevant, k):
    return _dcg(relevant[:k]) / _dcg(relevant.sort(descending=True).values[:k])


@wrong("ndcg_at_k")
def goes_all_the_way(scores, relevant, k):
    return _dcg(relevant[scores.argsort(descending=True)]) / _dcg(
        relevant.sort(descending=True).values
    )


@wrong("ndcg_at_k")
def fills_the_best_list(scores, relevant, k):
    return _dcg(relevant[scores.argsort(descending=True)][:k]) / _dcg(torch.ones(k))


@wrong("ndcg_at_k")
def lets_the_best_run_on(scores, relevant, k):
    return _dcg(relevant[scores.argsort(descending=True)][:k]) / _dcg(
        relevant.sort(descending=True).values
    )


@wrong("share_that_differs")
def compares_means(trained, served, tolerance):
    return (trained.nanmean(0) - served.nanmean(0)).abs()


@wrong("share_that_differs")
def compares_and_averages(trained, served, tolerance):
    return ((trained - served).abs() > tolerance).float().mean(0)


@wrong("share_that_differs")
def compares_the_other_way(trained, served, tolerance):
    return 1 - ((trained - served).abs() <= tolerance).float().mean(0)


@wrong("share_that_differs")
def forgets_abs(trained, served, tolerance):
    return ((trained - served) > tolerance).float().mean(0)


@wrong("share_that_differs")
def averages_over_features(trained, served, tolerance):
    return (~torch.isclose(trained, served, rtol=0, atol=tolerance, equal_nan=True)).float().mean(1)


@wrong("share_that_differs")
def counts_them(trained, served, tolerance):
    return (~torch.isclose(trained, served, rtol=0, atol=tolerance, equal_nan=True)).float().sum(0)


@wrong("share_that_differs")
def fills_with_zeros(trained, served, tolerance):
    return ((trained.nan_to_num(0) - served.nan_to_num(0)).abs() > tolerance).float().mean(0)


@wrong("share_that_differs")
def counts_what_agrees(trained, served, tolerance):
    return torch.isclose(trained, served, rtol=0, atol=tolerance, equal_nan=True).float().mean(0)
