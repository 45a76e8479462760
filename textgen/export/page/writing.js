// The sheet: a person and the network write on it in turns, in two shades.

import { byId, element, fill, grouped, percent, short, warn } from "./dom.js";
import { LONG_TEXT, Offer } from "./offering.js";
import { cut, joined } from "./parts.js";

const NUMBERS = ["temperature", "top_k", "top_p", "min_p", "length"];
// Characters of one of three ways, if the length is greater.
const WAY = 200;

export class Writing {
  // app: the page's state, with `begin` for jobs and `vocabulary`.
  constructor(app) {
    this.app = app;
    this.parts = [];  // [{text, by}], by `you` or `network`
    this.past = [];  // what the sheet was before each writing
    this.last = null;  // where the last writing ended: {text, position, sample}
    this.job = null;
    this.offer = new Offer(this);
    this.sheet = byId("sheet");
    this.sheet.value = "";
    this.listen();
    this.show();
    this.offerWords();
  }

  get text() {
    return this.parts.map(({ text }) => text).join("");
  }

  listen() {
    const press = (id, act) => byId(id).addEventListener("click", () => act());
    press("go", () => this.write());
    press("stop", () => this.stop());
    press("again", () => this.again());
    press("undo", () => this.undo());
    press("three", () => this.threeWays());
    press("copy", () => this.copy());
    press("save", () => this.save());
    this.sheet.addEventListener("input", () => this.typed());
    this.sheet.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.write();
      }
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.stop();
    });
  }

  // Return what the settings say, or null and a message if one of them cannot be used.
  settings() {
    const found = {};
    for (const name of NUMBERS) {
      const field = byId(name);
      found[name] = Number(field.value);
      if (field.value === "" || !field.checkValidity()) {
        const least = field.min, most = field.max ? ` to ${field.max}` : " or more";
        return this.refuse(field, `${field.parentNode.textContent.trim()} must be ${least}${most}`);
      }
    }
    const seed = byId("seed").value.trim();
    if (!/^[0-9]{1,19}$/.test(seed) || BigInt(seed) >= 2n ** 63n) {
      return this.refuse(byId("seed"), "Seed must be a whole number from 0 up to 2**63");
    }
    warn("");
    return { ...found, seed };
  }

  refuse(field, message) {
    warn(`${message}, got \u201c${field.value}\u201d.`);
    field.focus();
    return null;
  }

  // What was typed or pasted is the person's; what stands before and after it keeps its shade.
  typed() {
    const now = this.sheet.value, before = this.text;
    let head = 0, tail = 0;
    const most = Math.min(now.length, before.length);
    while (head < most && now[head] === before[head]) head++;
    while (tail < most - head && now[now.length - 1 - tail] === before[before.length - 1 - tail]) {
      tail++;
    }
    this.parts = joined([
      ...cut(this.parts, 0, head),
      { text: now.slice(head, now.length - tail), by: "you" },
      ...cut(this.parts, before.length - tail, before.length),
    ]);
    this.show();
    this.offerWords();
  }

  // Go on where the text ends. Sample 0 of the seed is what `textgen sample --seed` writes.
  write(sample = 0) {
    const settings = this.settings();
    if (!settings || this.job) return;
    const text = this.text, goesOn = this.last && this.last.text === text && sample === 0;
    const position = goesOn ? this.last.position : 0;
    const number = goesOn ? this.last.sample : sample;
    this.past.push(this.parts);
    this.hideWays();
    const begun = performance.now();
    let count = 0, bits = 0, first = 0;
    this.run({ text, settings, length: settings.length, seed: settings.seed, sample: number,
      position }, (part) => {
      if (part.reading !== undefined || !part.text) return;
      first ||= performance.now();
      count += [...part.text].length;
      bits += part.bits;
      this.parts = joined([...this.parts, { text: part.text, by: "network" }]);
      this.last = { text: null, position: part.position, sample: number };
      this.show();
      this.follow();
      const speed = count / Math.max(performance.now() - begun, 1) * 1000;
      this.measure(count, bits, speed, first - begun);
    });
  }

  // Run a job of writing, with its buttons and its bar.
  async run(request, onPart) {
    this.offer.stop();
    this.setBusy(true);
    const { job } = this.app, reading = (done, all) => this.showBar(done, all);
    this.job = job("write", request, (part) => {
      if (part.reading !== undefined) this.showBar(part.reading, 1);
      else this.showBar(1, 1);
      onPart(part);
      if (part.finish === "end") {
        byId("measures").append(". It has ended its text; write on, and it begins another.");
      }
    }, reading);
    try {
      await this.job.done;
    } catch (error) {
      if (error.message !== "stopped") warn(`The network stopped: ${error.message}`);
    }
    this.job = null;
    if (this.last) this.last.text = this.text;
    this.setBusy(false);
    this.offerWords();
  }

  setBusy(isBusy) {
    byId("stop").disabled = !isBusy;
    for (const id of ["go", "three"]) byId(id).disabled = isBusy;
    byId("again").disabled = isBusy || !this.past.length;
    byId("undo").disabled = isBusy || !this.past.length;
    if (!isBusy) byId("progress").hidden = true;
    this.sheet.readOnly = isBusy;
  }

  showBar(done, all) {
    byId("progress").hidden = done >= all;
    byId("bar").value = done / all;
    byId("progress-text").textContent = `reading the text: ${percent(done / all)}`;
  }

  stop() {
    if (this.job) this.job.stop();
  }

  again() {
    if (!this.past.length || this.job) return;
    const sample = (this.last ? this.last.sample : 0) + 1;
    this.parts = this.past.pop();
    this.last = null;
    this.write(sample);
  }

  undo() {
    if (!this.past.length || this.job) return;
    this.parts = this.past.pop();
    this.last = null;
    this.show();
    this.setBusy(false);
    this.offerWords();
  }

  // Write three continuations side by side, samples 0, 1 and 2 of the seed, to choose from.
  async threeWays() {
    const settings = this.settings();
    if (!settings || this.job) return;
    const text = this.text, length = Math.min(settings.length, WAY), place = byId("ways");
    fill(place).hidden = false;
    for (let sample = 0; sample < 3; sample++) {
      const shown = element("p", { className: "written" });
      const take = element("button", { type: "button", textContent: "Take this", disabled: true });
      place.append(element("div", {}, shown, take));
      let isWhole = false;
      await this.run({ text, settings, length, seed: settings.seed, sample }, (part) => {
        shown.append(part.text || "");
        isWhole = part.finish !== undefined;
      });
      if (!isWhole) return;  // it was stopped
      take.disabled = false;
      take.addEventListener("click", () => {
        this.hideWays();
        this.take(shown.textContent);
      });
    }
  }

  hideWays() {
    fill(byId("ways")).hidden = true;
  }

  // Show the text in its shades, with characters crossed that the network cannot read.
  show() {
    const value = this.text, { vocabulary } = this.app, nodes = [];
    if (this.sheet.value !== value) this.sheet.value = value;
    this.unknown = 0;
    for (const { text, by } of this.parts) {
      const span = element("span", { className: by });
      if (by === "network" || value.length > LONG_TEXT) span.append(text);
      else this.mark(span, text, vocabulary);
      nodes.push(span);
    }
    this.ghost = element("span", { className: "ghost" });
    fill(byId("mirror"), ...nodes, this.ghost, "\u200b");
    if (!value) {
      this.ghost.textContent = "Begin here\u2026";
      fill(byId("measures"));
    } else if (this.unknown) {
      byId("measures").textContent = `${grouped(this.unknown)} characters are crossed out: the `
        + "network has never seen them, and skips them.";
    }
  }

  mark(span, text, vocabulary) {
    let known = "";
    for (const character of text) {
      if (vocabulary.knows(vocabulary.normalize(character))) {
        known += character;
      } else {
        span.append(known, element("s", { textContent: character }));
        known = "";
        this.unknown++;
      }
    }
    span.append(known);
  }

  // Keep the end of the text in sight while it grows, if the person has not scrolled away.
  follow() {
    const box = this.sheet.parentNode;
    if (box.scrollHeight - box.scrollTop - box.clientHeight < 200) box.scrollTop = box.scrollHeight;
  }

  measure(count, bits, speed, wait) {
    byId("measures").textContent = `${grouped(count)} characters, ${grouped(speed)} a second, the `
      + `first after ${grouped(wait)} ms; ${short(bits / count)} bits per character`;
  }

  // Put a word at the end of the text.
  take(word) {
    this.past.push(this.parts);
    this.parts = joined([...this.parts, { text: word, by: "network" }]);
    this.last = null;
    this.show();
    this.setBusy(false);
    this.offerWords();
  }

  offerWords() {
    this.offer.renew();
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.text);
    } catch {
      this.sheet.select();  // the browser permits no clipboard: let the person press the keys
      document.execCommand("copy");
    }
    byId("measures").textContent = "The text is copied.";
  }

  save() {
    const address = URL.createObjectURL(new Blob([this.text], { type: "text/plain" }));
    element("a", { href: address, download: "text.txt" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }
}
