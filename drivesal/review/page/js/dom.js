// DOM helpers. Text is only ever inserted as text, since file names and notes are not trusted.

export const $ = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element with attributes; `on` holds event listeners, `text` the text content. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element; arguments as of `make`. */
export function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, { on = {}, text, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  if (text !== undefined) element.textContent = text;
  element.append(...children.filter((child) => child !== null));
  return element;
}

function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : value);
}

/** Sets the text if it differs, so that screen readers and layout are not disturbed without need. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Whether the element handles keys itself. */
export function handlesKeys(element) {
  return element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));
}

/** The value of a CSS colour variable (--ink) in the current theme, as rgb(). */
export function colour(name) {
  const probe = make("span", { hidden: true });
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** Preferences kept across visits, if the browser allows it. */
export const preferences = {
  get(name, fallback) {
    try { return JSON.parse(localStorage.getItem(`drivesal.${name}`)) ?? fallback; } catch { return fallback; }
  },
  set(name, value) {
    try { localStorage.setItem(`drivesal.${name}`, JSON.stringify(value)); } catch { /* storage is disabled: not kept across visits */ }
  },
};
