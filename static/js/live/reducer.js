// (state, delta) → state, over the columnar wire. Pure: never changes what it was given.
//
// A state holds `seq`, the number up to which it has every change; rows by number; and, of the
// watched branches only, attempts and text. `lost` names what must be asked for again.

export function empty() {
  return { seq: 0, run: null, joins: [], branches: [], attempts: {}, texts: {}, isBehind: false };
}

export function apply(state, message) {
  if (message.type === "delta") return applyDelta(state, message);
  if (message.type === "text") return applyText(state, message);
  return state;
}

function applyDelta(state, delta) {
  if (delta.seq < state.seq) return state; // an older view: a late answer of the polling
  if (delta.base > state.seq) return { ...state, isBehind: true };
  const isLast = delta.part === delta.parts;
  return {
    ...state,
    isBehind: false,
    seq: isLast ? delta.seq : state.seq,
    run: delta.run ?? state.run,
    joins: withRows(state.joins, delta.joins),
    branches: withRows(state.branches, delta.branches),
    attempts: withAttempts(state.attempts, delta.attempts),
    texts: withAnswers(state.texts, delta.answers),
  };
}

export function rowsOf(columns) {
  if (!columns) return [];
  const names = Object.keys(columns);
  const length = names.length ? columns[names[0]].length : 0;
  return Array.from({ length }, (_, i) =>
    Object.fromEntries(names.map((name) => [name, columns[name][i]])));
}

function withRows(rows, columns) {
  const changed = rowsOf(columns);
  if (!changed.length) return rows;
  const next = rows.slice();
  for (const row of changed) next[row.number] = row;
  return next;
}

function withAttempts(attempts, columns) {
  const changed = rowsOf(columns);
  if (!changed.length) return attempts;
  const next = { ...attempts };
  for (const row of changed) next[row.branch] = { ...next[row.branch], [row.number]: row };
  return next;
}

function withAnswers(texts, answers) {
  if (!answers || !Object.keys(answers).length) return texts;
  const next = { ...texts };
  for (const [branch, text] of Object.entries(answers)) {
    next[branch] = { attempt: Infinity, text, length: points(text), isWhole: true, isLost: false };
  }
  return next;
}

function applyText(state, { chunks }) {
  const texts = { ...state.texts };
  for (const [branch, attempt, offset, piece] of chunks) {
    texts[branch] = withPiece(texts[branch], attempt, offset, piece);
  }
  return { ...state, texts };
}

function withPiece(before, attempt, offset, piece) {
  if (before && before.attempt > attempt) return before; // a stray piece of an earlier try
  const { text, length } = before && before.attempt === attempt ? before : { text: "", length: 0 };
  if (offset > length) return { attempt, text, length, isWhole: false, isLost: true };
  const kept = offset === length ? text : firstPoints(text, offset);
  return {
    attempt, text: kept + piece, length: offset + points(piece), isWhole: false, isLost: false,
  };
}

// The server counts code points, a string of JavaScript UTF-16 units.
const points = (text) => [...text].length;
const firstPoints = (text, count) => (count ? [...text].slice(0, count).join("") : "");

// Branches whose text has a gap: they are to be watched again.
export function lostTexts(state) {
  return Object.keys(state.texts).filter((branch) => state.texts[branch].isLost).map(Number);
}

// After watching again, the next piece starts at 0.
export function forgetText(state, branch) {
  const texts = { ...state.texts };
  delete texts[branch];
  return { ...state, texts };
}
