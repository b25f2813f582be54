// One image with its caption. A canvas, so that all panels change at the same instant without flicker.

import { make, makeSvg, setText } from "./dom.js";

export class Panel {
  constructor(drive) {
    this.drive = drive;
    this.canvas = make("canvas", { role: "img", width: drive.width, height: drive.height });
    this.overlay = makeSvg("svg", {
      class: "overlay", viewBox: `0 0 ${drive.width} ${drive.height}`, preserveAspectRatio: "none", "aria-hidden": "true",
    });
    this.message = make("p", { class: "panel-message", hidden: true });
    this.image = make("div", { class: "image" }, this.canvas, this.overlay, this.message);
    this.swatch = make("span", { class: "swatch" });
    this.title = make("strong");
    this.meaning = make("span", { class: "meaning" });
    this.scale = make("span", { class: "scale" });
    this.caption = make("figcaption", {}, this.swatch, this.title, " ", make("span", { class: "legend" }, this.meaning, " ", this.scale));
    this.element = make("figure", { class: "panel" }, this.image, this.caption);
  }

  /** Assigns a panel of the stage's plan. */
  assign(spec) {
    this.spec = spec;
    this.element.dataset.panel = spec.id;
    setText(this.title, spec.title);
    this.swatch.hidden = !spec.colour;
    if (spec.colour) this.swatch.style.background = spec.colour;
    if (spec.kind === "frame") this.explain("", "");
  }

  resize({ width, height, caption }) {
    this.caption.style.height = `${caption}px`;
    this.element.style.width = `${width}px`;
    this.image.style.width = `${width}px`;
    this.image.style.height = `${height}px`;
  }

  /** Shows the decoded image of a frame. */
  draw(bitmap, frame) {
    if (this.canvas.width !== bitmap.width) this.canvas.width = bitmap.width;
    if (this.canvas.height !== bitmap.height) this.canvas.height = bitmap.height;
    this.canvas.getContext("2d").drawImage(bitmap, 0, 0);
    this.canvas.dataset.frame = frame;
    this.canvas.setAttribute("aria-label", `${this.spec.title}, frame ${frame}`);
    this.message.hidden = true;
    this.late(false);
  }

  /** Shows a message instead of the image. */
  fail(text) {
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
    delete this.canvas.dataset.frame;
    setText(this.message, text);
    this.message.hidden = false;
    this.late(false);
  }

  /** Dims the panel while it shows an earlier view. */
  late(late) { this.element.classList.toggle("late", late); }

  /** Shows what the colours mean and the value at full colour. */
  explain(meaning, scale) {
    setText(this.meaning, meaning);
    setText(this.scale, scale);
    this.caption.title = [meaning, scale].filter(Boolean).join(" · ");
  }
}
