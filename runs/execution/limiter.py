"""The one gate in front of all calls under a (connection, model), shared by a process's runs.

It keeps the queue: whoever asks first is served first. Whether the next call may start is the
rules' to say (docs/limits.md).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from runs.domain.limits import RateHints
from runs.engine.protocols import Permit
from runs.execution.breaker import Breaker
from runs.execution.rules import LocalRules, Rules
from runs.execution.shared import SharedRules
from runs.execution.shared_wire import Share


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the gate, with its reason; times are seconds of the wall clock."""

    at: float
    limit: int
    not_before: float
    reason: str


@dataclass(slots=True)
class Gate:
    """`most` calls in flight; `calls_per_minute` and `tokens_per_minute` None: none declared.
    `is_known`: the provider has answered under this gate before. With a `share` the limits are
    those of all workers together."""

    most: int
    calls_per_minute: float | None = None
    tokens_per_minute: float | None = None
    is_known: bool = True
    on_change: Callable[[Change], None] = lambda change: None
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    share: Share | None = None
    in_flight: int = 0
    history: deque[Change] = field(default_factory=lambda: deque(maxlen=500))
    _rules: Rules = field(init=False)
    _waiters: deque["asyncio.Future[Permit]"] = field(default_factory=deque)
    _blocked_since: float | None = None
    _blocked_total: float = 0.0
    _timer: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self._rules = (
            LocalRules(self.most, self.is_known, self.clock, self._tell)
            if self.share is None
            else SharedRules(self.most, self.is_known, self.clock, self._tell, self.share, self)
        )
        self.declare(self.most, self.calls_per_minute, self.tokens_per_minute)

    @property
    def limit(self) -> int:
        return self._rules.limit

    @property
    def breaker(self) -> Breaker:
        return self._rules.breaker

    @property
    def held(self) -> int:
        """Runs that wait at the gate now."""
        return len(self._waiters)

    @property
    def held_reason(self) -> str:
        """Why nobody may start now, in a few words; empty where only slots are awaited."""
        if self.breaker.is_open:
            return "the provider does not answer"
        if self._blocked_since is None:
            return ""
        return f"rate limit; {self._rules.note}" if self._rules.note else "rate limit"

    def declare(self, most: int, calls: float | None, tokens: float | None) -> None:
        """What the connection allows; may be said anew at any time."""
        self._rules.declare(most, calls, tokens)
        if self._waiters:
            self.serve()

    # -- in and out ------------------------------------------------------------------------

    async def acquire(self) -> Permit:
        if not self._waiters and self._rules.has_slot(self.in_flight) and self._rules.wait_s() <= 0:
            return self._take()
        waiter: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self.serve()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release(waiter.result())
            raise

    def try_acquire(self) -> Permit | None:
        """A permit if one is to be had without waiting: a slot and the rate are free, nobody waits
        for them, and the provider answers."""
        is_held = (
            self.breaker.is_open
            or not self._rules.has_slot(self.in_flight)
            or self._rules.wait_s() > 0
        )
        if is_held or not all(waiter.done() for waiter in self._waiters):
            return None
        return self._take()

    def release(self, permit: Permit) -> None:
        self.in_flight -= 1
        self._rules.released(permit)
        self.serve()

    def charge(self, tokens: int) -> None:
        """The call just let in may take so many tokens; negative: as many were not taken."""
        self._rules.charge(tokens)

    # -- what became of a call -------------------------------------------------------------

    def answered(self, permit: Permit, hints: RateHints | None) -> None:
        """The provider took the call, whatever it thought of it."""
        is_full = self.in_flight >= self._rules.limit
        self._rules.answered(permit, hints, is_full=is_full)
        self.serve()

    def throttled(
        self, permit: Permit, retry_after_s: float | None, hints: RateHints | None = None
    ) -> float:
        """Shut the gate for everybody behind it, at least as long as the provider asked; returns
        the seconds. One cut and one longer pause an episode, not one a reply."""
        pause = self._rules.throttled(permit, retry_after_s, hints)
        self.serve()
        return pause

    def failed(self, permit: Permit) -> bool:
        """An error that may pass. True where it counts against its branch; while the provider
        answers nobody, it does not."""
        counts = self._rules.failed(permit)
        self.serve()
        return counts

    def restore(self, not_before_wall: float) -> None:
        """Take over a pause saved by an earlier process (seconds of the wall clock)."""
        pause = not_before_wall - self.wall()
        if pause > 0:
            self._rules.not_before = max(self._rules.not_before, self.clock() + pause)
            if self.share is None:  # the other workers have told it
                self._tell("throttled before the restart")

    def blocked_s(self) -> float:
        running = 0.0 if self._blocked_since is None else self.clock() - self._blocked_since
        return self._blocked_total + running

    def serve(self) -> None:
        """Let in whoever may start now; else note what holds them and when to look again."""
        while self._waiters:
            if self._waiters[0].done():
                self._waiters.popleft()
                continue
            if not self._rules.has_slot(self.in_flight):
                self._note_blocked(False)
                return
            wait = self._rules.wait_s()
            if wait > 0:
                self._note_blocked(not self._rules.is_asking)
                self._look_again_in(wait)
                return
            self._waiters.popleft().set_result(self._take())
        self._note_blocked(False)

    async def close(self) -> None:
        """Give back what it holds elsewhere; nobody comes any more."""
        await self._rules.close()

    # -- inside ----------------------------------------------------------------------------

    def _take(self) -> Permit:
        self.in_flight += 1
        return self._rules.take()

    def _tell(self, reason: str) -> None:
        wall_until = self.wall() + max(self._rules.not_before - self.clock(), 0.0)
        change = Change(self.wall(), self.limit, wall_until, reason)
        self.history.append(change)
        self.on_change(change)

    def _look_again_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds != float("inf"):  # else news will come: a probe's end, a grant
            self._timer = asyncio.get_running_loop().call_later(seconds, self.serve)

    def _note_blocked(self, is_blocked: bool) -> None:
        now = self.clock()
        if self._blocked_since is not None:
            self._blocked_total += now - self._blocked_since
        self._blocked_since = now if is_blocked else None
