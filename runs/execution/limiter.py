"""The one gate in front of all calls under a (connection, model), shared by a process's runs.

A fixed limit in flight, a paced number of calls a minute, and a time before which nobody starts
because the provider said so. Whoever asks first is served first.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

FIRST_PAUSE_S = 0.5  # after a 429 without Retry-After; doubled with each further episode
LONGEST_PAUSE_S = 30.0
SLOT, RATE = "slot", "rate limit"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the gate, with its reason; times are seconds of the wall clock."""

    at: float
    limit: int
    not_before: float
    reason: str


@dataclass(slots=True)
class Gate:
    """`limit` calls in flight; `per_second` calls on average (None: no limit declared)."""

    limit: int
    per_second: float | None = None
    on_change: Callable[[Change], None] = lambda change: None
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    in_flight: int = 0
    history: deque[Change] = field(default_factory=lambda: deque(maxlen=500))
    _not_before: float = 0.0
    _next_start: float = 0.0
    _streak: int = 0
    _waiters: deque["asyncio.Future[None]"] = field(default_factory=deque)
    _blocked_since: float | None = None
    _blocked_total: float = 0.0
    _timer: asyncio.TimerHandle | None = None

    @property
    def held(self) -> int:
        """Runs that wait at the gate now."""
        return len(self._waiters)

    async def acquire(self) -> None:
        if not self._waiters and self._wait_s() <= 0 and self.in_flight < self.limit:
            self._take()
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._serve()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release()
            raise

    def release(self) -> None:
        self.in_flight -= 1
        self._serve()

    def throttled(self, retry_after_s: float | None) -> float:
        """Shut the gate for everybody behind it, at least as long as the provider asked."""
        now = self.clock()
        is_new_episode = now >= self._not_before
        if is_new_episode:
            self._streak += 1
        ceiling = min(FIRST_PAUSE_S * 2 ** (self._streak - 1), LONGEST_PAUSE_S)
        pause = retry_after_s or ceiling * (0.5 + random.random() / 2)
        if is_new_episode or now + pause > self._not_before:
            self._shut_until(now + pause, "throttled by the provider")
        return pause

    def restore(self, not_before_wall: float) -> None:
        """Take over a pause saved by an earlier process (seconds of the wall clock)."""
        pause = not_before_wall - self.wall()
        if pause > 0:
            self._shut_until(self.clock() + pause, "throttled before the restart")

    def eased(self) -> None:
        """The provider took a call: the next throttling begins with a short pause again."""
        self._streak = 0

    def blocked_s(self) -> float:
        running = 0.0 if self._blocked_since is None else self.clock() - self._blocked_since
        return self._blocked_total + running

    def _shut_until(self, until: float, reason: str) -> None:
        self._not_before = max(self._not_before, until)
        wall_until = self.wall() + (self._not_before - self.clock())
        change = Change(self.wall(), self.limit, wall_until, reason)
        self.history.append(change)
        self.on_change(change)
        self._serve()

    def _wait_s(self) -> float:
        return max(self._not_before, self._next_start) - self.clock()

    def _take(self) -> None:
        self.in_flight += 1
        if self.per_second:
            self._next_start = max(self._next_start, self.clock()) + 1.0 / self.per_second

    def _serve(self) -> None:
        """Let in whoever may start now; else note what holds them and when to look again."""
        while self._waiters:
            if self._waiters[0].done():
                self._waiters.popleft()
                continue
            if self.in_flight >= self.limit:
                self._note_blocked(False)
                return
            wait = self._wait_s()
            if wait > 0:
                self._note_blocked(True)
                self._look_again_in(wait)
                return
            self._take()
            self._waiters.popleft().set_result(None)
        self._note_blocked(False)

    def _look_again_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._serve)

    def _note_blocked(self, is_blocked: bool) -> None:
        now = self.clock()
        if self._blocked_since is not None:
            self._blocked_total += now - self._blocked_since
        self._blocked_since = now if is_blocked else None
