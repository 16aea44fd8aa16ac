"""The open requests of one run: each attempt from its intent to its end.

What an end means for the branch is decided here; what it means for the join is not.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from hashlib import blake2b
from uuid import uuid4

from runs.domain.errors import AnswerCut, BadReply, CallError, QuotaExhausted, Throttled
from runs.domain.results import Completion
from runs.domain.states import AttemptStatus, BranchStatus
from runs.domain.usage import Reservation
from runs.engine.account import Account, is_charged
from runs.engine.admission import Lane, Room
from runs.engine.entry import Entry, expected_tokens
from runs.engine.journal import Intent, Journal
from runs.engine.livetext import LiveText
from runs.engine.protocols import Clock, LateAnswer, ModelRequest, Permit, Store
from runs.engine.retrying import backoff_s
from runs.engine.state import AttemptState, BranchState, RunState


class Calls:
    def __init__(
        self,
        run: RunState,
        *,
        journal: Journal,
        room: Room,
        store: Store,
        account: Account,
        clock: Clock,
        texts: LiveText,
        on_end: Callable[[BranchState, AttemptState], None],
        on_broken: Callable[[BaseException], None],
        is_wanted: Callable[[BranchState], bool],
        read: Callable[[BranchState], str],
    ) -> None:
        self._run = run
        self._journal = journal
        self._room = room
        self._store = store
        self._account = account
        self._clock = clock
        self._texts = texts
        self._on_end = on_end
        self._on_broken = on_broken
        self._is_wanted = is_wanted
        self._read = read
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self.is_shut = False  # nothing is tried again
        self.is_lost = False  # fenced: what still arrives is kept as a late answer

    def start(
        self, lane: Lane, branch: BranchState, prompt: str, reserved: Reservation, permit: Permit
    ) -> None:
        """Note the intent; the socket opens after its commit."""
        now = self._clock.now_ms()
        entry = Entry(lane, permit, expected_tokens(prompt, branch.spec.call))
        lane.limiter.charge(entry.tokens)
        held_ms = round((lane.limiter.blocked_s() - branch.blocked_at_queue_s) * 1000)
        self._run.move(branch, BranchStatus.RUNNING)
        branch.tries += 1
        branch.input_hash = blake2b(prompt.encode(), digest_size=16).hexdigest()
        branch.held_ms += held_ms
        branch.backoff_until_ms = branch.first_token_ms = branch.ended_ms = None
        branch.sent_ms = now
        attempt = AttemptState(
            branch=branch.number,
            number=branch.tries,
            uuid=uuid4().hex,
            ready_ms=branch.queued_ms,
            admitted_ms=now,
            reserved_usd=reserved.cost_usd,
            reserved_tokens=reserved.tokens,
            held_ms=held_ms,
            held_reason="rate_limit" if held_ms > 0 else "",
        )
        self._run.attempts.append(attempt)
        self._account.reserve(attempt)
        self._room.take()
        self._run.in_flight = self._room.in_flight

        def drop() -> None:
            lane.limiter.charge(-entry.tokens)
            self._free(entry)
            attempt.ended_ms = self._clock.now_ms()
            attempt.become(AttemptStatus.ABORTED)
            self._account.settle(branch, attempt, is_charged=False)
            self._run.move(branch, BranchStatus.PENDING)
            self._journal.attempt(attempt)
            self._journal.branch(branch)
            self._on_end(branch, attempt)

        def open_socket() -> None:
            if self.is_shut or not self._is_wanted(branch):
                drop()
                return
            task = asyncio.get_running_loop().create_task(
                self._call(entry, branch, attempt, prompt)
            )
            self._tasks[branch.number] = task
            task.add_done_callback(lambda done: self._finished(attempt, done, drop))

        self._journal.intent(Intent(branch, attempt, open_socket, drop))

    def shut(self) -> None:
        """No try follows, and what is not on its way yet is never sent."""
        self.is_shut = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._journal.withdraw()

    async def close(self, grace_s: float) -> None:
        """Let the open calls end for `grace_s` seconds, then abort the rest; returns with none."""
        if self._tasks and grace_s > 0:
            await asyncio.wait(self._tasks.values(), timeout=grace_s)
        self.abort(self._tasks)
        while self._tasks:
            await asyncio.wait(self._tasks.values())
            await asyncio.sleep(0)

    def abort_all(self) -> None:
        self.abort(list(self._tasks))

    def abort(self, branches: Iterable[int]) -> None:
        for number in list(branches):
            if (task := self._tasks.get(number)) is not None:
                task.cancel()

    def _free(self, entry: Entry) -> None:
        entry.leave()
        self._room.give()
        self._run.in_flight = self._room.in_flight

    def _finished(
        self, attempt: AttemptState, task: "asyncio.Task[None]", drop: Callable[[], None]
    ) -> None:
        if self._tasks.get(attempt.branch) is task:
            del self._tasks[attempt.branch]
        if task.cancelled():
            if attempt.ended_ms is None:  # cancelled before its first step: nothing of it ran
                drop()
        elif (error := task.exception()) is not None:
            self._on_broken(error)

    async def _call(
        self, entry: Entry, branch: BranchState, attempt: AttemptState, prompt: str
    ) -> None:
        attempt.sent_ms = branch.sent_ms = self._clock.now_ms()
        take_piece = self._texts.begin(branch.number, attempt.number)

        def on_piece(part: str) -> None:
            if attempt.first_token_ms is None:
                attempt.first_token_ms = branch.first_token_ms = self._clock.now_ms()
                self._journal.soft(branch, attempt)
            take_piece(part)

        request = ModelRequest(
            prompt, branch.spec.call, self._run.limits, attempt.uuid, sample=branch.index
        )
        end: Completion | CallError | None = None
        try:
            end = await entry.lane.client.complete(request, on_piece)
        except asyncio.CancelledError:
            end = None
        except CallError as error:
            end = error
        finally:
            attempt.ended_ms = branch.ended_ms = self._clock.now_ms()
            counts = entry.tell(end)
            self._free(entry)
            self._texts.end(branch.number)
        await self._ended(entry.lane, branch, attempt, end, counts)

    async def _ended(
        self,
        lane: Lane,
        branch: BranchState,
        attempt: AttemptState,
        end: Completion | CallError | None,
        counts: bool,
    ) -> None:
        if self.is_lost:
            await self._keep_late(branch, attempt, end)
            return
        if isinstance(end, Completion):
            end = self._accepted(end)
        if end is None:
            self._aborted(branch, attempt)
        elif isinstance(end, Completion):
            self._succeeded(branch, attempt, end)
        else:
            self._erred(lane, branch, attempt, end, counts)
        self._journal.attempt(attempt)
        self._journal.branch(branch)
        self._on_end(branch, attempt)

    def _accepted(self, end: Completion) -> Completion | CallError:
        """Refuse what must not pass for a success: empty text, or a cut one not asked for."""
        if not end.text.strip():
            return BadReply("The answer was empty.", usage=end.usage)
        if end.finish == "length" and not self._run.accept_cut:
            return AnswerCut(text=end.text, usage=end.usage)
        return end

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

    def _erred(
        self,
        lane: Lane,
        branch: BranchState,
        attempt: AttemptState,
        error: CallError,
        counts: bool,
    ) -> None:
        is_throttled = isinstance(error, Throttled)
        attempt.become(AttemptStatus.THROTTLED if is_throttled else AttemptStatus.ERROR)
        attempt.error_kind, attempt.error = error.kind, error.message[:500]
        attempt.status_code, attempt.retry_after_s = error.status_code, error.retry_after_s
        if error.usage is not None:
            attempt.input_tokens = error.usage.input_tokens
            attempt.output_tokens = error.usage.output_tokens
            attempt.cached_tokens = error.usage.cached_tokens
        self._account.settle(branch, attempt, is_charged=is_charged(error))
        if isinstance(error, QuotaExhausted) and self._run.may_hold:
            counts = False  # no fault of the branch: it waits, with the run, for a person
        if not counts:  # the gate holds everybody; an outage lets others try next
            self._again(lane, branch, attempt, 0.0, first=is_throttled)
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
        branch.trail = f"{branch.trail} {_trail(attempt)}".strip()
        branch.first_token_ms = None
        if self.is_shut:
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

    def _aborted(self, branch: BranchState, attempt: AttemptState) -> None:
        attempt.become(AttemptStatus.ABORTED)
        self._account.settle(branch, attempt, is_charged=True)
        branch.trail = f"{branch.trail} {_trail(attempt)}".strip()
        self._run.move(branch, BranchStatus.PENDING)

    async def _keep_late(
        self, branch: BranchState, attempt: AttemptState, end: Completion | CallError | None
    ) -> None:
        if not isinstance(end, Completion) or isinstance(self._accepted(end), CallError):
            return
        cost_usd, is_confirmed = self._account.late_cost(branch, attempt, end.usage)
        late = LateAnswer(
            branch=branch.number,
            attempt=attempt.number,
            text=end.text,
            input_tokens=end.usage.input_tokens,
            output_tokens=end.usage.output_tokens,
            cached_tokens=end.usage.cached_tokens,
            cost_usd=cost_usd,
            is_cost_confirmed=is_confirmed,
            sent_ms=attempt.sent_ms,
            ended_ms=attempt.ended_ms or self._clock.now_ms(),
        )
        await self._store.commit_late(self._run.id, late)


def _reason(error: CallError, branch: BranchState) -> str:
    tries = f" after {branch.tries} tries" if branch.tries > 1 else ""
    code = f"{error.status_code}: " if error.status_code else ""
    return f"Failed{tries}. {code}{error.message}"[:300]


def _trail(attempt: AttemptState) -> str:
    """An earlier attempt as the timeline draws it: `sent-ended:status`, in ms."""
    return f"{attempt.sent_ms or attempt.admitted_ms}-{attempt.ended_ms}:{attempt.status}"
