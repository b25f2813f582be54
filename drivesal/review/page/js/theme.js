// Light, dark or the system's theme; initial-theme.js applies the stored choice before the first paint.

import { $, preferences, setText } from "./dom.js";

const NEXT = { auto: "light", light: "dark", dark: "auto" };
const NAMES = { auto: "System", light: "Light", dark: "Dark" };

/** Starts the theme button; calls `changed` whenever the colours change. */
export function startTheme(changed) {
  let now = preferences.get("theme", "auto");
  if (!(now in NEXT)) now = "auto";
  const button = $("theme");
  const show = () => {
    if (now === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = now;
    setText($("theme-text"), `◐ ${NAMES[now]}`);
    button.setAttribute("aria-label", `Theme: ${NAMES[now]}. Change`);
    button.dataset.theme = now;
  };
  button.addEventListener("click", () => {
    now = NEXT[now];
    preferences.set("theme", now);
    show();
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  show();
}
