// Entry point: assembles the page.

import { Address, fromHash } from "./address.js";
import * as api from "./api.js";
import { useLanes } from "./cases.js";
import { Choices } from "./choices.js";
import { $, preferences, setText } from "./dom.js";
import { Edits } from "./edits.js";
import { initialSettings, useSettings } from "./fields.js";
import { useKind } from "./format.js";
import { startHelp } from "./help.js";
import { keyTable, startKeys } from "./keys.js";
import { validState } from "./validate.js";
import { notice } from "./notices.js";
import { Numbers } from "./numbers.js";
import { ALL, BOTH, casesOf } from "./plan.js";
import { Player } from "./player.js";
import { Probe } from "./probe.js";
import { Rows } from "./rows.js";
import { Save } from "./save.js";
import { Stage } from "./stage.js";
import { Status } from "./status.js";
import { Store } from "./store.js";
import { panelKeys, startPanels, startTabs } from "./tabs.js";
import { startTheme } from "./theme.js";
import { Timeline } from "./timeline.js";

const RETRY_MS = 1000;

/** The drive's description; retried until the server responds. */
async function fetchDrive() {
  for (;;) {
    try {
      return await api.json("/api/drive");
    } catch (error) {
      notice("gone", `The drive could not be loaded: ${error.message}.`, "bad");
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function startState(drive) {
  const { start } = drive;
  const beside = drive.cases.filter((one) => one.shown === "signed").map((one) => one.name);
  const state = {
    frame: 0, case: drive.cases[0].name, cases: preferences.get("beside", beside), method: start.method, options: start.options, ...initialSettings(start),
    model: BOTH, of: "0", showFrame: !drive.exported && preferences.get("showFrame", true), edit: null, edits: 0, playing: false, requestedCases: [],
  };
  const names = casesOf(drive, state.method).map((one) => one.name);
  if (!names.includes(state.case)) [state.case] = names;
  return state;
}

function describe(drive) {
  setText($("drive-name"), drive.name);
  const { exported } = drive;
  const extract = exported ? `exported${exported.every > 1 ? `, 1 of every ${exported.every} frames` : ""}` : "";
  setText($("models"), [drive.models.map((one) => one.name).join(" and "), exported?.method, extract].filter(Boolean).join(" · "));
  document.title = `${drive.name} · drivesal review`;
}

async function start() {
  const drive = await fetchDrive();
  notice("gone", "");
  useKind(drive.kind);
  useSettings(drive.settings);
  useLanes(drive.lanes);
  describe(drive);
  if (drive.exported) document.body.dataset.exported = "true";
  const state = { ...startState(drive), ...validState(drive, fromHash(location.hash)) };
  const store = new Store(state, drive.exported?.frames);
  store.onShown = (requested, shown) => notice("held", requested === shown ? "" : `Frame ${requested} is not in this file; frame ${shown} is shown instead.`, "warn");
  store.onShown(state.frame, store.now.frame);
  const rows = new Rows(Math.max(drive.models.length, 1), store);
  startTabs();
  const stage = new Stage(drive, store);
  new Numbers(drive, store, stage, rows);
  const choices = new Choices(drive, store);
  const timeline = new Timeline(drive, store, rows);
  const edits = new Edits(store);
  const panels = startPanels({ drive, store, rows, stage, timeline, edits });
  const player = new Player(drive, store, stage);
  const probe = new Probe(drive, store, stage);
  const address = new Address(store, drive.name, (raw) => validState(drive, raw));
  new Save(drive, store, address);
  startTheme(() => timeline.repaint());
  startBusy(stage);
  store.on(["cases", "showFrame"], (state) => {
    preferences.set("beside", state.cases);
    preferences.set("showFrame", state.showFrame);
  });

  const actions = {
    step: (by) => player.step(by), go: (frame) => player.go(frame), play: () => player.toggle(),
    show: (one) => { if (casesOf(drive, store.now.method).some(({ name }) => name === one.name)) store.set({ case: one.name }); },
    all: () => store.set({ case: ALL }),
    toggleFrame: () => store.set({ showFrame: !store.now.showFrame }),
    toggleSide: () => document.body.classList.toggle("no-side"),
    nextModel: () => {
      const order = [BOTH, "0", "1"];
      if (drive.models.length > 1) store.set({ model: order[(order.indexOf(store.now.model) + 1) % 3] });
    },
    zoom: (closer) => timeline.zoom(closer ? 1.6 : 1 / 1.6), wholeDrive: () => timeline.all(),
    focus: (id) => { $(id).focus(); $(id).select?.(); },
    undo: () => edits.undo(), redo: () => edits.redo(), probe: ([right, down]) => probe.move(right, down),
    escape: () => { probe.clear(); document.activeElement?.blur?.(); }, help: () => $("help").showModal(),
  };
  const table = keyTable(actions, drive.cases, panelKeys(panels));
  startKeys(table);
  startHelp(table);

  // the models are ready seconds after the page, and again after a restart of the server
  let following = false;
  const refresh = async () => {
    const now = await api.json("/api/drive");
    if (now.name !== drive.name || now.frames !== drive.frames) { location.reload(); return; }
    Object.assign(drive, now);
    useKind(drive.kind);
    describe(drive);
    choices.describe();
    for (const panel of panels.values()) panel.describe?.();
    rows.follow(drive.models.length);
    await timeline.build();
    stage.forget();
  };
  const status = new Status(drive.frames);
  status.addEventListener("status", ({ detail: { now } }) => {
    if (now.ready && !following) {
      following = true;
      refresh().catch(() => { following = false; });
    } else if (!now.ready) following = false;
  });
  status.addEventListener("reconnected", () => { following = false; });
  if (drive.ready) { following = true; rows.follow(drive.models.length); }
  stage.render();
  document.body.dataset.started = "true";
}

/** Shows the progress of slow computations. */
function startBusy(stage) {
  stage.addEventListener("busy", ({ detail }) => {
    $("busy").hidden = false;
    if (detail.share === null) $("busy-bar").removeAttribute("value");
    else $("busy-bar").value = detail.share;
    setText($("busy-text"), detail.what ? `${detail.what}: ${Math.round(100 * detail.share)} %` : "Waiting");
  });
  stage.addEventListener("idle", () => { $("busy").hidden = true; });
}

start().catch((error) => {
  notice("start", `The page could not start: ${error.message}`, "bad");
  throw error;
});
