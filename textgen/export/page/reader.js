// Reads and writes with one network: what the page asks of it, in slices of time.
//
// Every job is an async generator or an async function that calls `pause` again and again, so that
// a worker can hear that a job is to stop, and a page without a worker stays alive.

import { CELLS } from "./cells.js";
import { Draws } from "./draws.js";
import { choose, filterLogits, ranked, softmax, surprise } from "./filters.js";
import { makeEdit } from "./edits.js";
import { Network } from "./inference.js";
import { UNKNOWN, Vocabulary } from "./vocabulary.js";
import { likeliestWords } from "./words.js";

// Longest time between two pauses, in milliseconds.
const SLICE = 25;
// Characters between two states that are kept of a text.
const KEPT_EVERY = 64;
// Number of likeliest characters at each position.
export const GUESSES = 5;
// Most numbers that a trace holds: 64 MB.
const MAX_TRACED = 2 ** 24;
// Characters before a prediction that are left out one by one.
export const REACH = 64;

export class Reader {
  // run: the run as the page describes it. arrays: of one checkpoint.
  constructor(run, arrays, shares = null) {
    this.run = run;
    this.vocabulary = new Vocabulary(run.characters, run.end, run.normalization);
    this.network = new Network(run.settings, arrays, shares);
    this.cell = CELLS[run.settings.cell];
    this.start = this.vocabulary.start(run.start);
    this.out = new Float32Array(this.vocabulary.size);
    // The last text that was read untouched, and its states after each 64 characters.
    this.tokens = [];
    this.kept = [];
  }

  // Return the states after the start of a text and the characters before `end`.
  async statesAfter(tokens, end, pause, tell = () => {}) {
    let same = 0;
    while (same < end && same < this.tokens.length && this.tokens[same] === tokens[same]) same++;
    if (!this.kept.length) {
      const states = this.network.zero();
      this.network.read(this.start, states);
      this.kept.push(Network.copy(states));
    }
    const nearest = Math.min(Math.floor(same / KEPT_EVERY), this.kept.length - 1);
    const begin = nearest * KEPT_EVERY, states = Network.copy(this.kept[nearest]);
    if (same < end && same < this.tokens.length) {  // another text from here on
      this.tokens.length = begin;
      this.kept.length = nearest + 1;
    }
    for (let index = begin; index < end; index++) {
      this.network.read(tokens[index], states);
      this.keep(tokens[index], index, states);
      if (await pause()) tell(index + 1, end);
    }
    return states;
  }

  // Remember a character that was read untouched, if it is the next one to remember.
  keep(token, index, states) {
    if (this.tokens.length !== index) return;
    this.tokens.push(token);
    if ((index + 1) % KEPT_EVERY === 0) this.kept.push(Network.copy(states));
  }

  // Write after a text. Yields {text, bits, reading} in pieces; `finish` in the last one says why.
  //
  // request: {text, settings, length, seed, sample, position, edits, from}. With edits, the text
  //   from its character `from` on is read and written with them.
  async *write({ text, settings, length, seed, sample = 0, position = 0, edits = [], from = 0 },
    pause) {
    const { network, vocabulary, out } = this, tokens = vocabulary.encode(text);
    const edit = makeEdit(edits, this.cell, network.size);
    const untouched = edit ? Math.min(from, tokens.length) : tokens.length;
    let progress = null;
    const states = await this.statesAfter(tokens, untouched, pause,
      (done, all) => { progress = { reading: done / all }; });
    if (progress) yield progress;
    for (let index = untouched; index < tokens.length; index++) {
      network.read(tokens[index], states, edit);
      await pause();
    }
    const draws = new Draws(seed, sample, position);
    let piece = "", bits = 0, finish = "length";
    for (let count = 0; count < length; count++) {
      network.logits(states, out);
      const logits = out.slice();
      logits[UNKNOWN] = -Infinity;
      filterLogits(logits, settings);
      const token = choose(logits, draws.take(), settings.temperature);
      bits += surprise(out, token) / Math.LN2;
      network.read(token, states, edit);
      if (!edit) this.keep(token, tokens.length + count, states);
      if (token === vocabulary.end) {
        finish = "end";
        break;
      }
      piece += vocabulary.characters[token];
      if (count === 0 || await pause()) {
        yield { text: piece, bits, position: draws.position };
        piece = "";
        bits = 0;
      }
    }
    yield { text: piece, bits, position: draws.position, finish };
  }

