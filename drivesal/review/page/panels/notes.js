// Notes on frames, saved by the server next to the drive. Unsaved text is a draft, with the version that it is based on.
// If the note was changed elsewhere in the meantime, both texts are shown and the user chooses.

import * as api from "../js/api.js";
import { $, make, setText } from "../js/dom.js";
import { clock } from "../js/format.js";
import { failure } from "../js/notices.js";

const SAVE_DELAY_MS = 1200;

export default class Notes {
  static title = "Notes";
  static order = 30;
  static key = "N";
  static help = "Write a note";
  static markup = `
  <label class="note-field" data-live><span class="label">Note on <span id="note-frame"></span></span>
    <textarea id="note" rows="4" maxlength="4000" placeholder="Describe what you see in this frame"></textarea></label>
  <div class="actions" data-live><button type="button" id="save-note">Save</button> <span id="note-state" class="quiet" role="status"></span></div>
  <h2>All notes</h2>
  <ol id="notes" class="items"></ol>
  <p id="notes-empty" class="quiet empty">No notes yet.</p>
  <p class="quiet foot" data-live>Saved in <span id="notes-file"></span>. <a id="notes-csv" href="/api/notes.csv" download hidden>Download as CSV</a></p>
  `;

  #store; #timeline; #notes = new Map(); #area = $("note"); #frame; #timer = 0; #saving = Promise.resolve();
  #drafts = new Map(); // by frame {text, base}, and in case of a conflict the saved note as `saved`
  #conflict = make("div", { class: "conflict", hidden: true, role: "alert" });

