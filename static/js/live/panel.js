// The prose beside the figures comes from the server, at most once a second while it changes.

const LEAST_MS = 1000;
const MS_A_BRANCH = 4; // telling of a large run costs the server more: it is told less often

export class Panel {
  constructor(element) {
    this.element = element;
    this.isStale = false;
    this.isLoading = false;
    this.last = 0;
    this.least = LEAST_MS;
    for (const name of ["htmx:afterRequest", "htmx:sendError", "htmx:timeout"]) {
      element.addEventListener(name, () => {
        this.isLoading = false;
        this.ask();
      });
    }
  }

  // Ask for it anew, soon: as soon as is fair for a run of so many branches.
  touch(branches = 0) {
    this.least = Math.max(LEAST_MS, branches * MS_A_BRANCH);
    this.isStale = true;
    this.ask();
  }

  // Ask for it anew, now: the run has ended.
  hurry() {
    clearTimeout(this.timer);
    this.timer = null;
    this.last = -Infinity;
    this.touch();
  }

  ask() {
    if (!this.isStale || this.isLoading || this.timer) return;
    const wait = this.least - (performance.now() - this.last);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.isStale = false;
      this.isLoading = true;
      this.last = performance.now();
      globalThis.htmx?.trigger(this.element, "refresh");
    }, Math.max(wait, 0));
  }
}

// A line on the pieces of a join that the prose depends on: when it changes, the prose is stale.
export function keyOf(run, joins, counted) {
  const { by_status: by } = counted;
  const ended = (by.succeeded ?? 0) + (by.failed ?? 0) + (by.cancelled ?? 0) + (by.spared ?? 0);
  const outcomes = joins.map((join) => (join ? `${join.status}${join.outcome}` : "")).join("/");
  return `${run.status}|${run.outcome}|${ended}|${run.cancel_wanted}|${outcomes.slice(0, 400)}`;
}
