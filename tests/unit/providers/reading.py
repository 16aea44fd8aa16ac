"""Bodies read by a dialect's client without a server: in any pieces, whole or broken off."""

from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from itertools import pairwise

import aiohttp

from runs.domain.errors import CallError
from runs.domain.policies import CallLimits
from runs.domain.results import Completion
from runs.domain.usage import Usage
from runs.providers import http
from runs.providers.streamed import StreamedClient

Failure = tuple[type[CallError], str, str, Usage | None]  # kind, message, text, usage
MOST_BYTES = 1_000_000


class Given:
    """A body in given pieces; `is_cut`: its connection breaks after them, before its end."""

    def __init__(self, pieces: Sequence[bytes], *, is_cut: bool = False) -> None:
        self._pieces = pieces
        self._is_cut = is_cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._is_cut:
            raise aiohttp.ClientPayloadError("broken off")

    def is_read(self) -> bool:
        return not self._is_cut

    def close(self) -> None: ...


def split(body: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The body cut at these places, each taken modulo its length."""
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    return [body[start:end] for start, end in pairwise(places)]


def drive(coroutine: Coroutine[None, None, None]) -> None:
    """Run what never really waits, without a loop: thousands of bodies are read in a test."""
    with suppress(StopIteration):
        coroutine.send(None)
        raise AssertionError("it waits")


def read(
    client: StreamedClient, pieces: Sequence[bytes], *, is_framed: bool = True, is_cut: bool = False
) -> tuple[str, Completion | Failure]:
    """The text that was told, and the completion or error."""
    texts, gave = read_apart(client, pieces, is_framed=is_framed, is_cut=is_cut)
    return "".join(texts), gave


def read_apart(
    client: StreamedClient, pieces: Sequence[bytes], *, is_framed: bool = True, is_cut: bool = False
) -> tuple[list[str], Completion | Failure]:
    """The same with the text as it was told. Anything else that is raised is a bug."""
    headers = {"transfer-encoding": "chunked"} if is_framed else {}
    response = http.Response(200, headers, Given(pieces, is_cut=is_cut))
    reply, texts = client._reply(), list[str]()

    async def converse() -> None:
        with http.as_call_errors(CallLimits(), in_body=True):
            await client._read_stream(response, reply, texts.append, MOST_BYTES)

    try:
        drive(converse())
        return texts, reply.completion()
    except CallError as error:
        return texts, (
            type(error),
            error.message,
            error.text or reply.text,
            error.usage or reply.usage,
        )
