// The page of the model in the reader's browser: who asks, for which film, and what the model makes of it.
// The arithmetic is dlrm.js and cost.js; nothing that the reader enters leaves the page, or stays when it is closed.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("model-data").textContent);
  const root = document.getElementById("model");
  const nets = Object.fromEntries(Object.keys(data.weights).map((name) => [name, dlrm.unpack(data, name)]));
  const { films, features } = data;
  const n = features.length;
  const HISTORIES = ["what the user rated", "who rated the movie"];
  const SHORT = {
    dense: "dense features", movie: "the film", occupation: "your occupation", genres: "its genres",
    "who rated the movie": "who rated it", "what the user rated": "what you rated",
  };
  const look = (i) => (i ? "sparse" : "dense");
  const state = { user: null, film: 0, interaction: "dot", without: [], chosen: [1, n - 1] };

  // --- words ---

  const whole = (x) => x.toLocaleString("en");
  const decimals = (x, digits) => Number(x.toFixed(digits)).toFixed(digits).replace(/^-(?=[0.]+$)/, "").replace("-", "−");
  const two = (x) => decimals(x, 2);
  const four = (x) => decimals(x, 4); // decay keeps rows short: their dot products are small
  const thousandths = (x) => decimals(1000 * x, 0);
  const signed = (x, words) => (x > 0 ? `+${words(x)}` : words(x));
  const percent = (p) => `${(100 * p).toFixed(1)}%`;
  const count = (k, one, many) => (k === 1 ? `one ${one}` : `${whole(k)} ${many}`);
  const twins = new Set(films.filter((f, i) => films.some((g, j) => i !== j && g.title === f.title)).map((f) => f.title));
  const title = (f) => films[f].title + (twins.has(films[f].title) ? ` [${films[f].id + 1}]` : "");
  const byTitle = films.map((_, f) => f).sort((a, b) => title(a).localeCompare(title(b), "en"));
  const name = (i) => SHORT[features[i]];

  // --- the model on the state ---

  function answer(film, hide, user = state.user) {
    const dense = dlrm.denseFeatures(data, user, film);
    const bags = dlrm.bagsOf(data, user, film, state.without);
    return { dense, bags, ...dlrm.forward(nets[state.interaction], dense, bags, hide) };
  }

  function ranking() {
    const rated = new Set(state.user.ratings.map(([film]) => film));
    return byTitle.filter((f) => !rated.has(f)).map((f) => ({ film: f, p: answer(f).p })).sort((a, b) => b.p - a.p);
  }

  const NOBODY = "nobody yet"; // the made-up reader who has rated nothing

  // What the reader's stars change: the films whose probability rises and falls most against someone without any.
  function taste(ranked) {
    const moved = ranked.map(({ film, p }) => ({ film, by: p - answer(film, undefined, data.readers[NOBODY]).p }));
    moved.sort((a, b) => b.by - a.by);
    const words = ({ film, by }) => `${title(film)} (${signed(100 * by, (x) => decimals(x, 0))})`;
    const side = (films) => films.map(words).join(", ");
    return `Against “${NOBODY}”, in percentage points: most up ${side(moved.slice(0, 3))}; most down ${
      side(moved.slice(-3).reverse())}.`;
  }

  function cost() {
    const bags = dlrm.bagsOf(data, state.user, state.film, state.without);
    return costs.cost({ ...data.shape, interaction: state.interaction }, 1, dlrm.lengths(data, state.film, bags));
  }

  // --- elements ---

  const SVG = "http://www.w3.org/2000/svg";

  function element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  function button(text, press, attributes = {}) {
    const node = element("button", { type: "button", ...attributes }, text);
    node.addEventListener("click", press);
    return node;
  }

  function select(attributes, options, change) {
    const node = element("select", attributes, ...options.map(([value, text]) => element("option", { value }, text)));
    if (change) node.addEventListener("change", () => { change(node.value); show(); });
    return node;
  }

  const labelled = (text, control) => element("label", {}, element("span", {}, text), control);
  const group = (legend, ...children) => element("fieldset", {}, element("legend", {}, legend), ...children);

  // A vector as a strip of boxes: the stronger, the further from zero (by its root, so that small ones show); grey
  // where negative.
  function strip(vector, kind, largest) {
    const node = document.createElementNS(SVG, "svg");
    node.setAttribute("viewBox", `0 0 ${vector.length} 1`);
    node.setAttribute("preserveAspectRatio", "none");
    node.setAttribute("class", "strip");
    node.setAttribute("aria-hidden", "true");
    vector.forEach((value, k) => {
      const box = document.createElementNS(SVG, "rect");
      const attributes = { x: k, width: 1, height: 1, class: value < 0 ? "negative" : kind };
      attributes["fill-opacity"] = largest ? Math.sqrt(Math.min(1, Math.abs(value) / largest)).toFixed(3) : 0;
      for (const [key, text] of Object.entries(attributes)) box.setAttribute(key, text);
      node.append(box);
    });
    return node;
  }

  const largestOf = (vectors) => Math.max(...vectors.flat().map(Math.abs));

  // --- who asks, and for what ---

  const refresh = []; // what brings a control into line with the state
  const stars = [1, 2, 3, 4, 5].map((s) => [s, "★".repeat(s)]);

  function take(preset) {
    const { age, male, occupation, ratings, film } = data.readers[preset];
    Object.assign(state, { preset, user: { age, male, occupation, ratings: ratings.map((r) => [...r]) }, film });
    show();
  }

  function change(user) {
    Object.assign(state.user, user);
    state.preset = null;
  }

  function readers() {
    return element("p", { class: "presets" }, ...Object.keys(data.readers).map((preset) => {
      const node = button(preset, () => take(preset));
      refresh.push(() => node.setAttribute("aria-pressed", String(state.preset === preset)));
      return node;
    }));
  }

  function person() {
    const age = element("input", { type: "number", min: 7, max: 99, id: "model-age" });
    age.addEventListener("input", () => { // half a number isn't an age yet
      if (!age.value || !age.validity.valid) return;
      change({ age: Number(age.value) });
      show();
    });
    age.addEventListener("blur", () => { age.value = state.user.age; });
    const sex = select({ id: "model-sex" }, [["F", "F"], ["M", "M"]], (value) => change({ male: value === "M" }));
    const work = select({ id: "model-occupation" }, data.occupations.map((o) => [o, o]),
      (occupation) => change({ occupation }));
    refresh.push(() => {
      if (document.activeElement !== age) age.value = state.user.age;
      sex.value = state.user.male ? "M" : "F";
      work.value = state.user.occupation;
    });
    return element("div", { class: "person" }, labelled("Age", age), labelled("Sex", sex), labelled("Occupation", work));
  }

  function ratings() {
    const list = element("ul", { "aria-label": "Films that you rated" });
    const film = select({ id: "model-new" }, []);
    const given = select({ "aria-label": "Its stars" }, [...stars].reverse());
    const add = button("Add", () => {
      change({ ratings: [...state.user.ratings, [Number(film.value), Number(given.value)]] });
      show();
      film.focus();
    });
    const remove = (at) => {
      change({ ratings: state.user.ratings.filter((_, r) => r !== at) });
      show();
      (list.querySelectorAll("button")[Math.min(at, state.user.ratings.length - 1)] || film).focus();
    };
    refresh.push(() => {
      const rated = state.user.ratings.map(([f]) => f);
      film.replaceChildren(...byTitle.filter((f) => !rated.includes(f)).map((f) =>
        element("option", { value: f }, title(f))));
      list.replaceChildren(...state.user.ratings.map(([f, s], at) => {
        const its = select({ "aria-label": `Stars for ${title(f)}` }, stars, (value) => {
          change({ ratings: state.user.ratings.map((r, q) => (q === at ? [f, Number(value)] : r)) });
        });
        its.addEventListener("change", () => list.querySelectorAll("select")[at].focus());
        its.value = s;
        return element("li", {}, element("span", {}, title(f)), its,
          button("×", () => remove(at), { "aria-label": `Remove ${title(f)}` }));
      }));
    });
    return element("div", { class: "ratings" }, list,
      element("div", { class: "add" }, labelled("Add a film", film), given, add));
  }

  function question() {
    const film = select({ id: "model-film" }, byTitle.map((f) => [f, title(f)]), (f) => { state.film = Number(f); });
    refresh.push(() => { film.value = state.film; });
    const kinds = Object.keys(nets).map((kind) => {
      const input = element("input", { type: "radio", name: "model-interaction", value: kind });
      input.addEventListener("change", () => { state.interaction = kind; show(); });
      refresh.push(() => { input.checked = state.interaction === kind; });
      return element("label", {}, input, ` ${kind}`);
    });
    const bags = HISTORIES.map((history) => {
      const input = element("input", { type: "checkbox" });
      input.addEventListener("change", () => {
        state.without = HISTORIES.filter((h) => (h === history ? !input.checked : state.without.includes(h)));
        show();
      });
      refresh.push(() => { input.checked = !state.without.includes(history); });
      return element("label", {}, input, ` ${SHORT[history]}`);
    });
    return group("The film, and the model", labelled("Film", film),
      element("div", { class: "choice", role: "radiogroup", "aria-label": "Interaction" }, "Interaction", ...kinds),
      element("div", { class: "choice", role: "group", "aria-label": "Histories" }, "Histories", ...bags));
  }

  // --- the vectors, and how they meet ---

  const sentence = element("p", { class: "sentence", id: "model-sentence", "aria-live": "polite" });
  const scale = element("p", { class: "scale", "aria-hidden": "true" },
    ...[0, 25, 50, 75, 100].map((tick) => element("span", {}, `${tick}%`)));
  const tastes = element("p", { class: "tastes", id: "model-taste" });
  const grid = element("table", { role: "grid", id: "model-grid" });
  const detail = element("div", { class: "detail", id: "model-detail" });
  const cells = new Map(); // "i,j": a pair; "i,i": the vector i
  let now; // the answer for what is set

  const cellOf = (i, j) => cells.get(`${i},${j}`);

  function cell(tag, role, i, j, label, ...children) {
    const node = element(tag, { role, "aria-label": label, tabindex: -1 }, ...children);
    const choose = () => choosePair(i, j);
    for (const event of ["focus", "pointerenter", "click"]) node.addEventListener(event, choose);
    node.addEventListener("keydown", (event) => move(event, i, j));
    cells.set(`${i},${j}`, node);
    return node;
  }

  function move(event, i, j) {
    const vector = i === j;
    const to = {
      ArrowRight: [i, j + 1], ArrowLeft: [i, j - 1],
      ArrowDown: vector ? [i + 1, j + 1] : [i + 1, j], ArrowUp: vector ? [i - 1, j - 1] : [i - 1, j],
      Home: [i, i], End: [i, n - 1],
    }[event.key];
    const next = to && cellOf(...to);
    if (to) event.preventDefault();
    if (next) next.focus();
  }

  function drawGrid() {
    const { vectors, dots } = now, isDot = state.interaction === "dot";
    const largest = vectors.map((_, i) => largestOf(i ? vectors.slice(1) : vectors.slice(0, 1)));
    const most = Math.max(...dots.flatMap((row, i) => row.slice(i + 1)).map(Math.abs));
    cells.clear();
    const head = element("tr", { role: "row" }, element("th", { role: "columnheader", scope: "col" }, "vector"),
      ...features.slice(1).map((_, k) => element("th", { role: "columnheader", scope: "col" }, String(k + 2))));
    const rows = vectors.map((vector, i) => element("tr", { role: "row" },
      cell("th", "rowheader", i, i, `Vector ${i + 1}, ${name(i)}`,
        element("span", { class: look(i) }, `${i + 1} ${name(i)}`), strip(vector, look(i), largest[i])),
      ...features.slice(1).map((_, k) => {
        const j = k + 1;
        if (j <= i || !isDot) return element("td", { role: "gridcell", class: "none" });
        const value = dots[i][j], share = most ? (50 * Math.abs(value)) / most : 0;
        const node = cell("td", "gridcell", i, j, `${name(i)} times ${name(j)}: ${four(value)}`,
          thousandths(value));
        node.style.setProperty("--share", `${share.toFixed(1)}%`);
        node.className = value < 0 ? "negative" : "positive";
        return node;
      })));
    grid.replaceChildren(
      element("caption", {}, isDot ? "Six vectors, and the dot product of each pair, in thousandths."
        : "Six vectors, laid side by side: no pair is formed."),
      element("thead", { role: "rowgroup" }, head), element("tbody", { role: "rowgroup" }, ...rows));
    const [i, j] = state.chosen;
    choosePair(i, cellOf(i, j) ? j : i);
  }

  function choosePair(i, j) {
    state.chosen = [i, j];
    for (const node of cells.values()) {
      const chosen = node === cellOf(i, j);
      node.tabIndex = chosen ? 0 : -1;
      node.setAttribute("aria-selected", String(chosen));
    }
    detail.replaceChildren(...(i === j ? vectorInWords(i) : pairInWords(i, j)));
  }

  const instead = (hide) => {
    const p = answer(state.film, hide).p;
    return `the probability would be ${percent(p)} instead of ${percent(now.p)}.`;
  };

  const entryName = (i, id) => ({ genres: data.genres[id], "what the user rated": title(id) })[features[i]];

  // One line an entry of a bag: its name, a number, its strip if there is one.
  function entries(rows) {
    return element("ul", { class: "entries", tabindex: 0, "aria-label": "Its entries" }, ...rows.map(([text, number, picture]) =>
      element("li", {}, element("span", {}, text), element("span", { class: "number" }, number), picture || "")));
  }

  // A bag's dot product with another vector is the sum of its entries' own.
  function pairInWords(i, j) {
    const words = [element("p", {}, element("strong", {}, `${name(i)} · ${name(j)} = ${four(now.dots[i][j])}. `),
      `If the two were at right angles, ${instead([i, j])}`)];
    const bag = ["what the user rated", "genres"].map((f) => features.indexOf(f)).find((k) => k === i || k === j);
    const { ids, weights } = bag ? now.bags[bag - 1] : { ids: [] };
    if (!ids.length) return words;
    const other = now.vectors[bag === i ? j : i], table = nets[state.interaction].tables[data.shape.reads[bag - 1]];
    const terms = ids.map((id, e) => [entryName(bag, id), weights[e] * dlrm.dot(table[id], other)]);
    terms.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
    return [...words, element("p", {}, `It is a sum over the bag, ${name(bag)}: weight times row, dot ${
      name(bag === i ? j : i)}.`), entries(terms.map(([text, value]) => [text, signed(value, four)]))];
  }

  function denseInWords() {
    const rows = data.dense.names.map((feature, k) => [feature, now.dense[k]]);
    return [
      element("p", {}, "Sixteen numbers, in standard deviations from the mean, go through the bottom MLP "
        + `(${data.shape.ln_bot.join(" → ")}). As zeros, ${instead([0, 0])}`),
      entries(rows.map(([feature, value]) => [feature, signed(value, two)])),
    ];
  }

  function vectorInWords(i) {
    const first = element("p", {}, element("strong", {}, `${i + 1} ${name(i)}. `));
    if (i === 0) return [first, ...denseInWords()];
    const { ids, weights } = now.bags[i - 1], read = data.shape.reads[i - 1];
    const table = nets[state.interaction].tables[read];
    const where = `the table “${data.tables[read]}”, ${whole(data.shape.num_embeddings[read])} rows`;
    if (!ids.length) {
      first.append(`A bag without ids: the sum of no rows of ${where}, a vector of zeros.`);
      return [first];
    }
    const without = `As zeros, ${instead([i, i])}`;
    if (features[i] === "who rated the movie") {
      first.append(`A bag of ${whole(films[state.film].raters)} ids picks rows of ${where}, each times its weight, and `
        + `adds them up. The build did it: only the sum is on this page. ${without}`);
      return [first];
    }
    if (!["genres", "what the user rated"].includes(features[i])) {
      const id = features[i] === "movie" ? films[ids[0]].id : ids[0];
      first.append(`The id ${whole(id)} picks one row of ${where}. ${without}`);
      return [first];
    }
    first.append(`A bag of ${count(ids.length, "id", "ids")} picks rows of ${where}, each times its weight, `
      + `and adds them up. ${without}`);
    const largest = largestOf(ids.map((id) => table[id]));
    return [first, entries(ids.map((id, e) =>
      [entryName(i, id), `${two(weights[e])} ×`, strip(table[id], "sparse", largest)]))];
  }

  // --- the answer, the ranking, the cost ---

  function say(ranked) {
    const place = ranked.findIndex(({ film }) => film === state.film);
    sentence.replaceChildren(
      element("strong", {}, `${title(state.film)}: ${percent(now.p)}`),
      ` for a click, ${data.threshold} stars or more. The logit is ${two(now.logit)}. `,
      place < 0 ? "You rated it: that rating is left out, as in training."
        : `Number ${place + 1} of ${ranked.length} films that you haven't rated.`);
    sentence.style.setProperty("--p", percent(now.p));
    tastes.textContent = state.preset === NOBODY ? "" : taste(ranked);
  }

  const rankBody = element("tbody");
  const rank = element("table", { id: "model-ranking" },
    element("caption", {}, "All films of this page that you haven't rated, the likeliest click first. Press one to ask for it."),
    element("thead", {}, element("tr", {}, ...["Place", "Film", "Click"].map((text) => element("th", { scope: "col" }, text)))),
    rankBody);

  function fillRanking(ranked) {
    rankBody.replaceChildren(...ranked.map(({ film, p }, place) => {
      const ask = button(title(film), () => {
        state.film = film;
        show();
        rankBody.querySelector("[aria-current] button").focus({ preventScroll: true });
      });
      const line = element("tr", film === state.film ? { "aria-current": "true" } : {},
        element("td", {}, String(place + 1)), element("td", {}, ask), element("td", {}, percent(p)));
      return line;
    }));
  }

  const costBody = element("tbody");
  const price = element("table", { id: "model-cost" },
    element("caption", {}, "One forward pass for this sample, as cost.parts counts it."),
    element("thead", {}, element("tr", {}, ...["Part", "FLOPs", "Bytes"].map((text) => element("th", { scope: "col" }, text)))),
    costBody);

  function fillCost() {
    const parts = cost();
    const all = { name: "all", flops: costs.total(parts, "flops"), bytes: costs.total(parts, "bytes") };
    const looks = { "bottom MLP": "dense", interaction: "interaction", "top MLP": "top", all: "all" };
    costBody.replaceChildren(...[...parts, all].map((p, t) => element("tr", { class: looks[p.name] || "sparse" },
      element("th", { scope: "row" }, looks[p.name] ? p.name : `table “${data.tables[t]}”`),
      element("td", {}, whole(p.flops)), element("td", {}, whole(p.bytes)))));
  }

  function show() {
    now = answer(state.film);
    const ranked = ranking();
    refresh.forEach((update) => update());
    say(ranked);
    drawGrid();
    fillRanking(ranked);
    fillCost();
  }

  // --- begin ---

  const scrolling = (label, table) => element("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": label }, table);
  root.replaceChildren(
    element("div", { class: "controls" }, group("You", readers(), person(), ratings()),
      element("div", {}, question(), sentence, scale, tastes)),
    element("div", { class: "meeting" }, element("div", {}, grid), detail),
    element("div", { class: "tables" }, scrolling("The ranking", rank), scrolling("The cost", price)));
  take(Object.keys(data.readers)[0]);

  window.model = { data, nets, state, show, answer, ranking, cost };
})();
