"""The rules of a gate whose limits all workers share: what this one may do, and what it reports.

It lets calls in on a grant that is at most `LAPSE_S` old, and asks for the next one while there is
demand, not once a call (docs/limits.md). Knows of Redis only that an exchange may be `Away`: then
it goes on at its share, by the rules of one process, until an exchange succeeds.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from runs.domain.limits import RateHints
from runs.engine.protocols import Permit
from runs.execution.breaker import Breaker
from runs.execution.pace import Bucket
from runs.execution.pulse import Pulse
from runs.execution.rules import LocalRules, jittered
from runs.execution.shared_redis import Away
from runs.execution.shared_report import Happened, by_the_minute, is_telling, part_of
from runs.execution.shared_wire import Grant, Request, Share

log = logging.getLogger(__name__)

LAPSE_S = 0.25  # a grant older than this lets nobody in
BUSY_S = 0.1  # between exchanges while calls are let in
QUIET_S = 1.0  # and while some are open
GAP_S = 0.004  # between one exchange and the next at least
STARVED_S = (0.02, 0.1)  # between asking for what was not to be had: at first, and at most
RETRY_S = 1.0  # while Redis is away
FEWEST_WANTED = 4
NOW = float("-inf")  # a moment that has passed


class Queue(Protocol):
    """The gate, seen from its rules."""

    in_flight: int

    @property
    def held(self) -> int: ...

    def serve(self) -> None: ...


@dataclass(slots=True)
class SharedRules:
    most: int
    is_known: bool
    clock: Callable[[], float]
    tell: Callable[[str], None]
    share: Share
    queue: Queue
    not_before: float = 0.0
    breaker: Breaker = field(default_factory=Breaker)
    _calls: float = 0.0
    _tokens: float = 0.0
    _declares: bool = True
    _limit: int = 1
    _slots: int = 0
    _part: int = 0
    _credits: int = 0
    _paces: list[tuple[Bucket, float]] = field(default_factory=list)
    _is_metered: bool = False
    _may_probe: bool = False
    _number: int = 0
    _fresh_until: float = NOW
    _ask_from: float = NOW  # before it, asking gives nothing
    _starved_s: float = STARVED_S[0]
    _workers: int = 1
    _reserved: float = 0.0  # tokens a call, with each credit
    _charged: float = 0.0
    _charges: int = 0
    _happened: Happened = field(default_factory=Happened)
    _said: RateHints = field(default_factory=RateHints)
    _alone: LocalRules | None = None  # while Redis is away
    # A state that is forgotten has forgotten what was learned: then it begins with few slots again.
    _trusts: bool = field(init=False)
    _changed_at: float = NOW  # between sharing and being alone
    _pulse: Pulse = field(init=False)
    is_asking: bool = False

    def __post_init__(self) -> None:
        self._limit, self._trusts = self.most, self.is_known
        self._pulse = Pulse(self._exchange, self.clock, GAP_S)

    @property
    def limit(self) -> int:
        return self._limit if self._alone is None else self._alone.limit

    def declare(self, most: int, calls: float | None, tokens: float | None) -> None:
        declared = (most, calls or 0.0, tokens or 0.0)
        if declared == (self.most, self._calls, self._tokens) and not self._declares:
            return
        self.most, self._calls, self._tokens = declared
        self._declares = True
        if self._alone is not None:
            self._alone.declare(*self._shared_out())
        if self.queue.held:
            self._pulse.by(NOW)

    # -- in and out ------------------------------------------------------------------------

    def has_slot(self, in_flight: int) -> bool:
        if self._alone is not None:
            self._pulse.by(self._ask_from)
            return self._alone.has_slot(in_flight)
        if self.clock() >= self._fresh_until:
            self._happened.is_short |= in_flight >= self._slots
            self._lack(NOW)
            return False
        if in_flight < min(self._slots, self._part):
            return True
        self._happened.is_short = True
        self._lack(self._ask_from)
        return False

    def wait_s(self) -> float:
        if self._alone is not None:
            return self._alone.wait_s()
        now = self.clock()
        if self.not_before > now:
            return self.not_before - now
        lacks_probe = self.breaker.is_open and not self._may_probe
        if lacks_probe or (self._is_metered and self._credits <= 0):
            self._lack(self._ask_from)
            return math.inf
        return max((bucket.wait_s(now) for bucket, _ in self._paces), default=0.0)

    def take(self) -> Permit:
        if self._alone is not None:
            return self._alone.take()
        now = self.clock()
        happened = self._happened
        self._number += 1
        happened.peak = max(happened.peak, self.queue.in_flight)
        if self._is_metered:
            self._credits -= 1
            happened.used += 1
            happened.charged -= self._reserved
            for bucket, cost in self._paces:
                bucket.take(cost, now)
        else:
            happened.unmetered += 1
        is_probe, self._may_probe = self.breaker.is_open, False
        self._pulse.by(self._pulse.began + BUSY_S)
        return Permit(self._number, now, is_probe)

    def released(self, permit: Permit) -> None:
        if self._alone is not None:
            self._alone.released(permit)
            return
        if permit.is_probe:
            self._happened.probe = self._happened.probe or "over"
            self._pulse.by(NOW)
        if self._slots > self._part:  # others wait for what is free now
            self._pulse.by(self._pulse.began + STARVED_S[0])
        elif self._slots > self.queue.in_flight:
            self._pulse.by(self._pulse.began + BUSY_S)

    def charge(self, tokens: int) -> None:
        if self._alone is not None:
            self._alone.charge(tokens)
            return
        self._happened.charged += tokens
        if tokens > 0:
            self._charged += tokens
            self._charges += 1

    # -- what became of a call -------------------------------------------------------------

    def answered(self, permit: Permit, hints: RateHints | None, *, is_full: bool) -> None:
        if self._alone is not None:
            self._alone.answered(permit, self._own_part(permit, hints), is_full=is_full)
            return
        self._happened.succeeded += 1
        self._happened.failed_in_a_row = 0
        self._happened.succeeded_full += self.queue.in_flight >= self._slots
        if self.breaker.succeeded() or not self.is_known:
            self._pulse.by(NOW)
        self.is_known = True
        self._learn(permit, hints)

    def throttled(
        self, permit: Permit, retry_after_s: float | None, hints: RateHints | None
    ) -> float:
        if self._alone is not None:
            return self._alone.throttled(permit, retry_after_s, self._own_part(permit, hints))
        now, happened = self.clock(), self._happened
        pause = retry_after_s or jittered(1, 0.0)
        if retry_after_s:
            happened.shut_until = max(happened.shut_until, now + retry_after_s)
        happened.throttled_at = max(happened.throttled_at or permit.at, permit.at)
        self.not_before = max(self.not_before, now + pause)
        self._learn(permit, hints)
        self._pulse.by(NOW)
        return pause

    def failed(self, permit: Permit) -> bool:
        if self._alone is not None:
            return self._alone.failed(permit)
        self._happened.failed += 1
        self._happened.failed_in_a_row += 1
        if permit.is_probe:
            self._happened.probe = "failed"
        counts = self.breaker.failed(self.clock(), is_probe=permit.is_probe)
        self._pulse.by(NOW)
        return counts

    async def close(self) -> None:
        """Give back slots and credits, if Redis can be asked."""
        await self._pulse.close()
        if self._alone is None and self._pulse.began > NOW:
            try:
                await self.share.exchange(self.share.key, self._request())
            except Away:
                return

    # -- exchanges -------------------------------------------------------------------------

    def _lack(self, ask_from: float) -> None:
        """Ask for what is missing, unless the answer is on its way."""
        if not self.is_asking:
            self._pulse.by(ask_from)

    async def _exchange(self) -> None:
        request, sent_at = self._request(), self.clock()
        self.is_asking = self._alone is None
        self._happened = Happened(peak=self.queue.in_flight)
        try:
            self._obey(await self.share.exchange(self.share.key, request), request, sent_at)
        except Away:
            self._go_alone()
        except Exception:
            log.exception("limits of %s: the exchange failed", self.share.key)
            self._go_alone()
        self.is_asking = False
        self._plan(request)
        self.queue.serve()

    def _plan(self, request: Request) -> None:
        """When the next exchange is due, if nothing happens before."""
        now = self.clock()
        if self._alone is not None:
            self._ask_from = now + RETRY_S
            if self.queue.held or self.queue.in_flight:
                self._pulse.by(self._ask_from)
        elif request.want or request.ask or self._credits or self._slots > self.queue.in_flight:
            self._pulse.by(now + BUSY_S)
        elif self.queue.in_flight:
            self._pulse.by(now + QUIET_S)

    def _request(self) -> Request:
        now, happened, queue = self.clock(), self._happened, self.queue
        waiting, spare = queue.held, self._credits
        if self._may_probe:
            happened.probe, self._may_probe = "over", False
        self._credits, self._slots = 0, self._kept(is_short=happened.is_short and waiting > 0)
        return Request(
            worker=self.share.worker,
            workers=self.share.workers,
            most=self.most,
            calls=self._calls,
            tokens=self._tokens,
            declares=self._declares,
            known=self._trusts,
            away=self._alone is not None,
            in_flight=queue.in_flight,
            keep=self._slots,
            want=max(FEWEST_WANTED, self._slots, waiting) if happened.is_short and waiting else 0,
            waiting=waiting,
            unmetered=happened.unmetered,
            spare=spare,
            ask=max(waiting, 2 * happened.used + spare) if waiting else happened.used,
            charged=happened.charged - spare * self._reserved,
            per_call=self._charged / max(self._charges, 1),
            succeeded=happened.succeeded,
            succeeded_full=happened.succeeded_full,
            failed=happened.failed,
            failed_in_a_row=happened.failed_in_a_row,
            probe=happened.probe,
            pause=max(self.not_before - now, 0.0),
            throttled=happened.throttle(now),
            hint=happened.hint_at(now),
        )

    def _kept(self, *, is_short: bool) -> int:
        """Slots that it goes on holding: those in use, and what it needed lately of its part."""
        queue, happened = self.queue, self._happened
        needed = self._slots if is_short else 0
        if not is_short and (queue.in_flight or queue.held):
            more = max(happened.peak // 4, 1) if happened.used or happened.unmetered else 0
            needed = happened.peak + more
        return max(queue.in_flight, min(self._slots, needed, self._part))

    def _obey(self, grant: Grant, request: Request, sent_at: float) -> None:
        now = self.clock()
        if self._alone is not None:
            self._alone, self._changed_at = None, now
        if (request.most, request.calls, request.tokens) == (self.most, self._calls, self._tokens):
            self._declares = False
        self._fresh_until = sent_at + LAPSE_S
        self._limit, self._slots, self._part = grant["limit"], grant["slots"], grant["part"]
        self._workers = grant["workers"]
        self._number = grant["number"] + self._happened.unmetered
        self._is_metered, self._credits = grant["metered"], grant["credits"]
        self._reserved = request.per_call
        self._paces = [
            (Bucket(rate, math.inf, level, now, math.inf), cost)
            for level, rate, cost in grant.get("paces", ())
        ]
        self.not_before = max(self.not_before, now + grant["pause"] if grant["pause"] else 0.0)
        self._sync_breaker(grant, now)
        self._ask_from = now + self._starved(grant, request)
        for reason in grant.get("told", ()):
            self.tell(reason)

    def _starved(self, grant: Grant, request: Request) -> float:
        """Seconds in which asking again would give nothing."""
        waits = [0.0]
        if request.want and grant["slots"] <= request.keep:
            waits.append(self._starved_s)
            self._starved_s = min(self._starved_s * 2, STARVED_S[1])
        else:
            self._starved_s = STARVED_S[0]
        if grant["metered"] and request.ask and not grant["credits"]:
            waits.append(max(grant["again"], GAP_S))
        if grant["open"] >= 0 and not grant["probe"]:
            waits.append(max(grant["probe_in"], STARVED_S[1]))
        return max(waits)

    def _sync_breaker(self, grant: Grant, now: float) -> None:
        """What all workers together saw; failures that they were not told of yet still count."""
        breaker = self.breaker
        self._may_probe = grant["probe"]
        if grant["open"] >= 0:
            breaker.open_since = now - grant["open"]
        elif not self._happened.failed:
            breaker.open_since = None
        if not self._happened.failed:
            breaker.tokens, breaker.failures = grant["retry_tokens"], grant["failures"]

    def _learn(self, permit: Permit, hints: RateHints | None) -> None:
        if hints is None or not is_telling(hints) or permit.at < self._changed_at:
            return
        last = self._happened.hint
        if last is None or last[0].number <= permit.number:
            self._happened.hint = (permit, hints)
            self._said = hints
        if not self._is_metered:
            self._is_metered, self._credits = True, 0
            self._pulse.by(NOW)

    # -- while Redis is away -----------------------------------------------------------------

    def _go_alone(self) -> None:
        if self._alone is not None:
            return
        self._changed_at, self._declares = self.clock(), True
        self._credits = self._slots = 0
        self._may_probe = self.breaker.is_probing = False
        most, calls, tokens = self._shared_out()
        self._alone = LocalRules(
            most, self.is_known, self.clock, self._tell_alone, self.not_before, self.breaker
        )
        self._alone.declare(most, calls, tokens)
        self._tell_alone(self.note)

    def _tell_alone(self, reason: str) -> None:
        if self._alone is not None:
            self.not_before = max(self.not_before, self._alone.not_before)
        self.tell(reason)

    @property
    def _parts(self) -> int:
        return max(self.share.workers, self._workers)

    @property
    def note(self) -> str:
        """Said with what is held while Redis is away."""
        told = f"Redis is away: this worker goes on at its share, one of {self._parts}"
        return "" if self._alone is None else told

    def _shared_out(self) -> tuple[int, float | None, float | None]:
        calls = self._calls or by_the_minute(self._said.calls_per_minute, self._said.calls_left)
        tokens = self._tokens or self._said.tokens_per_minute
        n = self._parts
        return max(self.most // n, 1), calls and calls / n, tokens and tokens / n

    def _own_part(self, permit: Permit, hints: RateHints | None) -> RateHints | None:
        if hints is None or permit.at < self._changed_at:
            return None
        return part_of(hints, self._parts)
