"""The one gate in front of all calls under a (connection, model), shared by a process's runs.

Slots, pace, pause and breaker decide whether the next call may start (docs/limits.md). Whoever asks
first is served first.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from runs.domain.limits import RateHints
from runs.engine.protocols import Permit
from runs.execution import pace
from runs.execution.breaker import Breaker
from runs.execution.concurrency import Concurrency
from runs.execution.pace import Bucket

FIRST_PAUSE_S = 0.5  # after a 429 without Retry-After; doubled with each further episode
LONGEST_PAUSE_S = 30.0
WORTH_TELLING_S = 0.25  # by which a pause grew


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
    `is_known`: the provider has answered under this gate before."""

    most: int
    calls_per_minute: float | None = None
    tokens_per_minute: float | None = None
    is_known: bool = True
    on_change: Callable[[Change], None] = lambda change: None
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    in_flight: int = 0
    history: deque[Change] = field(default_factory=lambda: deque(maxlen=500))
    breaker: Breaker = field(default_factory=Breaker)
    _slots: Concurrency = field(init=False)
    _calls: dict[str, Bucket] = field(default_factory=dict)  # declared, learned
    _tokens: dict[str, Bucket] = field(default_factory=dict)
    _declared: tuple[int, float | None, float | None] | None = None
    _number: int = 0
    _learned_from: int = 0
    _charged: int = 0  # tokens, by estimate
    _not_before: float = 0.0
    _streak: int = 0
    _waiters: deque["asyncio.Future[Permit]"] = field(default_factory=deque)
    _blocked_since: float | None = None
    _blocked_total: float = 0.0
    _timer: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self._slots = Concurrency(self.most, self.is_known)
        self.declare(self.most, self.calls_per_minute, self.tokens_per_minute)

    @property
    def limit(self) -> int:
        return self._slots.limit

    @property
    def held(self) -> int:
        """Runs that wait at the gate now."""
        return len(self._waiters)

    @property
    def held_reason(self) -> str:
        """Why nobody may start now, in a few words; empty where only slots are awaited."""
        if self.breaker.is_open:
            return "the provider does not answer"
        return "rate limit" if self._blocked_since is not None else ""

    def declare(self, most: int, calls: float | None, tokens: float | None) -> None:
        """What the connection allows; may be said anew at any time."""
        if (most, calls, tokens) == self._declared:
            return
        self.most, self._declared = most, (most, calls, tokens)
        self._slots.declare(most)
        for buckets, per_minute in ((self._calls, calls), (self._tokens, tokens)):
            buckets.pop("declared", None)
            if per_minute:
                buckets["declared"] = pace.declared(per_minute, self.clock())
        if self._waiters:
            self._serve()

    # -- in and out ------------------------------------------------------------------------

    async def acquire(self) -> Permit:
        if not self._waiters and self.in_flight < self.limit and self._wait_s() <= 0:
            return self._take()
        waiter: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._serve()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release(waiter.result())
            raise

    def try_acquire(self) -> Permit | None:
        """A permit if one is to be had without waiting: a slot and the rate are free, nobody waits
        for them, and the provider answers."""
        is_held = self.in_flight >= self.limit or self.breaker.is_open or self._wait_s() > 0
        if is_held or not all(waiter.done() for waiter in self._waiters):
            return None
        return self._take()

    def release(self, permit: Permit) -> None:
        self.in_flight -= 1
        if permit.is_probe:
            self.breaker.is_probing = False
        self._serve()

    def charge(self, tokens: int) -> None:
        """The call just let in may take so many tokens; negative: as many were not taken."""
        self._charged += max(tokens, 0)
        for bucket in self._tokens.values():
            if tokens >= 0:
                bucket.take(tokens, self.clock())
            else:
                bucket.give(-tokens)

    # -- what became of a call -------------------------------------------------------------

    def answered(self, permit: Permit, hints: RateHints | None) -> None:
        """The provider took the call, whatever it thought of it."""
        self._streak = 0
        if self.breaker.succeeded():
            self._tell("the provider answers again")
        if self._slots.answered() or (self.in_flight >= self.limit and self._slots.grow()):
            self._tell("calls succeed")
        if hints is not None:
            self._learn(permit, hints)
        self._serve()

    def throttled(
        self, permit: Permit, retry_after_s: float | None, hints: RateHints | None = None
    ) -> float:
        """Shut the gate for everybody behind it, at least as long as the provider asked; returns
        the seconds. One cut and one longer pause an episode, not one a reply."""
        now = self.clock()
        if hints is not None:
            self._learn(permit, hints)
        is_cut = self._slots.cut(permit.at, now)
        self._streak += is_cut
        ceiling = min(FIRST_PAUSE_S * 2 ** max(self._streak - 1, 0), LONGEST_PAUSE_S)
        pause = retry_after_s or ceiling * (0.5 + random.random() / 2)
        was_shut_until, self._not_before = self._not_before, max(self._not_before, now + pause)
        if is_cut or self._not_before - was_shut_until > WORTH_TELLING_S:
            self._tell("throttled by the provider")
        self._serve()
        return pause

    def failed(self, permit: Permit) -> bool:
        """An error that may pass. True where it counts against its branch; while the provider
        answers nobody, it does not."""
        was_open = self.breaker.is_open
        counts = self.breaker.failed(self.clock(), is_probe=permit.is_probe)
        if self.breaker.is_open and not was_open:
            self._tell("held: the provider does not answer; one call at a time is tried")
        self._serve()
        return counts

    def restore(self, not_before_wall: float) -> None:
        """Take over a pause saved by an earlier process (seconds of the wall clock)."""
        pause = not_before_wall - self.wall()
        if pause > 0:
            self._not_before = max(self._not_before, self.clock() + pause)
            self._tell("throttled before the restart")

    def blocked_s(self) -> float:
        running = 0.0 if self._blocked_since is None else self.clock() - self._blocked_since
        return self._blocked_total + running

    # -- inside ----------------------------------------------------------------------------

    def _learn(self, permit: Permit, hints: RateHints) -> None:
        """What the provider said is left as it took this call, and what came and went since. A
        call let in before the last one learned from has nothing to add."""
        if permit.number < self._learned_from:
            return
        self._learned_from = permit.number
        now, since = self.clock(), self._number - permit.number
        for buckets, limit, left, a_call in (
            (self._calls, hints.calls_per_minute, hints.calls_left, 1.0),
            (self._tokens, hints.tokens_per_minute, hints.tokens_left, self._tokens_a_call),
        ):
            if limit and left is not None:
                bucket = buckets.setdefault("learned", pace.unlearned(now))
                bucket.learn(limit / 60.0, left, now, ago_s=now - permit.at, since=since * a_call)

    @property
    def _tokens_a_call(self) -> float:
        return self._charged / max(self._number, 1)

    def _tell(self, reason: str) -> None:
        wall_until = self.wall() + max(self._not_before - self.clock(), 0.0)
        change = Change(self.wall(), self.limit, wall_until, reason)
        self.history.append(change)
        self.on_change(change)

    def _wait_s(self) -> float:
        """Seconds until the next call may start, slots left aside."""
        now = self.clock()
        waits = [self._not_before - now]
        waits += [bucket.wait_s(now) for bucket in self._calls.values()]
        waits += [bucket.wait_s(now) for bucket in self._tokens.values()]
        if self.breaker.is_open:
            probe = self.breaker.may_probe_in_s(now)
            waits.append(float("inf") if probe is None else probe)
        return max(waits)

    def _take(self) -> Permit:
        self.in_flight += 1
        self._number += 1
        now = self.clock()
        for bucket in self._calls.values():
            bucket.take(1.0, now)
        is_probe = self.breaker.is_open
        self.breaker.is_probing = self.breaker.is_probing or is_probe
        return Permit(self._number, now, is_probe)

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
            self._waiters.popleft().set_result(self._take())
        self._note_blocked(False)

    def _look_again_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds != float("inf"):  # else a probe is out: its end looks again
            self._timer = asyncio.get_running_loop().call_later(seconds, self._serve)

    def _note_blocked(self, is_blocked: bool) -> None:
        now = self.clock()
        if self._blocked_since is not None:
            self._blocked_total += now - self._blocked_since
        self._blocked_since = now if is_blocked else None
