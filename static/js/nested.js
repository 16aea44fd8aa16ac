// A nested run's page: rows and branches open in the drawer; htmx brings the rest.

const REFRESH_MS = 2000;
const drawer = document.getElementById("drawer");
const frame = document.querySelector(".app");
const narrow = matchMedia("(max-width: 1100px)");
let shown = null; // the address in the drawer
let opener = null;
let isEnded = !document.querySelector("#nested-rows[data-open]");

async function open(url, hash, { focus = false } = {}) {
  shown = url;
  const response = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (shown !== url || !response?.ok) return;
  const scrolled = drawer.dataset.url === url ? drawer.scrollTop : 0;
  const isFocused = drawer.contains(document.activeElement);
  drawer.innerHTML = await response.text();
  drawer.dataset.url = url;
  drawer.hidden = false;
  drawer.scrollTop = scrolled;
  frame.toggleAttribute("data-drawer", !narrow.matches);
  history.replaceState(history.state, "", hash);
  mark();
  if (focus || isFocused) drawer.querySelector("h2")?.focus();
}

function close() {
  if (!shown) return;
  shown = null;
  drawer.hidden = true;
  drawer.replaceChildren();
  frame.removeAttribute("data-drawer");
  history.replaceState(history.state, "", location.pathname + location.search);
  mark();
  (opener?.isConnected ? opener : document.querySelector(`a[href="${opener?.getAttribute("href")}"]`))?.focus({ preventScroll: true });
}

// The row in the drawer is marked in the table.
function mark() {
  for (const line of document.querySelectorAll("tr[data-picked]")) line.removeAttribute("data-picked");
  if (shown) document.querySelector(`#nested-rows a[href="${CSS.escape(shown)}"], #nested-rows a[href="${shown}"]`)?.closest("tr")?.setAttribute("data-picked", "");
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close-drawer]")) { close(); return; }
  const name = event.target.closest("a[data-row], a[data-number]");
  if (!name || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if (!drawer.contains(name)) opener = name;
  const { row, number } = name.dataset;
  open(name.getAttribute("href"), row ? `#row-${row}` : `#branch-${Number(number) + 1}`, { focus: event.detail === 0 });
});

document.addEventListener("keydown", (event) => {
  const isFree = !event.target.closest("dialog, input, textarea, select") && !event.defaultPrevented;
  if (event.key === "Escape" && isFree) close();
});

// A run may be held, and go on, while it is open.
function offer() {
  const place = document.querySelector("#run-reason[data-held]");
  const isHeld = Boolean(place?.dataset.held);
  for (const form of document.querySelectorAll("[data-when-held]")) form.hidden = !place || !isHeld;
  for (const form of document.querySelectorAll("[data-until-held]")) form.hidden = !place || isHeld;
}

// An ended run takes away what only an open one can be told.
document.body.addEventListener("htmx:afterSettle", offer);
document.body.addEventListener("htmx:afterSwap", () => {
  mark();
  if (document.querySelector("#nested-rows[data-open]") || !document.getElementById("nested-rows")) return;
  if (!isEnded) globalThis.htmx?.trigger("#curve", "refresh");
  isEnded = true;
  for (const button of document.querySelectorAll("[data-while-open]")) button.hidden = true;
  for (const button of document.querySelectorAll("[data-when-ended]")) button.hidden = false;
});

setInterval(() => {
  if (shown && !document.hidden && drawer.querySelector('.row-detail[data-open], .branch-detail[data-open="1"]')) open(shown, location.hash);
}, REFRESH_MS);

// Deep links say the number that people see, from 1.
function follow() {
  const found = /^#(row|branch)-(\d+)$/.exec(location.hash);
  if (!found) return;
  const folder = found[1] === "row" ? "rows" : "branches";
  open(`${location.pathname}${folder}/${Number(found[2]) - 1}/`, location.hash);
}

addEventListener("hashchange", follow);
follow();
