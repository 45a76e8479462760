// One unit over the whole text: where it is most and least active, and the units that have a name.

import { byId, element, fill, short, shown } from "./dom.js";
import { QUANTITIES, valuesOf } from "./quantities.js";

// Places in each list, characters around one, and the least distance between two of them.
const PLACES = 5, AROUND = 14, APART = 8;

export class Units {
  constructor(watching) {
    this.watching = watching;
    byId("unit").addEventListener("change", (event) => {
      watching.chooseUnit(Math.round(Number(event.target.value)) || 0);
    });
    byId("unit-colour").addEventListener("click", () => watching.paint("unit"));
  }

  renew() {
    const { app } = this.watching, { units } = app.run;
    byId("unit").max = app.settings.hidden_size - 1;
    const found = units.filter(({ r }) => Math.abs(r) >= 0.3);
    found.sort((a, b) => Math.abs(b.r) - Math.abs(a.r));
    const buttons = found.map(({ feature, meaning, layer, unit, r }) => element("button", {
      type: "button", title: meaning,
      textContent: `${feature}: layer ${layer}, unit ${unit} (r = ${short(r)})`,
      on: { click: () => {
        this.watching.colour = "unit";
        byId("colour").value = "unit";
        this.watching.chooseUnit(unit, layer - 1);
      } },
    }));
    fill(byId("named-units"), ...(buttons.length ? [
      element("h4", {}, "Units that were found to follow something"),
      element("div", { className: "names" }, ...buttons),
    ] : []));
  }

  show(what) {
    if (what === "colour") return;
    const { trace, unit, layer, app } = this.watching;
    const values = valuesOf(trace, app.cell.memory, unit);
    byId("unit").value = unit;
    byId("unit-title").textContent = `Where unit ${unit} is active`;
    const names = app.isBest ? app.run.units.filter(
      (one) => one.unit === unit && one.layer === layer + 1) : [];
    fill(byId("unit-name"), ...(names.length ? ["It follows: ", element("b", {}, names.map(
      ({ feature, meaning, r }) => `${feature} (${meaning}; r = ${short(r)})`).join(", "))]
      : ["Nobody has found out yet what it follows. Perhaps you do."]),
    ` Its ${QUANTITIES[app.cell.memory].title} is ${short(values[this.watching.chosen])} here.`);
    if (what === "chosen") return;
    const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a]);
    fill(byId("unit-high"), ...this.places(order, values));
    fill(byId("unit-low"), ...this.places(order.reverse(), values));
  }

  // Return the first places of an order that are apart from each other.
  places(order, values) {
    const found = [];
    for (const index of order) {
      if (found.length === PLACES) break;
      if (found.every((other) => Math.abs(other - index) >= APART)) found.push(index);
    }
    return found.map((index) => element("li", {}, element("button", {
      type: "button", on: { click: () => this.watching.choose(index) },
    }, ...context(this.watching.trace.list, index), ` ${short(values[index])}`)));
  }
}

// Return a character in bold with those around it.
export function context(list, index) {
  const text = (begin, end) => list.slice(Math.max(begin, 0), end).map(
    (character) => (character === " " ? " " : shown(character))).join("");
  return [element("span", { className: "context" }, text(index - AROUND, index),
    element("b", {}, shown(list[index])), text(index + 1, index + 1 + AROUND / 2))];
}
