// MicroDLRM's forward pass, and the features that it is given, for one reader and one film.
// model.py, clicks.py and histories.py in plain loops; tests/browser compares the two.
"use strict";

window.dlrm = (() => {
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  const dot = (a, b) => a.reduce((total, x, k) => total + x * b[k], 0);

  // --- weights ---

  // IEEE half precision: a sign, 5 bits of exponent, 10 of fraction.
  function half(bits) {
    const sign = bits >> 15 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent === 0) return sign * 2 ** -24 * fraction;
    return sign * 2 ** (exponent - 25) * (1024 + fraction);
  }

  // The tables and the layers of both MLPs, out of what portable.py packed.
  function unpack(data, interaction) {
    const { m_spa: m, ln_bot, ln_top, reads } = data.shape;
    const bytes = Uint8Array.from(atob(data.weights[interaction]), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    let at = 0;
    const vector = (length) => Array.from({ length }, () => half(view.getUint16(2 * at++, true)));
    const matrix = (rows, columns) => Array.from({ length: rows }, () => vector(columns));
    const layers = (widths) =>
      widths.slice(1).map((width, i) => ({ weight: matrix(width, widths[i]), bias: vector(width) }));
    const films = data.films.length;
    const tables = [films, data.occupations.length, data.genres.length, films].map((rows) => matrix(rows, m));
    const n = 1 + reads.length, d = ln_bot[ln_bot.length - 1];
    const width = interaction === "dot" ? d + (n * (n - 1)) / 2 : d + (n - 1) * m;
    const net = { interaction, reads, tables, bottom: layers(ln_bot), top: layers([width, ...ln_top]) };
    if (2 * at !== bytes.length) throw new Error(`${bytes.length} bytes of weights, but the shape takes ${2 * at}`);
    return net;
  }

  // --- features: clicks.py ---

  // What is known of the reader when asked for a film: every rating but that of the film itself.
  // user: {age, male, occupation, ratings: [[film, stars], ...]}; films are numbered as in data.films.
  const known = (user, film) => user.ratings.filter(([other]) => other !== film);

  function denseFeatures(data, user, film) {
    const { smoothing: k, mean_stars: mean, click_rate: rate, threshold, films } = data;
    const smoothed = (total, count, prior) => (total + k * prior) / (count + k);
    const movieMean = (f) => smoothed(f.stars, f.raters, mean);
    const movie = films[film];
    const ratings = known(user, film);
    const userMean = smoothed(sum(ratings.map(([, stars]) => stars)), ratings.length, mean);
    // Affinity: what is left of a rating once user and movie are accounted for, over the genres that they share.
    let surprise = 0, count = 0;
    for (const [other, stars] of ratings) {
      const common = films[other].genres.filter((genre) => movie.genres.includes(genre)).length;
      surprise += common * (stars - (userMean + movieMean(films[other]) - mean));
      count += common;
    }
    const values = {
      age: user.age,
      male: user.male ? 1 : 0,
      "user mean": userMean,
      "log user count": Math.log1p(ratings.length),
      "movie mean": movieMean(movie),
      "log movie count": Math.log1p(movie.raters),
      "user click rate": smoothed(ratings.filter(([, stars]) => stars >= threshold).length, ratings.length, rate),
      "movie click rate": smoothed(movie.clicks, movie.raters, rate),
      affinity: surprise / (count + k),
      "release year": movie.year,
    };
    const { names, shift, scale } = data.dense;
    return names.map((name, i) => {
      const flag = () => Number(movie.genres.includes(data.genres.indexOf(name.slice("is ".length))));
      return ((name.startsWith("is ") ? flag() : values[name]) - shift[i]) / scale[i];
    });
  }

  // One bag for each of data.shape.reads: {ids, weights}. without: names of bags to leave empty.
  function bagsOf(data, user, film, without = []) {
    const ratings = known(user, film), root = Math.sqrt(ratings.length);
    const of = {
      movie: [[film, 1]],
      occupation: [[data.occupations.indexOf(user.occupation), 1]],
      genres: data.films[film].genres.map((genre) => [genre, 1]),
      "who rated the movie": [[film, 1]], // the build's sum
      "what the user rated": ratings.map(([other, stars]) => [other, stars / root]),
    };
    return data.features.slice(1).map((name) => {
      const entries = without.includes(name) ? [] : of[name];
      return { ids: entries.map(([id]) => id), weights: entries.map(([, weight]) => weight) };
    });
  }

  // How many ids the whole model, whose raters are a bag of users, looks up in each bag.
  const lengths = (data, film, bags) => bags.map(({ ids }, b) =>
    data.features[b + 1] === "who rated the movie" && ids.length ? data.films[film].raters : ids.length);

  // --- model.py ---

  const linear = ({ weight, bias }, x) => weight.map((row, i) => dot(row, x) + bias[i]);
  const relu = (x) => x.map((v) => Math.max(0, v));

  function pool(table, { ids, weights }) {
    return table[0].map((_, k) => sum(ids.map((id, e) => weights[e] * table[id][k])));
  }

  // Vectors, their dot products, logit and probability. hide: [i, j], the pair whose dot product counts as 0; where
  // i = j, the vector that counts as zeros.
  function forward(net, dense, bags, hide = []) {
    const x = net.bottom.reduce((v, layer) => relu(linear(layer, v)), dense);
    const vectors = [x, ...bags.map((bag, b) => pool(net.tables[net.reads[b]], bag))];
    const [hi, hj] = hide;
    if (hi !== undefined && hi === hj) vectors[hi] = vectors[hi].map(() => 0);
    const dots = vectors.map((a) => vectors.map((b) => dot(a, b)));
    const upper = dots.flatMap((row, i) => row.slice(i + 1).map((v, j) => (i === hi && i + 1 + j === hj ? 0 : v)));
    const z = net.interaction === "dot" ? [...vectors[0], ...upper] : vectors.flat();
    const [logit] = net.top.reduce((v, layer, i) => linear(layer, i ? relu(v) : v), z);
    return { vectors, dots, logit, p: 1 / (1 + Math.exp(-logit)) };
  }

  return { unpack, denseFeatures, bagsOf, lengths, known, pool, dot, forward };
})();
