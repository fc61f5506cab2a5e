// Pictures that answer: what the figures' points say (style.py, `show`), by pointer, touch and keyboard.
// Without this script their titles still are tooltips.
"use strict";

for (const figure of document.querySelectorAll("figure.microdlrm:has([data-says])")) {
  const points = [...figure.querySelectorAll("[data-says]")];
  points.sort((a, b) => a.dataset.point.localeCompare(b.dataset.point, "en", { numeric: true }));
  const byName = Object.fromEntries([...figure.querySelectorAll("[data-point]")].map((g) => [g.dataset.point, g]));
  const belongs = (point) => point.dataset.with.split(" ").filter(Boolean).map((name) => byName[name]);
  let at = -1;

  const said = document.createElement("output");
  said.textContent = "Point into the picture, or step through it.";

  function choose(next) {
    at = (next + points.length) % points.length;
    figure.querySelectorAll(".chosen, .with").forEach((g) => g.classList.remove("chosen", "with"));
    points[at].classList.add("chosen");
    belongs(points[at]).forEach((g) => g.classList.add("with"));
    figure.classList.add("answers");
    if (said.textContent !== points[at].dataset.says) said.textContent = points[at].dataset.says;
  }

  // What is under the pointer: a point, or a part of one.
  function find(event) {
    const part = event.target.closest("[data-point]");
    const whole = part && (part.dataset.says ? part : points.find((point) => belongs(point).includes(part)));
    if (whole) choose(points.indexOf(whole));
  }

  const step = (text, label, by) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: text, ariaLabel: label });
    button.addEventListener("click", () => choose(at < 0 && by < 0 ? -1 : at + by));
    return button;
  };

  // The longest of the answers, unseen behind the one that is said: its room is kept, so that nothing moves.
  const room = document.createElement("span");
  room.ariaHidden = "true";
  room.textContent = points.map((point) => point.dataset.says).reduce((a, b) => (b.length > a.length ? b : a));

  const bar = document.createElement("p");
  bar.className = "stepper";
  bar.append(step("‹", "Previous", -1), step("›", "Next", 1), room, said);
  figure.querySelector("figcaption").before(bar);
  for (const name of ["pointerover", "click"]) figure.querySelector("svg").addEventListener(name, find);
  // The browser's own tooltip would cover the picture.
  figure.querySelectorAll("[data-says] > title").forEach((title) => title.remove());
}

// Code that unfolds may scroll: the theme looks again, and lets Tab reach it.
addEventListener("toggle", () => dispatchEvent(new Event("resize")), true);

// On paper there is no dark mode.
const root = document.documentElement;
let theme;
addEventListener("beforeprint", () => {
  theme = root.dataset.theme;
  root.dataset.theme = "light";
});
addEventListener("afterprint", () => (root.dataset.theme = theme));
