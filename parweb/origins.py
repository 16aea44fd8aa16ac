"""Origins of browsers: taking them apart, and the exact check in front of every WebSocket."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

Scope = dict[str, Any]
Application = Callable[[Scope, Callable[..., Any], Callable[..., Any]], Awaitable[None]]

DEFAULT_PORTS = {"http": 80, "https": 443}
FORBIDDEN = 4403


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int


def parse_origin(text: str) -> Origin | None:
    """`https://host[:port]` taken apart; None for anything else (`null`, a path, no host)."""
    try:
        parts = urlsplit(text)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        return None
    return Origin(parts.scheme, parts.hostname.lower(), port)


class ExactOrigin:
    """Lets a WebSocket through only from the page's own scheme, host and port.

    Its own means the address the request came to, if that host is allowed here, or a configured
    one (behind a proxy that ends TLS). Channels' validator ignores port and scheme.
    """

    def __init__(self, inner: Application, configured: Iterable[str] = ()) -> None:
        self.inner = inner
        self.configured = {parse_origin(origin) for origin in configured if origin}

    async def __call__(
        self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        origin = parse_origin(_header(scope, b"origin"))
        if origin and (origin in self.configured or origin == _own(scope)):
            await self.inner(scope, receive, send)
            return
        await refuse(scope, receive, send)


async def refuse(scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """Close a WebSocket before it opens; the browser sees a 403."""
    await send({"type": "websocket.close", "code": FORBIDDEN})


def _own(scope: Scope) -> Origin | None:
    address = _header(scope, b"host")
    domain, _ = split_domain_port(address)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return None
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    return parse_origin(f"{scheme}://{address}")


def _header(scope: Scope, name: bytes) -> str:
    values = [value for key, value in scope.get("headers", ()) if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else ""
