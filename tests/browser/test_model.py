"""The model in the browser: its numbers are PyTorch's on the same weights, and the page shows those
numbers.
"""

import base64
import json
import random

import numpy as np
import portable
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe

from microdlrm import MicroDLRM, clicks, movielens, training
from microdlrm.histories import histories
from microdlrm.machine import cost

KINDS = ("dot", "concat")


@pytest.fixture
def model(page, address):
    page.goto(f"{address}/book/model.html")
    page.wait_for_function("window.model")
    yield page
    assert page.complaints == []


# --- the arithmetic ---


def unpacked(data, kind):
    """The weights on the page as a MicroDLRM, read here by numpy."""
    shape, films = data["shape"], len(data["films"])
    net = MicroDLRM(
        m_spa=shape["m_spa"],
        num_embeddings=(films, len(data["occupations"]), len(data["genres"]), films),
        ln_bot=shape["ln_bot"],
        ln_top=shape["ln_top"],
        reads=shape["reads"],
        interaction=kind,
    )
    flat = np.frombuffer(base64.b64decode(data["weights"][kind]), "<f2").astype(np.float32)
    parameters = [
        p for name in ("emb_l", "bot_l", "top_l") for p in getattr(net, name).parameters()
    ]
    assert sum(p.numel() for p in parameters) == len(flat)
    parts = np.split(flat, np.cumsum([p.numel() for p in parameters])[:-1])
    with torch.no_grad():
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.copy_(torch.tensor(part).view_as(parameter))
    return net


def samples(net, count):
    """Dense features and bags at random, empty bags among them, and ids that come up twice."""
    draw = random.Random(1)
    for _ in range(count):
        dense = [draw.gauss(0, 1.5) for _ in range(net.bot_l[0].in_features)]
        bags = []
        for table in net.reads:
            ids = [
                draw.randrange(net.emb_l[table].num_embeddings)
                for _ in range(draw.choice([0, 1, 1, 3, 40]))
            ]
            bags.append(
                {
                    "ids": ids,
                    "weights": [draw.uniform(-1, 3) / max(len(ids), 1) ** 0.5 for _ in ids],
                }
            )
        yield dense, bags


def batch_of(cases):
    dense, bags = zip(*cases, strict=True)
    ids, offsets, weights = [], [], []
    for own in zip(*bags, strict=True):
        lengths = torch.tensor([len(bag["ids"]) for bag in own])
        ids.append(torch.tensor([i for bag in own for i in bag["ids"]]))
        weights.append(
            torch.tensor([w for bag in own for w in bag["weights"]], dtype=torch.float32)
        )
        offsets.append(lengths.cumsum(0) - lengths)
    return torch.tensor(dense), ids, offsets, weights


