"""What stands against the next call: slots, pace, pause and breaker of this process alone.

Knows nothing of who waits; `limiter.Gate` asks it. `shared.SharedRules` stands in its place in a
cluster.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from runs.domain.limits import RateHints
from runs.engine.protocols import Permit
from runs.execution import pace
from runs.execution.breaker import Breaker
from runs.execution.concurrency import Concurrency
from runs.execution.pace import Bucket

FIRST_PAUSE_S = 0.5  # after a 429 without Retry-After; doubled with each further episode
LONGEST_PAUSE_S = 30.0
WORTH_TELLING_S = 0.25  # by which a pause grew

ANSWERS_AGAIN = "the provider answers again"
SUCCEEDS = "calls succeed"
THROTTLED = "throttled by the provider"
SILENT = "held: the provider does not answer; one call at a time is tried"


class Rules(Protocol):
    """Seconds are of the gate's clock. `not_before`: the end of the pause."""

    not_before: float
    breaker: Breaker

    @property
    def limit(self) -> int: ...

    @property
    def is_asking(self) -> bool:
        """Whether what is missing is being asked for elsewhere, and will be here in a moment."""
        ...

    @property
    def note(self) -> str:
        """What else should be said of a call that is held."""
        ...

    def declare(self, most: int, calls: float | None, tokens: float | None) -> None: ...

    def has_slot(self, in_flight: int) -> bool: ...

    def wait_s(self) -> float:
        """Seconds until the next call may start, slots left aside; infinite: news will tell."""
        ...

    def take(self) -> Permit: ...

    def released(self, permit: Permit) -> None: ...

    def charge(self, tokens: int) -> None: ...

    def answered(self, permit: Permit, hints: RateHints | None, *, is_full: bool) -> None: ...

    def throttled(
        self, permit: Permit, retry_after_s: float | None, hints: RateHints | None
    ) -> float: ...

    def failed(self, permit: Permit) -> bool: ...

    async def close(self) -> None: ...


@dataclass(slots=True)
class LocalRules:
    """`tell` hears the reason of each change."""

    most: int
    is_known: bool
    clock: Callable[[], float]
    tell: Callable[[str], None]
    not_before: float = 0.0
    breaker: Breaker = field(default_factory=Breaker)
    is_asking: bool = False
    note: str = ""
    _slots: Concurrency = field(init=False)
    _calls: dict[str, Bucket] = field(default_factory=dict)  # declared, learned
    _tokens: dict[str, Bucket] = field(default_factory=dict)
    _declared: tuple[int, float | None, float | None] | None = None
    _number: int = 0
    _learned_from: int = 0
    _charged: int = 0  # tokens, by estimate
    _streak: int = 0

    def __post_init__(self) -> None:
        self._slots = Concurrency(self.most, self.is_known)

    @property
    def limit(self) -> int:
        return self._slots.limit

    def declare(self, most: int, calls: float | None, tokens: float | None) -> None:
        if (most, calls, tokens) == self._declared:
            return
        rates = self._declared[1:] if self._declared else (None, None)
        self.most, self._declared = most, (most, calls, tokens)
        self._slots.declare(most)
        if (calls, tokens) == rates:
            return
        for buckets, per_minute in ((self._calls, calls), (self._tokens, tokens)):
            buckets.pop("declared", None)
            if per_minute:
                buckets["declared"] = pace.declared(per_minute, self.clock())

    # -- in and out ------------------------------------------------------------------------

    def has_slot(self, in_flight: int) -> bool:
        return in_flight < self._slots.limit

    def wait_s(self) -> float:
        now = self.clock()
        waits = [self.not_before - now]
        waits += [bucket.wait_s(now) for bucket in self._calls.values()]
        waits += [bucket.wait_s(now) for bucket in self._tokens.values()]
        if self.breaker.is_open:
            probe = self.breaker.may_probe_in_s(now)
            waits.append(float("inf") if probe is None else probe)
        return max(waits)

    def take(self) -> Permit:
        self._number += 1
        now = self.clock()
        for bucket in self._calls.values():
            bucket.take(1.0, now)
        is_probe = self.breaker.is_open
        self.breaker.is_probing = self.breaker.is_probing or is_probe
        return Permit(self._number, now, is_probe)

    def released(self, permit: Permit) -> None:
        if permit.is_probe:
            self.breaker.is_probing = False

    def charge(self, tokens: int) -> None:
        self._charged += max(tokens, 0)
        for bucket in self._tokens.values():
            if tokens >= 0:
                bucket.take(tokens, self.clock())
            else:
                bucket.give(-tokens)

    # -- what became of a call -------------------------------------------------------------

    def answered(self, permit: Permit, hints: RateHints | None, *, is_full: bool) -> None:
        self._streak = 0
        if self.breaker.succeeded():
            self.tell(ANSWERS_AGAIN)
        if self._slots.answered() or (is_full and self._slots.grow()):
            self.tell(SUCCEEDS)
        if hints is not None:
            self._learn(permit, hints)

    def throttled(
        self, permit: Permit, retry_after_s: float | None, hints: RateHints | None
    ) -> float:
        now = self.clock()
        if hints is not None:
            self._learn(permit, hints)
        is_cut = self._slots.cut(permit.at, now)
        self._streak += is_cut
        pause = retry_after_s or jittered(self._streak, random.random())
        was_shut_until, self.not_before = self.not_before, max(self.not_before, now + pause)
        if is_cut or self.not_before - was_shut_until > WORTH_TELLING_S:
            self.tell(THROTTLED)
        return pause

    def failed(self, permit: Permit) -> bool:
        was_open = self.breaker.is_open
        counts = self.breaker.failed(self.clock(), is_probe=permit.is_probe)
        if self.breaker.is_open and not was_open:
            self.tell(SILENT)
        return counts

    async def close(self) -> None:
        """Nothing is held open."""

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


def jittered(streak: int, fraction: float) -> float:
    """Seconds of the pause after so many throttled episodes in a row; `fraction` is the draw."""
    ceiling = min(FIRST_PAUSE_S * 2.0 ** max(streak - 1, 0), LONGEST_PAUSE_S)
    return ceiling * (0.5 + fraction / 2)
