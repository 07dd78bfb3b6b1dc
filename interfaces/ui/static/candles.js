// The Symbol page's chart: stored candles and indicators, marks of what was decided and done.
import { el } from "./dom.js";

const place = document.getElementById("chart");
const COLOURS = { ema_20: "#d98e04", ema_50: "#7a5af5", ema_200: "#c2457f", bb_upper: "#6f8fa3", bb_lower: "#6f8fa3", rsi_14: "#7a5af5", macd_hist: "#0b8a8f", adx_14: "#d98e04", atr_14: "#6f8fa3" };
const MARKS = {
  entry: { position: "belowBar", shape: "circle", text: "", tone: "--accent" },
  exit: { position: "aboveBar", shape: "circle", text: "", tone: "--quiet" },
  buy: { position: "belowBar", shape: "arrowUp", text: "buy", tone: "--up" },
  sell: { position: "aboveBar", shape: "arrowDown", text: "sell", tone: "--down" },
  news: { position: "aboveBar", shape: "square", text: "news", tone: "--wait" },
};
const SHOWN = ["ema_20", "ema_50", "bb_upper", "bb_lower", "rsi_14", "macd_hist"];
let chart = null, last = null, shown = new Set(SHOWN), key = "";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function draw(data) {
  last = data;
  document.getElementById("chart-symbol").textContent = data.symbol;
  document.title = `${data.symbol} · Sluice`;
  document.getElementById("chart-said").textContent = data.said;
  document.getElementById("chart-words").textContent = data.chart.words;
  const asked = document.querySelector(".pick input");
  if (!asked.value && document.activeElement !== asked) asked.value = data.symbol;
  const now = JSON.stringify([data.symbol, data.chart.times.at(-1), data.chart.bars.at(-1), data.chart.marks.length, [...shown], document.documentElement.dataset.theme]);
  if (!globalThis.LightweightCharts || !data.chart.times.length || now === key) return;
  key = now;
  const { createChart, createSeriesMarkers, CandlestickSeries, HistogramSeries, LineSeries } = globalThis.LightweightCharts;
  const range = chart?.timeScale().getVisibleLogicalRange();
  chart?.remove();
  chart = createChart(place, {
    autoSize: true,
    layout: { background: { color: colour("--card") }, textColor: colour("--ink"), panes: { separatorColor: colour("--line") } },
    grid: { vertLines: { color: colour("--line") }, horzLines: { color: colour("--line") } },
    timeScale: { timeVisible: true, secondsVisible: false, borderColor: colour("--line") },
    rightPriceScale: { borderColor: colour("--line") },
  });
  const { times, bars, volume, over, under, marks } = data.chart;
  const least = Math.min(...bars.map((bar) => bar[2]));
  // Enough digits for coins far below a cent.
  const digits = Math.max(2, Math.min(12, 4 - Math.floor(Math.log10(least || 1))));
  const priceFormat = { type: "price", precision: digits, minMove: 10 ** -digits };
  const candles = chart.addSeries(CandlestickSeries, { upColor: colour("--up"), downColor: colour("--down"), wickUpColor: colour("--up"), wickDownColor: colour("--down"), borderVisible: false, priceFormat });
  candles.setData(times.map((time, at) => ({ time, open: bars[at][0], high: bars[at][1], low: bars[at][2], close: bars[at][3] })));
  const traded = chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, color: colour("--bar"), lastValueVisible: false, priceLineVisible: false });
  traded.priceScale().applyOptions({ scaleMargins: { top: 0.85, bottom: 0 } });
  traded.setData(times.map((time, at) => ({ time, value: volume[at] ?? 0 })));
  const points = (values) => times.map((time, at) => (values[at] === null ? { time } : { time, value: values[at] }));
  const quiet = { lineWidth: 1, lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false };
  for (const [name, values] of Object.entries(over)) {
    if (shown.has(name)) chart.addSeries(LineSeries, { ...quiet, color: COLOURS[name], priceFormat }).setData(points(values));
  }
  let pane = 0;
  for (const [name, values] of Object.entries(under)) {
    if (!shown.has(name)) continue;
    pane += 1;
    const small = { type: "price", precision: 6, minMove: 1e-6 };
    const series = name === "macd_hist" ? chart.addSeries(HistogramSeries, { color: COLOURS[name], priceFormat: small, lastValueVisible: false, priceLineVisible: false }, pane) : chart.addSeries(LineSeries, { ...quiet, color: COLOURS[name], priceFormat: name === "atr_14" ? small : { type: "price", precision: 1, minMove: 0.1 } }, pane);
    series.setData(points(values));
    chart.panes()[pane]?.setHeight(90);
  }
  createSeriesMarkers(candles, marks.map((mark) => {
    const { tone, text, ...look } = MARKS[mark.kind];
    return { time: mark.time, color: colour(tone), text: text && mark.count > 1 ? `${text} ×${mark.count}` : text, ...look };
  }));
  if (range) chart.timeScale().setVisibleLogicalRange(range);
  else chart.timeScale().setVisibleLogicalRange({ from: times.length - Math.min(times.length, 220), to: times.length + 4 });
  // The words under the chart say what is drawn; the library's logo is a link with a title.
  place.querySelectorAll("table, a svg").forEach((node) => node.setAttribute(node.tagName === "TABLE" ? "role" : "aria-hidden", node.tagName === "TABLE" ? "presentation" : "true"));
  document.documentElement.dataset.charted = String(Math.round(performance.now()));
}

function legend(data) {
  const names = [...Object.keys(data.chart.over), ...Object.keys(data.chart.under)];
  document.getElementById("legend").replaceChildren(...names.map((name) => {
    const box = el("input", { type: "checkbox", checked: shown.has(name), onchange: (event) => { event.target.checked ? shown.add(name) : shown.delete(name); draw(last); } });
    return el("label", { style: `--mark:${COLOURS[name]}` }, box, name.replace("_", " "));
  }));
}

addEventListener("data", ({ detail }) => {
  if (!document.getElementById("legend").children.length) legend(detail);
  draw(detail);
});
addEventListener("themed", () => last && draw(last));
