// The timeline: axis, curve and the lines of the branches in view. Only those are in the page.

import { axisFor, curve, inFlightSamples, limitLine, placeMark, placeShut, topOf } from "./axis.js";
import { hiding, unfolded } from "./folding.js";
import { Line } from "./line.js";
import { segments, told } from "./look.js";
import { ordered } from "./order.js";
import { escape, thousands } from "./text.js";

const OVERSCAN = 8;
const CURVE_EVERY_MS = 250;
const MOST_UNWINDOWED = 40; // longer lists scroll in a box of their own
const MOST_UNFOLDED = 30; // sections; of more, the lowest merges begin folded

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
    this.lines = new Map(); // branch number → its line
    this.folded = new Set(); // numbers of merges
    this.met = new Set();
    this.picked = null;
    this.focused = null;
    this.drawnCurve = 0;
    this.pictured = {};
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
    const soon = () => {
      this.frame ??= requestAnimationFrame(() => {
        this.frame = null;
        this.redraw();
      });
    };
    this.box.addEventListener("scroll", soon, { passive: true });
    new ResizeObserver(([{ contentRect }]) => {
      this.viewHeight = contentRect.height;
      soon();
    }).observe(this.box);
    const narrow = matchMedia("(max-width: 720px)");
    const measure = () => {
      this.rowHeight = narrow.matches ? 46 : 30;
      soon();
    };
    narrow.addEventListener("change", measure);
    measure();
    this.box.addEventListener("keydown", (event) => this.onKey(event));
    this.box.addEventListener("focusin", (event) => {
      const line = event.target.closest("[data-number]");
      if (line) this.focused = Number(line.dataset.number);
    });
    this.box.addEventListener("mouseover", (event) => this.tell(event.target.closest(".bar")));
    this.section.addEventListener("click", (event) => this.onClick(event));
  }

  // Draw the state as of `now`, ms since the launch.
  draw(branches, now, run) {
    if (!this.isOurs) this.takeOver();
    this.branches = branches;
    this.now = now;
    this.run = run;
    this.isOpen = run.ended_ms === null;
    // Calls of later passes are sent after the run's end: its time is its own.
    const ownEnd = (row) => (!row || row.sent > now ? 0 : row.ended ?? 0);
    const lastEnd = this.isOpen ? 0 : branches.reduce((most, row) => Math.max(most, ownEnd(row)), 0);
    this.axis = axisFor(this.isOpen ? now : Math.max(lastEnd, now), this.isOpen);
    this.moment = { now, end: this.axis.end, reads: this.reads, silent: this.readLimits().silent, held: this.held() };
    this.drawAxis();
    this.drawChips();
    this.redraw();
  }

  drawAxis() {
    const { axis } = this;
    const key = `${axis.end}/${axis.step}`;
    if (key !== this.axisKey) {
      this.axisKey = key;
      this.drawnCurve = -CURVE_EVERY_MS; // the curve stands on the same axis
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
    const { now, axis: { end } } = this;
    const samples = inFlightSamples(this.branches, now, end);
    const { line: limits, shut, silent, marks } = this.readLimits();
    const peak = samples.reduce((a, b) => Math.max(a, b), 0);
    const levels = limits.map(([, level]) => level);
    const top = topOf(peak, Math.max(0, ...levels));
    const line = curve(samples, top);
    const last = line.slice(line.lastIndexOf(" ") + 1).split(",")[0];
    this.section.querySelector("[data-curve]").setAttribute("points", line);
    this.section.querySelector("[data-area]").setAttribute("points", line ? `0,58 ${line} ${last},58` : "");
    this.section.querySelector("[data-limit]").setAttribute("points", limitLine(limits, now, end, top));
    const held = [["shut", shut], ["shut silent", silent]];
    this.picture("[data-shut]", held.flatMap(([kind, spans]) =>
      placeShut(spans, now, end).map((style) => `<i class="${kind}" style="${style}"></i>`)));
    this.picture("[data-marks]", marks.map(([at, level, kind, title]) =>
      `<i class="mark" data-kind="${kind}" style="${placeMark(at, level, end, top)}" title="${escape(title)}"></i>`));
    const flight = this.isOpen ? `${this.run.in_flight} in flight` : `at most ${Math.max(peak, this.run.kpis.peak_in_flight ?? 0)} in flight`;
    put(this.section.querySelector("[data-flight]"), levels.length ? `${flight}, ${limitWords(levels, this.isOpen)}` : flight);
  }

  // The limit's history comes with a fragment of the page that htmx keeps fresh.
  readLimits() {
    const text = this.section.querySelector("[data-limits]")?.dataset.limits;
    if (text && text !== this.limitsText) {
      this.limitsText = text;
      this.limits = JSON.parse(text);
    }
    return this.limits ?? NONE;
  }

  // A part of the picture, written only where it changed: a title that is being read stays.
  picture(part, pieces) {
    const html = pieces.join("");
    if (this.pictured[part] === html) return;
    this.pictured[part] = html;
    this.section.querySelector(part).innerHTML = html;
  }

  drawChips() {
    const counts = { all: 0, live: 0, waiting: 0, done: 0, failed: 0, left_out: 0 };
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
      const { filter } = chip.dataset;
      put(chip.querySelector("[data-count]"), thousands(counts[filter]));
      if (filter === "left_out") chip.hidden = !counts[filter] && this.filter !== filter;
    }
  }

  // Sorted anew only when branches have come: merges that a join asked for.
  byLevel(shown) {
    if (shown.length !== this.order?.numbers.length) this.sort(shown);
    return this.order.shown;
  }

  sort(shown) {
    const rows = shown.map((number) => this.branches[number]);
    const merges = rows.filter((row) => row.role === "merge");
    this.order = merges.length
      ? ordered(rows, this.parts, this.run.planned) : { numbers: shown, depths: new Map(), paths: new Map() };
    for (const { number, level } of merges) {
      const isNew = !this.met.has(number);
      this.met.add(number);
      if (isNew && level === 1 && this.run.planned > MOST_UNFOLDED) this.folded.add(number);
    }
    for (const { number, status } of rows) {
      if (status !== "failed") continue;
      for (const merge of hiding(number, this.order, this.folded)) this.folded.delete(merge);
    }
    this.order.shown = merges.length ? unfolded(this.order, this.folded) : shown;
  }

  fold(number, isFolded) {
    if (isFolded) this.folded.add(number);
    else this.folded.delete(number);
    this.order.shown = unfolded(this.order, this.folded);
    this.shown = this.order.shown;
    this.redraw();
  }

  redraw() {
    if (!this.shown) return;
    const height = this.rowHeight;
    const top = this.box.scrollTop; // read before anything is written
    this.setLength(this.shown.length, height);
    const view = this.viewHeight ?? MOST_UNWINDOWED * height;
    const first = Math.max(Math.floor(top / height) - OVERSCAN, 0);
    const last = Math.min(Math.ceil((top + view) / height) + OVERSCAN, this.shown.length);
    this.drawLines(this.shown.slice(first, last), first);
    this.drawEmpty();
  }

  setLength(length, height) {
    const total = length ? `${length * height}px` : ""; // the line that says so has its own height
    if (total === this.total) return;
    this.total = total;
    this.list.style.height = total;
    this.box.toggleAttribute("data-many", length > MOST_UNWINDOWED);
  }

  drawEmpty() {
    if (this.shown.length) {
      this.nothing?.remove();
      return;
    }
    this.nothing ??= Object.assign(document.createElement("li"), { className: "nothing" });
    const text = this.filter === "all" ? "No branch has started yet." : "No branch is here now.";
    if (this.nothing.textContent !== text) this.nothing.textContent = text;
    if (!this.nothing.isConnected) this.list.append(this.nothing);
  }

  // Lines stand in the page in the order in which they are seen; one with the focus stays.
  drawLines(numbers, first) {
    const wanted = new Set(numbers);
    const spare = [...this.lines.values()]
      .filter((line) => !wanted.has(line.number) && line.link !== document.activeElement);
    for (const line of spare) this.lines.delete(line.number);
    let before = null;
    numbers.forEach((number, n) => {
      const line = this.lines.get(number) ?? this.take(spare.pop(), number);
      line.stand(first + n, this.rowHeight, this.shown.length);
      line.draw(this.branches[number], this.depthOf(number), this.moment);
      line.drawFold(this.foldOf(number));
      const next = before ? before.element.nextSibling : this.list.firstChild;
      if (line.element !== next) this.list.insertBefore(line.element, next);
      before = line;
    });
    for (const line of spare) line.element.remove();
  }

  take(spare, number) {
    const line = spare ?? new Line(this.urlOf);
    line.become(number, number === this.picked);
    this.lines.set(number, line);
    return line;
  }

  depthOf(number) {
    return this.filter === "all" ? this.order?.depths.get(number) : undefined;
  }

  // Whether what stands below it is folded away; null for what folds nothing.
  foldOf(number) {
    const isGroup = this.filter === "all" && this.branches[number].role === "merge" && this.order?.paths.has(number);
    return isGroup ? this.folded.has(number) : null;
  }

  // The open branch is marked, and brought into view.
  pick(number) {
    this.lines.get(this.picked)?.pick(false);
    this.picked = number;
    this.lines.get(number)?.pick(true);
    if (number !== null) this.show(number);
  }

  show(number) {
    if (this.filter === "all" && this.order) {
      for (const merge of hiding(number, this.order, this.folded)) this.fold(merge, false);
    }
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

  // Why no call may start now.
  held() {
    return this.isOpen ? this.run.kpis.held_reason ?? "" : "";
  }

  // A bar says in words what it shows, once somebody points at it.
  tell(bar) {
    const row = bar && this.branches?.[Number(bar.parentElement.dataset.number)];
    if (row) bar.title = told(segments(row, this.now, this.moment.silent));
  }

  onKey(event) {
    const isOpened = { ArrowRight: true, ArrowLeft: false }[event.key];
    if (isOpened !== undefined && this.focused !== null && this.foldOf(this.focused) === isOpened) {
      this.fold(this.focused, !isOpened);
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -1e9, End: 1e9 }[event.key];
    if (!step || !this.shown.length) return;
    event.preventDefault();
    const from = Math.max(this.shown.indexOf(this.focused), 0);
    const number = this.shown[Math.min(Math.max(from + step, 0), this.shown.length - 1)];
    this.show(number);
    this.lines.get(number)?.link.focus({ preventScroll: true });
    if (this.picked !== null) this.onOpen(number);
  }

  onClick(event) {
    const fold = event.target.closest("[data-fold]");
    if (fold) this.fold(Number(fold.dataset.fold), fold.getAttribute("aria-expanded") === "true");
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

const NONE = { line: [], shut: [], silent: [], marks: [] };
const STATES = {
  pending: "waiting", running: "live", succeeded: "done", failed: "failed",
  cancelled: "left_out", spared: "left_out",
};

function limitWords(levels, isOpen) {
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  return isOpen || low === high ? `limit ${levels.at(-1)}` : `limit ${low} to ${high}`;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
