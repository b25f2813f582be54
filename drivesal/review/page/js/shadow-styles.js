// Bokeh adds <style> elements to its shadow roots, which the page's security policy forbids (style-src 'self').
// This moves their text into constructed style sheets, which the policy allows. Runs before Bokeh.
(() => {
  const text = Object.getOwnPropertyDescriptor(Node.prototype, "textContent");
  const { append } = DocumentFragment.prototype;
  const sheets = new WeakMap();

  function adopt(root, element) {
    let sheet = sheets.get(element);
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(element.textContent);
      sheets.set(element, sheet);
      Object.defineProperty(element, "textContent", {
        get() { return text.get.call(this); },
        set(value) { text.set.call(this, value); sheet.replaceSync(value); },
      });
      element.remove = () => { root.adoptedStyleSheets = root.adoptedStyleSheets.filter((one) => one !== sheet); };
    }
    if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet);
  }

  ShadowRoot.prototype.append = function (...nodes) {
    const rest = nodes.filter((node) => !(node instanceof HTMLStyleElement));
    for (const node of nodes) if (node instanceof HTMLStyleElement) adopt(this, node);
    append.apply(this, rest);
  };
})();
