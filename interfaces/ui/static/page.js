// Every page: its data, drawn and kept fresh by the pulse.
import { ask, el } from "./dom.js";
import { grids, render } from "./render.js";

const place = document.getElementById("sections");
const pulse = document.getElementById("pulse");
const told = document.getElementById("pulse-text");
const address = place ? `${place.dataset.api}?${place.dataset.asked}` : null;
// Pages on which every change counts follow it at once; the others look again when a table changed.
const QUICK = ["live"];
const AT_LEAST_MS = 2000;
let mark = "", asked = 0, isAsking = false;

export async function refresh() {
  if (!address || isAsking) return;
  isAsking = true;
  asked = Date.now();
  try {
    const data = await ask(address);
    render(place, data.sections ?? []);
    dispatchEvent(new CustomEvent("data", { detail: data }));
    document.documentElement.dataset.ready = "yes";
  } catch (error) {
    if (!place.children.length) place.replaceChildren(el("p", { class: "refused", role: "alert" }, error.message));
    document.documentElement.dataset.ready = "no";
  } finally {
    isAsking = false;
  }
}

addEventListener("data", ({ detail }) => {
  const verdict = document.getElementById("verdict");
  if (!verdict || !detail.verdict) return;
  verdict.dataset.tone = detail.tone;
  const sentence = document.getElementById("sentence");
  if (sentence.textContent !== detail.verdict) sentence.textContent = detail.verdict;
  document.getElementById("market-now").textContent = detail.market_now ? `Market time ${detail.market_now.replace("T", " ").replace("Z", "")} UTC` : "";
});

function beat(now) {
  const open = Object.entries(now.open ?? {}).map(([mode, count]) => `${count} ${mode}`).join(", ") || "no";
  const market = now.market_ms ? new Date(now.market_ms).toISOString().slice(0, 16).replace("T", " ") : "–";
  told.textContent = now.trouble ? `trouble: ${now.trouble}` : `${now.at} UTC · engine ${now.engine} · market ${market} · ${open} open positions · ${now.in_flight} orders in flight${now.halts.length ? ` · STOPPED: ${now.halts[0]}` : ""}`;
  pulse.dataset.tone = now.trouble || now.halts?.length ? "bad" : now.is_running ? "good" : "wait";
  document.documentElement.dataset.pulse = String(Number(document.documentElement.dataset.pulse ?? 0) + 1);
  const next = JSON.stringify([now.mark, now.tables, QUICK.includes(document.body.dataset.page) ? now.wall_ms >> 13 : 0, now.is_running]);
  if (next !== mark && mark !== "" && Date.now() - asked > AT_LEAST_MS) refresh();
  if (mark === "" || Date.now() - asked <= AT_LEAST_MS || next !== mark) mark = next;
  dispatchEvent(new CustomEvent("pulse", { detail: now }));
}

if (pulse) {
  const source = new EventSource("/events");
  source.addEventListener("pulse", (event) => beat(JSON.parse(event.data)));
  source.addEventListener("over", () => location.assign("/login"));
  source.onerror = () => { told.textContent = "no connection to the dashboard; trying again …"; pulse.dataset.tone = "bad"; };
}

// `?measure` sorts and searches every table once by each column; the slowest is on <html data-grid-ms>.
addEventListener("data", () => {
  if (!new URLSearchParams(location.search).has("measure") || document.documentElement.dataset.measured) return;
  document.documentElement.dataset.measured = "yes";
  for (const one of grids()) {
    one.node.querySelectorAll("thead button").forEach((_, column) => { one.sortBy(column); one.sortBy(column); });
    for (const text of ["a", "us", "usdt", "zzz", ""]) one.find(text);
  }
});

// On a phone the row of pages is wider than the screen: show where one is.
const here = document.querySelector("nav [aria-current]");
if (here) here.closest("nav").scrollLeft = here.offsetLeft - here.closest("nav").offsetLeft - 24;

await refresh();
