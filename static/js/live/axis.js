// The time axis and the curve of calls in flight. The twin of presenters/run_axis.py: both are
// tested on axis.json.

import { parseTrail } from "./look.js";
import { duration } from "./text.js";

const STEPS = [1, 2, 5, 10];
export const SAMPLES = 240;

export function axisFor(spanMs, isOpen) {
  const span = Math.max(spanMs, 500);
  const step = stepFor(span);
  const end = isOpen ? (Math.floor(span / step) + 1) * step : span * 1.02;
  const ticks = [];
  for (let n = 1; n <= Math.floor(end / step + 1e-9); n += 1) {
    const at = Math.round(((n * step) / end) * 100000) / 1000;
    if (at < 97) ticks.push({ at, label: label(n * step, step) });
  }
  return { end, step, ticks };
}

function stepFor(span) {
  const rough = span / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * STEPS.find((step) => power * step >= rough * 0.999);
}

function label(ms, step) {
  if (step < 1000) return `${(ms / 1000).toFixed(1)} s`;
  if (step < 60000) return `${(ms / 1000).toFixed(0)} s`;
  return duration(ms);
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
    for (const { sent, ended } of parseTrail(branch.trail)) {
      take(sent, ended);
      after = ended;
    }
  }
  const { status, sent } = branch;
  if (sent === null || sent < after || status === "pending" || status === "spared") return;
  take(sent, branch.ended ?? now);
}

export function curve(samples, top) {
  const points = [];
  const height = (level) => (58 - (level / Math.max(top, 1)) * 48).toFixed(1);
  samples.forEach((level, n) => {
    const x = ((n / SAMPLES) * 1000).toFixed(1);
    const isTurn = n > 0 && samples[n - 1] !== level;
    if (isTurn) points.push(`${x},${height(samples[n - 1])}`);
    if (n === 0 || n === samples.length - 1 || isTurn) points.push(`${x},${height(level)}`);
  });
  return points.join(" ");
}
