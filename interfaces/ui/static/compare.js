// The Research page's form: which two passes are compared.
import { el } from "./dom.js";

const form = document.getElementById("compare");
let held = "";

addEventListener("data", ({ detail }) => {
  const text = JSON.stringify([detail.passes, detail.compared]);
  // A refresh that changes nothing leaves alone what somebody is choosing.
  if (text === held) return;
  held = text;
  form.hidden = detail.passes.length < 2;
  for (const [place, name] of ["one", "two"].entries()) {
    const options = detail.passes.map(([id, words]) => el("option", { value: id, selected: id === detail.compared[place] }, words));
    form.elements[name].replaceChildren(...options);
  }
});
