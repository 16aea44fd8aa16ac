"""What a hostile or broken server may cost: time, bytes and reach, for every dialect alike."""

import asyncio
import gzip
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from runs.domain.errors import BadReply, BadRequest, CallError, DeadlineExceeded
from runs.domain.policies import CallLimits
from runs.providers import http
from tests.unit.providers.dialects import DIALECTS, HEAD, Dialect, body_of, streamed
from tests.unit.providers.servers import ignore, refused, request, sending

EVERY = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)


@asynccontextmanager
async def repeating(
    head: bytes, piece: bytes, pause_s: float = 0.0, before: bytes = b""
) -> AsyncIterator[str]:
    """The address of a server that says `head`, `before` and then `piece` for ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head + before)
            while True:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.close()


STREAM = HEAD + b"\r\n"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
ERROR = b"HTTP/1.1 500 X\r\nContent-Type: application/json\r\n\r\n"


@EVERY
@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (STREAM, b": comment\n\n"),
        (STREAM, b"x"),
        (JSON, b" "),
        (ERROR, b" "),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["comments", "no line", "document", "error", "headers", "interim replies"],
)
async def test_what_drips_for_ever_costs_the_deadline(
    dialect: Dialect, head: bytes, piece: bytes
) -> None:
    limits = CallLimits(deadline_s=0.4, idle_s=30)
    began = time.monotonic()
    async with repeating(head, piece, pause_s=0.01) as url:
        with pytest.raises(DeadlineExceeded):
            await dialect.of(url).complete(request(limits=limits), ignore)
    assert time.monotonic() - began < 3


@EVERY
@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (STREAM, b"data: " + b"x" * 8_000),
        (STREAM, b": comment\n\n" * 800),
        (STREAM, b"\n" * 8_000),
        (JSON, b" " * 8_000),
    ],
    ids=["one event", "comments", "empty lines", "document"],
)
async def test_what_never_ends_costs_the_cap(dialect: Dialect, head: bytes, piece: bytes) -> None:
    limits = CallLimits(deadline_s=30, idle_s=30, max_bytes=300_000)
    async with repeating(head, piece) as url:
        with pytest.raises(BadReply, match=r"larger? than|too large"):
            await dialect.of(url).complete(request(limits=limits), ignore)


@EVERY
async def test_an_error_page_that_never_ends_is_read_in_part(dialect: Dialect) -> None:
    async with repeating(ERROR, b"x" * 8_000) as url:
        with pytest.raises(CallError) as caught:
            await dialect.of(url).complete(request(), ignore)
    assert caught.value.status_code == 500


def packed(body: bytes, coding: str) -> bytes:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}[coding]
    return labelled(pack(body), coding)


def labelled(body: bytes, coding: str) -> bytes:
    head = f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return HEAD + head.encode() + body


@EVERY
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_packed_reply_is_read_though_none_was_asked_for(
    dialect: Dialect, coding: str
) -> None:
    events = body_of(dialect.answer("x" * 100_000))
    async with sending(packed(events, coding)) as server:
        completion = await dialect.of(server.url).complete(request(), ignore)
    assert completion.text == "x" * 100_000
    assert "accept-encoding: identity" in server.heads[0].lower()


@EVERY
async def test_a_bomb_costs_its_cap_and_no_more_memory(dialect: Dialect) -> None:
    pack = zlib.compressobj(wbits=31)
    bomb = b"".join(pack.compress(b"x" * 1_000_000) for _ in range(64)) + pack.flush()
    limits = CallLimits(max_bytes=1_000_000)
    async with sending(labelled(bomb, "gzip")) as server:
        client = dialect.of(server.url)
        tracemalloc.start()
        try:
            with pytest.raises(BadReply, match="larger than 1,000,000"):
                await client.complete(request(limits=limits), ignore)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 8_000_000


@EVERY
@pytest.mark.parametrize(
    "reply",
    [
        labelled(gzip.compress(b"data: x")[:-12], "gzip"),
        labelled(b"no gzip", "gzip"),
        labelled(b"whatever", "br"),
        labelled(b"whatever", "gzip, gzip"),
    ],
    ids=["cut", "none", "another packing", "twice"],
)
async def test_what_cannot_be_unpacked_is_no_reply(dialect: Dialect, reply: bytes) -> None:
    async with sending(reply) as server:
        with pytest.raises(BadReply):
            await dialect.of(server.url).complete(request(), ignore)


@EVERY
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed_and_the_key_stays(dialect: Dialect, status: int) -> None:
    async with sending(streamed(dialect.answer("stolen"))) as elsewhere:
        moved = refused(status, "", [f"Location: {elsewhere.url}"])
        async with sending(moved, again=True) as server:
            client = dialect.of(server.url)
            with pytest.raises(BadRequest, match="redirect refused"):
                await client.complete(request(), ignore)
            with pytest.raises(BadRequest, match="redirect refused"):
                await client.models()
    assert elsewhere.connections == 0


@EVERY
async def test_no_proxy_of_the_environment_is_asked(
    dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sending(streamed(dialect.answer("x"))) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        await http.close_shared()  # so that the client is made in this environment
        async with sending(streamed(dialect.answer("x"))) as server:
            assert (await dialect.of(server.url).complete(request(), ignore)).text == "x"
    assert proxy.connections == 0


@EVERY
@pytest.mark.parametrize("name", ["key", "api_key", "KEY", "access_token"])
async def test_a_key_in_the_address_is_refused(dialect: Dialect, name: str) -> None:
    async with sending(b"") as server:
        client = dialect.client(f"{server.url}?{name}=sk-canary-1", "", dialect.of("")._reach)
        for call in (client.complete(request(), ignore), client.models()):
            with pytest.raises(BadRequest, match="own field") as caught:
                await call
            assert "canary" not in str(caught.value)
    assert server.connections == 0
