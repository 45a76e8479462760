// Two or three networks side by side: their memory on the same text, and how far gradients reach.

import { CELLS } from "./cells.js";
import { colourOf, inks, isDark, SERIES, sharesOf, SURPRISE, surpriseStep } from "./colours.js";
import { byId, element, fill, short, shown } from "./dom.js";
import { liveliest, mean, valuesOf } from "./quantities.js";
import { Vocabulary } from "./vocabulary.js";

// Sizes of a strip in pixels, its units, and the most characters it shows.
const WIDE = 16, BARS = 30, LETTERS = 22, ROW = 9, UNITS = 12, MOST = 1500;
const SPACE = "http://www.w3.org/2000/svg";
// Sizes of the chart of gradients, and the smallest share that it shows. The chart is as wide as
// its place, so that its letters keep their size.
const WIDEST = 640, NARROWEST = 240, HEIGHT = 320, LEFT = 56, BOTTOM = 44, LEAST = 1e-4;

export class Comparison {
  constructor(app) {
    this.app = app;
    this.read = [];
  }

  async open() {
    const { content, engine, watching } = this.app;
    const text = [...(watching.text || content.text)].slice(0, MOST).join("");
    if (this.text === text) {
      this.draw();
      return;
    }
    this.text = text;
    this.read = await Promise.all(content.runs.map(async (run, number) => {
      const job = engine.begin({ run: number, step: run.best }, "trace",
        { text, layer: run.settings.num_layers - 1 });
      const trace = await job.done;
      const { characters } = new Vocabulary(run.characters, run.end, run.normalization);
      return { run, trace: { ...trace, count: trace.bits.length, size: run.settings.hidden_size,
        list: Array.from(trace.tokens, (id) => characters[id]) } };
    }));
    this.draw();
  }

  draw() {
    if (!this.read.length || byId("compare").hidden) return;
    const boxes = [];
    fill(byId("strips"), ...this.read.map(({ run, trace }) => {
      const cell = CELLS[run.settings.cell], canvas = element("canvas", {});
      drawStrip(canvas, trace, cell);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Memory of ${run.name} over the text`);
      const box = element("div", { className: "scroll", tabIndex: 0 }, canvas);
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", `${run.name}, scrollable`);
      boxes.push(box);
      return element("div", { className: "strip" },
        element("h3", {}, `${run.name}: ${cell.title}, ${short(mean(trace.bits), 3)} bits per `
          + "character"), box);
    }));
    for (const box of boxes) {
      box.addEventListener("scroll", () => {
        for (const other of boxes) other.scrollLeft = box.scrollLeft;
      }, { passive: true });
    }
    const width = Math.min(Math.max(byId("reach").clientWidth, NARROWEST), WIDEST);
    fill(byId("reach"), ...chart(this.read.map(({ run }) => run), width));
  }
}

function drawStrip(canvas, trace, cell) {
  const units = liveliest(trace, cell, UNITS), height = BARS + LETTERS + UNITS * ROW;
  const scale = devicePixelRatio || 1, pen = canvas.getContext("2d"), colours = inks();
  canvas.width = trace.count * WIDE * scale;
  canvas.height = height * scale;
  canvas.style.width = `${trace.count * WIDE}px`;
  canvas.style.height = `${height}px`;
  pen.scale(scale, scale);
  pen.fillStyle = colours.back;
  pen.fillRect(0, 0, trace.count * WIDE, height);
  pen.font = "15px ui-monospace, Menlo, Consolas, monospace";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (let column = 0; column < trace.count; column++) {
    const bits = trace.bits[column], tall = Math.max(1, Math.min(bits / 10, 1) * (BARS - 4));
    pen.fillStyle = SURPRISE[surpriseStep(bits)].fill || colours.line;
    pen.fillRect(column * WIDE, BARS - tall, WIDE - 1, tall);
    pen.fillStyle = colours.ink;
    pen.fillText(shown(trace.list[column]), (column + 0.5) * WIDE, BARS + LETTERS / 2);
  }
  units.forEach((unit, row) => {
    const values = valuesOf(trace, cell.memory, unit), share = sharesOf(values, true);
    values.forEach((value, column) => {
      pen.fillStyle = colourOf("state", share(value)).fill;
      pen.fillRect(column * WIDE, BARS + LETTERS + row * ROW, WIDE - 1, ROW - 1);
    });
  });
}

function svg(tag, given, ...children) {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(given)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Return a chart of what is left of the gradient, trained and untrained, and a list of its lines.
function chart(runs, width) {
  const lines = runs.flatMap(({ name, gradients }, number) => gradients.map((one) => ({
    name, colour: SERIES[number % SERIES.length][isDark() ? 1 : 0], isTrained: one.trained,
    shares: one.norms.slice(1).map((norm) => norm / one.norms[1]), half: one.half_life,
  })));
  if (!lines.length) {
    return [element("p", {}, "The runs have not kept enough text to follow their gradients.")];
  }
  const reach = Math.max(...lines.map(({ shares }) => shares.length));
  const x = (at) => LEFT + (at - 1) / Math.max(reach - 1, 1) * (width - LEFT - 12);
  const y = (share) => 12 + Math.log10(1 / Math.max(share, LEAST)) / Math.log10(1 / LEAST)
    * (HEIGHT - BOTTOM - 12);
  const { ink, line } = inks(), picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`,
    role: "img", "aria-label": "Share of the gradient that is left, by distance" });
  for (const [share, text] of [[1, "100 %"], [0.1, "10 %"], [0.01, "1 %"], [0.001, "0.1 %"]]) {
    picture.append(svg("line", { x1: LEFT, x2: width - 12, y1: y(share), y2: y(share),
      stroke: line }), svg("text", { x: LEFT - 8, y: y(share) + 5, "text-anchor": "end",
      "font-size": 14, fill: ink }, text));
  }
  for (let at = 0; at <= reach; at += 20) {
    picture.append(svg("text", { x: x(Math.max(at, 1)), y: HEIGHT - 24, "text-anchor": "middle",
      "font-size": 14, fill: ink }, String(Math.max(at, 1))));
  }
  picture.append(svg("text", { x: width / 2, y: HEIGHT - 4, "text-anchor": "middle",
    "font-size": 14, fill: ink }, "characters back"));
  for (const { shares, colour, isTrained } of lines) {
    const points = shares.map((share, at) => `${x(at + 1)},${y(share)}`).join(" ");
    picture.append(svg("polyline", { points, fill: "none", stroke: colour, "stroke-width": 2.5,
      "stroke-dasharray": isTrained ? "none" : "2 5" }));
  }
  return [picture, element("ul", {}, ...lines.map(({ name, colour, isTrained, half }) => {
    const mark = element("b", { textContent: isTrained ? "\u2501\u2501 " : "\u2508\u2508 " });
    mark.style.color = colour;
    const life = half === null ? "more than half is left at the end of the chart"
      : `half is left after ${short(half, 1)} characters`;
    const when = isTrained ? "trained" : "before training";
    return element("li", {}, mark, `${name}, ${when}: ${life}`);
  }))];
}
