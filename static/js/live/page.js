// The run's page: state, clock and wiring. What each part looks like is the parts' business.

import { Connection } from "./connection.js";
import { Drawer } from "./drawer.js";
import { counted, strip } from "./kpis.js";
import { READ_ROLES } from "./look.js";
import { Panel, keyOf } from "./panel.js";
import { apply, empty, forgetText, lostTexts } from "./reducer.js";
import { showStrip } from "./strip.js";
import { Timeline } from "./timeline.js";

const FRAME_MS = 100;
const STATUS_LINE_MS = 4000;
const STATES = {
  live: ["", ""],
  late: ["A few seconds behind", "No word of changes comes through: the server looks for them every few seconds"],
  behind: ["Reconnecting…", "Connection lost: what you see may be a little behind"],
  polling: ["Live, by asking again", "WebSockets are blocked: the page asks every second or two"],
  offline: ["Offline", "parweb cannot be reached: what you see has stopped moving"],
  ended: ["", ""],
};

const root = document.getElementById("run");
const urlOf = (number) => root.dataset.branchUrl.replace(/0\/$/, `${number}/`);

let state = empty();
let clock = { elapsed: 0, at: performance.now(), isRunning: false };
let isDirty = true;
let lastKey = null; // none yet: the prose is as old as the page
let lastSpoken = 0;

const section = root.querySelector("#timeline");
const table = root.querySelector("#branch-table");
const panel = new Panel(root.querySelector("[data-panel]"));
const tablePanel = table && new Panel(table);
const reads = READ_ROLES[root.dataset.method];
const drawer = new Drawer(document.getElementById("drawer"), { urlOf, onPick: picked });
const timeline = table ? null
  : new Timeline(section, { reads, parts: Number(root.dataset.parts) || 0, urlOf, onOpen: (number) => drawer.open(number) });

const connection = new Connection({
  socketUrl: new URL(`/ws/runs/${root.dataset.run}/`, location.href.replace(/^http/, "ws")).href,
  stateUrl: root.dataset.stateUrl,
  position: () => state.seq,
  watched: () => (drawer.number === null ? [] : [drawer.number]),
  onMessage: received,
  onState: showConnection,
});

function received(message) {
  if (message.type === "bye") {
    said(message.reason);
    return false;
  }
  state = apply(state, message);
  if (message.type === "delta" && message.run) setClock(message.run);
  const lost = lostTexts(state);
  if (lost.length) {
    for (const branch of lost) state = forgetText(state, branch);
    connection.watch(connection.watched());
  }
  isDirty = true;
  if (state.run?.ended_ms !== null && state.run && !state.isBehind) ended();
  return state.isBehind;
}

function setClock(run) {
  const isRunning = run.ended_ms === null && run.elapsed_ms !== null && run.status !== "held";
  clock = { elapsed: run.elapsed_ms ?? 0, at: performance.now(), isRunning };
}

const FOLLOWING = new Set(["live", "late", "polling"]);
const isFollowing = () => FOLLOWING.has(connection.state);

function now() {
  if (!clock.isRunning || (connection.state && !isFollowing())) return clock.elapsed;
  return clock.elapsed + performance.now() - clock.at;
}

// An ended run sends no more, but a new pass or a baseline may: the socket stays.
let isEnded = !root.dataset.open;
function ended() {
  if (isEnded) return;
  isEnded = true;
  for (const button of document.querySelectorAll("[data-while-open]")) button.hidden = true;
  if (state.run?.status !== "cancelled") {
    for (const button of document.querySelectorAll("[data-when-ended]")) button.hidden = false;
  }
  document.getElementById("cancel-dialog")?.close();
  panel.hurry();
}

function draw() {
  if (!state.run || (!isDirty && !clock.isRunning)) return;
  const moment = now();
  const run = counted({ ...state.run, elapsed_ms: moment }, state.branches);
  showStrip(root, strip(run));
  timeline?.draw(state.branches, moment, run);
  if (isDirty) offer(state.run);
  if (isDirty) tellReason(state.run);
  if (isDirty) refreshProse(run);
  if (drawer.number !== null) showDrawer();
  isDirty = false;
}

// A run may be held, and go on, while it is open.
function offer({ status, hold_wanted: isAsked, ended_ms: endedAt }) {
  const isOpen = endedAt === null;
  const isHeld = isAsked || status === "held";
  for (const form of document.querySelectorAll("[data-when-held]")) form.hidden = !isOpen || !isHeld;
  for (const form of document.querySelectorAll("[data-until-held]")) form.hidden = !isOpen || isHeld;
}

// Why an open run waits for a person; of an ended one its verdict tells.
function tellReason({ reason, ended_ms: endedAt }) {
  const place = document.querySelector("#run-reason[data-held]");
  if (!place) return;
  place.hidden = endedAt !== null || !reason;
  place.querySelector("span").textContent = reason;
}

function refreshProse(run) {
  const key = keyOf(state.run, state.joins, run);
  const isStale = lastKey === null ? state.seq > Number(root.dataset.seq) : key !== lastKey;
  if (isStale) {
    panel.touch(run.planned);
    tablePanel?.touch(run.planned);
  }
  lastKey = key;
  speak(run);
}

function showDrawer() {
  const { number } = drawer;
  drawer.update({ row: state.branches[number], attempts: state.attempts[number], text: state.texts[number] });
}

function picked(number) {
  drawer.forget();
  timeline?.pick(number);
  if (number !== null) connection.watch([number]);
  else connection.send({ type: "watch", branches: [] });
  isDirty = true;
}

// One polite line for those who do not see the bars.
function speak(run) {
  const isOver = run.ended_ms !== null;
  if (!isOver && performance.now() - lastSpoken < STATUS_LINE_MS) return;
  lastSpoken = performance.now();
  const { succeeded = 0, failed = 0, running = 0 } = run.by_status;
  const failures = failed ? `, ${failed} failed` : "";
  const line = isOver
    ? `The run has ended: ${(run.outcome || run.status).replaceAll("_", " ")}.`
    : `${succeeded} of ${run.planned} done${failures}, ${running} in flight.`;
  const place = root.querySelector("[data-status-line]");
  if (place.textContent !== line) place.textContent = line;
}

function showConnection(now) {
  const badge = document.querySelector("[data-connection]");
  if (!badge) return;
  const [text, title] = STATES[now];
  badge.hidden = !text;
  badge.textContent = text;
  badge.title = title;
}

function said(reason) {
  const badge = document.querySelector("[data-connection]");
  const text = { signed_out: "Signed out", deleted: "Deleted", gone: "Gone" }[reason] ?? "Closed";
  if (badge) Object.assign(badge, { hidden: false, textContent: text, title: "Load the page again" });
}

// Branches are named all over the page; each name opens the drawer.
document.addEventListener("click", (event) => {
  const name = event.target.closest("a[data-number]");
  if (!name || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  drawer.open(Number(name.dataset.number), { focus: event.detail === 0 });
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy)?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copying is not allowed here";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

root.addEventListener("htmx:afterSwap", () => { isDirty = true; }); // the limit's history is drawn, too

const embedded = document.getElementById("snapshot");
if (embedded) received(JSON.parse(embedded.textContent));
draw();
connection.start();
drawer.followHash();
setInterval(() => {
  if (document.hidden && !isDirty) return;
  requestAnimationFrame(draw);
}, FRAME_MS);
