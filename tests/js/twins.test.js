// What the browser draws while live is what the server draws: both are held to one table.
// The server's half: tests/unit/presenters/test_twins.py.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { axisFor, curve, inFlightSamples, limitLine, placeMark, placeShut, topOf } from "../../static/js/live/axis.js";
import { strip } from "../../static/js/live/kpis.js";
import { look, segments, told } from "../../static/js/live/look.js";
import { ordered } from "../../static/js/live/order.js";
import * as text from "../../static/js/live/text.js";

const fixture = (name) =>
  JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), "utf8"));

for (const [name, given, expected] of fixture("figures")) {
  test(`${name}(${given}) reads ${expected}`, () => {
    assert.equal(text[name](...given), expected);
  });
}

for (const { name, branch, now, reads, silent, held, ...expected } of fixture("branches")) {
  test(`a branch that ${name}`, () => {
    assert.deepEqual(segments(branch, now, silent), expected.segments);
    assert.equal(told(expected.segments), expected.told);
    assert.deepEqual(look(branch, now, reads, held), expected.look);
  });
}

const axis = fixture("axis");

for (const { span, is_open: isOpen, ...expected } of axis.axes) {
  test(`an axis for ${span} ms, ${isOpen ? "open" : "ended"}`, () => {
    const { end, step, ticks } = axisFor(span, isOpen);
    assert.deepEqual({ end, step, ticks: ticks.map(({ at, label }) => [at, label]) }, expected);
  });
}

test("calls in flight over time", () => {
  const { branches, now, end, samples } = axis.samples;
  assert.deepEqual(inFlightSamples(branches, now, end), samples);
  assert.equal(curve(samples, axis.curve.top), axis.curve.points);
});

test("the limit over the calls in flight", () => {
  const { line, shut, marks, now, end, top, ...expected } = axis.limits;
  assert.equal(limitLine(line, now, end, top), expected.points);
  assert.deepEqual(placeShut(shut, now, end), expected.shut_styles);
  assert.deepEqual(marks.map(([at, level]) => placeMark(at, level, end, top)), expected.mark_styles);
  assert.equal(limitLine([], now, end, top), "");
  for (const [peak, most, found] of axis.tops) assert.equal(topOf(peak, most), found);
});

test("both attempts of a hedged branch are in flight", () => {
  const { branches, now, end, samples } = axis.hedged;
  assert.deepEqual(inFlightSamples(branches, now, end), samples);
});

for (const { name, run, cells } of fixture("kpis")) {
  test(`the figures of ${name}`, () => {
    assert.deepEqual(strip(run), cells);
  });
}

test("a merge stands above its parts", () => {
  const { rows, parts, children, numbers, depths } = fixture("order");
  const found = ordered(rows, parts, children);
  assert.deepEqual(found.numbers, numbers);
  assert.deepEqual(Object.fromEntries(found.depths), Object.fromEntries(
    Object.entries(depths).map(([number, depth]) => [number, depth])));
});
