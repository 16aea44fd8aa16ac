"""A run's queue in front of one limiter: a branch starts when the plan, the limiter and the
budget allow it. Knows nothing of what a call is."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from runs.domain.states import BranchStatus
from runs.engine.protocols import Limiter, ModelClient, Permit
from runs.engine.state import BranchState

A_TURN = 8  # calls admitted in one turn of the loop


class Room:
    """A run's own cap on calls in flight, and its pause while the budget is taken."""

    def __init__(self, cap: int | None) -> None:
        self.cap = cap
        self.in_flight = 0
        self.is_shut = False
        self.peak = 0
        self.waiting = 0  # lanes with a call that the cap holds back
        self._changed = asyncio.Event()

    def take(self) -> None:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)

    def give(self) -> None:
        self.in_flight -= 1
        self._changed.set()

    def set_cap(self, cap: int | None) -> None:
        self.cap = cap
        self._changed.set()

    @property
    def is_full(self) -> bool:
        return self.cap is not None and self.in_flight >= self.cap

    async def wait(self) -> None:
        """Until one more call fits under the cap."""
        self.waiting += 1
        try:
            while self.is_full:
                await self.wait_for_end()
        finally:
            self.waiting -= 1

    async def wait_for_end(self) -> None:
        """Until some call has ended."""
        self._changed.clear()
        await self._changed.wait()


@dataclass(slots=True)
class Wait:
    """What a lane's next branch has waited for: the rate limit, and room under the run's caps."""

    limited_s: float = 0.0
    short_ms: int = 0
    branch: BranchState | None = None  # it did not fit under a cap


class Lane:
    """`admit` starts a branch, or returns False where it does not fit the budget now: then it says
    in `short_of` under which cap."""

    def __init__(
        self,
        limiter: Limiter,
        client: ModelClient,
        room: Room,
        admit: Callable[["Lane", BranchState, Permit], bool],
        now_ms: Callable[[], int],
    ) -> None:
        self.limiter = limiter
        self.client = client
        self._room = room
        self._admit = admit
        self._queue: deque[BranchState] = deque()
        self._now_ms = now_ms
        self._wait = Wait()
        self.short_of = ""
        self._arrived = asyncio.Event()

    def push(self, branch: BranchState, now_ms: int, *, first: bool = False) -> None:
        branch.queued_ms = now_ms
        branch.blocked_at_queue_s = self.limiter.blocked_s()
        if first:
            self._queue.appendleft(branch)
        else:
            self._queue.append(branch)
        self._arrived.set()

    def waited_ms(self) -> tuple[int, int]:
        """How long the branch now admitted, being the next one, waited for the rate limit, and for
        room under the caps."""
        return round(self._wait.limited_s * 1000), self._wait.short_ms

    @property
    def held_reason(self) -> str:
        """Why the next call may not start, in a few words; empty where only slots are awaited."""
        if not (reason := self.limiter.held_reason) and self.short_of and self._has_next:
            reason = f"no room under the {self.short_of}"
        return reason

    @property
    def is_awaited(self) -> bool:
        """Whether a call waits here, or in another lane for the run's own cap."""
        return self._has_next or self._room.waiting > 0

    @property
    def _has_next(self) -> bool:
        while self._queue and self._queue[0].status is not BranchStatus.PENDING:
            self._queue.popleft()
        return bool(self._queue)

    async def work(self) -> None:
        """Admit for ever, one after the other: the limiter is fair between lanes."""
        for number in count(1):
            await self._some_queued()
            await self._room.wait()
            held_before_s = self.limiter.blocked_s()
            permit = await self.limiter.acquire()
            self._wait.limited_s += self.limiter.blocked_s() - held_before_s
            branch = None if self._room.is_full else self._next()  # another lane may have filled it
            if branch is None:
                self.limiter.release(permit)
                continue
            if self._wait.branch not in (None, branch):  # the one that waited was called off
                self._wait = Wait()
            if self._admit(self, branch, permit):
                self._wait, self.short_of = Wait(), ""
                if number % A_TURN == 0:
                    await asyncio.sleep(0)  # what was admitted goes out before more is
            else:
                self._queue.appendleft(branch)
                self.limiter.release(permit)
                await self._wait_for_room(branch)

    async def _wait_for_room(self, branch: BranchState) -> None:
        self._wait.branch, began_ms = branch, self._now_ms()
        await self._room.wait_for_end()
        self._wait.short_ms += self._now_ms() - began_ms

    async def _some_queued(self) -> None:
        while not self._queue:
            self._arrived.clear()
            await self._arrived.wait()

    def _next(self) -> BranchState | None:
        while self._queue:
            branch = self._queue.popleft()
            if branch.status is BranchStatus.PENDING:
                return branch
        return None
