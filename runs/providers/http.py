"""The only place that builds an HTTP client: httpx over aiohttp's connector, a few a loop.

No proxy environment, no redirects, no cookies, and every socket's address is checked before it
connects. Gives replies as bounded pieces and transport trouble as `CallError`s. Knows no dialect.
"""

import asyncio
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator, Mapping
from functools import cache, lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import Protocol
from weakref import WeakKeyDictionary

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from yarl import URL

from runs.domain.errors import (
    BadReply,
    BadRequest,
    CallError,
    DeadlineExceeded,
    ProviderUnavailable,
)
from runs.domain.policies import CallLimits
from runs.providers.addresses import ForbiddenAddress, Reach, guarded_socket
from runs.providers.turnstile import Turnstile

# Shorter than the five seconds after which common servers close an idle connection: reusing one
# while it is being closed costs a retry, a new connection costs less.
KEEP_ALIVE_S = 4.5

TRANSPORT_ERRORS = (
    httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, UnicodeError
)  # fmt: skip
GZIP_OR_ZLIB = 47  # as zlib calls it: told by how the data begin
STEP = 65_536  # bytes unpacked at once
READ_A_TURN = 2  # replies begun to be read in one turn of the loop
DEFAULT_HEADERS = {"User-Agent": "parweb", "Accept-Encoding": "identity"}


class Body(Protocol):
    """A reply's body as it arrives, in pieces of any size."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def is_read(self) -> bool:
        """Whether its end has arrived already, so that its socket can serve the next call."""
        ...

    def close(self) -> None: ...


class Arriving:
    """A body on the socket."""

    __slots__ = ("_answer",)

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._answer.content.iter_any()

    def is_read(self) -> bool:
        return self._answer.content.at_eof()

    def close(self) -> None:
        self._answer.release()


class Response:
    """A reply's head and its body, unread; whoever asks must close it. httpx's own costs, with its
    headers, as much as sending the request."""

    __slots__ = ("body", "headers", "status_code")

    def __init__(self, status_code: int, headers: Mapping[str, str], body: Body) -> None:
        self.status_code = status_code
        self.headers = headers  # found whatever their case
        self.body = body

    @property
    def is_framed(self) -> bool:
        """Whether the body tells where it ends, so that one which is cut is known to be. The end
        of any other is just the end of its connection."""
        coding = self.headers.get("transfer-encoding", "").lower()
        return coding.endswith("chunked") or "content-length" in self.headers

    def close(self) -> None:
        self.body.close()


class Client(httpx.AsyncClient):
    """Also opens a request straight on the session below: what httpx does around a request
    (cookies, redirects, authentication, hooks, its own copy of headers and errors) is nothing a
    provider call wants, and a third of what the call costs."""

    def __init__(self, session: aiohttp.ClientSession, tls: ssl.SSLContext) -> None:
        super().__init__(
            transport=AiohttpTransport(client=session, verify=tls, trust_env=False),
            trust_env=False,
            follow_redirects=False,
            headers=DEFAULT_HEADERS,
        )
        self._session = session
        self.turnstile = Turnstile(READ_A_TURN)  # ahead of reading a reply's body

    async def open(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        content: bytes | None,
        limits: CallLimits,
    ) -> Response:
        answer = await self._session.request(
            method,
            url,
            headers=headers,
            data=content,
            allow_redirects=False,
            timeout=_timeout(limits.connect_s, limits.idle_s),
        )
        return Response(answer.status, answer.headers, Arriving(answer))


@lru_cache(maxsize=64)
def _timeout(connect_s: float, idle_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(sock_connect=connect_s, sock_read=idle_s)


Clients = dict[tuple[Reach, bool], Client]
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Clients] = WeakKeyDictionary()


def shared(reach: Reach, *, reuse: bool = True) -> Client:
    """The running loop's client for this reach; all provider connections share it.

    `reuse`: whether a socket serves further calls. llama.cpp's server closes it after each streamed
    reply without saying so, and the next call on it is lost.
    """
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    client = clients.get((reach, reuse))
    if client is None or client.is_closed:
        client = clients[reach, reuse] = build(reach, reuse=reuse)
    return client


async def close_shared() -> None:
    """Close the running loop's clients with all their sockets."""
    for client in _clients.pop(asyncio.get_running_loop(), {}).values():
        await client.aclose()


def build(reach: Reach, *, reuse: bool = True) -> Client:
    """A new client. How many calls run at once is the limiter's business, not bounded here."""
    tls = _tls()
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0,
            ssl=tls,
            keepalive_timeout=KEEP_ALIVE_S if reuse else None,
            force_close=not reuse,
            socket_factory=guarded_socket(reach),
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=DEFAULT_HEADERS,
        auto_decompress=False,
        trust_env=False,
    )
    client = Client(session, tls)
    # Connections of different people share this client: nothing may be remembered between them.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


