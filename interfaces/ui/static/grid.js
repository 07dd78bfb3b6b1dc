// A table of any length: sorted by its headings, searched, and drawn only where it is seen.
import { cell, el, isNumber } from "./dom.js";

const ROW = 34; // height of a row in px, as in the style
const ALL = 40; // a table of so many rows is drawn whole
let made = 0;

export function grid(section, kept) {
  const id = `grid${made += 1}`;
  const state = kept ?? { by: null, down: false, words: "" };
  const columns = section.columns;
  // What a search looks through, once per table.
  let texts = null;
  let height = 600; // of the box; asked for once it is drawn, since asking forces a layout
  let order = section.rows.map((_, place) => place);
  const isLong = section.rows.length > ALL;
  const count = el("span", { class: "small", role: "status" });
  const search = el("input", { type: "search", placeholder: "Search …", "aria-label": `Search in ${section.title}`, value: state.words, maxlength: 100 });
  const body = el("tbody");
  const heads = columns.map((column, place) => {
    const button = el("button", { type: "button", onclick: () => sortBy(place) }, column.title);
    return el("th", { scope: "col", class: isNumber(column.kind) ? "n" : null, "aria-sort": "none" }, button);
  });
  const table = el("table", { "aria-rowcount": section.rows.length + 1, "aria-labelledby": `${id}-title` },
    el("thead", {}, el("tr", {}, heads)), body);
  const box = el("div", { class: isLong ? "scroll long" : "scroll", tabindex: 0, role: "region", "aria-label": section.title }, table);

  function pick() {
    const began = performance.now();
    const words = state.words.trim().toLowerCase();
    texts ??= section.rows.map((row) => row.filter((value) => value !== null).join(" ").toLowerCase());
    order = [];
    for (let place = 0; place < section.rows.length; place += 1) {
      if (!words || texts[place].includes(words)) order.push(place);
    }
    if (state.by !== null && state.by < columns.length) {
      const sign = state.down ? -1 : 1;
      const by = state.by;
      order.sort((one, two) => {
        const a = section.rows[one][by], b = section.rows[two][by];
        // What is unknown comes last, whichever way it is sorted.
        if (a === null || a === undefined) return b === null || b === undefined ? one - two : 1;
        if (b === null || b === undefined) return -1;
        if (a === b) return one - two;
        return (a < b ? -1 : 1) * sign;
      });
    }
    draw();
    const took = performance.now() - began;
    document.documentElement.dataset.gridMs = Math.max(took, Number(document.documentElement.dataset.gridMs ?? 0)).toFixed(1);
  }

  function draw(at = 0) {
    heads.forEach((head, place) => head.setAttribute("aria-sort", place !== state.by ? "none" : state.down ? "descending" : "ascending"));
    const said = section.total > section.rows.length ? ` (the first of ${section.total.toLocaleString("en-US")})` : "";
    count.textContent = `${order.length.toLocaleString("en-US")} of ${section.rows.length.toLocaleString("en-US")} rows${said}`;
    const whole = order.length <= ALL;
    const first = whole ? 0 : Math.max(0, Math.min(order.length - 1, Math.floor(at / ROW) - 6));
    const last = whole ? order.length : Math.min(order.length, first + Math.ceil(height / ROW) + 12);
    const rows = [];
    if (first) rows.push(spacer(first));
    for (let place = first; place < last; place += 1) rows.push(row(order[place], place));
    if (last < order.length) rows.push(spacer(order.length - last));
    if (!order.length) rows.push(el("tr", {}, el("td", { colspan: columns.length, class: "empty" }, section.rows.length ? "no row has these words" : section.empty)));
    body.replaceChildren(...rows);
  }

  const spacer = (rows) => el("tr", { "aria-hidden": "true", class: "spacer" }, el("td", { colspan: columns.length, style: `height:${rows * ROW}px` }));

  function row(place, at) {
    const cells = columns.map((column, index) => {
      const value = section.rows[place][index];
      const sign = column.key.startsWith("pnl") || column.key === "profit_ratio" ? (value > 0 ? " up" : value < 0 ? " down" : "") : "";
      return el(index ? "td" : "th", { scope: index ? null : "row", class: (isNumber(column.kind) ? "n" : "") + sign || null, title: typeof value === "string" && value.length > 30 ? value : null }, cell(value, column.kind));
    });
    return el("tr", { "aria-rowindex": at + 2 }, cells);
  }

  function sortBy(place) {
    state.down = state.by === place ? !state.down : isNumber(columns[place].kind);
    state.by = place;
    box.scrollTop = 0;
    pick();
  }

  search.addEventListener("input", () => { state.words = search.value; box.scrollTop = 0; pick(); });
  let waiting = false;
  box.addEventListener("scroll", () => {
    if (waiting || order.length <= ALL) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(box.scrollTop); });
  }, { passive: true });
  const head = el("div", { class: "grid-head" }, el("h2", { id: `${id}-title` }, section.title), isLong ? search : null, section.rows.length ? count : null);
  const node = el("section", { class: "card" }, head, section.said ? el("p", { class: "said" }, section.said) : null, box);
  pick();
  // The height is known only once it is in the page.
  if (isLong) new ResizeObserver(() => { height = box.clientHeight || height; draw(box.scrollTop); }).observe(box);
  return { node, state, sortBy, find: (words) => { state.words = words; pick(); }, box };
}
