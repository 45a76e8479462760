// Three guided tasks whose answers the page checks with the network itself.

import { byId, element, fill, grouped, short } from "./dom.js";
import { mean, QUANTITIES } from "./quantities.js";

// Change of the length of a line, as a share, from which a person would call it longer or shorter.
const CLEAR = 0.15;

export class Tasks {
  constructor(watching) {
    this.watching = watching;
    document.addEventListener("held", ({ detail }) => {
      this.outcome = detail;
    });
  }

  renew() {
    this.outcome = null;
    fill(byId("tasks"), this.surprise(), this.memory(), this.gate());
  }

  show() {}

  // Return a task: its words, what else it needs, and a button that checks the answer.
  task(title, words, check, ...more) {
    const told = element("p", { role: "status" });
    const button = element("button", { type: "button", textContent: "Check", on: {
      click: async () => {
        fill(told, "Looking\u2026").className = "";
        const [isRight, says] = await check();
        fill(told, says).className = isRight ? "right" : "wrong";
      },
    } });
    return element("div", { className: "task" }, element("h3", {}, title),
      ...words.map((text) => element("p", {}, text)), ...more,
      element("div", { className: "row" }, button), told);
  }

  surprise() {
    return this.task("1. The biggest surprise", [
      "The network gives every character that may come next a probability. The less likely the one "
        + "that comes, the more it is surprised, and the stronger the colour of that character.",
      "Find the character that surprised it most, and click it. Then look at what it had expected.",
    ], () => {
      const { trace, chosen } = this.watching, bits = trace.bits[chosen];
      const above = trace.bits.filter((other) => other > bits).length;
      if (!above) {
        return [true, `That is it: ${short(bits, 1)} bits, a chance of one in `
          + `${grouped(2 ** bits)}. Surprises stand where much is possible: at the beginnings of `
          + "words and lines, and at names."];
      }
      return [false, `This one had ${short(bits, 1)} bits, and ${grouped(above)} `
        + `${above === 1 ? "character" : "characters"} had more. The tall orange bars above the `
        + "heat map show where."];
    });
  }

  memory() {
    return this.task("2. What it remembers", [
      "A network predicts from what it remembers of the text. Choose a character in the middle of "
        + "a word, and press \u201cFind out for this character\u201d below the heat map.",
      "How far back is the character that mattered most?",
    ], () => {
      const { found } = this.watching.influence;
      if (!found) return [false, "Choose a character first, and let the page find out."];
      const sizes = Array.from(found.changes, Math.abs);
      const back = sizes.length - sizes.indexOf(Math.max(...sizes));
      if (Number(byId("task-back").value) === back) {
        return [true, `Yes, ${back}. Usually it is one of the last few characters, since letters `
          + "of the same word tell most. Try a character after a newline or a quotation mark: it "
          + "can be much farther."];
      }
      return [false, "Not that one. The strip shows how much less likely the character becomes "
        + "without each of those before it: count from its right end, where 1 is the last one."];
    }, element("label", {}, "Characters back ", element("input", { type: "number", id: "task-back",
      min: 1, max: 64 })));
  }

  gate() {
    const { cell, run } = this.watching.app, gate = QUANTITIES[cell.keeps];
    const named = run.units.find(({ feature }) => feature === "line position");
    const who = named ? `Unit ${named.unit} of layer ${named.layer} follows the position in the `
      + `line: it counts since the newline (r = ${short(named.r)}). Choose it in the list of units `
      + "below."
      : "Choose the unit whose memory changes most evenly along a line.";
    const hold = gate ? `Now hold its ${gate.title} shut, so that it forgets at every character, `
      + "and then that of the whole layer." : "Now silence it, and then the whole layer.";
    const choices = [["shorter", "The lines become shorter"], ["longer", "The lines become longer"],
      ["same", "Hardly anything happens to the lines"]];
    return this.task("3. Take its memory away", [who, hold,
      "Look at both texts. What happens to the length of the lines with what you hold now?",
    ], () => {
      if (!this.outcome || !this.watching.intervention.holds.length) {
        return [false, "Nothing is held yet: choose what to hold below, and press Hold."];
      }
      const answer = document.querySelector("input[name=task-lines]:checked")?.value;
      if (!answer) return [false, "Choose one of the three answers."];
      const [free, held] = this.outcome.texts.map(lineLength);
      const change = held / free - 1;
      const truth = change < -CLEAR ? "shorter" : change > CLEAR ? "longer" : "same";
      const says = `Untouched, a line has ${short(free, 1)} characters on average, and held `
        + `${short(held, 1)}; the surprise goes from ${short(this.outcome.free)} to `
        + `${short(this.outcome.held)} bits per character.`;
      return truth === answer
        ? [true, `Right. ${says} One unit alone often changes little, since others know the same. `
          + "That is why you should try the whole layer too."]
        : [false, `Look again. ${says}`];
    }, element("fieldset", {}, element("legend", {}, "With what you hold now"), ...choices.map(
      ([value, text]) => element("label", {}, element("input", { type: "radio", name: "task-lines",
        value }), ` ${text}`))));
  }
}

// Return the mean length of the lines of a text, in characters.
export function lineLength(text) {
  return mean(text.split("\n").map((line) => [...line].length));
}
