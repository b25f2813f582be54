// The settings that the server hands out as a JSON schema: what a view consists of beside its frame, case and model.

/** {explain, look}: by name of a setting its schema. */
let schema = { explain: {}, look: {} };

/** Takes the drive's settings. */
export function useSettings({ explain, look }) { schema = { explain: plain(explain), look: plain(look) }; }

// of a field that may also be null the schema of what else it may be
function plain(group) {
  const one = (field) => (field.anyOf ? { ...field, ...field.anyOf.find(({ type }) => type !== "null") } : field);
  return Object.fromEntries(Object.entries(group).map(([name, field]) => [name, one(field)]));
}

/** Whether a field is a number. */
export const isNumber = (field) => field.type === "number" || field.type === "integer";

/** What a field is called on the page. */
export const named = (field) => field.label ?? field.title.toLowerCase();

const OWN = ["method", "options"]; // they have controls of their own

/** [name, field] of every setting but the method and its options. */
export const fields = () => Object.entries({ ...schema.explain, ...schema.look }).filter(([name]) => !OWN.includes(name));

/** The names of what is explained, beside the method and its options. */
export const explained = () => fields().filter(([name]) => name in schema.explain).map(([name]) => name);

/** The state that the settings begin with, from the server's start. */
export const begun = (start) => Object.fromEntries(fields().map(([name, field]) => [name, start[name] ?? field.default]));

/** Names and values of a state's settings as texts: of all, or of those alone that say what is explained. */
export function said(state, what = "all") {
  const asked = what === "explain" ? fields().filter(([name]) => name in schema.explain) : fields();
  const given = asked.filter(([name]) => state[name] !== null && state[name] !== undefined);
  return { method: state.method, ...Object.fromEntries(given.map(([name]) => [name, String(state[name])])) };
}

/** What a text means for a field: undefined where it means nothing. */
export function read(field, text) {
  if (field.enum) return field.enum.includes(text) ? text : undefined;
  if (field.type === "boolean") return { true: true, false: false }[text];
  if (isNumber(field)) return number(field, text);
  return text;
}

function number(field, text) {
  const value = field.type === "integer" ? Math.round(Number(text)) : Number(text);
  if (text === "" || !Number.isFinite(value)) return undefined;
  return Math.max(field.minimum ?? -Infinity, Math.min(field.maximum ?? Infinity, value));
}

/** A value as it stands beside its control: a share of 1 in percent, else with its unit. */
export function shown(field, value) {
  if (field.minimum === 0 && field.maximum === 1) return `${Math.round(100 * value)} %`;
  return field.unit ? `${value} ${field.unit}` : field.words?.[value] ?? String(value);
}

/** The settings in one line, for a picture that is saved. */
export const inWords = (state) => fields().map(([name, field]) => `${named(field)} ${shown(field, state[name])}`);
