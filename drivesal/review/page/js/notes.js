// Notes on frames: written here, kept by the server beside the drive.

import * as api from "./api.js";
import { $, make, say } from "./dom.js";
import { clock } from "./format.js";
import { failure } from "./notices.js";

const REST_MS = 1200;

export class Notes {
  #store; #timeline; #notes = new Map(); #drafts = new Map(); #area = $("note"); #frame; #timer = 0; #saving = Promise.resolve();

  constructor(drive, store, timeline) {
    this.#store = store;
    this.#timeline = timeline;
    this.#frame = store.now.frame;
    say($("notes-file"), drive.notes_file);
    this.#area.addEventListener("input", () => {
      say($("note-state"), "not saved yet");
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.save(), REST_MS);
    });
    this.#area.addEventListener("blur", () => this.save());
    this.#area.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.save(); }
    });
    $("save-note").addEventListener("click", () => this.save());
    store.on(["frame"], (state) => this.#turn(state.frame));
    addEventListener("beforeunload", (event) => { if (this.#drafts.size || this.#area.value !== this.#text(this.#frame)) event.preventDefault(); });
    this.load();
  }

  #text(frame) { return this.#drafts.get(frame) ?? this.#notes.get(frame)?.text ?? ""; }

  async load() {
    try {
      this.#take((await api.json("/api/notes")).notes);
      if (document.activeElement !== this.#area) this.#fill();
      for (const frame of this.#drafts.keys()) this.#put(frame);
    } catch (error) {
      if (!(error instanceof api.Gone)) failure(`The notes cannot be read: ${error.message}`);
    }
  }

  /** Saves what was written. Nothing is asked where nothing changed. */
  save() {
    clearTimeout(this.#timer);
    const text = this.#area.value;
    if (text === this.#text(this.#frame)) return;
    this.#drafts.set(this.#frame, text);
    this.#put(this.#frame);
  }

  // one after another, or an older text could come last; what could not be saved is kept for another try
  #put(frame) {
    this.#saving = this.#saving.then(async () => {
      const text = this.#drafts.get(frame);
      if (text === undefined) return;
      this.#state(frame, "saving…");
      try {
        const { notes } = await api.putNote(frame, text);
        if (this.#drafts.get(frame) === text) this.#drafts.delete(frame);
        this.#take(notes);
        this.#state(frame, "saved");
      } catch (error) {
        this.#state(frame, "not saved");
        failure(`The note on frame ${frame} was not saved: ${error.message}`);
      }
    });
  }

  #state(frame, text) {
    if (frame === this.#frame) say($("note-state"), text);
  }

  #turn(frame) {
    this.save();
    this.#frame = frame;
    this.#fill();
    this.#mark();
  }

  #fill() {
    this.#area.value = this.#text(this.#frame);
    say($("note-state"), this.#drafts.has(this.#frame) ? "not saved yet" : "");
    say($("note-frame"), `frame ${this.#frame}`);
  }

  #take(notes) {
    this.#notes = new Map(notes.map((note) => [note.frame, note]));
    const items = notes.map((note) => make("li", {}, make("button", {
      type: "button", class: "item", "data-frame": note.frame,
      on: { click: () => this.#store.set({ frame: note.frame, playing: false }, "jump") },
    }, make("span", { class: "item-what", text: `${clock(note.time_s, 1)} · frame ${note.frame}` }), make("span", { class: "item-text", text: note.text }))));
    $("notes").replaceChildren(...items);
    $("notes-empty").hidden = notes.length > 0;
    $("notes-csv").hidden = notes.length === 0;
    say($("notes-count"), notes.length ? String(notes.length) : "");
    this.#timeline.notes(notes.map((note) => note.frame));
    this.#mark();
  }

  #mark() {
    for (const button of $("notes").querySelectorAll(".item")) {
      if (Number(button.dataset.frame) === this.#store.now.frame) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
}
