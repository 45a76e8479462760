// The scales of the pictures of textgen: pale to green for gates and probabilities, blue over pale
// to red for states, and five steps of orange for surprise. People with any kind of colour vision
// tell them apart. On a dark page the middle is dark.

const SCALES = {
  light: {
    share: ["#f7fcf5", "#d3eecd", "#98d594", "#4bb062", "#157f3b", "#00441b"],
    state: ["#2166ac", "#67a9cf", "#d1e5f0", "#f7f6f6", "#fddbc7", "#ef8a62", "#b2182b"],
  },
  dark: {
    share: ["#1d2422", "#1f4535", "#256b4c", "#35946a", "#5abf8c", "#a8ecc4"],
    state: ["#8cc7f5", "#4a8fc7", "#27496b", "#22252a", "#6e382c", "#c4604a", "#ffab91"],
  },
};
// Colours of several networks, by Okabe and Ito; the second of each pair is for dark pages.
export const SERIES = [["#0072b2", "#56b4e9"], ["#b34d00", "#f0913f"], ["#00805c", "#2fcf9f"]];
// Steps of surprise, in bits, from which the next colour begins.
export const SURPRISE_STEPS = [0, 1, 2, 4, 7];

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function parse(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

// Return 64 colours of a scale, `share` or `state`, as texts of CSS with the letters' colour.
const made = new Map();
function steps(name) {
  const key = `${name}${isDark()}`;
  if (!made.has(key)) {
    const points = SCALES[isDark() ? "dark" : "light"][name].map(parse);
    made.set(key, Array.from({ length: 64 }, (_, number) => {
      const place = number / 63 * (points.length - 1), low = Math.min(Math.floor(place),
        points.length - 2);
      const colour = points[low].map((part, k) => Math.round(
        part + (place - low) * (points[low + 1][k] - part)));
      return { fill: `rgb(${colour.join(" ")})`, ink: inkOn(colour) };
    }));
  }
  return made.get(key);
}

// Return black or white, whichever is easier to read on a colour.
function inkOn(colour) {
  const [r, g, b] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

// Return {fill, ink} for a share in [0, 1] of a scale, `share` or `state`.
export function colourOf(scale, share) {
  const place = Math.min(Math.max(share, 0), 1) || 0;
  return steps(scale)[Math.round(place * 63)];
}

// Return the step of surprise of some bits, from 0 to 4.
export function surpriseStep(bits) {
  return SURPRISE_STEPS.filter((least) => bits >= least).length - 1;
}

// Return a function from the values of one unit to shares of its colours.
//
// Gates share one scale. A state has a scale of its own: the middle is the value nearest to 0, or 0
// if it has both signs, and an end is the value farthest from 0.
export function sharesOf(values, isState) {
  if (!isState) return (value) => value;
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const nearest = low < 0 && high > 0 ? 0 : Math.min(Math.abs(low), Math.abs(high));
  const span = Math.max(Math.abs(low), Math.abs(high)) - nearest;
  return (value) => {
    const share = span > 0 ? (Math.abs(value) - nearest) / span : 0;
    return 0.5 + 0.5 * Math.sign(value) * share;
  };
}

// Return colours for what is drawn on a canvas besides the scales.
export function inks() {
  return isDark()
    ? { ink: "#ece9e3", quiet: "#aaa69e", line: "#3a3d42", back: "#1d2024", chosen: "#ffffff" }
    : { ink: "#1c1b19", quiet: "#5b5853", line: "#d9d5cc", back: "#ffffff", chosen: "#1c1b19" };
}

// Colours of the steps of surprise, and of the letters on them.
export const SURPRISE = [
  { fill: "", ink: "" }, { fill: "#fee3cf", ink: "#000" }, { fill: "#fdb583", ink: "#000" },
  { fill: "#f07b3f", ink: "#000" }, { fill: "#b8300f", ink: "#fff" },
];
