// Puts the strip's cells into the page.

import { escape } from "./text.js";

export function showStrip(root, cells) {
  for (const cell of cells) {
    const place = root.querySelector(`[data-kpi="${cell.key}"]`);
    if (!place) continue;
    set(place.querySelector("dt"), "textContent", cell.label);
    set(place.querySelector("[data-value]"), "textContent", cell.value);
    set(place.querySelector("[data-unit]"), "textContent", cell.unit);
    set(place.querySelector("[data-sub]"), "html", cell.sub.map(subPart).join(""));
    showBars(place.querySelector("[data-bars]"), cell.bars);
  }
}

const subPart = ({ text, tone }) => (tone ? `<b class="${tone}">${escape(text)}</b>` : escape(text));

// Compared with what was last set, not with what the browser made of it.
const shown = new WeakMap();
function set(element, how, value) {
  const before = shown.get(element);
  if (before === value) return;
  shown.set(element, value);
  if (how === "html") element.innerHTML = value;
  else element.textContent = value;
}

function showBars(meter, bars) {
  while (meter.children.length > bars.length) meter.lastElementChild.remove();
  bars.forEach(({ state, share }, n) => {
    const bar = meter.children[n] ?? meter.appendChild(document.createElement("b"));
    if (bar.dataset.state !== state) bar.dataset.state = state;
    const width = `${share}%`;
    if (bar.style.width !== width) bar.style.width = width;
  });
}
