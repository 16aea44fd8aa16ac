"""What can go wrong with a reply: one small function a fault, and the table that names them."""

import asyncio
import json
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from runs.providers.simulator.reply import Reply

Behaviour = Callable[[Reply], Awaitable[None]]

DRIP_S = 0.1
BLOCK = b"x" * 65_536
BOMB_BYTES = 1_000_000_000


def half(reply: Reply) -> tuple[str, ...]:
    pieces = reply.answer.pieces
    return pieces[: max(len(pieces) // 2, 1)]


async def half_said(reply: Reply) -> None:
    reply.begin()
    await reply.say(half(reply))


def refusing(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Behaviour:
    async def refuse(reply: Reply) -> None:
        error = {"message": message, "type": code, "code": code}
        reply.refuse(status, error, headers)

    return refuse


async def redirect(reply: Reply) -> None:
    reply.refuse(307, {"message": "it moved"}, {"Location": "/elsewhere"})


async def reset(reply: Reply) -> None:
    reply.exchange.reset()


async def disconnect(reply: Reply) -> None:
    reply.exchange.hang_up()


async def reset_during(reply: Reply) -> None:
    await half_said(reply)
    await asyncio.sleep(0.02)  # what was sent must have arrived: a reset overtakes it
    reply.exchange.reset()


async def cut(reply: Reply) -> None:
    await half_said(reply)
    reply.exchange.hang_up()


async def truncated(reply: Reply) -> None:
    await half_said(reply)
    reply.exchange.finish()


async def no_end_mark(reply: Reply) -> None:
    reply.begin()
    await reply.say(reply.answer.pieces)
    reply.end("stop", done=False)


async def malformed(reply: Reply) -> None:
    if not reply.is_streamed:
        reply.status = 200
        reply.exchange.head(200, {"Content-Type": "application/json"}, 14)
        reply.exchange.send(b'{"choices": [{')
        return
    await half_said(reply)
    reply.event('{"choices": [{"index": 0, "delta": {"con')
    reply.end("stop")


async def error_event(reply: Reply) -> None:
    error = {"error": {"message": "The server had an error.", "type": "server_error"}}
    if not reply.is_streamed:
        reply.status = 200
        reply.exchange.reply(200, error)
        return
    await half_said(reply)
    reply.event(json.dumps(error))
    reply.exchange.finish()


async def empty(reply: Reply) -> None:
    if not reply.is_streamed:
        reply.document("", "stop")
        return
    reply.begin()
    reply.end("stop")


async def stall(reply: Reply) -> None:
    await half_said(reply)
    await asyncio.Event().wait()


async def silent(reply: Reply) -> None:
    await asyncio.Event().wait()


async def drip(reply: Reply) -> None:
    reply.begin()
    while True:
        reply.exchange.send(b": still working\n\n")
        await asyncio.sleep(DRIP_S)


async def endless(reply: Reply) -> None:
    reply.begin()
    while True:
        await reply.say(reply.answer.pieces)
        await asyncio.sleep(0)


async def huge(reply: Reply) -> None:
    reply.begin()
    reply.exchange.send(b"data: ")
    while True:
        reply.exchange.send(BLOCK)
        await reply.exchange.flush()
        await asyncio.sleep(0)


async def bomb(reply: Reply) -> None:
    reply.status = 200
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
    reply.exchange.head(200, headers, None)
    squeeze = zlib.compressobj(9, wbits=31)
    for _ in range(BOMB_BYTES // len(BLOCK)):
        squeezed = squeeze.compress(BLOCK)
        if squeezed:
            reply.exchange.send(squeezed)
            await reply.exchange.flush()
            await asyncio.sleep(0)
    reply.exchange.send(squeeze.flush())
    reply.exchange.finish()


def ending(finish: str) -> Behaviour:
    async def end(reply: Reply) -> None:
        if not reply.is_streamed:
            reply.document("".join(half(reply)), finish)
            return
        await half_said(reply)
        reply.end(finish)

    return end


def _table(*rows: tuple[str, str, Behaviour]) -> tuple[dict[str, str], dict[str, Any]]:
    return {kind: does for kind, does, _ in rows}, {kind: how for kind, _, how in rows}


KINDS, BEHAVIOURS = _table(
    ("400", "bad request", refusing(400, "invalid_request_error", "This request is not valid.")),
    ("401", "wrong key", refusing(401, "invalid_api_key", "Incorrect API key provided.")),
    ("404", "no such model", refusing(404, "model_not_found", "The model does not exist.")),
    (
        "429",
        "throttled for a second",
        refusing(429, "rate_limit", "Slow down.", {"Retry-After": "1"}),
    ),
    ("quota", "nothing left", refusing(429, "insufficient_quota", "You exceeded your quota.")),
    ("500", "server error", refusing(500, "server_error", "The server had an error.")),
    ("503", "unavailable", refusing(503, "unavailable", "The server is overloaded.")),
    ("529", "overloaded", refusing(529, "overloaded_error", "Overloaded.")),
    ("redirect", "sent elsewhere (307)", redirect),
    ("reset", "connection reset before the reply", reset),
    ("disconnect", "connection closed before the reply", disconnect),
    ("reset_during", "connection reset in the middle of the reply", reset_during),
    ("cut", "connection closed in the middle of the reply", cut),
    ("truncated", "the reply ends in order, but half-way and without an end mark", truncated),
    ("no_end_mark", "the whole answer, but no [DONE]", no_end_mark),
    ("malformed", "broken JSON", malformed),
    ("error_event", "an error inside a 200", error_event),
    ("empty", "a 200 without any text", empty),
    ("filtered", "half an answer, then content_filter", ending("content_filter")),
    ("length", "half an answer, then length", ending("length")),
    ("stall", "half an answer, then silence", stall),
    ("silent", "no reply at all", silent),
    ("drip", "comments for ever, no answer", drip),
    ("endless", "an answer that never ends", endless),
    ("huge", "one event that never ends", huge),
    ("bomb", "a gigabyte squeezed into a megabyte", bomb),
)
