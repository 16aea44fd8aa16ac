"""What the engine is compared with: the least that can be done, and httpx as it comes."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from uvloop import run

from bench.provider import Provider
from bench.scenarios import Figures, Scenario, body
from bench.watches import Stopwatch

END = b"0\r\n\r\n"
Work = Callable[[Scenario, str], Coroutine[Any, Any, int]]


def measure(scenario: Scenario, variant: str, provider: Provider) -> Figures:
    return timed(VARIANTS[variant], scenario, provider)


def timed(work: Work, scenario: Scenario, provider: Provider) -> Figures:
    """`work` makes the calls and returns how many were answered in full."""
    watch = Stopwatch(provider, scenario.calls)

    async def watched() -> int:
        watch.start()
        answered = await work(scenario, provider.url)
        watch.stop_wall()
        return answered

    answered = run(watched())
    return {**watch.figures(), "lost": scenario.calls - answered}


def request(number: int) -> bytes:
    content = json.dumps(body(number)).encode()
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n"
    )
    return head % len(content) + content


async def bare(scenario: Scenario, url: str) -> int:
    """One socket a slot, bytes out, bytes in until the end of the body."""
    host, port = url.removeprefix("http://").split(":")
    numbers = iter(range(scenario.calls))
    answered = 0

    async def slot() -> None:
        nonlocal answered
        reader, writer = await asyncio.open_connection(host, int(port))
        for number in numbers:
            writer.write(request(number))
            await reader.readuntil(END)
            answered += 1
        writer.close()

    await asyncio.gather(*(slot() for _ in range(scenario.in_flight)))
    return answered


async def plain_httpx(scenario: Scenario, url: str) -> int:
    """Its pool as large as the calls at once."""
    import httpx

    limits = httpx.Limits(max_connections=scenario.in_flight)
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:
        return await _through(client, scenario, url)


async def over_aiohttp(scenario: Scenario, url: str) -> int:
    """httpx on the connector that parweb uses too: how fast this machine is with it alone."""
    import httpx
    from httpx_aiohttp import AiohttpTransport

    limits = httpx.Limits(max_connections=scenario.in_flight)
    transport = AiohttpTransport(limits=limits, trust_env=False)
    async with httpx.AsyncClient(transport=transport, timeout=60, trust_env=False) as client:
        return await _through(client, scenario, url)


async def _through(client: Any, scenario: Scenario, url: str) -> int:
    """Lines read as they come, and parsed as JSON; nothing tried again."""
    numbers = iter(range(scenario.calls))
    answered = 0

    async def slot() -> None:
        nonlocal answered
        for number in numbers:
            path = f"{url}/v1/chat/completions"
            async with client.stream("POST", path, json=body(number)) as reply:
                async for line in reply.aiter_lines():
                    if line.startswith("data: {"):
                        json.loads(line[6:])
                    elif line == "data: [DONE]":
                        answered += 1

    await asyncio.gather(*(slot() for _ in range(scenario.in_flight)))
    return answered


class _Pump(asyncio.Protocol):
    """Asks again as soon as a reply has ended."""

    def __init__(self, numbers: Any, on_end: Callable[[], None]) -> None:
        self._numbers = numbers
        self._on_end = on_end
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-len(END) :]
        if self._tail == END:
            self._tail = b""
            self._on_end()
            self._ask()

    def _ask(self) -> None:
        content = next(self._numbers, None)
        if content is not None:
            self._transport.write(content)  # type: ignore[attr-defined]


async def pump(scenario: Scenario, url: str) -> int:
    """As fast as the simulator can be asked: requests written beforehand, replies not read."""
    host, port = url.removeprefix("http://").split(":")
    contents = iter([request(number) for number in range(scenario.calls)])
    answered = 0
    is_over = asyncio.Event()

    def on_end() -> None:
        nonlocal answered
        answered += 1
        if answered == scenario.calls:
            is_over.set()

    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: _Pump(contents, on_end), host, int(port))
        for _ in range(scenario.in_flight)
    ]
    await is_over.wait()
    for transport, _ in made:
        transport.close()
    return answered


VARIANTS: dict[str, Work] = {
    "bare": bare, "httpx": plain_httpx, "over aiohttp": over_aiohttp, "pump": pump
}  # fmt: skip
