"""Chapter 10's exercises: their answers, inputs, and the mistakes to recognise. Spoilers."""

from collections.abc import Callable, Sequence

from microdlrm.exercises import recipes_counts
from microdlrm.exercises.task import Case, Mistake, Task
from microdlrm.exercises.verdict import Verdict

FLOAT, INT = 4, 8

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


_BUSIEST_MISTAKES = [
    Mistake(
        "its own share counted",
        "A device keeps the sums of its own part of the batch: they cross no network.",
        _busiest(lambda held, b, n: b * held * FLOAT),
    ),
    Mistake(
        "numbers, not bytes",
        "You counted numbers. Each is a float32.",
        _busiest(lambda held, b, n: b // n * (n - 1) * held),
    ),
    Mistake(
        "one receiver only",
        "You counted what the busiest device sends to one other. It sends as much to each of them.",
        _busiest(lambda held, b, n: b // n * held * FLOAT),
    ),
    Mistake(
        "there and back",
        "You counted gradients as well. The forward pass alone is asked for.",
        _busiest(lambda held, b, n: 2 * (b // n) * (n - 1) * held * FLOAT),
    ),
    Mistake(
        "all devices together",
        "You added up over all devices. They send at the same time, and the last one to finish decides.",
        lambda o, w, b, n: sum(w) * (b // n) * (n - 1) * FLOAT,
    ),
    Mistake(
        "the mean device",
        "You took the mean over the devices. The step waits for the busiest.",
        lambda o, w, b, n: sum(w) * (b // n) * (n - 1) * FLOAT // n,
    ),
    Mistake(
        "tables counted, not widths",
        "You looked for the device with the most tables. It's the sum of their widths that counts.",
        lambda o, w, b, n: (
            max((_by_device(o, [1] * len(w), n)[d], _by_device(o, w, n)[d]) for d in range(n))[1]
            * (b // n) * (n - 1) * FLOAT
        ),
    ),
    Mistake(
        "what it receives",
        "You counted what a device receives: the sums of the others' tables, for its own part of the batch. What it "
        "sends is asked for: its own tables, for the others' parts.",
        lambda o, w, b, n: (sum(w) - min(_by_device(o, w, n))) * (b // n) * FLOAT,
    ),
    Mistake(
        "what it receives",
        "You counted what the busiest device receives, and it is what it sends that is asked for.",
        lambda o, w, b, n: (sum(w) - max(_by_device(o, w, n))) * (b // n) * FLOAT,
    ),
    Mistake(
        "the widest table only",
        "You counted one table. A device sends the sums of all the tables that it holds.",
        lambda o, w, b, n: max(w) * (b // n) * (n - 1) * FLOAT,
    ),
]  # fmt: skip

BUSIEST_BYTES = Task(
    "busiest_bytes(owners, widths, batch, devices)",
    _busiest_bytes,
    [
        # The device with the widest table, the one with most tables and the busiest are three different ones.
        Case("", "owners (0, 1, 1, 2, 2, 2), widths (64, 48, 40, 8, 16, 16), batch 96, 4 devices",
             ((0, 1, 1, 2, 2, 2), (64, 48, 40, 8, 16, 16), 96, 4)),
        Case("other sizes", "owners (1, 0, 1), widths (7, 9, 5), batch 10, 2 devices",
             ((1, 0, 1), (7, 9, 5), 10, 2), "right for one plan only", "It went wrong for another plan: read the "
             "sizes from the arguments."),
        Case("other sizes", "26 tables of 128, dealt in turn, batch 65,536, 8 devices",
             (tuple(k % 8 for k in range(26)), (128,) * 26, 65536, 8), "right for one plan only", "It went wrong for "
             "another plan: read the sizes from the arguments."),
    ],
    _BUSIEST_MISTAKES,
    "Right. Every device sends at once, so the plan is as slow as its busiest device.",
    returns="one whole number",
    own=(recipes_counts.BUSIEST_BYTES,),
    columns=lambda *args: ["bytes"],
    other="Take one device: how many numbers does a row of its tables have together, for how many rows of others?",
)  # fmt: skip

# --- a plan for four devices ---

DEVICES, GOOD = 4, 1.1
# Tables as (bytes, seconds of work a step), in GB and ms, and the room on each device. On the first, memory doesn't
# matter; on the second, work alone leads to a plan that doesn't fit; on the third, large tables have little work.
PLANS = {
    "room enough": (((5, 9), (4, 8), (3, 7), (2, 6), (2, 5), (1, 5), (1, 4), (1, 3), (1, 3), (1, 2)), 20),
    "little room": (((30, 2), (28, 3), (26, 2), (24, 3), (9, 12), (8, 10), (6, 9), (4, 8), (3, 6), (2, 5)), 40),
    "large and idle": (((38, 1), (37, 1), (20, 6), (19, 7), (18, 5), (9, 14), (2, 11), (2, 9), (1, 8), (1, 2)), 41),
}


def best(tables: Sequence[tuple[float, float]], room: float, devices: int = DEVICES) -> float:
    """The least work that the busiest device can have, by trying every plan that may still be the best."""
    order = sorted(tables, key=lambda table: -table[1])
    least = [float("inf")]

    def place(k: int, held: tuple[tuple[float, float], ...]) -> None:
        if k == len(order):
            least[0] = max(work for _, work in held)
            return
        size, work = order[k]
        for d in {device: d for d, device in enumerate(held)}.values():  # equal devices are one choice
            own = held[d][0] + size, held[d][1] + work
            if own[0] <= room and own[1] < least[0]:
                place(k + 1, (*held[:d], own, *held[d + 1 :]))

    place(0, ((0.0, 0.0),) * devices)
    return least[0]


def check_plan(fn: Callable) -> Verdict:
    """Check `plan(tables, room, devices)` -> the device of each table, counted from 0, on three sets of tables.

    tables   pairs (gigabytes, milliseconds of work a step); room: gigabytes that a device has

    Passed where no device holds more than its room, and the busiest one has at most 10% more work than in the best.
    """
    task, tried, said = "plan", dict.fromkeys(PLANS, "not reached"), []
    for name, (tables, room) in PLANS.items():
        try:
            answer = fn(tables, room, DEVICES)
            if answer is None or answer is ...:
                return Verdict(False, "not started", "Replace the ... by your plan: a device for each table.", task)
            answer = [int(device) for device in answer]
        except Exception as error:
            tried[name] = "failed"
            return Verdict(False, "raises an error", f"On “{name}”: {type(error).__name__}: {error}", task, tried)
        wrong = _misplaced(answer, tables, room, name)
        work = [sum(t[1] for t, d in zip(tables, answer, strict=False) if d == own) for own in range(DEVICES)]
        goal = best(tables, room)
        if not wrong and max(work) > GOOD * goal:
            wrong = (
                "unbalanced",
                f"On “{name}” the busiest device has {max(work):g} ms of work; {goal:g} is possible. Which of the "
                f"tables should find a place first, while there still is a choice?",
            )
        tried[name] = "failed" if wrong else "passed"
        if wrong:
            return Verdict(False, *wrong, task, tried)
        said.append(f"{name}: {max(work) / goal:.2f} of the best")
    return Verdict(True, None, f"Every device has room, and none is far behind. {'; '.join(said)}.", task, tried)


def _misplaced(answer, tables, room, name) -> tuple[str, str] | None:
    if len(answer) != len(tables):
        return "another length", f"On “{name}” there are {len(tables)} tables, and you placed {len(answer)}."
    if not set(answer) <= set(range(DEVICES)):
        return "no such device", f"On “{name}” you name device {max(answer)}; they count from 0 to {DEVICES - 1}."
    held = [sum(t[0] for t, d in zip(tables, answer, strict=True) if d == own) for own in range(DEVICES)]
    if max(held) > room:
        return "out of memory", f"On “{name}” a device holds {max(held):g} GB, and has room for {room:g}."
    return None


# --- which sharding for which table ---

KINDS = ("table", "row", "column", "data")
# (rows, m_spa, ids in a bag, batch, devices, bytes of room for it on each device)
TABLES = {
    "countries": (200, 64, 1, 65_536, 8, 2e9),
    "cities": (50_000, 64, 1, 8_192, 8, 2e9),
    "videos, wide": (20_000_000, 128, 20, 65_536, 8, 2e9),
    "users, narrow": (2_000_000_000, 4, 1, 65_536, 8, 5e9),
    "advertisers": (40_000, 32, 2, 262_144, 4, 1e9),
}


def sent(kind: str, rows: int, m: int, bag: float, batch: int, devices: int) -> float:
    """What crosses the network in a step: ids there, sums back, gradients there again."""
    others, ids, sums = devices - 1, batch * (bag + 1) * INT, batch * m * FLOAT
    return {
        "data": 2 * others * rows * m * FLOAT,
        "table": others / devices * (ids + 2 * sums),
        "column": others * ids + others / devices * 2 * sums,
        "row": others / devices * batch * bag * INT + others * (batch * INT + 2 * sums),
    }[kind]


def fits(kind: str, rows: int, m: int, devices: int, room: float) -> bool:
    """Whether a device's part has room; columns are cut into pieces of no less than 4."""
    parts = devices if kind in ("row", "column") else 1
    return rows * m * FLOAT / parts <= room and not (kind == "column" and m < 4 * devices)


def check_choice(fn: Callable) -> Verdict:
    """Check `choose(rows, m, bag, batch, devices, room)` -> "table", "row", "column" or "data", on five tables.

    Right is the sharding that sends the fewest bytes in a step of training, of those whose parts have room.
    """
    task, tried = "choose", dict.fromkeys(TABLES, "not reached")
    for name, (rows, m, bag, batch, devices, room) in TABLES.items():
        tried[name] = "failed"
        try:
            answer = fn(rows, m, bag, batch, devices, room)
        except Exception as error:
            return Verdict(False, "raises an error", f"On “{name}”: {type(error).__name__}: {error}", task, tried)
        if answer is None or answer is ...:
            return Verdict(False, "not started", f"Return one of {', '.join(KINDS)} in place of the `...`.", task)
        if answer not in KINDS:
            return Verdict(False, "an unknown sharding", f"On “{name}”: {answer!r} is none of {KINDS}.", task, tried)
        if not fits(answer, rows, m, devices, room):
            hint = f"On “{name}”, {rows:,} rows of {m}, {answer} doesn't do: a part has more than {room / 1e9:g} GB"
            return Verdict(False, "no room", f"{hint}, or columns narrower than 4.", task, tried)
        least = min(sent(k, rows, m, bag, batch, devices) for k in KINDS if fits(k, rows, m, devices, room))
        own = sent(answer, rows, m, bag, batch, devices)
        if own > least:
            hint = f"On “{name}”, {rows:,} rows of {m}, {answer} sends {own / 1e6:,.1f} MB; {least / 1e6:,.1f} MB do."
            return Verdict(False, "too much traffic", hint, task, tried)
        tried[name] = "passed"
    return Verdict(True, None, "Room first, then bytes: that is what a planner weighs for every table.", task, tried)
