// Numbers as a person reads them. Angles are left positive; the side is always written out.

let kind = { unit: "deg", symbol: "°" };

/** What the models answer in: /api/drive's `kind`. */
export function useKind(given) {
  if (given) kind = given;
}

export const symbol = () => kind.symbol;

const digits = () => (kind.unit === "deg" ? 1 : 3);

/** "12.3° L", "0.42 norm R", "0.0°"; "–" where there is none. */
export function angle(value, more = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (kind.unit === "score") return value.toPrecision(4);
  const number = Math.abs(value).toFixed(digits() + more);
  const side = Number(number) === 0 ? "" : value > 0 ? " L" : " R";
  return `${number}${kind.symbol}${side}`;
}

/** "20° L" of a round angle, as on an axis; without the unit's name where that is a word. */
export function tick(value) {
  const number = `${plain(Math.abs(value))}${kind.unit === "deg" ? kind.symbol : ""}`;
  if (kind.unit === "score") return plain(value);
  return value === 0 ? number : `${number} ${value > 0 ? "L" : "R"}`;
}

/** "12.3°" of an angle whose side does not matter. */
export const size = (value) => angle(value).replace(/ [LR]$/, "");

/** "3.2° too far left" of an error, prediction less truth. */
export function errorInWords(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (kind.unit === "score") return value.toPrecision(3);
  const number = Math.abs(value).toFixed(digits());
  if (Number(number) === 0) return `${number}${kind.symbol}`;
  return `${number}${kind.symbol} too far ${value > 0 ? "left" : "right"}`;
}

/** "1.20° more left" of a change. */
export function changeInWords(value) {
  if (!Number.isFinite(value)) return "–";
  if (kind.unit === "score") return (value > 0 ? "+" : "") + value.toPrecision(3);
  const number = Math.abs(value).toFixed(digits() + 1);
  if (value === 0) return "no change";
  const least = (10 ** -(digits() + 1)).toFixed(digits() + 1);
  return `${Number(number) === 0 ? `under ${least}` : number}${kind.symbol} more ${value > 0 ? "left" : "right"}`;
}

/** "1:05.25"; with no `decimals` "1:05". */
export function clock(seconds, decimals = 2) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const scale = 10 ** decimals;
  const whole = Math.round(seconds * scale) / scale;
  const minutes = Math.floor(whole / 60);
  const rest = (whole - 60 * minutes).toFixed(decimals);
  return `${minutes}:${rest.padStart(decimals ? decimals + 3 : 2, "0")}`;
}

/** 1234567 as "1,234,567". */
export const count = (value) => value.toLocaleString("en");

/** A number of any size in few characters. */
export function short(value) {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

/** A round number with all its digits. */
export const plain = (value) => (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4) ? value.toExponential() : String(Number(value.toPrecision(6))));

/** "deg per 1/255" as "° per 1/255". */
export const unitText = (text) => text.replace(/^deg\b/, "°").replace(/^score\b ?/, "");
