// From logits to the next character, in float32 as in textgen/generation/filters.py: the filters in
// the order top-k, top-p, min-p, and last the temperature.

const fround = Math.fround;
// Below this temperature the likeliest character is always taken.
export const COLDEST = 1e-4;

// Return the highest logit that is not minus infinity; 0 if there is none.
export function highest(logits) {
  let most = -Infinity;
  for (const value of logits) if (value > most) most = value;
  return most === -Infinity ? 0 : most;
}

// Return exp(logits) / sum exp(logits), float64 [V].
export function softmax(logits) {
  const most = highest(logits), weights = Float64Array.from(logits, (x) => Math.exp(x - most));
  const total = weights.reduce((sum, weight) => sum + weight, 0) || 1;
  return weights.map((weight) => weight / total);
}

// Return the surprise of a character under the softmax of the logits, in nats.
export function surprise(logits, token) {
  const most = highest(logits);
  let total = 0;
  for (const value of logits) total += Math.exp(value - most);
  return Math.log(total) - (logits[token] - most);
}

// Return the ids in the order of their logits, the likeliest first.
export function ranked(logits) {
  return Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b);
}

// Keep the fewest characters whose weights reach a limit, the likeliest first. Characters that are
// equally likely are all kept, or none is.
function keepFewest(logits, kept, order, weightOf, limit) {
  let total = 0;
  for (let index = 0; index < order.length;) {
    let group = 0, end = index;
    while (end < order.length && logits[order[end]] === logits[order[index]]) {
      group += weightOf(order[end++]);
    }
    const needed = fround(total) < limit;
    for (; index < end; index++) if (!needed) kept[order[index]] = 0;
    total += group;
  }
}

// Forbid characters by minus infinity, in place.
//
// logits: float32 [V]; minus infinity where something else forbids a character.
// settings: {top_k, top_p, min_p}; 0, 1 and 0 are off.
export function filterLogits(logits, { top_k = 0, top_p = 1, min_p = 0 }) {
  const size = logits.length, uses = { k: top_k > 0 && top_k < size, p: top_p < 1, m: min_p > 0 };
  if (!uses.k && !uses.p && !uses.m) return;
  const most = highest(logits), weights = new Float32Array(size), kept = new Uint8Array(size);
  for (let id = 0; id < size; id++) {
    weights[id] = Math.exp(fround(logits[id] - most));
    kept[id] = weights[id] > 0 ? 1 : 0;
  }
  const weightOf = (id) => (kept[id] ? weights[id] : 0);
  const order = uses.k || uses.p ? ranked(logits) : [];
  if (uses.k) keepFewest(logits, kept, order, () => 1, top_k);
  if (uses.p) {
    const total = fround(order.reduce((sum, id) => sum + weightOf(id), 0));
    // The weights are summed as they are now: a removed character has none.
    keepFewest(logits, kept, order, weightOf, fround(fround(top_p) * total));
  }
  if (uses.m) {
    let best = 0;
    for (let id = 0; id < size; id++) best = Math.max(best, weightOf(id));
    const least = fround(fround(min_p) * best);
    for (let id = 0; id < size; id++) if (weights[id] < least) kept[id] = 0;
  }
  for (let id = 0; id < size; id++) if (!kept[id]) logits[id] = -Infinity;
}

// Draw the next character: the first id whose cumulative probability exceeds `uniform`.
//
// logits: float32 [V], minus infinity for a character that may not be drawn.
// uniform: in [0, 1).
// temperature: below 0.0001 the likeliest character is taken.
export function choose(logits, uniform, temperature) {
  const most = highest(logits), size = logits.length;
  const warmth = fround(Math.max(temperature, COLDEST));
  let likeliest = 0, total = 0;
  const sums = new Float32Array(size);
  for (let id = 0; id < size; id++) {
    if (logits[id] > logits[likeliest]) likeliest = id;
    total = fround(total + fround(Math.exp(fround(fround(logits[id] - most) / warmth))));
    sums[id] = total;
  }
  const threshold = fround(uniform * total);
  let index = 0;
  while (index < size && sums[index] <= threshold) index++;
  const isDrawn = index < size && logits[index] > -Infinity && temperature >= fround(COLDEST);
  return isDrawn ? index : likeliest;
}
