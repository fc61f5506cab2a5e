// What a model's forward pass costs on paper: microdlrm/machine/cost.py, function by function; for the pages that
// compute it in the browser. tests/browser compares the two.
"use strict";

window.costs = (() => {
  const FLOAT = 4, INT = 8; // bytes
  const total = (items, key) => items.reduce((sum, item) => sum + item[key], 0);

  const layers = (widths) => widths.slice(1).map((b, i) => ({ a: widths[i], b }));

  function part(name, parameters, operators, flops, read, written) {
    const bytes = read + written;
    return { name, parameters, operators, flops, read, written, bytes, intensity: flops / bytes };
  }

  // Each of its bags is an operator; `lookups` and `bags` are those of the whole batch.
  function table(name, rows, operators, lookups, bags, m) {
    const read = lookups * (m * FLOAT + INT) + bags * INT;
    return part(name, rows * m, operators, Math.max(0, lookups - bags) * m, read, bags * m * FLOAT);
  }

  function mlp(name, batch, widths) {
    const each = layers(widths).map(({ a, b }) => ({
      parameters: a * b + b,
      flops: 2 * batch * a * b,
      read: (batch * a + a * b + b) * FLOAT,
      written: batch * b * FLOAT,
    }));
    const [parameters, flops, read, written] = ["parameters", "flops", "read", "written"].map((k) => total(each, k));
    return part(name, parameters, 2 * each.length, flops, read, written);
  }

  const concatWidth = (d, n, m) => d + (n - 1) * m;
  const dotWidth = (d, n) => d + (n * (n - 1)) / 2;

  function interact(kind, batch, d, n, m) {
    if (kind === "concat") {
      const bytes = batch * concatWidth(d, n, m) * FLOAT;
      return part("interaction", 0, 1, 0, bytes, bytes);
    }
    return part("interaction", 0, 4, 2 * batch * n * n * d, batch * n * d * FLOAT, batch * dotWidth(d, n) * FLOAT);
  }

  // The parts of a forward pass. shape: {m_spa, num_embeddings, ln_bot, ln_top, interaction, reads}, the last two as
  // MicroDLRM has them by default; bags: ids in a bag, one number for all, or one for each of `reads`.
  function cost(shape, batch, bags) {
    const { m_spa: m, num_embeddings, ln_bot, ln_top, interaction = "concat" } = shape;
    const reads = shape.reads || num_embeddings.map((_, t) => t);
    const lengths = Array.isArray(bags) ? bags : reads.map(() => bags);
    const n = 1 + reads.length, d = ln_bot[ln_bot.length - 1];
    const width = interaction === "concat" ? concatWidth(d, n, m) : dotWidth(d, n);
    return [
      ...num_embeddings.map((rows, t) => {
        const own = lengths.filter((_, b) => reads[b] === t);
        const ids = own.reduce((sum, length) => sum + length, 0);
        return table(`table ${t}`, rows, own.length, batch * ids, batch * own.length, m);
      }),
      mlp("bottom MLP", batch, ln_bot),
      interact(interaction, batch, d, n, m),
      mlp("top MLP", batch, [width, ...ln_top]),
    ];
  }

  return { cost, total, FLOAT };
})();
