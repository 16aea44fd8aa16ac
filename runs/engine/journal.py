"""What changed since the last commit, and the loop that commits it.

A row changed twice before its commit is written once. An intent (an attempt about to be sent) is
released to its socket only after the commit that holds it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count, islice
from math import inf
from typing import Any, NamedTuple, TypeVar

from runs.engine.protocols import (
    Batch,
    Committed,
    Control,
    LateAnswer,
    Observer,
    Store,
    StoreUnavailable,
)
from runs.engine.state import AttemptState, BranchState, JoinState, RunState

log = logging.getLogger(__name__)

MOST_ROWS, SOME_ROWS = 128, 64  # changed branches a commit: half of those that wait, within these
OPENED_A_TURN = 2  # sockets opened in one turn of the loop
SOFT_DELAY_S = 0.2  # a first token alone is worth a commit only after this long
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Intent(NamedTuple):
    """An attempt whose row must be on disk before `open` may send it; `drop` never sends it."""

    branch: BranchState
    attempt: AttemptState
    open: Callable[[], None]
    drop: Callable[[], None]


class Journal:
    def __init__(
        self,
        run: RunState,
        store: Store,
        observer: Observer,
        *,
        kpis: Callable[[], Mapping[str, Any]],
        on_control: Callable[[Control], None],
        on_late: Callable[[LateAnswer], None],
        on_committed: Callable[[], None],
    ) -> None:
        self._run = run
        self._store = store
        self._observer = observer
        self._kpis = kpis
        self._on_control = on_control
        self._on_late = on_late
        self._on_committed = on_committed  # once its sockets have been opened
        self._order = count()
        self._branches: dict[int, tuple[int, BranchState]] = {}  # by when they first changed
        self._opened: dict[int, BranchState] = {}  # new ones, which nothing waits for
        self._is_opened_due = False
        self._attempts: dict[tuple[int, int], AttemptState] = {}
        self._joins: dict[int, tuple[int, JoinState]] = {}  # by when they last changed
        self._answers: dict[int, str] = {}
        self._intents: list[Intent] = []
        self._written: list[Intent] = []  # being committed
        self._released: deque[Intent] = deque()  # committed, their sockets about to be opened
        self._is_dirty = False
        self._wake = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._soft_timer: asyncio.TimerHandle | None = None

    def branch(self, branch: BranchState) -> None:
        self._note(branch)
        self.run()

    def opened(self, branch: BranchState) -> None:
        """Write a new branch that waits for its turn once no call's start would wait for it, and
        some after a moment in any case; not at all if its own call starts before that."""
        self._opened[branch.number] = branch
        self._is_dirty = True
        self._set_timer()
        if self._is_calm:
            self._wake.set()

    @property
    def _is_calm(self) -> bool:
        return not (self._intents or self._written or self._released)

    def attempt(self, attempt: AttemptState) -> None:
        self._attempts[attempt.branch, attempt.number] = attempt
        self.run()

    def join(self, join: JoinState) -> None:
        self._joins.pop(join.number, None)
        self._joins[join.number] = (next(self._order), join)
        self.run()

    def answer(self, branch: BranchState) -> None:
        self._answers[branch.number] = branch.text
        self.run()

    def run(self) -> None:
        self._is_dirty = True
        self._wake.set()

    def found(self) -> None:
        """What was found at the claim: calls that were lost, answers that came late."""
        for attempt in self._run.lost:
            self.attempt(attempt)
        for branch in self._run.adopted:
            self.branch(branch)
        self.run()

    def soft(self, branch: BranchState, attempt: AttemptState) -> None:
        """Write these with the next commit, or after a moment if none comes."""
        self._note(branch)
        self._attempts[attempt.branch, attempt.number] = attempt
        self._is_dirty = True
        self._set_timer()

    def _set_timer(self) -> None:
        if self._soft_timer is None:
            self._soft_timer = asyncio.get_running_loop().call_later(SOFT_DELAY_S, self._soft_due)

    def _soft_due(self) -> None:
        self._soft_timer = None
        self._is_opened_due = bool(self._opened)
        self._wake.set()

    def intent(self, intent: Intent) -> None:
        self._intents.append(intent)
        self._branches.pop(intent.branch.number, None)  # behind the end that made room for it
        self.attempt(intent.attempt)
        self.branch(intent.branch)

    def withdraw(self) -> None:
        """Take back the intents whose sockets are not open; their requests are never sent."""
        intents, self._intents = [*self._released, *self._intents], []
        self._released.clear()
        for intent in intents:
            intent.drop()

    async def work(self) -> None:
        """Commit whatever is there, for ever; raises `Fenced`."""
        while True:
            await self._wake.wait()
            await self._commit()

    async def flush(self) -> None:
        """Return once everything known now is committed; raises `Fenced`."""
        while self._is_dirty:
            await self._commit()

    async def thin(self) -> None:
        """Commit until all that is left fits into one more commit; raises `Fenced`."""
        async with self._one_at_a_time:  # a commit that was under way has released its intents
            self.withdraw()
        while len(self._branches) + len(self._opened) > SOME_ROWS:
            await self._commit()

    async def _commit(self) -> None:
        async with self._one_at_a_time:
            self._wake.clear()
            if not self._is_dirty:
                return
            await self._store.turn()
            batch = self._take()
            try:
                committed = await self._persist(batch)
                while committed.late:
                    committed = await self._persist(self._rebuilt(batch, committed))
            except BaseException:  # fenced or broken off: their slots are others' now
                self._intents[:0], self._written = self._written, []
                self.withdraw()
                raise
            self._run.seq = committed.seq
            self._release()
            self._on_control(committed.control)
            self._observer.changed(self._run.id, committed.seq)

    def _release(self) -> None:
        if not self._released:
            asyncio.get_running_loop().call_soon(self._open_some)
        self._released.extend(self._written)
        self._written = []

    def _open_some(self) -> None:
        """A few a turn, so that the first requests are written before the last sockets open."""
        for _ in range(min(OPENED_A_TURN, len(self._released))):
            self._released.popleft().open()
        next_turn = self._open_some if self._released else self._all_open
        asyncio.get_running_loop().call_soon(next_turn)

    def _all_open(self) -> None:
        if self._opened:
            self._wake.set()
        self._on_committed()

    def _note(self, branch: BranchState) -> None:
        self._opened.pop(branch.number, None)
        if branch.number not in self._branches:
            self._branches[branch.number] = (next(self._order), branch)

    def _take_opened(self) -> list[BranchState]:
        """None before the changes that led to them: a crash must not leave the rows of a merge, or
        of a later wave, without the ends of what came before."""
        if self._branches or not (self._is_calm or self._is_opened_due):
            return []
        self._is_opened_due = False
        return [self._opened.pop(number) for number in list(islice(self._opened, SOME_ROWS))]

    def _take(self) -> Batch:
        """The oldest changes. In their order, so that a call is sent only after the end that made
        room for it is written; and not all at once: calls that are sent together end together, and
        each would wait for the others' replies to be read."""
        some = min(max(len(self._branches) // 2, SOME_ROWS), MOST_ROWS)
        branches = _first(self._branches, some)
        # What hangs on a branch is written with it or after it, never before.
        self._written = [one for one in self._intents if one.branch.number not in self._branches]
        self._intents = [one for one in self._intents if one.branch.number in self._branches]
        attempts = [key for key in self._attempts if key[0] not in self._branches]
        answers = [number for number in self._answers if number not in self._branches]
        oldest_left, _ = next(iter(self._branches.values()), (inf, None))
        joins = sum(order < oldest_left for order, _ in self._joins.values())
        branches += self._take_opened()
        batch = Batch(
            run_id=self._run.id,
            fence=self._run.fence,
            seq=self._run.seq,
            run=self._run,
            branches=branches,
            attempts=[self._attempts.pop(key) for key in attempts],
            joins=_first(self._joins, joins),
            answers=[(number, self._answers.pop(number)) for number in answers],
            kpis=self._kpis(),
        )
        self._is_dirty = bool(self._branches or self._opened)
        if self._branches or (self._opened and self._is_calm):
            self._wake.set()
        elif self._opened:
            self._set_timer()
        return batch

    def _rebuilt(self, batch: Batch, committed: Committed) -> Batch:
        """Fold in what others wrote in the meantime, then offer the same rows again."""
        self._run.seq = committed.seq
        for late in committed.late:
            self._on_late(late)
        told = {(late.branch, late.attempt) for late in committed.late}  # no longer lost
        return Batch(
            batch.run_id,
            batch.fence,
            committed.seq,
            batch.run,
            batch.branches,
            [one for one in batch.attempts if (one.branch, one.number) not in told],
            batch.joins,
            batch.answers,
            self._kpis(),
        )

    async def _persist(self, batch: Batch) -> Committed:
        """Commit, however long the database is away; nothing starts meanwhile."""
        tries = 0
        while True:
            try:
                return await self._store.commit(batch)
            except StoreUnavailable as error:
                log.warning("run %s: a commit failed and is tried again: %s", self._run.id, error)
            await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
            tries += 1


Row = TypeVar("Row")


def _first(rows: dict[int, tuple[int, Row]], most: int) -> list[Row]:
    """Take the `most` oldest rows out of `rows`."""
    return [rows.pop(number)[1] for number in list(islice(rows, most))]
