// The page's side of the networks: sends jobs to a worker, or to the page itself if there is none.

import { Host } from "./host.js";

export class Engine {
  // content: what the page holds, as the exporter wrote it. program: source of the worker.
  constructor(content, program) {
    this.content = content;
    this.jobs = new Map();
    this.loaded = new Set();
    this.count = 0;
    this.send = this.connect(program);
  }

  // Return the function that sends a message.
  connect(program) {
    try {
      const address = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
      const worker = new Worker(address);
      worker.onmessage = ({ data }) => this.receive(data);
      worker.onerror = (event) => {
        event.preventDefault();
        this.replaceWorker();
      };
      this.hasWorker = true;
      return (message) => worker.postMessage(message);
    } catch {
      return this.useThisThread();
    }
  }

  useThisThread() {
    this.hasWorker = false;
    const host = new Host((message) => this.receive(message));
    return (message) => host.handle(message);
  }

  // A browser may make a worker that then fails to start: do its jobs here.
  replaceWorker() {
    if (!this.hasWorker) return;
    this.send = this.useThisThread();
    this.loaded.clear();
    for (const { message } of this.jobs.values()) this.post(message);
  }

  receive({ id, part, told, result, error }) {
    const job = this.jobs.get(id);
    if (!job) return;
    if (part !== undefined) job.onPart(part);
    else if (told !== undefined) job.onTold(...told);
    else {
      this.jobs.delete(id);
      if (error === undefined) job.resolve(result);
      else job.reject(new Error(error));
    }
  }

  post(message) {
    const { model } = message;
    if (!this.loaded.has(model)) {
      const [number, step] = model.split(":").map(Number), run = this.content.runs[number];
      const { arrays } = run.checkpoints.find((one) => one.step === step);
      const { textContent } = document.getElementById(`weights-${number}-${step}`);
      const { checkpoints, ...described } = run;
      this.send({ load: { model, run: described, arrays, text: textContent } });
      this.loaded.add(model);
    }
    this.send(message);
  }

  // Begin a job. Returns {done, stop}: a promise of its result, and a function that ends it, after
  // which `done` is rejected with the message `stopped`.
  //
  // model: {run, step, shares}. method, request: see `Reader`.
  // onPart: called with each part of what is written. onTold: called with (done, all).
  begin({ run, step, shares = null }, method, request, onPart = () => {}, onTold = () => {}) {
    const id = ++this.count, model = `${run}:${step}`;
    const message = { id, model, shares, method, request };
    const done = new Promise((resolve, reject) => {
      this.jobs.set(id, { message, onPart, onTold, resolve, reject });
    });
    this.post(message);
    return { done, stop: () => this.send({ stop: id }) };
  }
}
