// The timeline: axis, curve and the lines of the branches in view. Only those are in the page.

import { axisFor, curve, inFlightSamples } from "./axis.js";
import { look, segments } from "./look.js";
import { ordered } from "./order.js";

const OVERSCAN = 8;
const CURVE_EVERY_MS = 250;

export class Timeline {
  constructor(section, { reads, parts, urlOf, onOpen }) {
    this.section = section;
    this.reads = reads;
    this.parts = parts; // of a merge, else 0
    this.urlOf = urlOf;
    this.onOpen = onOpen;
    this.box = section.querySelector("[data-rows]");
    this.list = this.box.querySelector(".rows");
    this.filter = "all";
    this.lines = new Map(); // branch number → its <li>
    this.picked = null;
    this.focused = null;
    this.drawnCurve = 0;
    this.begin();
  }

  // The server's lines stay until there is a state to draw.
  takeOver() {
    this.isOurs = true;
    this.list.replaceChildren();
    this.list.dataset.windowed = "";
    this.section.querySelector("[data-pager]")?.remove();
  }

  begin() {
    this.box.addEventListener("scroll", () => this.redraw(), { passive: true });
    new ResizeObserver(() => this.redraw()).observe(this.box);
    this.box.addEventListener("keydown", (event) => this.onKey(event));
    this.box.addEventListener("focusin", (event) => {
      const line = event.target.closest("[data-number]");
      if (line) this.focused = Number(line.dataset.number);
    });
    this.section.addEventListener("click", (event) => this.onClick(event));
  }

  get rowHeight() {
    return matchMedia("(max-width: 720px)").matches ? 46 : 30;
  }

  // Draw the state as of `now`, ms since the launch.
  draw(branches, now, run) {
    if (!this.isOurs) this.takeOver();
    this.branches = branches;
    this.now = now;
    this.run = run;
    this.isOpen = run.ended_ms === null;
    const lastEnd = this.isOpen ? 0 : branches.reduce((most, row) => Math.max(most, row?.ended ?? 0), 0);
    this.axis = axisFor(this.isOpen ? now : Math.max(lastEnd, now), this.isOpen);
    this.drawAxis();
    this.drawChips();
    this.redraw();
  }

  drawAxis() {
    const { axis } = this;
    const key = `${axis.end}/${axis.step}`;
    if (key !== this.axisKey) {
      this.axisKey = key;
      this.section.querySelector("[data-ticks]").innerHTML = axis.ticks
        .map((tick) => `<span class="tick num" style="left:${tick.at}%">${tick.label}</span>`).join("");
      this.box.style.setProperty("--grid", axis.step);
      this.box.style.setProperty("--end", axis.end);
    }
    const at = performance.now();
    if (this.isOpen && at - this.drawnCurve < CURVE_EVERY_MS) return;
    this.drawnCurve = at;
    this.drawCurve();
  }

  drawCurve() {
    const samples = inFlightSamples(this.branches, this.now, this.axis.end);
    const limit = this.run.limit ?? 0;
    const peak = samples.reduce((a, b) => Math.max(a, b), 0);
    const top = Math.max(peak, limit);
    const line = curve(samples, top);
    const end = line.slice(line.lastIndexOf(" ") + 1).split(",")[0];
    this.section.querySelector("[data-curve]").setAttribute("points", line);
    this.section.querySelector("[data-area]").setAttribute("points", line ? `0,58 ${line} ${end},58` : "");
    const bar = this.section.querySelector("[data-limit]");
    const y = limit ? (58 - (limit / top) * 48).toFixed(1) : -9;
    for (const [name, value] of [["y1", y], ["y2", y], ["x2", Math.min(this.now / this.axis.end, 1) * 1000]]) {
      bar.setAttribute(name, value);
    }
    const flight = this.isOpen ? `${this.run.in_flight} in flight` : `at most ${peak} in flight`;
    put(this.section.querySelector("[data-flight]"), limit ? `${flight}, limit ${limit}` : flight);
  }

  drawChips() {
    const counts = { all: 0, live: 0, waiting: 0, done: 0, failed: 0 };
    const shown = [];
    for (const row of this.branches) {
      if (!row) continue;
      const state = STATES[row.status];
      counts.all += 1;
      counts[state] += 1;
      if (this.filter === "all" || this.filter === state) shown.push(row.number);
    }
    this.shown = this.parts && this.filter === "all" ? this.byLevel(shown) : shown;
    for (const chip of this.section.querySelectorAll("[data-filter]")) {
      put(chip.querySelector("[data-count]"), counts[chip.dataset.filter].toLocaleString("en-US"));
    }
  }

  // Sorted anew only when branches have come: merges that a join asked for.
  byLevel(shown) {
    if (shown.length === this.order?.numbers.length) return this.order.numbers;
    const rows = shown.map((number) => this.branches[number]);
    this.order = rows.some((row) => row.role === "merge")
      ? ordered(rows, this.parts, this.run.planned) : { numbers: shown, depths: new Map() };
    return this.order.numbers;
  }

