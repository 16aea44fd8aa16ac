// Which lines of a merge are shown while some of its groups are folded away.

import assert from "node:assert/strict";
import { test } from "node:test";

import { hiding, unfolded } from "../../static/js/live/folding.js";
import { ordered } from "../../static/js/live/order.js";

const section = (number) => ({ number, role: "section", level: 0, index: number });
const merge = (number, level, index) => ({ number, role: "merge", level, index });

// Six sections in threes; the second group has no merge yet.
const growing = ordered([...Array(6).keys()].map(section).concat(merge(6, 1, 0)), 3, 6);
const whole = ordered(
  [...Array(6).keys()].map(section).concat(merge(6, 1, 0), merge(7, 1, 1), merge(8, 2, 0)), 3, 6);

test("nothing is left out while nothing is folded", () => {
  assert.deepEqual(unfolded(whole, new Set()), [8, 6, 0, 1, 2, 7, 3, 4, 5]);
});

test("a folded merge hides its own parts alone", () => {
  assert.deepEqual(unfolded(whole, new Set([6])), [8, 6, 7, 3, 4, 5]);
  assert.deepEqual(unfolded(growing, new Set([6])), [6, 3, 4, 5]);
});

test("a folded merge hides the merges below it", () => {
  assert.deepEqual(unfolded(whole, new Set([8, 6])), [8]);
});

test("what hides a branch are the folded merges above it", () => {
  assert.deepEqual(hiding(1, whole, new Set([6, 7])), [6]);
  assert.deepEqual(hiding(7, whole, new Set([7])), []);
});
