// One step of a trained network, as textgen/network/inference.py takes it.
//
// Products are summed in double precision and rounded once to float32. NumPy sums in float32 in an
// order that depends on the machine, so that a logit can differ in its last digits.

import { CELLS, combine, preActivations } from "./cells.js";

// out = x W, and + bias if there is one. `kernel` holds the columns of W one after the other,
// [outputs, inputs]; four columns at a time share what is read of x.
export function multiply(x, kernel, bias, out) {
  const inputs = x.length, outputs = out.length, whole = outputs - (outputs % 4);
  for (let column = 0; column < whole; column += 4) {
    const p = column * inputs, q = p + inputs, r = q + inputs, s = r + inputs;
    let a = 0, b = 0, c = 0, d = 0;
    for (let k = 0; k < inputs; k++) {
      const value = x[k];
      a += value * kernel[p + k];
      b += value * kernel[q + k];
      c += value * kernel[r + k];
      d += value * kernel[s + k];
    }
    out[column] = a;
    out[column + 1] = b;
    out[column + 2] = c;
    out[column + 3] = d;
  }
  for (let column = whole; column < outputs; column++) {
    let a = 0;
    for (let k = 0, p = column * inputs; k < inputs; k++) a += x[k] * kernel[p + k];
    out[column] = a;
  }
  if (bias) for (let column = 0; column < outputs; column++) out[column] += bias[column];
}

// Return the columns of a matrix [rows, columns] one after the other.
export function transpose({ values, shape: [rows, columns] }) {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned[column * rows + row] = values[row * columns + column];
    }
  }
  return turned;
}

// A trained network. It holds no state: a state is an array with the state of each layer, made by
// `zero` and changed in place by `read`.
export class Network {
  // settings: shape of the network, as in config.json, with its `cell`.
  // arrays: by name, each {values: Float32Array, shape}.
  // shares: the share of each label, or nothing if all labels are left out.
  constructor(settings, arrays, shares = null) {
    this.settings = settings;
    this.cell = CELLS[settings.cell];
    this.size = settings.hidden_size;
    const width = this.cell.numGates * this.size, kernel = (name) => transpose(arrays[name]);
    this.layers = [];
    for (let layer = 0; layer < settings.num_layers; layer++) {
      const bias = new Float32Array(width);
      const before = `layers.${layer}`, stored = arrays[`${before}.bias`];
      if (stored) bias.set(stored.values);
      if (shares) addLabels(bias, shares, arrays[`${before}.label_kernel`].values);
      this.layers.push({
        bias,
        input: arrays[`${before}.input_kernel`] ? kernel(`${before}.input_kernel`) : null,
        recurrent: kernel(`${before}.recurrent_kernel`),
      });
    }
    // The first layer's input projection of each character, with or without its bias.
    this.table = arrays.table ? arrays.table.values : null;
    this.embedding = arrays.embedding ? arrays.embedding.values : null;
    this.inner = arrays["projection.inner_kernel"] ? kernel("projection.inner_kernel") : null;
    this.projection = kernel("projection.kernel");
    this.outputBias = arrays["projection.bias"].values;
    this.input = new Float32Array(width);
    this.recurrent = new Float32Array(width);
    this.before = new Float32Array(preActivations(this.cell, this.size));
    this.gates = new Float32Array(this.cell.gates.length * this.size);
    const projected = settings.projected === "all" ? settings.num_layers : 1;
    this.outputs = new Float32Array(projected * this.size);
    this.ranks = this.inner ? new Float32Array(settings.projection_rank) : null;
  }

  // Return the state of each layer before any text.
  zero() {
    return this.layers.map(() => Object.fromEntries(
      this.cell.state.map((name) => [name, new Float32Array(this.size)])));
  }

  // Return a copy of a state.
  static copy(states) {
    return states.map((state) => Object.fromEntries(
      Object.entries(state).map(([name, values]) => [name, values.slice()])));
  }

  // Read one character, which changes the states in place.
  //
  // edit: called with (layer, "gates", gates), which it may change, again once the gates that
  //   depend on them follow, and then with (layer, "state", gates, state), of which it may change
  //   the state; null if the network runs untouched.
  // watch: called with (layer, pre-activations, gates, state) after each layer.
  read(token, states, edit = null, watch = null) {
    const { cell, size, before, gates } = this;
    for (let layer = 0; layer < states.length; layer++) {
      const state = states[layer], { input, recurrent, bias } = this.layers[layer];
      if (layer) multiply(states[layer - 1].hidden, input, bias, this.input);
      else this.lookUp(token);
      multiply(state.hidden, recurrent, null, this.recurrent);
      combine(cell, this.input, this.recurrent, before, size);
      cell.computeGates(before, gates, size);
      if (edit) {
        edit(layer, "gates", gates);
        cell.recompute(before, gates, size);
        edit(layer, "gates", gates);
      }
      cell.update(gates, state, size, before);
      if (edit) edit(layer, "state", gates, state);
      if (watch) watch(layer, before, gates, state);
    }
  }

  // Put the first layer's input projection of a character into `input`.
  lookUp(token) {
    const width = this.input.length, { bias } = this.layers[0];
    if (this.table) {
      const row = token * width;
      for (let k = 0; k < width; k++) this.input[k] = this.table[row + k] + bias[k];
    } else {
      const wide = this.settings.embedding_size;
      const row = this.embedding.subarray(token * wide, (token + 1) * wide);
      multiply(row, this.layers[0].input, bias, this.input);
    }
  }

  // Write the logits of the next character into `out`, float32 [V].
  logits(states, out) {
    const all = this.settings.projected === "all", last = states.length - 1;
    for (let layer = all ? 0 : last, at = 0; layer <= last; layer++, at += this.size) {
      this.outputs.set(states[layer].hidden, at);
    }
    if (this.inner) multiply(this.outputs, this.inner, null, this.ranks);
    multiply(this.inner ? this.ranks : this.outputs, this.projection, this.outputBias, out);
  }
}

function addLabels(bias, shares, kernel) {
  const width = bias.length;
  for (let label = 0; label < shares.length; label++) {
    if (!shares[label]) continue;
    for (let k = 0; k < width; k++) bias[k] += shares[label] * kernel[label * width + k];
  }
}
