"""The channel layer of the embedded process: rings from any thread, answered on the server's loop.

Channels' own in-memory layer is not thread-safe and forgets members; this one hands each message to
the loop its reader lives on. A full mailbox drops the newest message: they are doorbells.
"""

import asyncio
import secrets
import threading
from collections.abc import Callable
from typing import Any

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

Message = dict[str, Any]
Loop = asyncio.AbstractEventLoop


class InProcessChannelLayer(BaseChannelLayer):
    """Groups and channels of one process. Readers may live on several loops, senders anywhere."""

    extensions = ["groups", "flush"]

    def __init__(self, capacity: int = 100, **kwargs: Any) -> None:
        super().__init__(capacity=capacity, **kwargs)
        self._lock = threading.Lock()
        self._mailboxes: dict[str, tuple[Loop, asyncio.Queue[Message]]] = {}
        self._groups: dict[str, dict[str, Loop]] = {}

    async def new_channel(self, prefix: str = "specific") -> str:
        return f"{prefix}.inprocess!{secrets.token_hex(8)}"

    async def send(self, channel: str, message: Message) -> None:
        """To one channel. Raises `ChannelFull` when its reader lives here and lags behind."""
        self.require_valid_channel_name(channel)
        here = asyncio.get_running_loop()
        loop, _ = self._mailbox(channel, here)
        if loop is here:
            self._put(channel, message)
        else:
            self._hand_over(loop, self._offer, channel, message)

    async def receive(self, channel: str) -> Message:
        self.require_valid_channel_name(channel)
        _, queue = self._mailbox(channel, asyncio.get_running_loop())
        try:
            return await queue.get()
        finally:
            if queue.empty():
                with self._lock:
                    self._mailboxes.pop(channel, None)

    async def group_add(self, group: str, channel: str) -> None:
        """Join a group; called on the loop that will read the channel."""
        self.require_valid_group_name(group)
        self.require_valid_channel_name(channel)
        with self._lock:
            self._groups.setdefault(group, {})[channel] = asyncio.get_running_loop()

    async def group_discard(self, group: str, channel: str) -> None:
        with self._lock:
            members = self._groups.get(group, {})
            members.pop(channel, None)
            if not members:
                self._groups.pop(group, None)
            if not any(channel in others for others in self._groups.values()):
                self._mailboxes.pop(channel, None)

    async def group_send(self, group: str, message: Message) -> None:
        """To every member, each on its own loop; full mailboxes drop it."""
        self.require_valid_group_name(group)
        with self._lock:
            members = list(self._groups.get(group, {}).items())
        for channel, loop in members:
            self._hand_over(loop, self._ring, group, channel, message)

    async def flush(self) -> None:
        with self._lock:
            self._mailboxes.clear()
            self._groups.clear()

    async def close(self) -> None:
        """Nothing is held open."""

    def _hand_over(self, loop: Loop, deliver: Callable[..., None], *args: Any) -> None:
        try:
            loop.call_soon_threadsafe(deliver, *args)
        except RuntimeError:  # the readers' loop has closed, and they with it
            self._forget(loop)

    def _ring(self, group: str, channel: str, message: Message) -> None:
        with self._lock:
            is_member = channel in self._groups.get(group, {})
        if is_member:
            self._offer(channel, message)

    def _offer(self, channel: str, message: Message) -> None:
        try:
            self._put(channel, message)
        except ChannelFull:
            return

    def _put(self, channel: str, message: Message) -> None:
        _, queue = self._mailbox(channel, asyncio.get_running_loop())
        try:
            queue.put_nowait(dict(message))
        except asyncio.QueueFull:
            raise ChannelFull(channel) from None

    def _mailbox(self, channel: str, loop: Loop) -> tuple[Loop, asyncio.Queue[Message]]:
        with self._lock:
            found = self._mailboxes.get(channel)
            if found is None or found[0].is_closed():
                found = loop, asyncio.Queue(maxsize=self.get_capacity(channel))
                self._mailboxes[channel] = found
            return found

    def _forget(self, loop: Loop) -> None:
        with self._lock:
            for members in self._groups.values():
                for channel in [name for name, home in members.items() if home is loop]:
                    del members[channel]
                    self._mailboxes.pop(channel, None)