  redraw() {
    if (!this.shown) return;
    const height = this.rowHeight;
    this.list.style.height = `${this.shown.length * height}px`;
    this.box.toggleAttribute("data-many", this.shown.length > 40);
    const first = Math.max(Math.floor(this.box.scrollTop / height) - OVERSCAN, 0);
    const last = Math.min(
      Math.ceil((this.box.scrollTop + this.box.clientHeight) / height) + OVERSCAN, this.shown.length);
    const wanted = new Set();
    for (let place = first; place < last; place += 1) {
      const number = this.shown[place];
      wanted.add(number);
      this.drawLine(number, place, height);
    }
    const keep = document.activeElement?.closest?.("li");
    for (const [number, line] of this.lines) {
      if (wanted.has(number) || line === keep) continue;
      line.remove();
      this.lines.delete(number);
    }
    this.drawEmpty();
  }

  drawEmpty() {
    if (this.shown.length) this.nothing?.remove();
    else if (!this.nothing?.isConnected) {
      this.nothing ??= Object.assign(document.createElement("li"), { className: "nothing" });
      this.nothing.textContent = this.filter === "all" ? "No branch has started yet." : "No branch is here now.";
      this.list.append(this.nothing);
      this.list.style.height = "";
    }
  }

  drawLine(number, place, height) {
    const row = this.branches[number];
    const line = this.lines.get(number) ?? this.addLine(number);
    const top = `${place * height}px`;
    if (line.style.top !== top) line.style.top = top;
    line.setAttribute("aria-posinset", place + 1);
    line.setAttribute("aria-setsize", this.shown.length);
    const isMoving = row.status === "running" || row.status === "pending";
    if (line.row === row && line.end === this.axis.end && !isMoving) return;
    line.row = row;
    line.end = this.axis.end;
    const seen = look(row, this.now, this.reads);
    const [link] = line.children;
    const depth = this.filter === "all" ? this.order?.depths.get(number) : undefined;
    if (depth === undefined) delete link.dataset.depth;
    else if (link.dataset.depth !== String(depth)) link.dataset.depth = depth;
    const [lab, bar, end] = link.children;
    const label = labelOf(row, seen);
    const dress = `${seen.icon}|${label}`;
    if (line.dress !== dress) {
      line.dress = dress;
      lab.querySelector("use").setAttribute("href", `#${seen.icon}`);
      lab.querySelector("svg").setAttribute("aria-label", seen.word);
      lab.lastElementChild.className = seen.icon === "done" ? "cut" : "cut muted";
      put(lab.lastElementChild, label);
      link.dataset.role = row.role;
    }
    put(end, seen.note);
    const marks = segments(row, this.now).map((segment) => mark(segment, this.axis.end)).join("");
    if (line.marks !== marks) {
      line.marks = marks;
      bar.innerHTML = marks;
    }
  }

  addLine(number) {
    const line = document.createElement("li");
    line.innerHTML = `<a class="branch" id="row-${number}" href="${this.urlOf(number)}" data-number="${number}">`
      + '<span class="lab"><svg class="ic" role="img"><use href="#wait"/></svg>'
      + `<span class="nr num">${number + 1}</span><span class="cut"></span></span>`
      + '<span class="bar" aria-hidden="true"></span><span class="end num"></span></a>';
    if (number === this.picked) line.firstChild.setAttribute("aria-current", "true");
    this.lines.set(number, line);
    this.list.append(line);
    return line;
  }

  // The open branch is marked, and brought into view.
  pick(number) {
    this.lines.get(this.picked)?.firstChild.removeAttribute("aria-current");
    this.picked = number;
    this.lines.get(number)?.firstChild.setAttribute("aria-current", "true");
    if (number !== null) this.show(number);
  }

  show(number) {
    const place = this.shown?.indexOf(number) ?? -1;
    if (place < 0) return;
    const height = this.rowHeight;
    const top = place * height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + height > this.box.scrollTop + this.box.clientHeight) {
      this.box.scrollTop = top + height - this.box.clientHeight;
    }
    this.redraw();
  }

  onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -1e9, End: 1e9 }[event.key];
    if (!step || !this.shown.length) return;
    event.preventDefault();
    const from = Math.max(this.shown.indexOf(this.focused), 0);
    const number = this.shown[Math.min(Math.max(from + step, 0), this.shown.length - 1)];
    this.show(number);
    this.lines.get(number)?.firstChild.focus({ preventScroll: true });
    if (this.picked !== null) this.onOpen(number);
  }

  onClick(event) {
    const chip = event.target.closest("[data-filter]");
    if (!chip) return;
    event.preventDefault();
    this.filter = chip.dataset.filter;
    for (const other of this.section.querySelectorAll("[data-filter]")) other.removeAttribute("aria-current");
    chip.setAttribute("aria-current", "true");
    this.box.scrollTop = 0;
    this.drawChips();
    this.redraw();
  }
}

const STATES = {
  pending: "waiting", running: "live", succeeded: "done", failed: "failed", cancelled: "done", spared: "done",
};

function mark([kind, a, b], end) {
  const left = ((a / end) * 100).toFixed(2);
  const width = Math.max(((b - a) / end) * 100, 0.12).toFixed(2);
  return `<i class="seg ${kind}" style="left:${left}%;width:${width}%"${kind === "s" ? " data-live" : ""}></i>`;
}

function labelOf(row, seen) {
  if (row.role === "vote") return row.reading || (seen.word === "waiting" ? "" : seen.word);
  if (row.reading) return row.label ? `${row.label}: ${row.reading}` : row.reading;
  return row.label || seen.word;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

