// One time step of each recurrent cell, in float32 as in textgen/network/cells.py.
//
// A cell computes its gates from the pre-activations, and its next state from the gates. The two
// are separate functions, so that a reader can take hold of a gate in between.

const round = Math.fround;

// The hyperbolic tangent, in (-1, 1).
export function tanh(x) {
  return round(Math.tanh(x));
}

// The logistic function 1 / (1 + exp(-x)), in (0, 1), computed as (1 + tanh(x / 2)) / 2.
export function sigmoid(x) {
  return round(0.5 + 0.5 * round(Math.tanh(0.5 * x)));
}

// Gates of an LSTM: i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o).
// `before` holds a_i, a_f, a_g and a_o side by side, `gates` receives the results, both [4H].
function lstmGates(before, gates, size) {
  const g = 2 * size, o = 3 * size;
  for (let k = 0; k < g; k++) gates[k] = sigmoid(before[k]);
  for (let k = g; k < o; k++) gates[k] = tanh(before[k]);
  for (let k = o; k < 4 * size; k++) gates[k] = sigmoid(before[k]);
}

// c' = f * c + i * g, h' = o * tanh(c').
function lstmUpdate(gates, state, size) {
  const { hidden, cell } = state;
  for (let k = 0; k < size; k++) {
    const kept = round(gates[size + k] * cell[k]);
    const added = round(gates[k] * gates[2 * size + k]);
    cell[k] = kept + added;
    lstmShow(gates, state, size, k);
  }
}

// h' = o * tanh(c') of one unit.
function lstmShow(gates, { hidden, cell }, size, k) {
  hidden[k] = gates[3 * size + k] * tanh(cell[k]);
}

// Gates of a GRU: r, z, n = sigmoid(a_r), sigmoid(a_z), tanh(x_n + r * h_n).
// `before` holds a_r, a_z, x_n and h_n side by side, [4H]; `gates` is [3H].
function gruGates(before, gates, size) {
  for (let k = 0; k < 2 * size; k++) gates[k] = sigmoid(before[k]);
  gruCandidate(before, gates, size);
}

// n = tanh(x_n + r * h_n), of the reset gate as it is, held or not.
function gruCandidate(before, gates, size) {
  for (let k = 0; k < size; k++) {
    const recurrent = round(gates[k] * before[3 * size + k]);
    gates[2 * size + k] = tanh(round(before[2 * size + k] + recurrent));
  }
}

// h' = n + z * (h - n).
function gruUpdate(gates, state, size) {
  const { hidden } = state;
  for (let k = 0; k < size; k++) {
    const n = gates[2 * size + k];
    hidden[k] = n + round(gates[size + k] * round(hidden[k] - n));
  }
}

function noGates() {}

// Where no gate depends on another, none is to be computed after one was changed.
function dependsOnNone() {}

// Where the memory itself is the output, nothing is to be computed after it was changed.
function showsItself() {}

// h' = tanh(a). A vanilla network has no gates: its pre-activation takes their place here.
function rnnUpdate(gates, state, size, before) {
  for (let k = 0; k < size; k++) state.hidden[k] = tanh(before[k]);
}

// recompute: computes the gates that depend on others, after those were changed.
// numGates: blocks of columns in a kernel. shared: the first of them, whose two projections are
// added. gates: their names in the order of the columns. symbols: their letters in equations.
// state: names of the members of a layer's state; the first is the layer's output.
export const CELLS = {
  lstm: {
    title: "LSTM", numGates: 4, shared: 4,
    gates: ["input", "forget", "candidate", "output"], symbols: ["i", "f", "g", "o"],
    state: ["hidden", "cell"], memory: "cell", keeps: "forget",
    computeGates: lstmGates, recompute: dependsOnNone, update: lstmUpdate, show: lstmShow,
  },
  gru: {
    title: "GRU", numGates: 3, shared: 2,
    gates: ["reset", "update", "candidate"], symbols: ["r", "z", "n"],
    state: ["hidden"], memory: "hidden", keeps: "update",
    computeGates: gruGates, recompute: gruCandidate, update: gruUpdate, show: showsItself,
  },
  rnn: {
    title: "vanilla RNN", numGates: 1, shared: 1,
    gates: [], symbols: [],
    state: ["hidden"], memory: "hidden", keeps: "",
    computeGates: noGates, recompute: dependsOnNone, update: rnnUpdate, show: showsItself,
  },
};

// Number of pre-activations of a layer of `size` units.
export function preActivations(cell, size) {
  return (2 * cell.numGates - cell.shared) * size;
}

// Arrange the input projection and the recurrent projection of a step, both [numGates * H], as the
// pre-activations of the cell: sums of the shared gates, then both projections of the others.
export function combine(cell, input, recurrent, before, size) {
  const shared = cell.shared * size, all = cell.numGates * size;
  for (let k = 0; k < shared; k++) before[k] = input[k] + recurrent[k];
  for (let k = shared; k < all; k++) {
    before[k] = input[k];
    before[k + all - shared] = recurrent[k];
  }
}
