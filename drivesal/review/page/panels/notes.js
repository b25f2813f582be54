// Notes on frames: written here, kept by the server beside the drive. What was written is held as a draft, with
// the version that it was written upon, until the server has it; where another tab was there first, both texts
// are shown and the person chooses.

import * as api from "../js/api.js";
import { $, make, say } from "../js/dom.js";
import { clock } from "../js/format.js";
import { failure } from "../js/notices.js";

const REST_MS = 1200;

export default class Notes {
  static title = "Notes";
  static order = 30;
  static key = "N";
  static help = "write a note";
  static markup = `
  <label class="note-field" data-live><span class="label">Note on <span id="note-frame"></span></span>
    <textarea id="note" rows="4" maxlength="4000" placeholder="What is to be seen here?"></textarea></label>
  <div class="actions" data-live><button type="button" id="save-note">Save</button> <span id="note-state" class="quiet" role="status"></span></div>
  <h2>All notes</h2>
  <ol id="notes" class="items"></ol>
  <p id="notes-empty" class="quiet empty">None yet.</p>
  <p class="quiet foot" data-live>Kept in <span id="notes-file"></span>. <a id="notes-csv" href="/api/notes.csv" download hidden>Download as CSV</a></p>
  `;

  #store; #timeline; #notes = new Map(); #area = $("note"); #frame; #timer = 0; #saving = Promise.resolve();
  #drafts = new Map(); // by frame {text, base}, and `kept` where that is another note than the one changed
  #choice = make("div", { class: "conflict", hidden: true, role: "alert" });

  constructor({ drive, store, timeline }) {
    this.#store = store;
    this.#timeline = timeline;
    this.#frame = store.now.frame;
    say($("notes-file"), drive.notes_file);
    $("save-note").parentElement.before(this.#choice);
    this.#area.addEventListener("input", () => {
      this.#write(this.#area.value);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.save(), REST_MS);
    });
    this.#area.addEventListener("blur", () => this.save());
    this.#area.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.save(); }
    });
    $("save-note").addEventListener("click", () => this.save());
    store.on(["frame"], (state) => this.#turn(state.frame));
    addEventListener("beforeunload", (event) => { if (this.#drafts.size) event.preventDefault(); });
    // another tab may have written meanwhile
    addEventListener("focus", () => this.load());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.load(); });
    this.load();
  }

  /** The panel was opened by its key. */
  opened() { this.#area.focus(); }

  describe() { this.load(); }

  #text(frame) { return this.#drafts.get(frame)?.text ?? this.#notes.get(frame)?.text ?? ""; }

  #version(frame) { return this.#notes.get(frame)?.version ?? ""; }

  async load() {
    try {
      this.#take((await api.json("/api/notes")).notes);
      for (const frame of this.#drafts.keys()) this.#put(frame);
    } catch (error) {
      if (!(error instanceof api.Gone)) failure(`The notes cannot be read: ${error.message}`);
    }
  }

  // the draft rests on the version that was shown when it was begun, whatever is learnt since
  #write(text) {
    const draft = this.#drafts.get(this.#frame);
    if (draft) draft.text = text;
    else this.#drafts.set(this.#frame, { text, base: this.#version(this.#frame) });
    this.#state(this.#frame, draft && "kept" in draft ? "not saved: choose a text" : "not saved yet");
  }

  /** Saves what was written. Nothing is asked where nothing changed. */
  save() {
    clearTimeout(this.#timer);
    const draft = this.#drafts.get(this.#frame);
    if (!draft) return;
    if (draft.text === (this.#notes.get(this.#frame)?.text ?? "") && draft.base === this.#version(this.#frame)) {
      this.#drafts.delete(this.#frame);
      this.#state(this.#frame, "");
    } else this.#put(this.#frame);
  }

  // one after another, or an older text could come last; what could not be saved is kept for another try
  #put(frame) {
    this.#saving = this.#saving.then(async () => {
      const draft = this.#drafts.get(frame);
      if (!draft || "kept" in draft) return; // the person has to choose first
      const { text, base } = draft;
      this.#state(frame, "saving…");
      try {
        const { notes } = await api.putNote(frame, text, base);
        if (draft.text === text) this.#drafts.delete(frame);
        else draft.base = notes.find((note) => note.frame === frame)?.version ?? "";
        this.#take(notes);
        this.#state(frame, draft.text === text ? "saved" : "not saved yet");
      } catch (error) {
        this.#refused(frame, draft, error);
      }
    });
  }

  #refused(frame, draft, error) {
    if (error.status === 409) {
      draft.kept = error.told.note;
      this.load(); // the list shows what is kept
      this.#state(frame, "not saved: choose a text");
      if (frame === this.#frame) this.#choose();
      else failure(`The note on frame ${frame} was changed elsewhere meanwhile: go there and choose which text to keep.`);
      return;
    }
    this.#state(frame, "not saved");
    failure(`The note on frame ${frame} was not saved: ${error.message}`);
  }

  // ---- two texts on one frame ----

  // shows what is kept beside what was written, and takes neither away before the person said so
  #choose() {
    const draft = this.#drafts.get(this.#frame);
    const open = draft !== undefined && "kept" in draft;
    this.#choice.hidden = !open;
    if (!open) { this.#choice.replaceChildren(); return; }
    const theirs = draft.kept?.text ?? "";
    const settle = (text) => {
      // written upon what is kept now: should that change again, it is asked again
      this.#drafts.set(this.#frame, { text: text(draft.text), base: draft.kept?.version ?? "" });
      this.#fill();
      this.#put(this.#frame);
      this.#area.focus();
    };
    const button = (id, text, act) => make("button", { type: "button", id, text, on: { click: () => settle(act) } });
    this.#choice.replaceChildren(
      make("p", { class: "notice warn", text: theirs ? "Saved elsewhere since you began; yours is above:" : "Removed elsewhere since you began; yours is above." }),
      make("p", { class: "item-text", id: "note-theirs", text: theirs }),
      make("div", { class: "actions" }, button("keep-mine", "Keep mine", (mine) => mine),
        button("keep-theirs", theirs ? "Keep theirs" : "Remove it", () => theirs),
        theirs ? button("keep-both", "Keep both", (mine) => `${theirs}\n\n${mine}`) : null),
    );
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
    const text = this.#text(this.#frame);
    // who goes on typing keeps the space that the server cut off
    const typing = document.activeElement === this.#area && this.#area.value.trim() === text.trim();
    if (this.#area.value !== text && !typing) this.#area.value = text;
    const draft = this.#drafts.get(this.#frame);
    say($("note-state"), !draft ? "" : "kept" in draft ? "not saved: choose a text" : "not saved yet");
    say($("note-frame"), `frame ${this.#frame}`);
    this.#choose();
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
    this.#fill();
  }

  #mark() {
    for (const button of $("notes").querySelectorAll(".item")) {
      if (Number(button.dataset.frame) === this.#store.now.frame) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
}
