// Lines under the top bar: what the person should know before trusting what is shown.

import { $, make } from "./dom.js";

const ERROR_MS = 12_000;
const lines = new Map();
const dismissed = new Map(); // what was read and put away does not come back with the next frame
let timer = 0;

/** Shows a line, or takes it away where the text is empty; `level` "bad", "warn" or "info". */
export function notice(id, text, level = "info") {
  if (dismissed.get(id) === text) return;
  dismissed.delete(id);
  if ((lines.get(id)?.text ?? "") === (text ?? "")) return;
  if (text) lines.set(id, { text, level });
  else lines.delete(id);
  show();
}

function dismiss(id) {
  dismissed.set(id, lines.get(id).text);
  lines.delete(id);
  show();
}

function show() {
  $("notices").replaceChildren(...[...lines].map(([key, line]) => make("p", { class: `notice ${line.level}`, "data-notice": key },
    make("span", { text: line.text }),
    make("button", { type: "button", class: "plain", "aria-label": "Dismiss", text: "×", on: { click: () => dismiss(key) } }))));
}

/** An error of the moment; it goes by itself. */
export function failure(text) {
  dismissed.delete("failure");
  notice("failure", text, "bad");
  clearTimeout(timer);
  timer = setTimeout(() => notice("failure", ""), ERROR_MS);
}

/** Something done, said shortly. */
export function done(text) {
  dismissed.delete("done");
  notice("done", text, "info");
  setTimeout(() => notice("done", ""), 4000);
}
