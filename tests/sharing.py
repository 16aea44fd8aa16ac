"""Several workers' gates under one key, on a virtual clock, over the real script in a real Valkey.

A minute of traffic takes a second, and the same test sees the same traffic.
"""

import asyncio
import json
import selectors
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from runs.domain.limits import RateHints
from runs.engine.protocols import Permit
from runs.execution.limiter import Change, Gate
from runs.execution.shared_redis import Away
from runs.execution.shared_wire import Grant, Request, Share, script

KEY = "limits"
LONGEST_S = 600.0
BEGIN = 1_800_000_000.0  # a wall clock's seconds


class VirtualSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Where the loop would sleep, its clock is put on instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen again")
        self.now += max(timeout, 1e-6)  # no step takes no time at all
        if self.now > LONGEST_S:
            raise RuntimeError("it never comes to an end")
        return super().select(0)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end on a loop with a virtual clock."""
    selector = VirtualSelector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work)


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Server:
    """The script on the virtual clock; `is_away` fails every exchange."""

    client: Any
    delay_s: float = 0.0005
    is_away: bool = False
    exchanges: int = 0

    def __post_init__(self) -> None:
        self.client.flushall()
        text = script().replace('redis.call("TIME")', 'redis.call("MGET", "s", "us")')
        assert "TIME" not in text.split("KEYS[1]", 1)[1].split("local r =", 1)[0]
        self._script = self.client.register_script(text)

    async def exchange(self, key: str, request: Request) -> Grant:
        await asyncio.sleep(self.delay_s)
        self.exchanges += 1
        if self.is_away:
            raise Away
        seconds, rest = divmod(BEGIN + now(), 1.0)
        self.client.mset({"s": int(seconds), "us": int(rest * 1e6)})
        reply = self._script(keys=[key], args=[json.dumps(request.told())])
        await asyncio.sleep(self.delay_s)
        return json.loads(reply)  # type: ignore[no-any-return]


@dataclass
class Worker:
    """A process's gate with a lane or more of calls; `sent`: when each was let in."""

    server: Server
    name: str
    workers: int = 3
    most: int = 64
    calls: float | None = None
    tokens: float | None = None
    is_known: bool = True
    sent: list[float] = field(default_factory=list)
    told: list[Change] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self.gate = Gate(
            self.most, self.calls, self.tokens, is_known=self.is_known, on_change=self.told.append,
            clock=now, wall=lambda: BEGIN + now(),
            share=Share(self.server.exchange, KEY, self.name, self.workers),
        )  # fmt: skip

    async def enter(self) -> Permit:
        began = now()
        permit = await self.gate.acquire()
        self.sent.append(now())
        self.waits.append(now() - began)
        return permit

    async def lane(self, calls: int, provider: "Provider", tokens: int = 0) -> None:
        """One run's calls: admitted one after the other, open side by side."""
        queue = [None] * calls
        open_calls: set[asyncio.Task[None]] = set()
        while queue or open_calls:
            if not queue:
                await asyncio.wait(open_calls, return_when=asyncio.FIRST_COMPLETED)
                open_calls = {task for task in open_calls if not task.done()}
                continue
            queue.pop()
            permit = await self.enter()
            self.gate.charge(tokens)
            open_calls.add(asyncio.create_task(self._call(permit, provider, queue)))
            await asyncio.sleep(0)

    async def _call(self, permit: Permit, provider: "Provider", queue: list[None]) -> None:
        wait_s, hints = provider.ask(now())
        if wait_s > 0:
            self.gate.throttled(permit, wait_s, hints)
            queue.append(None)
        else:
            await asyncio.sleep(provider.call_s)
            provider.open -= 1
            self.gate.answered(permit, hints)
        self.gate.release(permit)


@dataclass
class Provider:
    """Holds a limit as providers do, or none; `most_open`: the most calls open at once so far."""

    call_s: float = 0.1
    rate: float = 0.0
    burst_s: float = 1.0
    hints: bool = False
    answered: int = 0
    refused: int = 0
    open: int = 0
    most_open: int = 0
    _level: float = -1.0
    _at: float = 0.0

    def ask(self, at: float) -> tuple[float, RateHints | None]:
        """Seconds to wait, 0 where it takes the call, and what it says of its limit."""
        most = self.rate * self.burst_s
        if self._level < 0:
            self._level, self._at = most, at
        self._level = min(self._level + (at - self._at) * self.rate, most)
        self._at = at
        if self.rate and self._level < 1:
            self.refused += 1
            return (1 - self._level) / self.rate, self._hints()
        self._level -= 1
        self.answered += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        return 0.0, self._hints()

    def _hints(self) -> RateHints | None:
        said = RateHints(self.rate * 60, float(int(max(self._level, 0.0))))
        return said if self.hints else None
