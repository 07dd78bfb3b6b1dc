// Draws the sections that a page's data lists (interfaces/ui/sections.py).
import { el, shown } from "./dom.js";
import { grid } from "./grid.js";

const DRAW = { figures, bars, words, line };
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
      el("span", { class: "bar-count" }, Number(one.part.toFixed(2)).toLocaleString("en-US")),
      el("span", { class: "bar-words small" }, el("bdi", {}, one.words)));
  });
  return el("section", { class: "card" }, el("h2", {}, section.title), section.said ? el("p", { class: "said" }, section.said) : null, el("ol", { class: "bars" }, rows));
}

const SVG = "http://www.w3.org/2000/svg";
function line(section) {
  const known = section.values.map((value, place) => [place, value]).filter(([, value]) => value !== null);
  const [first, last, least, most] = section.ends.map((value) => shown(value, section.shown));
  const words = known.length ? `From ${shown(section.from, "time")} to ${shown(section.to, "time")} UTC: began at ${first}, now ${last}, least ${least}, most ${most}.` : "nothing to draw yet";
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 1000 120");
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("class", "line");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `${section.title}. ${words}`);
  if (known.length > 1) {
    const [low, high] = [section.ends[2], section.ends[3]];
    const points = known.map(([place, value]) => `${((place / (section.values.length - 1)) * 1000).toFixed(1)},${(115 - ((value - low) / (high - low || 1)) * 110).toFixed(1)}`);
    const path = document.createElementNS(SVG, "polyline");
    path.setAttribute("points", points.join(" "));
    picture.append(path);
  }
  return el("section", { class: "card" }, el("h2", {}, section.title), section.said ? el("p", { class: "said" }, section.said) : null, picture, el("p", { class: "small" }, words));
}

function words(section) {
  return el("section", { class: "card", "data-tone": section.tone || null }, el("h2", {}, section.title), section.lines.map((line) => el("p", {}, el("bdi", {}, line))));
}
