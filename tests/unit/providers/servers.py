"""Providers for tests on this loop: a simulator with its ledger, and a server that sends bytes."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runs.domain.plan import CallSettings
from runs.domain.policies import CallLimits
from runs.engine.protocols import ModelRequest
from runs.providers.simulator.ledger import Ledger
from runs.providers.simulator.server import Simulator
from runs.providers.simulator.settings import Settings, changed

KEY = "sk-canary-5f2c91d07be84a"


@dataclass
class Provider:
    """A running simulator: `url` as in a connection, `ledger` what it recorded."""

    url: str
    ledger_path: Path
    simulator: Simulator
    ends: "asyncio.Queue[dict[str, Any]]"
    connections: int = 0

    async def next_end(self) -> dict[str, Any]:
        """The next end that the ledger records."""
        return await self.ends.get()

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = self.ledger_path.read_text().splitlines()
        return [event for line in lines if (event := json.loads(line))["event"] == kind]


class TellingLedger(Ledger):
    """A ledger that can be waited for."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.ends: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def write(self, event: str, **values: Any) -> None:
        super().write(event, **values)
        if event == "end":
            self.ends.put_nowait(values)


@asynccontextmanager
async def simulating(directory: Path, **wishes: Any) -> AsyncIterator[Provider]:
    path = directory / "ledger.jsonl"
    ledger = TellingLedger(str(path))
    simulator = Simulator(changed(Settings(), wishes), ledger)
    loop = asyncio.get_running_loop()
    provider = Provider("", path, simulator, ledger.ends)

    def protocol() -> asyncio.Protocol:
        provider.connections += 1
        return simulator.protocol()

    server = await loop.create_server(protocol, "127.0.0.1", 0, backlog=1024)
    provider.url = f"{_url(server.sockets[0])}/v1"
    try:
        yield provider
    finally:
        server.close()
        await simulator.close()
        ledger.close()


Send = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Bytes:
    """A server that answers each request with the same bytes. `heads`: what it was sent."""

    url: str = ""
    heads: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)  # set once a held client went


@asynccontextmanager
async def sending(
    *pieces: bytes, then_hold: bool = False, again: bool = False
) -> AsyncIterator[Bytes]:
    """Send the pieces one by one, then close, hold the connection open, or serve it again."""
    served = Bytes()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.connections += 1
        with suppress(asyncio.IncompleteReadError):
            await answer(reader, writer)
            while again:
                await answer(reader, writer)
        writer.close()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        served.heads.append(head)
        length = next((line for line in head.lower().split("\r\n") if "content-length" in line), "")
        body = await reader.readexactly(int(length.rpartition(":")[2] or 0))
        served.bodies.append(json.loads(body) if body else {})
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if then_hold:
            await reader.read()
            served.closed.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    served.url = f"{_url(server.sockets[0])}/v1"
    try:
        yield served
    finally:
        server.close()


def _url(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://{host}:{port}"


def stream(*events: str, head: str = "") -> bytes:
    """A whole streamed reply of these events' data; its end is the connection's."""
    body = "".join(f"data: {event}\n\n" for event in events)
    return f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{head}\r\n{body}".encode()


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> str:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"model": "m-1", "choices": [choice], **more})


def refused(status: int, body: str = "", headers: Sequence[str] = ()) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body.encode())}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


# llama.cpp's server ends its streams in order, speaks of keeping alive, and closes.
END_OF_LLAMA = (
    b"HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nContent-Type: text/event-stream\r\n"
    b"Transfer-Encoding: chunked\r\nKeep-Alive: timeout=5, max=100\r\n\r\n"
    b'4b\r\ndata: {"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}\n\n\r\n'
    b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)


def request(prompt: str = "item 1", **changes: Any) -> ModelRequest:
    """A call; `limits` and `uuid` may be given, everything else changes its settings."""
    limits = changes.pop("limits", CallLimits(deadline_s=10, connect_s=2, idle_s=5))
    uuid = changes.pop("uuid", "5f2c")
    call = CallSettings(**{"connection": "c", "model": "m", "max_tokens": 200, **changes})
    return ModelRequest(prompt, call, limits, uuid)


def ignore(piece: str) -> None:
    """For calls whose pieces do not matter."""
