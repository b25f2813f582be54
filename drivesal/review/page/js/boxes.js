// Boxes on the pictures, drawn with the mouse: shown over every panel, drawn on any of them.

import { makeSvg } from "./dom.js";
import { editOf } from "./edits.js";

const SMALLEST_PX = 4;

export class Boxes {
  #drive; #store; #stage; #edits; #fill;

  /** `fill()` says what a new box is filled with; `on()` whether boxes can be drawn now. */
  constructor(drive, store, stage, edits, fill, on) {
    this.#drive = drive;
    this.#store = store;
    this.#stage = stage;
    this.#edits = edits;
    this.#fill = fill;
    store.on(["edit"], () => this.show());
    stage.addEventListener("cast", () => this.show());
    document.getElementById("panels").addEventListener("pointerdown", (event) => {
      const picture = event.target.closest(".picture");
      if (picture && event.button === 0 && on()) this.#draw(event, picture);
    });
  }

  show() {
    const { boxes } = editOf(this.#store.now);
    for (const panel of this.#stage.panels) {
      panel.overlay.querySelectorAll(".box").forEach((one) => one.remove());
      for (const box of boxes) {
        panel.overlay.append(makeSvg("rect", {
          class: "box", x: box.left, y: box.top, width: Math.max(box.right - box.left, 0), height: Math.max(box.bottom - box.top, 0),
        }));
      }
    }
  }

  #draw(event, picture) {
    event.preventDefault();
    const start = this.#at(event, picture);
    const before = editOf(this.#store.now).boxes;
    let drawn = null;
    const move = (now) => {
      const [x, y] = this.#at(now, picture);
      const box = {
        left: Math.min(start[0], x), top: Math.min(start[1], y), right: Math.max(start[0], x), bottom: Math.max(start[1], y), fill: this.#fill(),
      };
      const large = box.right - box.left >= SMALLEST_PX && box.bottom - box.top >= SMALLEST_PX;
      if (!large && !drawn) return;
      drawn = box;
      this.#edits.show({ boxes: [...before, box] });
    };
    const end = (last) => {
      picture.removeEventListener("pointermove", move);
      picture.removeEventListener("pointerup", end);
      picture.removeEventListener("pointercancel", end);
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
    picture.setPointerCapture(event.pointerId);
    picture.addEventListener("pointermove", move);
    picture.addEventListener("pointerup", end);
    picture.addEventListener("pointercancel", end);
    addEventListener("keydown", escape, true);
  }

  #at(event, picture) {
    const place = picture.getBoundingClientRect();
    const x = ((event.clientX - place.left) / place.width) * this.#drive.width;
    const y = ((event.clientY - place.top) / place.height) * this.#drive.height;
    return [Math.round(Math.max(0, Math.min(this.#drive.width, x))), Math.round(Math.max(0, Math.min(this.#drive.height, y)))];
  }
}
