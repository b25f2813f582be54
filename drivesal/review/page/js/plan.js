// The plan of a state: the panels of the stage and the numbers, with the URLs to fetch.

import { viewQuery } from "./api.js";
import { requestedOnly } from "./cases.js";
import { capitalised } from "./format.js";

export const ALL = "all";
export const BOTH = "both";
export const DIFFERENCE = "apart"; // the difference of two models, B − A
const SLOW_PASSES = 8;

/** The cases that a method supports. */
export function casesOf(drive, name) {
  const method = drive.methods.find((one) => one.name === name);
  const signed = method?.signed ?? true;
  return drive.cases.filter((one) => signed || one.shown !== "signed");
}

/** The numbers of the visible models. */
export function modelsOf(drive, state) {
  if (drive.models.length < 2) return [0];
  return state.model === BOTH ? [0, 1] : [Number(state.model)];
}

/** The model whose attribution and bands the timeline shows: its number, or DIFFERENCE. */
export function timelineModel(drive, state) {
  if (drive.models.length < 2) return 0;
  return state.of === DIFFERENCE ? DIFFERENCE : Number(state.of);
}

const modelName = (drive, number) => (drive.models.length > 1 ? "AB"[number] : "");

/** The visible cases: the selected one, or those side by side. */
export function shownCases(drive, state) {
  const available = casesOf(drive, state.method);
  if (state.case === ALL) {
    const chosen = available.filter((one) => state.cases.includes(one.name));
    return chosen.length ? chosen : [fallback(available)];
  }
  return [available.find((one) => one.name === state.case) ?? fallback(available)];
}

const fallback = (available) => available.find((one) => one.shown === "unsigned") ?? available[0];

/** The state with `requestedCases`: visible cases that the server computes only on request. */
export const withRequestedCases = (drive, state) => ({ ...state, requestedCases: requestedOnly(shownCases(drive, state)) });

/** Whether the method is slow: then its numbers are awaited before its images are requested. */
export function slow(drive, state) {
  const passes = drive.methods.find((one) => one.name === state.method)?.passes ?? 1;
  return passes * (state.requestedCases.length ? 2 : 1) > SLOW_PASSES;
}

/** {frame, panels, numbers, slow}: a panel is {id, kind, url, title, colour, model, case}. */
export function planOf(drive, state, width) {
  const cases = shownCases(drive, state);
  const requested = withRequestedCases(drive, state);
  const plan = { frame: state.frame, panels: [], numbers: [], slow: slow(drive, requested) };
  const models = drive.ready ? modelsOf(drive, state) : [];
  const both = models.length > 1;
  // two models with several cases fill the stage: one row each
  if ((state.showFrame && !(both && state.case === ALL)) || !drive.ready) plan.panels.push(frameSpec(state, width));
  for (const model of models) {
    plan.numbers.push({ model, url: `/api/explained/${state.frame}?${viewQuery(requested, model)}` });
    for (const one of cases) {
      const title = [modelName(drive, model), capitalised(one.title)].filter(Boolean).join(" · ");
      const url = `/api/heat/${state.frame}?${viewQuery(requested, model, { case: one.name, width })}`;
      plan.panels.push({ id: `heat-${model}-${one.name}`, kind: "heat", url, title, colour: one.colour, model, case: one.name });
    }
  }
  if (both && state.case !== ALL) plan.panels.push(differenceSpec(requested, cases[0], width));
  return plan;
}

function frameSpec(state, width) {
  const query = new URLSearchParams({ width });
  if (state.edit) query.set("edit", JSON.stringify(state.edit));
  const title = state.edit ? "Frame, edited" : "Frame";
  return { id: "frame", kind: "frame", url: `/api/frame/${state.frame}?${query}`, title, colour: "", model: 0, case: "" };
}

function differenceSpec(requested, one, width) {
  const url = `/api/difference/${requested.frame}?${viewQuery(requested, 0, { case: one.name, width })}`;
  return { id: "difference", kind: "difference", url, title: `B − A, ${one.title}`, colour: "", model: 0, case: one.name };
}
