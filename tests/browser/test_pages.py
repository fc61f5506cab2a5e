"""Every page of the book, in three widths, light and dark: silent, self-contained, its formulas
set, no wider than the screen, no code cut off, and nothing that axe calls serious or critical.

A page is loaded once, then resized and switched: loading it is what takes the time.
"""

import itertools
from pathlib import Path

import conftest
import pytest
from axe_playwright_python.sync_playwright import Axe

BOOK = Path(__file__).resolve().parents[2] / "_build/html"
PAGES = sorted(
    path.relative_to(BOOK).as_posix()
    for path in BOOK.rglob("*.html")
    if "_static" not in path.relative_to(BOOK).parts
)
WIDTHS = (1280, 768, 400)  # a laptop, a tablet, a phone
GROUND = {
    "light": range(600, 766),
    "dark": range(150),
}  # red, green and blue of the page's ground, added up

FORMULAS = """() => [...document.querySelectorAll("article math")].filter((formula) => {
    const { width, height } = formula.getBoundingClientRect();
    return formula.offsetParent !== null && !(width && height) || formula.querySelector("merror");
}).map((formula) => formula.textContent)"""
# The code that runs out of its box; `reachable` lets pass what one can scroll to.
CUT_OFF = """(reachable) => [...document.querySelectorAll("article pre")].filter((code) => {
    if (!code.clientWidth) return false;
    const ends = code.getBoundingClientRect().left + code.clientLeft + code.scrollWidth;
    for (let box = code; box.tagName !== "ARTICLE"; box = box.parentElement) {
        const { overflowX } = getComputedStyle(box);
        if (overflowX !== "visible" && ends > box.getBoundingClientRect().right + 1)
            return !(reachable && ["auto", "scroll"].includes(overflowX));
    }
    return ends > document.documentElement.clientWidth + 1;
}).map((code) => code.textContent.trim().split("\\n").sort((a, b) => b.length - a.length)[0])"""


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
EVERYTHING_BUT_COLOURS = {"rules": {"color-contrast": {"enabled": False}}}
COLOURS = {"runOnly": ["color-contrast"]}
WIDTH = {
    "runOnly": ["scrollable-region-focusable", "target-size"]
}  # what else could a narrow screen change?
AXE = """async ([options]) => {
    const found = await axe.run({ exclude: ["figure.microdlrm svg", "math"] }, options);
    return found.violations
        .filter((rule) => ["serious", "critical"].includes(rule.impact))
        .flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)}`));
}"""


def objections(page, rules):
    """What axe calls serious or critical. A figure is one picture to it, and so is a formula."""
    return page.evaluate(AXE, [{"resultTypes": ["violations"], "preload": False, **rules}])


def switch_to(page, scheme):
    """The page follows the system."""
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(
        "scheme => document.documentElement.dataset.theme === scheme", arg=scheme
    )


def flaws(page, width, scheme):
    """One line for each thing wrong with the page as it now stands."""
    sums = (
        "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number)"
    )
    if (ground := sum(page.evaluate(sums))) not in GROUND[scheme]:
        yield f"its ground is no {scheme} one: {ground} of 765"
    wider = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    if wider > 0:
        yield f"{wider} px wider than the screen"
    for line in page.evaluate(CUT_OFF, width < max(WIDTHS)):
        yield f"cut off: {line}"


def test_there_is_a_book():
    assert {"index.html", "book/explorer.html"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_works_in_the_browser(page, address, name):
    page.goto(f"{address}/{name}", wait_until="load")
    page.wait_for_load_state("networkidle")
    page.evaluate("document.documentElement.classList.remove('asks')")  # nothing is covered
    wrong = [f"not set: {formula}" for formula in page.evaluate(FORMULAS)]
    wrong += [f"a sign without its font: {sign}" for sign in page.evaluate(SIGNS_WITHOUT_A_FONT)]
    page.evaluate(
        "document.querySelectorAll('article details').forEach((each) => { each.open = true; })"
    )
    no_colour_half_way = "*, ::before, ::after { transition: none !important; }"
    page.add_style_tag(content=no_colour_half_way)
    page.evaluate("dispatchEvent(new Event('resize'))")  # the theme looks again at what scrolls
    page.wait_for_timeout(500)
    page.evaluate(Axe().axe_script)
    wrong += objections(page, EVERYTHING_BUT_COLOURS)
    for width, scheme in itertools.product(reversed(WIDTHS), GROUND):
        switch_to(page, scheme)
        page.set_viewport_size({"width": width, "height": 900})
        # The theme's script makes code that scrolls reachable by Tab, a while after the width has
        # changed.
        page.wait_for_timeout(500 if scheme == "light" else 100)
        wrong += [f"{width} px, {scheme}: {flaw}" for flaw in flaws(page, width, scheme)]
        if scheme == "dark" and width == min(WIDTHS):
            wrong += [f"{width} px: {objection}" for objection in objections(page, WIDTH)]
    page.evaluate(ONE_OF_A_KIND)
    for scheme in ("dark", "light"):
        switch_to(page, scheme)
        wrong += [f"{scheme}: {objection}" for objection in objections(page, COLOURS)]
    wrong = [*dict.fromkeys(wrong), *page.complaints]
    assert not wrong, "\n".join([f"{len(wrong)} flaws", *wrong])


LIKE_THE_PAGE = """icons => icons.filter((icon) => {
    const ground = (each) => getComputedStyle(each).backgroundColor;
    return ground(icon) === ground(document.body);
}).map((icon) => icon.className)"""


def test_icons_show_under_forced_colours(browser, address):
    with conftest.visit(
        browser, address, forced_colors="active", viewport={"width": 400, "height": 844}
    ) as page:
        page.goto(f"{address}/notebooks/03_mlps.html")
        icons = page.locator(":is(.fa-solid, .fas):visible")
        assert icons.count()
        assert icons.evaluate_all(LIKE_THE_PAGE) == []


def test_on_paper_a_page_is_light_and_holds_no_buttons(browser, address):
    with conftest.visit(browser, address, color_scheme="dark") as page:
        page.goto(f"{address}/notebooks/02_embeddings.html")
        page.evaluate(
            "addEventListener('beforeprint', () => { window.printed = root.dataset.theme; })"
        )
        page.pdf()
        assert page.evaluate("[printed, root.dataset.theme]") == ["light", "dark"]
        page.emulate_media(media="print")
        assert page.locator(".stepper:visible").count() == 0