@cache
def _tls() -> ssl.SSLContext:
    """Reading the certificates takes a while: once a process."""
    return httpx.create_ssl_context(trust_env=False)


def prepare() -> None:
    """Do now what the first call would wait for."""
    _tls()


async def pieces(response: Response, most_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body, decoded; raises `BadReply` once it is larger than `most_bytes`."""
    seen = 0
    async for piece in _body(response):
        seen += len(piece)
        if seen > most_bytes:
            raise BadReply(
                f"The reply is larger than {most_bytes:,} bytes.", status_code=response.status_code
            )
        yield piece


def _body(response: Response) -> AsyncIterable[bytes]:
    """Plain bytes come straight from the transport. Others were not asked for."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        return response.body
    if coding in {"gzip", "x-gzip", "deflate"}:
        return _inflated(response.body, response.status_code)
    raise BadReply(f"The reply is packed as “{coding[:20]}”.", status_code=response.status_code)


async def _inflated(stream: Body, status: int) -> AsyncGenerator[bytes, None]:
    """Unpacked in small steps: a few packed bytes may hold a thousand times as many."""
    inflater = zlib.decompressobj(wbits=GZIP_OR_ZLIB)
    try:
        async for piece in stream:
            packed = piece
            while packed and not inflater.eof:
                yield inflater.decompress(packed, STEP)
                packed = inflater.unconsumed_tail
        yield inflater.flush()
    except zlib.error:
        raise BadReply("The reply is malformed.", status_code=status) from None
    if not inflater.eof:
        raise BadReply("The reply broke off in the middle.", status_code=status)


async def whole(response: Response, most_bytes: int) -> bytes:
    return b"".join([piece async for piece in pieces(response, most_bytes)])


async def opening(response: Response, most_bytes: int) -> bytes:
    """The body's first `most_bytes` at most: enough of an error page to read its message."""
    parts: list[bytes] = []
    seen = 0
    async for piece in _body(response):
        parts.append(piece)
        seen += len(piece)
        if seen >= most_bytes:
            break
    return b"".join(parts)[:most_bytes]


class as_call_errors:  # noqa: N801  reads as the verb it is: with as_call_errors(limits)
    """Turn the transport's exceptions into typed ones. `in_body`: the reply had begun."""

    __slots__ = ("_in_body", "_limits")

    def __init__(self, limits: CallLimits, *, in_body: bool = False) -> None:
        self._limits = limits
        self._in_body = in_body

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, TRANSPORT_ERRORS) and not isinstance(error, CallError):
            raise _classified(error, self._limits, self._in_body) from error


def _classified(error: Exception, limits: CallLimits, in_body: bool) -> CallError:
    chain = tuple(_chain(error))
    for link in chain:
        if isinstance(link, ForbiddenAddress):
            return BadRequest(str(link), was_sent=False)
    if isinstance(
        error, httpx.UnsupportedProtocol | httpx.InvalidURL | aiohttp.InvalidURL | UnicodeError
    ):
        return BadRequest(
            "The provider's address is not a usable http or https address.", was_sent=False
        )
    if any(isinstance(link, aiohttp.ConnectionTimeoutError) for link in chain):
        return ProviderUnavailable(
            f"No connection to the provider within {limits.connect_s:g} s.", was_sent=False
        )
    if any(isinstance(link, aiohttp.ServerTimeoutError) for link in chain):
        return DeadlineExceeded(f"The provider sent nothing for {limits.idle_s:g} s.")
    if in_body:
        return BadReply("The reply broke off in the middle.")
    was_connected = not any(isinstance(link, aiohttp.ClientConnectorError) for link in chain)
    return ProviderUnavailable(_why_unavailable(chain), was_sent=was_connected)


def _why_unavailable(chain: tuple[BaseException, ...]) -> str:
    """Which of the ways not to get a reply it was, with what to look at."""
    kinds = (
        (
            aiohttp.ClientConnectorDNSError,
            "The provider's host name was not found. Check its address.",
        ),
        (
            aiohttp.ClientConnectorCertificateError,
            "The provider's certificate is not valid for its address.",
        ),
        (aiohttp.ClientSSLError, "No secure connection to the provider. Is its address https?"),
        (
            aiohttp.ClientConnectorError,
            "The provider refused the connection. Check its address and that it is running.",
        ),
        (aiohttp.ClientConnectionError, "The provider closed the connection before it replied."),
    )
    for kind, message in kinds:
        if any(isinstance(link, kind) for link in chain):
            return message
    return "What the provider sent is no HTTP reply."


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and what it was raised from, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__
