"""A run's queue in front of one limiter: a branch starts when the plan, the limiter and the
budget allow it. Knows nothing of what a call is."""

import asyncio
from collections import deque
from collections.abc import Callable
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
        self.short_of = ""  # the cap of the budget that the next call does not fit under
        self._changed = asyncio.Event()

    def take(self) -> None:
        self.in_flight += 1
        self.short_of = ""
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


class Lane:
    """`admit` starts a branch, or returns False where it does not fit the budget now."""

    def __init__(
        self,
        limiter: Limiter,
        client: ModelClient,
        room: Room,
        admit: Callable[["Lane", BranchState, Permit], bool],
    ) -> None:
        self.limiter = limiter
        self.client = client
        self._room = room
        self._admit = admit
        self._queue: deque[BranchState] = deque()
        self._held_s = 0.0  # by the rate limit, of the last wait for a permit
        self._short_since_ms: int | None = None
        self._arrived = asyncio.Event()

    def push(self, branch: BranchState, now_ms: int, *, first: bool = False) -> None:
        branch.queued_ms = now_ms
        branch.blocked_at_queue_s = self.limiter.blocked_s()
        if first:
            self._queue.appendleft(branch)
        else:
            self._queue.append(branch)
        self._arrived.set()

    def short(self, now_ms: int) -> None:
        """The next branch does not fit the caps; noted until one is admitted."""
        if self._short_since_ms is None:
            self._short_since_ms = now_ms

    def waited_ms(self, now_ms: int) -> tuple[int, int]:
        """How long the branch now admitted, being the next one, waited for the rate limit, and
        before that for room under the caps."""
        limited, since = round(self._held_s * 1000), self._short_since_ms
        self._short_since_ms = None
        return limited, 0 if since is None else max(now_ms - since - limited, 0)

    @property
    def is_awaited(self) -> bool:
        """Whether a call waits here, or in another lane for the run's own cap."""
        while self._queue and self._queue[0].status is not BranchStatus.PENDING:
            self._queue.popleft()
        return bool(self._queue) or self._room.waiting > 0

    async def work(self) -> None:
        """Admit for ever, one after the other: the limiter is fair between lanes."""
        for number in count(1):
            await self._some_queued()
            await self._room.wait()
            held_before_s = self.limiter.blocked_s()
            permit = await self.limiter.acquire()
            self._held_s = self.limiter.blocked_s() - held_before_s
            branch = None if self._room.is_full else self._next()  # another lane may have filled it
            if branch is None:
                self.limiter.release(permit)
            elif self._admit(self, branch, permit):
                if number % A_TURN == 0:
                    await asyncio.sleep(0)  # what was admitted goes out before more is
            else:
                self._queue.appendleft(branch)
                self.limiter.release(permit)
                await self._room.wait_for_end()

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
