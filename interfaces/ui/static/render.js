// Draws the sections that a page's data lists (interfaces/ui/sections.py).
import { el, shown } from "./dom.js";
import { grid } from "./grid.js";

const DRAW = { figures, bars, words, line, points };
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
  const boxes = section.figures.map((one) => el("div", {}, el("dt", {}, one.name), el("dd", {}, el("bdi", { class: String(one.value).length > 16 ? "long" : null }, String(one.value)), one.more ? el("small", {}, one.more) : null)));
  return el("section", { class: "card" }, el("h2", {}, section.title), section.said ? el("p", { class: "said" }, section.said) : null, el("dl", { class: "figures" }, boxes));
}

function bars(section) {
  const rows = section.bars.map((one) => {
    const share = one.whole ? Math.max(0, Math.min(1, one.part / one.whole)) : 0;
    return el("li", { class: one.is_bad ? "bad" : null },
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

// Shares against shares: on the diagonal what was said came true as often as it was said.
function points(section) {
  const shape = (tag, attributes) => { const node = document.createElementNS(SVG, tag); for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value)); return node; };
  const at = (x, y) => ({ x: 40 + x * 320, y: 330 - y * 320 });
  const picture = shape("svg", { viewBox: "0 0 380 370", class: "points", role: "img", "aria-label": `${section.title}. ${section.said} The list beside it says the same.` });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const [across, up] = [at(share, 0), at(0, share)];
    picture.append(shape("line", { x1: 40, x2: 360, y1: up.y, y2: up.y, class: "rule" }));
    for (const [place, anchor, x, y] of [[across, "middle", across.x, 346], [up, "end", 34, up.y + 4]]) {
      const label = shape("text", { x, y, "text-anchor": anchor });
      label.textContent = place === across ? `${share * 100} %` : share * 100;
      picture.append(label);
    }
  }
  const [low, high] = [at(0, 0), at(1, 1)];
  picture.append(shape("line", { x1: low.x, y1: low.y, x2: high.x, y2: high.y, class: "even" }));
  const most = Math.max(1, ...section.points.map(([, , count]) => count));
  for (const [x, y, count] of section.points) {
    const spot = at(x, y);
    picture.append(shape("circle", { cx: spot.x, cy: spot.y, r: (4 + 12 * Math.sqrt(count / most)).toFixed(1) }));
  }
  const across = shape("text", { x: 200, y: 366, "text-anchor": "middle" });
  across.textContent = `${section.across}; upwards: ${section.up}, in %`;
  picture.append(across);
  const list = el("ul", { class: "small" }, section.points.map(([, , , told]) => el("li", {}, el("bdi", {}, told))));
  return el("section", { class: "card" }, el("h2", {}, section.title), section.said ? el("p", { class: "said" }, section.said) : null, el("div", { class: "beside" }, picture, list));
}

function words(section) {
  return el("section", { class: "card", "data-tone": section.tone || null }, el("h2", {}, section.title), section.lines.map((line) => el("p", {}, el("bdi", {}, line))));
}
