"""Round 6 of answers that the checks hadn't seen."""

# ruff: noqa
import collections
import itertools
import math
import numpy as np
import torch
import torch.nn.functional as F

from unseen import right, wrong

@wrong("interaction_width", "dense vector taken for a table")
def dense_as_wide_as_a_row(n_tables, m_spa, d, kind):
    "For concat, counts n vectors of m_spa numbers: takes the dense vector to be as wide as a table's row, as it …"
    n = n_tables + 1
    if kind == "concat":
        return n * m_spa
    return d + n * (n - 1) // 2
@wrong("interaction_width", "another recipe", "dot: each pair counts as m_spa numbers")
def a_pair_is_a_vector(n_tables, m_spa, d, kind):
    "For dot, counts m_spa numbers for each pair, as if the products weren't summed."
    n = n_tables + 1
    if kind == "concat":
        return d + n_tables * m_spa
    return d + m_spa * (n * (n - 1) // 2)
@wrong("interaction_width", "another recipe", "dot: the dense vector's pairs are counted twice")
def dense_meets_the_tables_twice(n_tables, m_spa, d, kind):
    "For dot, adds the dense vector's n_tables pairs to n (n - 1) / 2 with n = n_tables + 1, in which they are …"
    if kind == "dot":
        with_dense = n_tables
        among_all = (n_tables + 1) * n_tables // 2
        return d + with_dense + among_all
    return d + n_tables * m_spa
@wrong("dot_interaction", "rows of the batch mixed")
def rows_of_the_batch_mixed(x_dense, x_sparse):
    "einsum with two letters for the batch: 'bd,cd->b' sums over all rows c of the second vector, so a row meets …"
    vectors = [x_dense] + list(x_sparse)
    out = [x_dense]
    for i in range(len(vectors)):
        for j in range(i + 1, len(vectors)):
            out.append(torch.einsum("bd,cd->b", vectors[i], vectors[j])[:, None])
    return torch.cat(out, dim=1)
@wrong("dot_interaction", "columns never filled")
def place_from_i_plus_j(x_dense, x_sparse):
    "Writes pair (i, j) to column i + j - 1, found by trying it with three vectors."
    vectors = [x_dense, *x_sparse]
    n, (rows, d) = len(vectors), x_dense.shape
    out = torch.zeros(rows, d + n * (n - 1) // 2)
    out[:, :d] = x_dense
    for i in range(n):
        for j in range(i + 1, n):
            out[:, d + i + j - 1] = (vectors[i] * vectors[j]).sum(dim=1)
    return out
@wrong("dot_interaction", "inputs changed")
def puts_dense_into_the_callers_list(x_dense, x_sparse):
    "x_sparse.insert(0, x_dense) changes the caller's list."
    x_sparse.insert(0, x_dense)
    pieces = [x_dense]
    for i, v in enumerate(x_sparse):
        for w in x_sparse[i + 1 :]:
            pieces.append((v * w).sum(1, keepdim=True))
    return torch.cat(pieces, 1)
@wrong("dot_interaction_fast", "vectors cut anew")
def cut_across_the_vectors(x_dense, x_sparse):
    "cat along dim 1 gives (B, n·d), vector after vector; reshape to (B, d, n) cuts it into d pieces of n, which …"
    rows, d = x_dense.shape
    n = 1 + len(x_sparse)
    columns = torch.cat([x_dense, *x_sparse], dim=1).reshape(rows, d, n)
    Z = columns.mT @ columns
    i, j = torch.triu_indices(n, n, offset=1)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)
@wrong("dot_interaction_fast", "selected by value")
def drops_products_that_are_zero(x_dense, x_sparse):
    "Keeps what triu left over by asking for the entries that aren't zero."
    X = torch.stack([x_dense, *x_sparse], dim=1)
    Z = torch.triu(X @ X.transpose(1, 2), diagonal=1)
    pairs = Z[Z != 0].view(len(x_dense), -1)
    return torch.cat([x_dense, pairs], dim=1)
@wrong("dot_interaction_fast", "pairs added up")
def all_pairs_in_one_number(x_dense, x_sparse):
    "The trick of factorisation machines: (square of the sum - sum of the squares) / 2."
    X = torch.stack([x_dense, *x_sparse], dim=1)
    meeting = (X.sum(1).square() - X.square().sum(1)).sum(1, keepdim=True) / 2
    return torch.cat([x_dense, meeting], dim=1)
@wrong("dot_interaction_fast", "rounded on the way")
def faster_in_half_the_bytes(x_dense, x_sparse):
    "Multiplies in bfloat16 'to halve the traffic', and turns back to float32: the shape and the order are right, …"
    X = torch.stack([x_dense, *x_sparse], dim=1).bfloat16()
    Z = torch.bmm(X, X.transpose(1, 2)).float()
    i, j = torch.triu_indices(X.shape[1], X.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)
@right("dot_interaction_fast")
def column_major_places(x_dense, x_sparse):
    "Flattens the matrices and counts places column by column, as R or Fortran would."
    X = torch.stack((x_dense, *x_sparse), dim=-1)  # (B, d, n)
    n = X.shape[-1]
    i, j = torch.triu_indices(n, n, offset=1)
    flat = torch.einsum("bdi,bdj->bij", X, X).flatten(1)
    return torch.hstack((x_dense, flat.index_select(1, i + n * j)))
@wrong("dot_interaction_itself", "cosine instead of dot product")
def lengths_divided_out(x_dense, x_sparse):
    "Normalises the vectors first: cosines, not dot products."
    X = F.normalize(torch.stack([x_dense, *x_sparse], dim=1), dim=2)
    Z = X @ X.mT
    i, j = torch.triu_indices(X.shape[1], X.shape[1], 0)
    return torch.cat([x_dense, Z[:, i, j]], dim=1)
@wrong("dot_interaction_itself", "diagonal behind the pairs")
def diagonal_at_the_end(x_dense, x_sparse):
    "Takes the pairs as before and appends the diagonal after them: all numbers right, at other places."
    X = torch.stack([x_dense, *x_sparse], dim=1)
    Z = X @ X.mT
    i, j = torch.triu_indices(X.shape[1], X.shape[1], 1)
    return torch.cat([x_dense, Z[:, i, j], Z.diagonal(dim1=1, dim2=2)], dim=1)
@wrong("dot_interaction_itself", "root taken")
def length_not_squared(x_dense, x_sparse):
    "Puts the vector's length on the diagonal, with the root."
    vectors = [x_dense, *x_sparse]
    pieces = [x_dense]
    for i, v in enumerate(vectors):
        pieces.append(v.norm(dim=1, keepdim=True))
        for w in vectors[i + 1 :]:
            pieces.append((v * w).sum(1, keepdim=True))
    return torch.cat(pieces, 1)
@right("dot_interaction_itself")
def combinations_with_replacement(x_dense, x_sparse):
    "torch.combinations lists the pairs, with replacement, in the order asked for; the vectors are picked, …"
    X = torch.stack([x_dense, *x_sparse])  # (n, B, d)
    pairs = torch.combinations(torch.arange(len(X)), 2, with_replacement=True)
    products = torch.linalg.vecdot(X[pairs[:, 0]], X[pairs[:, 1]])  # (p, B)
    return torch.cat([x_dense, products.T], dim=1)
@wrong("low_rank_cross", "bias outside")
def bias_outside_the_bracket(x0, x, U, V, b):
    "Adds b after the product with x0: b isn't multiplied by x0."
    return x0 * (x @ V @ U.T) + b + x
@wrong("low_rank_cross", "x0 instead of x inside")
def goes_down_from_x0(x0, x, U, V, b):
    "Feeds x0, not x, through V and U."
    return x0 * ((x0 @ V) @ U.mT + b) + x
@wrong("low_rank_cross", "another recipe", "what comes out for columns, (w, B), is reshaped to (B, w)")
def reshaped_instead_of_transposed(x0, x, U, V, b):
    "Computes the formula for columns, U (Vᵀ xᵀ), which is (w, B), and reshapes it to (B, w) instead of …"
    columns = U @ (V.T @ x.T)
    return x0 * (columns.reshape(x.shape) + b) + x
@right("low_rank_cross")
def as_two_linear_layers(x0, x, U, V, b):
    "Two linear layers (F.linear transposes its weight itself) and one fused addcmul."
    return torch.addcmul(x, x0, F.linear(F.linear(x, V.T), U, b))
@wrong("auc_from_ranks", "wrong where scores are tied", "behind equal scores you count on from the next number, as if")
def ranks_without_gaps(scores, labels):
    "Dense ranks: equal scores share a rank, and the next value has the next number, however many there were."
    _, inverse = scores.unique(return_inverse=True)
    ranks = (inverse + 1).double()
    clicks = labels.sum().item()
    others = len(labels) - clicks
    rank_sum = ranks[labels == 1].sum().item()
    return (rank_sum - clicks * (clicks + 1) / 2) / (clicks * others)
@wrong("auc_from_ranks", "another recipe", "ranks are half too low")
def ranks_half_too_low(scores, labels):
    "Rank = rows below + half the rows that are equal, the row itself among them: one half too little for every …"
    below = (scores[:, None] > scores).sum(1)
    equal = (scores[:, None] == scores).sum(1)
    ranks = below + equal / 2
    n1 = int(labels.sum())
    n0 = len(labels) - n1
    return float((ranks[labels == 1].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))
@wrong("auc_from_ranks", "close scores taken for ties")
def scores_rounded_into_a_dictionary(scores, labels):
    "A dictionary from score to its places, with the score rounded to two digits as key: scores that are close …"
    places = collections.defaultdict(list)
    for place, score in enumerate(sorted(scores.tolist()), start=1):
        places[round(score, 2)].append(place)
    rank = {score: sum(at) / len(at) for score, at in places.items()}
    clicks = [rank[round(s, 2)] for s, y in zip(scores.tolist(), labels.tolist()) if y]
    m, n = len(clicks), len(labels) - len(clicks)
    return (sum(clicks) - m * (m + 1) / 2) / (m * n)
@wrong("auc_from_ranks", "another recipe", "You turn it round where it is below a half")
def never_below_one_half(scores, labels):
    "Turns the result around if it is below 0.5, 'for an AUC lies between 0.5 and 1' (some R packages do that)."
    _, inverse, counts = scores.unique(return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2)[inverse]
    clicks, n = labels.sum(), len(labels)
    auc = (ranks[labels == 1].sum() - clicks * (clicks + 1) / 2) / (clicks * (n - clicks))
    return max(auc.item(), 1 - auc.item())
@right("auc_from_ranks")
def places_among_the_non_clicks(scores, labels):
    "No ranks: each click is looked up in the sorted non-clicks, from the left and from the right; the mean of …"
    others = scores[labels == 0].sort().values
    clicks = scores[labels == 1].contiguous()
    low = torch.searchsorted(others, clicks)
    high = torch.searchsorted(others, clicks, right=True)
    return ((low + high).double().mean() / (2 * len(others))).item()
@wrong("rows_that_leak", "labels blanked, not flipped")
def held_out_labels_erased(feature, y, train):
    "Sets the held-out labels to 0 instead of flipping them: labels that are 0 don't change, and a feature that …"
    before = feature(y, train)
    after = feature(y * train, train)
    return int((before != after).sum())
@wrong("rows_that_leak", "inputs changed")
def flipped_without_a_copy(feature, y, train):
    "flipped = y is a second name, not a copy: the flip changes y as well, both calls see the same labels, …"
    flipped = y
    flipped[~train] = 1 - flipped[~train]
    return (feature(y, train) != feature(flipped, train)).sum().item()
@wrong("rows_that_leak", "each row asked about itself")
def asks_each_row_about_itself(feature, y, train):
    "Flips one held-out label at a time and looks whether *that row's* feature moves."
    before = feature(y, train)
    moved = 0
    for row in (~train).nonzero().flatten().tolist():
        flipped = y.clone()
        flipped[row] = 1 - flipped[row]
        moved += int(feature(flipped, train)[row] != before[row])
    return moved
@right("rows_that_leak")
def flipped_by_exclusive_or(feature, y, train):
    "Held-out labels are flipped by XOR with the mask; no arithmetic on labels."
    flipped = torch.logical_xor(y.bool(), ~train).to(y.dtype)
    return torch.ne(feature(y, train), feature(flipped, train)).count_nonzero().item()
@wrong("collides", "the first of two is let off")
def first_come_isnt_blamed(ids, a, b, p, rows):
    "Walks through the log and remembers who took each row first: only those who come later are marked, the first …"
    owner, out = {}, []
    for i in ids.tolist():
        row = (a * i + b) % p % rows
        out.append(owner.setdefault(row, i) != i)
    return torch.tensor(out, dtype=torch.bool)
@wrong("collides", "nothing collides")
def modulo_binds_tighter(ids, a, b, p, rows):
    "a * ids + b % p % rows: without the bracket only b is taken modulo, and the 'rows' are all different."
    row = a * ids + b % p % rows
    same_row = row[:, None] == row
    same_id = ids[:, None] == ids
    return (same_row & ~same_id).any(1)
@wrong("collides", "another recipe", "after sorting, each entry is compared with its neighbours on")
def compares_neighbours_after_sorting(ids, a, b, p, rows):
    "Sorts by row and compares each entry with its two neighbours only (and unsorts correctly)."
    row = (a * ids + b) % p % rows
    order = (row * (ids.max() + 1) + ids).argsort()
    r, i = row[order], ids[order]
    beside = (r[1:] == r[:-1]) & (i[1:] != i[:-1])
    hit = torch.zeros(len(ids), dtype=torch.bool)
    hit[1:] |= beside
    hit[:-1] |= beside
    out = torch.empty_like(hit)
    out[order] = hit
    return out
@right("collides")
def a_set_for_each_row(ids, a, b, p, rows):
    "A dictionary from row to the set of its ids, in whole Python numbers, which can't overflow."
    members = collections.defaultdict(set)
    places = [(a * i + b) % p % rows for i in ids.tolist()]
    for place, i in zip(places, ids.tolist()):
        members[place].add(i)
    return torch.tensor([len(members[place]) > 1 for place in places], dtype=torch.bool)
@wrong("recalibrated", "odds returned")
def stays_in_odds(p, w):
    "Multiplies the odds by w and returns them, without going back to probabilities."
    return w * p / (1 - p)
@wrong("recalibrated", "another recipe", "1/w is rounded down")
def one_in_k_in_whole_numbers(p, w):
    "Turns w into 'one non-click in k' with 1 // w, which rounds down: w = 0.3 becomes 3 instead of 3.33, and 1 …"
    k = 1 // w
    return p / (p + (1 - p) * k)
@wrong("recalibrated", "another recipe", "the mean is mended, not the odds of each row")
def mean_mended_by_one_factor(p, w):
    "Mends the mean promise and scales all probabilities by the same factor."
    mean = p.mean()
    mended = mean / (mean + (1 - mean) / w)
    return p * (mended / mean)
@right("recalibrated")
def a_constant_in_logits(p, w):
    "In logits the correction is the constant log w."
    return torch.sigmoid(torch.logit(p) + math.log(w))
@wrong("ndcg_at_k", "another recipe", "You divide by the logarithm of the place, and by 1 at place 1")
def first_two_places_alike(scores, relevant, k):
    "The discount of the original paper: 1 / log2(place) from place 2 on, place 1 undiscounted, so that places 1 …"
    ranked = relevant[scores.argsort(descending=True)][:k]
    best = relevant.sort(descending=True).values[:k]
    discount = 1 / torch.arange(1, len(ranked) + 1).float().log2().clamp(min=1)
    return ((ranked * discount).sum() / (best * discount).sum()).item()
@wrong("ndcg_at_k", "best order of the films shown")
def best_order_of_what_was_shown(scores, relevant, k):
    "The ideal list sorts only the films that made it into the first k: relevant films that the ranker left out …"
    shown = relevant[scores.argsort(descending=True)[:k]]
    ideal = shown.sort(descending=True).values
    discount = 1 / torch.log2(torch.arange(2, len(shown) + 2))
    best = (ideal * discount).sum()
    return float((shown * discount).sum() / best) if best > 0 else 0.0
@wrong("ndcg_at_k", "films taken for places")
def argsort_taken_for_places(scores, relevant, k):
    "Takes argsort's result for the films' places."
    place = scores.argsort(descending=True)  # 0 for the first
    gain = torch.where(place < k, relevant / torch.log2(place + 2.0), 0.0)
    most = min(k, int(relevant.sum()))
    best = (1 / torch.log2(torch.arange(2.0, most + 2))).sum()
    return (gain.sum() / best).item()
@wrong("ndcg_at_k", "another recipe", "the list is cut at the number of relevant films")
def list_cut_at_the_number_relevant(scores, relevant, k):
    "Shortens k to the number of relevant films, for both lists: rightly for the best one, wrongly for the …"
    k = min(k, int(relevant.sum()))
    discount = 1 / torch.log2(torch.arange(2, k + 2))
    hits = relevant[scores.topk(k).indices]
    return float((hits * discount).sum() / discount.sum())
@right("ndcg_at_k")
def natural_logs_cancel(scores, relevant, k):
    "Plain Python and natural logarithms: the base is a factor on both sums and cancels."
    order = sorted(range(len(scores)), key=lambda film: -float(scores[film]))
    got = sum(1 / math.log(2 + at) for at, film in enumerate(order[:k]) if relevant[film] > 0)
    best = sum(1 / math.log(2 + at) for at in range(min(k, int(relevant.sum()))))
    return got / best
@wrong("share_that_differs", "tolerance grows with the number")
def relative_tolerance_left_on(trained, served, tolerance):
    "isclose with atol and equal_nan set and rtol left at its default, 1e-5 of the value: for a year (2000) that …"
    same = torch.isclose(trained, served, atol=tolerance, equal_nan=True)
    return (~same).float().mean(0)
@wrong("share_that_differs", "missing taken for 0")
def missing_taken_for_zero(trained, served, tolerance):
    "Fills nan with 0 on both sides before comparing: nan on one side and a true 0 on the other pass as equal, …"
    return ((trained.nan_to_num(0.0) - served.nan_to_num(0.0)).abs() > tolerance).float().mean(0)
@wrong("share_that_differs", "rows with missing numbers dropped")
def missing_rows_left_out(trained, served, tolerance):
    "Leaves rows with nan out, of the differences and of the count: the share among what is known on both sides."
    gap = (trained - served).abs()
    differs = torch.where(gap.isnan(), gap, (gap > tolerance).float())
    return differs.nanmean(0).nan_to_num(0.0)
@wrong("busiest_bytes", "one receiver only")
def one_receiver(owners, widths, batch, devices):
    "Counts one message: the sums for one other device's part of the batch."
    load = [0] * devices
    for device, width in zip(owners, widths):
        load[device] += width
    return max(load) * (batch // devices) * 4
@wrong("busiest_bytes", "what it receives")
def what_it_receives(owners, widths, batch, devices):
    "Counts what comes in: for its own part of the batch, the sums of all tables that lie elsewhere."
    mine = [sum(w for o, w in zip(owners, widths) if o == device) for device in range(devices)]
    return max(sum(widths) - own for own in mine) * batch // devices * 4
@wrong("busiest_bytes", "tables counted, not widths")
def busiest_by_number_of_tables(owners, widths, batch, devices):
    "Takes the device with the most *tables* for the busiest."
    device, _ = collections.Counter(owners).most_common(1)[0]
    width = sum(w for o, w in zip(owners, widths) if o == device)
    return 4 * width * (batch - batch // devices)
@right("busiest_bytes")
def by_weighted_bincount(owners, widths, batch, devices):
    "bincount with the widths as weights, the largest of it, times the rows that lie elsewhere."
    load = np.bincount(np.asarray(owners), weights=np.asarray(widths), minlength=devices)
    return int(load.max()) * (batch // devices) * (devices - 1) * 4
