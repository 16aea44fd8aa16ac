// The strip of figures. The twin of presenters/run_kpis.py: both are tested on kpis.json.
// Reads the run as the wire sends it, with `by_status`, `heard` and `tally` added.

import { NBSP, NOTHING, duration, money, percent, plural, seconds, thousands, times } from "./text.js";

const LEAST_GAIN = 1.05;

export function strip(run) {
  const last = run.method === "majority" ? agreement(run) : coverage(run);
  return [time(run), branches(run), cost(run), throttled(run), last];
}

// What the strip needs besides the wire's run, counted over the branches.
export function counted(run, rows) {
  const byStatus = {};
  const tally = {};
  let heard = 0;
  for (const row of rows) {
    if (!row) continue;
    byStatus[row.status] = (byStatus[row.status] ?? 0) + 1;
    if (row.status !== "succeeded" || row.role === "merge" || row.role === "judge") continue;
    heard += 1;
    if (row.role !== "guard" && row.reading) tally[row.reading] = (tally[row.reading] ?? 0) + 1;
  }
  return { ...run, by_status: byStatus, heard, tally };
}

function time(run) {
  const { kpis } = run;
  const isOpen = run.ended_ms === null;
  const wall = !isOpen && known(kpis.wall_s) ? kpis.wall_s * 1000 : run.elapsed_ms;
  const words = duration(wall).split(NBSP);
  const unit = words.length > 1 ? words.pop() : "";
  const bars = kpis.one_by_one_s && known(wall) ? [bar("time", wall / 1000, kpis.one_by_one_s)] : [];
  return cell("time", isOpen ? "Elapsed" : "Wall clock", words.join(NBSP), unit, faster(run), bars);
}

function faster(run) {
  const { kpis } = run;
  const isOpen = run.ended_ms === null;
  if (!kpis.one_by_one_s) {
    return [part(isOpen ? "one by one: not known yet" : "no call succeeded")];
  }
  const oneByOne = seconds(kpis.one_by_one_s);
  const gain = kpis.speed_up;
  const isMeasured = kpis.speed_up_is === "measured";
  if (!known(gain) || (kpis.is_private && !isMeasured)) {
    return [part(`${isOpen ? "" : "not measured · "}one by one up to ${oneByOne}`)];
  }
  if (gain < LEAST_GAIN) {
    return [part(`no faster than one by one, ${oneByOne}${isMeasured ? ", measured" : ""}`)];
  }
  if (isMeasured) {
    return [part(`${times(gain)} faster`, "good"), part(` than ${oneByOne}, measured`)];
  }
  return [part(`up to ${times(gain)} faster`, "good"), part(` than ${oneByOne}`)];
}

function branches(run) {
  const none = { pending: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0, spared: 0 };
  const by = { ...none, ...run.by_status };
  const sum = Object.values(by).reduce((a, b) => a + b, 0);
  const total = Math.max(run.planned, sum);
  const told = [
    [by.failed, "failed", "bad"], [by.running, "in flight"],
    [total - sum + by.pending, run.ended_ms === null ? "waiting" : "not called"],
    [by.cancelled, "cancelled"], [by.spared, "spared"],
  ];
  const parts = told.filter(([count]) => count)
    .map(([count, word, tone]) => part(`${thousands(count)} ${word}`, tone));
  const bars = [["succeeded", "done"], ["failed", "failed"], ["running", "live"], ["spared", "spared"]]
    .filter(([status]) => by[status]).map(([status, state]) => bar(state, by[status], total));
  const sub = parts.length ? dotted(parts) : [part("none failed")];
  return cell("branches", "Branches", thousands(by.succeeded), `of ${thousands(total)} done`, sub, bars);
}

function cost(run) {
  const { kpis, budget_usd: budget, spent_usd: spent } = run;
  const isPartlyUnknown = "cost_usd" in kpis && kpis.cost_usd === null;
  const isUnknown = isPartlyUnknown && !spent;
  const isEnded = run.ended_ms !== null;
  const wasted = kpis.wasted_usd || 0;
  const parts = [];
  if (isPartlyUnknown && spent) parts.push(part("at least: a price is unknown", "bad"));
  if (known(kpis.multiplier) && spent) parts.push(part(`${times(kpis.multiplier)} one call`));
  parts.push(part(`${thousands((kpis.input_tokens || 0) + (kpis.output_tokens || 0))} tokens`));
  if (wasted && isEnded) parts.push(part(`${money(wasted)} wasted`, "bad"));
  let bars = [];
  if (budget) bars = [bar("time", spent, budget), bar("reserved", run.reserved_usd, budget)];
  else if (spent && isEnded) bars = [bar("done", spent - wasted, spent), bar("failed", wasted, spent)];
  const unit = budget ? `of ${money(budget)}` : isUnknown ? "price unknown" : "";
  return cell("cost", "Cost", isUnknown ? NOTHING : money(spent), unit, dotted(parts), bars);
}

function throttled(run) {
  const attempts = run.kpis.attempts || 0;
  const refused = run.kpis.throttled || 0;
  const reason = run.ended_ms === null ? run.kpis.held_reason : "";
  const sub = dotted([
    part(`${thousands(refused)} of ${plural(attempts, "call")}`),
    reason ? part(`held now: ${reason}`, "bad") : part(heldACall(run.kpis.held_s || 0, attempts)),
  ]);
  const value = percent(attempts ? refused / attempts : 0, 1).slice(0, -1);
  return cell("throttled", "Throttled", value, "%", sub, refused ? [bar("held", refused, attempts)] : []);
}

const LEAST_HELD_S = 0.1;

function heldACall(held, calls) {
  if (!held || !calls) return "none held";
  const least = held / calls < LEAST_HELD_S ? "under " : "";
  return `held ${least}${seconds(Math.max(held / calls, LEAST_HELD_S))} a call`;
}

function agreement(run) {
  const votes = Object.values(run.tally).sort((a, b) => b - a);
  if (!votes.length) {
    const none = run.ended_ms === null ? "no readable vote yet" : "no readable vote";
    return cell("quality", "Agreement", NOTHING, "", [part(none)], []);
  }
  const sum = votes.reduce((a, b) => a + b, 0);
  const parts = [part(`${thousands(votes[0])} to ${thousands(votes[1] ?? 0)}`)];
  if (votes.length > 2) parts.push(part(`${thousands(votes.length)} different answers`));
  const value = percent(votes[0] / sum).slice(0, -1);
  return cell("quality", "Agreement", value, "%", dotted(parts), [bar("done", votes[0], sum)]);
}

function coverage(run) {
  const { planned: expected, heard } = run;
  const places = heard === 0 || heard === expected ? 0 : 1;
  const value = percent(expected ? heard / expected : 0, places).slice(0, -1);
  const sub = [part(`${thousands(heard)} of ${thousands(expected)} heard`)];
  return cell("quality", "Coverage", value, "%", sub, heard ? [bar("done", heard, expected)] : []);
}

const known = (value) => value !== null && value !== undefined;
const cell = (key, label, value, unit, sub, bars) => ({ key, label, value, unit, sub, bars });
const part = (text, tone = "") => ({ text, tone });
const bar = (state, some, whole) =>
  ({ state, share: whole ? Math.min(Math.round((some / whole) * 10000) / 100, 100) : 0 });
const dotted = (parts) => parts.flatMap((one, n) => (n ? [part(" · "), one] : [one]));
