// One branch's line on the timeline. Lines that scroll out of view are used again for others.

import { look, segments } from "./look.js";

const MADE_OF = '<a class="branch">'
  + '<span class="lab"><svg class="ic" role="img"><use/></svg>'
  + '<span class="nr num"></span><span class="cut"></span></span>'
  + '<span class="bar" aria-hidden="true"></span><span class="end num"></span></a>'
  + '<button type="button" class="fold" hidden><svg class="ic" aria-hidden="true"><use href="#down"/></svg></button>';

export class Line {
  constructor(urlOf) {
    this.urlOf = urlOf;
    this.element = document.createElement("li");
    this.element.innerHTML = MADE_OF;
    [this.link, this.fold] = this.element.children;
    [this.lab, this.bar, this.end] = this.link.children;
    [this.icon, this.nr, this.label] = this.lab.children;
    this.shown = {};
  }

  // Stand for another branch from now on.
  become(number, isPicked) {
    this.number = number;
    this.row = null;
    this.link.id = `row-${number}`;
    this.link.href = this.urlOf(number);
    this.link.dataset.number = number;
    this.nr.textContent = number + 1;
    this.pick(isPicked);
  }

  pick(isPicked) {
    if (isPicked) this.link.setAttribute("aria-current", "true");
    else this.link.removeAttribute("aria-current");
  }

  stand(place, height, of) {
    this.set("top", `${place * height}px`, (top) => { this.element.style.top = top; });
    this.set("place", place + 1, (n) => this.element.setAttribute("aria-posinset", n));
    this.set("of", of, (n) => this.element.setAttribute("aria-setsize", n));
  }

  // A merge's line folds what stands below it; null where nothing does.
  drawFold(isFolded) {
    this.set("fold", isFolded, () => {
      this.fold.hidden = isFolded === null;
      this.fold.setAttribute("aria-expanded", String(!isFolded));
    });
    if (isFolded === null) return;
    this.set("folds", this.number, (number) => { this.fold.dataset.fold = number; });
    this.set("parts", this.shown.label, (label) => this.fold.setAttribute("aria-label", `Parts of ${label}`));
  }

  draw(row, depth, { now, end, reads, silent, held }) {
    const isMoving = row.status === "running" || row.status === "pending";
    if (this.row === row && this.axisEnd === end && this.silent === silent && this.depth === depth && !isMoving) return;
    Object.assign(this, { row, axisEnd: end, depth, silent });
    const seen = look(row, now, reads, held);
    this.set("role", row.role, (role) => { this.link.dataset.role = role; });
    this.set("depth", depth ?? "", (deep) => {
      if (deep === "") delete this.link.dataset.depth;
      else this.link.dataset.depth = deep;
    });
    this.set("icon", seen.icon, (icon) => {
      this.icon.firstChild.setAttribute("href", `#${icon}`);
      this.label.className = icon === "done" ? "cut" : "cut muted";
    });
    this.set("word", seen.word, (word) => this.icon.setAttribute("aria-label", word));
    this.set("label", labelOf(row, seen), (label) => { this.label.textContent = label; });
    this.set("note", seen.note, (note) => { this.end.textContent = note; });
    const marks = segments(row, now, silent).map((segment) => mark(segment, end)).join("");
    this.set("marks", marks, (html) => { this.bar.innerHTML = html; });
  }

  // The page is only written to where something changed.
  set(name, value, write) {
    if (this.shown[name] === value) return;
    this.shown[name] = value;
    write(value);
  }
}

function mark([kind, a, b], end) {
  const left = ((a / end) * 100).toFixed(2);
  const width = Math.max(((b - a) / end) * 100, 0.12).toFixed(2);
  return `<i class="seg ${kind}" style="left:${left}%;width:${width}%"${kind === "s" ? " data-live" : ""}></i>`;
}

function labelOf(row, seen) {
  if (row.role === "vote") return row.reading || (seen.word === "waiting" ? "" : seen.word);
  const label = bare(row);
  if (row.reading) return label ? `${label}: ${row.reading}` : row.reading;
  return label || seen.word;
}

// The number stands before the label already.
function bare({ label, index }) {
  const number = `${index + 1} · `;
  return label.startsWith(number) ? label.slice(number.length) : label;
}