  constructor({ drive, store, timeline }) {
    this.#store = store;
    this.#timeline = timeline;
    this.#frame = store.now.frame;
    setText($("notes-file"), drive.notes_file);
    $("save-note").parentElement.before(this.#conflict);
    this.#area.addEventListener("input", () => {
      this.#write(this.#area.value);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.save(), SAVE_DELAY_MS);
    });
    this.#area.addEventListener("blur", () => this.save());
    this.#area.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.save(); }
    });
    $("save-note").addEventListener("click", () => this.save());
    store.on(["frame"], (state) => this.#changeFrame(state.frame));
    addEventListener("beforeunload", (event) => { if (this.#drafts.size) event.preventDefault(); });
    // another tab may have saved notes in the meantime
    addEventListener("focus", () => this.load());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.load(); });
    this.load();
  }

  /** Called when the panel was opened by its key. */
  opened() { this.#area.focus(); }

  describe() { this.load(); }

  #text(frame) { return this.#drafts.get(frame)?.text ?? this.#notes.get(frame)?.text ?? ""; }

  #version(frame) { return this.#notes.get(frame)?.version ?? ""; }

  async load() {
    try {
      this.#update((await api.json("/api/notes")).notes);
      for (const frame of this.#drafts.keys()) this.#put(frame);
    } catch (error) {
      if (!(error instanceof api.Disconnected)) failure(`The notes could not be loaded: ${error.message}`);
    }
  }

  // a draft stays based on the version that was shown when it was started
  #write(text) {
    const draft = this.#drafts.get(this.#frame);
    if (draft) draft.text = text;
    else this.#drafts.set(this.#frame, { text, base: this.#version(this.#frame) });
    this.#state(this.#frame, draft && "saved" in draft ? "Not saved: choose a version" : "Unsaved");
  }

  /** Saves the draft; no request if nothing changed. */
  save() {
    clearTimeout(this.#timer);
    const draft = this.#drafts.get(this.#frame);
    if (!draft) return;
    if (draft.text === (this.#notes.get(this.#frame)?.text ?? "") && draft.base === this.#version(this.#frame)) {
      this.#drafts.delete(this.#frame);
      this.#state(this.#frame, "");
    } else this.#put(this.#frame);
  }

  // one request at a time, or an older text could be saved last; a failed draft is kept for another attempt
  #put(frame) {
    this.#saving = this.#saving.then(async () => {
      const draft = this.#drafts.get(frame);
      if (!draft || "saved" in draft) return; // the user has to choose first
      const { text, base } = draft;
      this.#state(frame, "Saving…");
      try {
        const { notes } = await api.putNote(frame, text, base);
        if (draft.text === text) this.#drafts.delete(frame);
        else draft.base = notes.find((note) => note.frame === frame)?.version ?? "";
        this.#update(notes);
        this.#state(frame, draft.text === text ? "Saved" : "Unsaved");
      } catch (error) {
        this.#failed(frame, draft, error);
      }
    });
  }

  #failed(frame, draft, error) {
    if (error.status === 409) {
      draft.saved = error.body.note;
      this.load(); // the list shows the saved note
      this.#state(frame, "Not saved: choose a version");
      if (frame === this.#frame) this.#showConflict();
      else failure(`The note on frame ${frame} was also changed elsewhere: go to that frame and choose which version to keep.`);
      return;
    }
    this.#state(frame, "Not saved");
    failure(`The note on frame ${frame} could not be saved: ${error.message}`);
  }

  // ---- conflicts ----

  // shows the saved note and the draft; both stay until the user chooses
  #showConflict() {
    const draft = this.#drafts.get(this.#frame);
    const open = draft !== undefined && "saved" in draft;
    this.#conflict.hidden = !open;
    if (!open) { this.#conflict.replaceChildren(); return; }
    const theirs = draft.saved?.text ?? "";
    const settle = (text) => {
      // now based on the saved version; a further change elsewhere is a new conflict
      this.#drafts.set(this.#frame, { text: text(draft.text), base: draft.saved?.version ?? "" });
      this.#fill();
      this.#put(this.#frame);
      this.#area.focus();
    };
    const button = (id, text, act) => make("button", { type: "button", id, text, on: { click: () => settle(act) } });
    this.#conflict.replaceChildren(
      make("p", { class: "notice warn", text: theirs ? "Also changed elsewhere. Your text is above; the saved text:" : "Deleted elsewhere. Your text is above." }),
      make("p", { class: "item-text", id: "note-theirs", text: theirs }),
      make("div", { class: "actions" }, button("keep-mine", "Keep mine", (mine) => mine),
        button("keep-theirs", theirs ? "Keep theirs" : "Delete note", () => theirs),
        theirs ? button("keep-both", "Keep both", (mine) => `${theirs}\n\n${mine}`) : null),
    );
  }

  #state(frame, text) {
    if (frame === this.#frame) setText($("note-state"), text);
  }

  #changeFrame(frame) {
    this.save();
    this.#frame = frame;
    this.#fill();
    this.#mark();
  }

  #fill() {
    const text = this.#text(this.#frame);
    // while the user types, keep the trailing space that the server strips
    const typing = document.activeElement === this.#area && this.#area.value.trim() === text.trim();
    if (this.#area.value !== text && !typing) this.#area.value = text;
    const draft = this.#drafts.get(this.#frame);
    setText($("note-state"), !draft ? "" : "saved" in draft ? "Not saved: choose a version" : "Unsaved");
    setText($("note-frame"), `frame ${this.#frame}`);
    this.#showConflict();
  }

  #update(notes) {
    this.#notes = new Map(notes.map((note) => [note.frame, note]));
    const items = notes.map((note) => make("li", {}, make("button", {
      type: "button", class: "item", "data-frame": note.frame,
      on: { click: () => this.#store.set({ frame: note.frame, playing: false }, "jump") },
    }, make("span", { class: "item-what", text: `${clock(note.time_s, 1)} · frame ${note.frame}` }), make("span", { class: "item-text", text: note.text }))));
    $("notes").replaceChildren(...items);
    $("notes-empty").hidden = notes.length > 0;
    $("notes-csv").hidden = notes.length === 0;
    setText($("notes-count"), notes.length ? String(notes.length) : "");
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
