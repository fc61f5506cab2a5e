"""Chapter 10's exercises: answers, inputs, what the numbers mean, the usual mistakes. Spoilers."""

from collections.abc import Callable, Iterable, Sequence

from microdlrm.exercises.by_hand import Wrong, call, one_by_one
from microdlrm.exercises.task import Mistake, Task
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


def _by_count(owners, widths, devices):
    """What the device with the most tables holds."""
    tables = _by_device(owners, [1] * len(owners), devices)
    return max(zip(tables, _by_device(owners, widths, devices), strict=True))[1]


_BUSIEST_MISTAKES = [
    Mistake("its own share counted", "The sums of its own part of the batch cross no network.",
            _busiest(lambda held, b, n: b * held * FLOAT)),
    Mistake("numbers, not bytes", "Each is a float32.",
            _busiest(lambda held, b, n: b // n * (n - 1) * held)),
    Mistake("one receiver only", "A device sends as much to each of the others.",
            _busiest(lambda held, b, n: b // n * held * FLOAT)),
    Mistake("there and back", "The forward pass alone is asked for.",
            _busiest(lambda held, b, n: 2 * (b // n) * (n - 1) * held * FLOAT)),
    Mistake("all devices together", "They send at the same time: the last to finish decides.",
            lambda o, w, b, n: sum(w) * (b // n) * (n - 1) * FLOAT),
    Mistake("tables counted, not widths", "It's the sum of a device's widths that counts.",
            lambda o, w, b, n: _by_count(o, w, n) * (b // n) * (n - 1) * FLOAT),
    Mistake("what it receives", "It sends its own tables' sums, for the others' parts.",
            lambda o, w, b, n: (sum(w) - min(_by_device(o, w, n))) * (b // n) * FLOAT),
    Mistake("the widest table only", "A device sends the sums of all its tables.",
            lambda o, w, b, n: max(w) * (b // n) * (n - 1) * FLOAT),
]  # fmt: skip


def _because_busiest(owners, widths, batch, devices):
    held = _by_device(owners, widths, devices)
    most = held.index(max(held))
    yield f"device {most}: {held[most]}·{batch // devices}·{devices - 1}·4"


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
    facts=lambda owners, widths, batch, devices: {"devices": devices, "tables": len(widths)},
    mistakes=_BUSIEST_MISTAKES,
    because=_because_busiest,
    tells={"devices": "How many others does a device send to, and how many rows has each?"},
    typical=4,
    returns="one whole number",
)

# --- a plan: each table whole, on one of some equal devices ---

DEVICES, GOOD = 4, 1.1
# name -> (tables, room): a table is (GB, ms of work in a step). On the first set memory doesn't
# matter; on the second, work alone leads to what doesn't fit; on the third, large ones are idle.
PLANS = {
    "room enough": (
        ((5, 9), (4, 8), (3, 7), (2, 6), (2, 5), (1, 5), (1, 4), (1, 3), (1, 3), (1, 2)),
        20,
    ),
    "little room": (
        ((30, 2), (28, 3), (26, 2), (24, 3), (9, 12), (8, 10), (6, 9), (4, 8), (3, 6), (2, 5)),
        40,
    ),
    "large and idle": (
        ((38, 1), (37, 1), (20, 6), (19, 7), (18, 5), (9, 14), (2, 11), (2, 9), (1, 8), (1, 2)),
        41,
    ),
}


def cost(tables: Sequence, plan: Sequence[int], devices: int) -> tuple[list[float], list[float]]:
    """GB and ms of each device: those of its tables, added up. A plan costs its largest ms."""
    held, work = [0.0] * devices, [0.0] * devices
    for (size, own), device in zip(tables, plan, strict=True):
        held[device] += size
        work[device] += own
    return held, work


def best(tables: Sequence[tuple[float, float]], room: float, devices: int = DEVICES) -> float:
    """The least that a plan can cost, by trying every plan that may still be the best."""
    order = sorted(tables, key=lambda table: -table[1])
    least = float("inf")

    def place(k: int, held: tuple[tuple[float, float], ...]) -> None:
        nonlocal least
        if k == len(order):
            least = max(work for _, work in held)
            return
        size, work = order[k]
        for d in {device: d for d, device in enumerate(held)}.values():  # equal ones are one choice
            own = held[d][0] + size, held[d][1] + work
            if own[0] <= room and own[1] < least:
                place(k + 1, (*held[:d], own, *held[d + 1 :]))

    place(0, ((0.0, 0.0),) * devices)
    return least


def check_plan(fn: Callable) -> Verdict:
    """Check `plan(tables, room, devices)` -> the device of each table, counted from 0: three sets.

    tables   pairs (gigabytes, milliseconds of work a step); room: gigabytes that a device has

    A plan costs the work of its busiest device: the milliseconds of its tables, added up. Passed
    where no device holds more than its room, and no plan costs more than 1.1 times the best.
    """
    said = []

    def judged(name: str, *inputs) -> None:
        tables, room, devices = inputs
        plan = placed(call(fn, "plan", inputs), tables)
        held, work = cost(tables, plan, devices)
        goal, full, busiest = best(tables, room), max(held), max(work)
        shown = by_device(tables, plan, room, goal)
        if full > room:
            device = held.index(full)
            hint = (
                f"Device {device} holds {full:g} GB, {full - room:g} more than its room, {room:g}."
            )
            raise Wrong("out of memory", hint, inputs, shown)
        if busiest > GOOD * goal:
            device, idle = work.index(busiest), work.index(min(work))
            hint = (
                f"Device {device} has {busiest:g} ms of work, device {idle} {min(work):g}; "
                f"{goal:g} can be had. Which tables are placed while there still is a choice?"
            )
            raise Wrong("unbalanced", hint, inputs, shown)
        said.append(f"{name}: {busiest / goal:.2f} of the best")

    cases = {name: (*inputs, DEVICES) for name, inputs in PLANS.items()}
    praise = lambda: f"Every device has room, and none is far behind. {'; '.join(said)}."  # noqa: E731
    return one_by_one("plan", ("tables", "room", "devices"), cases, judged, praise)


def placed(plan: object, tables: Sequence) -> list[int]:
    """A learner's plan as a list of numbers; raises Wrong if it isn't a device for each table."""
    due = (
        f"a list of {len(tables)} numbers from 0 to {DEVICES - 1}, a device for each table, is due"
    )
    if isinstance(plan, dict) or not isinstance(plan, Iterable):
        raise Wrong("not a list of devices", f"It returned {plan!r:.60}; {due}.")
    plan = list(plan)
    if len(plan) != len(tables):
        raise Wrong("another length", f"It placed {len(plan)} of {len(tables)} tables.")
    for k, device in enumerate(plan):
        if isinstance(device, bool) or device not in range(DEVICES):
            raise Wrong("no such device", f"Table {k} is placed on {device!r:.40}; {due}.")
    return [int(device) for device in plan]


def by_device(tables: Sequence, plan: list[int], room: float, goal: float) -> tuple:
    """A plan as a verdict shows it: the GB and ms of each device, and its tables."""
    held, work = cost(tables, plan, DEVICES)
    lines = [("device", f"GB of {room:g}", "tables", "ms", "right or wrong")]
    for device in range(DEVICES):
        own = ", ".join(str(k) for k, d in enumerate(plan) if d == device)
        full, late = held[device] > room, work[device] > GOOD * goal
        mark = "✗ no room" if full else "✗ too much work" if late else "✓"
        lines.append((f"device {device}", f"{held[device]:g}", own, f"{work[device]:g}", mark))
    return tuple(lines)


# --- which sharding for which table ---

KINDS = ("table", "row", "column", "data")
# name -> rows, m_spa, ids in a bag, batch, devices, bytes of room for it on each device
TABLES = {
    "countries": (200, 64, 1, 65_536, 8, 2e9),
    "cities": (50_000, 64, 1, 8_192, 8, 2e9),
    "wide videos": (20_000_000, 128, 20, 65_536, 8, 2e9),
    "narrow users": (2_000_000_000, 4, 1, 65_536, 8, 5e9),
    "advertisers": (40_000, 32, 2, 262_144, 4, 1e9),
    # Where a rule that is nearly right fails: columns of just 4, and of 3; what just fits, and
    # doesn't; the bytes of a table against those of its sums, nearly equal, either way.
    "columns of 4": (20_000_000, 32, 20, 65_536, 8, 2e9),
    "columns of 3": (20_000_000, 24, 20, 65_536, 8, 1.9e9),
    "just fits": (1_000_000, 64, 1, 256, 8, 256e6),
    "one row too many": (1_000_001, 64, 1, 256, 8, 256e6),
    "nearly copied": (545, 32, 1, 4_096, 8, 1e9),
    "just copied": (540, 32, 1, 4_096, 8, 1e9),
    "two devices": (3_000, 16, 1, 4_096, 2, 1e9),
}


def sent(kind: str, rows: int, m: int, bag: float, batch: int, devices: int) -> float:
    """Bytes of a step, all devices together: ids there, sums back, gradients there again."""
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
    """Check `choose(rows, m, bag, batch, devices, room)` -> one of `KINDS`, on `TABLES`.

    Right is the sharding that sends the fewest bytes in a step, of those whose parts fit.
    """

    def judged(name: str, *inputs) -> None:
        rows, m, *_, devices, room = inputs
        kind = call(fn, "choose", inputs)
        if kind not in KINDS:
            raise Wrong(
                "an unknown sharding", f"{kind!r:.60} is none of {', '.join(KINDS)}.", inputs
            )
        options = [k for k in KINDS if fits(k, rows, m, devices, room)]
        least = min(options, key=lambda k: sent(k, *inputs[:-1]))
        shown = by_kind(kind, least, inputs)
        if kind not in options:
            narrow = kind == "column" and m < 4 * devices
            why = f"its columns would be {m / devices:g} wide, and 4 is the least"
            part = rows * m * FLOAT / (devices if kind in ("row", "column") else 1)
            why = why if narrow else f"a part has {part / 1e9:.6g} GB, and {room / 1e9:g} fit"
            raise Wrong(
                "too narrow" if narrow else "no room", f"{kind} doesn't do: {why}.", inputs, shown
            )
        if kind != least:
            mine, theirs = (sent(k, *inputs[:-1]) / 1e6 for k in (kind, least))
            hint = f"{kind} sends {mine:,.4g} MB, and {theirs:,.4g} MB do."
            raise Wrong("too much traffic", hint, inputs, shown)

    praise = "Room first, then bytes: that is what a planner weighs for every table."
    names = ("rows", "m", "bag", "batch", "devices", "room")
    return one_by_one("choose", names, TABLES, judged, lambda: praise)


def by_kind(kind: str, least: str, inputs: tuple) -> tuple:
    """The four kinds as a verdict shows them: what each sends, whether it fits, which is yours."""
    rows, m, _, _, devices, room = inputs
    lines = [("sharding", "MB sent", "room", "", "choice")]
    for k in KINDS:
        fit = "fits" if fits(k, rows, m, devices, room) else "doesn't fit"
        mark = "✓ due" if k == least else "✗ yours" if k == kind else ""
        lines.append((k, f"{sent(k, *inputs[:-1]) / 1e6:,.1f}", fit, "", mark))
    return tuple(lines)
