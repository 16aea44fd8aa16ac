"""What is written with which commit: nothing before what it hangs on, nothing after the lease."""

import asyncio
import random
from dataclasses import dataclass, field

import pytest

from runs.domain.errors import ProviderUnavailable
from runs.domain.results import Completion
from runs.domain.states import AttemptStatus, BranchStatus
from runs.engine.joining import FIRST_AHEAD
from runs.engine.protocols import Batch, Committed, Control, ModelRequest
from tests.unit.engine.doubles import MemoryStore, Patient, ScriptedClient, World, completion

pytestmark = pytest.mark.asyncio


@dataclass
class RowsStore(MemoryStore):
    """Fails as a database does where an attempt's branch has no row."""

    rows: set[int] = field(default_factory=set)
    ended_early: int = 0

    async def commit(self, batch: Batch) -> Committed:
        self.rows |= {branch.number for branch in batch.branches}
        assert {attempt.branch for attempt in batch.attempts} <= self.rows
        assert {number for number, _ in batch.answers} <= self.rows
        if batch.run.is_released:
            self.ended_early += 1
        return await super().commit(batch)


async def test_an_attempt_is_never_written_before_its_branch() -> None:
    world = World(children=2_500, limit=1_400, store=RowsStore())
    run = await world.run()
    assert run.counts[BranchStatus.SUCCEEDED] == 2_500


async def test_the_lease_is_given_up_with_the_last_rows() -> None:
    store, client = RowsStore(), Patient(3)
    world = World(children=2_000, store=store, client=client)
    coordinator = world.coordinator()
    working = asyncio.create_task(coordinator.work(Control()))
    await client.are_open.wait()
    coordinator.control(Control(cancel=True))
    await asyncio.wait_for(working, 2)
    assert set(store.branches.values()) == {"cancelled"}
    assert store.ended_early == 1


async def test_nothing_is_written_after_the_lease_is_given_up() -> None:
    begun = asyncio.Event()

    @dataclass
    class Slow(MemoryStore):
        is_released: bool = False
        after: int = 0

        async def commit(self, batch: Batch) -> Committed:
            self.after += self.is_released
            begun.set()
            for _ in range(20):
                await asyncio.sleep(0)
            self.is_released = self.is_released or batch.run.is_released
            return await super().commit(batch)

    store = Slow()
    world = World(children=60, limit=60, store=store)
    coordinator = world.coordinator()
    working = asyncio.create_task(coordinator.work(Control()))
    await begun.wait()  # the intents of many calls are being committed
    await coordinator.hand_back(0)
    await asyncio.wait_for(working, 2)
    assert (store.is_released, store.after) == (True, 0)
    assert (world.client.ledger, world.gate.in_flight) == ([], 0)


async def test_no_commit_is_large() -> None:
    @dataclass
    class Sizes(MemoryStore):
        sizes: list[int] = field(default_factory=list)

        async def commit(self, batch: Batch) -> Committed:
            self.sizes.append(len(batch.branches))
            return await super().commit(batch)

    store = Sizes()
    run = await World(children=3_000, store=store).run()
    assert max(store.sizes) <= FIRST_AHEAD
    assert run.counts[BranchStatus.SUCCEEDED] == 3_000


async def test_no_more_calls_are_noted_as_sent_than_there_are_slots() -> None:
    """After a crash those are repeated: an end is written before the call that takes its slot."""
    draw = random.Random(5)

    @dataclass
    class Slow(MemoryStore):
        most: int = 0

        async def commit(self, batch: Batch) -> Committed:
            for _ in range(draw.randrange(30)):
                await asyncio.sleep(0)
            committed = await super().commit(batch)
            sent = sum(status is AttemptStatus.SENT for status in self.attempts.values())
            self.most = max(self.most, sent)
            return committed

    async def reply(request: ModelRequest, nth: int) -> Completion:
        for _ in range(draw.randrange(60)):
            await asyncio.sleep(0)
        if nth == 1 and draw.random() < 0.2:
            raise ProviderUnavailable
        return completion()

    store = Slow()
    run = await World(children=1_000, limit=100, store=store, client=ScriptedClient(reply)).run()
    assert run.counts[BranchStatus.SUCCEEDED] == 1_000
    assert 50 < store.most <= 100
