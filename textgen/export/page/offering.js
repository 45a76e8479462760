// The likeliest next words, as buttons and as a pale end of the text.

import { byId, element, fill, percent } from "./dom.js";

// The most words that are offered, and the least probability of one.
const WORDS = 5, LEAST = 0.005;
// How long a person rests before words are looked for, in milliseconds.
const REST = 250;
// Texts above this size get no words and no marks for unknown characters, which would be slow.
export const LONG_TEXT = 200_000;

export class Offer {
  constructor(writing) {
    this.writing = writing;
  }

  stop() {
    clearTimeout(this.timer);
    this.job?.stop();
  }

  // Take back what was offered, and look again once the person rests.
  renew() {
    this.stop();
    byId("words").hidden = true;
    if (this.writing.text.length <= LONG_TEXT) this.timer = setTimeout(() => this.find(), REST);
  }

  async find() {
    const { writing } = this, { text, app } = writing;
    this.job = app.job("nextWords", { text, count: WORDS });
    try {
      const words = await this.job.done;
      if (text === writing.text && !writing.job) {
        this.show(words.filter(({ chance }) => chance >= LEAST));
      }
    } catch {
      // Something newer was asked for.
    }
  }

  show(words) {
    const place = byId("words"), { writing } = this;
    place.hidden = !words.length;
    fill(place, element("span", { className: "quiet" }, "Next words:"), ...words.map(
      ({ text, chance, shown }) => element("button", {
        type: "button", textContent: `${shown} ${percent(chance)}`,
        on: { click: () => writing.take(text) },
      })));
    if (words.length && writing.text) writing.ghost.textContent = words[0].text;
  }
}
