"""Predictions on the page: choices, covers, the answer kept on the reader's device. That each
question has its card, tests/test_quiz.py holds, and that each is asked, the build; what the script
does to all is tried on two chapters."""

import re
import tomllib

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import BOOK

CHAPTERS = ("03_mlps", "09_in_the_wild")
# What a reader sees of the predictions of a page.
SEEN = """() => [...document.querySelectorAll(".commit")].map((place) => {
    const list = document.getElementById(`choices-${place.dataset.question}`);
    const cover = place.nextElementSibling;
    const card = place.querySelector(".verdict") || cover.querySelector(".verdict");
    const covered = [...cover.children].filter((part) => !part.matches(".beneath"));
    return {
        letters: [...list.querySelectorAll("input[type=radio]")].map((radio) => radio.value),
        words: [...list.children].map((item) => item.innerText.trim()[1]),
        measured: [...list.querySelectorAll("li.measured input")].map((radio) => radio.value),
        open: covered.map((part) => part.checkVisibility()),
        cover: cover.querySelector(".beneath").checkVisibility(),
        outcome: card.dataset.outcome,
        card: card.innerText,
    };
})"""
BLOCKED = """Object.defineProperty(window, "localStorage", {
    get() { throw new DOMException("no", "SecurityError"); },
});"""


def letters_of(name):
    """The options of each question that the notebook asks, as its cards explain them."""
    folder = BOOK.parents[1] / "notebooks"
    cards = tomllib.loads((folder / f"predictions/{name}.toml").read_text(encoding="utf-8"))
    code = "\n".join(cell.source for cell in nbformat.read(folder / f"{name}.ipynb", 4).cells)
    asked = re.findall(r'quiz\.verdict\(\s*"([^"]+)",\s*guess,', code)
    return [sorted(set(cards[question]) - {"usual"}) for question in asked]


@pytest.fixture
def chapter(page, address):
    """Opens a chapter: chapter("03_mlps"). At the end the page must have said nothing."""

    def go(name):
        page.goto(f"{address}/notebooks/{name}.html")
        page.wait_for_load_state("load")
        return page

    yield go
    assert page.complaints == []


def prediction(page, at=0):
    """A prediction's radios, the place to commit, and its card."""
    place = page.locator(".commit").nth(at)
    question = place.get_attribute("data-question")
    return page.locator(f"#choices-{question} input"), place, page.locator(f"#verdict-{question}")


def predict(page, at, letter):
    radios, place, _ = prediction(page, at)
    if letter:
        radios.nth("abcdef".index(letter)).check()
    place.get_by_role("button", name="my guess" if letter else "Just show me").click()


def opened(page):
    return [any(seen["open"]) for seen in page.evaluate(SEEN)]


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_is_asked_covered_and_opened_in_place(chapter, name):
    page, letters = chapter(name), letters_of(name)
    before = page.evaluate(SEEN)
    for key in ("letters", "words"):
        assert [seen[key] for seen in before] == letters
    assert all(seen["cover"] and seen["open"] and not seen["measured"] for seen in before)
    assert not any(opened(page))
    assert "guess =" not in page.locator("article").inner_text()
    for at, options in enumerate(letters):
        predict(page, at, letter := options[at % len(options)])
        seen = page.evaluate(SEEN)[at]
        assert all(seen["open"])
        assert not seen["cover"]
        assert seen["measured"] == [seen["outcome"]]
        assert re.findall(r"\((\w)\)", seen["card"])[:2] == [letter, seen["outcome"]]
        assert "No guess yet" not in seen["card"]


def test_by_keyboard_alone(chapter):
    page = chapter("03_mlps")
    radios, place, card = prediction(page)
    place.get_by_role("button", name="my guess").press("Enter")
    assert not card.is_visible()  # nothing is chosen
    assert (
        place.locator(".hint").inner_text() == page.get_by_role("status").last.text_content() != ""
    )
    page.keyboard.press("Space")  # the first option, where that has put the focus
    page.keyboard.press("ArrowDown")
    assert radios.nth(1).is_checked()
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    assert card.is_visible()
    assert "(b)" in card.inner_text()
    assert page.evaluate("document.activeElement.id") == card.get_attribute("id")
    assert card.inner_text() in page.get_by_role("status").last.text_content(), (
        "a screen reader hears nothing"
    )
    prediction(page, 1)[0].first.check()
    page.keyboard.press("Enter")  # on an option commits
    assert prediction(page, 1)[2].is_visible()


def test_just_show_me_opens_one_and_no_other(chapter):
    page = chapter("03_mlps")
    predict(page, 0, None)
    assert opened(page)[:2] == [True, False]
    radios, _, card = prediction(page)
    assert "You said" not in card.inner_text()
    assert radios.evaluate_all(
        "radios => radios.every((radio) => radio.disabled && !radio.checked)"
    )


