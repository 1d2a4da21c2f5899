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

// Tables of three or more columns with sentences in them, and those of answers: book.css stacks their cells on a phone, and names each by its head.
const LONGEST_ENTRY = 40;
document.querySelectorAll(".bd-article table.table").forEach((table) => {
  const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent.trim());
  const cells = [...table.querySelectorAll("tbody td")];
  if (heads.length < 3 || (!table.closest(".searches") && cells.every((cell) => cell.textContent.length <= LONGEST_ENTRY))) return;
  table.classList.add("stacked");
  cells.forEach((cell) => (cell.dataset.head = heads[cell.cellIndex]));
});
