// A text as parts of two hands: [{text, by}], by `you` or `network`.

// Return the parts of a text between two positions.
export function cut(parts, begin, end) {
  const found = [];
  let at = 0;
  for (const { text, by } of parts) {
    const piece = text.slice(Math.max(begin - at, 0), Math.max(end - at, 0));
    if (piece) found.push({ text: piece, by });
    at += text.length;
  }
  return found;
}

// Join neighbouring parts of the same hand.
export function joined(parts) {
  const found = [];
  for (const { text, by } of parts) {
    if (!text) continue;
    const last = found[found.length - 1];
    if (last && last.by === by) found[found.length - 1] = { text: last.text + text, by };
    else found.push({ text, by });
  }
  return found;
}
