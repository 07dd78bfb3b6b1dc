// The Live page's orders to stop: a dialog, a reason, a typed word; the server checks all of it again.
import { el, shown } from "./dom.js";
import { refresh } from "./page.js";

const dialog = document.getElementById("order");
const form = document.getElementById("order-form");
const said = document.getElementById("order-said");
const refused = document.getElementById("order-refused");
const isOperator = document.body.dataset.role === "operator";
let order = null;

function open(what, word, title, words, halt = "") {
  order = what;
  form.reset();
  refused.textContent = "";
  form.elements.halt_id.value = halt;
  document.getElementById("order-title").textContent = title;
  document.getElementById("order-what").textContent = words;
  document.getElementById("order-word").textContent = word;
  form.querySelector(".whom").hidden = what === "lift";
  dialog.showModal();
  form.elements.why.focus();
}

document.querySelectorAll("[data-order]").forEach((button) => button.addEventListener("click", () => open(button.dataset.order, button.dataset.word, button.textContent.replace(" …", ""), button.dataset.what)));
document.getElementById("order-leave").addEventListener("click", () => dialog.close());

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form));
  fields.set("csrf", document.body.dataset.csrf);
  const go = document.getElementById("order-go");
  go.disabled = true;
  try {
    const answer = await fetch(`/orders/${order}`, { method: "POST", body: fields });
    const body = await answer.json();
    if (!answer.ok) { refused.textContent = body.error; return; }
    dialog.close();
    said.textContent = body.said;
    await refresh();
  } catch (error) {
    refused.textContent = `not done: ${error.message}`;
  } finally {
    go.disabled = false;
  }
});

addEventListener("data", ({ detail }) => {
  const place = document.getElementById("halts");
  const rows = (detail.halts ?? []).map((halt) => {
    const whom = halt.subject === null ? "the fleet" : `${halt.scope} ${halt.subject}`;
    const words = `${halt.kind} of ${whom} by ${halt.placed_by}, ${shown(halt.at, "time")}: ${halt.why}`;
    const lift = isOperator ? el("button", { type: "button", onclick: () => open("lift", "lift", "Lift", `This ends: ${words}`, halt.halt_id) }, "Lift …") : null;
    return el("li", {}, el("bdi", {}, words), lift);
  });
  place.replaceChildren(rows.length ? el("ul", { class: "halts" }, rows) : el("p", { class: "small" }, "Nothing is stopped by a person."));
});
