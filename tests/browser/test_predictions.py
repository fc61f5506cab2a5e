"""Every prediction of every notebook is asked on its page: choices, covers, the answer kept on the reader's device."""

import ast
import json
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

ROOT = Path(__file__).resolve().parents[2]
VERDICT = re.compile(r"predictions\.verdict\(\s*guess,")


def predictions_of(path):
    """What the notebook itself says: the letters that may be guessed, for each guess cell with a verdict."""
    code = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in code]
    found = []
    for i, source in enumerate(sources):
        if source.startswith('guess = "?"'):
            verdict = next(text for text in sources[i:] if VERDICT.search(text))
            dicts = [node for node in ast.walk(ast.parse(verdict)) if isinstance(node, ast.Dict)]
            keys = [[getattr(key, "value", 0) for key in node.keys] for node in dicts]
            found.append(next(letters for letters in keys if letters[:2] == ["a", "b"]))
    return found


ASKED = {path.stem: predictions_of(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
CHAPTERS = [name for name, found in ASKED.items() if found]
# What a reader sees of the predictions of a page: for each, the options' letters and the cells' outputs that show.
SEEN = """() => [...document.querySelectorAll(".commit")].map((place) => {
    const list = document.getElementById(`choices-${place.dataset.question}`);
    const outputs = [];
    for (let next = place.nextElementSibling; next; next = next.nextElementSibling) {
        outputs.push(...next.querySelectorAll(".cell_output > *"));
        if (next.querySelector(".verdict")) break;
    }
    return {
        letters: [...list.querySelectorAll("input[type=radio]")].map((radio) => radio.value),
        words: [...list.children].map((item) => item.innerText.trim()[1]),
        measured: [...list.querySelectorAll("li.measured input")].map((radio) => radio.value),
        outputs: outputs.length,
        shown: outputs.filter((output) => output.checkVisibility({ visibilityProperty: true })).length,
        verdict: outputs.at(-1).querySelector(".verdict") !== null,
        outcome: outputs.at(-1).querySelector(".verdict").dataset.outcome,
        card: outputs.at(-1).querySelector(".verdict").innerText,
    };
})"""
BLOCKED = """Object.defineProperty(window, "localStorage", {
    get() { throw new DOMException("no", "SecurityError"); },
});"""


@pytest.fixture
def chapter(page, address):
    """Opens a chapter: chapter("04_interaction"). At the end the page must have said nothing."""

    def go(name):
        page.goto(f"{address}/notebooks/{name}.html")
        page.wait_for_load_state("load")
        return page

    yield go
    assert page.complaints == []


def first(page):
    """The first prediction's radios, its buttons' row, and its card."""
    place = page.locator(".commit").first
    question = place.get_attribute("data-question")
    return page.locator(f"#choices-{question} input"), place, page.locator(".verdict").first


def test_there_are_predictions():
    assert sum(map(len, ASKED.values())) >= 54
    assert len(CHAPTERS) >= 8


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_is_asked_covered_and_opened_in_place(chapter, name, capsys):
    page = chapter(name)
    before = page.evaluate(SEEN)
    assert [seen["letters"] for seen in before] == ASKED[name]
    assert [seen["words"] for seen in before] == ASKED[name]
    assert all(seen["verdict"] and seen["outputs"] >= 1 for seen in before)
    assert [seen["shown"] for seen in before] == [0] * len(before)
    assert [seen["measured"] for seen in before] == [[]] * len(before)
    assert "guess =" not in page.locator("article").inner_text()
    height = page.evaluate("document.documentElement.scrollHeight")
    for i, place in enumerate(page.locator(".commit").all()):
        letter = ASKED[name][i][i % len(ASKED[name][i])]
        page.locator(f"#choices-{place.get_attribute('data-question')} input[value={letter}]").check()
        place.get_by_role("button", name="my guess").click()
        seen = page.evaluate(SEEN)[i]
        assert seen["shown"] == seen["outputs"], i
        said = f"You said ({letter}); the machine that built this page measured ({seen['outcome']}): "
        assert seen["card"].startswith(said)
        assert "No guess yet" not in seen["card"]
        assert seen["measured"] == [seen["outcome"]]
    assert page.evaluate("document.documentElement.scrollHeight") == height, "the page jumped"
    with capsys.disabled():
        for i, seen in enumerate(page.evaluate(SEEN), start=1):
            print(f"\n{name} {i}: ({seen['outcome']}) {seen['card'].split('): ', 1)[1][:90]}", end="")


def test_the_explanation_is_the_outcomes(chapter):
    page = chapter("04_interaction")
    whole = page.locator(".verdict").first.text_content()
    radios, place, card = first(page)
    radios.last.check()
    place.get_by_role("button", name="my guess").click()
    told = re.search(r"(: .*?)(?: \(No guess yet|$)", whole)[1]
    assert card.inner_text().endswith(told.replace("`", ""))


def test_by_keyboard_alone(chapter):
    page = chapter("04_interaction")
    radios, _, card = first(page)
    radios.first.focus()
    page.keyboard.press("ArrowDown")  # to (b): chosen, not committed
    assert radios.nth(1).is_checked() or radios.nth(0).is_checked()
    assert not card.is_visible()
    chosen = radios.evaluate_all("radios => radios.find((radio) => radio.checked).value")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "That’s my guess"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    assert card.is_visible()
    assert f"You said ({chosen})" in card.inner_text()
    assert page.evaluate("document.activeElement.textContent") == "What was measured"
    assert card.inner_text() in page.get_by_role("status").last.text_content(), "a screen reader hears nothing"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == f"#{card.get_attribute('id')}"


def test_enter_on_an_option_commits_and_nothing_chosen_asks_again(chapter):
    page = chapter("04_interaction")
    _, place, card = first(page)
    place.get_by_role("button", name="my guess").click()
    assert not card.is_visible()
    assert "Choose an answer first" in page.get_by_role("status").last.text_content()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    assert card.inner_text().startswith("You said (a); ")


def test_just_show_me(chapter):
    page = chapter("04_interaction")
    radios, place, card = first(page)
    place.get_by_role("button", name="Just show me").click()
    assert card.inner_text().startswith("The machine that built this page measured (")
    assert radios.evaluate_all("radios => radios.every((radio) => radio.disabled && !radio.checked)")
    assert [seen["shown"] > 0 for seen in page.evaluate(SEEN)][:2] == [True, False]


def test_nothing_jumps_where_less_is_said(chapter):
    """Without a guess the card has fewer words, which on a phone often is a line less."""
    page = chapter("06_training")
    page.set_viewport_size({"width": 400, "height": 844})
    height = page.evaluate("document.documentElement.scrollHeight")
    covered = page.get_by_role("button", name="Just show me")
    while covered.count():
        covered.first.click()
        assert page.evaluate("document.documentElement.scrollHeight") == height


def tallied(page, address, name):
    page.goto(f"{address}/book/intro.html")
    return page.locator("#tally li").filter(has=page.locator(f"a[href*='{name}']")).inner_text()


def test_kept_told_on_the_intro_and_forgotten(chapter, address):
    page = chapter("03_mlps")
    outcomes = [seen["outcome"] for seen in page.evaluate(SEEN)]
    n = len(outcomes)
    places = page.locator(".commit").all()
    wrong = next(letter for letter in ASKED["03_mlps"][1] if letter != outcomes[1])
    for place, letter in zip(places[:3], (outcomes[0], wrong, outcomes[2]), strict=True):
        page.locator(f"#choices-{place.get_attribute('data-question')} input[value={letter}]").check()
        place.get_by_role("button", name="my guess").click()
    places[3].get_by_role("button", name="Just show me").click()
    page.reload()
    assert [seen["shown"] > 0 for seen in page.evaluate(SEEN)] == [True] * 4 + [False] * (n - 4)
    assert page.locator(".verdict").nth(1).inner_text().startswith(f"You said ({wrong}); ")

    assert tallied(page, address, "03_mlps").endswith(f"3 of {n} predicted, 2 as measured")
    assert page.locator("#tally li").count() == len(CHAPTERS)
    for line, name in zip(page.locator("#tally li").all(), CHAPTERS, strict=True):
        assert f" of {len(ASKED[name])} predicted" in line.inner_text()
    page.get_by_role("button", name="Forget my guesses").click()
    assert tallied(page, address, "03_mlps").endswith(f"0 of {n} predicted")
    assert page.evaluate("localStorage.getItem('microdlrm.guesses')") is None
    assert page.get_by_role("button", name="Forget my guesses").is_disabled()
    assert [seen["shown"] for seen in chapter("03_mlps").evaluate(SEEN)] == [0] * n


@pytest.mark.parametrize("stored", ["{", "null", "[]", '"x"', '{"ffffffff": "a"}'])
def test_what_else_may_be_stored_does_no_harm(chapter, stored):
    page = chapter("04_interaction")
    page.evaluate("stored => localStorage.setItem('microdlrm.guesses', stored)", stored)
    page.reload()
    assert [seen["shown"] for seen in page.evaluate(SEEN)] == [0] * len(ASKED["04_interaction"])
    first(page)[1].get_by_role("button", name="Just show me").click()
    page.reload()
    assert page.evaluate(SEEN)[0]["shown"] > 0


def test_where_nothing_can_be_stored_it_still_asks(browser, address):
    with browser.new_context() as context:
        context.add_init_script(BLOCKED)
        page = context.new_page()
        page.goto(f"{address}/notebooks/04_interaction.html")
        radios, place, card = first(page)
        assert not card.is_visible()
        radios.first.check()
        place.get_by_role("button", name="my guess").click()
        assert card.inner_text().startswith("You said (a); ")
        assert "doesn't let the page remember" in page.locator("body > [role=status]").text_content()
        page.goto(f"{address}/book/intro.html")
        assert "doesn’t let the page remember" in page.locator(".forget").inner_text()


@pytest.mark.parametrize("name", CHAPTERS)
def test_without_scripts_the_page_is_whole(browser, address, name):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{address}/notebooks/{name}.html")
        assert page.locator("input[type=radio], .commit button").count() == 0
        assert page.locator(".choices > li").count() == sum(map(len, ASKED[name]))
        cards = page.locator(".awaits .verdict")
        assert cards.count() == len(ASKED[name])
        for part in [*cards.all(), *page.locator(".awaits .cell_output > *, .told > *").all()]:
            assert part.is_visible()
        assert "was measured: " in cards.first.inner_text()
        assert page.locator("#pst-back-to-top").count()


@pytest.mark.parametrize("name", CHAPTERS)
def test_in_print_the_page_is_whole(chapter, name):
    page = chapter(name)
    page.emulate_media(media="print")
    assert all(seen["shown"] == seen["outputs"] for seen in page.evaluate(SEEN))
    assert page.locator(".commit button:visible, .choices input:visible").count() == 0
    assert [seen["words"] for seen in page.evaluate(SEEN)] == ASKED[name]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_before_and_after(chapter, scheme):
    page = chapter("04_interaction")
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
    for button in ("my guess", None):
        found = Axe().run(page, context="article", options={"runOnly": ["wcag2a", "wcag2aa"], "preload": False})
        assert [f"{v['id']}: {n['html'][:120]}" for v in found.response["violations"] for n in v["nodes"]] == []
        if button:
            first(page)[0].first.check()
            first(page)[1].get_by_role("button", name=button).click()


# --- less scaffolding ---


@pytest.mark.parametrize("name", CHAPTERS)
@pytest.mark.parametrize("width", [1280, 400])
def test_no_line_of_code_scrolls_or_is_cut(chapter, name, width):
    page = chapter(name)
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("document.querySelectorAll('details').forEach((folded) => { folded.open = true; })")
    wide = "blocks => blocks.filter((b) => b.clientWidth && b.scrollWidth > b.clientWidth).map((b) => b.innerText)"
    assert page.locator("div.cell_input pre").evaluate_all(wide) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", CHAPTERS)
def test_verdicts_and_what_only_shows_are_folded_and_in_reach(chapter, name):
    page = chapter(name)
    for code in page.locator("div.cell_input").all():
        source = code.text_content().strip()
        if VERDICT.search(source) or re.fullmatch(r"(study_)?figures\.\w+\([^()]*\)", source):
            fold = code.locator("xpath=ancestor::details")
            assert fold.count() == 1, source
            assert not code.is_visible()
            fold.locator("summary").click()
            assert code.is_visible()


@pytest.mark.parametrize("name", CHAPTERS)
def test_what_is_hidden_whole_says_that_it_is_a_solution(chapter, name):
    page = chapter(name)
    hidden = page.locator("div.cell.tag_hide-cell")
    assert hidden.locator("details.hide > summary").all_inner_texts() == ["Show a solution"] * hidden.count()
    for cell in hidden.all():
        assert re.search(r"solution", cell.text_content())
