// How deltas reach the page: a WebSocket, and polling where there is none. Knows no panels.
//
// States told: live, late (found by looking, not told), behind (reconnecting), polling, offline,
// ended.

const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 15000;
const POLL_MS = 1500;
const SILENCE_MS = 12000;
const TRIES_BEFORE_POLLING = 2;
const OPEN = 1; // of a WebSocket

export class Connection {
  constructor({ socketUrl, stateUrl, position, watched, onMessage, onState }) {
    Object.assign(this, { socketUrl, stateUrl, position, watched, onMessage, onState });
    this.failures = 0;
    this.isDone = false;
    this.state = "";
  }

  start() {
    this.open();
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.retryNow();
    });
  }

  tell(state) {
    if (state === this.state) return;
    this.state = state;
    this.onState(state);
  }

  open() {
    if (this.isDone || this.socket) return;
    let socket;
    try {
      socket = new WebSocket(this.socketUrl);
    } catch {
      this.closed(null);
      return;
    }
    this.socket = socket;
    socket.addEventListener("open", () => this.greet());
    socket.addEventListener("message", (event) => this.received(JSON.parse(event.data)));
    socket.addEventListener("close", () => this.closed(socket));
  }

  // Say where the page stands; the server answers with what came after.
  greet() {
    this.send({ type: "hello", seq: this.position() });
    const watched = this.watched();
    if (watched.length) this.send({ type: "watch", branches: watched });
    this.listen();
  }

  watch(branches) {
    if (this.send({ type: "watch", branches })) return;
    this.poll();
  }

  send(message) {
    if (this.socket?.readyState !== OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  received(message) {
    this.failures = 0;
    this.stopPolling();
    this.listen();
    if (message.type === "bye") {
      this.finish();
      this.onMessage(message);
      return;
    }
    if (message.type === "delta" || this.state !== "late") this.tell(message.late ? "late" : "live");
    const isBehind = this.onMessage(message);
    if (message.frame !== undefined) this.send({ type: "ack", frame: message.frame });
    if (isBehind) this.send({ type: "hello", seq: this.position() });
  }

  // A socket that says nothing for long is asked whether something was missed.
  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      if (this.isDone || !this.socket) return;
      this.pollOnce();
      this.listen();
    }, SILENCE_MS);
  }

  closed(socket) {
    if (socket && socket !== this.socket) return;
    this.socket = null;
    if (this.isDone) return;
    this.failures += 1;
    if (this.failures >= TRIES_BEFORE_POLLING) this.poll();
    else this.tell("behind");
    const wait = Math.min(FIRST_WAIT_MS * 2 ** (this.failures - 1), MOST_WAIT_MS);
    clearTimeout(this.again);
    this.again = setTimeout(() => this.open(), wait * (0.75 + Math.random() / 2));
  }

  retryNow() {
    if (this.isDone || this.socket) return;
    clearTimeout(this.again);
    this.open();
  }

  poll() {
    if (this.isDone || this.timer) return;
    const turn = async () => {
      const isWell = await this.pollOnce();
      if (!this.timer) return;
      this.tell(isWell ? "polling" : "offline");
      this.timer = setTimeout(turn, POLL_MS);
    };
    this.timer = setTimeout(turn, 0);
  }

  stopPolling() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  async pollOnce() {
    const watched = this.watched();
    const query = new URLSearchParams({ after: this.position() });
    if (watched.length) query.set("watch", watched.join(","));
    try {
      const response = await fetch(`${this.stateUrl}?${query}`, { headers: { Accept: "application/json" } });
      if (response.status === 404 || response.redirected) {
        this.finish();
        this.onMessage({ type: "bye", reason: response.redirected ? "signed_out" : "gone" });
        return false;
      }
      if (!response.ok) return false;
      for (const frame of (await response.json()).frames) this.onMessage(frame);
      return true;
    } catch {
      return false;
    }
  }

  finish() {
    this.isDone = true;
    clearTimeout(this.again);
    clearTimeout(this.silence);
    this.stopPolling();
    this.socket?.close();
    this.socket = null;
    this.tell("ended");
  }
}
