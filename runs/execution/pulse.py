"""Work that is done whenever it is due, one at a time, with a short gap between."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Pulse:
    """`began`: when the work was last begun, in seconds of `clock`, which goes as the loop does."""

    work: Callable[[], Awaitable[None]]
    clock: Callable[[], float]
    gap_s: float
    began: float = float("-inf")
    _task: "asyncio.Task[None] | None" = None
    _timer: asyncio.TimerHandle | None = None
    _due: float = float("inf")
    _is_closed: bool = False

    def by(self, moment: float) -> None:
        """Work at the latest then; a moment that has passed means at once."""
        moment = max(moment, self.began + self.gap_s)
        if self._is_closed or moment >= self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = moment
        wait_s = max(moment - self.clock(), 0.0)
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._beat)

    async def close(self) -> None:
        """Begin nothing more; returns when what is under way has ended."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])

    def _beat(self) -> None:
        self._timer = None
        if self._task is None and not self._is_closed:  # else it follows what is under way
            self._due = float("inf")
            self._task = asyncio.get_running_loop().create_task(self._once())

    async def _once(self) -> None:
        self.began = self.clock()
        try:
            await self.work()
        finally:
            self._task = None
            if self._timer is None and self._due < float("inf"):
                self._due = float("inf")
                self.by(self.began)
