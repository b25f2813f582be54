// In an exported file, which has no server: answers what the server would, out of the file itself.

const held = JSON.parse(document.getElementById("exported").textContent);

const refusal = (status, error) => answer({ error }, status);

function answer(value, status = 200) {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });
}

function timeline(query) {
  const { columns } = held.timelines[Number(query.get("model"))];
  const since = Number(query.get("since"));
  const rest = Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.slice(since)]));
  return answer({ since, ended: true, columns: rest });
}

// of the method that was exported, or named otherwise: the file holds no others
function totals(query) {
  const { of, error, columns } = held.totals;
  const since = Number(query.get("since"));
  const rest = Object.entries(columns[Number(query.get("model"))]).map(([name, column]) => [name, column.slice(since)]);
  return answer({ of, since, ended: true, error, columns: Object.fromEntries(rest) });
}

function heat(frame) {
  const data = document.getElementById(`heat-${frame}`);
  if (!data) return refusal(404, `frame ${frame} is not in this file`);
  const bytes = Uint8Array.from(atob(data.textContent), (one) => one.charCodeAt(0));
  return new Response(new Blob([bytes], { type: "image/jpeg" }));
}

const answers = {
  drive: () => answer(held.drive),
  status: () => answer({
    ready: true, note: null, work: null,
    analysis: held.timelines.map(({ columns }) => ({ rows: columns.time_s.length, ended: true, error: null })),
  }),
  timeline,
  totals,
  heat: (query, frame) => heat(frame),
  explained: (query, frame) => {
    const found = held.explained[frame];
    return found ? answer(found) : refusal(404, `frame ${frame} is not in this file`);
  },
  notes: () => answer({ notes: held.notes }),
};

globalThis.fetch = async (path, options = {}) => {
  options.signal?.throwIfAborted();
  const { pathname, searchParams } = new URL(path, "http://file");
  const [, , name, frame] = pathname.split("/");
  if (!(name in answers) || (options.method ?? "GET") !== "GET") return refusal(404, "this needs the server: it is not in an exported file");
  return answers[name](searchParams, frame);
};
