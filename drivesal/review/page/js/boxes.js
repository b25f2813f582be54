// Boxes drawn with the mouse on any panel and shown on all of them.

import { makeSvg } from "./dom.js";
import { editOf } from "./edits.js";

const SMALLEST_PX = 4;

export class Boxes {
  #drive; #store; #stage; #edits; #fill;

  /** `fill()` is the fill of a new box; `enabled()` is true while boxes can be drawn. */
  constructor(drive, store, stage, edits, fill, enabled) {
    this.#drive = drive;
    this.#store = store;
    this.#stage = stage;
    this.#edits = edits;
    this.#fill = fill;
    store.on(["edit"], () => this.show());
    stage.addEventListener("panels", () => this.show());
    document.getElementById("panels").addEventListener("pointerdown", (event) => {
      const image = event.target.closest(".image");
      if (image && event.button === 0 && enabled()) this.#draw(event, image);
    });
  }

  show() {
    const { boxes } = editOf(this.#store.now);
    for (const panel of this.#stage.panels) {
      panel.overlay.querySelectorAll(".box").forEach((rect) => rect.remove());
      for (const box of boxes) {
        panel.overlay.append(makeSvg("rect", {
          class: "box", x: box.left, y: box.top, width: Math.max(box.right - box.left, 0), height: Math.max(box.bottom - box.top, 0),
        }));
      }
    }
  }

  #draw(event, image) {
    event.preventDefault();
    const start = this.#framePoint(event, image);
    const before = editOf(this.#store.now).boxes;
    let drawn = null;
    const move = (now) => {
      const [x, y] = this.#framePoint(now, image);
      const box = {
        left: Math.min(start[0], x), top: Math.min(start[1], y), right: Math.max(start[0], x), bottom: Math.max(start[1], y), fill: this.#fill(),
      };
      const large = box.right - box.left >= SMALLEST_PX && box.bottom - box.top >= SMALLEST_PX;
      if (!large && !drawn) return;
      drawn = box;
      this.#edits.show({ boxes: [...before, box] });
    };
    const end = (last) => {
      image.removeEventListener("pointermove", move);
      image.removeEventListener("pointerup", end);
      image.removeEventListener("pointercancel", end);
      removeEventListener("keydown", escape, true);
      if (last?.type === "pointercancel") this.#edits.show({ boxes: before });
      this.#edits.commit();
    };
    const escape = (key) => {
      if (key.key !== "Escape") return;
      key.stopPropagation();
      this.#edits.show({ boxes: before });
      end();
    };
    image.setPointerCapture(event.pointerId);
    image.addEventListener("pointermove", move);
    image.addEventListener("pointerup", end);
    image.addEventListener("pointercancel", end);
    addEventListener("keydown", escape, true);
  }

  #framePoint(event, image) {
    const bounds = image.getBoundingClientRect();
    const x = ((event.clientX - bounds.left) / bounds.width) * this.#drive.width;
    const y = ((event.clientY - bounds.top) / bounds.height) * this.#drive.height;
    return [Math.round(Math.max(0, Math.min(this.#drive.width, x))), Math.round(Math.max(0, Math.min(this.#drive.height, y)))];
  }
}
