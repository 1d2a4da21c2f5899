"use strict";

// Runs deferred: after the page is parsed, before the theme's own scripts.

// A page opened from a folder may not read its neighbours: there, search lists titles without excerpts.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

const removeAttribute = (selector, name) =>
  document.querySelectorAll(selector).forEach((element) => element.removeAttribute(name));

// Screen readers: a button's name must hold what is seen on it, and a list without items is no list.
removeAttribute(".search-button-field[aria-label], summary[aria-label]", "aria-label");
removeAttribute(".theme-switch[title]", "title");
// Where the icon font was quicker, the icon is an svg by now, named after a title: it is decoration, so hide it.
document.querySelectorAll("svg.theme-switch").forEach((icon) => {
  icon.querySelectorAll("title").forEach((title) => title.remove());
  icon.removeAttribute("aria-labelledby");
  icon.setAttribute("aria-hidden", "true");
});
removeAttribute(".citation-list[role]", "role");

// Figures in frames (uncertlr.frames): buttons and a slider that choose the frame that is seen.
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
document.querySelectorAll(".frames").forEach((figure) => {
  const notes = [...figure.lastElementChild.children];
  const last = notes.length - 1;
  const make = (tag, settings) => Object.assign(document.createElement(tag), settings);
  const slider = make("input", { type: "range", min: 0, max: last, value: 0, ariaLabel: figure.dataset.unit });
  const back = make("button", { type: "button", textContent: "Back" });
  const next = make("button", { type: "button", textContent: "Next" });
  const play = make("button", { type: "button", textContent: "Play" });
  let timer = 0;

  const show = (frame) => {
    slider.value = frame;
    slider.ariaValueText = notes[frame].textContent;
    notes.forEach((note, index) => (note.hidden = index !== frame));
    figure.querySelectorAll("[data-frame]").forEach((part) => {
      part.setAttribute("display", Number(part.dataset.frame) === frame ? "inline" : "none");
    });
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  const go = (frame) => {
    stop();
    show(frame);
  };
  slider.addEventListener("input", () => go(Number(slider.value)));
  back.addEventListener("click", () => go(Math.max(0, Number(slider.value) - 1)));
  next.addEventListener("click", () => go(Math.min(last, Number(slider.value) + 1)));
  play.addEventListener("click", () => {
    if (timer) {
      stop();
      return;
    }
    play.textContent = "Stop";
    if (Number(slider.value) === last) show(0);
    timer = setInterval(() => {
      show(Number(slider.value) + 1);
      if (Number(slider.value) === last) stop();
    }, 400);
  });
  addEventListener("beforeprint", () => go(last));

  const controls = make("div", { className: "controls" });
  controls.append(back, slider, next, ...(still ? [] : [play]));
  figure.lastElementChild.before(controls);
  figure.lastElementChild.ariaLive = "polite";
  show(0);
});
