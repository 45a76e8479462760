// The text under the glass: which character, layer and unit are looked at, for all panels.

import { byId, element, fill, percent, short, warn } from "./dom.js";
import { HeatMap } from "./heatmap.js";
import { Influence } from "./influence.js";
import { Intervention } from "./intervening.js";
import { Learning } from "./learning.js";
import { Passage } from "./passage.js";
import { liveliest, mean, quantitiesOf, QUANTITIES } from "./quantities.js";
import { Stepping } from "./stepping.js";
import { Tasks } from "./tasks.js";
import { Units } from "./units.js";

// Units that are shown at first.
const LIVELIEST = 12;
// What to read if the page has no text: the network's own.
const OWN_LENGTH = 600;

export class Watching {
  constructor(app) {
    this.app = app;
    this.text = app.content.text;
    this.trace = null;
    this.chosen = 0;
    this.layer = app.settings.num_layers - 1;
    this.unit = null;
    this.colour = "surprise";
    this.panels = [];
  }

  // Make the panels and read the text. Nothing is computed before somebody looks.
  async open() {
    if (this.panels.length) return this.ready;
    this.influence = new Influence(this);
    this.intervention = new Intervention(this);
    this.panels = [
      new Passage(this), new HeatMap(this), new Stepping(this), new Units(this), this.influence,
      this.intervention, new Learning(this), new Tasks(this),
    ];
    this.listen();
    this.ready = this.reopen();
    return this.ready;
  }

  // Begin with another network: its layers and units, and the text again.
  async reopen() {
    const { cell, settings } = this.app;
    this.layer = settings.num_layers - 1;
    this.unit = null;
    fill(byId("layer"), ...Array.from({ length: settings.num_layers },
      (_, layer) => element("option", { value: layer, textContent: layer + 1 })));
    byId("layer").value = this.layer;
    fill(byId("shown"), element("option", { value: "", textContent: "12 liveliest units" }),
      ...quantitiesOf(cell).map((name) => element("option", {
        value: name, textContent: `all units: ${QUANTITIES[name].title}` })));
    for (const panel of this.panels) panel.renew?.();
    await this.read();
  }

  listen() {
    byId("layer").addEventListener("change", (event) => {
      this.layer = Number(event.target.value);
      this.unit = null;
      this.read();
    });
    byId("shown").addEventListener("change", () => this.tell());
    byId("colour").addEventListener("change", (event) => this.paint(event.target.value));
    byId("change-text").addEventListener("click", () => {
      byId("text-form").hidden = !byId("text-form").hidden;
      if (!byId("text-form").hidden) byId("new-text").focus();
    });
    byId("read-text").addEventListener("click", () => this.take(byId("new-text").value));
    byId("use-sheet").addEventListener("click", () => this.take(this.app.writing.text));
    document.addEventListener("keydown", (event) => {
      const { tagName } = event.target;
      if (byId("watch").hidden || /INPUT|TEXTAREA|SELECT/.test(tagName)
        || event.target.getAttribute?.("role") === "tab") return;
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      const move = moves[event.key];
      if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
      if (move[1] && event.target.id !== "map") return;  // the page scrolls
      event.preventDefault();
      if (move[0]) this.choose(this.chosen + move[0]);
      else this.moveUnit(move[1]);
    });
  }

  take(text) {
    if (!this.app.vocabulary.encode(text).length) {
      warn("There is no character in this text that the network knows.");
      return;
    }
    warn("");
    this.text = text;
    this.chosen = 0;
    byId("text-form").hidden = true;
    this.read();
  }

  // Read the text with the network as it is chosen now, and let all panels show it.
  async read() {
    this.reading?.stop();
    if (!this.text) {
      const settings = { temperature: 0.8 };
      const own = this.app.job("write", { text: "", settings, length: OWN_LENGTH, seed: 1 },
        (part) => { this.text += part.text || ""; });
      await own.done;
    }
    const { app, layer, text } = this, facts = byId("passage-facts");
    this.reading = app.job("trace", { text, layer }, undefined, (done, all) => {
      facts.textContent = `reading: ${percent(done / all)}`;
    });
    try {
      const trace = await this.reading.done;
      trace.count = trace.bits.length;
      trace.size = app.settings.hidden_size;
      trace.characters = app.vocabulary.decode(trace.tokens.subarray(trace.first));
      trace.list = Array.from(trace.tokens.subarray(trace.first),
        (id) => app.vocabulary.characters[id]);
      this.trace = trace;
    } catch (error) {
      if (error.message !== "stopped") warn(`The network stopped: ${error.message}`);
      return;
    }
    this.lively = liveliest(this.trace, app.cell, LIVELIEST);
    this.unit ??= this.namedUnit("line position") ?? this.lively[0];
    this.chosen = Math.min(this.chosen, this.trace.count - 1);
    const cutOff = this.trace.first ? `, the last ${this.trace.count} characters are shown` : "";
    facts.textContent = `${this.textName()}: ${short(mean(this.trace.bits))} bits per character`
      + `${cutOff}`;
    byId("hold-from").max = this.trace.count;
    this.tell("trace");
  }

  textName() {
    const { content } = this.app;
    return this.text === content.text && content.textName ? content.textName : "this text";
  }

  // Return the unit of the layer that follows a feature, if one is known.
  namedUnit(feature) {
    const found = this.app.run.units.find(
      (one) => one.feature === feature && one.layer === this.layer + 1);
    return found && this.app.isBest ? found.unit : undefined;
  }

  choose(index) {
    if (!this.trace) return;
    this.chosen = Math.min(Math.max(index, 0), this.trace.count - 1);
    this.tell("chosen");
  }

  chooseUnit(unit, layer = this.layer) {
    if (layer !== this.layer) {
      this.layer = layer;
      byId("layer").value = layer;
      this.unit = unit;
      return this.read();
    }
    this.unit = Math.min(Math.max(unit, 0), this.app.settings.hidden_size - 1);
    return this.tell("unit");
  }

  // Choose the next unit of those that are shown.
  moveUnit(step) {
    const units = this.shownUnits(), place = units.indexOf(this.unit);
    this.chooseUnit(units[Math.min(Math.max(place + step, 0), units.length - 1)]);
  }

  // Return the units that the heat map shows. The chosen unit is always among them.
  shownUnits() {
    if (byId("shown").value) return Array.from({ length: this.trace.size }, (_, unit) => unit);
    if (this.lively.includes(this.unit)) return this.lively;
    return [...this.lively.slice(0, -1), this.unit].sort((a, b) => a - b);
  }

  paint(colour) {
    this.colour = colour;
    byId("colour").value = colour;
    this.tell("colour");
  }

  // Let all panels show what has changed: `trace`, `chosen`, `unit` or `colour`.
  tell(what = "all") {
    if (!this.trace) return;
    for (const panel of this.panels) panel.show(what);
  }
}
