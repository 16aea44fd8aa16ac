// A branch's line: state, words and phases. The twin of presenters/run_rows.py: both are tested
// on branches.json. Times are milliseconds since the launch.

import { duration, plural, thousands } from "./text.js";

const FAILED_MARK_MS = 120;
const JOIN_ROLES = new Set(["merge", "judge"]);

// Of each method, the roles whose answers it reads as values.
export const READ_ROLES = { majority: ["section", "vote"], gate: ["guard"] };

const ERROR_WORDS = {
  throttled: "throttled", unavailable: "unavailable", deadline: "timed out",
  bad_reply: "broken reply", length: "too long", content_filter: "filtered", auth: "key refused",
  quota: "quota used up", unknown_model: "unknown model", bad_request: "refused",
  nothing_recorded: "nothing recorded",
};

// A hedge without an end is open until `now`.
export function parseTrail(trail, now = 0) {
  if (!trail) return [];
  return trail.split(" ").map((entry) => {
    const [span, status] = entry.split(":");
    const [sent, ended] = span.split("-");
    const isBeside = status === "hedge"; // it ran beside the next one, or the branch's own call
    const openEnd = isBeside ? Math.max(now, Number(sent)) : sent;
    return { sent: Number(sent), ended: Number(ended || openEnd), status, isBeside };
  });
}

// `silent`: when the provider answered nobody.
export function segments(branch, now, silent = []) {
  const found = [];
  const tries = parseTrail(branch.trail, now);
  let cursor = branch.ready ?? 0;
  const sent = branch.sent ?? now;
  const outage = silent.reduce((sum, [a, b]) => sum + Math.max(Math.min(b, sent) - Math.max(a, cursor), 0), 0);
  let held = Math.max((branch.held ?? 0) - afterThrottling(tries, branch.sent) - outage, 0);
  let isThrottled = false;
  tries.forEach((earlier, place) => {
    if (earlier.isBeside) {
      const after = sentAfter(tries, place, branch.sent);
      if (earlier.sent <= after) {
        held = wait(found, cursor, earlier.sent, held, isThrottled);
        cursor = after;
        isThrottled = false;
      }
      found.push(["h", earlier.sent, earlier.ended]);
      return;
    }
    held = wait(found, cursor, earlier.sent, held, isThrottled);
    failedTry(found, earlier);
    cursor = earlier.ended;
    isThrottled = earlier.status === "throttled";
  });
  last(found, branch, cursor, held, isThrottled, now);
  return through(found, silent).filter(([kind, a, b]) => b > a || kind === "d" || kind === "j");
}

// When the attempt was sent beside which the one at `place` ran.
function sentAfter(tries, place, sent) {
  return tries.slice(place + 1).find((one) => !one.isBeside)?.sent ?? sent ?? tries[place].sent;
}

// Waits cut where the provider answered nobody: there they are the outage's.
function through(found, silent) {
  if (!silent.length) return found;
  return found.flatMap(([kind, start, end]) => {
    if (kind !== "w" && kind !== "t") return [[kind, start, end]];
    const cut = [];
    let cursor = start;
    for (const [a, b] of silent) {
      const [low, high] = [Math.max(a, cursor), Math.min(b, end)];
      if (low >= high) continue;
      cut.push([kind, cursor, low], ["o", low, high]);
      cursor = high;
    }
    cut.push([kind, cursor, end]);
    return cut;
  });
}

// Of the time held, what followed a 429: drawn there, and not again before a first try.
function afterThrottling(all, sent) {
  const tries = all.filter((one) => !one.isBeside);
  return tries.reduce((sum, { status, ended }, n) => {
    const next = n + 1 < tries.length ? tries[n + 1].sent : sent ?? 0;
    return status === "throttled" ? sum + Math.max(next - ended, 0) : sum;
  }, 0);
}

function wait(found, a, b, held, isThrottled) {
  if (b <= a) return held;
  if (isThrottled) {
    found.push(["t", a, b]);
    return held;
  }
  const part = Math.min(held, b - a);
  found.push(["w", a, b - part], ["t", b - part, b]);
  return held - part;
}

function failedTry(found, { sent, ended, status }) {
  if (status === "throttled" || status === "aborted") {
    found.push([status === "throttled" ? "f" : "c", sent, ended]);
    return;
  }
  const mark = Math.min(FAILED_MARK_MS, ended - sent);
  found.push(["f", sent, ended - mark], ["x", ended - mark, ended]);
}

