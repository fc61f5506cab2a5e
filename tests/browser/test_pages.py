"""Every page of the book, in three widths, light and dark: silent, self-contained, its formulas
set, no wider than the screen, nothing cut off, and nothing that axe calls serious or critical. The
pages that answer, also in use; and what is left without scripts, on paper and in forced colours.

A page is loaded once, then resized and switched: loading it is what takes the time.
"""

import itertools

import conftest
import pytest
from conftest import BOOK, LATER, look, objections, predict, press

PAGES = sorted(
    path.relative_to(BOOK).as_posix()
    for path in BOOK.rglob("*.html")
    if "_static" not in path.relative_to(BOOK).parts
)
WIDTHS = (400, 768, 1280)  # a phone, a tablet, a laptop
# Red, green and blue of the page's ground, added up.
GROUND = {"light": range(600, 766), "dark": range(150)}
SUM_OF_GROUND = """() => getComputedStyle(document.body).backgroundColor
    .match(/[\\d.]+/g).slice(0, 3).reduce((sum, x) => sum + Number(x), 0)"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

FORMULAS = """() => [...document.querySelectorAll("article math")].filter((formula) => {
    const { width, height } = formula.getBoundingClientRect();
    return formula.offsetParent !== null && !(width && height) || formula.querySelector("merror");
}).map((formula) => formula.textContent)"""
# What runs out of its box or its picture. On a narrow screen code may, where it scrolls.
CUT_OFF = """(narrow) => {
    const all = (which) => [...document.querySelectorAll(which)];
    const overflows = (box) => box.clientWidth && box.scrollWidth > box.clientWidth + 1;
    const isCut = (box) => !narrow || getComputedStyle(box).overflowX === "hidden";
    const outside = (label) => {
        const own = label.getBoundingClientRect();
        const picture = label.ownerSVGElement.getBoundingClientRect();
        return own.left < picture.left - 1 || own.right > picture.right + 1
            || own.top < picture.top - 1 || own.bottom > picture.bottom + 1;
    };
    return [
        ...all("article :is(pre, .highlight)").filter((code) => overflows(code) && isCut(code)),
        ...all(":is(#model, #picker) :is(td, th, label, li, p)").filter(overflows),
        ...all("#explorer svg text").filter(outside),
    ].map((node) => node.textContent.trim().split("\\n").sort((a, b) => b.length - a.length)[0]);
}"""
# The theme's signs come from a font that the book does without: what it doesn't draw itself would
# be an empty box.
SIGNS_WITHOUT_A_FONT = """() => [...document.querySelectorAll("body *")].flatMap((each) =>
    ["::before", "::after"].filter((part) => {
        const { content, display } = getComputedStyle(each, part);
        return each.offsetParent && display !== "none" && /[\\uE000-\\uF8FF]/.test(content);
    }).map((part) => `${each.className}${part}`))"""
# Words of one kind in code of one kind have one colour on one ground, so of each kind one is looked
# at: of thousands.
ONE_OF_A_KIND = """() => {
    const seen = new Set();
    for (const word of document.querySelectorAll("article pre span")) {
        const around = word.closest("details, .admonition, .cell_input, .cell_output, .highlight");
        const folded = word.closest("details") ? "folded" : "";
        const kind = `${word.className} in ${around && around.className} ${folded}`;
        if (seen.has(kind)) word.style.visibility = "hidden";
        seen.add(kind);
    }
}"""
STILL = "*, ::before, ::after { transition: none !important; }"  # no colour half way
UNCOVERED = """() => {
    document.documentElement.classList.remove("asks");
    document.querySelectorAll("article details").forEach((each) => { each.open = true; });
}"""


def flaws(page, width, scheme):
    """One line for each thing wrong with the page as it now stands."""
    if (ground := page.evaluate(SUM_OF_GROUND)) not in GROUND[scheme]:
        yield f"its ground is no {scheme} one: {ground} of 765"
    if (wider := page.evaluate(WIDER)) > 0:
        yield f"{wider} px wider than the screen"
    yield from (f"cut off: {words}" for words in page.evaluate(CUT_OFF, width < max(WIDTHS)))


def assert_none(wrong):
    wrong = list(dict.fromkeys(wrong))
    assert not wrong, "\n".join([f"{len(wrong)} flaws", *wrong])


@pytest.mark.parametrize("name", PAGES)
def test_a_page_works_in_the_browser(page, name):
    page.goto(name, wait_until="networkidle")  # the first page leads to another
    page.add_style_tag(content=STILL)
    page.evaluate(UNCOVERED)
    page.wait_for_timeout(LATER)
    wrong = [f"not set: {formula}" for formula in page.evaluate(FORMULAS)]
    wrong += [f"a sign without its font: {sign}" for sign in page.evaluate(SIGNS_WITHOUT_A_FONT)]
    wrong += objections(page, rules={"color-contrast": {"enabled": False}})
    for width, scheme in itertools.product(WIDTHS, GROUND):
        look(page, width, scheme)
        wrong += [f"{width} px, {scheme}: {flaw}" for flaw in flaws(page, width, scheme)]
        if (width, scheme) == (min(WIDTHS), "dark"):  # what else could a narrow screen change?
            wrong += objections(page, runOnly=["scrollable-region-focusable", "target-size"])
    page.evaluate(ONE_OF_A_KIND)
    for scheme in GROUND:
        look(page, max(WIDTHS), scheme)
        wrong += [f"{scheme}: {words}" for words in objections(page, runOnly=["color-contrast"])]
    assert_none(wrong)


# --- pages in use ---


def explore(page):
    for model in ("original", "memory model", "compute model"):
        for machine in ("this build's machine", "Opteron X2"):
            press(page, model)
            press(page, machine)
            yield


def ask_the_model(page):
    for kind, vector in (("dot", 0), ("dot", 5), ("concat", 3)):
        page.get_by_role("radio", name=kind).check()
        page.locator("#model-grid tbody th").nth(vector).click()
        yield


def pick(page):
    page.locator("[data-pick='1,1']").click()
    press(page, "Check")
    yield


def guess(page):
    yield
    for letter in ("a", None):
        predict(page, letter)
        yield
    page.evaluate(UNCOVERED)
    yield


USES = {
    "book/explorer.html": explore,
    "book/model.html": ask_the_model,
    "notebooks/03_mlps.html": guess,
    "notebooks/05_exercise_dot_interaction.html": pick,
}


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (400, "light")])
@pytest.mark.parametrize("name", USES)
def test_a_page_in_use_works_too(page, name, width, scheme):
    page.goto(name)
    page.add_style_tag(content=STILL)
    look(page, width, scheme)
    wrong = []
    for _ in USES[name](page):
        page.wait_for_timeout(LATER)
        wrong += flaws(page, width, scheme)
        wrong += objections(page)
    assert_none(wrong)


# --- pages as few see them ---

# What is of no use where nothing answers, and what has to be there all the same.
BARE = {
    "notebooks/02_embeddings.html": (".stepper", "figure.microdlrm svg"),
    "notebooks/03_mlps.html": (".commit button, .choices input, .beneath", ".verdict"),
    "book/model.html": ("#model :is(button, input)", "text=this is what you would see"),
}


def assert_bare(page, name):
    gone, there = map(page.locator, BARE[name])
    assert not any(each.is_visible() for each in gone.all())
    assert there.count()
    assert all(each.is_visible() for each in there.all())


@pytest.mark.parametrize("name", BARE)
def test_without_scripts_a_page_is_whole(browser, address, name):
    with conftest.visit(browser, address, java_script_enabled=False) as page:
        page.goto(name)
        assert_bare(page, name)


@pytest.mark.parametrize("name", list(BARE)[:2])
def test_on_paper_a_page_is_whole_and_light(browser, address, name):
    with conftest.visit(browser, address, color_scheme="dark") as page:
        page.goto(name)
        page.evaluate("addEventListener('beforeprint', () => { printed = root.dataset.theme; })")
        page.pdf()
        assert page.evaluate("[printed, root.dataset.theme]") == ["light", "dark"]
        page.emulate_media(media="print")
        assert_bare(page, name)


LIKE_THE_PAGE = """icons => icons.filter((icon) => {
    const ground = (each) => getComputedStyle(each).backgroundColor;
    return ground(icon) === ground(document.body);
}).map((icon) => icon.className)"""


def test_icons_show_under_forced_colours(browser, address):
    with conftest.visit(browser, address, width=400, forced_colors="active") as page:
        page.goto("notebooks/03_mlps.html")
        icons = page.locator(":is(.fa-solid, .fas):visible")
        assert icons.count()
        assert icons.evaluate_all(LIKE_THE_PAGE) == []


BLOCKED = """for (const name of ["localStorage", "sessionStorage"])
    Object.defineProperty(window, name, {
        get() { throw new DOMException("no", "SecurityError"); },
        configurable: true, // as a browser's own is
    });"""


def test_where_nothing_can_be_stored_the_book_is_searched_lit_and_asks(browser, address):
    with conftest.visit(browser, address) as page:
        page.add_init_script(BLOCKED)
        page.goto("search.html?q=interaction")
        page.locator("#search-results li a").first.wait_for()
        page.goto("notebooks/03_mlps.html")
        predict(page, "a")
        predict(page, None)
        assert page.locator(".verdict:visible").count() == 2
        assert "remember" in page.locator("body > [role=status]").text_content()
        page.goto("book/intro.html")
        assert "remember" in page.locator(".forget").inner_text()
        modes = set()
        for _ in range(3):
            page.locator(".theme-switch-button:visible").first.click()
            modes.add(page.evaluate("document.documentElement.dataset.mode"))
        assert modes == {"auto", "light", "dark"}
        assert page.complaints == []
