// One character: what was expected, how surprising it was, and one unit's equations in numbers.

import { byId, element, fill, grouped, percent, short, shown } from "./dom.js";
import { GUESSES } from "./reader.js";

// Longest bar of a probability, in pixels.
const BAR = 120;

export class Stepping {
  constructor(watching) {
    this.watching = watching;
    byId("back").addEventListener("click", () => watching.choose(watching.chosen - 1));
    byId("forth").addEventListener("click", () => watching.choose(watching.chosen + 1));
  }

  show(what) {
    if (what === "colour") return;
    this.showCharacter();
    this.explain();
  }

  showCharacter() {
    const { trace, chosen, app } = this.watching, bits = trace.bits[chosen];
    byId("back").disabled = chosen === 0;
    byId("forth").disabled = chosen === trace.count - 1;
    fill(byId("step-place"), "Character ", grouped(trace.first + chosen + 1), " of ",
      grouped(trace.first + trace.count), ": ",
      element("b", { className: "data" }, shown(trace.list[chosen])));
    const saw = bits < 1 ? "That is what it expected." : bits < 4 ? "It was not sure."
      : "That surprised it.";
    fill(byId("step-surprise"), `The network gave this character ${percent(2 ** -bits)} before it `
      + `read it: ${short(bits, 1)} bits. ${saw}`);
    const next = trace.list[chosen + 1], rows = [];
    for (let rank = 0; rank < GUESSES; rank++) {
      const at = (chosen + 1) * GUESSES + rank, chance = trace.chances[at];
      if (!chance) continue;
      const character = app.vocabulary.characters[trace.guesses[at]];
      const bar = element("span", { className: "share" });
      bar.style.width = `${Math.max(1, chance * BAR)}px`;
      rows.push(element("tr", { className: character === next ? "true" : "" },
        element("td", {}, shown(character)), element("td", {}, bar),
        element("td", { className: "data" }, percent(chance)),
        element("td", {}, character === next ? "comes next" : "")));
    }
    fill(byId("guesses").tBodies[0], ...rows);
  }

  // Ask for the numbers of the unit at this character. Only the last question is answered.
  async explain() {
    const { trace, chosen, layer, unit, app, text } = this.watching;
    this.job?.stop();
    this.job = app.job("explain", { text, index: trace.first + chosen, layer, unit });
    try {
      const found = await this.job.done;
      fill(byId("equation"), ...this.equations(found));
    } catch {
      // A newer character was chosen.
    }
  }

  equations(found) {
    const { layer, unit, app, trace, chosen } = this.watching;
    const lines = { lstm, gru, rnn }[app.settings.cell](found);
    const intro = element("p", {}, `Unit ${unit} of layer ${layer + 1} reads `,
      element("b", { className: "data" }, shown(trace.list[chosen])), ":");
    return [intro, ...lines, largest(found, app.cell)];
  }
}

// Return a line of an equation and what it says. `parts` are texts, or [letter of the term, text].
function line(say, ...parts) {
  const nodes = parts.map((part) => (Array.isArray(part)
    ? element("b", { className: part[0] }, part[1]) : part));
  return [element("p", { className: "line" }, ...nodes), element("p", { className: "say" }, say)];
}

// A gate: what comes from the character, what comes from the other units, and its value.
function gate(letter, squash, { input, recurrent }, value, say) {
  return line(say, [letter, letter], ` = ${squash}(${short(input)} + ${short(recurrent)}) = `,
    [letter, short(value)]);
}

const SUMS = "first what the character brings, then what the other units remember";

function lstm({ terms, gates, old, state }) {
  const { input: i, forget: f, candidate: g, output: o } = gates;
  return [
    ...gate("f", "sigmoid", terms[1], f, `forget gate: keeps ${percent(f)} of the old memory. In `
      + `the brackets stands ${SUMS}`),
    ...gate("i", "sigmoid", terms[0], i, `input gate: lets ${percent(i)} of the candidate in`),
    ...gate("g", "tanh", terms[2], g, "candidate: what may come in"),
    ...gate("o", "sigmoid", terms[3], o, `output gate: shows ${percent(o)} of the memory`),
    ...line("cell: what is kept and what comes in", ["c", "c"], " = ", ["f", "f"], " \u00b7 ",
      ["c", "c\u2032"], " + ", ["i", "i"], " \u00b7 ", ["g", "g"], " = ", ["f", short(f)],
      " \u00b7 ", ["c", short(old.cell)], " + ", ["i", short(i)], " \u00b7 ", ["g", short(g)],
      " = ", ["c", short(state.cell)]),
    ...line("hidden: what the others see", ["h", "h"], " = ", ["o", "o"], " \u00b7 tanh(",
      ["c", "c"], ") = ", ["o", short(o)], ` \u00b7 ${short(Math.tanh(state.cell))} = `,
      ["h", short(state.hidden)]),
  ];
}

function gru({ terms, gates, old, state }) {
  const { reset: r, update: z, candidate: n } = gates, { input, recurrent } = terms[2];
  return [
    ...gate("r", "sigmoid", terms[0], r, `reset gate: the candidate sees ${percent(r)} of what the `
      + `units remember. In the brackets stands ${SUMS}`),
    ...gate("z", "sigmoid", terms[1], z, `update gate: keeps ${percent(z)} of the old state`),
    ...line("candidate: what may take its place", ["n", "n"], ` = tanh(${short(input)} + `,
      ["r", short(r)], ` \u00b7 ${short(recurrent)}) = `, ["n", short(n)]),
    ...line("hidden: the memory, and what the others see", ["h", "h"], " = ", ["n", "n"], " + ",
      ["z", "z"], " \u00b7 (", ["h", "h\u2032"], " \u2212 ", ["n", "n"], ") = ", ["n", short(n)],
      " + ", ["z", short(z)], ` \u00b7 (${short(old.hidden)} \u2212 ${short(n)}) = `,
      ["h", short(state.hidden)]),
  ];
}

function rnn({ terms, state }) {
  const { input, recurrent } = terms[0];
  return line(`hidden: the memory, and what the others see. In the brackets stands ${SUMS}`,
    ["h", "h"], ` = tanh(${short(input)} + ${short(recurrent)}) = `, ["h", short(state.hidden)]);
}

// The units whose memory moves the gate that keeps, or the only sum, most.
function largest({ terms }, cell) {
  const number = Math.max(cell.gates.indexOf(cell.keeps), 0);
  const letter = cell.symbols[number] || "h";
  const texts = terms[number].units.map(({ unit, value, weight }) => `unit ${unit} `
    + `(${short(value)} \u00b7 ${short(weight)} = ${short(value * weight)})`);
  return element("p", { className: "say" }, `Most of the second number for ${letter} comes from `
    + `${texts.join(", ")}.`);
}
