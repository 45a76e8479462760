// The text, coloured by surprise, by a unit or by what mattered; a click chooses a character.

import { colourOf, SURPRISE_STEPS, sharesOf, surpriseStep } from "./colours.js";
import { byId, element, fill, shown, soon } from "./dom.js";
import { QUANTITIES, valuesOf } from "./quantities.js";

// Values below this many bits count as no influence.
const FULL = 2;

export class Passage {
  constructor(watching) {
    this.watching = watching;
    this.place = byId("passage");
    this.spans = [];
    this.place.addEventListener("click", (event) => {
      const { index } = event.target.dataset;
      if (index !== undefined) watching.choose(Number(index));
    });
    this.paintSoon = soon(() => this.paint());
  }

  show(what) {
    if (what === "trace" || what === "all") this.write();
    if (what === "chosen" && this.watching.colour !== "influence") this.mark();
    else {
      this.mark();
      this.paintSoon();
    }
  }

  write() {
    const { list } = this.watching.trace;
    this.spans = list.map((character, index) => {
      const text = character === "\n" ? "\u21b5\n" : character === "\ud800" ? "\u25a0\n"
        : character === " " ? " " : shown(character);
      const mark = character === "\n" || character === "\ud800" ? "mark" : "";
      return element("span", { textContent: text, className: mark, data: { index } });
    });
    fill(this.place, ...this.spans);
    this.paint();
  }

  // Move the frame to the chosen character, and scroll it into sight within the box alone.
  mark() {
    this.marked?.classList.remove("chosen");
    this.marked = this.spans[this.watching.chosen];
    if (!this.marked) return;
    this.marked.classList.add("chosen");
    const top = this.marked.offsetTop, { scrollTop, clientHeight } = this.place;
    if (top < scrollTop || top > scrollTop + clientHeight - 30) {
      this.place.scrollTop = top - clientHeight / 2;
    }
  }

  paint() {
    const { trace, colour, unit, app } = this.watching, key = byId("passage-key");
    if (colour === "unit") {
      const name = app.cell.memory, values = valuesOf(trace, name, unit);
      const share = sharesOf(values, true);
      this.colour((index) => colourOf("state", share(values[index])));
      fill(key, `The ${QUANTITIES[name].title} of unit ${unit} after each character: `,
        ...ramp("state", ["below 0", "above 0"]));
    } else if (colour === "influence") {
      const { found } = this.watching.influence;
      const first = found ? found.first - trace.first : 0;
      this.colour((index) => {
        const change = found ? found.changes[index - first] : undefined;
        return change === undefined ? null : colourOf("state", 0.5 + 0.5 * change / FULL);
      });
      fill(key, "What mattered for the character that is framed: ",
        ...ramp("state", ["without it: likelier", "less likely"]));
    } else {
      this.spans.forEach((span, index) => {
        this.clear(span);
        const step = surpriseStep(trace.bits[index]);
        if (step) span.classList.add(`s${step}`);
      });
      fill(key, "Surprise in bits: ", ...SURPRISE_STEPS.map((least, step) => element("span", {
        className: `key s${step}`,
        textContent: step < 4 ? `${least}\u2013${SURPRISE_STEPS[step + 1]}` : `${least} and more`,
      })));
    }
  }

  clear(span) {
    span.classList.remove("s1", "s2", "s3", "s4");
    span.style.background = span.style.color = "";
  }

  colour(colourAt) {
    this.spans.forEach((span, index) => {
      this.clear(span);
      const found = colourAt(index);
      if (!found) return;
      span.style.background = found.fill;
      span.style.color = found.ink;
    });
  }
}

// Return a bar that explains a scale, between the meanings of its ends.
export function ramp(scale, [low, high]) {
  const bar = element("span", { className: "ramp" });
  const stops = Array.from({ length: 9 }, (_, k) => colourOf(scale, k / 8).fill);
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  return [`${low} `, bar, ` ${high}`];
}
