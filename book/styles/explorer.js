// The roofline explorer: what a model's forward pass costs, and what a machine makes of it.
// The first part, with cost.js, is the arithmetic of microdlrm/machine/cost.py; tests/browser compares the two.
"use strict";

(() => {
  const { cost, total, FLOAT } = window.costs;

  const longest = (waits) => Object.keys(waits).reduce((best, key) => (waits[key] > waits[best] ? key : best));
  const isTable = (p) => p.name.startsWith("table");

  // The bandwidth of a table's rows, at random, beside other tables.
  function rowGbs(tableBytes, allBytes, rates) {
    if (tableBytes <= rates.near_bytes) return rates.near_gbs;
    return allBytes <= rates.cache_bytes ? rates.cache_gbs : rates.gather_gbs;
  }

  // Each part with its seconds. rates: as `Rates` in cost.py.
  function predict(parts, rates) {
    const together = total(parts.filter(isTable), "parameters") * FLOAT;
    return parts.map((p) => {
      const bandwidth = isTable(p) ? rowGbs(p.parameters * FLOAT, together, rates) : rates.stream_gbs;
      const dispatch = p.operators * (isTable(p) ? rates.bag_us : rates.dispatch_us) * 1e-6;
      const compute = p.flops / (rates.gemm_gflops * 1e9);
      const memory = p.bytes / (bandwidth * 1e9);
      const seconds = dispatch + Math.max(compute, memory);
      return { ...p, dispatch, compute, memory, seconds, regime: longest({ dispatch, compute, memory }) };
    });
  }

  // Seconds spent on each of the three: the slower of computing and moving counts, and dispatch.
  function waits(predicted) {
    const roof = (p) => Math.max(p.compute, p.memory);
    const spent = (these) => these.reduce((sum, p) => sum + roof(p), 0);
    return {
      dispatch: total(predicted, "dispatch"),
      compute: spent(predicted.filter((p) => p.compute >= p.memory)),
      memory: spent(predicted.filter((p) => p.compute < p.memory)),
    };
  }

  const regime = (predicted) => longest(waits(predicted));

  // --- words ---

  const whole = (x) => x.toLocaleString("en");
  const three = (x) => (x < 1000 ? x.toLocaleString("en", { maximumSignificantDigits: 3 }) : whole(Math.round(x)));

  function scaled(x, units, step) {
    let i = 0;
    while (x >= step && i < units.length - 1) { x /= step; i += 1; }
    return `${three(x)} ${units[i]}`;
  }

  const duration = (seconds) => scaled(seconds * 1e9, ["ns", "µs", "ms", "s"], 1000);
  const size = (bytes) => scaled(bytes, ["B", "KiB", "MiB", "GiB", "TiB"], 1024);
  const amount = (x) => (x < 1e4 ? whole(x) : scaled(x, ["", "k", "M", "G", "T"], 1000));
  const percent = (x) => `${Math.round(100 * x)}%`;
  const BOUND = { dispatch: "dispatch", memory: "memory", compute: "computing" };

  // --- what the sliders set ---

  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const root = document.getElementById("explorer");
  const state = {};

  const nearest = (m) =>
    Object.keys(data.build.gather_gbs).map(Number).reduce((a, b) => (Math.abs(b - m) < Math.abs(a - m) ? b : a));
  const LINE = 64; // bytes
  // Little's law: on their way are as many lines as arrive in one latency.
  const measuredInFlight = (m) => (data.build.gather_gbs[nearest(m)] * data.build.latency_ns) / LINE;

  function shape() {
    const base = data.models[state.model].shape;
    const times = (n, exponent) => Math.max(1, Math.round(n * 2 ** exponent));
    const known = base.num_embeddings;
    return {
      m_spa: state.m_spa,
      num_embeddings: Array.from({ length: state.tables }, (_, t) => times(known[t % known.length], state.rows)),
      ln_bot: [base.ln_bot[0], ...base.ln_bot.slice(1, -1).map((w) => times(w, state.width)), state.m_spa],
      ln_top: [...base.ln_top.slice(0, -1).map((w) => times(w, state.width)), 1],
      interaction: state.interaction,
    };
  }

  const rates = () => ({
    stream_gbs: state.stream,
    gather_gbs: (state.flight * LINE) / state.latency,
    cache_gbs: state.cached,
    near_gbs: state.nearby,
    gemm_gflops: state.peak,
    dispatch_us: state.dispatch,
    bag_us: state.bagDispatch,
    near_bytes: state.near,
    cache_bytes: state.cache,
  });

  const rowsInWords = () => {
    const tables = shape().num_embeddings;
    const few = [...new Set(tables)].map(amount).join(", ");
    const bytes = tables.map((rows) => rows * state.m_spa * FLOAT);
    const all = bytes.reduce((a, b) => a + b, 0), largest = Math.max(...bytes);
    const where = largest <= state.near ? "near" : all <= state.cache ? "cached" : "far";
    return `${few}: ${size(largest)}, ${where}`;
  };

  // A slider moves in whole steps; its value is 2^(step / per), or the step itself where `per` is 0. Rows and
  // MLP widths are those of the chosen model times 2^value.
  const SLIDERS = {
    model: [
      { key: "batch", label: "Batch, rows", from: 0, to: 16, per: 1, say: whole },
      { key: "m_spa", label: "m_spa, width of a row", from: 2, to: 8, per: 1, say: whole },
      { key: "tables", label: "Tables", from: 1, to: 32, per: 0, say: whole },
      { key: "rows", label: "Rows in a table", from: -8, to: 12, per: 0, say: rowsInWords },
      { key: "bag", label: "Ids in a bag", from: 0, to: 7, per: 1, say: whole },
      { key: "width", label: "MLP widths", from: -3, to: 3, per: 0,
        say: () => [shape().ln_bot, shape().ln_top].map((w) => w.join("–")).join(", ") },
    ],
    machine: [
      { key: "stream", label: "Bandwidth, streaming", from: 0, to: 48, per: 4, say: (x) => `${three(x)} GB/s` },
      { key: "latency", label: "Latency of memory", from: 16, to: 40, per: 4, say: (x) => `${three(x)} ns` },
      { key: "flight", label: "Lines on their way", from: 0, to: 40, per: 4,
        say: (x) => `${three(x)}: ${three((x * LINE) / state.latency)} GB/s` },
      { key: "cached", label: "Rows, cached", from: 0, to: 48, per: 4, say: (x) => `${three(x)} GB/s` },
      { key: "nearby", label: "Rows, near", from: 0, to: 48, per: 4, say: (x) => `${three(x)} GB/s` },
      { key: "peak", label: "Peak, matrix product", from: 0, to: 68, per: 4, say: (x) => `${three(x)} GFLOP/s` },
      { key: "dispatch", label: "Dispatch, an operator", from: -24, to: 28, per: 4, say: (x) => `${three(x)} µs` },
      { key: "bagDispatch", label: "Dispatch, an EmbeddingBag", from: -24, to: 28, per: 4, say: (x) => `${three(x)} µs` },
      { key: "near", label: "Near: a table up to", from: 15, to: 30, per: 1, say: size },
      { key: "cache", label: "Cached: all tables up to", from: 15, to: 34, per: 1, say: size },
    ],
  };

  const valueAt = ({ per }, step) => (per ? (per > 1 ? Number((2 ** (step / per)).toPrecision(3)) : 2 ** step) : step);
  const stepOf = ({ per }, value) => (per ? Math.round(Math.log2(value) * per) : value);

  function takeModel(name) {
    const { shape: base, batch, bag } = data.models[name];
    const tables = base.num_embeddings.length;
    Object.assign(state, { model: name, batch, bag, m_spa: base.m_spa, tables, rows: 0, width: 0 });
    state.interaction = "concat";
    followRows();
  }

  // A cited machine brings what its source says; the rest stays as it is.
  function takeMachine(name) {
    const machine = data.machines[name];
    state.machine = name;
    state.stream = machine.stream_gbs;
    state.peak = machine.peak_gflops;
    if (name === Object.keys(data.machines)[0]) {
      const { latency_ns: latency, dispatch_us: dispatch, bag_us: bagDispatch, near_table: near } = data.build;
      Object.assign(state, { latency, dispatch, bagDispatch, near, cache: data.build.cached_tables, ownRows: false });
    }
    followRows();
  }

  // Wider rows come faster: until the reader sets these, they are those measured for this width.
  function followRows() {
    if (state.ownRows) return;
    const m = nearest(state.m_spa);
    Object.assign(state, {
      flight: measuredInFlight(m), cached: data.build.cache_gbs[m], nearby: data.build.near_gbs[m],
    });
  }

  function turn(slider, step) {
    state[slider.key] = valueAt(slider, step);
    if (["flight", "cached", "nearby"].includes(slider.key)) state.ownRows = true;
    if (SLIDERS.machine.includes(slider)) state.machine = null;
    followRows();
    show();
  }

  // --- the page ---

  const SVG = "http://www.w3.org/2000/svg";

  function element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  function draw(parent, tag, attributes, text) {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  }

  const refresh = []; // what brings a control into line with the state

  function sliderRow(slider) {
    const id = `explorer-${slider.key}`;
    const input = element("input", { type: "range", id, min: slider.from, max: slider.to, step: 1 });
    const output = element("output", { for: id });
    input.addEventListener("input", () => turn(slider, Number(input.value)));
    refresh.push(() => {
      input.value = stepOf(slider, state[slider.key]);
      output.value = slider.say(state[slider.key]);
      input.setAttribute("aria-valuetext", output.value);
    });
    return element("div", { class: "slider" }, element("label", { for: id }, slider.label), output, input);
  }

  function presets(names, take, chosen) {
    return element("p", { class: "presets" }, ...names.map((name) => {
      const button = element("button", { type: "button" }, name);
      button.addEventListener("click", () => { take(name); show(); });
      refresh.push(() => button.setAttribute("aria-pressed", String(chosen(name))));
      return button;
    }));
  }

  function isModel(name) {
    const { shape: base, batch, bag } = data.models[name];
    const now = { ...shape(), batch: state.batch, bag: state.bag };
    return JSON.stringify({ ...base, interaction: "concat", batch, bag }) === JSON.stringify(now);
  }

  function interactionChoice() {
    const choices = ["concat", "dot"].map((kind) => {
      const input = element("input", { type: "radio", name: "explorer-interaction", value: kind });
      input.addEventListener("change", () => { state.interaction = kind; show(); });
      refresh.push(() => { input.checked = state.interaction === kind; });
      return element("label", {}, input, ` ${kind}`);
    });
    const attributes = { class: "choice", role: "radiogroup", "aria-label": "Interaction" };
    return element("div", attributes, "Interaction", ...choices);
  }

  function group(title, ...children) {
    return element("fieldset", {}, element("legend", {}, title), ...children);
  }

  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("role", "img");
  const sentence = element("p", { class: "sentence", "aria-live": "polite", id: "explorer-sentence" });
  const body = element("tbody");
  const head = ["Part", "FLOPs", "Bytes", "FLOP/byte", "Time", "Waits for"];
  const grid = element("table", { id: "explorer-table" },
    element("caption", {}, "The same in numbers: a forward pass, part by part."),
    element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
    body);

  // The four parts as the figures know them: the tables together.
  function parts() {
    const predicted = predict(cost(shape(), state.batch, state.bag), rates());
    const tables = predicted.filter(isTable);
    const sums = Object.fromEntries(["flops", "bytes", "dispatch", "seconds"].map((key) => [key, total(tables, key)]));
    const together = { ...sums, intensity: sums.flops / sums.bytes, regime: regime(tables) };
    const names = { "bottom MLP": "dense", interaction: "interaction", "top MLP": "top" };
    return [
      { ...together, name: tables.length > 1 ? `${tables.length} tables` : "1 table", look: "sparse" },
      ...predicted.filter((p) => !isTable(p)).map((p) => ({ ...p, look: names[p.name] })),
    ];
  }

  function fillTable(four, all) {
    const sums = Object.fromEntries(["flops", "bytes", "seconds"].map((key) => [key, total(all, key)]));
    const last = { ...sums, name: "all", intensity: sums.flops / sums.bytes, regime: regime(all) };
    body.replaceChildren(...[...four, last].map((p) => element("tr", { class: p.look || "all" },
      element("th", { scope: "row" }, p.name),
      ...[amount(p.flops), size(p.bytes), three(p.intensity), duration(p.seconds), BOUND[p.regime]]
        .map((text) => element("td", {}, text)))));
  }

  function say(all) {
    const spent = waits(all), seconds = total(all, "seconds");
    const share = (key) => percent(spent[key] / seconds);
    const words = { dispatch: "Dispatch-bound", memory: "Memory-bound", compute: "Compute-bound" };
    sentence.replaceChildren(
      element("strong", {}, `${words[regime(all)]}: ${duration(seconds)}`),
      ` a forward pass, ${duration(seconds / state.batch)} a row of the batch. ` +
      `Dispatch ${share("dispatch")}, moving bytes ${share("memory")}, computing ${share("compute")}.`,
    );
  }

  // --- the roofline ---

  const SHAPES = { // a marker of radius r around the origin
    sparse: (r) => `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0z`,
    dense: (r) => `M${-r},${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
    interaction: (r) => `M0,${-1.3 * r}L${1.3 * r},0L0,${1.3 * r}L${-1.3 * r},0z`,
    top: (r) => `M0,${-1.2 * r}L${1.2 * r},${r}L${-1.2 * r},${r}z`,
  };
  const power = (e) => (e < -2 || e > 4 ? `10${[...String(e)].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] || "⁻").join("")}`
    : (10 ** e).toLocaleString("en"));

  function plot(four) {
    const { stream_gbs: stream, gather_gbs: gather, gemm_gflops: peak } = rates();
    const drawn = four.filter((p) => p.flops > 0).map((p) => ({ ...p, speed: p.flops / p.seconds / 1e9 }));
    const width = Math.max(280, svg.parentNode.clientWidth), narrow = width < 520;
    const height = narrow ? 260 : Math.min(380, Math.max(280, window.innerHeight * 0.4));
    const left = 52, right = width - 22, top = 14, bottom = height - 40;
    const x0 = -2, x1 = Math.max(3, Math.ceil(Math.log10(Math.max(peak / gather, 1)) + 0.3));
    const y1 = Math.ceil(Math.log10(peak * 2));
    const y0 = Math.min(y1 - 4, ...drawn.map((p) => Math.floor(Math.log10(p.speed / 1.5))));
    const x = (v) => left + ((Math.log10(v) - x0) / (x1 - x0)) * (right - left);
    const y = (v) => bottom - ((Math.log10(v) - y0) / (y1 - y0)) * (bottom - top);
    const exponents = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("aria-label", "A roofline on logarithmic axes, GFLOP/s over FLOP per byte. A slanted roof of "
      + `${three(stream)} GB/s, one of ${three(gather)} GB/s for rows at random, a flat one at ${three(peak)} GFLOP/s. `
      + drawn.map((p) => `${p.name} at ${three(p.intensity)} FLOP per byte and ${three(p.speed)} GFLOP/s`).join(", ")
      + ". The table below has the numbers.");

    const axes = draw(svg, "g", { class: "axes" });
    for (const e of exponents(x0, x1)) {
      draw(axes, "line", { x1: x(10 ** e), x2: x(10 ** e), y1: top, y2: bottom });
      draw(axes, "text", { x: x(10 ** e), y: bottom + 16, "text-anchor": "middle" }, power(e));
    }
    for (const e of exponents(y0, y1).filter((_, i, all) => all.length < 8 || i % 2 === 0)) {
      draw(axes, "line", { x1: left, x2: right, y1: y(10 ** e), y2: y(10 ** e) });
      draw(axes, "text", { x: left - 6, y: y(10 ** e) + 4, "text-anchor": "end" }, power(e));
    }
    draw(svg, "text", { x: right, y: height - 6, "text-anchor": "end" }, "intensity, FLOP per byte");
    draw(svg, "text", { x: 2, y: height - 6 }, "↑ GFLOP/s");

    const clip = draw(draw(svg, "defs", {}), "clipPath", { id: "explorer-clip" });
    draw(clip, "rect", { x: left, y: top, width: right - left, height: bottom - top });
    const roofs = draw(svg, "g", { class: "roofs", "clip-path": "url(#explorer-clip)" });
    const line = (points) => points.map(([a, b]) => `${x(a)},${y(b)}`).join(" ");
    const start = 10 ** x0, end = 10 ** x1;
    const ridge = peak / stream;
    draw(roofs, "polyline", { class: "stream", points: line([[start, stream * start], [ridge, peak], [end, peak]]) });
    draw(roofs, "polyline", { class: "gather", points: line([[start, gather * start], [peak / gather, peak]]) });
    draw(roofs, "polyline", { class: "ridge", points: line([[ridge, peak], [ridge, 10 ** y0]]) });
    draw(svg, "text", { x: right, y: y(peak) - 6, "text-anchor": "end" }, `${three(peak)} GFLOP/s`);
    const slope = (-Math.atan2((bottom - top) / (y1 - y0), (right - left) / (x1 - x0)) * 180) / Math.PI;
    const along = (bandwidth, below, least, text) => {
      // From where the slope enters the picture, a little way up.
      const from = Math.max(least, (10 ** y0 / bandwidth) * 1.6);
      const at = `translate(${x(from)} ${y(bandwidth * from)}) rotate(${slope})`;
      draw(svg, "text", { transform: at, y: below ? 14 : -6, class: "roof" }, text);
    };
    const named = (name, bandwidth) => `${narrow ? "" : `${name}: `}${three(bandwidth)} GB/s`;
    along(stream, false, start * 1.6, named("streaming", stream));
    // Far tables lie on the dashed roof, left of 0.25 FLOP per byte.
    if (gather < stream) along(gather, true, 0.4, named("rows at random", gather));
    draw(svg, "text", { x: x(ridge) + 4, y: bottom - 6 }, `ridge: ${three(ridge)}`);

    // Each part hangs below the roof that it could reach if its operators cost nothing.
    const marks = draw(svg, "g", { class: "marks" });
    const mark = (look, r, px, py) =>
      draw(marks, "path", { class: look, d: SHAPES[look.split(" ")[0]](r), transform: `translate(${px} ${py})` });
    let lowest = -Infinity;
    for (const p of [...drawn].sort((a, b) => b.speed - a.speed)) {
      const roof = p.flops / (p.seconds - p.dispatch) / 1e9;
      draw(marks, "line", { class: p.look, x1: x(p.intensity), x2: x(p.intensity), y1: y(p.speed), y2: y(roof) });
      mark(p.look, 6, x(p.intensity), y(p.speed));
      const level = Math.max(y(p.speed) + 4, y(peak) + 14, lowest + 15);
      const rightmost = x(p.intensity) > right - 90;
      lowest = level;
      draw(marks, "text", {
        x: x(p.intensity) + (rightmost ? -11 : 11), y: level, "text-anchor": rightmost ? "end" : "start",
      }, p.name);
    }
    // A part without FLOPs has no place on logarithmic axes.
    four.filter((p) => p.flops === 0).forEach((p, i, idle) => {
      const level = bottom - 28 - 17 * (idle.length - 1 - i);
      mark(`${p.look} idle`, 5, right - 8, level);
      draw(marks, "text", { x: right - 20, y: level + 4, "text-anchor": "end" }, `${p.name}: no FLOPs`);
    });
  }

  function show() {
    const all = predict(cost(shape(), state.batch, state.bag), rates());
    const four = parts();
    refresh.forEach((update) => update());
    plot(four);
    say(all);
    fillTable(four, all);
  }

  // --- begin ---

  const controls = element("div", { class: "controls" },
    group("The model",
      presets(Object.keys(data.models), takeModel, isModel), ...SLIDERS.model.map(sliderRow), interactionChoice()),
    group("The machine",
      presets(Object.keys(data.machines), takeMachine, (name) => state.machine === name),
      element("details", {}, element("summary", {}, "Set each ceiling"), ...SLIDERS.machine.map(sliderRow))));
  root.replaceChildren(
    element("div", { class: "picture" }, svg, sentence),
    controls,
    element("div", { class: "numbers", tabindex: 0, role: "region", "aria-label": "The table of the parts" }, grid));
  takeModel(Object.keys(data.models)[0]);
  takeMachine(Object.keys(data.machines)[0]);
  show();
  // Where a task of the page begins: with its model, on the machine that built the page.
  for (const button of document.querySelectorAll("button[data-model]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      takeModel(button.dataset.model);
      takeMachine(Object.keys(data.machines)[0]);
      show();
      root.scrollIntoView();
    });
  }
  new ResizeObserver(() => plot(parts())).observe(root);

  window.explorer = { cost, predict, regime, state, shape, rates };
})();
