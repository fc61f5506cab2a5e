"""Chapter 5 without Python: what one picks from the matrix, by mouse or keys, is told what is
off.
"""

import pytest
from axe_playwright_python.sync_playwright import Axe

PAGE = "notebooks/05_exercise_dot_interaction.html"
UPPER = ["dense", "0,1", "0,2", "0,3", "1,2", "1,3", "2,3"]
LOWER = ["dense", "1,0", "2,0", "2,1", "3,0", "3,1", "3,2"]
OFF = {
    "diagonal": ([*UPPER, "1,1"], "user · user"),
    "twice": ([*UPPER, "3,2"], "movie · occupation"),
    "missing": (UPPER[:-2], "2 of the six"),
    "dense forgotten": (UPPER[1:], "dense vector is forgotten"),
    "dense behind": ([*UPPER[1:], "dense"], "in front"),
    "lower": (LOWER, "lower triangle"),
    "another order": ([UPPER[0], *UPPER[:0:-1]], "another order"),
    "nothing": ([], "Nothing"),
}


@pytest.fixture
def picker(page, address):
    page.goto(f"{address}/{PAGE}")
    yield page.locator("#picker")
    assert page.complaints == []


def pick(picker, picks, press="click"):
    for name in picks:
        getattr(picker.locator(f'[data-pick="{name}"]'), press)()
    picker.get_by_role("button", name="Check").click()
    return picker.get_by_role("status").inner_text()


def test_the_right_picks_in_the_right_order(picker):
    assert pick(picker, UPPER).startswith("✓")
    shown = picker.get_by_role("listitem").all_inner_texts()
    assert [line.split(": ")[1] for line in shown] == ["1, 2", "1", "0", "3", "−7", "2", "−1"]
    assert picker.locator('[data-pick="1,2"]').get_attribute("aria-pressed") == "true"
    assert "number 5" in picker.locator('[data-pick="1,2"]').get_attribute("aria-label")


@pytest.mark.parametrize("case", OFF)
def test_what_is_off_is_said(picker, case):
    picks, words = OFF[case]
    said = pick(picker, picks)
    assert said.startswith("✗")
    assert words in said
    order = ("another order", "in front", "lower triangle")  # judged once all is there
    assert sum(other in said for other in order) == (words in order)


def test_either_half_of_the_matrix_will_do(picker):
    assert pick(picker, ["dense", "1,0", "2,0", "3,0", "2,1", "1,3", "3,2"]).startswith("✓")


def test_a_second_press_takes_a_pick_back(picker):
    assert pick(picker, ["1,1", *UPPER, "1,1"]).startswith("✓")
    picker.get_by_role("button", name="Start over").click()
    assert picker.get_by_role("listitem").count() == 0
    assert picker.get_by_role("status").inner_text() == ""


def test_by_keys_alone(picker, page):
    picker.locator('[data-pick="dense"]').focus()
    page.keyboard.press("Space")
    picker.locator('[data-pick="0,1"]').focus()
    keys = {"E": "Enter", "S": "Space", "R": "ArrowRight", "D": "ArrowDown", "L": "ArrowLeft"}
    for key in "ERERSRDLEREDE":
        page.keyboard.press(keys[key])
    assert pick(picker, []).startswith("✓")


def test_it_can_be_read_and_reached(picker, page):
    page.set_viewport_size({"width": 400, "height": 800})
    found = Axe().run(page, context="#picker", options={"preload": False})
    assert found.response["violations"] == []
    assert all(b.bounding_box()["width"] >= 40 for b in picker.get_by_role("button").all())
    assert picker.evaluate("node => node.scrollWidth <= node.clientWidth")
