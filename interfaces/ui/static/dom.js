// Building pages: text only ever becomes text (textContent), never HTML.
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== "") node.append(child);
  }
  return node;
}

const group = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });
const money = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const DASH = "–";

export function number(value) {
  if (value === null || value === undefined || value === "") return DASH;
  if (typeof value !== "number") return String(value);
  if (value !== 0 && Math.abs(value) < 0.1) return value.toPrecision(3);
  return Math.abs(value) < 10 && !Number.isInteger(value) ? value.toPrecision(4).replace(/0+$/, "").replace(/\.$/, "") : group.format(value);
}

export function percent(value, digits = 2) {
  return typeof value === "number" ? `${(value * 100).toFixed(digits)} %` : DASH;
}

export function price(value) {
  if (typeof value !== "number") return DASH;
  return value >= 1000 ? group.format(value) : Number(value.toPrecision(6)).toString();
}

export function shown(value, kind) {
  if (value === null || value === undefined) return DASH;
  if (kind === "number") return number(value);
  if (kind === "percent") return percent(value);
  if (kind === "price") return price(value);
  if (kind === "money") return typeof value === "number" ? money.format(value) : DASH;
  if (kind === "time") return String(value).replace("T", " ").replace(/:\d\d(\.\d+)?Z$/, "");
  if (kind === "age") return typeof value === "number" ? `${number(value)} s` : DASH;
  return String(value);
}

export const isNumber = (kind) => ["number", "percent", "price", "money", "age"].includes(kind);

// Pages that names can lead to, as the server knows them.
const linked = new Set((document.body.dataset.linked ?? "").split(" "));
const PLACES = { symbol: "/symbol?symbol=", user: "/user?user=", group: "/xray?group=", run: "/run?run=", table: "/run?table=", evaluation: "/models?evaluation=" };
const PAGE = { group: "xray", table: "run", evaluation: "models" };
export function cell(value, kind) {
  const text = shown(value, kind);
  if (text === DASH) return text;
  const name = el("bdi", {}, text);
  if (PLACES[kind] && text.length <= 100 && linked.has(PAGE[kind] ?? kind) && !(kind === "table" && text.includes("/"))) {
    return el("a", { href: PLACES[kind] + encodeURIComponent(text) }, name);
  }
  if (kind === "page" && linked.has(text)) return el("a", { href: `/${text}` }, name);
  if (kind === "mode" || kind === "tag") return el("span", { class: `tag ${kind}-${/^[\w-]+$/.test(text) ? text.toLowerCase() : "other"}` }, name);
  return kind === "text" ? name : text;
}

export async function ask(address) {
  const answer = await fetch(address, { headers: { accept: "application/json" } });
  if (answer.status === 401) { location.assign("/login"); throw new Error("log in first"); }
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ?? `answer ${answer.status}`);
  return body;
}
