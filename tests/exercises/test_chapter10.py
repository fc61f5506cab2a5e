"""Chapter 10's plans and choices: right ones pass, wrong ones are told what is wrong, and where."""

import pytest

from microdlrm.exercises import planning as chapter10


def exactly(tables, room, devices):
    """Depth first, with a bound."""
    found = [float("inf"), None]

    def place(k, plan):
        held, work = chapter10.cost(tables[:k], plan, devices)
        if max(work) >= found[0] or max(held) > room:
            return
        if k == len(tables):
            found[:] = max(work), plan
            return
        for d in range(devices):
            place(k + 1, [*plan, d])
            if not held[d]:
                break  # the other empty ones are the same

    place(0, [])
    return found[1]


@pytest.mark.parametrize("name", chapter10.PLANS)
def test_the_best_is_the_best_of_all_plans(name):
    tables, room, goal = chapter10.PLANS[name]
    plan = exactly(tables, room, chapter10.DEVICES)
    assert max(chapter10.cost(tables, plan, chapter10.DEVICES)[1]) == goal


def most_work_first(tables, room, devices, in_order=True, roomy=False):
    """Each to the device with the least work, whether it has room or not."""
    plan, held = {}, [(0, 0)] * devices
    for k in sorted(range(len(tables)), key=lambda k: -tables[k][1]):
        size, work = tables[k]
        free = [d for d in range(devices) if held[d][1] + size <= room or not roomy] or [0]
        plan[k] = d = min(free, key=lambda d: held[d][0])
        held[d] = held[d][0] + work, held[d][1] + size
    return [plan[k] for k in (sorted(plan) if in_order else plan)]


def a_list_each(tables, room, devices):
    plan = exactly(tables, room, devices)
    return [[k for k, own in enumerate(plan) if own == d] for d in range(devices)]


def test_a_good_plan_passes():
    verdict = chapter10.check_plan(exactly)
    assert verdict.passed, verdict
    assert set(verdict.tried.values()) == {"passed"}
    assert chapter10.check_plan(lambda *given: tuple(map(float, exactly(*given)))).passed


@pytest.mark.parametrize(
    ("plan", "mistake", "says"),
    [
        (lambda tables, room, devices: ..., "not started", "plan"),
        (lambda tables, room, devices: 3, "not a list of devices", "3"),
        (lambda tables, room, devices: {0: 1}, "not a list of devices", "{0: 1}"),
        (lambda tables, room, devices: [0, 1], "another length", "2 of 10"),
        (lambda tables, room, devices: [devices] * len(tables), "no such device", "Table 0"),
        (lambda tables, room, devices: [0, -1] * 5, "no such device", "Table 1"),
        (lambda tables, room, devices: [0, 0.5] * 5, "no such device", "0.5"),
        (lambda tables, room, devices: [0] * len(tables), "out of memory", "Device 0 holds 21 GB"),
        (most_work_first, "out of memory", "with the most work first on the device with the least"),
        (lambda *given: most_work_first(*given, False, True), "unbalanced", "in another order"),
        (a_list_each, "not a list of devices", "a list for each device"),
        (
            lambda t, room, devices: [k % devices for k in range(len(t))],
            "unbalanced",
            "Device 0 has 17 ms",
        ),
        (lambda tables, room, devices: tables[99], "index out of range", "room enough"),
    ],
)
def test_a_bad_plan_is_told_which_device_and_by_how_much(plan, mistake, says):
    verdict = chapter10.check_plan(plan)
    assert (verdict.passed, verdict.mistake) == (False, mistake)
    assert says in verdict.hint
    if mistake in ("out of memory", "unbalanced"):
        marks = [line[-1] for line in verdict.shown[1:]]
        assert len(marks) == chapter10.DEVICES
        assert any(mark.startswith("✗") for mark in marks)
        assert plan(*verdict.inputs)  # it can be called on what it fails on


choose = chapter10.RIGHT


def test_the_right_choice_passes_and_each_kind_is_one():
    assert chapter10.check_choice(choose).passed
    assert {choose(*table) for table in chapter10.TABLES.values()} == set(chapter10.KINDS)


@pytest.mark.parametrize(
    ("fn", "mistake", "says"),
    [
        (lambda *table: ..., "not started", "choose"),
        (lambda *table: "shards", "an unknown sharding", "shards"),
        (lambda *table: "data", "too much traffic", "cities"),
        (lambda *table: "table", "too much traffic", "30.28 MB"),
        (lambda *table: 1 / 0, "division by zero", "countries"),
        (lambda rows, *rest: "data" if rows < 1000 else "table", "no room", "wide videos"),
        (chapter10.rule(least=3), "too narrow", "columns of 3"),
        (chapter10.rule(least=5), "too much traffic", "columns of 4"),
        (chapter10.rule(least=0), "too narrow", "cuts columns narrower than 4"),
        (chapter10.rule(each=1), "no room", "counts room in numbers"),
        (chapter10.rule(bag=1), "too much traffic", "some other tables"),
        (
            lambda rows, *rest: "data" if rows < 546 else choose(rows, *rest),
            "too much traffic",
            "nearly copied",
        ),
        (lambda *t: "table" if t[0] == 540 else choose(*t), "too much traffic", "just copied"),
        (lambda *t: choose(*t[:5], t[5] + 256), "no room", "one row too many"),
        (lambda *t: choose(*t[:5], t[5] - 1), "too much traffic", "just fits"),
    ],
)
def test_a_wrong_choice_is_told_on_which_table_and_what_it_sends(fn, mistake, says):
    verdict = chapter10.check_choice(fn)
    assert verdict.mistake == mistake
    assert says in verdict.hint


def test_their_formulas_are_those_of_the_chapter():
    from microdlrm.scaling.traffic import communication

    for kind in chapter10.KINDS:
        ours = sum(communication(kind, 8, 1024, 3 * 1024, 500, 64))
        assert chapter10.sent(kind, 500, 64, 3, 1024, 8) == pytest.approx(ours)
