// What the file holds, and what its smaller weights cost.

import { byId, element, fill, grouped, short } from "./dom.js";

export function fillAbout({ run, content }) {
  const { bits, precision, measured } = run;
  const rows = [
    ["Network", run.name],
    ["Training", `${grouped(run.steps)} steps on ${grouped(run.trainingCharacters)} characters`],
    ["Alphabet", `${grouped([...run.characters].length)} characters`],
    ["Weights", `${grouped(run.parameters)}, as ${precision}`],
    ...Object.entries(bits).map(([name, value]) => [`Bits per character as ${name}`,
      `${short(value, 4)} on ${grouped(measured)} characters of the validation text`]),
    ["Written by", `textgen ${content.version}`],
  ];
  fill(byId("file-facts").tBodies[0], ...rows.map(([name, value]) => element("tr", {},
    element("th", { scope: "row", textContent: name }), element("td", {}, value))));
}
