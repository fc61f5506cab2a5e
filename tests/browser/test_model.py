"""The model in the browser: its numbers are the package's on the same weights, and the page shows
those numbers.
"""

import copy
import itertools
import json

import numpy as np
import portable
import pytest
import torch
from conftest import press

from microdlrm import MicroDLRM, clicks, training
from microdlrm.histories import histories
from microdlrm.machine import cost

KINDS = ("dot", "concat")
PAIRS = list(itertools.combinations(range(6), 2))


@pytest.fixture
def model(page):
    page.goto("book/model.html")
    page.wait_for_function("window.model")
    return page


# --- the arithmetic ---


def questions(data, films, train, rows):
    """Rows of the data set as the page puts them: a reader with their ratings, and a film, whose
    own rating the page has to leave out.
    """
    users, movies = clicks.positions(data)
    number = np.searchsorted(films, movies).tolist()
    stars = data.ratings["rating"].tolist()
    for row in rows:
        about = data.users.iloc[users[row]]
        rated = [*train[users[train] == users[row]], row]
        reader = {
            "age": int(about["age"]),
            "male": bool(about["gender"] == "M"),
            "occupation": about["occupation"],
            "ratings": [[number[own], stars[own]] for own in rated],
        }
        yield reader, number[row]


ANSWERS = """([data, questions, kinds, pair]) => {
    const nets = kinds.map((kind) => dlrm.unpack(data, kind));
    return questions.map(([reader, film]) => {
        const dense = dlrm.denseFeatures(data, reader, film);
        const bags = dlrm.bagsOf(data, reader, film);
        const p = nets.map((net) => dlrm.forward(net, dense, bags).p);
        p.push(dlrm.forward(nets[0], dense, bags, pair).p);
        return { dense, lengths: dlrm.lengths(data, film, bags), p };
    });
}"""


def test_features_bags_and_probabilities_are_those_of_the_package(model, data, split):
    """As if there were only the films of the page, on untrained weights; a pair taken out, too."""
    films = portable.well_known(data, split.train)
    here = np.isin(clicks.positions(data)[1], films)
    train, rows = split.train[here[split.train]], split.test[here[split.test]][:1000]
    own = histories(data, train)
    prepared = clicks.prepare(data, train).add(clicks.genres(data), *own).without("user")
    models = {}
    for kind in KINDS:
        torch.manual_seed(0)
        shape = training.RECIPES[kind][0] | dict(init=0.3, interaction=kind)
        whole = MicroDLRM(num_embeddings=prepared.num_embeddings, reads=prepared.reads, **shape)
        models[kind] = portable.portable(whole, prepared, data, train, films)
    page = portable.contents(models, prepared, data, train, films)
    asked, pair = list(questions(data, films, train, rows)), (1, 5)
    answers = model.evaluate(ANSWERS, json.loads(json.dumps([page, asked, KINDS, pair])))

    dense = [answer["dense"] for answer in answers]
    np.testing.assert_allclose(dense, prepared.dense[rows], rtol=1e-4, atol=1e-5)
    for b, feature in enumerate(prepared.sparse):
        ids, starts = feature.take(torch.tensor(rows))[:2]
        lengths = torch.diff(starts, append=torch.tensor([len(ids)]))
        assert [answer["lengths"][b] for answer in answers] == lengths.tolist()
    without = copy.deepcopy(models["dot"])
    without.top_l[0].weight.data[:, without.shape["m_spa"] + PAIRS.index(pair)] = 0
    nets = [*models.values(), without]
    p = np.stack([portable.predict(net, prepared, rows, films) for net in nets], 1)  # (B, 3)
    assert all(p.std(0) > 0.01)
    assert abs(p[:, 0] - p[:, 2]).max() > 0.01
    np.testing.assert_allclose([answer["p"] for answer in answers], p, rtol=0, atol=1e-5)


# --- the page ---


def number(text):
    return float(text.replace("−", "-").replace(",", ""))


def bags_now(state, data):
    """Lengths of the bags for what the page is set to."""
    film, without = data["films"][state["film"]], state["without"]
    raters = 0 if "who rated the movie" in without else film["raters"]
    rated = [other for other, _ in state["user"]["ratings"] if other != state["film"]]
    rated = 0 if "what the user rated" in without else len(rated)
    return [1, 1, len(film["genres"]), raters, rated]


