// Niceties of forms; each page works without them.

const form = document.getElementById("editor");

// Chips that add a line to a text area.
document.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-adds-line]");
  if (!chip) return;
  const area = document.getElementById(chip.dataset.to);
  const lines = area.value.split("\n").filter((line) => line.trim());
  area.value = [...lines, chip.dataset.addsLine].join("\n");
  area.dispatchEvent(new Event("input", { bubbles: true }));
});

// Links of the list of errors lead into the control, opening what hides it.
document.addEventListener("click", (event) => {
  const link = event.target.closest(".mend a[href^='#']");
  const target = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
  if (!target) return;
  event.preventDefault();
  target.closest("details")?.setAttribute("open", "");
  target.scrollIntoView({ block: "center" });
  const control = target.matches("fieldset") ? target.querySelector("input:checked, input") : target;
  control?.focus({ preventScroll: true });
});

// The panel is fetched anew as one types; what was opened in it stays open.
let isFirstCallOpen = false;
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.(".first-call")) isFirstCallOpen = event.target.open;
}, true);
document.addEventListener("htmx:afterSwap", () => {
  const details = document.querySelector(".first-call");
  if (details && isFirstCallOpen) details.open = true;
});

// What cannot be reckoned, a wrong value or a server away, leaves the last good figures in sight.
const plan = document.getElementById("plan");
const planError = document.getElementById("plan-error");
const figures = () => plan?.querySelector("[data-figures]:not([data-stale])");
let lastFigures = figures()?.cloneNode(true);
plan?.addEventListener("htmx:afterSwap", () => {
  planError.hidden = true;
  if (figures()) {
    lastFigures = figures().cloneNode(true);
    return;
  }
  const missing = plan.querySelector(".mend");
  if (!lastFigures || !missing) return;
  const told = document.createElement("p");
  told.className = "muted small stale";
  told.textContent = "Before the last change it was:";
  const stale = lastFigures.cloneNode(true);
  stale.dataset.stale = "";
  missing.after(told, stale);
});
for (const kind of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  plan?.addEventListener(kind, () => { planError.hidden = false; });
}

// One launch a click: the button rests until the page has gone.
form?.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.classList.contains("go")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
  setTimeout(() => { button.disabled = true; });
});
window.addEventListener("pageshow", () => {
  if (!form) return;
  delete form.dataset.sent;
  for (const button of form.querySelectorAll(".go")) button.disabled = false;
});

// The key says what was launched: the same form sent twice launches once, a changed one anew.
const key = form?.elements.idempotency_key;
if (key) form.addEventListener("input", () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  key.value = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
});

// A join being tried: its answers are no part of the configuration, and what they give follows
// both them and the settings.
const trial = document.getElementById("try");
const answers = document.getElementById("try-answers");
const tryAgain = () => {
  if (trial.open && answers.value.trim()) window.htmx?.trigger("#try-outcome", "try");
};
for (const kind of ["input", "change"]) {
  trial?.addEventListener(kind, (event) => {
    event.stopPropagation();
    window.htmx?.trigger("#try-outcome", "try");
  });
  if (trial) form?.addEventListener(kind, tryAgain);
}

// Work typed and not saved is not lost by a stray click; only what can be saved is such work.
let isDirty = false;
form?.addEventListener("input", () => { isDirty = Boolean(key); });
form?.addEventListener("submit", () => { isDirty = false; });
window.addEventListener("beforeunload", (event) => { if (isDirty) event.preventDefault(); });

document.getElementById("errors")?.focus();

// The join is chosen first; the usual way of sharing out the work follows it.
const USUAL = {
  majority: { pattern: "voting" },
  union: { pattern: "voting" },
  numeric: { pattern: "voting" },
  fields: { pattern: "voting" },
  judge: { pattern: "voting" },
  concatenate: { pattern: "sectioning" },
  merge: { pattern: "sectioning" },
  gate: { pattern: "sectioning", "split.by": "prompts" },
};
form?.addEventListener("change", (event) => {
  if (event.target.name !== "join.method") return;
  for (const [name, value] of Object.entries(USUAL[event.target.value] ?? {})) {
    const card = form.querySelector(`input[name="${name}"][value="${value}"]`);
    if (card) card.checked = true;
  }
});
