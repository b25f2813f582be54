// Notices under the top bar: what users should know before they trust the page.

import { $, make } from "./dom.js";

const ERROR_MS = 12_000;
const lines = new Map();
const dismissed = new Map(); // a dismissed notice does not return with the next frame
let timer = 0;

/** Shows a notice, or removes it if the text is empty; `level` is "bad", "warn" or "info". */
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

/** Shows an error for some seconds. */
export function failure(text) {
  dismissed.delete("failure");
  notice("failure", text, "bad");
  clearTimeout(timer);
  timer = setTimeout(() => notice("failure", ""), ERROR_MS);
}

/** Confirms an action for some seconds. */
export function done(text) {
  dismissed.delete("done");
  notice("done", text, "info");
  setTimeout(() => notice("done", ""), 4000);
}
