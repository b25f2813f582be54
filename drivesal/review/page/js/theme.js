// Light, dark, or as the system has it; early.js applies what is remembered before anything is drawn.

import { $, remembered, say } from "./dom.js";

const NEXT = { auto: "light", light: "dark", dark: "auto" };
const NAMES = { auto: "system", light: "light", dark: "dark" };

/** Calls `changed` whenever other colours hold. */
export function startTheme(changed) {
  let now = remembered.get("theme", "auto");
  if (!(now in NEXT)) now = "auto";
  const button = $("theme");
  const show = () => {
    if (now === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = now;
    say($("theme-text"), `◐ ${NAMES[now]}`);
    button.setAttribute("aria-label", `Colours: ${NAMES[now]}. Change`);
    button.dataset.theme = now;
  };
  button.addEventListener("click", () => {
    now = NEXT[now];
    remembered.set("theme", now);
    show();
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  show();
}
