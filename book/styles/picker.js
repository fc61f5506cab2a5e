// Chapter 5 without Python: all products of four vectors, of which one picks what the dot interaction hands on, in
// its order. `check` says what is off, and says nothing that would pick for the reader.
"use strict";

(() => {
  const NAMES = ["dense", "user", "movie", "occupation"];
  const VECTORS = [[1, 2], [3, -1], [-2, 1], [1, 1]];
  const root = document.getElementById("picker");
  const shown = (x) => String(x).replace("-", "−");
  const dot = (i, j) => VECTORS[i].reduce((sum, x, k) => sum + x * VECTORS[j][k], 0);
  const title = (pick) => (pick === "dense" ? "the dense vector" : pick.split(",").map((i) => NAMES[i]).join(" · "));
  const sorted = (pick) => pick.split(",").map(Number).sort();
  let picked = []; // "dense", or a cell "i,j", in the order of the picks

  function element(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  // What is off with the picks, the gravest first: sentences, none where all is right.
  function faults(picks) {
    const cells = picks.filter((pick) => pick !== "dense");
    const diagonal = cells.filter((cell) => new Set(sorted(cell)).size === 1);
    const pairs = cells.filter((cell) => !diagonal.includes(cell)).map((cell) => String(sorted(cell)));
    const twice = new Set(pairs.filter((pair, k) => pairs.indexOf(pair) < k));
    const missing = 6 - new Set(pairs).size;
    const says = [];
    if (!picks.length) return ["Nothing is picked yet."];
    if (diagonal.length) says.push(`The diagonal: ${title(diagonal[0])} is a vector with itself, and that is no pair.`);
    for (const pair of twice) says.push(`A pair twice: ${title(pair)} is the same product in either order.`);
    if (missing) says.push(`${missing} of the six pairs ${missing === 1 ? "is" : "are"} missing.`);
    if (!picks.includes("dense")) says.push("The dense vector is forgotten: the top MLP gets it as it is, too.");
    if (says.length) return says;
    if (picks[0] !== "dense") return ["All is there, but the dense vector has to stand in front."];
    const due = ["0,1", "0,2", "0,3", "1,2", "1,3", "2,3"];
    const lower = ["0,1", "0,2", "1,2", "0,3", "1,3", "2,3"];
    if (String(pairs) === String(due)) return [];
    if (String(pairs) === String(lower)) {
      return ["All is there, in the order of the lower triangle, row by row. This course takes the upper one."];
    }
    return ["All is there, in another order. First come all pairs of vector 0, then those of vector 1 that are left."];
  }

  // --- the page ---

  const buttons = new Map();
  const result = element("ol", { class: "picker-result", "aria-label": "What you hand on, in order" });
  const status = element("p", { class: "picker-says", role: "status", "aria-live": "polite" });

  function button(pick, text) {
    const node = element("button", { type: "button", "data-pick": pick }, element("span", {}, text), element("sup", {}));
    node.addEventListener("click", () => {
      picked = picked.includes(pick) ? picked.filter((other) => other !== pick) : [...picked, pick];
      status.textContent = "";
      draw();
    });
    buttons.set(pick, node);
    return node;
  }

  function value(pick) {
    return pick === "dense" ? VECTORS[0].map(shown).join(", ") : shown(dot(...pick.split(",").map(Number)));
  }

  function draw() {
    for (const [pick, node] of buttons) {
      const place = picked.indexOf(pick) + 1;
      node.setAttribute("aria-pressed", String(place > 0));
      node.setAttribute("aria-label", `${title(pick)}: ${value(pick)}${place ? `, number ${place}` : ""}`);
      node.lastChild.textContent = place || "";
    }
    result.replaceChildren(...picked.map((pick) => element("li", {}, `${title(pick)}: ${value(pick)}`)));
  }

  function check() {
    const says = faults(picked);
    status.textContent = says.length
      ? `✗ ${says.join(" ")}`
      : "✓ Right: the 2 numbers of the dense vector, then 6 products, d + n(n − 1)/2 = 8 columns. Now say it in Python.";
  }

  function walk(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const at = event.target.dataset.pick;
    if (!step || !at || at === "dense") return;
    const [i, j] = at.split(",").map((x, k) => Math.min(3, Math.max(0, Number(x) + step[k])));
    buttons.get(`${i},${j}`).focus();
    event.preventDefault();
  }

  const head = NAMES.map((name) => element("th", { scope: "col" }, name));
  const rows = NAMES.map((name, i) => {
    const cells = NAMES.map((_, j) => element("td", {}, button(`${i},${j}`, value(`${i},${j}`))));
    const vector = `${i}: ${name} (${VECTORS[i].map(shown).join(", ")})`;
    return element("tr", {}, element("th", { scope: "row" }, vector), ...cells);
  });
  const table = element("table", { "aria-label": "The product of each vector with each" });
  table.append(element("tr", {}, element("td", {}), ...head), ...rows);
  table.addEventListener("keydown", walk);
  const checks = element("button", { type: "button", class: "picker-check" }, "Check");
  checks.addEventListener("click", check);
  const again = element("button", { type: "button" }, "Start over");
  again.addEventListener("click", () => {
    picked = [];
    status.textContent = "";
    draw();
  });
  const dense = element("p", {}, button("dense", `the dense vector: ${value("dense")}`));
  root.append(dense, table, result, element("p", {}, checks, " ", again), status);
  draw();
})();
