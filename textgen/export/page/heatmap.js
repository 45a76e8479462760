// The gates and states of a layer as a heat map under the characters, as many as are in sight.

import { colourOf, inks, sharesOf, SURPRISE, surpriseStep } from "./colours.js";
import { byId, element, fill, shown } from "./dom.js";
import { ramp } from "./passage.js";
import { QUANTITIES, quantitiesOf, valuesOf } from "./quantities.js";
import { GUESSES } from "./reader.js";

// Heights of the rows in pixels, and the width of the numbers at the left.
const GUTTER = 58, BARS = 38, LETTERS = 24, GUESS = 17, TITLE = 20, ROW = 10, THIN = 3, GAP = 6;
// Surprise of a full bar, in bits.
const FULL = 10;
// Narrowest column in which the probability of a guess is written too.
const WIDE = 30;

export class HeatMap {
  constructor(watching) {
    this.watching = watching;
    this.place = byId("map");
    this.canvas = byId("map-canvas");
    this.pen = this.canvas.getContext("2d");
    this.shares = new Map();
    this.place.addEventListener("scroll", () => this.ask(), { passive: true });
    this.canvas.addEventListener("click", (event) => this.click(event));
    byId("width").addEventListener("change", () => this.show("all"));
    new ResizeObserver(() => this.ask()).observe(this.place);
  }

  get cellWidth() {
    return Number(byId("width").value);
  }

  // Draw before the next frame, however often it is asked for.
  ask() {
    this.asked ||= requestAnimationFrame(() => {
      this.asked = 0;
      this.draw();
    });
  }

  show(what) {
    const { watching } = this, { trace } = watching;
    if (what !== "chosen") this.arrange();
    if (what === "trace" || what === "all") this.shares.clear();
    byId("map-space").style.width = `${GUTTER + (trace.count + 1) * this.cellWidth}px`;
    if (what === "chosen" || what === "trace") this.follow();
    this.place.setAttribute("aria-label", this.describe());
    this.ask();
  }

  // Decide which blocks of units stand one below the other.
  arrange() {
    const { watching } = this, one = byId("shown").value;
    const names = one ? [one] : quantitiesOf(watching.app.cell), units = watching.shownUnits();
    const height = one ? THIN : ROW;
    let top = BARS + LETTERS + GUESSES * GUESS + GAP;
    this.blocks = names.map((name) => {
      const block = { name, units, top: top + TITLE, height };
      top += TITLE + units.length * height + GAP;
      return block;
    });
    this.height = top;
    fill(byId("map-key"),
      element("span", {}, "Gates: ", ...ramp("share", ["0, shut", "1, open"])),
      element("span", {}, "States, each unit on its own scale: ",
        ...ramp("state", ["below 0", "above 0"])));
  }

  // Keep the chosen character in sight.
  follow() {
    const left = this.watching.chosen * this.cellWidth, room = this.place.clientWidth - GUTTER;
    const { scrollLeft } = this.place;
    if (left < scrollLeft || left > scrollLeft + room - 2 * this.cellWidth) {
      this.place.scrollLeft = Math.max(0, left - room / 2);
    }
  }

  describe() {
    const { app, layer, chosen, unit, trace } = this.watching;
    const values = quantitiesOf(app.cell).map((name) => `${QUANTITIES[name].title} `
      + trace.quantities[name][chosen * trace.size + unit].toFixed(2));
    return `Layer ${layer + 1} at character ${trace.first + chosen + 1}, `
      + `${shown(trace.list[chosen])}. Unit ${unit}: ${values.join(", ")}.`;
  }

  // Return the shares of the colours of one unit over the whole text.
  shareOf(name, unit) {
    const key = `${name} ${unit}`;
    if (!this.shares.has(key)) {
      const values = valuesOf(this.watching.trace, name, unit);
      const share = sharesOf(values, QUANTITIES[name].isState);
      this.shares.set(key, values.map(share));
    }
    return this.shares.get(key);
  }

