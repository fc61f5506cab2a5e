"""Chapter 10's plans and choices, judged by their cost and compared with plain rules. Spoilers."""

import math
import random
from collections.abc import Callable, Iterable, Sequence
from itertools import product

from microdlrm.exercises.by_hand import call, one_by_one
from microdlrm.exercises.errors import Failure
from microdlrm.exercises.verdict import Verdict

FLOAT, INT = 4, 8

# --- a plan: each table whole, on one of some equal devices ---

DEVICES, GOOD = 4, 1.1
# name -> (tables, room, the ms of the best plan): a table is (GB, ms of work in a step). On the
# first set memory doesn't matter; on the second, work alone leads to what doesn't fit; on the
# third, large tables are idle.
ENOUGH = ((5, 9), (4, 8), (3, 7), (2, 6), (2, 5), (1, 5), (1, 4), (1, 3), (1, 3), (1, 2))
LITTLE = ((30, 2), (28, 3), (26, 2), (24, 3), (9, 12), (8, 10), (6, 9), (4, 8), (3, 6), (2, 5))
IDLE = ((2, 11), (38, 1), (37, 1), (20, 6), (19, 7), (18, 5), (9, 14), (2, 9), (1, 8), (1, 2))
PLANS = {
    "room enough": (ENOUGH, 20, 13),
    "little room": (LITTLE, 40, 16),
    "large and idle": (IDLE, 41, 19),
}
CALLS = {name: (tables, room, DEVICES) for name, (tables, room, _) in PLANS.items()}


def cost(tables: Sequence, plan: Sequence[int], devices: int) -> tuple[list[float], list[float]]:
    """GB and ms of each device: those of its tables, added up. A plan costs its largest ms."""
    held, work = [0.0] * devices, [0.0] * devices
    for (size, own), device in zip(tables, plan, strict=True):
        held[device] += size
        work[device] += own
    return held, work


def check_plan(fn: Callable) -> Verdict:
    """Check `plan(tables, room, devices)` -> the device of each table, counted from 0: three sets.

    tables   pairs (gigabytes, milliseconds of work a step); room: gigabytes that a device has

    A plan costs the work of its busiest device: the milliseconds of its tables, added up. Passed
    where no device holds more than its room, and no plan costs more than 1.1 times the best.
    """

    def judged(name: str, *inputs) -> str:
        tables, room, best = PLANS[name]
        plan = placed(call(fn, "plan", inputs), tables)
        held, work = cost(tables, plan, DEVICES)
        full, most, least = max(held), max(work), min(work)
        if full > room:
            mistake = "out of memory"
            hint = f"Device {held.index(full)} holds {full:g} GB, {full - room:g} more than its "
            hint += f"room, {room:g}."
        elif most > GOOD * best:
            mistake = "unbalanced"
            hint = f"Device {work.index(most)} has {most:g} ms of work, device "
            hint += f"{work.index(least)} {least:g}; {best:g} can be had."
        else:
            return f"{name}: {most / best:.2f} of the best."
        factor = GOOD if mistake == "unbalanced" else math.inf
        hint = f"{hint} {explained(fn, name, factor)}".strip()
        raise Failure(mistake, hint, inputs=inputs, shown=by_device(name, plan, held, work))

    cases = {name: [inputs] for name, inputs in CALLS.items()}
    praise = "Every device has room, and none is far behind."
    return one_by_one("plan", ("tables", "room", "devices"), cases, judged, praise)


def placed(plan: object, tables: Sequence) -> list[int]:
    """A learner's plan as a list of numbers; raises Failure if it isn't a device for each table."""
    due = f"{len(tables)} numbers from 0 to {DEVICES - 1} are due, one for each table, in order"
    numbers = [] if isinstance(plan, dict) or not isinstance(plan, Iterable) else list(plan)
    if not numbers or any(isinstance(part, list | tuple | set | dict) for part in numbers):
        what = "a list for each device" if len(numbers) == DEVICES else f"{plan!r:.60}"
        raise Failure("not a list of devices", f"It returned {what}; {due}.")
    if len(numbers) != len(tables):
        raise Failure("another length", f"It placed {len(numbers)} of {len(tables)} tables.")
    for k, device in enumerate(numbers):
        if isinstance(device, bool) or device not in range(DEVICES):
            raise Failure("no such device", f"Table {k} is placed on {device!r:.40}; {due}.")
    return [int(device) for device in numbers]


