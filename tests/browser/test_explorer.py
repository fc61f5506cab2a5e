"""The roofline explorer: its numbers are those of cost.py, and table, picture and sentence follow
the sliders.
"""

import random
import re

import numpy as np
import pytest
import waits
from conftest import press

from microdlrm.machine import cost, regimes

MODELS = {
    "original": (regimes.ORIGINAL, 256, 1),
    "memory model": (regimes.MEMORY, regimes.BATCH, regimes.MEMORY_BAG),
    "compute model": (regimes.COMPUTE, regimes.BATCH, 1),
}


@pytest.fixture
def explorer(page):
    page.goto("book/explorer.html")
    page.wait_for_function("window.explorer")
    page.locator("#explorer summary").click()
    return page


# --- the arithmetic ---

# From where to where each of `cost.Rates` is drawn.
DECADES = ((0, 3), (-1, 3), (-1, 3), (-1, 3), (0, 5), (-2, 2), (-2, 2), (4, 8), (5, 10))


def settings(count):
    """(shape, batch, bag, rates) of any kind."""
    draw = random.Random(0)
    for _ in range(count):
        m, tables = draw.randint(1, 300), draw.randint(1, 40)
        shape = {
            "m_spa": m,
            "num_embeddings": [draw.randint(1, 10**7) for _ in range(tables)],
            "ln_bot": [*(draw.randint(1, 2000) for _ in range(draw.randint(1, 4))), m],
            "ln_top": [*(draw.randint(1, 2000) for _ in range(draw.randint(0, 4))), 1],
            "interaction": draw.choice(["concat", "dot"]),
        }
        rates = cost.Rates(*(10 ** draw.uniform(*decades) for decades in DECADES))
        yield shape, round(10 ** draw.uniform(0, 5)), draw.choice([1, 2, 32, 200]), rates


CALCULATE = """(settings) => settings.map(([shape, batch, bag, rates]) => {
    const parts = explorer.predict(explorer.cost(shape, batch, bag), rates);
    return { parts, regime: explorer.regime(parts) };
})"""


def test_the_numbers_are_those_of_the_package(explorer):
    cases = list(settings(200))
    answers = explorer.evaluate(CALCULATE, [[*case, rates._asdict()] for *case, rates in cases])
    seen = set()
    for (shape, batch, bag, rates), answer in zip(cases, answers, strict=True):
        paper = cost.parts(batch, bag, **shape)
        clock = cost.predict(paper, rates)
        for part, (name, due) in zip(answer["parts"], paper.join(clock).iterrows(), strict=True):
            longest = due[["dispatch", "compute", "memory"]].idxmax()
            assert (part["name"], part["regime"]) == (name, longest)
            numbers = {key: part[key] for key in due.index}
            assert numbers == pytest.approx(due.to_dict(), rel=1e-9, abs=0)
        assert answer["regime"] == waits.most(clock)
        seen.add(answer["regime"])
    assert seen == {"dispatch", "memory", "compute"}


# --- the page ---


def key(page, label, *keys):
    slider = page.get_by_role("slider", name=label, exact=True)
    for name in keys:
        slider.press(name)
    return slider


UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1}
UNITS |= {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def number(text):
    digits, unit = re.fullmatch(r"([\d.,]+) ?(\D*)", text.strip()).groups()
    return float(digits.replace(",", "")) * UNITS[unit]


def expected(page):
    """What the package says of the setting on the page: FLOPs, bytes, FLOP/byte, seconds and the
    regime of each part, the tables together, and of all.
    """
    shape, batch, bag, rates = page.evaluate(
        "[explorer.shape(), explorer.state.batch, explorer.state.bag, explorer.rates()]"
    )
    paper = cost.parts(batch, bag, **shape)
    clock = cost.predict(paper, cost.Rates(**rates))
    n = len(shape["num_embeddings"])
    names = paper.index.where(~paper.index.str.startswith("table"), f"{n} table{'s' * (n > 1)}")
    rows = {}
    for name in [*dict.fromkeys(names), "all"]:
        own = (names == name) | (name == "all")
        flops, n_bytes = paper.loc[own, ["flops", "bytes"]].sum()
        seconds = clock.loc[own, "seconds"].sum()
        rows[name] = [flops, n_bytes, flops / n_bytes, seconds, waits.most(clock[own])]
    return rows


# The streaming roof's start and bend, and the marks, in pixels.
DRAWN = """() => {
    const numbers = (node, name) => node.getAttribute(name).match(/[-\\d.]+/g).map(Number);
    const roof = numbers(document.querySelector("#explorer .stream"), "points");
    const marks = [...document.querySelectorAll("#explorer .marks path:not(.idle)")]
        .map((mark) => [mark.getAttribute("class"), numbers(mark, "transform")]);
    return [roof.slice(0, 2), roof.slice(2, 4), marks];
}"""


def marks(page):
    """Where the marks stand, as logarithms: the roof starts at 0.01 FLOP/byte, bends at the
    peak.
    """
    *ends, drawn = page.evaluate(DRAWN)
    rates = cost.Rates(**page.evaluate("explorer.rates()"))
    peak, stream = rates.gemm_gflops, rates.stream_gbs
    start, bend = np.log10([[0.01, 0.01 * stream], [peak / stream, peak]])
    pixels = np.subtract(ends[1], ends[0])
    return {
        look: start + np.subtract(place, ends[0]) / pixels * (bend - start) for look, place in drawn
    }


def check(page):
    """Table, sentence and picture say what the package says."""
    rows = expected(page)
    shown = page.locator("#explorer-table tbody tr").all()
    for line, (name, due) in zip(shown, rows.items(), strict=True):
        said, *numbers, waits = line.locator("th, td").all_inner_texts()
        assert [said, waits.replace("computing", "compute")] == [name, due[-1]]
        assert list(map(number, numbers)) == pytest.approx(due[:-1], rel=6e-3)
    seconds, regime = rows["all"][-2:]
    sentence = page.locator("#explorer-sentence").inner_text()
    said = re.match(r"(\w+)-bound: (.+?) a forward pass", sentence).groups()
    assert said[0].lower() == regime
    assert number(said[1]) == pytest.approx(seconds, rel=6e-3)
    at = marks(page)
    for name, look in (("bottom MLP", "dense"), ("top MLP", "top"), (next(iter(rows)), "sparse")):
        flops, _, intensity, seconds, _ = rows[name]
        if flops:
            assert at[look] == pytest.approx(np.log10([intensity, flops / seconds / 1e9]), abs=0.01)
        else:
            assert f"{name}: no FLOPs" in page.locator("#explorer svg").text_content()


def test_a_preset_is_the_model_of_the_package(explorer):
    for name, (shape, batch, bag) in MODELS.items():
        press(explorer, name)
        state = explorer.evaluate("[explorer.shape(), explorer.state.batch, explorer.state.bag]")
        lists = {k: list(v) if isinstance(v, tuple) else v for k, v in shape.items()}
        assert state == [lists | {"interaction": "concat"}, batch, bag]
        check(explorer)
        key(explorer, "Batch, rows", "Home")
        explorer.get_by_role("radio", name="concat").press("ArrowDown")
        assert explorer.evaluate("explorer.shape().interaction") == "dot"
        check(explorer)


IN_VIEW = "document.querySelector('#explorer svg').getBoundingClientRect().top >= 0"


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
        explorer.wait_for_function(IN_VIEW)  # the browser scrolls smoothly
        check(explorer)


def test_the_machine_is_the_one_that_built_the_page(explorer):
    build = explorer.evaluate(
        "JSON.parse(document.getElementById('explorer-data').textContent).build"
    )
    due = {name: build[name] for name in ("stream_gbs", "dispatch_us", "bag_us")}
    due |= {"near_bytes": build["near_table"], "cache_bytes": build["cached_tables"]}
    due["gemm_gflops"] = max(build["gemm_gflops"].values())
    for m in (4, 8, 16, 32, 64, 128, 256):
        explorer.evaluate("m => { explorer.state.m_spa = m; }", m)
        press(explorer, "this build's machine")
        nearest = min(build["gather_gbs"], key=lambda width: abs(int(width) - m))
        due |= {name: build[name][nearest] for name in ("gather_gbs", "cache_gbs", "near_gbs")}
        assert explorer.evaluate("explorer.rates()") == pytest.approx(due)


def test_a_cited_machine_brings_what_is_cited_and_leaves_the_rest(explorer):
    before = explorer.evaluate("explorer.rates()")
    press(explorer, "Opteron X2")
    cited = {"stream_gbs": 15, "gemm_gflops": 17.6}
    assert explorer.evaluate("explorer.rates()") == pytest.approx(before | cited)
    check(explorer)


def test_the_rows_of_a_table_come_from_three_distances(explorer):
    press(explorer, "memory model")
    key(explorer, "Near: a table up to", "Home", *["ArrowRight"] * 4)  # 512 KiB
    key(explorer, "Cached: all tables up to", "Home", *["ArrowRight"] * 9)  # 16 MiB
    slider, seen = key(explorer, "Rows in a table", "Home"), []
    for _ in range(20):
        seen.append(slider.get_attribute("aria-valuetext").split(", ")[-1])
        slider.press("ArrowRight")
    assert list(dict.fromkeys(seen)) == ["near", "cached", "far"]


def test_every_slider_answers_to_the_keyboard(explorer):
    press(explorer, "memory model")
    sliders = explorer.get_by_role("slider")
    assert sliders.count() == 16
    for slider in sliders.all():
        slider.press("Home")
        check(explorer)
        lowest, low = slider.input_value(), slider.get_attribute("aria-valuetext")
        slider.press("ArrowRight")
        slider.press("ArrowUp")
        assert int(slider.input_value()) == int(lowest) + 2
        slider.press("End")
        check(explorer)
        said = explorer.locator(f"output[for={slider.get_attribute('id')}]").inner_text()
        assert said == slider.get_attribute("aria-valuetext") != low
        for _ in range(3):
            slider.press("ArrowLeft")


NAME = "each => each.id || each.textContent"


def test_tab_reaches_every_control_in_order(explorer):
    controls = explorer.locator("#explorer :is(button, input[type=range])").all()
    names = [control.evaluate(NAME) for control in controls]
    controls[0].focus()
    reached = []
    for _ in range(len(names) + 2):  # a radio button and the summary lie on the way
        reached.append(explorer.locator(":focus").evaluate(NAME))
        explorer.keyboard.press("Tab")
    assert [name for name in reached if name in names] == names
