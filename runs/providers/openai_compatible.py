"""Calls to any server that speaks OpenAI's chat completions, streamed.

The whole call lies under one deadline; a completion needs the provider's own end mark.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from functools import cached_property
from types import MappingProxyType

import httpx
from yarl import URL

from runs.domain.errors import (
    BadReply,
    BadRequest,
    CallError,
    DeadlineExceeded,
    ProviderUnavailable,
    WrongKey,
)
from runs.domain.policies import CallLimits
from runs.domain.results import Completion
from runs.engine.protocols import ModelRequest, OnPiece
from runs.providers import fast_json, http
from runs.providers.addresses import Reach
from runs.providers.chat_wire import Reply, body_of
from runs.providers.rate_hints import rate_hints
from runs.providers.refusals import refusal
from runs.providers.sse import EventTooLarge, Parser

MOST_ERROR_BYTES = 65_536
LISTING = CallLimits(deadline_s=15.0, connect_s=5.0, idle_s=15.0, max_bytes=4_000_000)
DRAIN_S = 0.2  # how long the end of the body is waited for, so that the connection can be reused


class OpenAICompatible:
    """`base_url` up to and with the version, e.g. `https://api.example.com/v1`.

    `reuse`: whether sockets serve further calls; by default those with TLS, where a new one is
    dear, and which no bare model server holds.
    """

    def __init__(
        self, base_url: str, api_key: str, reach: Reach, *, reuse: bool | None = None
    ) -> None:
        self._base_url = base_url.strip()
        self._key = api_key.strip()
        self._reach = reach
        self._urls: dict[str, URL] = {}
        self._reuse = self._base_url.startswith("https:") if reuse is None else reuse

    async def complete(self, request: ModelRequest, on_piece: OnPiece) -> Completion:
        limits = request.limits
        reply = Reply(self._key)
        try:
            async with asyncio.timeout(limits.deadline_s):
                await self._converse(request, reply, on_piece)
        except TimeoutError:
            raise DeadlineExceeded(
                f"No complete answer within {limits.deadline_s:g} s. Raise the deadline or ask"
                " for less.",
                text=reply.text,
                usage=reply.usage,
            ) from None
        except CallError as error:
            error.text = error.text or reply.text
            error.usage = error.usage or reply.usage
            raise
        return reply.completion()

    async def models(self) -> list[str]:
        try:
            async with asyncio.timeout(LISTING.deadline_s):
                return await self._listing()
        except TimeoutError:
            raise DeadlineExceeded(
                f"The provider did not list its models within {LISTING.deadline_s:g} s."
            ) from None

    async def close(self) -> None:
        """Nothing of its own to close: sockets belong to the loop's shared client."""

    async def _converse(self, request: ModelRequest, reply: Reply, on_piece: OnPiece) -> None:
        body = body_of(request.prompt, request.call, limit_name=limit_name(self._base_url))
        headers = {"Idempotency-Key": request.uuid, "Content-Type": "application/json"}
        content, limits = fast_json.dumps(body), request.limits
        response = await self._open("POST", "/chat/completions", limits, headers, content)
        try:
            if response.status_code != 200:
                raise await self._refused(response, limits, request.call.model)
            reply.hints = rate_hints(response.headers)
            with http.as_call_errors(limits, in_body=True):
                if "application/json" in response.headers.get("content-type", ""):
                    document = await http.whole(response, limits.max_bytes)
                    tell(on_piece, reply.take_whole(document))
                else:
                    await self._read_stream(response, reply, on_piece, limits.max_bytes)
        finally:
            await response.aclose()

    async def _listing(self) -> list[str]:
        response = await self._open("GET", "/models", LISTING)
        try:
            if response.status_code != 200:
                raise await self._refused(response, LISTING)
            with http.as_call_errors(LISTING, in_body=True):
                return names_in(await http.whole(response, LISTING.max_bytes))
        finally:
            await response.aclose()

    async def _open(
        self,
        method: str,
        path: str,
        limits: CallLimits,
        headers: Mapping[str, str] = MappingProxyType({}),
        content: bytes | None = None,
    ) -> httpx.Response:
        """The reply's head, its body unread; whoever asks must close it, also when cancelled."""
        client = http.shared(self._reach, reuse=self._reuse)
        with http.as_call_errors(limits):
            sent = {**self._authorization(), **headers}
            return await client.open(method, self._url(path), sent, content, limits)

    @cached_property
    def _base(self) -> httpx.URL:
        url = httpx.URL(self._base_url)
        if url.scheme not in {"http", "https"} or not url.host:
            raise BadRequest(
                "The provider's address must begin with http:// or https://.", was_sent=False
            )
        if url.userinfo:
            raise BadRequest(
                "The provider's address must not contain a user name or password.", was_sent=False
            )
        return url.copy_with(path=url.path.rstrip("/").removesuffix("/chat/completions"))

    def _url(self, path: str) -> URL:
        """Kept: parsing it anew costs as much as reading a short reply."""
        if path not in self._urls:
            url = self._base.copy_with(path=self._base.path + path)
            self._urls[path] = URL(str(url), encoded=True)
        return self._urls[path]

    def _authorization(self) -> Mapping[str, str]:
        if not self._key:
            return {}
        if not (self._key.isascii() and self._key.isprintable()):
            raise WrongKey(
                "The key has characters that no key has. Enter it again under Providers.",
                was_sent=False,
            )
        return {"Authorization": f"Bearer {self._key}"}

    async def _read_stream(
        self, response: httpx.Response, reply: Reply, on_piece: OnPiece, most_bytes: int
    ) -> None:
        """Read events into the reply until its end mark, or the end of the body without one."""
        parser = Parser(most_bytes)
        async with aclosing(http.pieces(response, most_bytes)) as pieces:
            try:
                async for piece in pieces:
                    for event in parser.feed(piece):
                        if text := reply.take(event):
                            on_piece(text)
                    if reply.is_ended:
                        if self._reuse and not http.is_read(response):
                            await drain(pieces)
                        return
            except EventTooLarge as error:
                raise BadReply(f"The reply is too large: {error}.") from None
            for event in parser.end():
                tell(on_piece, reply.take(event))

    async def _refused(
        self, response: httpx.Response, limits: CallLimits, model: str = ""
    ) -> CallError:
        try:
            with http.as_call_errors(limits, in_body=True):
                body = await http.opening(response, MOST_ERROR_BYTES)
        except CallError:
            body = b""  # the status alone says enough
        return refusal(
            response.status_code,
            response.headers,
            body,
            model=model,
            secret=self._key,
            now=time.time(),
        )


def limit_name(base_url: str) -> str:
    """OpenAI's own newer models refuse the name that all others know."""
    is_openai = base_url.startswith("https://api.openai.com/")
    return "max_completion_tokens" if is_openai else "max_tokens"


async def drain(pieces: AsyncGenerator[bytes, None]) -> None:
    """Wait shortly for the body's end: a connection is only reusable when it has been read."""
    with suppress(TimeoutError, CallError, httpx.HTTPError):
        async with asyncio.timeout(DRAIN_S):
            async for _ in pieces:
                pass


def tell(on_piece: OnPiece, text: str) -> None:
    if text:
        on_piece(text)


def names_in(body: bytes) -> list[str]:
    """The models' names from a listing; raises `ProviderUnavailable` if it is none."""
    try:
        rows = json.loads(body)["data"]
        return sorted({str(row["id"]) for row in rows})
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ProviderUnavailable(
            "What answers at this address is no OpenAI-compatible provider. Its address usually"
            " ends with /v1."
        ) from None