  draw() {
    const { pen, place, canvas, watching } = this, width = place.clientWidth;
    if (!watching.trace || !width || !this.blocks) return;
    const scale = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== this.height * scale) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(this.height * scale);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${this.height}px`;
    }
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.fillStyle = inks().back;
    pen.fillRect(0, 0, width, this.height);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const wide = this.cellWidth, begin = Math.floor(place.scrollLeft / wide);
    const end = Math.min(begin + Math.ceil((width - GUTTER) / wide) + 1, watching.trace.count + 1);
    for (let column = begin; column < end; column++) {
      this.drawColumn(column, GUTTER + column * wide - place.scrollLeft, wide);
    }
    this.drawGutter();
  }

  drawColumn(column, x, wide) {
    const { pen } = this, { trace, chosen, unit } = this.watching, colours = inks();
    if (column < trace.count) {
      const bits = trace.bits[column], step = surpriseStep(bits);
      const tall = Math.max(1, Math.min(bits / FULL, 1) * (BARS - 6));
      pen.fillStyle = SURPRISE[step].fill || colours.line;
      pen.fillRect(x + 1, BARS - tall, wide - 2, tall);
      pen.fillStyle = colours.ink;
      pen.font = "16px ui-monospace, Menlo, Consolas, monospace";
      pen.fillText(shown(trace.list[column]), x + wide / 2, BARS + LETTERS / 2);
      for (const block of this.blocks) {
        const scale = QUANTITIES[block.name].isState ? "state" : "share";
        block.units.forEach((each, row) => {
          pen.fillStyle = colourOf(scale, this.shareOf(block.name, each)[column]).fill;
          pen.fillRect(x, block.top + row * block.height, wide - (wide > 8 ? 1 : 0),
            block.height - (block.height > 5 ? 1 : 0));
          if (each === unit && column === chosen) {
            pen.strokeStyle = colours.chosen;
            pen.lineWidth = 2;
            pen.strokeRect(x, block.top + row * block.height, wide - 1, block.height - 1);
          }
        });
      }
    }
    this.drawGuesses(column, x, wide);
    if (column === chosen) {
      pen.strokeStyle = colours.chosen;
      pen.lineWidth = 1.5;
      pen.strokeRect(x + 0.5, BARS + 1, wide - 2, this.height - BARS - 2);
    }
  }

  // Below a character stand those that are expected after it.
  drawGuesses(column, x, wide) {
    const { pen } = this, { trace, app } = this.watching;
    if (column >= trace.count) return;
    pen.font = "12px ui-monospace, Menlo, Consolas, monospace";
    for (let rank = 0; rank < GUESSES; rank++) {
      const at = (column + 1) * GUESSES + rank, chance = trace.chances[at];
      if (!chance) continue;
      const { fill: back, ink } = colourOf("share", chance), top = BARS + LETTERS + rank * GUESS;
      pen.fillStyle = back;
      pen.fillRect(x, top, wide - 1, GUESS - 1);
      pen.fillStyle = ink;
      const character = shown(app.vocabulary.characters[trace.guesses[at]]);
      const number = Math.round(100 * chance);
      pen.fillText(wide >= WIDE ? `${character} ${number}` : character, x + wide / 2,
        top + GUESS / 2);
    }
  }

  // The names of the rows stay where they are while the text moves below them.
  drawGutter() {
    const { pen } = this, colours = inks(), { unit } = this.watching;
    pen.fillStyle = colours.back;
    pen.fillRect(0, 0, GUTTER - 2, this.height);
    pen.font = "12px ui-monospace, Menlo, Consolas, monospace";
    pen.textAlign = "right";
    pen.fillStyle = colours.quiet;
    pen.fillText("bits", GUTTER - 6, BARS / 2);
    pen.fillText("text", GUTTER - 6, BARS + LETTERS / 2);
    pen.fillText("next %", GUTTER - 6, BARS + LETTERS + GUESS / 2);
    for (const { name, units, top, height } of this.blocks) {
      const { title, symbol, low, high, isState } = QUANTITIES[name];
      pen.textAlign = "left";
      pen.fillStyle = colours.back;
      pen.fillRect(0, top - TITLE, this.place.clientWidth, TITLE);
      pen.fillStyle = colours.ink;
      pen.font = "bold 13px Georgia, serif";
      const heading = `${title} ${symbol}`;
      pen.fillText(heading, 4, top - TITLE / 2);
      const after = pen.measureText(heading).width + 12;
      pen.font = "13px Georgia, serif";
      pen.fillStyle = colours.quiet;
      pen.fillText(isState ? "blue below 0, red above" : `pale: ${low}; green: ${high}`, after,
        top - TITLE / 2);
      pen.font = "10px ui-monospace, Menlo, Consolas, monospace";
      pen.textAlign = "right";
      if (height >= ROW) {
        units.forEach((each, row) => {
          pen.fillStyle = each === unit ? colours.ink : colours.quiet;
          pen.fillText(`${each === unit ? "\u25b8" : ""}${each}`, GUTTER - 6,
            top + (row + 0.5) * height);
        });
      } else {
        pen.fillStyle = colours.ink;
        pen.fillText(`\u25b8${unit}`, GUTTER - 6, top + (units.indexOf(unit) + 0.5) * height);
      }
    }
  }

  click(event) {
    const { offsetX, offsetY } = event, { watching } = this;
    const column = Math.floor((offsetX - GUTTER + this.place.scrollLeft) / this.cellWidth);
    for (const { units, top, height } of this.blocks) {
      const row = Math.floor((offsetY - top) / height);
      if (row >= 0 && row < units.length && offsetY >= top) watching.chooseUnit(units[row]);
    }
    if (offsetX >= GUTTER && column < watching.trace.count) watching.choose(column);
  }
}
