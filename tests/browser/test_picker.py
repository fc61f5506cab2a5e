"""Chapter 5 without Python: what one picks from the matrix, by mouse or keys, is told what is
off.
"""

import pytest
from conftest import press

UPPER = ["dense", "0,1", "0,2", "0,3", "1,2", "1,3", "2,3"]
OFF = {
    "diagonal": ([*UPPER, "1,1"], "user · user"),
    "twice": ([*UPPER, "3,2"], "movie · occupation"),
    "missing": (UPPER[:-2], "2 of the six"),
    "dense forgotten": (UPPER[1:], "dense vector is forgotten"),
    "dense behind": ([*UPPER[1:], "dense"], "in front"),
    "lower": (["dense", "1,0", "2,0", "2,1", "3,0", "3,1", "3,2"], "lower triangle"),
    "another order": ([UPPER[0], *UPPER[:0:-1]], "another order"),
    "nothing": ([], "Nothing"),
}


@pytest.fixture
def picker(page):
    page.goto("notebooks/05_exercise_dot_interaction.html")
    return page.locator("#picker")


def pick(picker, picks):
    for name in picks:
        picker.locator(f'[data-pick="{name}"]').click()
    press(picker, "Check")
    return picker.get_by_role("status").inner_text()


def test_right_picks_in_the_right_order_from_either_half(picker):
    assert pick(picker, ["1,1", "dense", "0,1", "1,1", "2,0", "0,3", "1,2", "1,3", "3,2"])[0] == "✓"
    shown = picker.get_by_role("listitem").all_inner_texts()
    assert [line.split(": ")[1] for line in shown] == ["1, 2", "1", "0", "3", "−7", "2", "−1"]
    picked = picker.locator('[data-pick="1,2"]')
    assert picked.get_attribute("aria-pressed") == "true"
    assert "number 5" in picked.get_attribute("aria-label")
    press(picker, "Start over")
    assert picker.get_by_role("listitem").count() == 0
    assert picker.get_by_role("status").inner_text() == ""


@pytest.mark.parametrize("case", OFF)
def test_what_is_off_is_said(picker, case):
    picks, words = OFF[case]
    said = pick(picker, picks)
    assert said.startswith("✗")
    assert words in said


def test_by_keys_alone(picker, page):
    picker.locator('[data-pick="dense"]').press("Space")
    picker.locator('[data-pick="0,1"]').focus()
    keys = {"E": "Enter", "S": "Space", "R": "ArrowRight", "D": "ArrowDown", "L": "ArrowLeft"}
    for key in "ERERSRDLEREDE":
        page.keyboard.press(keys[key])
    assert pick(picker, [])[0] == "✓"


def test_its_buttons_are_wide_enough_for_a_thumb(picker, page):
    page.set_viewport_size({"width": 400, "height": 800})
    assert all(b.bounding_box()["width"] >= 40 for b in picker.get_by_role("button").all())
