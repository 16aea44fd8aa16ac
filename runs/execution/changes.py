"""Keeps what the gates of a process tell: their pauses outlive a crash, their history is drawn.

Knows rows and the writer; not what a change means to a call.
"""

import asyncio
import time
from datetime import UTC, datetime

from runs.engine.protocols import StoreUnavailable
from runs.execution.limiter import Change
from runs.execution.rules import ANSWERS_AGAIN, SILENT
from runs.execution.writer import Writer
from runs.models import LimiterChange, LimiterState

SAVE_EVERY_S = 1.0
NEVER_DROPPED = frozenset({SILENT, ANSWERS_AGAIN})  # from one to the other an outage is told

Key = tuple[int, str]  # connection, model


class Changes:
    """At most one change a second is kept of a gate, the last one always; each one of the breaker,
    in its place among the others."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._saved: dict[Key, float] = {}
        self._unsaved: dict[Key, Change] = {}

    def begin(self, connection_id: int, model: str, limit: int) -> None:
        """The first call of this process is about to be made."""
        if connection_id:
            values = {"model": model, "limit": limit, "reason": LimiterChange.START}
            row = LimiterChange(connection_id=connection_id, at=datetime.now(UTC), **values)
            self._writer.submit(0, row.save)

    def note(self, connection_id: int, model: str, change: Change) -> None:
        if not connection_id:
            return
        key = (connection_id, model)
        if change.reason in NEVER_DROPPED:
            self._save_waiting(key)
            self._save(key, change)
            return
        is_waiting = key in self._unsaved
        self._unsaved[key] = change
        if is_waiting:
            return
        wait_s = self._saved.get(key, -SAVE_EVERY_S) + SAVE_EVERY_S - time.monotonic()
        if wait_s <= 0:
            self._save_waiting(key)
        else:
            asyncio.get_running_loop().call_later(wait_s, self._save_waiting, key)

    async def close(self) -> None:
        """Keep what still waits."""
        for key in list(self._unsaved):
            self._save_waiting(key)

    def _save_waiting(self, key: Key) -> None:
        """What waits, if it was not kept meanwhile."""
        change = self._unsaved.pop(key, None)
        if change is not None:
            self._save(key, change)

    def _save(self, key: Key, change: Change) -> None:
        self._saved[key] = time.monotonic()
        self._writer.submit(0, lambda: save_state(*key, change))
        self._save_row(key, change)

    def _save_row(self, key: Key, change: Change) -> None:
        row = self._writer.submit(0, lambda: save_row(*key, change))
        row.add_done_callback(lambda done: self._see_kept(done, key, change))

    def _see_kept(self, done: "asyncio.Future[None]", key: Key, change: Change) -> None:
        """While the database is away, what must not be dropped is tried again."""
        if done.cancelled() or done.exception() is None:
            return
        if change.reason in NEVER_DROPPED and isinstance(done.exception(), StoreUnavailable):
            done.get_loop().call_later(SAVE_EVERY_S, self._save_row, key, change)


def save_state(connection_id: int, model: str, change: Change) -> None:
    LimiterState.objects.update_or_create(
        connection_id=connection_id,
        model=model,
        defaults={"limit": change.limit, "not_before": _moment(change.not_before)},
    )


def save_row(connection_id: int, model: str, change: Change) -> None:
    LimiterChange.objects.create(
        connection_id=connection_id,
        model=model,
        at=_moment(change.at),
        limit=change.limit,
        not_before=_moment(change.not_before),
        reason=change.reason,
    )


def _moment(wall_s: float) -> datetime:
    return datetime.fromtimestamp(wall_s, UTC)
