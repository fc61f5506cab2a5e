"""What a sharded table sends in a step of training, on paper."""

from typing import NamedTuple

from microdlrm.machine.cost import FLOAT, INT

# By kind, what the devices divide among themselves.
SHARDINGS = dict(table="tables", row="rows", column="m_spa", data="rows")


class Traffic(NamedTuple):
    """Bytes that cross the network in a step, of all devices together."""

    ids: float
    forward: float
    backward: float


def communication(
    sharding: str, devices: int, batch: int, lookups: float, rows: int, m: int
) -> Traffic:
    """What a table of R `rows` of m numbers sends in a step, sharded over W `devices`.

    Every device has B / W of the batch of B bags, which hold K `lookups` in all. Ids and the
    lengths of bags take 8 bytes each, numbers 4. Chapter 10 has the formulas, and why.

    "table"   whole, on one device: the mean over which one
    "column"  m / W columns on each, which needs all ids and returns its columns of each sum
    "row"     R / W rows on each, hit evenly: a partial sum of every bag from everybody
    "data"    the whole table on each; of its gradients each adds up a W-th for all, and hands the
              sum to the others, however small the batch (Patarasuk and Yuan 2009)

    Raises ValueError for another sharding.
    """
    if sharding not in SHARDINGS:
        raise ValueError(f"sharding must be one of {', '.join(SHARDINGS)}, got {sharding!r}")
    others = devices - 1
    if sharding == "data":
        return Traffic(0.0, 0.0, 2.0 * others * rows * m * FLOAT)
    sums = others * batch * m * FLOAT  # a part of every sum, from everybody
    if sharding == "row":
        return Traffic(others * (lookups / devices + batch) * INT, sums, sums)
    ids = others * (lookups + batch) * INT
    return Traffic(ids if sharding == "column" else ids / devices, sums / devices, sums / devices)