# In which order one may go through the tables, pairs of GB and ms.
ORDERS = {
    "as they come": lambda table: 0,
    "with the most work first": lambda table: -table[1],
    "with the most GB first": lambda table: -table[0],
}
# Which device gets the next one: the least of its GB, ms, tables and number.
LEAST = {"the fewest GB": 0, "the least work": 1, "the fewest tables": 2, "the lowest number": 3}


def explained(fn: Callable, name: str, factor: float) -> str:
    """What turns the plans into good ones, or the plain rule that does the same on every set."""
    try:
        plans = {c: placed(call(fn, "plan", inputs), inputs[0]) for c, inputs in CALLS.items()}
    except Failure:
        return ""
    for words, key in ORDERS.items():
        good = [case for case, plan in plans.items() if _is_good(case, key, plan, factor)]
        if name in good and len(good) > 1:
            said = "That isn't so if your plan is taken for the tables in another order,"
            return f"{said} those {words}: bring it back into the order of `tables`."
    costs = {c: cost(PLANS[c][0], plan, DEVICES) for c, plan in plans.items()}
    held = {c: sorted(zip(*both, strict=True)) for c, both in costs.items()}  # whichever holds it
    for (order, key), least, roomy in product(ORDERS.items(), LEAST, (True, False)):
        if all(greedy(*CALLS[c][:2], key, LEAST[least], roomy) == held[c] for c in held):
            room = ", of those with room" if roomy else ", whether there is room or not"
            return f"The same comes of placing tables {order} on the device with {least}{room}."
    return ""


def _is_good(case: str, key: Callable, plan: list[int], factor: float) -> bool:
    """Whether the plan is good for the tables in another order."""
    tables, room, best = PLANS[case]
    held, work = cost(sorted(tables, key=key), plan, DEVICES)
    return max(held) <= room and max(work) <= factor * best


def greedy(tables: Sequence, room: float, key: Callable, least: int, roomy: bool) -> list[tuple]:
    """What devices hold that get each table where the least is; [] if none has room for one."""
    devices = [[0.0, 0.0, 0, number] for number in range(DEVICES)]
    for size, work in sorted(tables, key=key):
        free = [device for device in devices if not roomy or device[0] + size <= room]
        if not free:
            return []
        device = min(free, key=lambda device: device[least])
        device[:3] = device[0] + size, device[1] + work, device[2] + 1
    return sorted((held, work) for held, work, *_ in devices)


def by_device(name: str, plan: list[int], held: list[float], work: list[float]) -> tuple:
    """A plan as a verdict shows it: the GB and ms of each device, and its tables."""
    _, room, best = PLANS[name]
    lines = [("device", f"GB of {room:g}", "tables", "ms", "right or wrong")]
    for device, (gb, ms) in enumerate(zip(held, work, strict=True)):
        own = ", ".join(str(k) for k, d in enumerate(plan) if d == device)
        mark = "✗ no room" if gb > room else "✗ too much work" if ms > GOOD * best else "✓"
        lines.append((f"device {device}", f"{gb:g}", own, f"{ms:g}", mark))
    return tuple(lines)


# --- which sharding for which table ---

KINDS = ("table", "row", "column", "data")


def _random_table(seed: int) -> tuple:
    dice = random.Random(seed)
    rows, m = int(10 ** dice.uniform(1, 8)), 4 * dice.randint(1, 32)
    batch, devices = 2 ** dice.randint(6, 17), 2 ** dice.randint(1, 4)
    room = rows * m * FLOAT * dice.uniform(1.01 / devices, 1.5)
    return rows, m, dice.randint(1, 40), batch, devices, room


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
OTHERS = [_random_table(seed) for seed in range(60)]


def sent(
    kind: str, rows: int, m: int, bag: float, batch: int, devices: int, counts=(1, 1, 1)
) -> float:
    """Bytes of a step, all devices together: ids there, sums back, gradients there again.

    `counts`: how often each of the three counts.
    """
    others, share = devices - 1, (devices - 1) / devices
    ids, sums, back = counts
    there, numbers = ids * batch * (bag + 1) * INT, (sums + back) * batch * m * FLOAT
    return {
        "data": 2 * others * back * rows * m * FLOAT,
        "table": share * (there + numbers),
        "column": others * there + share * numbers,
        "row": ids * (share * batch * bag + others * batch) * INT + others * numbers,
    }[kind]


