// Small helpers for the page. Text reaches the document as text alone, never as markup.

export function byId(id) {
  return document.getElementById(id);
}

// Return a new element. `given` holds its properties; `data` and `on` its data and listeners.
// Children are elements or text.
export function element(tag, given = {}, ...children) {
  const { data = {}, on = {}, ...properties } = given;
  const made = Object.assign(document.createElement(tag), properties);
  Object.assign(made.dataset, data);
  for (const [event, listener] of Object.entries(on)) made.addEventListener(event, listener);
  made.append(...children);
  return made;
}

// Replace what is in an element.
export function fill(place, ...children) {
  place.replaceChildren(...children);
  return place;
}

// Return a number with as many digits as a person reads at a glance.
export function short(value, digits = 2) {
  return value.toFixed(digits).replace("-", "\u2212");
}

export function grouped(value) {
  return Math.round(value).toLocaleString("en");
}

export function percent(share) {
  return share >= 0.0995 ? `${Math.round(100 * share)} %` : `${short(100 * share, 1)} %`;
}

// White space as it is shown, and the end of a document.
const MARKS = {
  "\n": "\u21b5", " ": "\u2423", "\t": "\u21e5", "\r": "\u240d", "\ud800": "\u25a0",
};

// Return how a single character is shown where white space would be invisible.
export function shown(character) {
  if (MARKS[character]) return MARKS[character];
  const code = character.codePointAt(0);
  if (code < 32) return String.fromCodePoint(0x2400 + code);
  return code === 127 || isHidden(code) ? "\ufffd" : character;
}

// Return whether a code point could hide or turn around the characters beside it.
function isHidden(code) {
  return (code >= 0x80 && code < 0xa0) || (code >= 0x200b && code <= 0x200f)
    || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f)
    || (code >= 0xd800 && code < 0xe000) || code === 0xfeff || code === 0x61c;
}

// Say something important at the top of the page; nothing takes it away.
export function warn(text) {
  byId("alert").textContent = text;
}

// Call a function after others have had their turn, however often it is asked for meanwhile.
export function soon(act, delay = 0) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), delay);
  };
}
