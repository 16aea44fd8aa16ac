// The drawer: one branch in detail, as the server tells it; its text streams in from the socket.

const REFRESH_MS = 700;
const LEAST_SEEN_PX = 200;

export class Drawer {
  constructor(element, { urlOf, onPick }) {
    this.element = element;
    this.urlOf = urlOf;
    this.onPick = onPick;
    this.number = null;
    this.home = element.parentElement;
    this.narrow = matchMedia("(max-width: 1100px)");
    this.narrow.addEventListener("change", () => this.reveal(this.number !== null));
    element.addEventListener("click", (event) => {
      if (event.target.closest("[data-close-drawer]")) this.close();
    });
    document.addEventListener("keydown", (event) => {
      const isFree = !event.target.closest("dialog, input, textarea, select") && !event.defaultPrevented;
      if (event.key === "Escape" && this.number !== null && isFree) this.close();
    });
    addEventListener("hashchange", () => this.followHash());
  }

  // Deep links say the number that people see, from 1.
  followHash() {
    const found = /^#branch-(\d+)$/.exec(location.hash);
    if (found) this.open(Number(found[1]) - 1);
    else if (this.number !== null) this.close();
  }

  async open(number, { focus = false } = {}) {
    if (number < 0) return;
    const isSame = number === this.number;
    this.number = number;
    this.opener ??= document.activeElement;
    history.replaceState(history.state, "", `#branch-${number + 1}`);
    if (!isSame) this.onPick(number);
    await this.load();
    if (focus) this.element.querySelector("h2")?.focus();
    const { top } = this.element.getBoundingClientRect();
    if (!isSame && top > innerHeight - LEAST_SEEN_PX) this.element.scrollIntoView({ block: "start" });
  }

  close() {
    const { number, opener } = this;
    this.number = null;
    this.opener = null;
    this.reveal(false);
    this.element.replaceChildren();
    history.replaceState(history.state, "", location.pathname + location.search);
    this.onPick(null);
    const line = document.getElementById(`row-${number}`) ?? opener;
    line?.focus?.({ preventScroll: true });
  }

  async load() {
    const { number } = this;
    if (number === null) return;
    this.loadedAt = performance.now();
    let response;
    try {
      response = await fetch(this.urlOf(number), { headers: { "HX-Request": "true" } });
    } catch {
      return; // offline: what is shown stays
    }
    if (number !== this.number) return;
    if (!response.ok) {
      this.close();
      return;
    }
    const html = await response.text();
    if (number !== this.number) return;
    this.show(html);
  }

  show(html) {
    const { element } = this;
    const focused = element.contains(document.activeElement) ? document.activeElement.dataset.number : null;
    const scrolled = element.scrollTop;
    element.innerHTML = html;
    this.reveal(true);
    element.scrollTop = scrolled;
    if (focused !== null && focused !== undefined) element.querySelector("button, a")?.focus();
    this.shownText = null;
    if (this.last) this.update(this.last);
  }

  // In its column where there is room, else over the whole page.
  settle() {
    const place = this.narrow.matches ? document.querySelector(".app") : this.home;
    if (this.element.parentElement !== place) place.append(this.element);
  }

  // Beside the page it takes a column of the frame.
  reveal(isShown) {
    this.element.hidden = !isShown;
    this.settle();
    const frame = document.querySelector(".app");
    frame.toggleAttribute("data-drawer", isShown && this.element.parentElement === frame);
  }

  // With each change of the page's state.
  update({ row, attempts, text }) {
    this.last = { row, attempts, text };
    if (this.number === null || !row) return;
    const key = `${row.status}/${row.tries}/${row.ended}/${Object.keys(attempts ?? {}).length}`;
    if (this.key !== undefined && key !== this.key) this.later();
    this.key = key;
    this.stream(row, text);
  }

  later() {
    clearTimeout(this.timer);
    const wait = Math.max(REFRESH_MS - (performance.now() - (this.loadedAt ?? 0)), 0);
    this.timer = setTimeout(() => this.load(), wait);
  }

  stream(row, text) {
    const place = this.element.querySelector(`[data-stream="${this.number}"]`);
    if (!place || !text || text.isLost) return;
    const isLive = row.status === "running";
    if (text.text === this.shownText && isLive === this.wasLive) return;
    if (!isLive && !text.isWhole) return;
    this.shownText = text.text;
    this.wasLive = isLive;
    const isAtEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 40;
    place.textContent = text.text;
    if (isLive) place.append(Object.assign(document.createElement("span"), { className: "caret" }));
    if (isAtEnd) place.scrollTop = place.scrollHeight;
  }

  forget() {
    this.last = null;
    this.key = undefined;
    this.shownText = null;
  }
}