  // Read a text and record a layer at each of its last characters, as many as memory permits.
  //
  // Returns {tokens, first, quantities: {name: [T, H]}, bits: [T], guesses: [(T + 1) * 5] of ids,
  //   chances: the same, mean: bits per character}, with T characters from number `first` on.
  async trace({ text, layer, edits = [], from = 0, states: wanted = true }, pause, tell) {
    const { network, vocabulary, cell, out } = this, size = network.size;
    const tokens = vocabulary.encode(text), edit = makeEdit(edits, cell, size);
    const names = [...cell.gates, ...cell.state];
    const most = wanted ? Math.floor(MAX_TRACED / (names.length * size)) : tokens.length;
    const first = Math.max(0, tokens.length - most), count = tokens.length - first;
    const states = await this.statesAfter(tokens, first, pause, tell);
    const quantities = Object.fromEntries(
      names.map((name) => [name, new Float32Array(wanted ? count * size : 0)]));
    const bits = new Float32Array(count);
    const guesses = new Int32Array((count + 1) * GUESSES);
    const chances = new Float32Array((count + 1) * GUESSES);
    const guess = (row) => {
      const likely = softmax(out), order = ranked(out).filter((id) => id !== UNKNOWN);
      for (let rank = 0; rank < Math.min(GUESSES, order.length); rank++) {
        guesses[row * GUESSES + rank] = order[rank];
        chances[row * GUESSES + rank] = likely[order[rank]];
      }
    };
    let row = 0;
    const watch = wanted ? (at, before, gates, state) => {
      if (at !== layer) return;
      cell.gates.forEach((name, number) => quantities[name].set(
        gates.subarray(number * size, (number + 1) * size), row * size));
      for (const name of cell.state) quantities[name].set(state[name], row * size);
    } : null;
    for (; row < count; row++) {
      network.logits(states, out);
      guess(row);
      bits[row] = surprise(out, tokens[first + row]) / Math.LN2;
      const isEdited = edit && first + row >= from;
      network.read(tokens[first + row], states, isEdited ? edit : null, watch);
      if (!edit) this.keep(tokens[first + row], first + row, states);
      if (await pause()) tell(first + row + 1, tokens.length);
    }
    network.logits(states, out);
    guess(row);
    return { tokens: Int32Array.from(tokens), first, quantities, bits, guesses, chances };
  }

  // Return how a unit came to its values at one character, term by term.
  //
  // Returns {before, gates, old, state}: each a value of the unit by name; `terms` holds for each
  //   gate its bias and input in one sum, its recurrent sum, and the most important inputs.
  async explain({ text, index, layer, unit }, pause) {
    const { network, vocabulary, cell } = this, size = network.size;
    const tokens = vocabulary.encode(text), states = await this.statesAfter(tokens, index, pause);
    const old = Object.fromEntries(
      Object.entries(states[layer]).map(([name, values]) => [name, values[unit]]));
    const hidden = states[layer].hidden.slice(), found = { old, terms: [] };
    network.read(tokens[index], states, null, (at, before, gates, state) => {
      if (at !== layer) return;
      // The two projections of the layer are still in the network's buffers.
      for (let block = 0; block < cell.numGates; block++) {
        const column = block * size + unit;
        found.terms.push({
          input: network.input[column],
          recurrent: network.recurrent[column],
          units: largestTerms(network.layers[layer].recurrent, column, hidden),
        });
      }
      found.gates = Object.fromEntries(
        cell.gates.map((name, number) => [name, gates[number * size + unit]]));
      found.state = Object.fromEntries(cell.state.map((name) => [name, state[name][unit]]));
    });
    return found;
  }

  // Return how much each of the last characters mattered for a prediction.
  //
  // index: number of the character that is predicted. Each of the up to 64 characters before it is
  //   left out by itself, and the text read again without it.
  // Returns {target, chance, changes}: the id that is predicted, its probability, and for each
  //   character before it, the nearest last, the bits by which the target becomes less likely.
  async influence({ text, index, reach = REACH }, pause, tell) {
    const { network, vocabulary, out } = this, tokens = vocabulary.encode(text);
    const first = Math.max(0, index - reach), count = index - first;
    const base = await this.statesAfter(tokens, first, pause);
    const bitsOf = (states, target) => {
      network.logits(states, out);
      return surprise(out, target) / Math.LN2;
    };
    const whole = Network.copy(base), before = [];
    for (let at = first; at < index; at++) {
      before.push(Network.copy(whole));
      network.read(tokens[at], whole);
    }
    network.logits(whole, out);
    const target = index < tokens.length ? tokens[index] : likeliest(out);
    const bits = bitsOf(whole, target), changes = new Float32Array(count);
    for (let left = 0; left < count; left++) {
      const states = before[left];
      for (let at = first + left + 1; at < index; at++) network.read(tokens[at], states);
      changes[left] = bitsOf(states, target) - bits;
      if (await pause()) tell(left + 1, count);
    }
    return { target, chance: 2 ** -bits, first, changes };
  }

  // Return the likeliest next words after a text; see `likeliestWords`.
  async nextWords({ text, count }, pause) {
    const tokens = this.vocabulary.encode(text);
    const states = await this.statesAfter(tokens, tokens.length, pause);
    return likeliestWords(this, states, text, count, pause);
  }

  // Return the logits after a text, for tests and for a teacher's console.
  async logits({ text }, pause) {
    const tokens = this.vocabulary.encode(text);
    this.network.logits(await this.statesAfter(tokens, tokens.length, pause), this.out);
    return this.out.slice();
  }
}

function likeliest(logits) {
  return ranked(logits).find((id) => id !== UNKNOWN);
}

// Return the three hidden units that add most to a sum, with their value and their weight.
function largestTerms(kernel, column, hidden) {
  const size = hidden.length, weights = kernel.subarray(column * size, (column + 1) * size);
  return Array.from(hidden, (value, unit) => ({ unit, value, weight: weights[unit] }))
    .sort((a, b) => Math.abs(b.value * b.weight) - Math.abs(a.value * a.weight))
    .slice(0, 3);
}

// Return a function that gives others a turn if enough time has passed, and says whether it did.
// It throws where the job is to stop.
export function makePause(isStopped) {
  let begun = performance.now();
  return async () => {
    if (performance.now() - begun < SLICE) return false;
    await turn();
    if (isStopped()) throw new Stopped();
    begun = performance.now();
    return true;
  };
}

// Let everything else that waits have its turn. A timer would wait four milliseconds.
function turn() {
  return new Promise((resume) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resume();
    };
    port2.postMessage(null);
  });
}

// A job was stopped.
export class Stopped extends Error {}
