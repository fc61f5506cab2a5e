"""Chapter 10's exercises on plans: right ones pass, wrong ones are told what is wrong; the best plan is the best."""

from itertools import product

import pytest

from microdlrm.exercises import chapter10


def brute_force(tables, room, devices):
    """Every plan, one after the other."""
    least = float("inf")
    for plan in product(range(devices), repeat=len(tables)):
        held, work = [0.0] * devices, [0.0] * devices
        for device, (size, own) in zip(plan, tables, strict=True):
            held[device] += size
            work[device] += own
        if max(held) <= room:
            least = min(least, max(work))
    return least


@pytest.mark.parametrize("room", [9, 14, 40])
def test_the_best_is_the_best_of_all_plans(room):
    tables = ((8, 1), (7, 2), (6, 9), (3, 4), (2, 7), (1, 5))
    assert chapter10.best(tables, room, 3) == brute_force(tables, room, 3)


def largest_first(tables, room, devices):
    """The most work first; each to the device that has least of it, of those with room for what must still come."""
    held, work, plan = [0] * devices, [0] * devices, [0] * len(tables)
    for k in sorted(range(len(tables)), key=lambda k: -max(tables[k][0] / room, tables[k][1] / 30)):
        free = [d for d in range(devices) if held[d] + tables[k][0] <= room]
        plan[k] = min(free, key=lambda d: (work[d], held[d]))
        held[plan[k]] += tables[k][0]
        work[plan[k]] += tables[k][1]
    return plan


def exactly(tables, room, devices):
    """Depth first, by brute force with a bound."""
    found = [float("inf"), None]

    def place(k, plan, held, work):
        if max(work) >= found[0]:
            return
        if k == len(tables):
            found[:] = max(work), plan
            return
        for d in range(devices):
            if held[d] + tables[k][0] <= room:
                place(
                    k + 1, [*plan, d],
                    [h + tables[k][0] * (d == e) for e, h in enumerate(held)],
                    [w + tables[k][1] * (d == e) for e, w in enumerate(work)],
                )  # fmt: skip
            if not held[d]:
                break  # the other empty ones are the same

    place(0, [], [0] * devices, [0] * devices)
    return found[1]


def test_a_good_plan_passes():
    verdict = chapter10.check_plan(exactly)
    assert verdict.passed, verdict
    assert verdict.hint.count("1.00 of the best") == 3


@pytest.mark.parametrize(
    ("plan", "mistake", "word"),
    [
        (lambda tables, room, devices: ..., "not started", "device"),
        (lambda tables, room, devices: [0] * len(tables), "out of memory", "room for"),
        (lambda tables, room, devices: [0, 1], "another length", "10 tables"),
        (lambda tables, room, devices: [devices] * len(tables), "no such device", "count from 0"),
        (lambda tables, room, devices: [k % devices for k in range(len(tables))], "unbalanced", "is possible"),
        (lambda tables, room, devices: 1 / 0, "raises an error", "ZeroDivisionError"),
    ],
)
def test_a_bad_plan_is_told_why(plan, mistake, word):
    verdict = chapter10.check_plan(plan)
    assert (verdict.passed, verdict.mistake) == (False, mistake)
    assert word in verdict.hint


def choose(rows, m, bag, batch, devices, room):
    ids, sums = batch * (bag + 1) * 8, batch * m * 4
    table = (devices - 1) / devices * (ids + 2 * sums)
    if rows * m * 4 <= room:
        return "data" if 2 * (devices - 1) * rows * m * 4 < table else "table"
    return "column" if m >= 4 * devices and rows * m * 4 / devices <= room else "row"


def test_the_right_choice_passes_and_each_kind_is_one_once():
    assert chapter10.check_choice(choose).passed
    assert {choose(*table) for table in chapter10.TABLES.values()} == set(chapter10.KINDS)


@pytest.mark.parametrize(
    ("fn", "mistake"),
    [
        (lambda *table: ..., "not started"),
        (lambda *table: "shards", "an unknown sharding"),
        (lambda *table: "data", "too much traffic"),
        (lambda *table: "table", "too much traffic"),
        (lambda *table: "row", "too much traffic"),
        (lambda *table: 1 / 0, "raises an error"),
        (lambda rows, *rest: "data" if rows < 1000 else "table", "no room"),
    ],
)
def test_a_wrong_choice_is_told_why(fn, mistake):
    assert chapter10.check_choice(fn).mistake == mistake


def test_their_formulas_are_those_of_the_chapter():
    from microdlrm.scaling.traffic import communication

    for kind in chapter10.KINDS:
        ours = sum(communication(kind, 8, 1024, 3 * 1024, 500, 64))
        assert chapter10.sent(kind, 500, 64, 3, 1024, 8) == pytest.approx(ours)
