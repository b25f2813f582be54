// In an exported file, which has no server: answers the page's requests from the data in the file.

const exported = JSON.parse(document.getElementById("exported").textContent);

const errorResponse = (status, error) => jsonResponse({ error }, status);

function jsonResponse(value, status = 200) {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });
}

function timeline(query) {
  const { columns } = exported.timelines[Number(query.get("model"))];
  const since = Number(query.get("since"));
  const rest = Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.slice(since)]));
  return jsonResponse({ since, ended: true, columns: rest });
}

// always the exported method's totals, whichever the query names: the file has no others
function totals(query) {
  const { of, error, columns } = exported.totals;
  const since = Number(query.get("since"));
  const rest = Object.entries(columns[Number(query.get("model"))]).map(([name, column]) => [name, column.slice(since)]);
  return jsonResponse({ of, since, ended: true, error, columns: Object.fromEntries(rest) });
}

function heat(frame) {
  const data = document.getElementById(`heat-${frame}`);
  if (!data) return errorResponse(404, `frame ${frame} is not in this file`);
  const bytes = Uint8Array.from(atob(data.textContent), (one) => one.charCodeAt(0));
  return new Response(new Blob([bytes], { type: "image/jpeg" }));
}

const handlers = {
  drive: () => jsonResponse(exported.drive),
  status: () => jsonResponse({
    ready: true, note: null, work: null,
    analysis: exported.timelines.map(({ columns }) => ({ rows: columns.time_s.length, ended: true, error: null })),
  }),
  timeline,
  totals,
  heat: (query, frame) => heat(frame),
  explained: (query, frame) => {
    const numbers = exported.explained[frame];
    return numbers ? jsonResponse(numbers) : errorResponse(404, `frame ${frame} is not in this file`);
  },
  notes: () => jsonResponse({ notes: exported.notes }),
};

globalThis.fetch = async (path, options = {}) => {
  options.signal?.throwIfAborted();
  const { pathname, searchParams } = new URL(path, "http://file");
  const [, , name, frame] = pathname.split("/");
  if (!(name in handlers) || (options.method ?? "GET") !== "GET") return errorResponse(404, "this needs the server, which an exported file does not have");
  return handlers[name](searchParams, frame);
};
