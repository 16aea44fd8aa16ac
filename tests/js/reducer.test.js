// (state, delta) → state, on frames as the server sends them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { apply, empty, forgetText, lostTexts, rowsOf } from "../../static/js/live/reducer.js";

const { frames } = JSON.parse(
  readFileSync(new URL("fixtures/deltas.json", import.meta.url), "utf8"));
const after = (count) => frames.slice(0, count).reduce(apply, empty());

function frozen(value) {
  if (value && typeof value === "object") {
    Object.values(value).forEach(frozen);
    Object.freeze(value);
  }
  return value;
}

test("the number is adopted only with the last part", () => {
  assert.equal(after(1).seq, 0);
  assert.equal(after(2).seq, 57);
  assert.equal(after(5).seq, 60);
});

test("columns become rows by number", () => {
  const state = after(2);
  assert.deepEqual(state.branches.map((row) => row.status), ["succeeded", "running", "pending"]);
  assert.equal(state.joins[0].children, 3);
  assert.equal(state.run.elapsed_ms, 6400);
  assert.deepEqual(rowsOf({ number: [], label: [] }), []);
});

test("a delta changes its rows and leaves the others as they were", () => {
  const before = after(4);
  const state = apply(before, frames[4]);
  assert.equal(state.branches[0], before.branches[0]);
  assert.equal(state.branches[1].reading, "not refundable");
  assert.equal(before.branches[1].status, "running");
});

test("nothing that was given is changed", () => {
  frames.reduce((state, frame) => frozen(apply(frozen(state), frozen(frame))), empty());
});

test("a delta that was seen already changes nothing", () => {
  const state = after(5);
  assert.equal(apply(state, frames[0]), state);
});

test("a delta that starts after what is known asks to catch up, and takes no row", () => {
  const state = apply(empty(), frames[4]);
  assert.equal(state.isBehind, true);
  assert.equal(state.seq, 0);
  assert.deepEqual(state.branches, []);
  assert.equal(apply(state, frames[0]).isBehind, false);
});

test("the snapshot and the deltas after it give what a later snapshot gives", () => {
  const whole = after(5);
  const columns = (rows) => Object.fromEntries(
    Object.keys(rows[0]).map((name) => [name, rows.map((row) => row[name])]));
  const snapshot = {
    ...frames[4], base: 0, joins: columns(whole.joins), branches: columns(whole.branches),
  };
  const fresh = apply(empty(), snapshot);
  assert.deepEqual(fresh.branches, whole.branches);
  assert.deepEqual(fresh.joins, whole.joins);
  assert.deepEqual(fresh.run, whole.run);
});

test("text grows by offsets that count code points", () => {
  assert.equal(after(4).texts[1].text, "The purchase 🎧 was made");
});

test("a whole answer takes the place of the live text", () => {
  assert.equal(after(5).texts[1].text, "The purchase 🎧 was made in March.");
  assert.equal(after(5).texts[1].isWhole, true);
});

test("a gap in the text is noticed, and forgetting it lets it start over", () => {
  const gap = apply(after(3), { type: "text", frame: 9, chunks: [[1, 1, 40, "late"]] });
  assert.deepEqual(lostTexts(gap), [1]);
  const again = apply(forgetText(gap, 1), { type: "text", frame: 10, chunks: [[1, 1, 0, "All of it"]] });
  assert.deepEqual(lostTexts(again), []);
  assert.equal(again.texts[1].text, "All of it");
});

test("a new attempt clears the text, a stray piece of an earlier one does not come back", () => {
  const second = apply(after(3), { type: "text", frame: 9, chunks: [[1, 2, 0, "Anew"]] });
  assert.equal(second.texts[1].text, "Anew");
  const stray = apply(second, { type: "text", frame: 10, chunks: [[1, 1, 9, "ase"]] });
  assert.equal(stray.texts[1].text, "Anew");
});

test("attempts are kept by branch and number", () => {
  assert.equal(after(2).attempts[1][1].status, "sent");
  assert.equal(after(5).attempts[1][1].status, "ok");
});
