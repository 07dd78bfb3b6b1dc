// The x-ray map: dots coloured by group, and a heat map painted from one byte per pair.
const dots = document.getElementById("dots"), heat = document.getElementById("heat");
const says = { dots: document.getElementById("dots-words"), heat: document.getElementById("heat-words") };
const SIZE = 600, EDGE = 24;
let data = null, placed = [];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const hue = (group) => (group < 0 ? colour("--quiet") : `hsl(${(group * 137.5) % 360} 65% ${document.documentElement.dataset.theme === "dark" ? 65 : 42}%)`);

function drawDots() {
  const pen = dots.getContext("2d");
  pen.clearRect(0, 0, SIZE, SIZE);
  const xs = data.dots.map((dot) => dot[1]), ys = data.dots.map((dot) => dot[2]);
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const span = SIZE - 2 * EDGE;
  placed = data.dots.map(([symbol, x, y, group]) => ({ symbol, group, x: EDGE + ((x - left) / (right - left || 1)) * span, y: SIZE - EDGE - ((y - low) / (high - low || 1)) * span }));
  for (const dot of placed) {
    pen.globalAlpha = data.group === null || data.group === dot.group ? 0.9 : 0.15;
    pen.fillStyle = hue(dot.group);
    pen.beginPath();
    pen.arc(dot.x, dot.y, placed.length > 500 ? 3 : 5, 0, 7);
    pen.fill();
  }
  pen.globalAlpha = 1;
}

function drawHeat() {
  const pen = heat.getContext("2d");
  pen.clearRect(0, 0, SIZE, SIZE);
  if (!data.heat) { says.heat.textContent = "No candles to compare yet."; return; }
  const cells = Uint8Array.from(atob(data.heat.cells), (char) => char.charCodeAt(0));
  const n = data.heat.symbols.length;
  const picture = new ImageData(n, n);
  const isDark = document.documentElement.dataset.theme === "dark";
  for (let at = 0; at < cells.length; at += 1) {
    const rho = cells[at] === 127 ? 0 : cells[at] / 127.5 - 1;
    const strength = Math.min(1, Math.abs(rho) * 1.25);
    const ground = isDark ? [23, 31, 39] : [255, 255, 255];
    const ink = rho >= 0 ? [201, 62, 40] : [30, 110, 190];
    for (let part = 0; part < 3; part += 1) picture.data[at * 4 + part] = ground[part] + (ink[part] - ground[part]) * strength;
    picture.data[at * 4 + 3] = 255;
  }
  const small = new OffscreenCanvas(n, n);
  small.getContext("2d").putImageData(picture, 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, SIZE, SIZE);
  const words = `${data.heat.words} Red moves together, blue against each other.`;
  heat.setAttribute("aria-label", words);
  says.heat.textContent = words;
  heat.dataset.painted = String(n);
}

const spot = (event, canvas) => { const box = canvas.getBoundingClientRect(); return [((event.clientX - box.left) / box.width) * SIZE, ((event.clientY - box.top) / box.height) * SIZE]; };
function near(event) {
  const [x, y] = spot(event, dots);
  let best = null, least = 400;
  for (const dot of placed) { const away = (dot.x - x) ** 2 + (dot.y - y) ** 2; if (away < least) { least = away; best = dot; } }
  return best;
}
dots.addEventListener("mousemove", (event) => { const dot = near(event); dots.style.cursor = dot ? "pointer" : "default"; says.dots.textContent = dot ? `${dot.symbol}, group ${dot.group}` : "Click a dot to see its group."; });
dots.addEventListener("click", (event) => { const dot = near(event); if (dot) location.assign(dot.group === data.group || dot.group < 0 ? `/symbol?symbol=${encodeURIComponent(dot.symbol)}` : `/xray?group=${dot.group}`); });
function pair(event) {
  if (!data?.heat) return null;
  const n = data.heat.symbols.length;
  const [column, row] = spot(event, heat).map((at) => Math.min(n - 1, Math.max(0, Math.floor((at / SIZE) * n))));
  return { row: data.heat.symbols[row], column: data.heat.symbols[column], cell: atob(data.heat.cells).charCodeAt(row * n + column) };
}
heat.addEventListener("mousemove", (event) => { const found = pair(event); if (found) says.heat.textContent = `${found.row} with ${found.column}: ${found.cell === 127 ? "unknown" : (found.cell / 127.5 - 1).toFixed(2)}`; });
heat.addEventListener("mouseleave", () => { if (data?.heat) says.heat.textContent = heat.getAttribute("aria-label"); });
heat.addEventListener("click", (event) => { const found = pair(event); if (found) location.assign(`/symbol?symbol=${encodeURIComponent(found.row)}`); });

function draw() {
  // Two empty boxes would say nothing; the sentence below says what is missing.
  document.getElementById("map").hidden = !data?.dots?.length;
  if (!data?.dots?.length) return;
  document.getElementById("map-said").textContent = data.said;
  drawDots();
  drawHeat();
}
addEventListener("data", ({ detail }) => { data = detail; draw(); });
addEventListener("themed", draw);
