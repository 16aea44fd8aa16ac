"""Calls cancelled at random moments, and whether everything can be used afterwards."""

import asyncio
import random
import time
from typing import Any
from uuid import uuid4

from uvloop import run as run_loop

from bench.engine_room import Worker, lost
from bench.provider import Provider, most_at_once
from bench.scenarios import MODEL, Figures, Scenario, prompt
from bench.watches import Stopwatch

LONGEST = 1.2  # × a call that nobody cancels: some cancels come too late
SETTLE_S = 2.5


def cancels(scenario: Scenario, variant: str, provider: Provider) -> Figures:
    """`client`: calls cancelled one by one. `runs`: whole runs that a person cancels."""
    if variant == "client":
        return run_loop(at_the_client(scenario, provider))
    return of_runs(scenario, provider)


async def at_the_client(scenario: Scenario, provider: Provider) -> Figures:
    from runs.providers import registry

    watch = Stopwatch(provider, scenario.cancels)
    mapping = {"kind": "simulated", "base_url": f"{provider.url}/v1", "api_key": ""}
    client = registry.client(mapping)
    rng = random.Random(provider.seed)
    asked_at: dict[str, float] = {}
    watch.start()

    async def slot() -> None:
        while len(asked_at) < scenario.cancels:
            name = uuid4().hex
            call = asyncio.create_task(client.complete(_request(name), lambda text: None))
            await asyncio.sleep(rng.uniform(0, LONGEST * scenario.latency_s))
            if call.cancel():
                asked_at[name] = time.time()
            await asyncio.gather(call, return_exceptions=True)

    await asyncio.gather(*(slot() for _ in range(scenario.in_flight)))
    watch.stop_wall()
    await asyncio.to_thread(settle, scenario, provider)
    names = [uuid4().hex for _ in range(scenario.in_flight)]
    calls = [client.complete(_request(name), lambda text: None) for name in names]
    ends = await asyncio.gather(*calls, return_exceptions=True)
    failed = sum(isinstance(end, BaseException) for end in ends)
    await registry.close()
    return {
        **watch.figures(),
        "cancelled": len(asked_at),
        "closed_s": _slowest(provider, asked_at),
        "unusable": _unusable(provider, set(names)),
        "lost": failed,
    }


def settle(scenario: Scenario, provider: Provider) -> None:
    """Wait until the provider sees no open call, but no longer than a cancel may take; then have
    it answer so slowly that as many calls as are allowed are open together."""
    until = time.monotonic() + SETTLE_S
    while provider.in_flight() and time.monotonic() < until:
        time.sleep(0.02)
    provider.change(latency=f"fixed:{max(5 * scenario.latency_s, 0.5)}")


def _request(name: str) -> Any:
    from runs.domain.plan import CallSettings
    from runs.domain.policies import CallLimits
    from runs.engine.protocols import ModelRequest

    call = CallSettings(connection="bench", model=MODEL, max_tokens=300)
    return ModelRequest(prompt(0), call, CallLimits(), name)


def _slowest(provider: Provider, asked_at: dict[str, float]) -> float:
    """The longest time from a wish until the provider saw the call end."""
    ended = {e.uuid: e.ended for e in provider.entries() if e.uuid in asked_at}
    return max((at - asked_at[name] for name, at in ended.items()), default=0.0)


def _unusable(provider: Provider, names: set[str]) -> int:
    """Of as many slots as calls wanted one, those that were never open together."""
    return len(names) - most_at_once([e for e in provider.entries() if e.uuid in names])


def of_runs(scenario: Scenario, provider: Provider) -> Figures:
    """Through launch, cancel and the worker; then one run that nobody cancels."""
    from runs.domain.states import AttemptStatus
    from runs.services import runs as services

    watch = Stopwatch(provider, scenario.cancels)
    rng = random.Random(provider.seed)
    asked_at: dict[str, float] = {}
    with Worker(scenario, provider) as worker:
        watch.start()
        while len(asked_at) < scenario.cancels:
            run = worker.launch()
            moments: list[float] = []

            def cancel(run: Any = run, moments: list[float] = moments) -> None:
                time.sleep(rng.uniform(0, LONGEST * scenario.latency_s))
                moments.append(time.time())
                services.cancel(run=run)

            state = worker.work(run, meanwhile=cancel)
            aborted = [a for a in state.attempts if a.status is AttemptStatus.ABORTED]
            asked_at |= {a.uuid: moments[0] for a in aborted if a.sent_ms is not None}
        watch.stop_wall()
        settle(scenario, provider)
        run = worker.launch()
        state = worker.work(run)
    entries = {a.uuid for a in state.attempts}
    opened = most_at_once([e for e in provider.entries() if e.uuid in entries])
    return {
        **watch.figures(),
        "cancelled": len(asked_at),
        "closed_s": _slowest(provider, asked_at),
        "unusable": scenario.in_flight - opened,
        "lost": lost(scenario, state),
    }
