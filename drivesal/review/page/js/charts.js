// Bokeh's script, loaded after the first frame was asked for: it is larger than all the rest.

const FILES = ["/lib/bokeh.min.js", "/lib/bokeh-api.min.js"];
let loading = null;

/** Resolves when `Bokeh` is there; an exported file brings it along. */
export function charts() {
  if (globalThis.Bokeh) return Promise.resolve();
  loading ??= FILES.reduce((before, file) => before.then(() => load(file)), Promise.resolve());
  return loading;
}

function load(file) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = file;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => { loading = null; reject(new Error(`${file} did not come`)); });
    document.head.append(script);
  });
}