function last(found, branch, cursor, held, isThrottled, now) {
  const { status, sent, ended } = branch;
  const end = ended ?? now;
  if ((status === "spared" || status === "cancelled") && (sent === null || sent < cursor)) {
    found.push([status === "spared" ? "p" : "c", cursor, end]);
  } else if (status === "pending") {
    found.push([isThrottled ? "t" : "w", cursor, now]);
  } else if (sent !== null && sent >= cursor) {
    wait(found, cursor, sent, held, isThrottled);
    call(found, branch, sent, end);
  }
}

function call(found, branch, sent, end) {
  if (branch.status === "failed") {
    const mark = Math.min(FAILED_MARK_MS, end - sent);
    found.push(["f", sent, end - mark], ["x", end - mark, end]);
    return;
  }
  const done = JOIN_ROLES.has(branch.role) ? "j" : "d";
  const after = { succeeded: done, running: "s", cancelled: "c" }[branch.status] ?? "s";
  const turn = branch.first ?? end;
  found.push(["f", sent, turn], [after, turn, end]);
}

const PHASES = {
  w: "waiting", t: "held", o: "held by an outage", f: "before the first token", s: "streaming", d: "answering",
  j: "answering", h: "second attempt", c: "stopped",
};
const LEAST_TOLD_MS = 50;

// The phases of a branch in words: `held 1.8 s · answering 0.7 s`.
export function told(found) {
  const sums = {};
  for (const [kind, a, b] of found) sums[kind] = (sums[kind] ?? 0) + b - a;
  return Object.keys(PHASES).filter((kind) => (sums[kind] ?? 0) >= LEAST_TOLD_MS)
    .map((kind) => `${PHASES[kind]} ${duration(sums[kind])}`).join(" · ");
}

// `held`: why nobody may start now, empty where somebody may.
export function look(branch, now, reads = [], held = "") {
  switch (branch.status) {
    case "succeeded": return lookDone(branch, reads);
    case "running": return lookRunning(branch, now);
    case "pending": return lookPending(branch, now, held);
    case "failed": return { state: "failed", icon: "fail", word: "failed", note: failure(branch) };
    case "spared": return { state: "done", icon: "spared", word: "spared", note: "not needed" };
    default:
      return { state: "done", icon: "off", word: "cancelled", note: branch.reason || "cancelled" };
  }
}

function lookDone(branch, reads) {
  const note = spent(branch);
  if (reads.includes(branch.role) && !branch.reading) return { state: "done", icon: "warn", word: "unreadable", note };
  if (branch.cut) return { state: "done", icon: "warn", word: "cut at the limit", note };
  return { state: "done", icon: "done", word: "done", note };
}

function lookRunning(branch, now) {
  if (branch.first !== null) {
    return { state: "live", icon: "live", word: "streaming", note: `${duration(now - branch.sent)}…` };
  }
  if (branch.trail.endsWith("-:hedge")) {
    return { state: "live", icon: "live", word: "asked twice", note: "slow: asked twice" };
  }
  if (branch.tries > 1) {
    return { state: "live", icon: "live", word: "asking again", note: `first token, try ${branch.tries}` };
  }
  return { state: "live", icon: "live", word: "asked", note: "first token…" };
}

function lookPending(branch, now, held) {
  if (branch.backoff !== null && branch.backoff > now) {
    const left = duration(branch.backoff - now);
    return branch.trail.endsWith(":throttled")
      ? { state: "waiting", icon: "hold", word: "throttled", note: `held, ${left} left` }
      : { state: "waiting", icon: "wait", word: "waiting", note: `next try in ${left}` };
  }
  if (held) return { state: "waiting", icon: "hold", word: "held", note: `held: ${held}` };
  const note = branch.tries ? `waiting, ${plural(branch.tries, "try", "tries")} so far` : "waiting";
  return { state: "waiting", icon: "wait", word: "waiting", note };
}

function failure(branch) {
  const word = ERROR_WORDS[branch.error_kind] ?? "failed";
  return branch.tries > 1 ? `${word}, ${branch.tries} tries` : word;
}

function spent(branch) {
  const parts = [];
  if (branch.ended !== null && branch.sent !== null) parts.push(duration(branch.ended - branch.sent));
  if (branch.output_tokens !== null) parts.push(`${thousands(branch.output_tokens)} tok`);
  return parts.join(" · ");
}
