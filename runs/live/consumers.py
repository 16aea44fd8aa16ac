"""A browser's socket: who may follow a run, what it may ask, when it must go. It only carries."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser

from runs.live import tail, wire
from runs.live.tail import Tail, Viewer
from runs.live.watching import MOST_WATCHED, watch
from runs.models import Run
from runs.models.runs import ROWS_A_RUN

CHECK_S = 3.0  # how soon a socket closes after its session ended
RENEW_EVERY = 7  # checks between two renewals of what is watched
BAD_MESSAGE = 4400
FAREWELL = 4000


@dataclass(frozen=True, slots=True)
class Hello:
    """The viewer has everything up to `seq`."""

    seq: int


@dataclass(frozen=True, slots=True)
class Watch:
    """The viewer looks at exactly these branches."""

    branches: frozenset[int]


@dataclass(frozen=True, slots=True)
class Ack:
    """The viewer has taken in the frames up to this one."""

    frame: int


Message = Hello | Watch | Ack


def parse(text: str | None) -> Message | None:
    """A message of the browser; None for anything it should not have sent."""
    try:
        data = json.loads(text or "")
    except ValueError:
        return None
    if not isinstance(data, dict):
        return None
    match data:
        case {"type": "hello", "seq": int(seq)} if _is_number(seq, 1 << 53):
            return Hello(seq)
        case {"type": "ack", "frame": int(frame)} if _is_number(frame, 1 << 53):
            return Ack(frame)
        case {"type": "watch", "branches": list(numbers)} if len(numbers) <= MOST_WATCHED and all(
            _is_number(number, ROWS_A_RUN) for number in numbers
        ):
            return Watch(frozenset(numbers))
    return None


def _is_number(value: object, below: int) -> bool:
    return type(value) is int and 0 <= value < below


class RunConsumer(AsyncWebsocketConsumer):
    """Follows one run for its owner."""

    # The run's tail listens to the channel layer for all its viewers; a dead layer must not
    # end a socket.
    channel_layer_alias = None
    run_id: int
    viewer: Viewer
    tail: Tail | None = None
    is_leaving = False
    _guard: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        self.run_id = self.scope["url_route"]["kwargs"]["run_id"]
        if not await self._may_follow(self.scope["user"]):
            await self.close()
            return
        self.viewer = Viewer(send=self._send, leave=self._leave)
        await self.accept()
        self._guard = asyncio.create_task(self._keep())

    async def disconnect(self, code: int) -> None:
        if self._guard is not None:
            self._guard.cancel()
            await asyncio.gather(self._guard, return_exceptions=True)
        if self.tail is not None:
            await tail.part(self.tail, self.viewer)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        match parse(text_data):
            case Hello(seq):
                self.viewer.hello(seq)
                self.tail = self.tail or tail.join(self.run_id, self.viewer)
                self.tail.nudge()
            case Ack(frame):
                if self.viewer.acknowledge(frame) and self.tail:
                    self.tail.nudge()
            case Watch(branches):
                self.viewer.watch(set(branches))
                await self._ask_for_text()
                if self.tail:
                    self.tail.nudge()
            case None:
                await self.close(BAD_MESSAGE)

    async def _send(self, text: str) -> None:
        if not self.is_leaving:
            await self.send(text_data=text)

    async def _leave(self, reason: str) -> None:
        if not self.is_leaving:
            self.is_leaving = True
            await self.send(text_data=wire.bye(reason))
            await self.close(FAREWELL)

    async def _keep(self) -> None:
        """Look after the session and what is watched for as long as the socket is open."""
        checks = 0
        while not self.is_leaving:
            await asyncio.sleep(CHECK_S)
            checks += 1
            user = await _user_of(self.scope)
            if not user.is_authenticated:
                await self._leave("signed_out")
            elif not await self._may_follow(user):
                await self._leave("gone")
            elif checks % RENEW_EVERY == 0:
                await self._ask_for_text()

    async def _ask_for_text(self) -> None:
        if self.viewer.watched:
            await database_sync_to_async(watch)(self.run_id, self.viewer.watched)

    async def _may_follow(self, user: AbstractBaseUser) -> bool:
        if not user.is_authenticated:
            return False
        return await _exists(self.run_id, user.pk)


@database_sync_to_async
def _exists(run_id: int, owner_id: int) -> bool:
    return Run.objects.filter(pk=run_id, owner_id=owner_id).exists()


async def _user_of(scope: Mapping[str, Any]) -> AbstractBaseUser:
    """Whose session it is by now: read anew, since the scope keeps what it was at connect."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(scope["session"].session_key)
    user: AbstractBaseUser = await get_user({"session": store})
    return user
