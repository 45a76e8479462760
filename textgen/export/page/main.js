// The page, or in a worker the host of its networks.

import { Engine } from "./engine.js";
import { serve } from "./host.js";

function start() {
  const content = JSON.parse(document.getElementById("content").textContent);
  const engine = new Engine(content, document.getElementById("program").textContent);
  globalThis.textgen = { content, engine };
}

if (typeof document === "undefined") serve(globalThis);
else start();
