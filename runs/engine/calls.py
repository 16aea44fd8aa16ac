"""The open requests of one run: each attempt from its intent to its end.

What an end means for the branch is decided in `ends`.
"""

import asyncio
from collections.abc import Callable, Iterable
from hashlib import blake2b
from itertools import count
from uuid import uuid4

from runs.domain.errors import CallError
from runs.domain.results import Completion
from runs.domain.states import BranchStatus
from runs.domain.usage import Reservation
from runs.engine import trail
from runs.engine.account import Account
from runs.engine.admission import Lane, Room
from runs.engine.ends import End, Ends, accepted
from runs.engine.entry import Entry
from runs.engine.flights import Flight
from runs.engine.hedging import may_hedge
from runs.engine.journal import Intent, Journal
from runs.engine.livetext import LiveText
from runs.engine.protocols import Clock, LateAnswer, ModelRequest, OnPiece, Permit, Store
from runs.engine.state import AttemptState, BranchState, RunState
from runs.engine.stragglers import Stragglers


class Calls:
    def __init__(
        self,
        run: RunState,
        *,
        ends: Ends,
        journal: Journal,
        room: Room,
        store: Store,
        account: Account,
        clock: Clock,
        texts: LiveText,
        on_broken: Callable[[BaseException], None],
        is_wanted: Callable[[BranchState], bool],
    ) -> None:
        self._run = run
        self._ends = ends
        self._journal = journal
        self._room = room
        self._store = store
        self._account = account
        self._clock = clock
        self._texts = texts
        self._on_broken = on_broken
        self._is_wanted = is_wanted
        self._tasks: dict[tuple[int, int], asyncio.Task[None]] = {}  # by branch and attempt
        self._stragglers = None if run.hedge is None else Stragglers(run, clock, self._hedge)
        self._hedges = sum(attempt.is_hedge for attempt in run.attempts)
        # Numbers after a random one: asking the system for randomness costs more than the rest.
        self._uuids = count(uuid4().int >> 1)
        self.is_shut = False  # nothing more is sent
        self.is_lost = False  # fenced: what still arrives is kept as a late answer

    def start(
        self, lane: Lane, branch: BranchState, prompt: str, reserved: Reservation, permit: Permit
    ) -> None:
        """Note the intent; the socket opens after its commit."""
        now = self._clock.now_ms()
        held_ms = round((lane.limiter.blocked_s() - branch.blocked_at_queue_s) * 1000)
        limited_ms, short_ms = lane.waited_ms()
        self._run.move(branch, BranchStatus.RUNNING)
        branch.input_hash = blake2b(prompt.encode(), digest_size=16).hexdigest()
        branch.held_ms += held_ms
        branch.backoff_until_ms = branch.first_token_ms = branch.ended_ms = None
        branch.sent_ms = now
        attempt = AttemptState(
            branch=branch.number,
            number=branch.tries + 1,
            uuid=f"{next(self._uuids):032x}",
            ready_ms=branch.queued_ms,
            admitted_ms=now,
            reserved_usd=reserved.cost_usd,
            reserved_tokens=reserved.tokens,
            held_ms=held_ms,
            held_reason="rate_limit" if held_ms > 0 else "",
            limited_ms=limited_ms,
            short_ms=short_ms,
        )
        self._take_off(Flight(Entry.into(lane, permit, prompt, branch), branch, attempt, prompt))

    def _hedge(self, first: Flight) -> bool:
        """Send a second attempt beside the first; False where anybody else needs its slot or its
        money, or where the run has had its share of them."""
        run, branch, lane = self._run, first.branch, first.entry.lane
        if self.is_shut or not self._is_wanted(branch):
            return False
        if run.hedge is None or not may_hedge(run.hedge, len(run.attempts), self._hedges):
            return False
        if lane.is_awaited or self._room.is_full or not self._account.spares(first.attempt):
            return False
        if (permit := lane.limiter.try_acquire()) is None:
            return False
        now = self._clock.now_ms()
        attempt = AttemptState(
            branch=branch.number,
            number=branch.tries + 1,
            uuid=f"{next(self._uuids):032x}",
            ready_ms=now,
            admitted_ms=now,
            reserved_usd=first.attempt.reserved_usd,
            reserved_tokens=first.attempt.reserved_tokens,
            is_hedge=True,
        )
        entry = Entry.into(lane, permit, first.prompt, branch)
        first.beside = Flight(entry, branch, attempt, first.prompt, beside=first)
        self._hedges += 1
        trail.add(branch, attempt, "hedge")
        self._take_off(first.beside)
        return True

    def _take_off(self, flight: Flight) -> None:
        branch, attempt = flight.branch, flight.attempt
        branch.tries = attempt.number
        self._run.attempts.append(attempt)
        self._account.reserve(attempt)
        self._room.take()
        self._run.in_flight = self._room.in_flight

        def drop() -> None:
            self._drop(flight)

        def open_socket() -> None:
            if self.is_shut or flight.is_over or not self._is_wanted(branch):
                drop()
                return
            task = asyncio.get_running_loop().create_task(self._call(flight))
            self._tasks[branch.number, attempt.number] = task
            task.add_done_callback(lambda done: self._finished(flight, done))

        self._journal.intent(Intent(branch, attempt, open_socket, drop))

    def _drop(self, flight: Flight) -> None:
        flight.entry.take_back()
        self._free(flight.entry)
        if not flight.is_over:  # else the other attempt of its branch has answered
            self._ends.dropped(flight)

    def shut(self) -> None:
        """No try follows, and what is not on its way yet is never sent."""
        self.is_shut = True
        self._ends.shut()
        if self._stragglers is not None:
            self._stragglers.shut()
        self._journal.withdraw()

    async def close(self, grace_s: float) -> None:
        """Let the open calls end for `grace_s` seconds, then abort the rest; returns with none."""
        if self._tasks and grace_s > 0:
            await asyncio.wait(self._tasks.values(), timeout=grace_s)
        self.abort_all()
        while self._tasks:
            await asyncio.wait(self._tasks.values())
            await asyncio.sleep(0)

    def abort_all(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    def abort(self, branches: Iterable[int]) -> None:
        for number in branches:
            tries = self._run.branches[number].tries
            for attempt in (tries - 1, tries):  # the last one may be a hedge beside the first
                if (task := self._tasks.get((number, attempt))) is not None:
                    task.cancel()

    def _free(self, entry: Entry) -> None:
        entry.leave()
        self._room.give()
        self._run.in_flight = self._room.in_flight

    def _finished(self, flight: Flight, task: "asyncio.Task[None]") -> None:
        del self._tasks[flight.attempt.branch, flight.attempt.number]
        if task.cancelled():
            if not flight.has_begun:  # cancelled before its first step: nothing of it ran
                self._drop(flight)
        elif (error := task.exception()) is not None:
            self._on_broken(error)
        if self._stragglers is not None:
            self._stragglers.look(flight.branch)

    async def _call(self, flight: Flight) -> None:
        entry, branch, attempt = flight.entry, flight.branch, flight.attempt
        flight.has_begun = True
        attempt.sent_ms = self._clock.now_ms()
        if flight.is_shown:
            branch.sent_ms = attempt.sent_ms
        if self._stragglers is not None:
            self._stragglers.sent(flight)
        on_piece = self._receiver(flight)
        request = ModelRequest(
            flight.prompt, branch.spec.call, self._run.limits, attempt.uuid, sample=branch.index
        )
        end: End = None
        try:
            end = await entry.lane.client.complete(request, on_piece)
        except asyncio.CancelledError:
            end = None
        except CallError as error:
            end = error
        finally:
            if not flight.is_over:
                attempt.ended_ms = self._clock.now_ms()
            counts = entry.tell(end)
            self._free(entry)
            is_answered = isinstance(end, Completion)
            self._texts.end(branch.number, attempt.number, is_answered=is_answered)
        if flight.is_over:  # it lost against the other attempt of its branch
            return
        end = accepted(end, accept_cut=self._run.accept_cut)
        if self.is_lost:
            await self._keep_late(flight, end)
        else:
            self._ended(flight, end, counts=counts)

    def _receiver(self, flight: Flight) -> OnPiece:
        branch, attempt = flight.branch, flight.attempt
        take_piece = self._texts.begin(branch.number, attempt.number, is_shown=flight.is_shown)

        def on_piece(part: str) -> None:
            if attempt.first_token_ms is None:
                attempt.first_token_ms = self._clock.now_ms()
                if flight.is_shown:
                    branch.first_token_ms = attempt.first_token_ms
                self._journal.soft(branch, attempt)
            take_piece(part)

        return on_piece

    def _ended(self, flight: Flight, end: End, *, counts: bool) -> None:
        if self._stragglers is not None:
            self._stragglers.ended(flight, is_answered=isinstance(end, Completion))
        loser = self._ends.ended(flight, end, counts=counts)
        if loser is not None:
            self._close(loser)

    def _close(self, loser: Flight) -> None:
        if self._stragglers is not None:
            self._stragglers.ended(loser, is_answered=False)
        if (task := self._tasks.get((loser.branch.number, loser.attempt.number))) is not None:
            task.cancel()

    async def _keep_late(self, flight: Flight, end: End) -> None:
        branch, attempt = flight.branch, flight.attempt
        if not isinstance(end, Completion):
            return
        if (other := flight.open_beside) is not None:  # one answer is enough
            other.is_over = True
            self._close(other)
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
