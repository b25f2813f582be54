// The side column's tabs, as WAI-ARIA has them: arrows go between tabs, Tab goes into the panel.

import { $, remembered } from "./dom.js";

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

export function startTabs() {
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
  const last = remembered.get("tab", "list");
  openTab(tabs().some((tab) => tab.dataset.tab === last) ? last : "list");
}
