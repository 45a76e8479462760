// The gates and states of a cell, described for people as in textgen/interpretation/gates.py.

// In the order in which a cell uses them at a character.
export const QUANTITIES = {
  forget: { title: "forget gate", symbol: "f", low: "drops the cell", high: "keeps it" },
  input: { title: "input gate", symbol: "i", low: "lets nothing in", high: "lets all in" },
  reset: { title: "reset gate", symbol: "r", low: "candidate ignores the state", high: "sees it" },
  update: { title: "update gate", symbol: "z", low: "replaces the state", high: "keeps it" },
  candidate: { title: "candidate", symbol: "g", low: "below 0", high: "above 0", isState: true },
  cell: { title: "cell state", symbol: "c", low: "below 0", high: "above 0", isState: true },
  output: { title: "output gate", symbol: "o", low: "hides the cell", high: "shows it" },
  hidden: { title: "hidden state", symbol: "h", low: "below 0", high: "above 0", isState: true },
};

// Return the names of what a cell has, in that order.
export function quantitiesOf(cell) {
  const known = [...cell.gates, ...cell.state];
  return Object.keys(QUANTITIES).filter((name) => known.includes(name));
}

// Return the values of one unit over a text, float32 [T].
export function valuesOf(trace, name, unit) {
  const values = trace.quantities[name], size = trace.size, found = new Float32Array(trace.count);
  for (let row = 0; row < found.length; row++) found[row] = values[row * size + unit];
  return found;
}

// Return the units whose memory varies most over a text, in rising order. A cell is compared by its
// tanh, which is all that the output sees of it.
export function liveliest(trace, cell, most) {
  const spreads = Array.from({ length: trace.size }, (_, unit) => {
    const values = Float64Array.from(valuesOf(trace, cell.memory, unit),
      cell.memory === "cell" ? Math.tanh : (value) => value);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { unit, spread: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) };
  });
  return spreads.sort((a, b) => b.spread - a.spread || a.unit - b.unit).slice(0, most)
    .map(({ unit }) => unit).sort((a, b) => a - b);
}

export function mean(values, from = 0) {
  let total = 0;
  for (let index = from; index < values.length; index++) total += values[index];
  return values.length > from ? total / (values.length - from) : NaN;
}
