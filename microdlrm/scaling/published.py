"""Models that people train, by the shapes that they published: rows of each table, width, bags, MLPs."""

from typing import NamedTuple

from microdlrm.scaling.planner import Table


class Model(NamedTuple):
    name: str
    rows: tuple[int, ...]
    m_spa: int
    bags: tuple[float, ...]
    ln_bot: tuple[int, ...]
    ln_top: tuple[int, ...]  # the input of the top MLP, or of what stands for it, not included
    source: str

    @property
    def tables(self) -> list[Table]:
        return [Table(rows, self.m_spa, bag) for rows, bag in zip(self.rows, self.bags, strict=True)]


_ONE = (1.0,) * 26
_CAPPED = (
    40_000_000, 39_060, 17_295, 7_424, 20_265, 3, 7_122, 1_543, 63, 40_000_000, 3_067_956, 405_282, 10,
    2_209, 11_938, 155, 4, 976, 14, 40_000_000, 40_000_000, 40_000_000, 590_152, 12_973, 108, 36,
)  # fmt: skip

MOVIELENS = Model(
    "this course's model", (943, 1682, 21), 8, (1.0,) * 3, (16, 8, 8), (32, 16, 1), "chapters 1 to 5"
)
KAGGLE = Model(
    "Criteo Kaggle",
    (
        1_460, 583, 10_131_227, 2_202_608, 305, 24, 12_517, 633, 3, 93_145, 5_683, 8_351_593, 3_194,
        27, 14_992, 5_461_306, 10, 5_652, 2_173, 4, 7_046_547, 18, 15, 286_181, 105, 142_572,
    ),
    16, _ONE, (13, 512, 256, 64, 16), (512, 256, 1), "facebookresearch/dlrm",
)  # fmt: skip
MLPERF_DLRM = Model(
    "Criteo 1TB, MLPerf DLRM", _CAPPED, 128, _ONE, (13, 512, 256, 128), (1024, 1024, 512, 256, 1),
    "facebookresearch/dlrm",
)  # fmt: skip
MLPERF_DCN = Model(
    "Criteo 1TB, MLPerf DCN-v2", _CAPPED, 128,
    (3, 2, 1, 2, 6, 1, 1, 1, 1, 7, 3, 8, 1, 6, 9, 5, 1, 1, 1, 12, 100, 27, 10, 3, 1, 1),
    (13, 512, 256, 128), (1024, 1024, 512, 256, 1), "mlcommons/training",
)  # fmt: skip
TORCHREC_1TB = Model(
    "Criteo 1TB, all ids seen often enough",
    (
        45_833_188, 36_746, 17_245, 7_413, 20_243, 3, 7_114, 1_441, 62, 29_275_261, 1_572_176, 345_138, 10,
        2_209, 11_267, 128, 4, 974, 14, 48_937_457, 11_316_796, 40_094_537, 452_104, 12_606, 104, 35,
    ),
    128, _ONE, (13, 512, 256, 128), (1024, 1024, 512, 256, 1), "mlcommons/training",
)  # fmt: skip

BATCH = 65_536  # of MLPerf's DCN-v2, on 8 devices
MEMORY = 80e9  # bytes, of a device

MODELS = (MOVIELENS, KAGGLE, MLPERF_DLRM, MLPERF_DCN)

# Training records a second on A100s, model TORCHREC_1TB: (devices, batch, records a second). From mlcommons/training's
# recommendation_v2/torchrec_dlrm README, "Preliminary Training Results".
TORCHREC_RATES = (
    (1, 16_384, 740_065),
    (4, 16_384, 1_458_176),
    (8, 16_384, 1_671_168),
    (8, 65_536, 5_373_952),
)
