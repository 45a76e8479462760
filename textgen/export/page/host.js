// Runs jobs one after the other, in a worker or, where there is none, in the page itself.

import { makePause, Reader, Stopped } from "./reader.js";
import { unpack } from "./weights.js";

// Networks that are kept ready, the last used ones.
const MOST_READERS = 4;

export class Host {
  // reply: called with {id, part}, {id, told: [done, all]}, {id, result} or {id, error}.
  constructor(reply) {
    this.reply = reply;
    this.models = new Map();
    this.readers = new Map();
    this.stopped = new Set();
    this.last = Promise.resolve();
  }

  // message: {load: {model, run, arrays, text}}, {stop: id} or a job {id, model, shares, method,
  //   request}.
  handle(message) {
    if (message.load) this.models.set(message.load.model, message.load);
    else if (message.stop) this.stopped.add(message.stop);
    else this.last = this.last.then(() => this.run(message));
  }

  async run({ id, model, shares, method, request }) {
    const pause = makePause(() => this.stopped.has(id));
    try {
      if (this.stopped.has(id)) throw new Stopped();
      const reader = await this.reader(model, shares);
      const tell = (done, all) => this.reply({ id, told: [done, all] });
      const job = reader[method](request, pause, tell);
      if (job[Symbol.asyncIterator]) {
        for await (const part of job) this.reply({ id, part });
        this.reply({ id, result: null });
      } else {
        this.reply({ id, result: await job });
      }
    } catch (error) {
      const text = error instanceof Stopped ? "stopped" : String(error.stack || error);
      this.reply({ id, error: text });
    }
    this.stopped.delete(id);
  }

  // Return the reader of a model with some shares of labels, which is made when first needed.
  async reader(model, shares) {
    const key = JSON.stringify([model, shares]);
    let reader = this.readers.get(key);
    if (!reader) {
      const { run, arrays, text } = this.models.get(model);
      reader = new Reader(run, await unpack(arrays, text), shares);
    }
    this.readers.delete(key);
    this.readers.set(key, reader);
    if (this.readers.size > MOST_READERS) this.readers.delete(this.readers.keys().next().value);
    return reader;
  }
}

// Be the worker: take jobs from the page, and send it what they give.
export function serve(scope) {
  const host = new Host((message) => scope.postMessage(message));
  scope.onmessage = ({ data }) => host.handle(data);
}
