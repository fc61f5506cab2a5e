/* Predictions: the options become choices, and what the cells show stays covered until the reader commits.
   book/extensions/asked.py marks the options, the place to commit and the cells that wait. Loaded in the head, so that
   the covers are there before anything is painted; without it the page stands open. */
(() => {
  "use strict";
  const KEY = "microdlrm.guesses"; // question -> the option chosen, or "" for "just show me"
  const root = document.documentElement;
  root.classList.add("asks");

  let guesses = {};
  const kept = !localStorage.forgets; // book/extensions/keyboard.py puts a stand-in where storage is refused
  try {
    const stored = JSON.parse(localStorage.getItem(KEY));
    if (stored && Object.getPrototypeOf(stored) === Object.prototype) guesses = stored; // not a list, nor a word
  } catch {
    // something else's words
  }

  function keep() {
    if (Object.keys(guesses).length) localStorage.setItem(KEY, JSON.stringify(guesses));
    else localStorage.removeItem(KEY);
  }

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  let live; // speaks to screen readers
  function say(text) {
    live.textContent = text;
  }

  function said(guess, outcome) {
    const measured = `he machine that built this page measured (${outcome})`;
    if (!guess) return `T${measured}`;
    return guess === outcome ? `✓ You said (${guess}), and t${measured}` : `✗ You said (${guess}), but t${measured}`;
  }

  /* One prediction: its options, the place to commit, the cover, and the verdict's card, which moves to the place. */
  function prediction(place) {
    const question = place.dataset.question;
    const cover = place.nextElementSibling;
    const card = cover.querySelector(".verdict");
    card.removeAttribute("role"); // one voice is enough
    card.id = `verdict-${question}`;
    return { question, place, cover, card, list: document.getElementById(`choices-${question}`) };
  }

  function choose({ list, question }) {
    list.setAttribute("role", "radiogroup");
    list.setAttribute("aria-label", "Your prediction");
    for (const item of list.children) {
      item.setAttribute("role", "none");
      const text = item.querySelector(":scope > p") || item;
      const radio = make("input", { type: "radio", name: question, value: item.textContent.trim()[1] });
      text.replaceChildren(make("label", {}, radio, make("span", {}, ...text.childNodes)));
    }
    return [...list.querySelectorAll("input")];
  }

  function open({ list, place, cover, card }, guess) {
    const outcome = card.dataset.outcome;
    for (const radio of list.querySelectorAll("input")) {
      radio.checked = radio.value === guess;
      radio.disabled = true;
      radio.closest("li").classList.toggle("measured", radio.value === outcome);
    }
    card.querySelector(".verdict-said").textContent = said(guess, outcome);
    card.classList.toggle("right", guess === outcome);
    card.tabIndex = -1;
    place.replaceChildren(card);
    cover.classList.add("open");
  }

  function ask(asked) {
    const radios = choose(asked);
    const { question, place, card } = asked;
    if (question in guesses) {
      open(asked, guesses[question]);
      return;
    }
    const hint = make("span", { className: "hint" });
    function settle(guess) {
      guesses[question] = guess;
      keep();
      open(asked, guess);
      card.focus({ preventScroll: true });
      say(card.textContent + (kept ? "" : " This browser doesn't let the page remember your guess."));
    }
    function commit() {
      const chosen = radios.find((radio) => radio.checked);
      if (chosen) settle(chosen.value);
      else {
        radios[0].focus();
        hint.textContent = "Choose an answer first.";
        say(hint.textContent);
      }
    }
    for (const radio of radios) {
      radio.addEventListener("change", () => (hint.textContent = ""));
      radio.addEventListener("keydown", (event) => {
        if (event.key === "Enter") commit();
      });
    }
    place.append(
      make("button", { type: "button", onclick: commit }, "That’s my guess"),
      make("button", { type: "button", onclick: () => settle("") }, "Just show me"),
      hint,
    );
  }

  /* The intro: how the reader did, chapter by chapter. */
  function tally(row) {
    row.className = "forget";
    const forget = make("button", { type: "button" }, "Forget my guesses");
    const note = make("span", {});
    row.append(forget, note);
    function show() {
      for (const line of document.querySelectorAll(".tally")) {
        const questions = line.dataset.questions.split(" ").filter(Boolean).map((pair) => pair.split(":"));
        const told = questions.filter(([question]) => guesses[question]);
        const right = told.filter(([question, outcome]) => guesses[question] === outcome);
        line.textContent = told.length
          ? `${right.length} right of ${told.length}, ${questions.length} asked`
          : `${questions.length} asked`;
      }
      const some = Object.keys(guesses).length > 0;
      forget.disabled = !some;
      note.textContent = !kept
        ? "This browser doesn’t let the page remember: your guesses last until you leave a page."
        : some
          ? "They are stored in this browser, and nowhere else."
          : "Your guesses will be stored in this browser, and nowhere else.";
    }
    forget.addEventListener("click", () => {
      guesses = {};
      keep();
      show();
      say("Your guesses are forgotten.");
    });
    show();
  }

  document.addEventListener("DOMContentLoaded", () => {
    live = make("p", { className: "visually-hidden" });
    live.setAttribute("role", "status");
    document.body.append(live);
    try {
      document.querySelectorAll(".commit").forEach((place) => ask(prediction(place)));
    } catch (error) {
      root.classList.remove("asks"); // better open than covered for good
      throw error;
    }
    const list = document.getElementById("tally");
    if (list) tally(list);
  });
})();
