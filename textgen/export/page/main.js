// The page, or in a worker the host of its networks.

import { CELLS } from "./cells.js";
import { fillAbout } from "./about.js";
import { isDark } from "./colours.js";
import { Comparison } from "./comparing.js";
import { byId, element, fill, grouped, short, warn } from "./dom.js";
import { Engine } from "./engine.js";
import { serve } from "./host.js";
import { Vocabulary } from "./vocabulary.js";
import { Watching } from "./watching.js";
import { Writing } from "./writing.js";

const TABS = ["write", "watch", "compare", "about"];

// What all parts of the page share: the network that is looked at, and a way to ask it.
class App {
  constructor(content, program) {
    this.content = content;
    this.engine = new Engine(content, program);
    this.use(0);
  }

  // Look at another run, with its best checkpoint.
  use(number) {
    this.number = number;
    this.run = this.content.runs[number];
    this.step = this.run.best;
    this.settings = this.run.settings;
    this.cell = CELLS[this.settings.cell];
    this.shares = this.run.labels.length
      ? this.run.labels.flatMap(({ values }) => values.map(() => 0)) : null;
    const { characters, end, normalization } = this.run;
    this.vocabulary = new Vocabulary(characters, end, normalization);
  }

  // Whether the checkpoint is the one in which units were searched.
  get isBest() {
    return this.step === this.run.best;
  }

  // Begin a job of the network that is looked at; see `Engine.begin`.
  job = (method, request, onPart, onTold) => {
    const shares = this.shares && this.shares.some((share) => share) ? this.shares : null;
    return this.engine.begin({ run: this.number, step: this.step, shares }, method, request,
      onPart, onTold);
  };
}

function start() {
  const content = JSON.parse(byId("content").textContent);
  const app = new App(content, byId("program").textContent);
  app.writing = new Writing(app);
  app.watching = new Watching(app);
  const comparison = new Comparison(app);
  // The weights are unpacked before somebody asks for a character.
  app.job("logits", { text: "" });
  describe(app);
  fillAbout(app);
  chooseRun(app);
  chooseLabels(app);
  chooseTheme(app, comparison);
  const open = { watch: () => app.watching.open(), compare: () => comparison.open() };
  listenToTabs(open);
  globalThis.addEventListener("unhandledrejection", ({ reason }) => {
    if (reason?.message !== "stopped") warn(`Something went wrong: ${reason?.message || reason}`);
  });
  // For the curious: in the browser's console, textgen.logits("some text") and so on.
  globalThis.textgen = {
    app,
    logits: (text) => app.job("logits", { text }).done,
    write: async (text, { seed = 1, length = 500, sample = 0, ...settings } = {}) => {
      let written = "";
      const request = { text, seed: String(seed), length, sample,
        settings: { temperature: 0.8, ...settings } };
      await app.job("write", request, (part) => { written += part.text || ""; }).done;
      return written;
    },
  };
}

function describe(app) {
  const { run, settings, cell } = app;
  byId("name").textContent = app.content.runs.map(({ name }) => name).join(" \u00b7 ");
  const bits = run.checkpoints.find(({ step }) => step === run.best).bits;
  byId("facts").textContent = `${cell.title} of ${settings.num_layers} `
    + `${settings.num_layers === 1 ? "layer" : "layers"} of ${settings.hidden_size} units, `
    + `${grouped(run.parameters)} weights, trained on ${grouped(run.trainingCharacters)} characters`
    + `${bits === null ? "" : `; ${short(bits)} bits per character`}`;
}

function chooseRun(app) {
  const { runs } = app.content, choice = byId("run");
  if (runs.length < 2) return;
  byId("run-choice").hidden = byId("tab-compare").hidden = false;
  fill(choice, ...runs.map(({ name }, value) => element("option", { value, textContent: name })));
  choice.addEventListener("change", () => {
    app.writing.stop();
    app.use(Number(choice.value));
    describe(app);
    fillAbout(app);
    chooseLabels(app);
    app.writing.show();
    app.writing.offerWords();
    if (app.watching.panels.length) app.watching.reopen();
  });
}

// A list for each field of labels; by default all labels are left out.
function chooseLabels(app) {
  let before = 0;
  fill(byId("labels"), ...app.run.labels.map(({ name, values }) => {
    const first = before;
    before += values.length;
    const choice = element("select", {}, element("option", { value: "", textContent: "any" }),
      ...values.map((value, number) => element("option", { value: number, textContent: value })));
    choice.addEventListener("change", () => {
      values.forEach((_, number) => {
        app.shares[first + number] = choice.value === String(number) ? 1 : 0;
      });
      app.writing.offerWords();
      if (app.watching.panels.length) app.watching.read();
    });
    return element("label", {}, `${name} `, choice);
  }));
}

function chooseTheme(app, comparison) {
  const button = byId("theme");
  const show = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    app.watching.tell();
    comparison.draw();
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}

function listenToTabs(open) {
  const tabs = TABS.map((name) => byId(`tab-${name}`));
  const choose = (tab) => {
    for (const one of tabs) {
      const isChosen = one === tab;
      one.setAttribute("aria-selected", String(isChosen));
      one.tabIndex = isChosen ? 0 : -1;
      byId(one.getAttribute("aria-controls")).hidden = !isChosen;
    }
    open[tab.getAttribute("aria-controls")]?.();
  };
  tabs.forEach((tab) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const shown = tabs.filter((one) => !one.hidden), place = shown.indexOf(tab);
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const next = shown[(place + step + shown.length) % shown.length];
      next.focus();
      choose(next);
    });
  });
  tabs.forEach((tab, number) => { tab.tabIndex = number ? -1 : 0; });
}

if (typeof document === "undefined") serve(globalThis);
else start();
