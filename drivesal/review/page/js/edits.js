// Edits of the frame and their undo history.

const NO_EDIT = { boxes: [], brightness: 0, contrast: 1, blur: 0, shift: [0, 0] };

export const editOf = (state) => ({ ...NO_EDIT, ...state.edit });

const isEmpty = (edit) => !edit.boxes.length && edit.brightness === 0 && edit.contrast === 1 && edit.blur === 0
  && edit.shift[0] === 0 && edit.shift[1] === 0;

/** The edit, or null if it changes nothing. */
export const orNone = (edit) => (isEmpty(edit) ? null : edit);

/** The fills of a box and their names. */
export const FILLS = { mean: "mean frame", blur: "blurred", black: "black" };

/** An edit as text, such as "2 boxes (black, blurred), brightness +30 of 255". */
export function editText(edit) {
  const { boxes, brightness, contrast, blur, shift: [right, down] } = { ...NO_EDIT, ...edit };
  const texts = [];
  const fills = [...new Set(boxes.map((box) => FILLS[box.fill]))].join(", ");
  if (boxes.length) texts.push(`${boxes.length === 1 ? "1 box" : `${boxes.length} boxes`} (${fills})`);
  if (brightness) texts.push(`brightness ${brightness > 0 ? "+" : "−"}${Math.abs(brightness)} of 255`);
  if (contrast !== 1) texts.push(`contrast × ${contrast.toFixed(2)}`);
  if (blur) texts.push(`blur ${blur} px`);
  if (right) texts.push(`shifted ${Math.abs(right)} px ${right > 0 ? "right" : "left"}`);
  if (down) texts.push(`shifted ${Math.abs(down)} px ${down > 0 ? "down" : "up"}`);
  return texts.join(", ");
}

/** Changes the state's `edit`; committed changes can be undone and redone. */
export class Edits {
  #store; #past = []; #future = []; #base;

  constructor(store) {
    this.#store = store;
    this.#base = store.now.edit;
  }

  get undoable() { return this.#past.length > 0; }
  get redoable() { return this.#future.length > 0; }

  /** Applies a change that is still in progress. */
  show(patch) {
    const edit = { ...editOf(this.#store.now), ...patch };
    this.#store.set({ edit: orNone(edit) });
  }

  /** Completes a change: one undo step. */
  commit() {
    const { edit } = this.#store.now;
    if (JSON.stringify(edit) === JSON.stringify(this.#base)) return;
    this.#past.push(this.#base);
    this.#future = [];
    this.#base = edit;
    this.#store.set({ edits: this.#store.now.edits + 1 });
  }

  do(patch) {
    this.show(patch);
    this.commit();
  }

  undo() { this.#swap(this.#past, this.#future); }
  redo() { this.#swap(this.#future, this.#past); }

  reset() {
    this.#store.set({ edit: null });
    this.commit();
  }

  /** Takes the state's edit as the new base, when it came from the address. */
  adopt() { this.#base = this.#store.now.edit; }

  #swap(from, to) {
    if (!from.length) return;
    to.push(this.#base);
    this.#base = from.pop();
    this.#store.set({ edit: this.#base, edits: this.#store.now.edits + 1 });
  }
}
