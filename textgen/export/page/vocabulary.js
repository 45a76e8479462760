// Characters and their ids, as in textgen/data/vocabulary.py. Id 0 is the unknown character.

export const UNKNOWN = 0;
// Stands for the end symbol in decoded text. Half of a surrogate pair is in no text.
export const END = "\ud800";

export class Vocabulary {
  // characters: the characters in the order of their ids, without the end symbol.
  // end: id of the end symbol; null if there is none.
  constructor(characters, end, normalization) {
    this.characters = ["\ufffd", ...characters];
    if (end !== null) this.characters.splice(end, 0, END);
    this.end = end;
    this.form = normalization === "none" ? null : normalization.toUpperCase();
    this.ids = new Map(this.characters.map((character, id) => [character, id]));
    this.ids.delete("\ufffd");
    // The replacement character may be a character of the text, with an id of its own.
    for (let id = 1; id < this.characters.length; id++) this.ids.set(this.characters[id], id);
  }

  get size() {
    return this.characters.length;
  }

  // Return whether a character can be read.
  knows(character) {
    return character !== END && this.ids.has(character);
  }

  normalize(text) {
    return this.form ? text.normalize(this.form) : text;
  }

  // Return the ids of a text, without those of characters that are not known.
  encode(text) {
    const ids = [];
    for (const character of this.normalize(text)) {
      if (this.knows(character)) ids.push(this.ids.get(character));
    }
    return ids;
  }

  // Return the id that is read before a text.
  start(character) {
    return character === "" && this.end !== null ? this.end : this.ids.get(character);
  }

  decode(ids) {
    return Array.from(ids, (id) => this.characters[id]).join("");
  }
}
