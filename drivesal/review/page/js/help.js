// The dialog of keyboard shortcuts.

import { $, make } from "./dom.js";

export function startHelp(table) {
  const dialog = $("help");
  $("keys").replaceChildren(...table.map(([title, entries]) => make("section", {}, make("h3", { text: title }),
    make("dl", {}, ...entries.map(([keys, text]) => make("div", {},
      make("dt", {}, ...keys.split(" ").map((key) => (/^(or|\+)$/.test(key) && keys !== "+ −" ? make("span", { text: ` ${key} ` }) : make("kbd", { text: key })))),
      make("dd", { text })))))));
  $("help-open").addEventListener("click", () => dialog.showModal());
  $("help-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
