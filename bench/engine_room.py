"""One run of the engine for `bench/engine.py`: everything of the product but pages and planning."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import httpx
from django.contrib.auth.models import User
from django.core.management import call_command
from uvloop import run

from runs.domain.policies import Budget, CallLimits, FailurePolicy, RetryPolicy
from runs.domain.states import AttemptStatus, BranchStatus, RunStatus
from runs.engine.coordinator import Coordinator
from runs.engine.protocols import Control, Store
from runs.engine.state import AttemptState, BranchState, JoinState, RunState
from runs.execution import loop
from runs.execution.limiter import Gate
from runs.execution.store import DatabaseStore, Writer
from runs.providers import registry
from tests.factories import make_run
from tests.unit.engine import doubles


class Clock:
    def __init__(self) -> None:
        self._zero = time.monotonic()

    def now_ms(self) -> int:
        return int((time.monotonic() - self._zero) * 1000)


class Told(doubles.Counting):
    """Tells the writer how long calls take, as a real run's figures do."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    def ended(self, branch: BranchState, attempt: AttemptState) -> None:
        super().ended(branch, attempt)
        self._writer.observe_call(((attempt.ended_ms or 0) - (attempt.sent_ms or 0)) / 1000)


def work(scenario: Any, variant: str, url: str) -> dict[str, float]:
    doubles.CALL = replace(doubles.CALL, model="simulated-small", max_tokens=300)
    call_command("migrate", verbosity=0)
    run_id = make_run(User.objects.create(username="bench")).pk
    writer = Writer()
    writer.start()
    store = DatabaseStore(writer) if variant == "rows" else doubles.MemoryStore(fence=0)
    loop.quiet_collector()
    cpu, wall = time.process_time(), time.monotonic()
    state = run(_work(scenario, url, run_id, store, writer))
    told = {
        "wall_s": time.monotonic() - wall,
        "cpu_ms": (time.process_time() - cpu) / scenario.calls * 1000,
        "throttled": _count(state, AttemptStatus.THROTTLED),
        "failed": _count(state, AttemptStatus.ERROR),
        "lost": scenario.calls - state.counts.get(BranchStatus.SUCCEEDED, 0),
    }
    writer.stop()
    return told


def _count(state: RunState, status: AttemptStatus) -> int:
    return sum(attempt.status is status for attempt in state.attempts)


async def _work(scenario: Any, url: str, run_id: int, store: Store, writer: Writer) -> RunState:
    state = RunState(
        id=run_id, fence=0, seq=0, status=RunStatus.QUEUED, policy=FailurePolicy(),
        retry=RetryPolicy(), limits=CallLimits(), budget=Budget(),
        joins=[JoinState(0, None, 0, "", scenario.calls, 0, True)],
    )  # fmt: skip
    client = registry.client({"kind": "simulated", "base_url": f"{url}/v1", "api_key": ""})
    is_known = scenario.name != "learned"
    gate = Gate(scenario.in_flight, scenario.calls_per_minute, is_known=is_known)
    coordinator = Coordinator(
        state, planner=doubles.ListPlanner(), store=store, observer=doubles.Silent(),
        money=doubles.FlatPrice(), clock=Clock(), figures=Told(writer),
        gate=lambda connection, model: (gate, client),
    )  # fmt: skip
    ending = asyncio.create_task(_end_outage(scenario.outage_s, url))
    await coordinator.work(Control())
    ending.cancel()
    await registry.close()
    return state


async def _end_outage(after_s: float, url: str) -> None:
    if after_s:
        await asyncio.sleep(after_s)
        async with httpx.AsyncClient(trust_env=False) as admin:
            await admin.post(f"{url}/_simulator/settings", json={"faults": []})