def tallied(page, address):
    """What the first page says of each chapter, in numbers."""
    page.goto(f"{address}/book/intro.html")
    return [
        [int(number) for number in re.findall(r"\d+", line)]
        for line in page.locator(".tally").all_inner_texts()
    ]


def test_kept_told_on_the_first_page_and_forgotten(chapter, address):
    page = chapter("03_mlps")
    outcomes = [seen["outcome"] for seen in page.evaluate(SEEN)]
    wrong = next(letter for letter in letters_of("03_mlps")[1] if letter != outcomes[1])
    for at, letter in enumerate((outcomes[0], wrong, outcomes[2], None)):
        predict(page, at, letter)
    page.reload()
    n = len(outcomes)
    assert opened(page) == [True] * 4 + [False] * (n - 4)
    assert f"({wrong})" in page.evaluate(SEEN)[1]["card"]
    names = [path.stem for path in sorted((BOOK / "notebooks").glob("*.html"))]
    untouched = [[len(letters_of(name))] for name in names]
    expected = [*untouched]
    expected[names.index("03_mlps")] = [2, 3, n]  # right, of, asked
    assert tallied(page, address) == expected
    forget = page.get_by_role("button", name="Forget my guesses")
    forget.click()
    assert forget.is_disabled()
    assert tallied(page, address) == untouched
    assert not any(opened(chapter("03_mlps")))


def test_what_else_may_be_stored_does_no_harm(chapter):
    page = chapter("03_mlps")
    for stored in ("{", "null", "[]", '"x"', '{"ffffffff": "a"}'):
        page.evaluate("stored => localStorage.setItem('microdlrm.guesses', stored)", stored)
        page.reload()
        assert not any(opened(page)), stored
        predict(page, 0, None)
        page.reload()
        assert opened(page)[0], stored


def test_where_nothing_can_be_stored_it_still_asks(browser, address):
    with browser.new_context() as context:
        context.add_init_script(BLOCKED)
        page = context.new_page()
        page.goto(f"{address}/notebooks/03_mlps.html")
        predict(page, 0, "a")
        assert prediction(page)[2].is_visible()
        said = page.locator("body > [role=status]").text_content()
        assert "remember" in said
        page.goto(f"{address}/book/intro.html")
        assert "remember" in page.locator(".forget").inner_text()


def test_without_scripts_the_page_is_whole(browser, address):
    with browser.new_context(java_script_enabled=False) as context:
        page, letters = context.new_page(), letters_of("03_mlps")
        page.goto(f"{address}/notebooks/03_mlps.html")
        assert page.locator("input[type=radio], .commit button, .beneath:visible").count() == 0
        assert page.locator(".choices > li").count() == sum(map(len, letters))
        assert page.locator(".awaits .verdict:visible").count() == len(letters)


def test_in_print_the_page_is_whole(chapter):
    page = chapter("03_mlps")
    page.emulate_media(media="print")
    for seen in page.evaluate(SEEN):
        assert all(seen["open"])
    assert (
        page.locator(".commit button:visible, .choices input:visible, .beneath:visible").count()
        == 0
    )
    assert page.locator(".verdict:visible").count() == len(letters_of("03_mlps"))


def test_axe_finds_nothing_before_and_after(chapter):
    page = chapter("03_mlps")
    for letter, scheme in (("a", "dark"), (None, "light")):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(
            "scheme => document.documentElement.dataset.theme === scheme", arg=scheme
        )
        found = Axe().run(
            page, context="article", options={"runOnly": ["wcag2a", "wcag2aa"], "preload": False}
        )
        assert [
            f"{v['id']}: {n['html'][:120]}"
            for v in found.response["violations"]
            for n in v["nodes"]
        ] == []
        if letter:
            predict(page, 0, letter)


def test_what_is_folded_says_what_it_is_and_opens(chapter):
    page = chapter("03_mlps")
    page.evaluate("document.documentElement.classList.remove('asks')")
    for kind, words in (("input", "Show the code"), ("cell", "Show a solution")):
        cells = page.locator(f"div.cell.tag_hide-{kind}")
        said = cells.locator("details.hide > summary").all_inner_texts()
        assert len(said) == cells.count()
        assert words in said  # others bring words of their own
        assert not [text for text in said if "code cell" in text]
    for card in page.locator(".verdict").all():  # a verdict's code is folded without a tag
        assert card.locator("xpath=ancestor::div[contains(@class, 'cell ')]//details").count() == 1
    code = page.locator("details.hide .cell_input").first
    assert not code.is_visible()
    page.locator("details.hide > summary").first.click()
    assert code.is_visible()
