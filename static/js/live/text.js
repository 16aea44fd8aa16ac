// How figures read. The twin of presenters/figures.py: both are tested on figures.json.

export const NOTHING = "–";
export const NBSP = "\u00a0"; // before a unit: no line ends there

export function duration(ms) {
  if (ms === null || ms === undefined) return NOTHING;
  const seconds = Math.max(ms, 0) / 1000;
  if (seconds < 59.95) return `${fixed(seconds, 1)}${NBSP}s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}${NBSP}min ${two(whole % 60)}${NBSP}s`;
  return `${Math.floor(whole / 3600)}${NBSP}h ${two(Math.floor((whole % 3600) / 60))}${NBSP}min`;
}

export const seconds = (value) => duration(value === null || value === undefined ? null : value * 1000);

export function money(usd) {
  if (usd === null || usd === undefined) return NOTHING;
  if (usd === 0) return "$0";
  const size = Math.abs(usd);
  if (size < 0.00005) return "under $0.0001";
  if (size < 1) return `$${fixed(usd, 4)}`;
  return `$${grouped(usd, size < 1000 ? 2 : 0)}`;
}

export function percent(share, places = 0) {
  return share === null || share === undefined ? NOTHING : `${fixed(share * 100, places)}%`;
}

export function times(factor) {
  if (factor === null || factor === undefined) return NOTHING;
  return factor < 20 ? `${fixed(factor, 1)}×` : `${grouped(factor, 0)}×`;
}

export function thousands(number) {
  return number === null || number === undefined ? NOTHING : grouped(number, 0);
}

export function plural(number, one, many = `${one}s`) {
  return `${grouped(number, 0)} ${number === 1 ? one : many}`;
}

const two = (number) => String(number).padStart(2, "0");
const fixed = (number, places) => number.toFixed(places);
// Not toLocaleString: it rounds the shortest decimal, toFixed the number itself, as Python does.
function grouped(number, places) {
  const [whole, rest] = number.toFixed(places).split(".");
  const commas = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return rest ? `${commas}.${rest}` : commas;
}

export function escape(text) {
  return String(text).replace(/[&<>"']/g, (sign) => ESCAPES[sign]);
}

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
