"""One streamed call from the request to the completion, for every dialect.

The whole call lies under one deadline; a completion needs the provider's own end mark. What is sent
and how events read is a dialect's own.
"""

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, suppress
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import httpx
from yarl import URL

from runs.domain.errors import (
    BadReply,
    BadRequest,
    CallError,
    DeadlineExceeded,
    ProviderUnavailable,
    UnknownModel,
    WrongKey,
)
from runs.domain.plan import CallSettings
from runs.domain.policies import CallLimits
from runs.domain.results import Completion
from runs.engine.protocols import ModelRequest, OnPiece
from runs.providers import fast_json, http, texts
from runs.providers.addresses import Reach
from runs.providers.rate_hints import rate_hints
from runs.providers.refusals import refusal
from runs.providers.replies import Reply
from runs.providers.sse import EventTooLarge, Parser

MOST_ERROR_BYTES = 65_536
LISTING = CallLimits(deadline_s=15.0, connect_s=5.0, idle_s=15.0, max_bytes=4_000_000)
DRAIN_S = 0.2  # how long the end of the body is waited for, so that the connection can be reused
KEYS = {"key", "api_key", "api-key", "apikey", "token", "access_token"}  # in an address
JSON = MappingProxyType({"Content-Type": "application/json"})


class StreamedClient(ABC):
    """`base_url`: the address to which a dialect's paths are added.

    `reuse`: whether sockets serve further calls; by default those with TLS, where a new one is
    dear, and which no bare model server holds.
    """

    ENDINGS: ClassVar[tuple[str, ...]] = ()  # parts of its paths that people enter with the address
    MODELS: ClassVar[str] = "/models"
    STRANGER: ClassVar[str]  # goes on from "At this address is …", where nothing of its kind is

    def __init__(
        self, base_url: str, api_key: str, reach: Reach, *, reuse: bool | None = None
    ) -> None:
        self._base_url = base_url.strip()
        self._key = api_key.strip()
        self._reach = reach
        self._urls: dict[str, URL] = {}
        self._reuse = self._base_url.startswith("https:") if reuse is None else reuse

    @abstractmethod
    def _path(self, call: CallSettings) -> str:
        """Where the call goes, below the base URL, with its query."""

    @abstractmethod
    def _body(self, prompt: str, call: CallSettings) -> dict[str, Any]: ...

    @abstractmethod
    def _key_headers(self, key: str) -> Mapping[str, str]:
        """The only place where the key is sent. `key` is empty where there is none."""

    @abstractmethod
    def _reply(self) -> Reply: ...

    def _named(self, listing: Any) -> Iterable[Any]:
        """The models' names in a listing; may stumble over one that is none."""
        return (row["id"] for row in listing["data"] or ())

    async def complete(self, request: ModelRequest, on_piece: OnPiece) -> Completion:
        limits = request.limits
        reply = self._reply()
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

    async def close(self) -> None:  # noqa: B027
        """Nothing of its own to close: sockets belong to the loop's shared client."""

    async def _converse(self, request: ModelRequest, reply: Reply, on_piece: OnPiece) -> None:
        limits = request.limits
        response = await self._asked(request)
        try:
            await self._client().turnstile.passed()
            reply.hints = rate_hints(response.headers)
            with http.as_call_errors(limits, in_body=True):
                if "application/json" in response.headers.get("content-type", ""):
                    document = await http.whole(response, limits.max_bytes)
                    tell(on_piece, reply.take_whole(document))
                else:
                    await self._read_stream(response, reply, on_piece, limits.max_bytes)
        finally:
            response.close()

    async def _asked(self, request: ModelRequest) -> http.Response:
        """A reply with the status 200, its body unread; whoever asks must close it."""
        call = request.call
        return await self._opened(
            "POST",
            self._path(call),
            request.limits,
            {"Idempotency-Key": request.uuid, **JSON},
            fast_json.dumps(self._body(request.prompt, call)),
            call.model,
        )

    async def _listing(self) -> list[str]:
        try:
            response = await self._opened("GET", self.MODELS, LISTING)
        except UnknownModel:
            raise self._stranger(404) from None
        try:
            with http.as_call_errors(LISTING, in_body=True):
                listing = await http.whole(response, LISTING.max_bytes)
            return texts.names(self._named(json.loads(listing)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise self._stranger(200) from None
        finally:
            response.close()

    def _stranger(self, status: int) -> CallError:
        told = f"At this address is {self.STRANGER}"
        if status == 404:
            told += f" Nothing is at {self._url(self.MODELS).path} there (404)."
        return ProviderUnavailable(told, status_code=status)

    async def _opened(
        self,
        method: str,
        path: str,
        limits: CallLimits,
        headers: Mapping[str, str] = MappingProxyType({}),
        content: bytes | None = None,
        model: str = "",
    ) -> http.Response:
        """A good reply's head, its body unread; whoever asks must close it, also when cancelled.
        Raises the `CallError` that another status stands for."""
        with http.as_call_errors(limits):
            sent = {**self._authorization(), **headers}
            response = await self._client().open(method, self._url(path), sent, content, limits)
        if response.status_code == 200:
            return response
        try:
            raise await self._refused(response, limits, model)
        finally:
            response.close()

    def _client(self) -> http.Client:
        return http.shared(self._reach, reuse=self._reuse)

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
        if any(name.lower() in KEYS for name in url.params):
            raise BadRequest(
                "The key belongs into its own field, not into the provider's address.",
                was_sent=False,
            )
        path = url.path.rstrip("/")
        for ending in self.ENDINGS:
            path = path.removesuffix(ending)
        return url.copy_with(path=path)

    def _url(self, path: str) -> URL:
        """Kept: parsing it anew costs as much as reading a short reply."""
        if path not in self._urls:
            below, _, query = path.partition("?")
            url = self._base.copy_with(path=self._base.path.rstrip("/") + below)
            if query:
                url = url.copy_with(query=query.encode())
            self._urls[path] = URL(str(url), encoded=True)
        return self._urls[path]

    def _authorization(self) -> Mapping[str, str]:
        if not (self._key.isascii() and self._key.isprintable()):
            raise WrongKey(
                "The key has characters that no key has. Enter it again under Providers.",
                was_sent=False,
            )
        return self._key_headers(self._key)

    async def _read_stream(
        self, response: http.Response, reply: Reply, on_piece: OnPiece, most_bytes: int
    ) -> None:
        """Read events into the reply until its end mark, or the end of the body without one."""
        parser, take, texts = Parser(most_bytes), reply.take, list[str]()
        async with aclosing(http.pieces(response, most_bytes)) as pieces:
            try:
                async for piece in pieces:
                    texts.clear()
                    try:
                        for event in parser.feed(piece):
                            texts.append(take(event))
                    finally:  # told at once, however many tokens came together
                        tell(on_piece, "".join(texts))
                    if reply.is_ended:
                        if self._reuse and not response.body.is_read():
                            await drain(pieces)
                        return
            except EventTooLarge as error:
                raise BadReply(f"The reply is too large: {error}.") from None
            for event in parser.end():
                tell(on_piece, take(event))
            tell(on_piece, reply.end_of_body(is_framed=response.is_framed))

    async def _refused(
        self, response: http.Response, limits: CallLimits, model: str = ""
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


async def drain(pieces: AsyncGenerator[bytes, None]) -> None:
    """Wait shortly for the body's end: a connection is only reusable when it has been read."""
    with suppress(TimeoutError, CallError, *http.TRANSPORT_ERRORS):
        async with asyncio.timeout(DRAIN_S):
            async for _ in pieces:
                pass


def tell(on_piece: OnPiece, text: str) -> None:
    if text:
        on_piece(text)
