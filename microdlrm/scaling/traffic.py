"""What a sharded table sends in a step of training, on paper."""

from typing import NamedTuple

from microdlrm.machine.cost import FLOAT, INT

SHARDINGS = ("table", "row", "column", "data")


class Traffic(NamedTuple):
    """Bytes that cross the network in a step, of all devices together."""

    ids: float
    forward: float
    backward: float


def communication(
    sharding: str, devices: int, batch: int, lookups: float, rows: int, m: int
) -> Traffic:
    """What a table of R `rows` of m numbers sends in a step, sharded over W `devices`.

    Every device has B / W of the batch of B bags, with K `lookups` in all. It sends each id, 8
    bytes, to where the id's row is, and each bag's length along, 8 bytes more. Back come sums of
    rows, m numbers a bag; their gradients go the other way. Of W equal parts W - 1 cross the
    network, one is at home already.

    "table"   whole, on one device (the mean over which one): ids (W-1)/W (K + B) 8, forward and
              backward (W-1)/W B m 4 each
    "column"  m / W columns on each. Every device needs all ids, and returns its columns of each
              sum: ids (W-1) (K + B) 8, forward and backward as "table"
    "row"     R / W rows on each, hit evenly. Ids are divided, lengths are not, and all have a
              part of every sum: ids (W-1)/W K 8 + (W-1) B 8, forward and backward (W-1) B m 4
    "data"    the whole table on each. Nothing, until the gradients are added up in a ring
              (Patarasuk and Yuan 2009): backward 2 (W-1) R m 4, however small the batch

    Raises ValueError for another sharding, and for fewer devices than one.
    """
    if sharding not in SHARDINGS:
        raise ValueError(f"sharding must be one of {', '.join(SHARDINGS)}, got {sharding!r}")
    if devices < 1:
        raise ValueError(f"devices must be 1 or more, got {devices}")
    others = devices - 1
    if sharding == "data":
        return Traffic(0.0, 0.0, 2.0 * others * rows * m * FLOAT)
    sums = others * batch * m * FLOAT  # a part of every sum, from everybody
    if sharding == "row":
        return Traffic(others * (lookups / devices + batch) * INT, sums, sums)
    ids = others * (lookups + batch) * INT
    return Traffic(ids if sharding == "column" else ids / devices, sums / devices, sums / devices)
