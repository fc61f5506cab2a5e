"""Random inputs of each task, small ones: what a list of a dozen leaves open, they ask."""

import math
import random

import torch
from torch import Tensor, tensor

from microdlrm.exercises.chapter6 import ROWS_THAT_LEAK

NAN = float("nan")


class Dice(random.Random):
    def size(self, most: int = 5) -> int:
        return self.randint(1, most)

    def whole(self, low: int, high: int, *shape: int) -> Tensor:
        numbers = [self.randint(low, high) for _ in range(math.prod(shape))]
        return tensor(numbers).reshape(shape)

    def floats(self, *shape: int) -> Tensor:
        """Halves, or numbers with endless decimals."""
        return self.whole(-8, 8, *shape) / self.choice((1, 2, 3))

    def labels(self, *shape: int) -> Tensor:
        return self.whole(0, 1, *shape).float()

    def mixed(self, *first: float, more: int) -> Tensor:
        """Labels with those among them, in any order."""
        return tensor(self.sample([*first, *self.labels(more).tolist()], len(first) + more))


def smoothed_mean(dice: Dice) -> tuple:
    counts = dice.whole(0, 9, dice.size()).float()
    sums = (counts * dice.whole(0, 4, len(counts)) / 4).round()
    return sums, counts, dice.choice((0.25, 0.5, 0.75, 3.6)), dice.choice((0.5, 1.0, 2.0, 5.0))


def leave_one_out_mean(dice: Dice) -> tuple:
    n = dice.size(7)
    groups = dice.whole(0, dice.size(3), n) * dice.choice((1, 1, 7)) + dice.choice((0, 0, 2))
    return groups, dice.whole(-2, 5, n).float(), dice.choice((0.125, 0.5, 3.5))


def offsets_from_lengths(dice: Dice) -> tuple:
    return (dice.whole(0, dice.size(), dice.size(6)),)


def embedding_bag(dice: Dice) -> tuple:
    rows, bags, d = dice.size(), dice.size(), dice.size(3)
    lengths = dice.whole(0, dice.size(3), bags)
    indices = dice.whole(0, rows - 1, max(1, int(lengths.sum())))
    lengths[-1] += len(indices) - lengths.sum()  # one id at least
    return dice.floats(rows, d), indices, lengths.cumsum(0) - lengths


def mlp_cost(dice: Dice) -> tuple:
    return (tuple(dice.size(40) for _ in range(dice.randint(2, 5))),)


def stable_logloss(dice: Dice) -> tuple:
    n = dice.size()
    return dice.floats(n, 1) * dice.choice((0.5, 1, 1, 4, 10, 30)), dice.labels(n, 1)


def interaction_width(dice: Dice) -> tuple:
    return dice.size(8), dice.size(12), dice.size(12), dice.choice(("concat", "dot"))


def dot_interaction(dice: Dice) -> tuple:
    rows, d = dice.size(4), dice.size(6)
    return dice.floats(rows, d), [dice.floats(rows, d) for _ in range(dice.size())]


def low_rank_cross(dice: Dice) -> tuple:
    rows, w, r = dice.size(4), dice.size(), dice.size(4)
    return tuple(dice.floats(*shape) for shape in ((rows, w), (rows, w), (w, r), (w, r), (w,)))


def auc_from_ranks(dice: Dice) -> tuple:
    n, few = dice.size(6), dice.choice((3, 50))
    return dice.whole(-2, few, n + 2) / 4, dice.mixed(1.0, 0.0, more=n)


def rows_that_leak(dice: Dice) -> tuple:
    n = dice.size(6)
    feature = dice.choice([*dict.fromkeys(inputs[0] for inputs in ROWS_THAT_LEAK.inputs)])
    return feature, dice.labels(n + 2), dice.mixed(1.0, 0.0, more=n) == 1


def collides(dice: Dice) -> tuple:
    ids = dice.whole(0, 20, dice.size(7)) * dice.choice((1, 1, 1, 10**9))
    return ids, dice.size(9), dice.size(9), dice.choice((11, 31, 101)), dice.size(9)


def recalibrated(dice: Dice) -> tuple:
    p = dice.whole(1, 99, dice.size()) / 100
    return p ** dice.choice((1, 2)), dice.choice((0.0625, 0.07, 0.25, 0.4, 0.5, 1.0))


def ndcg_at_k(dice: Dice) -> tuple:
    n = dice.size(8)
    scores = tensor(dice.sample(range(-2, 10), n)) / 4
    return scores, dice.mixed(1.0, more=n - 1), dice.size(9)


def share_that_differs(dice: Dice) -> tuple:
    shape = dice.size(), dice.size(4)
    sides = [dice.whole(-2, 2, *shape) / 2 + dice.choice((0, 0, 0, 10**6)) for _ in range(2)]
    if dice.random() < 0.7:
        sides = [torch.where(dice.whole(0, 3, *shape) == 0, NAN, side) for side in sides]
    return *sides, dice.choice((0.25, 0.75))


def busiest_bytes(dice: Dice) -> tuple:
    devices, tables = dice.randint(2, 4), dice.size()
    owners = tuple(dice.randrange(devices) for _ in range(tables))
    return owners, tuple(dice.size(9) for _ in range(tables)), devices * dice.size(), devices


def draw(task: str, seed: int) -> tuple:
    """The arguments of a task; the same for each seed."""
    return globals()[task.removesuffix("_itself")](Dice(seed))
