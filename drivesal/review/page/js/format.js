// Numbers as text. Angles are positive to the left; the side is always written out.

let kind = { unit: "deg", symbol: "°" };

/** Sets the kind of the models' predictions: `kind` of /api/drive. */
export function useKind(newKind) {
  if (newKind) kind = newKind;
}

export const symbol = () => kind.symbol;

const digits = () => (kind.unit === "deg" ? 1 : 3);

/** "12.3° L", "0.42 norm R", "0.0°"; "–" if there is no value; `more` adds decimals. */
export function angle(value, more = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (kind.unit === "score") return value.toPrecision(4);
  const number = Math.abs(value).toFixed(digits() + more);
  const side = Number(number) === 0 ? "" : value > 0 ? " L" : " R";
  return `${number}${kind.symbol}${side}`;
}

/** A tick label such as "20° L"; units other than degrees are omitted. */
export function tick(value) {
  const number = `${plain(Math.abs(value))}${kind.unit === "deg" ? kind.symbol : ""}`;
  if (kind.unit === "score") return plain(value);
  return value === 0 ? number : `${number} ${value > 0 ? "L" : "R"}`;
}

/** The magnitude of an angle, such as "12.3°". */
export const size = (value) => angle(value).replace(/ [LR]$/, "");

/** An error (prediction − label) such as "3.2° too far left". */
export function errorText(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (kind.unit === "score") return value.toPrecision(3);
  const number = Math.abs(value).toFixed(digits());
  if (Number(number) === 0) return `${number}${kind.symbol}`;
  return `${number}${kind.symbol} too far ${value > 0 ? "left" : "right"}`;
}

/** A change of the prediction such as "1.20° more left". */
export function changeText(value) {
  if (!Number.isFinite(value)) return "–";
  if (kind.unit === "score") return (value > 0 ? "+" : "") + value.toPrecision(3);
  const number = Math.abs(value).toFixed(digits() + 1);
  if (value === 0) return "no change";
  const least = (10 ** -(digits() + 1)).toFixed(digits() + 1);
  return `${Number(number) === 0 ? `under ${least}` : number}${kind.symbol} more ${value > 0 ? "left" : "right"}`;
}

/** A time in seconds as "1:05.25", or "1:05" with `decimals` 0. */
export function clock(seconds, decimals = 2) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const scale = 10 ** decimals;
  const whole = Math.round(seconds * scale) / scale;
  const minutes = Math.floor(whole / 60);
  const rest = (whole - 60 * minutes).toFixed(decimals);
  return `${minutes}:${rest.padStart(decimals ? decimals + 3 : 2, "0")}`;
}

/** The text in sentence case. */
export const capitalised = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** An integer such as "1,234,567". */
export const count = (value) => value.toLocaleString("en");

/** A number of any magnitude in few characters. */
export function short(value) {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

/** A round number with all its significant digits. */
export const plain = (value) => (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4) ? value.toExponential() : String(Number(value.toPrecision(6))));

/** A unit for display: "deg per 1/255" becomes "° per 1/255". */
export const unitText = (text) => text.replace(/^deg\b/, "°").replace(/^score\b ?/, "");
