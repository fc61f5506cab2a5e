"""Checks of the exercises: hand over your function, get a verdict that names the mistake.

    verdict = check.dot_interaction(dot_interaction)
    verdict.passed, verdict.mistake, verdict.hint

A check calls your function on tiny inputs, the smallest first, and shows the smallest on which it
is wrong: what is due, number by number, and what came. Then it looks at gradients, dtype, the same
answer twice, inputs untouched. A function whose body is still `...` is "not started", which is no
error.

The right answers and the mistakes that a check knows are in this folder's files of a chapter each,
written in plain loops, apart from the rest of the package. Don't open them before you have tried.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from microdlrm.exercises import (
    chapter1,
    chapter2,
    chapter3,
    chapter4,
    chapter5,
    chapter6,
    chapter9,
    chapter9_ndcg,
    chapter10,
)
from microdlrm.exercises.chapter5 import plain_loop as plain_loop
from microdlrm.exercises.judge import judge
from microdlrm.exercises.task import Task
from microdlrm.exercises.traffic import traffic as traffic
from microdlrm.exercises.verdict import Verdict

SECONDS = 10.0  # how long one check may take in all
# The function that a task asks for bears the task's name; two names may share a check.
TASKS: dict[str, Callable[[Callable], Verdict]] = {}


def _check(task: Task, says: str) -> Callable[[Callable], Verdict]:
    """The check of a task; its help says what comes in and what is due."""

    def check(fn: Callable) -> Verdict:
        return judge(task, fn, SECONDS)

    check.__name__ = check.__qualname__ = task.name
    check.__doc__ = f"Check `{task.call}`: {says}"
    return TASKS.setdefault(task.name, check)


smoothed_mean = _check(
    chapter1.SMOOTHED_MEAN,
    """means pulled towards a prior, (n,) float32. sums (n,) and counts (n,) float32, prior and k
    numbers -> (sums + k * prior) / (counts + k).""",
)
leave_one_out_mean = _check(
    chapter1.LEAVE_ONE_OUT_MEAN,
    """the mean of the group's other rows. groups (N,) int64, values (N,) float32, prior a number
    -> (N,) float32; the prior where there is no other row.""",
)
offsets_from_lengths = _check(
    chapter2.OFFSETS_FROM_LENGTHS,
    """where each bag starts. lengths (B,) int64, how many ids each bag has -> (B,) int64, the
    first of them 0.""",
)
embedding_bag = _check(
    chapter2.EMBEDDING_BAG,
    """the sum of each bag's rows. weight (R, d) float32, indices (L,) int64, offsets (B,) int64 ->
    (B, d); an empty bag is a zero vector.""",
)
mlp_cost = _check(
    chapter3.MLP_COST,
    """-> (parameters, FLOPs per sample) of an MLP with biases, forward. widths, a tuple such as
    (16, 8, 8), the input first. A multiply-add counts as 2 FLOPs, biases and activations as
    none, as in `torch.utils.flop_counter`: a layer from n to m costs 2nm.""",
)
stable_logloss = _check(
    chapter3.STABLE_LOGLOSS,
    """the mean binary cross-entropy, a scalar. logits (B, 1) float32, y (B, 1) float32 of 0 and 1
    -> () float32, finite at any logit.""",
)
interaction_width = _check(
    chapter4.INTERACTION_WIDTH,
    """the top MLP's input width. kind is "concat" (d + n_tables * m_spa) or "dot" (d + n(n-1)/2
    with n = 1 + n_tables).""",
)


def dot_interaction(fn: Callable, loop: bool = True) -> Verdict:
    """Check `dot_interaction(x_dense, x_sparse)`: the dense vector, then every pair's dot product.

    x_dense (B, d) and x_sparse, a list of at least one (B, d), float32 -> (B, d + n(n-1)/2), n = 1
    + len(x_sparse): [x_dense | v_i . v_j for i < j, i before j], v = [x_dense, *x_sparse]. The
    number of operators that it calls must not grow with the rows; with `loop=False` nor with the
    vectors.
    """
    growing = (chapter5.ROWS,) if loop else (chapter5.VECTORS, chapter5.ROWS)
    return judge(replace(chapter5.DOT_INTERACTION, growing=growing), fn, SECONDS)


dot_interaction_itself = _check(
    chapter5.DOT_INTERACTION_ITSELF,
    """and each vector by itself. -> (B, d + n(n+1)/2): [x_dense | v_i . v_j for i <= j, i before
    j].""",
)
low_rank_cross = _check(
    chapter5.LOW_RANK_CROSS,
    """a low-rank layer of DCN-v2. x0 and x (B, w), U and V (w, r), b (w,) -> (B, w): for each row,
    x0 * (U Vᵀ x + b) + x, with * by element (Wang et al. 2021, section 3.5).""",
)
auc_from_ranks = _check(
    chapter6.AUC_FROM_RANKS,
    """the share of pairs ranked right. scores (N,) float32, labels (N,) float32 of 0 and 1, both
    present -> of all (click, non-click) pairs, the share in which the click has the higher
    score; a tie counts half.""",
)
rows_that_leak = _check(
    chapter6.ROWS_THAT_LEAK,
    """how many rows move. feature(y, train) -> (N,), y (N,) float32 of 0 and 1, train (N,) bool,
    True where a row trains -> on how many rows the feature moves if the held-out labels are
    flipped.""",
)
busiest_bytes = _check(
    chapter10.BUSIEST_BYTES,
    """what the busiest sends. Table k, a row of which holds widths[k] float32, lies whole on
    device owners[k]. Every device has an equal part of the batch's rows, and needs each table's
    sums for them -> the bytes that the busiest device sends in a forward pass, a whole number.""",
)
collides = _check(
    chapter9.COLLIDES,
    """which ids share their row. ids (n,) int64, the rest whole numbers; an id's row is ((a * id +
    b) mod p) mod rows -> (n,) bool, True where another id has the row; the same id once more is
    no other.""",
)
recalibrated = _check(
    chapter9.RECALIBRATED,
    """probabilities after training on a share of the non-clicks. p (N,) float32, above 0 and
    below 1, w, the share of the non-clicks that was kept, above 0, at most 1 -> (N,):
    p / (p + (1 - p) / w) (He et al. 2014, section 6.3).""",
)
ndcg_at_k = _check(
    chapter9_ndcg.NDCG_AT_K,
    """how good a list is, from its first k places. scores (n,) float32, no two equal, relevant
    (n,) float32 of 0 and 1, at least one 1 -> a number from 0 to 1.""",
)
share_that_differs = _check(
    chapter9.SHARE_THAT_DIFFERS,
    """the share of rows, by feature. trained and served (N, F) float32, the same rows made in two
    ways -> (F,) float32. Two numbers differ if they are further apart than the tolerance, or if
    one of them is nan and the other isn't.""",
)
TASKS["dot_interaction_slow"] = dot_interaction
TASKS["dot_interaction"] = partial(dot_interaction, loop=False)
