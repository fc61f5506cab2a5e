"""The roofline explorer: its numbers are those of cost.py, and table, picture and sentence follow
the sliders.
"""

import itertools
import math
import random
import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from microdlrm.exercises.chapter7 import UNSEEN
from microdlrm.machine import cost, regimes

MODELS = {
    "original": (regimes.ORIGINAL, 256, 1),
    "memory model": (regimes.MEMORY, regimes.BATCH, regimes.MEMORY_BAG),
    "compute model": (regimes.COMPUTE, regimes.BATCH, 1),
}
RATES = cost.Rates(
    20, 7.8, 25, 50, 70, dispatch_us=5, bag_us=15, near_bytes=2**19, cache_bytes=2**24
)


@pytest.fixture
def explorer(page, address):
    page.goto(f"{address}/book/explorer.html")
    page.wait_for_function("window.explorer")
    page.locator("#explorer summary").click()
    yield page
    assert page.complaints == []


# --- the arithmetic ---


# From where to where each of `cost.Rates` is drawn.
DECADES = ((0, 3), (-1, 3), (-1, 3), (-1, 3), (0, 5), (-2, 2), (-2, 2), (4, 8), (5, 10))


def settings():
    """(shape, batch, bag, rates) of many kinds: the course's models, and any."""
    known = [
        *(shape for shape, _, _ in MODELS.values()),
        *(shape for shape, _, _ in UNSEEN.values()),
    ]
    dots = [shape | {"interaction": "dot"} for shape in known]
    for shape, batch, bag in itertools.product([*known, *dots], (1, 256, 65536), (1, 2, 32)):
        yield shape, batch, bag, RATES
    draw = random.Random(0)
    for _ in range(150):
        m, tables = draw.randint(1, 300), draw.randint(1, 40)
        shape = {
            "m_spa": m,
            "num_embeddings": tuple(draw.randint(1, 10**7) for _ in range(tables)),
            "ln_bot": (*(draw.randint(1, 2000) for _ in range(draw.randint(1, 4))), m),
            "ln_top": (*(draw.randint(1, 2000) for _ in range(draw.randint(0, 4))), 1),
            "interaction": draw.choice(["concat", "dot"]),
        }
        rates = cost.Rates(*(10 ** draw.uniform(*decades) for decades in DECADES))
        yield shape, draw.randint(1, 10**5), draw.randint(1, 200), rates


CALCULATE = """(settings) => settings.map(([shape, batch, bag, rates]) => {
    const parts = explorer.predict(explorer.cost(shape, batch, bag), rates);
    return { parts, regime: explorer.regime(parts) };
})"""


def test_the_numbers_are_those_of_the_package(explorer):
    cases = list(settings())
    assert len(cases) >= 250
    answers = explorer.evaluate(
        CALCULATE, [[s, batch, bag, rates._asdict()] for s, batch, bag, rates in cases]
    )
    regimes_seen = set()
    for (shape, batch, bag, rates), answer in zip(cases, answers, strict=True):
        forward = cost.parts(batch, bag, **shape)
        predicted = cost.predict(forward, rates)
        assert [part["name"] for part in answer["parts"]] == list(forward.index)
        for part in answer["parts"]:
            paper, clock = forward.loc[part["name"]], predicted.loc[part["name"]]
            for key in ("parameters", "operators", "flops", "read", "written", "bytes"):
                assert part[key] == paper[key], (shape, batch, bag, part["name"], key)
            assert part["intensity"] == pytest.approx(paper["intensity"], rel=1e-9, abs=0)
            for key in ("dispatch", "compute", "memory", "seconds"):
                assert part[key] == pytest.approx(clock[key], rel=1e-9, abs=0)
            assert part["regime"] == clock["regime"]
        assert answer["regime"] == cost.regime(predicted)
        regimes_seen.add(answer["regime"])
    assert regimes_seen == {"dispatch", "memory", "compute"}


# --- the page ---


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def key(page, label, *keys):
    slider = page.get_by_role("slider", name=label, exact=True)
    slider.focus()
    for name in keys:
        page.keyboard.press(name)
    return slider


UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1}
UNITS |= {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def number(text):
    digits, unit = re.fullmatch(r"([\d.,]+) ?(\D*)", text.strip()).groups()
    return float(digits.replace(",", "")) * UNITS[unit]


def expected(page):
    """What the package says of the setting on the page: a row for each part and for all, and the
    regime.
    """
    shape = page.evaluate("explorer.shape()")
    batch, bag = page.evaluate("[explorer.state.batch, explorer.state.bag]")
    forward = cost.parts(batch, bag, **shape)
    predicted = cost.predict(forward, cost.Rates(**page.evaluate("explorer.rates()")))
    is_table = forward.index.str.startswith("table")
    rows = {}
    for name, chosen in (
        (f"{is_table.sum()} tables" if is_table.sum() > 1 else "1 table", is_table),
        *((name, forward.index == name) for name in ("bottom MLP", "interaction", "top MLP")),
        ("all", forward.index != ""),
    ):
        flops, n_bytes = forward.loc[chosen, ["flops", "bytes"]].sum()
        seconds = predicted.loc[chosen, "seconds"].sum()
        waits = cost.regime(predicted[chosen]).replace("compute", "computing")
        rows[name] = [flops, n_bytes, flops / n_bytes, seconds, waits]
    return rows, cost.regime(predicted)


def check(page):
    """Table, sentence and picture say what the package says."""
    rows, regime = expected(page)
    shown = [
        line.locator("th, td").all_inner_texts()
        for line in page.locator("#explorer-table tbody tr").all()
    ]
    assert [line[0] for line in shown] == list(rows)
    for name, *numbers, waits in shown:
        *exact, wait = rows[name]
        assert waits == wait, name
        for text, value in zip(numbers, exact, strict=True):
            assert number(text) == pytest.approx(value, rel=6e-3), (name, text, value)
    sentence = page.locator("#explorer-sentence").inner_text()
    assert sentence.lower().startswith(f"{regime}-bound: ")
    assert number(sentence.split(": ")[1].split(" a forward")[0]) == pytest.approx(
        rows["all"][3], rel=6e-3
    )
    marks = page.evaluate(MARKS)
    for name, look in (("bottom MLP", "dense"), ("top MLP", "top"), (next(iter(rows)), "sparse")):
        flops, _, intensity, seconds, _ = rows[name]
        if flops:
            x, y = marks[look]
            assert x == pytest.approx(math.log10(intensity), abs=0.01), name
            assert y == pytest.approx(math.log10(flops / seconds / 1e9), abs=0.01), name
        else:
            assert f"{name}: no FLOPs" in page.locator("#explorer svg").text_content()


# Where the marks stand, in decades, read off the ticks of the axes.
MARKS = """() => {
    const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
    const decade = (text) => text.startsWith("10") && /[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]/.test(text)
        ? Number([...text.slice(2)].map((c) => (c === "⁻" ? "-" : digits.indexOf(c))).join(""))
        : Math.log10(Number(text.replaceAll(",", "")));
    const all = (which) => [...document.querySelectorAll(`#explorer ${which}`)];
    const ticks = (anchor, axis) => all(`.axes text[text-anchor=${anchor}]`)
        .map((t) => [decade(t.textContent), Number(t.getAttribute(axis))]);
    const scale = ([[d0, p0], [d1, p1]], shift) =>
        (p) => d0 + ((p + shift - p0) / (p1 - p0)) * (d1 - d0);
    const x = scale(ticks("middle", "x"), 0), y = scale(ticks("end", "y"), 4);
    return Object.fromEntries(all(".marks path:not(.idle)").map((path) => {
        const [px, py] = path.getAttribute("transform").match(/[-\\d.]+/g).map(Number);
        return [path.getAttribute("class"), [x(px), y(py)]];
    }));
}"""


def test_a_preset_is_the_model_of_the_package(explorer):
    for name, (shape, batch, bag) in MODELS.items():
        press(explorer, name)
        assert (
            explorer.get_by_role("button", name=name, exact=True).get_attribute("aria-pressed")
            == "true"
        )
        shown = {
            k: tuple(v) if isinstance(v, list) else v
            for k, v in explorer.evaluate("explorer.shape()").items()
        }
        assert shown == shape | {"interaction": "concat"}
        assert explorer.evaluate("[explorer.state.batch, explorer.state.bag]") == [batch, bag]
        check(explorer)


def test_a_task_begins_where_its_button_sets_it(explorer):
    buttons = explorer.locator("button[data-model]")
    assert buttons.count() == 4
    for button in buttons.all():
        press(explorer, "Opteron X2")
        key(explorer, "Batch, rows", "End")
        button.click()
        name = button.get_attribute("data-model")
        pressed = explorer.locator("#explorer [aria-pressed=true]").all_inner_texts()
        assert pressed == [name, "this build's machine"]
        assert explorer.locator("#explorer svg").evaluate("e => e.getBoundingClientRect().top") >= 0
        check(explorer)


def test_the_machine_is_the_one_that_built_the_page(explorer):
    build = explorer.evaluate(
        "JSON.parse(document.getElementById('explorer-data').textContent).build"
    )
    for m in (4, 8, 16, 32, 64, 128, 256):
        explorer.evaluate("m => { explorer.state.m_spa = m; }", m)
        press(explorer, "this build's machine")
        nearest = min(build["gather_gbs"], key=lambda width: abs(int(width) - m))
        assert explorer.evaluate("explorer.rates()") == pytest.approx(
            {
                "stream_gbs": build["stream_gbs"],
                "gather_gbs": build["gather_gbs"][nearest],
                "cache_gbs": build["cache_gbs"][nearest],
                "near_gbs": build["near_gbs"][nearest],
                "gemm_gflops": max(build["gemm_gflops"].values()),
                "dispatch_us": build["dispatch_us"],
                "bag_us": build["bag_us"],
                "near_bytes": build["near_table"],
                "cache_bytes": build["cached_tables"],
            }
        )


def test_a_cited_machine_brings_what_is_cited_and_leaves_the_rest(explorer):
    before = explorer.evaluate("explorer.rates()")
    press(explorer, "Opteron X2")
    after = explorer.evaluate("explorer.rates()")
    assert (after.pop("stream_gbs"), after.pop("gemm_gflops")) == (15, 17.6)
    assert after == pytest.approx({name: before[name] for name in after})
    check(explorer)


def test_the_rows_of_a_table_come_from_three_distances(explorer):
    press(explorer, "memory model")
    seen = []
    key(explorer, "Rows in a table", "Home")
    for _ in range(20):
        words = (
            explorer.get_by_role("slider", name="Rows in a table")
            .get_attribute("aria-valuetext")
            .split(", ")[-1]
        )
        check(explorer)
        if words not in seen:
            seen.append(words)
        key(explorer, "Rows in a table", "ArrowRight")
    assert seen in (
        ["near", "cached", "far"],
        ["cached", "far"],
    )  # the smallest may be too large for this core


def test_every_slider_answers_to_the_keyboard(explorer):
    press(explorer, "memory model")
    sliders = explorer.get_by_role("slider")
    labels = [slider.evaluate("s => s.labels[0].textContent") for slider in sliders.all()]
    assert len(labels) == 16
    for label in labels:
        slider = key(explorer, label, "Home")
        check(explorer)
        lowest, low = slider.input_value(), slider.get_attribute("aria-valuetext")
        key(explorer, label, "ArrowRight", "ArrowUp")
        assert int(slider.input_value()) == int(lowest) + 2
        check(explorer)
        key(explorer, label, "End")
        check(explorer)
        assert slider.get_attribute("aria-valuetext") != low
        said = explorer.locator(f"output[for={slider.get_attribute('id')}]").inner_text()
        assert said == slider.get_attribute("aria-valuetext")
        key(explorer, label, *["ArrowLeft"] * 3)
        check(explorer)


def test_tab_reaches_every_control_in_order(explorer):
    explorer.get_by_role("button", name="original", exact=True).focus()
    reached = []
    for _ in range(3 + 6 + 1 + 2 + 1 + 10 + 1):
        reached.append(
            explorer.evaluate("document.activeElement.id || document.activeElement.textContent")
        )
        explorer.keyboard.press("Tab")
    controls = explorer.locator("#explorer button, #explorer input[type=range]")
    order = controls.evaluate_all("controls => controls.map(c => c.id || c.textContent)")
    assert [name for name in reached if name in order] == order
    outline = key(explorer, "Batch, rows").evaluate("e => getComputedStyle(e).outlineStyle")
    assert outline != "none"


def test_dot_is_a_keystroke_away(explorer):
    explorer.get_by_role("radio", name="concat").focus()
    explorer.keyboard.press("ArrowDown")
    assert explorer.evaluate("explorer.shape().interaction") == "dot"
    check(explorer)


def test_nothing_is_cut_off_and_axe_finds_nothing(explorer):
    assert explorer.locator("#explorer-sentence").get_attribute("aria-live") == "polite"
    for width, scheme in ((1280, "light"), (390, "light"), (390, "dark"), (1280, "dark")):
        explorer.emulate_media(color_scheme=scheme)
        explorer.set_viewport_size({"width": width, "height": 844})
        explorer.wait_for_timeout(200)
        for model, machine in itertools.product(MODELS, ("this build's machine", "Opteron X2")):
            press(explorer, model)
            press(explorer, machine)
            assert explorer.evaluate(CUT_OFF) == [], (model, machine)
            assert explorer.evaluate("document.documentElement.scrollWidth") <= width
        found = (
            Axe()
            .run(explorer, context="#explorer", options={"preload": False})
            .response["violations"]
        )
        assert [f"{v['id']}: {node['html'][:120]}" for v in found for node in v["nodes"]] == []


CUT_OFF = """() => {
    const frame = document.querySelector("#explorer svg").getBoundingClientRect();
    return [...document.querySelectorAll("#explorer svg text")].filter((text) => {
        const box = text.getBoundingClientRect();
        return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
            || box.bottom > frame.bottom + 1;
    }).map((text) => text.textContent);
}"""
