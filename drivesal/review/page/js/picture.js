// The stage as a picture of its own, to keep or to send: what is shown, with all that is needed to read it.

import { editInWords, editOf } from "./edits.js";
import { inWords } from "./fields.js";
import { angle, changeInWords, clock, count, errorInWords } from "./format.js";
import { legendOf } from "./legend.js";
import { Loader } from "./loader.js";
import { ALL, planOf } from "./plan.js";
import { Sheet } from "./sheet.js";

const WIDEST_PX = 3840;
const LEAST_PX = 480; // of a panel: below it no caption can be read
const GAP_PX = 14;

/** A PNG of what the state shows. Raises what api.js raises. */
export async function pictureOf(drive, state) {
  const first = planOf(drive, state, drive.width);
  const columns = columnsOf(first.parts.length, first.numbers.length, state);
  const width = Math.max(LEAST_PX, Math.min(drive.width, Math.floor(WIDEST_PX / columns)));
  const plan = planOf(drive, state, Math.min(width, drive.width));
  const [found, bitmaps] = await fetched(plan);
  const sheet = new Sheet(columns * width + (columns - 1) * GAP_PX);
  for (const runs of heading(drive, state, found)) sheet.text(runs);
  const boxes = editOf(state).boxes.map((box) => ({
    x: box.left / drive.width, y: box.top / drive.height, width: (box.right - box.left) / drive.width, height: (box.bottom - box.top) / drive.height,
  }));
  const parts = plan.parts.map((part, i) => ({ image: bitmaps[i], boxes, paragraphs: caption(part, found, state) }));
  for (let i = 0; i < parts.length; i += columns) sheet.row(parts.slice(i, i + columns), columns, GAP_PX, drive.width / drive.height);
  for (const runs of footing(drive, state, found)) sheet.text(runs);
  const blob = await new Promise((resolve) => sheet.drawn().toBlob(resolve, "image/png"));
  for (const bitmap of bitmaps) bitmap.close();
  if (!blob) throw new Error("the browser has no memory for a picture of this size");
  return blob;
}

/** The name of its file, without an ending. */
export function nameOf(drive, state) {
  return `${drive.name.replace(/\.[^.]*$/, "")}-frame-${state.frame}${state.edit ? "-edited" : ""}`;
}

async function fetched(plan) {
  const loader = new Loader();
  const { signal } = new AbortController();
  const found = await Promise.all(plan.numbers.map(async (one) => ({ ...await loader.need(one.url, signal), model: one.model })));
  const bitmaps = await Promise.all(plan.parts.map(async (part) => createImageBitmap(await loader.need(part.url, signal))));
  return [found, bitmaps];
}

// two models with their cases make two rows of their own
function columnsOf(parts, models, state) {
  if (models > 1 && state.case === ALL) return parts / models;
  if (parts <= 3) return parts;
  return parts === 4 ? 2 : 3;
}

const plain = (text) => ({ text });
const strong = (text, colour) => ({ text, bold: true, colour });
const quiet = (text) => ({ text, colour: "--muted" });

function heading(drive, state, found) {
  const time = clock(found[0]?.time_s ?? state.frame / drive.rate);
  const facts = [plain(`frame ${state.frame} of ${count(drive.frames)} · ${time}`)];
  const truth = found[0]?.truth ?? null;
  if (truth !== null) facts.push(plain(`· true ${angle(truth)}`));
  const lines = [[strong(drive.name), ...facts]];
  if (state.edit) lines.push([strong(`edited: ${editInWords(state.edit)}`, "--accent")]);
  const more = state.edit ? 1 : 0;
  for (const one of found) {
    const runs = [quiet(`${found.length > 1 ? `${"AB"[one.model]} · ` : ""}${drive.models[one.model].name}:`)];
    runs.push(plain(state.edit ? "edited" : "predicted"), strong(angle(one.angle, more)));
    if (state.edit) runs.push(plain(`· unedited ${angle(one.before, 1)} · ${changeInWords(one.angle - one.before)}`));
    if (truth !== null) runs.push(plain(`· error ${errorInWords(one.angle - truth)}`));
    lines.push(runs);
  }
  return lines;
}

function caption(part, found, state) {
  const [meaning, scale] = legendOf(part, found, state.scale);
  const title = [...(part.colour ? [{ text: "■", colour: part.colour }] : []), strong(part.title)];
  return [[...title, ...(meaning ? [quiet(meaning)] : [])], ...(scale ? [[quiet(scale)]] : [])];
}

function footing(drive, state, found) {
  if (!found.length) return [];
  const method = drive.methods.find((one) => one.name === state.method);
  const options = Object.entries(state.options).map(([name, value]) => `${name} ${value}`);
  const drawn = [method.title, ...options, ...inWords(state)];
  const captions = found.map((one) => [quiet(`${found.length > 1 ? `${"AB"[one.model]}: ` : ""}${one.caption}`)]);
  const warnings = [...new Set(found.flatMap((one) => one.warnings))].map((text) => [{ text, colour: "--warn" }]);
  return [...captions, [quiet(drawn.join(" · "))], ...warnings];
}
