"""Doorbells: telling viewers through the channel layer that a run changed, and live text.

Whatever goes wrong here is logged, never raised: a lost doorbell makes a viewer a few seconds
late, because viewers also look by themselves.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

log = logging.getLogger(__name__)

MOST_S = 2.0  # a frozen layer costs a caller no more
LOG_EVERY = 100

Chunk = Sequence[Any]  # (branch, attempt, offset, text)


def group(run_id: int) -> str:
    return f"run.{run_id}"


async def ring(run_id: int, seq: int) -> None:
    """Say that a run has changed up to `seq`. Never raises."""
    await _send(run_id, {"type": "run.changed", "seq": seq})


async def text(run_id: int, chunks: Sequence[Chunk]) -> None:
    """Pass on text as it arrives: `(branch, attempt, offset, text)` each. Never raises."""
    await _send(run_id, {"type": "run.text", "chunks": [list(chunk) for chunk in chunks]})


def ring_now(run_id: int, seq: int) -> None:
    """`ring` for callers without an event loop."""
    try:
        async_to_sync(ring)(run_id, seq)
    except RuntimeError:  # a loop runs in this thread
        _lost.count("called on an event loop")


class _Lost:
    """Doorbells that did not ring; the log tells of the first and of each hundredth."""

    def __init__(self) -> None:
        self.total = 0

    def count(self, why: str) -> None:
        self.total += 1
        if self.total % LOG_EVERY == 1:
            log.warning("Viewers were not told of a change (%s; %d so far)", why, self.total)


_lost = _Lost()


def lost_doorbells() -> int:
    """Doorbells lost by this process so far."""
    return _lost.total


async def _send(run_id: int, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async with asyncio.timeout(MOST_S):
            await layer.group_send(group(run_id), message)
    except Exception as error:  # noqa: BLE001 (any layer, any failure: see above)
        _lost.count(repr(error))