def check(page):
    """Sentence, grid, ranking and costs say what the model and the package say."""
    state, data = page.evaluate("[model.state, model.data]")
    every = page.evaluate("model.data.films.map((_, film) => model.answer(film))")
    now = every[state["film"]]
    shown = page.locator("#model-grid td:not(.none)").all_inner_texts()
    dots = [1000 * now["dots"][i][j] for i, j in PAIRS if state["interaction"] == "dot"]
    np.testing.assert_allclose(list(map(number, shown)), dots, atol=0.51)
    rated = {film for film, _ in state["user"]["ratings"]}
    ranked = sorted((-answer["p"], film) for film, answer in enumerate(every) if film not in rated)
    listed = page.locator("#model-ranking tbody td:last-child").all_inner_texts()
    assert listed == [f"{-100 * p:.1f}%" for p, _ in ranked]
    sentence = page.locator("#model-sentence").inner_text()
    assert f"{100 * now['p']:.1f}%" in sentence
    if state["film"] in rated:
        assert "You rated it" in sentence
    else:
        place = ranked.index((-now["p"], state["film"])) + 1
        assert f"Number {place} of {len(ranked)}" in sentence
    shape = {k: data["shape"][k] for k in ("m_spa", "num_embeddings", "ln_bot", "ln_top", "reads")}
    paper = cost.parts(1, bags_now(state, data), interaction=state["interaction"], **shape)
    due = paper[["flops", "bytes"]].to_numpy()  # (parts, 2)
    shown = page.locator("#model-cost tbody td").all_inner_texts()
    assert list(map(number, shown)) == [*due.flatten(), *due.sum(0)]


def test_each_reader_and_each_switch(model):
    for reader in model.evaluate("Object.keys(model.data.readers)")[::-1]:
        press(model, reader)
        assert model.locator("#model [aria-pressed=true]").inner_text() == reader
        check(model)
    model.get_by_role("checkbox", name="what you rated").uncheck()
    check(model)
    dots = np.array(model.evaluate("model.answer(model.state.film).dots"))
    assert {pair for pair in PAIRS if dots[pair] == 0} == {pair for pair in PAIRS if 5 in pair}
    model.get_by_role("checkbox", name="who rated it").uncheck()
    model.get_by_role("radio", name="concat").check()
    check(model)


def test_a_reader_of_ones_own(model):
    def choose(name, option):
        model.get_by_role("combobox", name=name, exact=True).select_option(option)

    press(model, "nobody yet")
    before = model.evaluate("model.cost()[0].bytes")
    choose("Add a film", "Fargo")
    choose("Its stars", "3")
    press(model, "Add")
    row = model.evaluate("model.data.shape.m_spa") * 4 + 8
    assert model.evaluate("model.cost()[0].bytes") - before == row
    assert model.locator("#model [aria-pressed=true]").count() == 0
    check(model)
    model.get_by_role("spinbutton", name="Age").fill("61")
    for name, option in (
        ("Stars for Fargo", "5"), ("Sex", "M"), ("Occupation", "retired"), ("Film", "Fargo")
    ):  # fmt: skip
        choose(name, option)
    user, fargo = model.evaluate("[model.state.user, model.state.film]")
    assert user == {"age": 61, "male": True, "occupation": "retired", "ratings": [[fargo, 5]]}
    check(model)
    press(model, "Remove Fargo")
    assert model.evaluate("model.state.user.ratings") == []
    check(model)


def test_a_film_of_the_ranking_is_a_press_away(model):
    third = model.locator("#model-ranking tbody tr").nth(2).get_by_role("button")
    name = third.inner_text()
    third.click()
    assert model.locator("#model-ranking [aria-current]").inner_text().split("\t")[1] == name
    assert model.locator(":focus").inner_text() == name
    assert model.locator("#model-sentence").inner_text().startswith(name)
    check(model)


def test_a_pair_says_what_it_is_made_of_and_what_it_matters(model):
    now, rated = model.evaluate("[model.answer(model.state.film), model.state.user.ratings]")
    detail = model.locator("#model-detail")
    for i in range(5):
        cell = model.locator("#model-grid tbody tr").nth(i).locator("td").last
        cell.hover()
        assert cell.get_attribute("aria-selected") == "true"
        terms = list(map(number, detail.locator(".entries .number").all_inner_texts()))
        assert len(terms) == len(rated)
        assert sum(terms) == pytest.approx(now["dots"][i][5], abs=6e-5 * len(terms))
        p = model.evaluate("i => model.answer(model.state.film, [i, 5]).p", i)
        said = f"would be {100 * p:.1f}% instead of {100 * now['p']:.1f}%"
        assert said in detail.inner_text()


WALK = {
    "ArrowRight": [1, 2], "ArrowUp": [0, 2], "ArrowDown": [1, 2], "ArrowLeft": [1, 1],
    "End": [1, 5], "Home": [1, 1],
}  # fmt: skip


def test_the_grid_answers_to_the_keyboard(model):
    stop = model.locator("#model-grid [tabindex='0']")  # one stop for Tab
    stop.press("Home")
    for key, place in WALK.items():
        model.keyboard.press(key)
        assert model.evaluate("model.state.chosen") == place
        selected = model.locator("#model-grid [aria-selected=true]:focus")
        assert selected.evaluate("node => getComputedStyle(node).outlineStyle") != "none"
    model.get_by_role("radio", name="concat").check()
    stop.press("ArrowDown")
    assert model.locator("#model-grid [aria-selected=true]:focus").count() == 1
