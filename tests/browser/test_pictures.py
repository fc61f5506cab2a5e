"""Pictures that answer: by pointer, by touch, by keyboard."""

import re

import pytest
from conftest import press

UNCOVERED = "document.documentElement.classList.remove('asks')"  # nothing waits for a prediction


@pytest.fixture
def picture(page):
    """Opens a chapter; returns its first figure with these words."""

    def find(chapter, words):
        page.goto(f"notebooks/{chapter}.html")
        page.evaluate(UNCOVERED)
        return page.locator("figure.microdlrm:has(.stepper)").filter(has_text=words).first

    return find


def belonging(figure):
    return figure.locator(".with").evaluate_all("parts => parts.map((p) => p.dataset.point)")


def test_stepping_goes_through_the_bags_in_order(picture):
    figure = picture("02_embeddings", "An offset is the position")
    says = figure.locator("output")  # announced: its role is status
    seen = []
    for _ in range(5):
        figure.get_by_role("button", name="Next").press("Enter")
        start = int(re.search(r": starts at (\d+)", says.inner_text())[1])
        end = int(re.search(r"(?:next starts|ids end) at (\d+)", says.inner_text())[1])
        seen.append(says.inner_text().split(":")[0])
        assert {*belonging(figure)} == {f"part-{p}" for p in range(start, end)}
    assert seen == ["Toy Story", "unknown film", "Casablanca", "Alien", "Toy Story"]
    figure.get_by_role("button", name="Previous").press("Enter")
    assert says.inner_text().startswith("Alien")
    figure.locator("[data-point='part-4'] path").hover()
    assert says.inner_text().startswith("Casablanca")


def test_a_film_answers_with_its_neighbours_and_their_counts(picture):
    figure = picture("02_embeddings", "most clicked films")
    figure.locator("[data-point='film-0'] use").hover()
    says = figure.locator("output").inner_text()
    assert says.startswith("Star Wars")
    titles = figure.locator(".with").evaluate_all(
        "films => films.map((film) => film.dataset.says.split(', ')[0])"
    )
    assert len(titles) == len(re.findall(r"\(\d+\)", says)) == 5
    assert all(title in says for title in titles)
    for _ in range(10):
        press(figure, "Next")
    # The tenth after the first, not what sorts behind "film-1".
    assert figure.locator(".chosen").get_attribute("data-point") == "film-10"


def test_an_interval_answers_with_its_split_in_both_plots(picture, page):
    figure = picture("06_training", "Who leads whom")
    says = figure.locator("output")
    interval = figure.locator("[data-point='part-0-0-2'] path")
    interval.evaluate("line => line.scrollIntoView({ block: 'center', behavior: 'instant' })")
    line = interval.bounding_box()
    page.mouse.move(line["x"] + line["width"] / 5, line["y"] + line["height"] / 2)
    assert says.inner_text().startswith("Split 3, ")
    assert "logloss saved" in says.inner_text()
    assert belonging(figure) == ["part-0-0-2", "lead-1-0-2"]
    figure.locator("[data-point='lead-1-0-2'] use").hover()
    assert "AUC within users gained" in says.inner_text()


LONGEST = """figure => {
    const points = [...figure.querySelectorAll("[data-says]")].map((point) => point.dataset.says);
    const longest = points.sort((a, b) => b.length - a.length)[0];
    figure.querySelector("output").textContent = longest;
}"""


@pytest.mark.parametrize("chapter", ["02_embeddings", "06_training"])
def test_stepping_moves_nothing(page, chapter):
    page.set_viewport_size({"width": 400, "height": 844})
    page.goto(f"notebooks/{chapter}.html")
    page.evaluate(UNCOVERED)
    figures = page.locator("figure.microdlrm:has(.stepper)").all()
    assert figures
    for figure in figures:
        before = figure.bounding_box()["height"]
        figure.evaluate(LONGEST)
        assert figure.bounding_box()["height"] == before
