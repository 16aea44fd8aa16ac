"""What the end of an attempt means for its branch: an answer, another try, a failure.

Where two attempts of a branch are open, the first answer wins, and an error waits for the other.
Knows no sockets; what a branch's end means for its join is not its matter.
"""

import asyncio
import random
from collections.abc import Callable

from runs.domain.errors import AnswerCut, BadReply, CallError, QuotaExhausted, Throttled
from runs.domain.results import Completion
from runs.domain.states import AttemptStatus, BranchStatus
from runs.engine import trail
from runs.engine.account import Account, is_charged
from runs.engine.admission import Lane
from runs.engine.flights import Flight
from runs.engine.journal import Journal
from runs.engine.protocols import Clock
from runs.engine.retrying import backoff_s
from runs.engine.state import AttemptState, BranchState, RunState

End = Completion | CallError | None
"""None: aborted."""


class Ends:
    """`on_end` is told of an attempt whose end decides what becomes of its branch, `on_aside` of
    one that ended beside another attempt of the branch."""

    def __init__(
        self,
        run: RunState,
        *,
        journal: Journal,
        account: Account,
        clock: Clock,
        on_end: Callable[[BranchState, AttemptState], None],
        on_aside: Callable[[BranchState, AttemptState], None],
        read: Callable[[BranchState], str],
    ) -> None:
        self._run = run
        self._journal = journal
        self._account = account
        self._clock = clock
        self._on_end = on_end
        self._on_aside = on_aside
        self._read = read
        self._timers: set[asyncio.TimerHandle] = set()
        self._is_shut = False

    def shut(self) -> None:
        """Nothing is tried again."""
        self._is_shut = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def ended(self, flight: Flight, end: End, *, counts: bool) -> Flight | None:
        """Write down how a call ended; returns the other call of its branch if that is to be
        closed now. `counts`: whether an error counts against the branch."""
        branch, attempt = flight.branch, flight.attempt
        flight.is_over = True
        if isinstance(end, QuotaExhausted) and self._run.may_hold:
            counts = False  # no fault of the branch: it waits, with the run, for a person
        branch.trail = trail.without_open_hedge(branch.trail)
        if (other := flight.open_beside) is not None:
            if not isinstance(end, Completion):
                self._leave_it_to(other, flight, end, counts=counts)
                return None
            self._lose(other)
        branch.sent_ms, branch.ended_ms = attempt.sent_ms, attempt.ended_ms
        branch.first_token_ms = attempt.first_token_ms
        if end is None:
            self._aborted(branch, attempt)
        elif isinstance(end, Completion):
            self._succeeded(branch, attempt, end)
        else:
            self._erred(branch, attempt, end)
            self._decide(flight, *_last_error(flight, end, counts))
        self._journal.attempt(attempt)
        self._journal.branch(branch)
        self._on_end(branch, attempt)
        return other

    def dropped(self, flight: Flight) -> None:
        """What was noted is not sent."""
        branch, attempt = flight.branch, flight.attempt
        flight.is_over = True
        attempt.ended_ms = self._clock.now_ms()
        attempt.become(AttemptStatus.ABORTED)
        self._account.settle(branch, attempt, is_charged=False)
        branch.trail = trail.without_open_hedge(branch.trail)
        self._journal.attempt(attempt)
        self._journal.branch(branch)
        if flight.open_beside is not None:
            self._on_aside(branch, attempt)
            return
        self._run.move(branch, BranchStatus.PENDING)
        self._on_end(branch, attempt)

    def _lose(self, flight: Flight) -> None:
        """The other attempt of the branch has answered: close this one and count its money."""
        branch, attempt = flight.branch, flight.attempt
        flight.is_over = True
        attempt.ended_ms = self._clock.now_ms()
        attempt.become(AttemptStatus.ABORTED)
        attempt.error_kind, attempt.error = "hedge", "The other attempt answered first."
        self._account.settle(branch, attempt, is_charged=flight.has_begun)
        trail.add(branch, attempt, "hedge")
        self._journal.attempt(attempt)
        self._on_aside(branch, attempt)

    def _leave_it_to(
        self, other: Flight, flight: Flight, end: CallError | None, *, counts: bool
    ) -> None:
        """Ended without an answer while the other attempt of its branch is open: note the end; the
        branch neither fails nor is tried again for it."""
        branch, attempt = flight.branch, flight.attempt
        if end is None:
            attempt.become(AttemptStatus.ABORTED)
            self._account.settle(branch, attempt, is_charged=True)
        else:
            self._erred(branch, attempt, end)
            flight.error = end, counts
        trail.add(branch, attempt, "hedge")
        if other.attempt.is_hedge:
            branch.sent_ms = other.attempt.sent_ms or other.attempt.admitted_ms
            branch.first_token_ms = other.attempt.first_token_ms
        self._journal.attempt(attempt)
        self._journal.branch(branch)
        self._on_aside(branch, attempt)

    def _aborted(self, branch: BranchState, attempt: AttemptState) -> None:
        attempt.become(AttemptStatus.ABORTED)
        self._account.settle(branch, attempt, is_charged=True)
        trail.add(branch, attempt, attempt.status)
        self._run.move(branch, BranchStatus.PENDING)

    def _succeeded(self, branch: BranchState, attempt: AttemptState, end: Completion) -> None:
        attempt.become(AttemptStatus.OK)
        attempt.input_tokens = branch.input_tokens = end.usage.input_tokens
        attempt.output_tokens = branch.output_tokens = end.usage.output_tokens
        attempt.cached_tokens = end.usage.cached_tokens
        self._account.settle(branch, attempt, is_charged=True)
        self._run.move(branch, BranchStatus.SUCCEEDED)
        branch.text = end.text
        branch.is_cut = end.finish == "length"
        branch.reason = branch.error_kind = ""
        branch.reading = self._read(branch)
        self._journal.answer(branch)

    def _erred(self, branch: BranchState, attempt: AttemptState, error: CallError) -> None:
        is_throttled = isinstance(error, Throttled)
        attempt.become(AttemptStatus.THROTTLED if is_throttled else AttemptStatus.ERROR)
        attempt.error_kind, attempt.error = error.kind, error.message[:500]
        attempt.status_code, attempt.retry_after_s = error.status_code, error.retry_after_s
        if error.usage is not None:
            attempt.input_tokens = error.usage.input_tokens
            attempt.output_tokens = error.usage.output_tokens
            attempt.cached_tokens = error.usage.cached_tokens
        self._account.settle(branch, attempt, is_charged=is_charged(error))

    def _decide(self, flight: Flight, error: CallError, counts: bool) -> None:
        """Whether the branch is tried again or has failed."""
        lane, branch, attempt = flight.entry.lane, flight.branch, flight.attempt
        if not counts:  # the gate holds everybody; an outage lets others try next
            self._again(lane, branch, attempt, 0.0, first=isinstance(error, Throttled))
            return
        branch.errors += 1
        if error.retryable and branch.errors < self._run.retry.tries:
            wait = backoff_s(self._run.retry, branch.errors, random.random(), error.retry_after_s)
            self._again(lane, branch, attempt, wait)
            return
        self._run.move(branch, BranchStatus.FAILED)
        branch.error_kind = error.kind
        branch.reason = _reason(error, branch)
        if error.text:
            branch.text = error.text
            self._journal.answer(branch)

    def _again(
        self,
        lane: Lane,
        branch: BranchState,
        attempt: AttemptState,
        wait_s: float,
        *,
        first: bool = True,
    ) -> None:
        """Back to pending, and into the lane at once or after a backoff."""
        self._run.move(branch, BranchStatus.PENDING)
        trail.add(branch, attempt, attempt.status)
        branch.first_token_ms = None
        if self._is_shut:
            return
        if wait_s <= 0:
            lane.push(branch, self._clock.now_ms(), first=first)
            return
        branch.backoff_until_ms = self._clock.now_ms() + round(wait_s * 1000)
        self.later(lane, branch, wait_s)

    def later(self, lane: Lane, branch: BranchState, wait_s: float) -> None:
        """Into the lane once the backoff is over."""

        def due() -> None:
            self._timers.discard(timer)
            if branch.status is BranchStatus.PENDING:
                lane.push(branch, self._clock.now_ms(), first=True)

        timer = asyncio.get_running_loop().call_later(wait_s, due)
        self._timers.add(timer)


def accepted(end: End, *, accept_cut: bool) -> End:
    """Refuse what must not pass for a success: empty text, or a cut one not asked for."""
    if not isinstance(end, Completion):
        return end
    if not end.text.strip():
        return BadReply("The answer was empty.", usage=end.usage)
    if end.finish == "length" and not accept_cut:
        return AnswerCut(text=end.text, usage=end.usage)
    return end


def _reason(error: CallError, branch: BranchState) -> str:
    tries = f" after {branch.tries} tries" if branch.tries > 1 else ""
    code = f"{error.status_code}: " if error.status_code else ""
    return f"Failed{tries}. {code}{error.message}"[:300]


def _last_error(flight: Flight, error: CallError, counts: bool) -> tuple[CallError, bool]:
    """Of two attempts that failed side by side the last error, unless only the other one's
    counts."""
    if counts or flight.beside is None or flight.beside.error is None:
        return error, counts
    return flight.beside.error if flight.beside.error[1] else (error, counts)
