"""Clients that people use instead, as they come: the openai SDK and litellm.

They are installed in an environment of their own (requirements/peers.txt); see docs/benchmarks.md.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from bench import floors
from bench.provider import Provider
from bench.scenarios import Figures, Scenario, body

Ask = Callable[[int], Awaitable[AsyncIterator[Any]]]


def measure(scenario: Scenario, variant: str, provider: Provider) -> Figures:
    return floors.timed(VARIANTS[variant], scenario, provider)


async def openai(scenario: Scenario, url: str) -> int:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:

        async def ask(number: int) -> AsyncIterator[Any]:
            stream: AsyncIterator[Any] = await client.chat.completions.create(**body(number))
            return stream

        return await _all(scenario, ask)


async def litellm(scenario: Scenario, url: str) -> int:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network at import
    import litellm as library

    library.suppress_debug_info = True

    async def ask(number: int) -> AsyncIterator[Any]:
        call = {**body(number), "model": f"openai/{body(number)['model']}"}
        stream: AsyncIterator[Any] = await library.acompletion(
            **call, api_base=f"{url}/v1", api_key="none"
        )
        return stream

    return await _all(scenario, ask)


async def _all(scenario: Scenario, ask: Ask) -> int:
    """Make the calls, so many at once; gives how many ended with a finish reason."""
    numbers = iter(range(scenario.calls))
    answered = 0

    async def slot() -> None:
        nonlocal answered
        for number in numbers:
            finish = None
            try:
                async for piece in await ask(number):
                    if piece.choices and piece.choices[0].finish_reason:
                        finish = piece.choices[0].finish_reason
            except Exception:  # noqa: BLE001  whatever a library raises: this call is lost
                continue
            answered += finish == "stop"

    await asyncio.gather(*(slot() for _ in range(scenario.in_flight)))
    return answered


VARIANTS = {"openai": openai, "litellm": litellm}
