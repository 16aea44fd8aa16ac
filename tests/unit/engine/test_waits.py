"""What a call waited for before it was admitted: told apart, and told while it lasts."""

import asyncio
from dataclasses import dataclass, field

import pytest

from runs.domain.plan import BranchSpec, Role
from runs.domain.policies import Budget
from runs.domain.states import BranchStatus
from runs.engine.admission import Lane, Room
from runs.engine.protocols import Batch, Committed, Control, Permit
from runs.engine.state import BranchState
from runs.execution.limiter import Gate
from tests.unit.engine.doubles import (
    CALL,
    FlatPrice,
    HandClock,
    MemoryStore,
    Patient,
    ScriptedClient,
    World,
)


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
    assert store.reasons[0] == "no room under the cap of $0.3"


class ShutGate(Gate):
    """The rate limit holds it for 200 ms before some calls."""

    taken, shut_s = 0, 0.0
    before: frozenset[int] = frozenset()

    async def acquire(self) -> Permit:
        self.taken += 1
        if self.taken in self.before:
            self.shut_s += 0.2
        return await super().acquire()

    def blocked_s(self) -> float:
        return self.shut_s


def shut(most: int, *before: int) -> ShutGate:
    gate = ShutGate(most)
    gate.before = frozenset(before)
    return gate


@pytest.mark.parametrize(("is_called_off", "expected"), [(False, (0, 400, 300)), (True, (1, 0, 0))])
async def test_what_the_next_branch_waited_for_adds_up_and_goes_with_it(
    is_called_off: bool, expected: tuple[int, int, int]
) -> None:
    """Held for 200 ms, refused for want of room, 300 ms until a call ends, held for 200 ms more."""
    clock, room = HandClock(), Room(None)
    admitted: asyncio.Future[tuple[int, ...]] = asyncio.get_running_loop().create_future()
    is_refused = asyncio.Event()

    def admit(lane: Lane, found: BranchState, permit: Permit) -> bool:
        if not is_refused.is_set():
            is_refused.set()
            lane.short_of = "cap of $1"
            return False
        if not admitted.done():
            admitted.set_result((found.number, *lane.waited_ms()))
        return True

    lane = Lane(shut(5, 1, 2), ScriptedClient(), room, admit, clock.now_ms)
    specs = [BranchSpec(n, Role.SECTION, f"part {n}", n, "prompt", CALL) for n in range(2)]
    branches = [BranchState(spec.index, 0, spec.role, spec.index, spec) for spec in specs]
    for branch in branches:
        lane.push(branch, 0)
    working = asyncio.create_task(lane.work())
    await is_refused.wait()
    await asyncio.sleep(0)
    assert lane.held_reason == "no room under the cap of $1"
    if is_called_off:
        branches[0].status = BranchStatus.CANCELLED
    clock.ms = 300
    room.give()
    assert await asyncio.wait_for(admitted, 2) == expected
    assert lane.held_reason == ""
    working.cancel()


async def test_only_who_is_next_waits_for_the_rate_limit() -> None:
    run = await World(children=5, limit=5, make_gate=lambda most: shut(most, 2, 3)).run()
    assert [attempt.held_ms for attempt in run.attempts] == [0, 200, 400, 400, 400]
    assert [attempt.limited_ms for attempt in run.attempts] == [0, 200, 200, 0, 0]
