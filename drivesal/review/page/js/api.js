// Requests to the server. `server` announces when the connection is lost and restored.

import { settingsOf } from "./fields.js";

/** Dispatches "disconnected" and "reconnected". */
export const server = new EventTarget();
let disconnected = false;

/** An error response: HTTP `status`, the server's error line as the message, `body` its whole JSON. */
export class ErrorResponse extends Error {
  constructor(status, message, body = {}) {
    super(message);
    this.status = status;
    this.body = body;
  }

  /** The models are not loaded yet. */
  get starting() { return this.status === 503; }

  /** The server dropped the request for a newer one: a retry may succeed. */
  get superseded() { return this.status === 204; }
}

/** No response from the server. */
export class Disconnected extends Error {
  constructor() { super("the server does not respond"); }
}

export const aborted = (error) => error?.name === "AbortError";

function setDisconnected(now) {
  if (now === disconnected) return;
  disconnected = now;
  server.dispatchEvent(new Event(now ? "disconnected" : "reconnected"));
}

/** The response. Throws ErrorResponse, Disconnected or AbortError. */
export async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (aborted(error) || options.signal?.aborted) throw new DOMException("no longer needed", "AbortError");
    setDisconnected(true);
    throw new Disconnected();
  }
  setDisconnected(false);
  if (response.status === 204) throw new ErrorResponse(204, "superseded by a newer request");
  if (!response.ok) throw await errorOf(response);
  return response;
}

async function errorOf(response) {
  try {
    const json = await response.json();
    return new ErrorResponse(response.status, String(json.error ?? json.detail ?? `error ${response.status}`), json);
  } catch {
    return new ErrorResponse(response.status, `the server responded with status ${response.status}`);
  }
}

export const json = async (path, options) => body(await request(path, options), "json");
export const blob = async (path, options) => body(await request(path, options), "blob");

/** {width, height, values}: a map as a Float32Array, row by row. */
export async function floats(path, options) {
  const response = await request(path, options);
  const values = new Float32Array(await body(response, "arrayBuffer"));
  return { width: Number(response.headers.get("X-Width")), height: Number(response.headers.get("X-Height")), values };
}

// a connection that breaks within a response counts as disconnected
async function body(response, format) {
  try {
    return await response[format]();
  } catch (error) {
    if (aborted(error)) throw error;
    setDisconnected(true);
    throw new Disconnected();
  }
}

/** Saves a note that is based on version `base` ("" for none). Throws ErrorResponse 409 if another version is saved. */
export const putNote = (frame, text, base) => json(`/api/notes/${frame}`, {
  method: "PUT",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ text, base }),
});

/** The query of the drive's totals: all settings that they depend on. */
export function totalsQuery(state) {
  const query = new URLSearchParams(settingsOf(state, "explain"));
  if (Object.keys(state.options).length) query.set("options", JSON.stringify(state.options));
  return query.toString();
}

/** The query of a view: all that the server needs to compute it. */
export function viewQuery(state, model, more = {}) {
  const query = new URLSearchParams({ model: String(model), ...settingsOf(state) });
  if (Object.keys(state.options).length) query.set("options", JSON.stringify(state.options));
  if (state.requestedCases.length) query.set("cases", state.requestedCases.join(","));
  if (state.edit) query.set("edit", JSON.stringify(state.edit));
  for (const [name, value] of Object.entries(more)) query.set(name, String(value));
  return query.toString();
}