@pytest.mark.parametrize("kind", KINDS)
def test_the_probabilities_are_pytorchs_on_the_same_weights(model, kind):
    net = unpacked(model.evaluate("model.data"), kind)
    cases = list(samples(net, 1000))
    answers = model.evaluate(
        """([kind, cases]) => cases.map(([dense, bags]) => {
            const { p, logit, dots } = dlrm.forward(model.nets[kind], dense, bags);
            return { p, logit, dots };
        })""",
        [kind, cases],
    )
    with torch.no_grad():
        inputs = batch_of(cases)
        p, logits = net(*inputs)[:, 0], net.logits(*inputs)[:, 0]
    assert p.std() > 0.1
    np.testing.assert_allclose([a["p"] for a in answers], p, rtol=0, atol=1e-5)
    np.testing.assert_allclose([a["logit"] for a in answers], logits, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def of_films():
    """The data as if there were only the films of the page: its rows, clicks, and untrained models
    to hand out.
    """
    data = movielens.load()
    split = clicks.split(data)
    films = portable.well_known(data, split.train)
    here = np.isin(clicks.positions(data)[1], films)
    train, test = (rows[here[rows]] for rows in (split.train, split.test))
    own = histories(data, train)
    prepared = clicks.prepare(data, train).add(clicks.genres(data), *own).without("user")
    models = {}
    for kind in KINDS:
        torch.manual_seed(0)
        shape = training.RECIPES[kind][0] | dict(init=0.3, interaction=kind)
        whole = MicroDLRM(num_embeddings=prepared.num_embeddings, reads=prepared.reads, **shape)
        models[kind] = portable.portable(whole, prepared, data, train, films)
    return data, films, train, test, prepared, models


def asks(data, films, train, test):
    """Who asked for what: users of the data set as the page describes a reader, for their held-out
    films.
    """
    number = {int(film) + 1: i for i, film in enumerate(films)}
    rated = (
        data.ratings.iloc[train]
        .groupby("user_id")[["item_id", "rating"]]
        .apply(lambda r: r.to_numpy().tolist())
    )
    users = data.users.set_index("user_id")
    for row in test:
        user, item = (int(data.ratings[column].iloc[row]) for column in ("user_id", "item_id"))
        own = [[number[i], s] for i, s in rated.get(user, [])]
        about = users.loc[user]
        yield (
            {
                "age": int(about["age"]),
                "male": about["gender"] == "M",
                "occupation": about["occupation"],
                "ratings": own,
            },
            number[item],
        )


def test_features_and_bags_are_those_of_the_package(model, of_films):
    data, films, train, test, prepared, models = of_films
    test = test[:1000]
    page = json.loads(json.dumps(portable.contents(models, prepared, data, train, films)))
    cases = [
        [user | {"male": bool(user["male"])}, film] for user, film in asks(data, films, train, test)
    ]
    answers = model.evaluate(
        """([data, cases, kinds]) => {
            const nets = kinds.map((kind) => dlrm.unpack(data, kind));
            return cases.map(([user, film]) => {
                const dense = dlrm.denseFeatures(data, user, film);
                const bags = dlrm.bagsOf(data, user, film);
                const p = nets.map((net) => dlrm.forward(net, dense, bags).p);
                return { dense, lengths: dlrm.lengths(data, film, bags), p };
            });
        }""",
        [page, cases, KINDS],
    )
    np.testing.assert_allclose(
        [a["dense"] for a in answers], prepared.dense[test], rtol=1e-4, atol=1e-5
    )
    for k, kind in enumerate(KINDS):
        p = portable.predict(models[kind], prepared, test, films)
        assert p.std() > 0.01
        np.testing.assert_allclose([a["p"][k] for a in answers], p, rtol=0, atol=1e-5)
    offsets = [feature.take(torch.tensor(test))[:2] for feature in prepared.sparse]
    for b, (ids, starts) in enumerate(offsets):
        lengths = torch.diff(starts, append=torch.tensor([len(ids)]))
        assert [a["lengths"][b] for a in answers] == lengths.tolist()


def test_a_rating_of_the_film_itself_is_left_out(model):
    said = model.evaluate("""() => {
        const { data } = model, film = 5, ratings = [[3, 4], [9, 1]];
        const user = { age: 30, male: true, occupation: "artist", ratings };
        const knows = { ...user, ratings: [...user.ratings, [film, 5]] };
        const read = (u) => [dlrm.denseFeatures(data, u, film), dlrm.bagsOf(data, u, film)];
        return [user, knows].map(read);
    }""")
    assert said[0] == said[1]


# --- the page ---


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def bags_now(page):
    """Lengths of the bags for what the page is set to, counted here."""
    state, data = page.evaluate("model.state"), page.evaluate("model.data")
    film = data["films"][state["film"]]
    others = [r for r in state["user"]["ratings"] if r[0] != state["film"]]
    raters = 0 if "who rated the movie" in state["without"] else film["raters"]
    rated = 0 if "what the user rated" in state["without"] else len(others)
    return [1, 1, len(film["genres"]), raters, rated]


def check(page):
    """Sentence, grid, ranking and costs say what the model and the package say."""
    state, data = page.evaluate("model.state"), page.evaluate("model.data")
    now = page.evaluate("model.answer(model.state.film)")
    sentence = page.locator("#model-sentence").inner_text()
    assert f"{100 * now['p']:.1f}%" in sentence
    n = len(data["features"])
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    shown = page.locator("#model-grid td:not(.none)").all_inner_texts()
    if state["interaction"] == "dot":
        numbers = [float(text.replace("−", "-")) for text in shown]
        np.testing.assert_allclose(numbers, [1000 * now["dots"][i][j] for i, j in pairs], atol=0.51)
    else:
        assert shown == []
    rated = {film for film, _ in state["user"]["ratings"]}
    every = page.evaluate("model.data.films.map((_, film) => model.answer(film).p)")
    p = {film: value for film, value in enumerate(every) if film not in rated}
    listed = page.locator("#model-ranking tbody td:last-child").all_inner_texts()
    assert listed == [f"{100 * value:.1f}%" for value in sorted(p.values(), reverse=True)]
    if state["film"] in p:
        place = sum(value > p[state["film"]] for value in p.values()) + 1
        assert f"Number {place} of {len(p)}" in sentence
    shape = {k: data["shape"][k] for k in ("m_spa", "num_embeddings", "ln_bot", "ln_top", "reads")}
    forward = cost.parts(1, bags_now(page), interaction=state["interaction"], **shape)
    costs = page.locator("#model-cost tbody td").all_inner_texts()
    costs = np.array([int(text.replace(",", "")) for text in costs]).reshape(-1, 2).tolist()
    expected = forward[["flops", "bytes"]].astype(int)
    assert costs == [*expected.to_numpy().tolist(), expected.sum().tolist()]


def test_each_reader_and_each_switch(model):
    readers = list(model.evaluate("model.data.readers"))
    for reader in readers:
        press(model, reader)
        assert (
            model.get_by_role("button", name=reader, exact=True).get_attribute("aria-pressed")
            == "true"
        )
        check(model)
    press(model, readers[0])
    model.get_by_role("checkbox", name="what you rated").uncheck()
    check(model)
    dots = np.array(model.evaluate("model.answer(model.state.film).dots"))
    assert (dots[:5, 5] == 0).all()
    assert (dots[np.triu_indices(5, 1)] != 0).all()
    model.get_by_role("checkbox", name="who rated it").uncheck()
    check(model)
    model.get_by_role("radio", name="concat").check()
    check(model)
    model.get_by_role("checkbox", name="what you rated").check()
    model.get_by_role("checkbox", name="who rated it").check()
    check(model)


def test_a_reader_of_ones_own(model):
    press(model, "nobody yet")
    before = model.evaluate("model.cost()[0].bytes")
    model.get_by_role("combobox", name="Add a film").select_option("Fargo")
    model.get_by_role("combobox", name="Its stars").select_option("3")
    press(model, "Add")
    assert (
        model.evaluate("model.cost()[0].bytes") - before
        == model.evaluate("model.data.shape.m_spa") * 4 + 8
    )
    assert model.get_by_role("button", name="nobody yet").get_attribute("aria-pressed") == "false"
    check(model)
    model.get_by_role("combobox", name="Stars for Fargo").select_option("5")
    model.get_by_role("spinbutton", name="Age").fill("61")
    model.get_by_role("combobox", name="Sex").select_option("M")
    model.get_by_role("combobox", name="Occupation").select_option("retired")
    model.get_by_role("combobox", name="Film", exact=True).select_option("Fargo")
    user = model.evaluate("model.state.user")
    fargo = model.evaluate("model.state.film")
    assert user == {"age": 61, "male": True, "occupation": "retired", "ratings": [[fargo, 5]]}
    assert "You rated it" in model.locator("#model-sentence").inner_text()
    check(model)
    press(model, "Remove Fargo")
    assert model.evaluate("model.state.user.ratings") == []
    check(model)


def test_a_film_of_the_ranking_is_a_press_away(model):
    third = model.locator("#model-ranking tbody tr").nth(2).get_by_role("button")
    name = third.inner_text()
    third.click()
    assert model.locator("#model-sentence").inner_text().startswith(name)
    assert model.locator("#model-ranking [aria-current]").inner_text().split("\t")[1] == name
    assert model.evaluate("document.activeElement.textContent") == name
    check(model)


def terms(page):
    texts = page.locator("#model-detail .entries .number").all_inner_texts()
    return [float(text.replace("−", "-").rstrip(" ×")) for text in texts]


def test_the_terms_of_a_pair_add_up_to_its_number(model):
    n = model.evaluate("model.data.features.length")
    for i in range(n - 1):
        cell = model.locator("#model-grid tbody tr").nth(i).locator("td").last
        cell.hover()
        assert cell.get_attribute("aria-selected") == "true"
        value = model.evaluate("([i, j]) => model.answer(model.state.film).dots[i][j]", [i, n - 1])
        listed = terms(model)
        assert len(listed) == len(model.evaluate("model.state.user.ratings"))
        assert sum(listed) == pytest.approx(value, abs=6e-5 * len(listed))


def test_what_a_pair_matters_is_the_top_mlp_without_it(model):
    """Cut the pair's column out of the top MLP's first layer."""
    data, state = model.evaluate("model.data"), model.evaluate("model.state")
    net = unpacked(data, "dot")
    now = model.evaluate("model.answer(model.state.film)")
    d, n = len(now["vectors"][0]), len(now["vectors"])
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    for at in (0, 6, 14):
        i, j = pairs[at]
        cut = torch.tensor(
            now["vectors"][0] + [now["dots"][a][b] for a, b in pairs], dtype=torch.float32
        )
        cut[d + at] = 0
        with torch.no_grad():
            p = net.top_l(cut).item()
        assert model.evaluate("h => model.answer(model.state.film, h).p", [i, j]) == pytest.approx(
            p, abs=1e-5
        )
        model.locator("#model-grid tbody tr").nth(i).locator("td").nth(j - 1).click()
        said = f"would be {100 * p:.1f}% instead of {100 * now['p']:.1f}%"
        assert said in model.locator("#model-detail").inner_text()
    assert state["interaction"] == "dot"


def test_the_grid_answers_to_the_keyboard(model):
    assert model.locator("#model-grid [tabindex='0']").count() == 1  # one stop for Tab
    model.locator("#model-grid [tabindex='0']").focus()
    model.keyboard.press("Home")
    said = []
    for key in (
        "ArrowRight",
        "ArrowRight",
        "ArrowUp",
        "ArrowDown",
        "ArrowLeft",
        "ArrowDown",
        "End",
    ):
        model.keyboard.press(key)
        said.append(model.evaluate("[...model.state.chosen]"))
        selected = model.locator("#model-grid [aria-selected=true]")
        assert selected.count() == 1
        assert selected.evaluate("node => node === document.activeElement")
        assert selected.evaluate("node => getComputedStyle(node).outlineStyle") != "none"
    assert said == [[1, 2], [1, 3], [0, 3], [1, 3], [1, 2], [2, 2], [2, 5]]
    model.get_by_role("radio", name="concat").check()
    model.locator("#model-grid [tabindex='0']").focus()
    model.keyboard.press("ArrowDown")
    assert model.locator("#model-grid [aria-selected=true]").evaluate(
        "node => node === document.activeElement"
    )


def test_nothing_is_cut_off_and_axe_finds_nothing(model):
    assert model.locator("#model-sentence").get_attribute("aria-live") == "polite"
    looks = (
        (1280, "light", "dot"),
        (400, "light", "concat"),
        (1280, "dark", "dot"),
        (400, "dark", "concat"),
    )
    for width, scheme, kind in looks:
        model.emulate_media(color_scheme=scheme)
        model.set_viewport_size({"width": width, "height": 844})
        model.wait_for_timeout(200)
        model.get_by_role("radio", name=kind).check()
        for i in (0, 3, 5):
            model.locator("#model-grid tbody th").nth(i).click()
            assert model.evaluate("document.documentElement.scrollWidth") <= width
            assert model.evaluate(CUT_OFF) == []
        if (width, scheme) in ((400, "light"), (1280, "dark")):
            found = (
                Axe()
                .run(model, context="#model", options={"preload": False})
                .response["violations"]
            )
            assert [f"{v['id']}: {node['html'][:120]}" for v in found for node in v["nodes"]] == []


CUT_OFF = """() => [...document.querySelectorAll("#model :is(td, th, label, li, p)")]
    .filter((node) => node.scrollWidth > node.clientWidth + 1).map((node) => node.textContent)"""


def test_without_scripts_the_page_says_what_one_would_see(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/book/model.html")
    text = page.locator("#model").inner_text()
    assert "this is what you would see" in text
    assert "dot product of each of the fifteen pairs" in text
    context.close()
