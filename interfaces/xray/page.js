"use strict";
(() => {
  const data = JSON.parse(document.getElementById("bars").textContent);
  const cells = [...document.querySelectorAll("#readout b")];
  const rest = cells.map((cell) => cell.textContent);
  const tell = (row) => {
    row.forEach((value, place) => { cells[place].textContent = value; });
    cells[5].className = row[5].startsWith("\u2212") ? "down" : "up";
  };
  if (innerWidth >= 1000) { const wide = document.getElementById("span1"); if (wide) wide.checked = true; }
  for (const panel of document.querySelectorAll(".panel")) {
    const cross = panel.querySelector(".cross"), pane = panel.querySelector(".pane svg");
    const bars = +panel.dataset.bars, first = +panel.dataset.first;
    let at = bars - 1;
    const show = (place) => {
      at = Math.max(0, Math.min(bars - 1, place));
      const box = pane.getBoundingClientRect(), own = panel.getBoundingClientRect();
      cross.style.left = box.left - own.left + (box.width * (at + 0.5)) / bars + "px";
      cross.hidden = false;
      tell(data.rows[first + at - data.first] ?? rest);
    };
    const hide = () => { cross.hidden = true; tell(rest); };
    const place = (event) => {
      const box = pane.getBoundingClientRect();
      show(Math.floor((bars * (event.clientX - box.left)) / box.width));
    };
    panel.addEventListener("pointermove", place);
    panel.addEventListener("pointerdown", place);
    panel.addEventListener("pointerleave", hide);
    panel.addEventListener("blur", hide);
    panel.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -bars, End: bars }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      show(at + step);
    });
  }
})();
