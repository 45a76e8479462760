// The likeliest next words: a search over characters, up to the end of each word.

import { softmax } from "./filters.js";
import { Network } from "./inference.js";
import { UNKNOWN } from "./vocabulary.js";

// Steps of the network in one search, and the longest word.
const MOST_STEPS = 160;
const LONGEST = 24;
// A prefix that is less likely is not extended.
const LEAST = 1e-4;

// Return whether a character belongs to words.
export function isInWord(character) {
  return /[\p{L}\p{M}\p{N}'\u2019_-]/u.test(character);
}

// Return the likeliest ways in which a text goes on to the end of a word, the likeliest first.
//
// The search extends the likeliest prefix by one character at a time. A prefix has any separators
// first, unless the text ends inside a word, and then a word.
// Returns [{text, shown, chance}]: what is to be added, the word without separators, and a lower
// bound of its probability.
export async function likeliestWords(reader, states, tail, count, pause) {
  const { network, vocabulary, out } = reader, found = new Map();
  const isWord = vocabulary.characters.map(
    (character, id) => id !== UNKNOWN && id !== vocabulary.end && isInWord(character));
  const open = [{ text: "", chance: 1, states, inWord: isInWord(tail.slice(-1)) }];
  for (let step = 0; step < MOST_STEPS && open.length; step++) {
    const prefix = open.pop();
    network.logits(prefix.states, out);
    const chances = softmax(out);
    for (let id = 1; id < chances.length; id++) {
      const chance = prefix.chance * chances[id], character = vocabulary.characters[id];
      if (!isWord[id] && prefix.inWord) {
        if (prefix.text) addTo(found, prefix.text, chance);
      } else if (chance > LEAST && id !== vocabulary.end && prefix.text.length < LONGEST) {
        insert(open, { ...prefix, chance, token: id, text: prefix.text + character,
          inWord: isWord[id] });
      }
    }
    const best = open[open.length - 1];
    const ranked = [...found.values()].sort((a, b) => b - a);
    if (!best || best.chance < (ranked[count - 1] || 0)) break;
    best.states = Network.copy(best.states);
    network.read(best.token, best.states);
    await pause();
  }
  return [...found].sort((a, b) => b[1] - a[1]).slice(0, count)
    .map(([text, chance]) => ({ text, chance, shown: text.trim() || text }));
}

function addTo(found, text, chance) {
  found.set(text, (found.get(text) || 0) + chance);
}

// Insert a prefix into a list in the order of rising probability.
function insert(open, prefix) {
  let low = 0, high = open.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (open[middle].chance < prefix.chance) low = middle + 1;
    else high = middle;
  }
  open.splice(low, 0, prefix);
}
