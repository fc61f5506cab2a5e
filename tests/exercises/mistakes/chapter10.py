"""Chapter 10's exercise, as learners write it."""

# ruff: noqa
from mistakes import right, wrong


@right("busiest_bytes")
def busiest(owners, widths, batch, devices):
    together = [sum(w for o, w in zip(owners, widths) if o == d) for d in range(devices)]
    return max(together) * (batch - batch // devices) * 4


@wrong("its own share counted", "own part", "busiest_bytes")
def everything(owners, widths, batch, devices):
    return max(sum(w for o, w in zip(owners, widths) if o == d) for d in range(devices)) * batch * 4


@wrong("numbers, not bytes", "float32", "busiest_bytes")
def numbers(owners, widths, batch, devices):
    return max(sum(w for o, w in zip(owners, widths) if o == d) for d in range(devices)) * (batch - batch // devices)


@wrong("all devices together", "same time", "busiest_bytes")
def total(owners, widths, batch, devices):
    return sum(widths) * (batch - batch // devices) * 4


@wrong("one receiver only", "each of them", "busiest_bytes")
def to_one(owners, widths, batch, devices):
    return max(sum(w for o, w in zip(owners, widths) if o == d) for d in range(devices)) * (batch // devices) * 4


@wrong("the widest table only", "all the tables", "busiest_bytes")
def widest(owners, widths, batch, devices):
    return max(widths) * (batch - batch // devices) * 4


@wrong("there and back", "forward", "busiest_bytes")
def both_ways(owners, widths, batch, devices):
    return max(sum(w for o, w in zip(owners, widths) if o == d) for d in range(devices)) * (batch - batch // devices) * 8
