// Loads Bokeh, which is larger than all other scripts together, after the first frame was requested.

const FILES = ["/lib/bokeh.min.js", "/lib/bokeh-api.min.js"];
let loading = null;

/** Resolves when `Bokeh` is loaded; an exported file contains it. */
export function loadBokeh() {
  if (globalThis.Bokeh) return Promise.resolve();
  loading ??= FILES.reduce((before, file) => before.then(() => load(file)), Promise.resolve());
  return loading;
}

function load(file) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = file;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => { loading = null; reject(new Error(`${file} could not be loaded`)); });
    document.head.append(script);
  });
}
