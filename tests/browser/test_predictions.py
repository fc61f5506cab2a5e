"""Predictions on the page: choices, covers, the answer kept on the reader's device. That each
question has its card, tests/test_quiz.py holds, and that each is asked, the build; what the script
does to all is tried on two chapters."""

import re
import tomllib

import nbformat
import pytest
from conftest import BOOK, ROOT, predict

# What a reader sees of the predictions of a page.
SEEN = """() => [...document.querySelectorAll(".commit")].map((place) => {
    const list = document.getElementById(`choices-${place.dataset.question}`);
    const cover = place.nextElementSibling;
    const card = place.querySelector(".verdict") || cover.querySelector(".verdict");
    const covered = [...cover.children].filter((part) => !part.matches(".beneath"));
    return {
        letters: [...list.querySelectorAll("input[type=radio]")].map((radio) => radio.value),
        words: [...list.children].map((item) => item.innerText.trim()[1]),
        chosen: [...list.querySelectorAll("input:checked")].map((radio) => radio.value),
        measured: [...list.querySelectorAll("li.measured input")].map((radio) => radio.value),
        open: covered.map((part) => part.checkVisibility()),
        cover: cover.querySelector(".beneath").checkVisibility(),
        outcome: card.dataset.outcome,
        said: card.querySelector(".verdict-said").innerText,
    };
})"""


def letters_of(name):
    """The options of each question that the notebook asks, as its cards explain them."""
    path = ROOT / f"notebooks/{name}.ipynb"
    cards = tomllib.loads((path.parent / f"predictions/{name}.toml").read_text(encoding="utf-8"))
    code = "\n".join(cell.source for cell in nbformat.read(path, 4).cells)
    asked = re.findall(r'quiz\.verdict\(\s*"([^"]+)",\s*guess,', code)
    return [sorted(set(cards[question]) - {"usual"}) for question in asked]


def opened(page):
    return [any(seen["open"]) for seen in page.evaluate(SEEN)]


@pytest.mark.parametrize("name", ["03_mlps", "09_in_the_wild"])
def test_each_is_asked_covered_and_opened_in_place(page, name):
    page.goto(f"notebooks/{name}.html")
    letters = letters_of(name)
    before = page.evaluate(SEEN)
    for key in ("letters", "words"):
        assert [seen[key] for seen in before] == letters
    assert all(seen["cover"] and seen["open"] and not seen["measured"] for seen in before)
    assert "guess =" not in page.locator("article").inner_text()
    for at, options in enumerate(letters):
        assert opened(page) == [True] * at + [False] * (len(letters) - at)
        letter = [None, *options][at % (1 + len(options))]
        predict(page, letter)
        seen = page.evaluate(SEEN)[at]
        assert all(seen["open"])
        assert not seen["cover"]
        assert seen["chosen"] == ([letter] if letter else [])
        assert seen["measured"] == [seen["outcome"]]
        due = [letter, seen["outcome"]] if letter else [seen["outcome"]]
        assert re.findall(r"\((\w)\)", seen["said"]) == due


def test_by_keyboard_alone(page):
    page.goto("notebooks/03_mlps.html")
    place, says = page.locator(".commit").first, page.get_by_role("status").last
    place.get_by_role("button", name="my guess").press("Enter")
    assert not any(opened(page))  # nothing is chosen
    assert place.locator(".hint").inner_text() == says.text_content() != ""
    page.keyboard.press("Space")  # the first option, where that has put the focus
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    assert page.evaluate(SEEN)[0]["chosen"] == ["b"]
    card = place.locator(".verdict")
    assert card.evaluate("card => card === document.activeElement")
    assert card.inner_text() in says.text_content(), "a screen reader hears nothing"
    page.locator(".choices input:enabled").first.press("Enter")  # on an option: nothing is chosen
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    assert opened(page)[:3] == [True, True, False]


def tallied(page):
    """What the first page says of each chapter, in numbers."""
    page.goto("book/intro.html")
    lines = page.locator(".tally").all_inner_texts()
    return [[int(number) for number in re.findall(r"\d+", line)] for line in lines]


def test_kept_told_on_the_first_page_and_forgotten(page):
    page.goto("notebooks/03_mlps.html")
    outcomes = [seen["outcome"] for seen in page.evaluate(SEEN)]
    wrong = next(letter for letter in letters_of("03_mlps")[1] if letter != outcomes[1])
    for letter in (outcomes[0], wrong, outcomes[2], None):
        predict(page, letter)
    page.reload()
    n = len(outcomes)
    assert opened(page) == [True] * 4 + [False] * (n - 4)
    assert page.evaluate(SEEN)[1]["chosen"] == [wrong]
    names = [path.stem for path in sorted((BOOK / "notebooks").glob("*.html"))]
    untouched = [[len(letters_of(name))] for name in names]
    expected = [*untouched]
    expected[names.index("03_mlps")] = [2, 3, n]  # right, of, asked
    assert tallied(page) == expected
    forget = page.get_by_role("button", name="Forget my guesses")
    forget.click()
    assert forget.is_disabled()
    assert tallied(page) == untouched
    page.goto("notebooks/03_mlps.html")
    assert not any(opened(page))


def test_what_is_folded_says_what_it_is_and_opens(page):
    page.goto("notebooks/03_mlps.html")
    page.evaluate("document.documentElement.classList.remove('asks')")
    summaries = page.locator("details.hide > summary")
    assert not [text for text in summaries.all_inner_texts() if "code cell" in text]  # the theme's
    # A verdict's code is folded without a tag.
    cells = page.locator("div.cell:has(.verdict)")
    assert page.locator("div.cell:has(.verdict) details.hide").count() == cells.count() > 0
    code = page.locator("details.hide .cell_input").first
    assert not code.is_visible()
    summaries.first.click()
    assert code.is_visible()
