"""Answers to chapter 10's exercises as learners write them, right and wrong."""

# ruff: noqa
from collections import Counter

import numpy as np

from answers import right, wrong


@right("busiest_bytes")
def busiest(owners, widths, batch, devices):
    together = [sum(w for o, w in zip(owners, widths) if o == d) for d in range(devices)]
    return max(together) * (batch - batch // devices) * 4


@right("busiest_bytes")
def by_weighted_bincount(owners, widths, batch, devices):
    load = np.bincount(np.asarray(owners), weights=np.asarray(widths), minlength=devices)
    return int(load.max()) * (batch // devices) * (devices - 1) * 4


@wrong("busiest_bytes")
def everything(owners, widths, batch, devices):
    return max(sum(w for o, w in zip(owners, widths) if o == d) for d in range(devices)) * batch * 4


@wrong("busiest_bytes")
def numbers(owners, widths, batch, devices):
    return max(sum(w for o, w in zip(owners, widths) if o == d) for d in range(devices)) * (
        batch - batch // devices
    )


@wrong("busiest_bytes")
def total(owners, widths, batch, devices):
    return sum(widths) * (batch - batch // devices) * 4


@wrong("busiest_bytes")
def to_one(owners, widths, batch, devices):
    return (
        max(sum(w for o, w in zip(owners, widths) if o == d) for d in range(devices))
        * (batch // devices)
        * 4
    )


@wrong("busiest_bytes")
def widest(owners, widths, batch, devices):
    return max(widths) * (batch - batch // devices) * 4


@wrong("busiest_bytes")
def both_ways(owners, widths, batch, devices):
    return (
        max(sum(w for o, w in zip(owners, widths) if o == d) for d in range(devices))
        * (batch - batch // devices)
        * 8
    )


@wrong("busiest_bytes")
def what_it_receives(owners, widths, batch, devices):
    mine = [sum(w for o, w in zip(owners, widths) if o == device) for device in range(devices)]
    return max(sum(widths) - own for own in mine) * batch // devices * 4


@wrong("busiest_bytes")
def busiest_most_tables(owners, widths, batch, devices):
    busiest = Counter(owners).most_common(1)[0][0]
    held = sum(w for o, w in zip(owners, widths) if o == busiest)
    return held * (batch - batch // devices) * 4
