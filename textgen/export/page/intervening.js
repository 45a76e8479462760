// Interventions: parts of the network are held from a character on, beside the untouched run.

import { byId, element, fill, short, soon, warn } from "./dom.js";
import { mean, QUANTITIES } from "./quantities.js";

// Characters that each of the two runs writes, and the seed of both.
const WRITTEN = 240, SEED = 1, TEMPERATURE = 0.8;

export class Intervention {
  constructor(watching) {
    this.watching = watching;
    this.holds = [];
    this.outcome = null;
    byId("hold").addEventListener("click", () => this.add());
    byId("release").addEventListener("click", () => this.release());
    byId("hold-what").addEventListener("change", () => this.fitValue());
    byId("hold-from").addEventListener("change", () => this.update());
    this.updateSoon = soon(() => this.update());
  }

  renew() {
    const { cell } = this.watching.app;
    const gates = cell.gates.filter((name) => !QUANTITIES[name].isState);
    const options = gates.flatMap((name) => [
      [`gate:${name}:0`, `${QUANTITIES[name].title}, shut`],
      [`gate:${name}:1`, `${QUANTITIES[name].title}, open`],
      [`gate:${name}`, `${QUANTITIES[name].title}, at a value`]]);
    options.push(["silence", "output silenced"],
      ["cell", cell.memory === "cell" ? "cell, at a value" : "memory, at a value"]);
    fill(byId("hold-what"), ...options.map(
      ([value, textContent]) => element("option", { value, textContent })));
    this.holds = [];
    this.fitValue();
    this.list();
  }

  show(what) {
    const { watching } = this;
    if (what === "chosen" && !this.holds.length) byId("hold-from").value = watching.chosen + 1;
    byId("hold-whose").options[0].textContent = `unit ${watching.unit}`;
    byId("hold-whose").options[1].textContent = `all of layer ${watching.layer + 1}`;
    if (what === "trace") this.updateSoon();
  }

  // A gate that is open or shut needs no value.
  fitValue() {
    const [kind, , value] = byId("hold-what").value.split(":");
    byId("hold-value").disabled = kind === "silence" || value !== undefined;
    if (value !== undefined) byId("hold-value").value = value;
  }

  add() {
    const [kind, name] = byId("hold-what").value.split(":"), { unit, layer } = this.watching;
    const value = Number(byId("hold-value").value);
    if (!Number.isFinite(value)) {
      warn("The value must be a number.");
      return;
    }
    warn("");
    const isLayer = byId("hold-whose").value === "layer";
    const hold = { kind, name, value, layer, unit: isLayer ? null : unit };
    this.holds = this.holds.filter((one) => one.kind !== kind || one.name !== name
      || one.layer !== layer || one.unit !== hold.unit);
    this.holds.push(hold);
    this.list();
    this.update();
  }

  release() {
    this.holds = [];
    this.list();
    this.update();
  }

  list() {
    byId("release").disabled = !this.holds.length;
    fill(byId("holds"), ...this.holds.map((hold, number) => element("li", {}, describe(hold), " ",
      element("button", { type: "button", textContent: "Let go",
        on: { click: () => {
          this.holds.splice(number, 1);
          this.list();
          this.update();
        } } }))));
  }

  // Read the rest of the text and write on, untouched and held, and show both.
  async update() {
    const { watching } = this, { app, text, trace } = watching;
    byId("outcomes").hidden = !this.holds.length;
    for (const name of ["free-text", "held-text", "held-bits"]) fill(byId(name));
    if (!trace || !this.holds.length) {
      this.outcome = null;
      return;
    }
    const field = byId("hold-from");
    const from = Math.min(Math.max(Math.round(Number(field.value)) || 1, 1), trace.count) - 1;
    const first = trace.first + from, { holds } = this;
    this.job?.stop();
    this.job = app.job("trace", { text, layer: 0, edits: holds, from: first, states: false });
    try {
      const held = await this.job.done, changed = held.bits.subarray(first);
      const free = trace.bits.subarray(from);
      this.showBits(free, changed, from, trace.list);
      // What it writes begins where it is held, so that the change is seen at once.
      const before = trace.list.slice(0, from).join("");
      const start = app.vocabulary.decode(trace.tokens.subarray(0, trace.first)) + before;
      const texts = [await this.write(start, "free-text", []),
        await this.write(start, "held-text", holds, first)];
      this.outcome = { free: mean(free), held: mean(changed), texts };
      document.dispatchEvent(new CustomEvent("held", { detail: this.outcome }));
    } catch (error) {
      if (error.message !== "stopped") warn(`The network stopped: ${error.message}`);
    }
  }

  showBits(free, held, from, list) {
    const change = mean(held) - mean(free), size = Math.abs(change);
    let most = 0;
    for (let at = 0; at < free.length; at++) {
      if (held[at] - free[at] > held[most] - free[most]) most = at;
    }
    const says = size < 0.005 ? "no change to speak of"
      : `${short(size)} ${change > 0 ? "worse" : "better"}`;
    byId("free-bits").textContent = `${short(mean(free), 3)} bits per character`;
    byId("held-bits").textContent = `${short(mean(held), 3)} bits per character: ${says}`;
    byId("held-bits").title = `most at character ${from + most + 1}, ${list[from + most]}`;
  }

  async write(text, place, edits, from = 0) {
    const settings = { temperature: TEMPERATURE };
    let written = "";
    fill(byId(place));
    this.job = this.watching.app.job("write",
      { text, settings, length: WRITTEN, seed: SEED, edits, from }, (part) => {
        written += part.text || "";
        byId(place).append(part.text || "");
      });
    await this.job.done;
    return written;
  }
}

function describe({ kind, name, value, layer, unit }) {
  const whose = unit === null ? `of all units of layer ${layer + 1}`
    : `of unit ${unit} of layer ${layer + 1}`;
  if (kind === "silence") return `output ${whose} silenced`;
  const what = kind === "cell" ? "memory" : QUANTITIES[name].title;
  return `${what} ${whose} held at ${short(value, 2)}`;
}
