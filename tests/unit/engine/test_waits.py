"""What a call waited for before it was admitted: told apart, and told while it lasts."""

import asyncio
from dataclasses import dataclass, field

from runs.domain.policies import Budget
from runs.engine.protocols import Batch, Committed, Control, Permit
from runs.execution.limiter import Gate
from tests.unit.engine.doubles import FlatPrice, HandClock, MemoryStore, Patient, World


@dataclass
class RememberingStore(MemoryStore):
    """Keeps what each commit says of a wait."""

    reasons: list[str] = field(default_factory=list)

    async def commit(self, batch: Batch) -> Committed:
        self.reasons.append(batch.kpis["held_reason"])
        return await super().commit(batch)


async def test_a_wait_for_room_under_a_cap_is_timed_and_told() -> None:
    store, client, clock = RememberingStore(), Patient(3), HandClock()
    world = World(
        children=5, limit=20, budget=Budget(cost_usd=0.3), client=client, store=store,
        money=FlatPrice(reserve=0.1, cost_usd=0.05), clock=clock,
    )  # fmt: skip
    working = asyncio.create_task(world.coordinator().work(Control()))
    await client.are_open.wait()
    clock.ms = 700
    client.may_answer.set()
    await asyncio.wait_for(working, 2)
    waited = [(attempt.limited_ms, attempt.short_ms) for attempt in world.state.attempts]
    assert waited == [(0, 0), (0, 0), (0, 0), (0, 700), (0, 0)]
    assert "cap of $0.3" in store.reasons
    assert store.reasons[-1] == ""


class ShutTwice(Gate):
    """The rate limit holds it for 200 ms before the second and the third call."""

    taken = shut_s = 0

    async def acquire(self) -> Permit:
        self.taken += 1
        if self.taken in (2, 3):
            self.shut_s += 0.2
        return await super().acquire()

    def blocked_s(self) -> float:
        return self.shut_s


async def test_only_who_is_next_waits_for_the_rate_limit() -> None:
    run = await World(children=5, limit=5, make_gate=ShutTwice).run()
    assert [attempt.held_ms for attempt in run.attempts] == [0, 200, 400, 400, 400]
    assert [attempt.limited_ms for attempt in run.attempts] == [0, 200, 200, 0, 0]
