// Which past characters mattered for a prediction: each is left out, and the text is read again.

import { colourOf } from "./colours.js";
import { byId, element, fill, percent, short, shown } from "./dom.js";

// Change of full colour, in bits, and the characters that are listed.
const FULL = 2, LISTED = 5;

export class Influence {
  constructor(watching) {
    this.watching = watching;
    this.found = null;
    byId("influence-go").addEventListener("click", () => this.ask());
  }

  renew() {
    this.forget();
  }

  show(what) {
    if (what === "trace") this.forget();
  }

  forget() {
    this.found = null;
    fill(byId("influence-strip"));
    fill(byId("influence-list"));
    fill(byId("influence-told"));
  }

  // Find what mattered for the chosen character, as the network predicted it.
  async ask() {
    const { watching } = this, { trace, chosen, app, text } = watching;
    if (!trace) return;
    this.job?.stop();
    const told = byId("influence-told");
    this.job = app.job("influence", { text, index: trace.first + chosen }, undefined,
      (done, all) => { told.textContent = `${percent(done / all)}`; });
    try {
      this.found = await this.job.done;
    } catch {
      return;  // another character was asked for
    }
    this.draw();
    watching.paint("influence");
  }

  draw() {
    const { app, trace } = this.watching, { changes, first, target, chance } = this.found;
    const characters = app.vocabulary.characters, from = first - trace.first;
    fill(byId("influence-told"), `for `, element("b", { className: "data" },
      shown(characters[target])), `, which it gave ${percent(chance)}`);
    const spans = Array.from(changes, (change, index) => {
      const character = trace.list[from + index];
      const { fill: back, ink } = colourOf("state", 0.5 + 0.5 * change / FULL);
      const span = element("span", { textContent: character === " " ? " " : shown(character),
        title: `${short(change)} bits` });
      span.style.background = back;
      span.style.color = ink;
      return span;
    });
    fill(byId("influence-strip"), ...spans, " \u2192 ",
      element("b", {}, shown(characters[target])));
    const order = Array.from(changes.keys()).sort(
      (a, b) => Math.abs(changes[b]) - Math.abs(changes[a])).slice(0, LISTED);
    fill(byId("influence-list"), ...order.map((index) => {
      const back = changes.length - index, change = changes[index];
      return element("li", {}, element("b", { className: "data" }, shown(trace.list[from + index])),
        `, ${back} ${back === 1 ? "character" : "characters"} before: without it `
        + `${short(Math.abs(change))} bits ${change > 0 ? "less" : "more"} likely`);
    }));
  }
}
