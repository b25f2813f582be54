// The settings of a view, besides frame, case and model, from the JSON schema that the server provides.

import { capitalised } from "./format.js";

/** {explain, look}: the schema of each setting by name. */
let schema = { explain: {}, look: {} };

/** Sets the schema from the drive's description. */
export function useSettings({ explain, look }) { schema = { explain: withoutNull(explain), look: withoutNull(look) }; }

// a nullable field is described by the schema of its values other than null
function withoutNull(group) {
  const unwrapped = (field) => (field.anyOf ? { ...field, ...field.anyOf.find(({ type }) => type !== "null") } : field);
  return Object.fromEntries(Object.entries(group).map(([name, field]) => [name, unwrapped(field)]));
}

/** Whether a field is a number. */
export const isNumber = (field) => field.type === "number" || field.type === "integer";

/** The label of a field. */
export const labelOf = (field) => capitalised(field.label ?? field.title.toLowerCase());

const SEPARATE = ["method", "options"]; // these have controls of their own

/** [name, field] of every setting except the method and its options. */
export const fields = () => Object.entries({ ...schema.explain, ...schema.look }).filter(([name]) => !SEPARATE.includes(name));

/** The names of the settings that affect the attribution, besides the method and its options. */
export const explainNames = () => fields().filter(([name]) => name in schema.explain).map(([name]) => name);

/** The initial values of the settings, from the server's `start` or the schema's defaults. */
export const initialSettings = (start) => Object.fromEntries(fields().map(([name, field]) => [name, start[name] ?? field.default]));

/** A state's settings as query parameters {name: text}: all of them, or only the group "explain". */
export function settingsOf(state, group = "all") {
  const chosen = group === "explain" ? fields().filter(([name]) => name in schema.explain) : fields();
  const present = chosen.filter(([name]) => state[name] !== null && state[name] !== undefined);
  return { method: state.method, ...Object.fromEntries(present.map(([name]) => [name, String(state[name])])) };
}

/** A field's value from text; undefined if it is invalid. */
export function parse(field, text) {
  if (field.enum) return field.enum.includes(text) ? text : undefined;
  if (field.type === "boolean") return { true: true, false: false }[text];
  if (isNumber(field)) return parseNumber(field, text);
  return text;
}

function parseNumber(field, text) {
  const value = field.type === "integer" ? Math.round(Number(text)) : Number(text);
  if (text === "" || !Number.isFinite(value)) return undefined;
  return Math.max(field.minimum ?? -Infinity, Math.min(field.maximum ?? Infinity, value));
}

/** A value as shown beside its control: shares in percent, others with their unit. */
export function valueText(field, value) {
  if (field.minimum === 0 && field.maximum === 1) return `${Math.round(100 * value)} %`;
  return field.unit ? `${value} ${field.unit}` : field.words?.[value] ?? String(value);
}

/** Each setting with its value, for the footer of a saved image. */
export const settingTexts = (state) => fields().map(([name, field]) => `${labelOf(field)}: ${valueText(field, state[name])}`);
