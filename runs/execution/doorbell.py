"""Rings the viewers of a run, at most so often, and passes live text on. Never waited for."""

import asyncio
from collections.abc import Coroutine

from runs.live import publish

EVERY_S = 0.05


class Doorbell:
    """One a loop. The last change of a burst is always rung."""

    def __init__(self) -> None:
        self._pending: dict[int, int] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def changed(self, run_id: int, seq: int) -> None:
        self._pending[run_id] = seq
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._ring)

    def text(self, run_id: int, chunks: list[tuple[int, int, int, str]]) -> None:
        self._send(publish.text(run_id, chunks))

    def _ring(self) -> None:
        self._timer = None
        pending, self._pending = self._pending, {}
        for run_id, seq in pending.items():
            self._send(publish.ring(run_id, seq))

    def _send(self, message: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(message)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
