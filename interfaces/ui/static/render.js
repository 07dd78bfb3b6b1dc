// Draws the sections that a page's data lists (interfaces/ui/sections.py).
import { el } from "./dom.js";
import { grid } from "./grid.js";

const DRAW = { figures, bars, words };
const held = new Map(); // section -> what was drawn, so that a refresh leaves alone what did not change

export function render(place, sections) {
  const nodes = sections.map((section, index) => {
    const key = `${index}:${section.title}`;
    const text = JSON.stringify(section);
    const before = held.get(key);
    if (before?.text === text) return before.node;
    let drawn;
    if (section.kind === "table") {
      const scrolled = before?.grid?.box.scrollTop ?? 0;
      const made = grid(section, before?.grid?.state);
      drawn = { text, node: made.node, grid: made, scrolled };
    } else {
      drawn = { text, node: DRAW[section.kind](section) };
    }
    held.set(key, drawn);
    return drawn.node;
  });
  // Nodes that stay where they are keep focus and scroll.
  nodes.forEach((node, index) => {
    const there = place.children[index];
    if (there !== node) there ? place.replaceChild(node, there) : place.append(node);
  });
  while (place.children.length > nodes.length) place.lastChild.remove();
  for (const drawn of held.values()) {
    if (drawn.scrolled) { drawn.grid.box.scrollTop = drawn.scrolled; drawn.scrolled = 0; }
  }
  place.setAttribute("aria-busy", "false");
}

export const grids = () => [...held.values()].filter((drawn) => drawn.grid).map((drawn) => drawn.grid);

function figures(section) {
  const boxes = section.figures.map((one) => el("div", {}, el("dt", {}, one.name), el("dd", {}, el("bdi", {}, String(one.value)), one.more ? el("small", {}, one.more) : null)));
  return el("section", { class: "card" }, el("h2", {}, section.title), section.said ? el("p", { class: "said" }, section.said) : null, el("dl", { class: "figures" }, boxes));
}

function bars(section) {
  const rows = section.bars.map((one) => {
    const share = one.whole ? Math.max(0, Math.min(1, one.part / one.whole)) : 0;
    return el("li", { class: one.part ? null : "dry" },
      el("span", { class: "bar-name" }, el("bdi", {}, one.name)),
      el("span", { class: "bar", "aria-hidden": "true" }, el("i", { style: `width:${(share * 100).toFixed(2)}%` })),
      el("span", { class: "bar-count" }, one.part.toLocaleString("en-US")),
      el("span", { class: "bar-words small" }, el("bdi", {}, one.words)));
  });
  return el("section", { class: "card" }, el("h2", {}, section.title), section.said ? el("p", { class: "said" }, section.said) : null, el("ol", { class: "bars" }, rows));
}

function words(section) {
  return el("section", { class: "card", "data-tone": section.tone || null }, el("h2", {}, section.title), section.lines.map((line) => el("p", {}, el("bdi", {}, line))));
}
