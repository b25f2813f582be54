// Lays out text and images from top to bottom; drawn once the total height is known.

import { colour } from "./dom.js";

const MARGIN = 16;
const TEXT = 15; // font size [px]
const LEADING = 1.4;
const FAMILY = 'system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

export class ImageLayout {
  #commands = []; #measure = document.createElement("canvas").getContext("2d"); #y = MARGIN; #inner;

  /** `width` [px] is that between the margins. */
  constructor(width) { this.#inner = width; }

  /** Adds a paragraph of `runs` [{text, bold, colour}]. */
  text(runs) { this.#y += this.#paragraph(runs, MARGIN, this.#y, this.#inner) + 2; }

  /** Adds a row of up to `columns` images, `gap` px apart: [{image, boxes, paragraphs}]. `boxes` [{x, y, width, height}] are
   * shares of the image, `paragraphs` the lists of runs below it, `aspect` is width / height.
   */
  row(panels, columns, gap, aspect) {
    this.#y += gap / 2;
    const width = Math.floor((this.#inner - gap * (columns - 1)) / columns);
    const height = Math.round(width / aspect);
    const top = this.#y;
    const captions = panels.map((panel, i) => {
      const left = MARGIN + i * (width + gap);
      this.#commands.push((context) => {
        context.imageSmoothingQuality = "high";
        context.drawImage(panel.image, left, top, width, height);
        dashed(context, panel.boxes, left, top, width, height);
      });
      let y = top + height + 4;
      for (const runs of panel.paragraphs) y += this.#paragraph(runs, left, y, width);
      return y;
    });
    this.#y = Math.max(...captions) + gap / 2;
  }

  /** Draws everything on a new canvas. */
  draw() {
    const canvas = document.createElement("canvas");
    canvas.width = this.#inner + 2 * MARGIN;
    canvas.height = Math.ceil(this.#y + MARGIN);
    const context = canvas.getContext("2d");
    context.fillStyle = colour("--bg");
    context.fillRect(0, 0, canvas.width, canvas.height);
    for (const draw of this.#commands) draw(context);
    return canvas;
  }

  // returns the height [px]
  #paragraph(runs, left, top, width) {
    let x = 0;
    let line = 0;
    for (const { text, bold, colour: ink = "--ink" } of runs) {
      const font = `${bold ? "600 " : ""}${TEXT}px ${FAMILY}`;
      this.#measure.font = font;
      for (const word of text.split(" ")) {
        const wide = this.#measure.measureText(word).width;
        if (x > 0 && x + wide > width) { x = 0; line++; }
        const position = [left + x, top + line * TEXT * LEADING];
        this.#commands.push((context) => {
          Object.assign(context, { font, fillStyle: ink.startsWith("--") ? colour(ink) : ink, textBaseline: "top" });
          context.fillText(word, ...position);
        });
        x += wide + this.#measure.measureText(" ").width;
      }
    }
    return (line + 1) * TEXT * LEADING;
  }
}

function dashed(context, boxes, left, top, width, height) {
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  for (const [ink, line, dashes] of [["#000", 3, []], ["#fff", 1.5, [5, 3]]]) {
    Object.assign(context, { strokeStyle: ink, lineWidth: line });
    context.setLineDash(dashes);
    for (const box of boxes) context.strokeRect(left + box.x * width, top + box.y * height, box.width * width, box.height * height);
  }
  context.restore();
}
