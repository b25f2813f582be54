// The server's questions. Whether it answers at all is told to everybody through `server`.

import { said } from "./fields.js";

/** Says "gone" and "back". */
export const server = new EventTarget();
let gone = false;

/** The server refused; `status` is HTTP's, the message its own line, `told` all that it said. */
export class Refused extends Error {
  constructor(status, message, told = {}) {
    super(message);
    this.status = status;
    this.told = told;
  }

  /** The models are not loaded yet. */
  get starting() { return this.status === 503; }

  /** It was given up for something newer: worth asking again. */
  get dropped() { return this.status === 204; }
}

/** Nobody answers. */
export class Gone extends Error {
  constructor() { super("the server does not answer"); }
}

export const aborted = (error) => error?.name === "AbortError";

function mark(now) {
  if (now === gone) return;
  gone = now;
  server.dispatchEvent(new Event(now ? "gone" : "back"));
}

/** The answer. Raises Refused, Gone, AbortError. */
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (aborted(error) || options.signal?.aborted) throw new DOMException("not wanted any more", "AbortError");
    mark(true);
    throw new Gone();
  }
  mark(false);
  if (answer.status === 204) throw new Refused(204, "given up for something newer");
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

async function refusal(answer) {
  try {
    const told = await answer.json();
    return new Refused(answer.status, String(told.error ?? told.detail ?? `error ${answer.status}`), told);
  } catch {
    return new Refused(answer.status, `the server answered ${answer.status}`);
  }
}

export const json = async (path, options) => body(await ask(path, options), "json");
export const blob = async (path, options) => body(await ask(path, options), "blob");

/** {width, height, values}: numbers of a map. */
export async function floats(path, options) {
  const answer = await ask(path, options);
  const values = new Float32Array(await body(answer, "arrayBuffer"));
  return { width: Number(answer.headers.get("X-Width")), height: Number(answer.headers.get("X-Height")), values };
}

// a connection that breaks in the middle of an answer is a server that went away
async function body(answer, what) {
  try {
    return await answer[what]();
  } catch (error) {
    if (aborted(error)) throw error;
    mark(true);
    throw new Gone();
  }
}

/** Saves a note that was written upon the version `base`, "" for none. Raises Refused 409 where another is kept. */
export const putNote = (frame, text, base) => json(`/api/notes/${frame}`, {
  method: "PUT",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ text, base }),
});

/** What the totals of the drive depend on, as a query. */
export function totalsQuery(state) {
  const query = new URLSearchParams(said(state, "explain"));
  if (Object.keys(state.options).length) query.set("options", JSON.stringify(state.options));
  return query.toString();
}

/** What the server needs to know of the view, as a query. */
export function viewQuery(state, model, more = {}) {
  const query = new URLSearchParams({ model: String(model), ...said(state) });
  if (Object.keys(state.options).length) query.set("options", JSON.stringify(state.options));
  if (state.wanted.length) query.set("cases", state.wanted.join(","));
  if (state.edit) query.set("edit", JSON.stringify(state.edit));
  for (const [name, value] of Object.entries(more)) query.set(name, String(value));
  return query.toString();
}
