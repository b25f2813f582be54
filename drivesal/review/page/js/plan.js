// What has to be fetched for a state: the panels of the stage and the numbers.

import { viewQuery } from "./api.js";
import { namedOnly } from "./cases.js";

export const ALL = "all";
export const BOTH = "both";
export const APART = "apart"; // of two models: B less A
const SLOW_PASSES = 8;

/** The cases that a method has. */
export function casesOf(drive, name) {
  const method = drive.methods.find((one) => one.name === name);
  const signed = method?.signed ?? true;
  return drive.cases.filter((one) => signed || one.shown !== "signed");
}

/** The models that are shown, by number. */
export function modelsOf(drive, state) {
  if (drive.models.length < 2) return [0];
  return state.model === BOTH ? [0, 1] : [Number(state.model)];
}

/** Whose attribution and bands the timeline shows: a model by number, or APART. */
export function timelineOf(drive, state) {
  if (drive.models.length < 2) return 0;
  return state.of === APART ? APART : Number(state.of);
}

const modelName = (drive, number) => (drive.models.length > 1 ? "AB"[number] : "");

/** Which cases are shown: the chosen one, or those side by side. */
export function shownCases(drive, state) {
  const there = casesOf(drive, state.method);
  if (state.case === ALL) {
    const chosen = there.filter((one) => state.cases.includes(one.name));
    return chosen.length ? chosen : [usual(there)];
  }
  return [there.find((one) => one.name === state.case) ?? usual(there)];
}

const usual = (there) => there.find((one) => one.shown === "unsigned") ?? there[0];

/** The state with the cases that the server is to compute for it beside those of every view. */
export const asking = (drive, state) => ({ ...state, wanted: namedOnly(shownCases(drive, state)) });

/** Whether the method takes long: then its numbers are waited for before its pictures are asked for. */
export function slow(drive, state) {
  const passes = drive.methods.find((one) => one.name === state.method)?.passes ?? 1;
  return passes * (state.wanted.length ? 2 : 1) > SLOW_PASSES;
}

/** {frame, parts, numbers, slow}: each part {id, kind, url, title, colour, model, case}. */
export function planOf(drive, state, width) {
  const cases = shownCases(drive, state);
  const asked = asking(drive, state);
  const frame = { frame: state.frame, parts: [], numbers: [], slow: slow(drive, asked), asked };
  const models = drive.ready ? modelsOf(drive, state) : [];
  const both = models.length > 1;
  // two models with their cases make two rows of their own
  if ((state.showFrame && !(both && state.case === ALL)) || !drive.ready) frame.parts.push(framePart(state, width));
  for (const model of models) {
    frame.numbers.push({ model, url: `/api/explained/${state.frame}?${viewQuery(asked, model)}` });
    for (const one of cases) {
      const title = [modelName(drive, model), one.title].filter(Boolean).join(" · ");
      const url = `/api/heat/${state.frame}?${viewQuery(asked, model, { case: one.name, width })}`;
      frame.parts.push({ id: `heat-${model}-${one.name}`, kind: "heat", url, title, colour: one.colour, model, case: one.name });
    }
  }
  if (both && state.case !== ALL) frame.parts.push(differencePart(asked, cases[0], width));
  return frame;
}

function framePart(state, width) {
  const query = new URLSearchParams({ width });
  if (state.edit) query.set("edit", JSON.stringify(state.edit));
  const title = state.edit ? "frame, edited" : "frame";
  return { id: "frame", kind: "frame", url: `/api/frame/${state.frame}?${query}`, title, colour: "", model: 0, case: "" };
}

function differencePart(asked, one, width) {
  const url = `/api/difference/${asked.frame}?${viewQuery(asked, 0, { case: one.name, width })}`;
  return { id: "difference", kind: "difference", url, title: `B − A, ${one.title}`, colour: "", model: 0, case: one.name };
}
