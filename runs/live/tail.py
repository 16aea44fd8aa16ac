"""One tail a run and web process: it reads the run once a tick and sends every viewer its frames.

Knows when to look, how fast to send and how much a silent viewer may be sent; knows neither the
format (`wire`) nor sockets (`consumers`).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import Error as DatabaseError
from django.db import connection

from runs.live import wire
from runs.live.publish import MOST_S, group
from runs.live.wire import Body, Detail, Position, Sight

log = logging.getLogger(__name__)

GAP_S = 0.1  # between two deltas to a viewer, counted from the last send
LOOK_S = 3.0  # without a doorbell, look this often
ROWS_A_FRAME = 3000
WINDOW_FRAMES = 8  # frames a viewer may leave unacknowledged
WINDOW_BYTES = 400_000  # the same in bytes; a single larger frame may still go alone

# Reads of all tails; their own threads, so that no slow page stands in their way.
_readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="tail")


def _see(run_id: int, positions: Mapping[Position, bool], watched: Collection[int]) -> Sight | None:
    """Each thread keeps its connection, which costs half a look to open, until it fails."""
    try:
        return wire.look(run_id, positions, watched, ROWS_A_FRAME)
    except DatabaseError:
        connection.close()
        raise


_look = sync_to_async(_see, thread_sensitive=False, executor=_readers)


@dataclass(eq=False, slots=True)
class Viewer:
    """One open page: where it stands, what it watches, what it has not acknowledged.

    `send` hands a frame to its socket; `leave` ends it with a reason.
    """

    send: Callable[[str], Awaitable[None]]
    leave: Callable[[str], Awaitable[None]]
    position: Position = field(default_factory=Position)
    watched: set[int] = field(default_factory=set)
    owed: set[int] = field(default_factory=set)  # watched, and not yet sent whole
    is_unanswered: bool = False  # said hello, and was not yet sent a frame
    frames: int = 0  # sent so far
    unacknowledged: deque[tuple[int, int]] = field(default_factory=deque)  # (frame, bytes)

    @property
    def has_room(self) -> bool:
        return (
            len(self.unacknowledged) < WINDOW_FRAMES
            and sum(size for _, size in self.unacknowledged) < WINDOW_BYTES
        )

    @property
    def is_owed(self) -> bool:
        """Is to be sent a frame even if nothing changed."""
        return bool(self.owed) or self.is_unanswered

    def hello(self, seq: int) -> None:
        self.position, self.is_unanswered = Position(seq), True

    def watch(self, numbers: set[int]) -> None:
        """Follow exactly these branches; each is sent whole once more."""
        self.watched, self.owed = set(numbers), set(numbers)

    def acknowledge(self, frame: int) -> bool:
        """Forget frames up to this one; whether there is room now where there was none."""
        was_full = not self.has_room
        while self.unacknowledged and self.unacknowledged[0][0] <= frame:
            self.unacknowledged.popleft()
        return was_full and self.has_room

    async def take(self, make: Callable[[int], str]) -> None:
        """Send the next frame, made with its number."""
        self.frames += 1
        text = make(self.frames)
        self.unacknowledged.append((self.frames, len(text)))
        await self.send(text)


class Tail:
    """Follows one run for this process's viewers while there are any."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        self.viewers: set[Viewer] = set()
        self.looks = 0  # reads so far, whatever the number of viewers
        self._wake = asyncio.Event()
        self._joined = asyncio.Event()
        self._sent_at = 0.0
        self._is_late = False  # found by looking where a doorbell should have rung
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._listen(), name=f"tail-listen-{self.run_id}"),
            asyncio.create_task(self._follow(), name=f"tail-follow-{self.run_id}"),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def nudge(self) -> None:
        """Something may be due: a doorbell, an acknowledgement, a viewer's wish."""
        self._wake.set()

    async def text(self, chunks: list[list[Any]]) -> None:
        """Pass live text to those who watch its branch and have room; others see a gap."""
        for viewer in list(self.viewers):
            mine = [chunk for chunk in chunks if chunk[0] in viewer.watched]
            if mine and viewer.has_room:
                await viewer.take(partial(wire.text_frame, chunks=mine))

    # Listening

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except Exception:
                log.exception("The channel layer failed; run %s is looked at instead", self.run_id)
            self._joined.set()
            await asyncio.sleep(LOOK_S)

    async def _hear(self) -> None:
        layer = get_channel_layer()
        if layer is None:
            return
        channel = await layer.new_channel()
        try:
            await layer.group_add(group(self.run_id), channel)
            self._joined.set()
            while True:
                await self._on_message(await layer.receive(channel))
        finally:
            with suppress(Exception):  # a dead layer must not keep the tail from ending
                async with asyncio.timeout(MOST_S):
                    await layer.group_discard(group(self.run_id), channel)

    async def _on_message(self, message: dict[str, Any]) -> None:
        if message["type"] == "run.text":
            await self.text(message["chunks"])
        else:
            self.nudge()

    # Sending

    async def _follow(self) -> None:
        await self._group_joined()
        while self.viewers:
            try:
                await self._tick()
            except DatabaseError:
                log.exception("Run %s could not be read; viewers wait", self.run_id)
                await asyncio.sleep(LOOK_S)
            await self._due()

    async def _group_joined(self) -> None:
        """Join before the first look, so that no change falls between the two."""
        try:
            async with asyncio.timeout(MOST_S):
                await self._joined.wait()
        except TimeoutError:
            log.warning("The channel layer does not answer; run %s is looked at", self.run_id)

    async def _due(self) -> None:
        """Wait for a reason to look, or for LOOK_S, and keep the gap from the last send."""
        if any(viewer.position.seq is not None and viewer.has_room for viewer in self.viewers):
            return  # the next part of a delta waits for nothing but room
        self._is_late = False
        try:
            async with asyncio.timeout(LOOK_S):
                await self._wake.wait()
        except TimeoutError:
            self._is_late = True
            return
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self._sent_at + GAP_S - now))

    async def _tick(self) -> None:
        self._wake.clear()
        ready = [viewer for viewer in self.viewers if viewer.has_room]
        if not ready:
            return
        positions: dict[Position, bool] = {}
        for viewer in ready:
            is_owed = positions.get(viewer.position, False)
            positions[viewer.position] = is_owed or viewer.is_owed
        watched = set[int]().union(*(viewer.watched for viewer in ready))
        self.looks += 1
        sight = await _look(self.run_id, positions, watched)
        if sight is None:
            for viewer in list(self.viewers):
                await viewer.leave("deleted")
            return
        for viewer in ready:
            body = sight.bodies.get(viewer.position)
            if viewer in self.viewers and body and (body.holds_changes or viewer.is_owed):
                await self._give(viewer, body, sight.details, watched)

    async def _give(
        self, viewer: Viewer, body: Body, details: Mapping[int, Detail], read: set[int]
    ) -> None:
        """`read`: the branches whose details this look fetched; a later wish stays owed."""
        mine = {number: details[number] for number in viewer.watched if number in details}
        whole = viewer.owed & read
        if body.is_last:
            viewer.owed -= read
        viewer.position, viewer.is_unanswered = body.after, False
        self._sent_at = asyncio.get_running_loop().time()
        is_late = self._is_late and body.holds_changes
        await viewer.take(lambda number: wire.frame(number, body, mine, whole, is_late=is_late))


_tails: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, Tail]] = WeakKeyDictionary()


def join(run_id: int, viewer: Viewer) -> Tail:
    """Follow a run; its tail starts with its first viewer. Called on the server's loop."""
    tails = _tails.setdefault(asyncio.get_running_loop(), {})
    tail = tails.get(run_id)
    if tail is None:
        tail = tails[run_id] = Tail(run_id)
        tail.start()
    tail.viewers.add(viewer)
    tail.nudge()
    return tail


async def part(tail: Tail, viewer: Viewer) -> None:
    """Stop following; the tail ends with its last viewer."""
    tail.viewers.discard(viewer)
    if tail.viewers:
        return
    tails = _tails.get(asyncio.get_running_loop(), {})
    if tails.get(tail.run_id) is tail:
        del tails[tail.run_id]
    await tail.stop()