def part(kind: str, rows: int, m: int, devices: int, each=FLOAT) -> float:
    """Bytes that the fullest device holds."""
    return rows * m * each / (devices if kind in ("row", "column") else 1)


def rule(counts=(1, 1, 1), kinds=KINDS, bag=None, least=4, each=FLOAT) -> Callable:
    """The right choice, or one in which something is left out; no column narrower than `least`."""

    def choose(rows, m, ids, batch, devices, room):
        options = [k for k in kinds if part(k, rows, m, devices, each) <= room]
        options = [k for k in options if k != "column" or m >= least * devices]
        costs = {k: sent(k, rows, m, bag or ids, batch, devices, counts) for k in options}
        return min(costs, key=costs.get, default=None)

    return choose


RIGHT = rule()
# What else someone might choose by: said where all choices are those.
ALIKE = {
    "counts room in numbers, and not in bytes": rule(each=1),
    "never looks at the room": rule(each=0),
    "cuts columns narrower than 4": rule(least=0),
    "counts the forward pass alone": rule((1, 1, 0)),
    "counts the sums of the forward pass alone": rule((0, 1, 0)),
    "leaves out the ids": rule((0, 1, 1)),
    "takes a bag to have one id": rule(bag=1),
}
ALIKE |= {f"never chooses {k}": rule(kinds=[o for o in KINDS if o != k]) for k in KINDS}


def check_choice(fn: Callable) -> Verdict:
    """Check `choose(rows, m, bag, batch, devices, room)` -> one of `KINDS`, on `TABLES`.

    Right is the sharding that sends the fewest bytes in a step, of those whose parts fit.
    """

    def judged(name: str, *inputs) -> None:
        kind = call(fn, "choose", inputs)
        if kind not in KINDS:
            hint = f"{kind!r:.60} is none of {', '.join(KINDS)}."
            raise Failure("an unknown sharding", hint, inputs=inputs)
        rows, m, *_, devices, room = inputs
        least, held = RIGHT(*inputs), part(kind, rows, m, devices)
        mine, theirs = (sent(k, *inputs[:-1]) / 1e6 for k in (kind, least))
        if kind == "column" and m < 4 * devices:
            mistake = "too narrow"
            hint = f"column doesn't do: columns {m / devices:g} wide, where 4 is the least."
        elif held > room:
            mistake = "no room"
            hint = f"{kind} doesn't do: a part has {held / 1e9:.6g} GB, and {room / 1e9:.6g} fit."
        elif not math.isclose(mine, theirs):
            mistake = "too much traffic"
            hint = f"{kind} sends {mine:,.4g} MB, and {theirs:,.4g} MB do."
        else:
            return
        shown = by_kind(kind, least, inputs)
        raise Failure(mistake, f"{hint} {_like(fn)}", inputs=inputs, shown=shown)

    praise = "Room first, then bytes: that is what a planner weighs for every table."
    names = ("rows", "m", "bag", "batch", "devices", "room")
    cases = {name: [table] for name, table in TABLES.items()} | {"some other tables": OTHERS}
    return one_by_one("choose", names, cases, judged, praise)


def _like(fn: Callable) -> str:
    """The rule that chooses as `fn` does on every table, or how often `fn` is right."""
    tables = [*TABLES.values(), *OTHERS]
    try:
        chosen = [call(fn, "choose", inputs) for inputs in tables]
    except Failure:
        return ""
    for words, choose in ALIKE.items():
        if chosen == [choose(*inputs) for inputs in tables]:
            return f"On all tables yours chooses as a rule does that {words}."
    good = sum(kind == RIGHT(*inputs) for kind, inputs in zip(chosen, tables, strict=True))
    return f"It is right on {good} of {len(tables)} tables."


def by_kind(kind: str, least: str, inputs: tuple) -> tuple:
    """The four kinds as a verdict shows them: what each sends, whether it fits, which is yours."""
    rows, m, _, _, devices, room = inputs
    marks = {kind: "✗ yours", least: "✓ due"}
    lines = [("sharding", "MB sent", "room", "", "choice")]
    for k in KINDS:
        fit = "fits" if part(k, rows, m, devices) <= room else "doesn't fit"
        fit = "too narrow" if k == "column" and m < 4 * devices else fit
        mb = sent(k, *inputs[:-1]) / 1e6
        lines.append((k, f"{mb:,.1f}" if mb > 10 else f"{mb:.4g}", fit, "", marks.get(k, "")))
    return tuple(lines)
