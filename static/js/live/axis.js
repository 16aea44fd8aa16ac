// The time axis and the curve of calls in flight. The twin of presenters/run_axis.py: both are
// tested on axis.json.

import { parseTrail } from "./look.js";
import { NBSP, duration } from "./text.js";

const [SECOND, MINUTE, HOUR] = [1000, 60000, 3600000];
const STEPS = [
  100, 200, 500,
  ...[1, 2, 5, 10, 20, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 20, 30].map((n) => n * MINUTE),
  ...[1, 2, 4, 12, 24].map((n) => n * HOUR),
];
export const SAMPLES = 240;
const HEADROOM = 2; // a limit is drawn in proportion up to so many times the peak

export function axisFor(spanMs, isOpen) {
  const span = Math.max(spanMs, 500);
  const step = STEPS.find((one) => one * 5 >= span) ?? STEPS.at(-1);
  const end = isOpen ? (Math.floor(span / step) + 1) * step : span * 1.02;
  const ticks = [];
  for (let n = 1; n <= Math.floor(end / step + 1e-9); n += 1) {
    const at = Math.round(((n * step) / end) * 100000) / 1000;
    if (at < 97) ticks.push({ at, label: label(n * step, step) });
  }
  return { end, step, ticks };
}

function label(ms, step) {
  if (step < SECOND) return `${(ms / SECOND).toFixed(1)}${NBSP}s`;
  if (step >= HOUR) return `${(ms / HOUR).toFixed(0)}${NBSP}h`;
  if (step >= MINUTE && ms < HOUR) return `${(ms / MINUTE).toFixed(0)}${NBSP}min`;
  return ms < MINUTE ? `${(ms / SECOND).toFixed(0)}${NBSP}s` : duration(ms);
}

export function inFlightSamples(branches, now, end) {
  const steps = new Int32Array(SAMPLES + 2);
  for (const branch of branches) {
    if (!branch) continue;
    eachSpan(branch, now, (sent, ended) => {
      steps[Math.min(Math.ceil((sent * SAMPLES) / end), SAMPLES + 1)] += 1;
      steps[Math.min(Math.ceil((ended * SAMPLES) / end), SAMPLES + 1)] -= 1;
    });
  }
  const samples = [];
  let level = 0;
  for (let n = 0; n <= Math.floor((Math.min(now, end) * SAMPLES) / end); n += 1) {
    level += steps[n];
    samples.push(level);
  }
  return samples;
}

function eachSpan(branch, now, take) {
  let after = 0;
  if (branch.trail) {
    for (const { sent, ended, isBeside } of parseTrail(branch.trail, now)) {
      take(sent, ended);
      after = isBeside ? after : ended;
    }
  }
  const { status, sent } = branch;
  if (sent === null || sent < after || status === "pending" || status === "spared") return;
  take(sent, branch.ended ?? now);
}

export function curve(samples, top) {
  const points = [];
  samples.forEach((level, n) => {
    const x = ((n / SAMPLES) * 1000).toFixed(1);
    const isTurn = n > 0 && samples[n - 1] !== level;
    if (isTurn) points.push(`${x},${height(samples[n - 1], top)}`);
    if (n === 0 || n === samples.length - 1 || isTurn) points.push(`${x},${height(level, top)}`);
  });
  return points.join(" ");
}

// What the picture's height stands for: a limit far above the peak must not flatten it.
export const topOf = (peak, most) => (peak ? Math.max(peak, Math.min(most, HEADROOM * peak)) : most);

// The steps of a limit as points of a polyline in the box of the curve.
export function limitLine(line, now, end, top) {
  const points = [];
  let before = "";
  for (const [at, level] of line) {
    if (at > now) break;
    const x = ((at / end) * 1000).toFixed(1);
    if (before) points.push(`${x},${before}`);
    before = height(level, top);
    points.push(`${x},${before}`);
  }
  if (points.length) points.push(`${(Math.min(now / end, 1) * 1000).toFixed(1)},${before}`);
  return points.join(" ");
}

// Stretches of the axis as styles, as far as they have come.
export function placeShut(spans, now, end) {
  return spans.filter(([start]) => start < now).map(([start, until]) => {
    const width = ((Math.min(until, now) - start) / end) * 100;
    return `left:${((start / end) * 100).toFixed(2)}%;width:${width.toFixed(2)}%`;
  });
}

// A mark on the line of the limit as a style; the box is as many pixels high as it says.
export const placeMark = (at, level, end, top) =>
  `left:${((at / end) * 100).toFixed(2)}%;top:${height(level, top)}px`;

const height = (level, top) => (58 - Math.min(level / Math.max(top, 1), 1) * 48).toFixed(1);
