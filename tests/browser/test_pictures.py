"""Pictures that answer: by pointer, by touch, by keyboard; and as plain tooltips where no script
runs.
"""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

UNCOVERED = "document.documentElement.classList.remove('asks')"  # nothing waits for a prediction
PICTURES = {"bags": "An offset is the position", "films": "most clicked films"}


@pytest.fixture
def chapter(page, address):
    page.goto(f"{address}/notebooks/02_embeddings.html")
    page.evaluate(UNCOVERED)
    page.wait_for_selector("figure.microdlrm .stepper")
    yield page
    assert page.complaints == []


@pytest.fixture
def training(page, address):
    page.goto(f"{address}/notebooks/06_training.html")
    page.evaluate(UNCOVERED)
    yield page
    assert page.complaints == []


def picture(page, name):
    return page.locator("figure.microdlrm").filter(has_text=PICTURES[name])


def chosen(figure):
    return figure.locator(".chosen").evaluate_all("points => points.map((p) => p.dataset.point)")


def belonging(figure):
    return figure.locator(".with").evaluate_all("parts => parts.map((p) => p.dataset.point)")


def test_stepping_goes_through_the_bags_in_order(chapter):
    figure = picture(chapter, "bags")
    figure.get_by_role("button", name="Next").focus()
    seen = []
    for _ in range(5):
        chapter.keyboard.press("Enter")
        says = figure.locator("output").inner_text()
        start = int(re.search(r": starts at (\d+)", says)[1])
        end = int(re.search(r"(?:next starts|ids end) at (\d+)", says)[1])
        seen.append(says.split(":")[0])
        assert sorted(belonging(figure), key=lambda part: int(part[5:])) == [
            f"part-{p}" for p in range(start, end)
        ]
    assert seen == ["Toy Story", "unknown film", "Casablanca", "Alien", "Toy Story"]
    figure.get_by_role("button", name="Previous").press("Enter")
    assert figure.locator("output").inner_text().startswith("Alien")
    assert figure.locator("output").evaluate("o => o.role || 'status'") == "status"  # announced


def test_an_id_under_the_pointer_answers_with_its_bag(chapter):
    figure = picture(chapter, "bags")
    figure.locator("[data-point='part-4'] path").hover()
    assert figure.locator("output").inner_text().startswith("Casablanca")
    figure.locator("[data-point='part-7'] path").click()
    assert figure.locator("output").inner_text().startswith("Alien")


def test_a_film_answers_with_its_neighbours_and_their_counts(chapter):
    figure = picture(chapter, "films")
    titles = {}
    for point in figure.locator("[data-says]").all():
        titles[point.get_attribute("data-point")] = point.get_attribute("data-says").split(", ")[0]
    assert len(titles) == 100
    figure.locator("[data-point='film-0'] use").hover()
    assert chosen(figure) == ["film-0"]
    says = figure.locator("output").inner_text()
    assert says.startswith("Star Wars")
    assert len(belonging(figure)) == len(re.findall(r"\(\d+\)", says)) == 5
    assert all(titles[part] in says for part in belonging(figure))
    for _ in range(10):
        figure.get_by_role("button", name="Next").click()
    assert chosen(figure) == [
        "film-10"
    ]  # the tenth after the first, not what sorts behind "film-1"


def test_an_interval_answers_with_its_split_in_both_plots(training):
    figure = training.locator("figure.microdlrm").filter(has_text="Who leads whom").first
    says = figure.locator("output")
    interval = figure.locator("[data-point='part-0-0-2'] path")
    interval.evaluate("line => line.scrollIntoView({ block: 'center', behavior: 'instant' })")
    line = interval.bounding_box()
    training.mouse.move(line["x"] + line["width"] / 5, line["y"] + line["height"] / 2)
    assert says.inner_text().startswith("Split 3, ")
    assert "logloss saved" in says.inner_text()
    assert belonging(figure) == ["part-0-0-2", "lead-1-0-2"]
    figure.locator("[data-point='lead-1-0-2'] use").hover()
    assert "AUC within users gained" in says.inner_text()


def test_stepping_through_chapter_6_moves_nothing(training):
    training.set_viewport_size({"width": 400, "height": 844})
    figures = training.locator("figure.microdlrm:has(.stepper)").all()
    assert figures
    for figure in figures:
        before = figure.bounding_box()["height"]
        longest = max(
            figure.locator("[data-says]").evaluate_all("all => all.map((p) => p.dataset.says)"),
            key=len,
        )
        figure.locator("output").evaluate(
            "(output, text) => { output.textContent = text; }", longest
        )
        assert figure.bounding_box()["height"] == before


def test_without_scripts_points_are_tooltips(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/notebooks/02_embeddings.html")
    figure = picture(page, "bags")
    assert figure.locator(".stepper").count() == 0
    assert figure.locator("[data-says] > title").count() == 4
    context.close()


def test_the_step_moves_nothing_and_axe_finds_nothing(chapter):
    for width, scheme in ((1280, "light"), (400, "dark")):
        chapter.emulate_media(color_scheme=scheme)
        chapter.set_viewport_size({"width": width, "height": 844})
        for name in PICTURES:
            figure = picture(chapter, name)
            before = figure.bounding_box()["height"]
            for _ in range(3):
                figure.get_by_role("button", name="Next").click()
                assert figure.bounding_box()["height"] == before
            assert chapter.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(
            chapter, context="figure.microdlrm:has(.stepper)", options={"preload": False}
        )
        bad = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
        assert [f"{v['id']}: {node['html'][:120]}" for v in bad for node in v["nodes"]] == []
