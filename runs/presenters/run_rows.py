"""A branch's line on the timeline: state, words and phases. `look.js` says the same while live.

Times are milliseconds since the launch. Phases by letter: w waits, t held by the rate limit, o held
by an outage, f before the first token, s streaming, d done, j done by a join's own call, x failed
try, p spared, c cancelled, h an attempt beside the one that counted.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs.presenters import figures

FAILED_MARK_MS = 120.0
DONE = frozenset("dj")  # drawn however short
OPEN_HEDGE = "-:hedge"
JOIN_ROLES = frozenset({"merge", "judge"})
# Of each method, the roles whose answers it reads as values.
READ_ROLES: Mapping[str, frozenset[str]] = {
    "majority": frozenset({"section", "vote"}),
    "gate": frozenset({"guard"}),
}
ERROR_WORDS = {
    "throttled": "throttled",
    "unavailable": "unavailable",
    "deadline": "timed out",
    "bad_reply": "broken reply",
    "nothing_recorded": "nothing recorded",
    "length": "too long",
    "content_filter": "filtered",
    "auth": "key refused",
    "quota": "quota used up",
    "unknown_model": "unknown model",
    "bad_request": "refused",
}

Segment = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class Try:
    """An earlier attempt, as the trail tells it."""

    sent: float
    ended: float
    status: str

    @property
    def is_beside(self) -> bool:
        """Whether it ran beside the next one, or beside the branch's own call."""
        return self.status == "hedge"


@dataclass(frozen=True, slots=True)
class Look:
    """How a branch reads: `state` names its filter, `icon` its symbol."""

    state: str
    icon: str
    word: str
    note: str


def parse_trail(trail: str, now: float = 0.0) -> list[Try]:
    """`"20-740:error 880-2320:throttled"` as tries. A hedge without an end is open until `now`."""
    tries = []
    for entry in trail.split():
        span, _, status = entry.partition(":")
        sent, _, ended = span.partition("-")
        open_end = max(now, float(sent)) if status == "hedge" else sent
        tries.append(Try(float(sent), float(ended or open_end), status))
    return tries


def segments(
    branch: Mapping[str, Any], now: float, silent: Sequence[tuple[float, float]] = ()
) -> list[Segment]:
    """The phases of a branch up to `now`, in order; attempts beside others lie over them.
    `silent`: when the provider answered nobody."""
    tries = parse_trail(branch["trail"], now)
    start = branch["ready"] if branch["ready"] is not None else 0
    sent = now if branch["sent"] is None else branch["sent"]
    through = sum(max(min(b, sent) - max(a, start), 0) for a, b in silent)
    held = max(branch["held"] - _after_throttling(tries, branch["sent"]) - through, 0.0)
    found: list[Segment] = []
    cursor, is_throttled = float(start), False
    for place, earlier in enumerate(tries):
        if earlier.is_beside:
            after = _sent_after(tries, place, branch["sent"])
            if earlier.sent <= after:
                held = _wait(found, cursor, earlier.sent, held, is_throttled)
                cursor, is_throttled = after, False
            found.append(("h", earlier.sent, earlier.ended))
            continue
        held = _wait(found, cursor, earlier.sent, held, is_throttled)
        _failed_try(found, earlier)
        cursor, is_throttled = earlier.ended, earlier.status == "throttled"
    _last(found, branch, cursor, held, is_throttled, now)
    return [(kind, a, b) for kind, a, b in _through(found, silent) if b > a or kind in DONE]


def _sent_after(tries: Sequence[Try], place: int, sent: float | None) -> float:
    """When the attempt was sent beside which the one at `place` ran."""
    later = (one.sent for one in tries[place + 1 :] if not one.is_beside)
    return next(later, tries[place].sent if sent is None else sent)


def _through(found: Sequence[Segment], silent: Sequence[tuple[float, float]]) -> list[Segment]:
    """Waits cut where the provider answered nobody: there they are the outage's."""
    cut: list[Segment] = []
    for kind, start, end in found:
        cursor = start
        for a, b in silent if kind in "wt" else ():
            low, high = max(a, cursor), min(b, end)
            if low < high:
                cut += [(kind, cursor, low), ("o", low, high)]
                cursor = high
        cut.append((kind, cursor, end))
    return cut


def _after_throttling(tries: Sequence[Try], sent: float | None) -> float:
    """Of the time held, what followed a 429: drawn there, and not again before a first try."""
    tries = [one for one in tries if not one.is_beside]
    pairs = zip(tries, [*(one.sent for one in tries[1:]), sent or 0], strict=False)
    return sum(max(b - one.ended, 0) for one, b in pairs if one.status == "throttled")


def _wait(found: list[Segment], a: float, b: float, held: float, is_throttled: bool) -> float:
    """A wait from a to b; returns what is left of the held time. The limiter's part comes last."""
    if b <= a:
        return held
    if is_throttled:
        found.append(("t", a, b))
        return held
    part = min(held, b - a)
    found.append(("w", a, b - part))
    found.append(("t", b - part, b))
    return held - part


