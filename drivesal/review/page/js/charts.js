// Bokeh's script, loaded after the first frame was asked for: it is larger than all the rest.

const FILES = ["/lib/bokeh.min.js", "/lib/bokeh-api.min.js"];
let loading = null;

/** Resolves when `Bokeh` is there. */
export function charts() {
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
