"""Chapter 10's exercises: answers, inputs, what the numbers mean, the usual mistakes. Spoilers."""

from math import nan

from microdlrm.exercises.planning import FLOAT, check_choice, check_plan
from microdlrm.exercises.task import Mistake, Task

__all__ = ["BUSIEST_BYTES", "check_choice", "check_plan"]

# --- bytes of an all-to-all ---


def _by_device(owners, widths, devices):
    """The numbers in a row of all of each device's tables together."""
    held = [0] * devices
    for owner, width in zip(owners, widths, strict=True):
        held[owner] += width
    return held


def _busiest_bytes(owners, widths, batch, devices):
    most = 0
    for held in _by_device(owners, widths, devices):
        sent = 0
        for _receiver in range(devices - 1):  # everybody but itself
            sent += batch // devices * held * FLOAT
        most = max(most, sent)
    return most


def _busiest(formula):
    return lambda o, w, b, n: formula(max(_by_device(o, w, n)), b, n)


def _by_count(owners, widths, devices):
    """What the device with the most tables holds; any number if there are several."""
    tables = _by_device(owners, [1] * len(owners), devices)
    held = zip(_by_device(owners, widths, devices), tables, strict=True)
    first, *others = {width for width, n in held if n == max(tables)}
    return nan if others else first


_BUSIEST_MISTAKES = [
    Mistake("its own share counted", "The sums of its own part of the batch cross no network.",
            _busiest(lambda held, b, n: b * held * FLOAT)),
    Mistake("all devices together", "They send at the same time: the last to finish decides.",
            lambda o, w, b, n: sum(w) * (b // n) * (n - 1) * FLOAT),
    Mistake("tables counted, not widths", "It's the sum of a device's widths that counts.",
            lambda o, w, b, n: _by_count(o, w, n) * (b // n) * (n - 1) * FLOAT),
    Mistake("the widest table only", "A device sends the sums of all its tables.",
            lambda o, w, b, n: max(w) * (b // n) * (n - 1) * FLOAT),
]  # fmt: skip


def _because_busiest(owners, widths, batch, devices):
    held = _by_device(owners, widths, devices)
    most = held.index(max(held))
    yield f"device {most}: {held[most]}·{batch // devices}·{devices - 1}·4"


def _draw(dice):
    devices, tables = dice.randint(2, 4), dice.size()
    owners = tuple(dice.randrange(devices) for _ in range(tables))
    return owners, tuple(dice.size(9) for _ in range(tables)), devices * dice.size(), devices


BUSIEST_BYTES = Task(
    "busiest_bytes(owners, widths, batch, devices)",
    _busiest_bytes,
    [
        # One table; two that differ; widest, most tables and busiest apart; larger plans.
        ((0,), (10,), 2, 2),
        ((0, 1), (10, 7), 4, 2),
        ((1, 0, 1), (7, 9, 5), 10, 2),
        ((0, 1, 1), (10, 4, 5), 6, 3),
        ((0, 1, 1, 2, 2, 2), (64, 48, 40, 8, 16, 16), 96, 4),
        ((2, 2, 0), (3, 5, 7), 12, 4),
        (tuple(k % 8 for k in range(26)), (128,) * 26, 65536, 8),
    ],
    "Right. Every device sends at once, so the plan is as slow as its busiest device.",
    places=lambda *_: ["bytes"],
    draw=_draw,
    facts=lambda owners, widths, batch, devices: {"devices": devices, "tables": len(widths)},
    mistakes=_BUSIEST_MISTAKES,
    because=_because_busiest,
    tells={"devices": "How many others does a device send to, and how many rows has each?"},
    typical=4,
    returns="one whole number",
)