def _failed_try(found: list[Segment], earlier: Try) -> None:
    if earlier.status in ("throttled", "aborted"):
        found.append(("f" if earlier.status == "throttled" else "c", earlier.sent, earlier.ended))
        return
    mark = min(FAILED_MARK_MS, earlier.ended - earlier.sent)
    found.append(("f", earlier.sent, earlier.ended - mark))
    found.append(("x", earlier.ended - mark, earlier.ended))


def _last(
    found: list[Segment],
    branch: Mapping[str, Any],
    cursor: float,
    held: float,
    is_throttled: bool,
    now: float,
) -> None:
    status, sent, ended = branch["status"], branch["sent"], branch["ended"]
    end = now if ended is None else ended
    if status in ("spared", "cancelled") and (sent is None or sent < cursor):
        found.append(("p" if status == "spared" else "c", cursor, end))
    elif status == "pending":
        found.append(("t" if is_throttled else "w", cursor, now))
    elif sent is not None and sent >= cursor:
        _wait(found, cursor, sent, held, is_throttled)
        _call(found, branch, sent, end)


def _call(found: list[Segment], branch: Mapping[str, Any], sent: float, end: float) -> None:
    status, first = branch["status"], branch["first"]
    done = "j" if branch["role"] in JOIN_ROLES else "d"
    after = {"succeeded": done, "running": "s", "cancelled": "c", "failed": "x"}.get(status, "s")
    if status == "failed":
        mark = min(FAILED_MARK_MS, end - sent)
        found.append(("f", sent, end - mark))
        found.append(("x", end - mark, end))
        return
    turn = end if first is None else first
    found.append(("f", sent, turn))
    found.append((after, turn, end))


PHASES = {
    "w": "waiting",
    "t": "held",
    "o": "held by an outage",
    "f": "before the first token",
    "s": "streaming",
    "d": "answering",
    "j": "answering",
    "h": "second attempt",
    "c": "stopped",
}
LEAST_TOLD_MS = 50.0


def told(found: Sequence[Segment]) -> str:
    """The phases of a branch in words: `held 1.8 s · answering 0.7 s`."""
    sums = dict.fromkeys(PHASES, 0.0)
    for kind, a, b in found:
        if kind in sums:
            sums[kind] += b - a
    return " · ".join(
        f"{words} {figures.duration(sums[kind])}"
        for kind, words in PHASES.items()
        if sums[kind] >= LEAST_TOLD_MS
    )


def look(
    branch: Mapping[str, Any], now: float, reads: Collection[str] = (), held: str = ""
) -> Look:
    """Icon, words and note of a branch; `reads`: roles whose answers are read as values; `held`:
    why nobody may start now, empty where somebody may."""
    status = branch["status"]
    if status == "succeeded":
        return _look_done(branch, reads)
    if status == "running":
        return _look_running(branch, now)
    if status == "pending":
        return _look_pending(branch, now, held)
    if status == "failed":
        return Look("failed", "fail", "failed", _failure(branch))
    if status == "spared":
        return Look("done", "spared", "spared", "not needed")
    return Look("done", "off", "cancelled", branch["reason"] or "cancelled")


def _look_done(branch: Mapping[str, Any], reads: Collection[str]) -> Look:
    note = _spent(branch)
    if branch["role"] in reads and not branch["reading"]:
        return Look("done", "warn", "unreadable", note)
    if branch["cut"]:
        return Look("done", "warn", "cut at the limit", note)
    return Look("done", "done", "done", note)


def _look_running(branch: Mapping[str, Any], now: float) -> Look:
    if branch["first"] is not None:
        return Look("live", "live", "streaming", f"{figures.duration(now - branch['sent'])}…")
    if branch["trail"].endswith(OPEN_HEDGE):
        return Look("live", "live", "asked twice", "slow: asked twice")
    if branch["tries"] > 1:
        return Look("live", "live", "asking again", f"first token, try {branch['tries']}")
    return Look("live", "live", "asked", "first token…")


def _look_pending(branch: Mapping[str, Any], now: float, held: str) -> Look:
    if branch["backoff"] is not None and branch["backoff"] > now:
        left = figures.duration(branch["backoff"] - now)
        if branch["trail"].endswith(":throttled"):
            return Look("waiting", "hold", "throttled", f"held, {left} left")
        return Look("waiting", "wait", "waiting", f"next try in {left}")
    if held:
        return Look("waiting", "hold", "held", f"held: {held}")
    if branch["tries"]:
        so_far = figures.plural(branch["tries"], "try", "tries")
        return Look("waiting", "wait", "waiting", f"waiting, {so_far} so far")
    return Look("waiting", "wait", "waiting", "waiting")


def bare_label(branch: Mapping[str, Any]) -> str:
    """The label without its number, where the number stands beside it."""
    label: str = branch["label"]
    return label.removeprefix(f"{branch['index'] + 1} · ")


def _failure(branch: Mapping[str, Any]) -> str:
    word = ERROR_WORDS.get(branch["error_kind"], "failed")
    return f"{word}, {branch['tries']} tries" if branch["tries"] > 1 else word


def _spent(branch: Mapping[str, Any]) -> str:
    parts = []
    if branch["ended"] is not None and branch["sent"] is not None:
        parts.append(figures.duration(branch["ended"] - branch["sent"]))
    if branch["output_tokens"] is not None:
        parts.append(f"{branch['output_tokens']:,} tok")
    return " · ".join(parts)
