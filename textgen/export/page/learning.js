// How the network learnt: a slider over its checkpoints, for the text and for what it wrote.

import { byId, fill, grouped, short, soon } from "./dom.js";

const WRITTEN = 240, SEED = 1, TEMPERATURE = 0.8;

export class Learning {
  constructor(watching) {
    this.watching = watching;
    const move = soon(() => this.move(), 120);
    byId("checkpoint").addEventListener("input", () => {
      this.label();
      move();
    });
  }

  get checkpoints() {
    return this.watching.app.run.checkpoints;
  }

  renew() {
    const slider = byId("checkpoint"), { app } = this.watching;
    byId("learning").hidden = this.checkpoints.length < 2;
    slider.max = this.checkpoints.length - 1;
    slider.value = this.checkpoints.findIndex(({ step }) => step === app.step);
    this.label();
  }

  label() {
    const { step, bits } = this.checkpoints[Number(byId("checkpoint").value)];
    byId("checkpoint-step").textContent = grouped(step);
    byId("checkpoint").setAttribute("aria-valuetext", `${step} steps`);
    const best = step === this.watching.app.run.best ? "; the best checkpoint" : "";
    byId("checkpoint-facts").textContent = bits === null ? ""
      : `${short(bits, 3)} bits per character on its validation text${best}. It writes:`;
  }

  // Look at everything with the network of the slider.
  async move() {
    const { app } = this.watching, { step } = this.checkpoints[Number(byId("checkpoint").value)];
    if (step === app.step) return;
    app.step = step;
    await this.watching.read();
  }

  show(what) {
    if (what === "trace" && this.checkpoints.length > 1) this.write();
  }

  async write() {
    const { app } = this.watching, settings = { temperature: TEMPERATURE }, { step } = app;
    if (this.written === `${app.number}:${step}`) return;
    this.job?.stop();
    fill(byId("checkpoint-text"));
    this.job = app.job("write", { text: "", settings, length: WRITTEN, seed: SEED },
      (part) => byId("checkpoint-text").append(part.text || ""));
    try {
      await this.job.done;
      this.written = `${app.number}:${step}`;
    } catch {
      // The slider has moved on.
    }
  }
}
