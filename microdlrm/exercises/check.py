"""Checks of the exercises: hand over your function, get a verdict that names the mistake.

    verdict = check.dot_interaction(dot_interaction)
    verdict.passed, verdict.mistake, verdict.hint

A check calls your function on tiny inputs, and shows the smallest on which it is wrong: what is
due, number by number, and what came. A body that is still `...` is "not started", no error.

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
from microdlrm.exercises.verdict import Verdict
from microdlrm.machine.traffic import traffic as traffic

SECONDS = 10.0  # how long one check may take in all
# The function that a task asks for bears the task's name; two names may share a check.
TASKS: dict[str, Callable[[Callable], Verdict]] = {}


def _check(task: Task) -> Callable[[Callable], Verdict]:
    """The check of a task."""

    def check(fn: Callable) -> Verdict:
        return judge(task, fn, SECONDS)

    check.__name__ = check.__qualname__ = task.name
    check.__doc__ = f"Check `{task.call}` -> {task.shape or task.returns}."
    return TASKS.setdefault(task.name, check)


smoothed_mean = _check(chapter1.SMOOTHED_MEAN)
leave_one_out_mean = _check(chapter1.LEAVE_ONE_OUT_MEAN)
offsets_from_lengths = _check(chapter2.OFFSETS_FROM_LENGTHS)
embedding_bag = _check(chapter2.EMBEDDING_BAG)
mlp_cost = _check(chapter3.MLP_COST)
stable_logloss = _check(chapter3.STABLE_LOGLOSS)
interaction_width = _check(chapter4.INTERACTION_WIDTH)


def dot_interaction(fn: Callable, loop: bool = True) -> Verdict:
    """Check `dot_interaction(x_dense, x_sparse)`: the dense vector, then every pair's dot product.

    x_dense (B, d) and x_sparse, a list of at least one (B, d), float32 -> (B, d + n(n-1)/2), n = 1
    + len(x_sparse): [x_dense | v_i . v_j for i < j, i before j], v = [x_dense, *x_sparse]. The
    number of operators that it calls must not grow with the rows; with `loop=False` nor with the
    vectors.
    """
    growing = (chapter5.ROWS,) if loop else (chapter5.VECTORS, chapter5.ROWS)
    return judge(replace(chapter5.DOT_INTERACTION, growing=growing), fn, SECONDS)


dot_interaction_itself = _check(chapter5.DOT_INTERACTION_ITSELF)
low_rank_cross = _check(chapter5.LOW_RANK_CROSS)
auc_from_ranks = _check(chapter6.AUC_FROM_RANKS)
rows_that_leak = _check(chapter6.ROWS_THAT_LEAK)
collides = _check(chapter9.COLLIDES)
recalibrated = _check(chapter9.RECALIBRATED)
ndcg_at_k = _check(chapter9_ndcg.NDCG_AT_K)
share_that_differs = _check(chapter9.SHARE_THAT_DIFFERS)
busiest_bytes = _check(chapter10.BUSIEST_BYTES)
TASKS["dot_interaction_slow"] = dot_interaction
TASKS["dot_interaction"] = partial(dot_interaction, loop=False)
