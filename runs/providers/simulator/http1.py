"""As much of HTTP/1.1 as a simulator needs, bare on asyncio: fast, and able to misbehave.

Knows nothing of models. One request at a time a connection; bodies need a Content-Length.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

MOST_HEAD_BYTES = 65_536
MOST_BODY_BYTES = 32_000_000
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time left


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body; raises `ValueError` if it is no JSON."""
        return json.loads(self.body)


Handler = Callable[[Request, "Exchange"], Awaitable[None]]


class Exchange(asyncio.Protocol):
    """One connection: reads requests, hands each to the handler, and writes what that sends."""

    def __init__(self, handler: Handler, open_exchanges: "set[Exchange]") -> None:
        self._handler = handler
        self._open = open_exchanges
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._is_chunked = False
        self._closes = False
        self._unsent: list[bytes] = []  # written together at the end of this turn of the loop
        self.has_begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        self._can_write.set()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._task is None:
            self._next()

    def _next(self) -> None:
        head, mark, rest = self._buffer.partition(b"\r\n\r\n")
        if not mark:
            if len(self._buffer) > MOST_HEAD_BYTES:
                self.hang_up()
            return
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {}
        for field in fields:
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        try:
            method, path, _ = line.split(" ", 2)
            length = int(headers.get("content-length", "0"))
        except ValueError:
            self.hang_up()
            return
        if "transfer-encoding" in headers or not 0 <= length <= MOST_BODY_BYTES:
            self.reply(411, {"error": {"message": "send a Content-Length up to 32 MB"}})
            self.hang_up()
            return
        if len(rest) >= length:
            self._buffer = rest[length:]
            self._closes = headers.get("connection", "").lower() == "close"
            request = Request(method, path.partition("?")[0], headers, rest[:length])
            self._task = asyncio.get_running_loop().create_task(self._serve(request))

    async def _serve(self, request: Request) -> None:
        self.has_begun = False
        try:
            await self._handler(request, self)
        except asyncio.CancelledError:
            self.hang_up()
            return
        except BaseException:
            self.reset()
            raise
        self._task = None
        if self._closes:
            self.hang_up()
        elif self._buffer and not self._transport.is_closing():
            self._next()

    def end(self) -> asyncio.Task[None] | None:
        """Stop what is being answered and close; gives the task to wait for."""
        task = self._task
        if task is not None:
            task.cancel()
        self._transport.abort()
        return task

    def head(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        """The reply's head; without a length the body is sent in chunks and ends with `finish`."""
        self._is_chunked = length is None
        self.has_begun = True
        reason = HTTPStatus(status).phrase if status in _STATUSES else "Unknown"
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        lines = [f"HTTP/1.1 {status} {reason}", framing]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if self._closes:
            lines.append("Connection: close")
        self._write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def send(self, data: bytes) -> None:
        if self._is_chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self._write(data)

    async def flush(self) -> None:
        """Wait while the reader does not take what was sent."""
        self._send_unsent()
        await self._can_write.wait()

    def finish(self) -> None:
        if self._is_chunked:
            self._write(b"0\r\n\r\n")

    def _write(self, data: bytes) -> None:
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._send_unsent)
        self._unsent.append(data)

    def _send_unsent(self) -> None:
        if self._unsent and not self._transport.is_closing():
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def reply(
        self, status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        """A whole reply in JSON."""
        body = json.dumps(document).encode()
        self.head(status, {"Content-Type": "application/json", **(headers or {})}, len(body))
        self.send(body)

    def hang_up(self) -> None:
        """Close after what was sent, in the middle of a reply if need be."""
        self._send_unsent()
        self._transport.close()

    def reset(self) -> None:
        """Break the connection off with a TCP reset."""
        self._send_unsent()
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()


_STATUSES = frozenset(status.value for status in HTTPStatus)
