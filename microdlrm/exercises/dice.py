"""What random inputs are drawn with: what a list of a dozen leaves open, they ask."""

import math
import random

from torch import Tensor, tensor


class Dice(random.Random):
    def size(self, most: int = 5) -> int:
        return self.randint(1, most)

    def whole(self, low: int, high: int, *shape: int) -> Tensor:
        numbers = [self.randint(low, high) for _ in range(math.prod(shape))]
        return tensor(numbers).reshape(shape)

    def floats(self, *shape: int) -> Tensor:
        """Halves, or numbers with endless decimals."""
        return self.whole(-8, 8, *shape) / self.choice((1, 2, 3))

    def labels(self, *first: float, more: int) -> Tensor:
        """Zeros and ones, with those among them, in any order."""
        labels = [*first, *self.whole(0, 1, more).tolist()]
        return tensor(self.sample(labels, len(labels))).float()
