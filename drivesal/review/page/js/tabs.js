// The side column: a tab for each panel, as WAI-ARIA has them: arrows go between tabs, Tab goes into the panel.
//
// A panel is a file in panels/, whose default class says its `title`, its `order` among the tabs, the `key` that opens it with
// a line of `help`, and its `markup`. `live` keeps it out of an exported file, which has no server. It is made once with
// {drive, store, rows, stage, timeline, edits}; where it has them, `describe()` is called when the models are there, `opened()`
// when its key was pressed, and `keys` are more entries of the table of keys. Its name is that of its file.

import { $, make, remembered } from "./dom.js";
import * as files from "./panels.js"; // which the server makes of the folder

/** [name, class] of each panel, in the order of the tabs. */
export const panels = Object.entries(files).sort(([, a], [, b]) => a.order - b.order);

const tabs = () => [...document.querySelectorAll('[role="tab"]')];

/** Shows a panel by name and, where asked, puts the focus on its "tab" or on the "panel" itself. */
export function openTab(name, focus = "") {
  if (document.body.dataset.exported && "live" in $(`tab-${name}`).dataset) return;
  for (const tab of tabs()) {
    const chosen = tab.dataset.tab === name;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    $(`panel-${tab.dataset.tab}`).hidden = !chosen;
    if (chosen && focus) (focus === "tab" ? tab : $(`panel-${name}`)).focus();
  }
  document.body.dataset.tab = name;
  remembered.set("tab", name);
}

function tabOf(name, { title, live }) {
  return make("button", {
    type: "button", role: "tab", id: `tab-${name}`, "data-live": Boolean(live), "data-tab": name, "aria-controls": `panel-${name}`,
    "aria-selected": "false", tabindex: -1,
  }, `${title} `, make("span", { id: `${name}-count`, class: "badge" }));
}

function panelOf(name, { markup }) {
  const panel = make("div", { id: `panel-${name}`, class: "side-panel", role: "tabpanel", tabindex: -1, "aria-labelledby": `tab-${name}`, hidden: true });
  panel.innerHTML = markup; // the page's own text; what comes from outside goes in as text
  return panel;
}

export function startTabs() {
  $("tabs").replaceChildren(...panels.map(([name, one]) => tabOf(name, one)));
  $("side").append(...panels.map(([name, one]) => panelOf(name, one)));
  for (const tab of tabs()) {
    tab.addEventListener("click", () => openTab(tab.dataset.tab));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      const all = tabs();
      openTab(all[(all.indexOf(tab) + by + all.length) % all.length].dataset.tab, "tab");
    });
  }
  const last = remembered.get("tab", panels[0][0]);
  openTab(tabs().some((tab) => tab.dataset.tab === last) ? last : panels[0][0]);
}

/** The panels themselves, by name. */
export function startPanels(given) {
  const there = panels.filter(([, one]) => !(given.drive.exported && one.live));
  return new Map(there.map(([name, Panel]) => [name, new Panel(given)]));
}

/** The entries of the table of keys that open the panels, and those of their own. */
export function panelKeys(made) {
  const open = (name, panel) => {
    document.body.classList.remove("no-side");
    openTab(name, "panel");
    panel.opened?.();
  };
  return [...made].flatMap(([name, panel]) => {
    const { key, help } = panel.constructor;
    const pressed = (event) => event.key.toLowerCase() === key.toLowerCase();
    return [...(key ? [[key, help, pressed, () => open(name, panel)]] : []), ...(panel.keys ?? [])];
  });
}
