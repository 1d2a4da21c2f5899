"use strict";

// The page of all results: each of its tables can be searched, sorted and paged, and shows seven columns until asked for more.

const find = (id) => document.getElementById(id);

// The row that an address leads to may lie on another of the table's pages.
const goToRow = (table) => {
  const asked = decodeURIComponent(location.hash.slice(1));
  const row = table.row((index, data, node) => asked && node.id === asked);
  if (!row.any()) return;
  table.search("");
  const place = table.rows({ order: "current" }).indexes().indexOf(row.index());
  table.page(Math.floor(place / table.page.len())).draw("page");
  row.node().scrollIntoView({ block: "center" });
};

const SEARCH = "#search=";

// An address that holds a search fills the box of the table of comparisons, and leads to it.
const search = (table, address) => {
  if (!address.startsWith(SEARCH)) return;
  table.search(decodeURIComponent(address.slice(SEARCH.length))).draw();
  const container = table.table().container();
  container.scrollIntoView({ block: "start" });
  container.querySelector("input[type=search]").focus({ preventScroll: true });
};

// The searches that the page names become short links; where no script runs, there is no box either, and the words are shown.
const linkSearches = (table) => {
  document.querySelectorAll(".searches td:last-child code").forEach((words) => {
    const link = document.createElement("a");
    link.href = SEARCH + encodeURIComponent(words.textContent);
    link.textContent = "show";
    link.title = link.ariaLabel = `show: ${words.textContent}`; // a name of its own for each
    words.replaceWith(link);
    link.addEventListener("click", () => search(table, link.hash)); // also when the address stays as it is
  });
};

// On a phone a row is a list, in which each cell shows the head of its column.
const nameCells = (table) => {
  const heads = [...table.table().header().querySelectorAll("th")].map((head) => head.innerText.trim());
  table.rows({ page: "current" }).nodes().each((row) => [...row.cells].forEach((cell, index) => (cell.dataset.head = heads[index])));
};

const source = new Blob([find("datatables").textContent], { type: "text/javascript" });
import(URL.createObjectURL(source)).then(({ default: DataTable, set_or_remove_dark_class: followTheme }) => {
  followTheme();
  document.querySelectorAll(".result-table > table").forEach((element) => {
    const shown = Number(element.dataset.shown);
    const more = [...element.tHead.rows[0].cells].map((_, index) => index).slice(shown);
    const table = new DataTable(element, {
      autoWidth: false,
      columnDefs: [{ targets: more, visible: false }],
      layout: { topStart: "search", topEnd: { buttons: [{ extend: "colvis", text: "Columns" }, "pageLength"] } },
      order: [],
      pageLength: matchMedia("(max-width: 600px)").matches ? 10 : Number(element.dataset.rows),
    });
    table.table().container().querySelector("nav").ariaLabel = `Pages of ${element.ariaLabel}`; // two tables, two names
    table.on("draw column-visibility", () => nameCells(table));
    nameCells(table);
    goToRow(table);
    addEventListener("hashchange", () => goToRow(table));
    if (element.id !== "all-comparisons") return;
    linkSearches(table);
    search(table, location.hash);
    addEventListener("hashchange", () => search(table, location.hash));
  });
});
