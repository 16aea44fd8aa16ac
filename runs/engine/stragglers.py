"""Watches the open calls of a run and offers the overdue ones for a second attempt, oldest first.

When a call is overdue is the rule's matter (`hedging`); whether a second attempt may go out now,
and what becomes of it, is that of `Calls`. One timer for each kind of call, none for each call.
"""

import asyncio
from collections.abc import Callable

from runs.domain.states import AttemptStatus
from runs.engine.flights import Flight
from runs.engine.hedging import Threshold
from runs.engine.protocols import Clock
from runs.engine.state import AttemptState, BranchState, RunState

Kind = tuple[str, str, str]
"""Connection, model, role: calls that may be expected to take equally long."""

LEAST_LOOK_S = 0.05  # between looks while a second attempt is refused


class Watch:
    """The calls of one kind. `alone`: first attempts with none beside them, in order of sending;
    `others`: all other open ones."""

    def __init__(self) -> None:
        self.threshold = Threshold()
        self.alone: dict[Flight, int] = {}
        self.others: dict[Flight, int] = {}
        self.timer: asyncio.TimerHandle | None = None


class Stragglers:
    """`hedge` sends a second attempt beside a call, or returns False where it may not now."""

    def __init__(self, run: RunState, clock: Clock, hedge: Callable[[Flight], bool]) -> None:
        self._clock = clock
        self._hedge = hedge
        self._is_shut = False
        self._watches: dict[Kind, Watch] = {}
        for attempt in run.attempts:  # of an earlier owner
            self._recall(run.branches[attempt.branch], attempt)

    def _recall(self, branch: BranchState, attempt: AttemptState) -> None:
        if attempt.status is AttemptStatus.OK and attempt.sent_ms is not None:
            latencies = self._watch(branch).threshold.latencies
            latencies.answered((attempt.ended_ms or attempt.sent_ms) - attempt.sent_ms)

    def _watch(self, branch: BranchState) -> Watch:
        call = branch.spec.call
        return self._watches.setdefault((call.connection, call.model, branch.role), Watch())

    def sent(self, flight: Flight) -> None:
        watch = self._watch(flight.branch)
        now = self._clock.now_ms()
        if flight.attempt.is_hedge:
            watch.others[flight] = now
        else:
            watch.alone[flight] = now
            if watch.timer is None:
                self._look(watch)

    def ended(self, flight: Flight, *, is_answered: bool) -> None:
        """The call is over, with an answer of its own or without."""
        watch = self._watch(flight.branch)
        sent = watch.alone.pop(flight, None)
        if sent is None:
            sent = watch.others.pop(flight, None)
        if sent is None:  # never sent
            return
        latencies = watch.threshold.latencies
        (latencies.answered if is_answered else latencies.cut_off)(self._clock.now_ms() - sent)
        if watch.threshold.is_due:
            now = self._clock.now_ms()
            opened = [*watch.alone.values(), *watch.others.values()]
            watch.threshold.renew([now - at for at in opened])

    def look(self, branch: BranchState) -> None:
        """A slot is free: perhaps a call like this one is overdue."""
        self._look(self._watch(branch))

    def shut(self) -> None:
        self._is_shut = True
        for watch in self._watches.values():
            if watch.timer is not None:
                watch.timer.cancel()

    def _look(self, watch: Watch) -> None:
        """Hedge what is overdue; come back when the next one will be."""
        while watch.alone and watch.threshold.ms is not None and not self._is_shut:
            flight, sent = next(iter(watch.alone.items()))
            wait_s = (sent + watch.threshold.ms - self._clock.now_ms()) / 1000
            if wait_s <= 0:
                if self._hedge(flight):
                    watch.others[flight] = watch.alone.pop(flight)
                    continue
                wait_s = max(watch.threshold.ms / 4000, LEAST_LOOK_S)
            if watch.timer is None:
                watch.timer = asyncio.get_running_loop().call_later(wait_s, self._due, watch)
            return

    def _due(self, watch: Watch) -> None:
        watch.timer = None
        self._look(watch)
