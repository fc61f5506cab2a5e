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
    chapter1.SMOOTHED_MEAN, "sums, counts (n,) float32 -> (n,), (sums + k * prior) / (counts + k)."
)
leave_one_out_mean = _check(
    chapter1.LEAVE_ONE_OUT_MEAN,
    "groups (N,) int64, values (N,) float32 -> (N,), the others' means.",
)
offsets_from_lengths = _check(
    chapter2.OFFSETS_FROM_LENGTHS, "lengths (B,) int64 -> (B,) int64, where each bag starts."
)
embedding_bag = _check(
    chapter2.EMBEDDING_BAG,
    "weight (R, d) float32, indices (L,) int64, offsets (B,) int64 -> (B, d), each bag's sum.",
)
mlp_cost = _check(
    chapter3.MLP_COST, "widths, the input first -> (parameters, FLOPs per sample, forward)."
)
stable_logloss = _check(
    chapter3.STABLE_LOGLOSS, "logits, y (B, 1) float32 -> (), the mean, finite at any logit."
)
interaction_width = _check(
    chapter4.INTERACTION_WIDTH, 'kind "concat" or "dot" -> how wide the top MLP\'s input is.'
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
    chapter5.DOT_INTERACTION_ITSELF, "-> (B, d + n(n+1)/2), [x_dense | v_i . v_j for i <= j]."
)
low_rank_cross = _check(
    chapter5.LOW_RANK_CROSS, "x0, x (B, w), U, V (w, r), b (w,) -> (B, w), x0 * (U Vᵀ x + b) + x."
)
auc_from_ranks = _check(
    chapter6.AUC_FROM_RANKS, "scores (N,) float32, labels (N,) float32 of 0 and 1 -> a number."
)
rows_that_leak = _check(
    chapter6.ROWS_THAT_LEAK,
    "feature(y, train) -> (N,), y (N,) float32 of 0 and 1, train (N,) bool -> how many rows move.",
)
busiest_bytes = _check(
    chapter10.BUSIEST_BYTES, "a device and a width a table -> the bytes that the busiest sends."
)
collides = _check(chapter9.COLLIDES, "ids (n,) int64 -> (n,) bool, whether another id has the row.")
recalibrated = _check(
    chapter9.RECALIBRATED, "p (N,) float32, w, the share that was kept -> (N,), probabilities."
)
ndcg_at_k = _check(
    chapter9_ndcg.NDCG_AT_K, "scores (n,), relevant (n,) of 0 and 1, float32 -> from 0 to 1."
)
share_that_differs = _check(
    chapter9.SHARE_THAT_DIFFERS, "trained, served (N, F) float32 -> (F,), the shares of rows."
)
TASKS["dot_interaction_slow"] = dot_interaction
TASKS["dot_interaction"] = partial(dot_interaction, loop=False)
