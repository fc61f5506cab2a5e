"""Models that people train, by the shapes that they published.

facebookresearch/dlrm and MLPerf's reference, at the commits that book/crosswalk.md names.
"""

from itertools import pairwise
from typing import NamedTuple

from microdlrm.machine.cost import FLOAT, dot_width

CROSS_LAYERS, RANK = 3, 512  # of MLPerf's DCN-v2
BATCH = 65_536  # of MLPerf's DCN-v2, on 8 devices
MEMORY = 80e9  # bytes, of a device


class Model(NamedTuple):
    name: str
    rows: tuple[int, ...]
    m_spa: int
    bags: tuple[float, ...]
    ln_bot: tuple[int, ...]
    ln_top: tuple[int, ...]  # without its input, as MicroDLRM takes it
    interaction: str = "dot"  # or "concat", or "cross": concat, through low-rank cross layers

    @property
    def table_bytes(self) -> int:
        """Of the weights of all tables."""
        return sum(self.rows) * self.m_spa * FLOAT

    @property
    def dense_bytes(self) -> int:
        """Of the weights of both MLPs, and of the cross layers between them (Wang et al. 2021)."""
        vectors = 1 + len(self.rows)
        is_dot = self.interaction == "dot"
        width = dot_width(self.m_spa, vectors) if is_dot else vectors * self.m_spa
        crossed = CROSS_LAYERS * (2 * width * RANK + width) if self.interaction == "cross" else 0
        mlps = [*pairwise(self.ln_bot), *pairwise((width, *self.ln_top))]
        return (sum(a * b + b for a, b in mlps) + crossed) * FLOAT


_ONE = (1.0,) * 26
_CAPPED = (
    40_000_000, 39_060, 17_295, 7_424, 20_265, 3, 7_122, 1_543, 63, 40_000_000, 3_067_956, 405_282,
    10, 2_209, 11_938, 155, 4, 976, 14, 40_000_000, 40_000_000, 40_000_000, 590_152, 12_973, 108,
    36,
)  # fmt: skip

MOVIELENS = Model(
    "this course's model", (943, 1682, 21), 8, (1.0,) * 3, (16, 8, 8), (32, 16, 1), "concat"
)
KAGGLE = Model(
    "Criteo Kaggle",
    (
        1_460, 583, 10_131_227, 2_202_608, 305, 24, 12_517, 633, 3, 93_145, 5_683, 8_351_593, 3_194,
        27, 14_992, 5_461_306, 10, 5_652, 2_173, 4, 7_046_547, 18, 15, 286_181, 105, 142_572,
    ),
    16, _ONE, (13, 512, 256, 64, 16), (512, 256, 1)
)  # fmt: skip
MLPERF_DLRM = Model(
    "Criteo 1TB, MLPerf DLRM", _CAPPED, 128, _ONE, (13, 512, 256, 128), (1024, 1024, 512, 256, 1),
)  # fmt: skip
MLPERF_DCN = Model(
    "Criteo 1TB, MLPerf DCN-v2", _CAPPED, 128,
    (3, 2, 1, 2, 6, 1, 1, 1, 1, 7, 3, 8, 1, 6, 9, 5, 1, 1, 1, 12, 100, 27, 10, 3, 1, 1),
    (13, 512, 256, 128), (1024, 1024, 512, 256, 1), "cross",
)  # fmt: skip
MODELS = (MOVIELENS, KAGGLE, MLPERF_DLRM, MLPERF_DCN)
