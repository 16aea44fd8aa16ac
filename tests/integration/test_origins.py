"""A WebSocket needs the exact origin: scheme, host and port."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from parweb.origins import ExactOrigin, parse_origin


class Sent(list[dict[str, Any]]):
    async def __call__(self, message: dict[str, Any]) -> None:
        self.append(message)


async def opens(origin: str | None, host: str = "127.0.0.1:8000", configured: str = "") -> bool:
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    sent = Sent()
    scope = {"type": "websocket", "scheme": "ws", "headers": headers}
    await ExactOrigin(inner, configured=[configured])(scope, None, sent)  # type: ignore[arg-type]
    return sent[0]["type"] == "websocket.accept"


async def test_the_pages_own_origin_opens() -> None:
    assert await opens("http://127.0.0.1:8000")
    assert await opens("http://localhost", host="localhost")


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "https://127.0.0.1:8000",
        "http://127.0.0.1:8001",
        "http://127.0.0.1",
        "http://localhost:8000",
        "http://127.0.0.1:8000.evil.example",
        "http://127.0.0.1:8000/path",
        "http://[::1",
        "file://127.0.0.1:8000",
    ],
)
async def test_any_other_origin_is_refused(origin: str | None) -> None:
    assert not await opens(origin)


async def test_a_host_that_is_not_allowed_is_refused_though_it_matches() -> None:
    assert not await opens("http://evil.example:8000", host="evil.example:8000")


async def test_the_configured_origin_opens_behind_a_proxy(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["parweb.example.org"]
    origin = "https://parweb.example.org"
    assert await opens(origin, host="parweb.example.org", configured=origin)
    assert not await opens("https://parweb.example.org:444", configured=origin)


def test_default_ports_are_filled_in() -> None:
    assert parse_origin("https://Parweb.example") == ("https", "parweb.example", 443)
    assert parse_origin("http://a:80") == parse_origin("http://a")
