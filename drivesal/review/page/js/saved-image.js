// The stage as an image file: the visible panels with all that is needed to interpret them.

import { editText, editOf } from "./edits.js";
import { settingTexts } from "./fields.js";
import { angle, changeText, clock, count, errorText } from "./format.js";
import { legendOf } from "./legend.js";
import { Loader } from "./loader.js";
import { ALL, planOf } from "./plan.js";
import { ImageLayout } from "./image-layout.js";

const WIDEST_PX = 3840;
const NARROWEST_PX = 480; // width of a panel below which captions are illegible
const GAP_PX = 14;

/** A PNG of the state's panels. Throws the errors of api.js. */
export async function imageOf(drive, state) {
  const first = planOf(drive, state, drive.width);
  const columns = columnsOf(first.panels.length, first.numbers.length, state);
  const width = Math.max(NARROWEST_PX, Math.min(drive.width, Math.floor(WIDEST_PX / columns)));
  const plan = planOf(drive, state, Math.min(width, drive.width));
  const [results, bitmaps] = await fetchAll(plan);
  const layout = new ImageLayout(columns * width + (columns - 1) * GAP_PX);
  for (const runs of heading(drive, state, results)) layout.text(runs);
  const boxes = editOf(state).boxes.map((box) => ({
    x: box.left / drive.width, y: box.top / drive.height, width: (box.right - box.left) / drive.width, height: (box.bottom - box.top) / drive.height,
  }));
  const panels = plan.panels.map((spec, i) => ({ image: bitmaps[i], boxes, paragraphs: caption(spec, results, state) }));
  for (let i = 0; i < panels.length; i += columns) layout.row(panels.slice(i, i + columns), columns, GAP_PX, drive.width / drive.height);
  for (const runs of footing(drive, state, results)) layout.text(runs);
  const blob = await new Promise((resolve) => layout.draw().toBlob(resolve, "image/png"));
  for (const bitmap of bitmaps) bitmap.close();
  if (!blob) throw new Error("the browser could not allocate an image of this size");
  return blob;
}

/** The file name, without its suffix. */
export function fileNameOf(drive, state) {
  return `${drive.name.replace(/\.[^.]*$/, "")}-frame-${state.frame}${state.edit ? "-edited" : ""}`;
}

async function fetchAll(plan) {
  const loader = new Loader();
  const { signal } = new AbortController();
  const results = await Promise.all(plan.numbers.map(async (one) => ({ ...await loader.need(one.url, signal), model: one.model })));
  const bitmaps = await Promise.all(plan.panels.map(async (spec) => createImageBitmap(await loader.need(spec.url, signal))));
  return [results, bitmaps];
}

// two models side by side with several cases: one row each
function columnsOf(panels, models, state) {
  if (models > 1 && state.case === ALL) return panels / models;
  if (panels <= 3) return panels;
  return panels === 4 ? 2 : 3;
}

const plain = (text) => ({ text });
const strong = (text, colour) => ({ text, bold: true, colour });
const quiet = (text) => ({ text, colour: "--muted" });

function heading(drive, state, results) {
  const time = clock(results[0]?.time_s ?? state.frame / drive.rate);
  const facts = [plain(`frame ${state.frame} of ${count(drive.frames)} · ${time}`)];
  const truth = results[0]?.truth ?? null;
  if (truth !== null) facts.push(plain(`· label ${angle(truth)}`));
  const lines = [[strong(drive.name), ...facts]];
  if (state.edit) lines.push([strong(`Edited: ${editText(state.edit)}`, "--accent")]);
  const more = state.edit ? 1 : 0;
  for (const one of results) {
    const runs = [quiet(`${results.length > 1 ? `${"AB"[one.model]} · ` : ""}${drive.models[one.model].name}:`)];
    runs.push(plain(state.edit ? "edited" : "prediction"), strong(angle(one.angle, more)));
    if (state.edit) runs.push(plain(`· unedited ${angle(one.before, 1)} · ${changeText(one.angle - one.before)}`));
    if (truth !== null) runs.push(plain(`· error ${errorText(one.angle - truth)}`));
    lines.push(runs);
  }
  return lines;
}

function caption(spec, results, state) {
  const [meaning, scale] = legendOf(spec, results, state.scale);
  const title = [...(spec.colour ? [{ text: "■", colour: spec.colour }] : []), strong(spec.title)];
  return [[...title, ...(meaning ? [quiet(meaning)] : [])], ...(scale ? [[quiet(scale)]] : [])];
}

function footing(drive, state, results) {
  if (!results.length) return [];
  const method = drive.methods.find((one) => one.name === state.method);
  const options = Object.entries(state.options).map(([name, value]) => `${name} ${value}`);
  const drawn = [method.title, ...options, ...settingTexts(state)];
  const captions = results.map((one) => [quiet(`${results.length > 1 ? `${"AB"[one.model]}: ` : ""}${one.caption}`)]);
  const warnings = [...new Set(results.flatMap((one) => one.warnings))].map((text) => [{ text, colour: "--warn" }]);
  return [...captions, [quiet(drawn.join(" · "))], ...warnings];
}
