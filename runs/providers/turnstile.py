"""Lets a few through in one turn of the loop, in the order of asking. Knows nothing of what for."""

import asyncio
from collections import deque


class Turnstile:
    """Calls that were sent together end together. All read in one turn, none of their successors
    could leave before the last was read; a few a turn, the first leave meanwhile."""

    def __init__(self, a_turn: int) -> None:
        self._a_turn = a_turn
        self._left = a_turn
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_due = False

    async def passed(self) -> None:
        """Return in this turn of the loop or in a later one."""
        if self._left <= 0:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
            return
        self._left -= 1
        self._look_next_turn()

    def _look_next_turn(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due = False
        self._left = self._a_turn
        while self._waiting and self._left > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():  # else it was cancelled
                waiter.set_result(None)
                self._left -= 1
        if self._left < self._a_turn:
            self._look_next_turn()
