// What every page shares: the choice of theme, menus that close, dialogs that open, the count of
// live runs.

const root = document.documentElement;
const choiceNow = () => root.dataset.theme ?? "system";

function showChoice() {
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choiceNow()));
  }
}

function choose(theme) {
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem("parweb-theme");
    else localStorage.setItem("parweb-theme", theme);
  } catch { /* storage is forbidden: the choice holds for this page */ }
  showChoice();
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details:is(.dropdown, .menu)[open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-choice]");
  if (button) choose(button.dataset.themeChoice);
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens)?.showModal();
  const closer = event.target.closest("[data-closes]");
  if (closer) closer.closest("dialog")?.close();
  closeMenus(opener ? null : event.target.closest("details"));
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details:is(.dropdown, .menu)[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary")?.focus();
});

// The navigation counts live runs; what htmx swaps in while one is open brings the number along.
document.addEventListener("htmx:afterSwap", () => {
  const now = Number(document.querySelector("[data-live-now]")?.dataset.liveNow ?? -1);
  if (now < 0) return;
  for (const place of document.querySelectorAll("[data-live-runs]")) {
    place.textContent = now ? `${now} live` : "";
    const pill = place.closest(".pill");
    if (pill) pill.hidden = !now;
  }
});

showChoice();
