"""A process that dies at any commit: the next owner, who has the rows alone, calls what is left."""

import asyncio
from collections import Counter
from copy import copy
from dataclasses import dataclass, field

import pytest

from runs.domain.results import Completion
from runs.domain.states import AttemptStatus, BranchStatus
from runs.engine import journal
from runs.engine.coordinator import Coordinator
from runs.engine.protocols import Batch, Committed, ModelRequest
from runs.engine.state import AttemptState, BranchState
from runs.execution.limiter import Gate
from tests.unit.engine.doubles import MemoryStore, ScriptedClient, TwoModels, World, completion

pytestmark = pytest.mark.asyncio

CHILDREN = 40


class Died(Exception):
    pass


@dataclass
class Disk(MemoryStore):
    """Keeps rows as they were at their commit. The process dies at its `last` commit, before or
    after that `is_written`."""

    last: int = 0
    is_written: bool = True
    rows: dict[int, BranchState] = field(default_factory=dict)
    tries: dict[tuple[int, int], AttemptState] = field(default_factory=dict)

    async def commit(self, batch: Batch) -> Committed:
        committed = await super().commit(batch)
        is_last = self.commits == self.last
        if self.is_written or not is_last:
            self.rows |= {branch.number: copy(branch) for branch in batch.branches}
            self.tries |= {(one.branch, one.number): copy(one) for one in batch.attempts}
        if is_last:
            raise Died
        return committed

    @property
    def finished(self) -> set[str]:
        ended = [row for row in self.rows.values() if row.status is BranchStatus.SUCCEEDED]
        return {f"prompt {row.index}" for row in ended}

    @property
    def open(self) -> set[int]:
        return {one.branch for one in self.tries.values() if one.status is AttemptStatus.SENT}


class TwoGates(World):
    """One model serves one call at a time."""

    def coordinator(self) -> Coordinator:
        coordinator = super().coordinator()
        gates = {"m0": Gate(1), "m1": Gate(6)}
        coordinator._gate = lambda connection, model: (gates[model], self.client)
        return coordinator


async def answer(request: ModelRequest, nth: int) -> Completion:
    await asyncio.sleep(0)
    return completion(request.prompt)


def world_on(disk: Disk) -> World:
    return TwoGates(
        children=CHILDREN, store=disk, planner=TwoModels(), client=ScriptedClient(answer)
    )


async def taken_up(disk: Disk) -> World:
    """The run in the hands of an owner who has read its rows."""
    world = world_on(Disk())
    for row in disk.rows.values():
        world.state.add(copy(row))
    for one in disk.tries.values():
        lost = copy(one)
        if lost.status is AttemptStatus.SENT:
            lost.become(AttemptStatus.LOST)
        world.state.attempts.append(lost)
    await world.run()
    return world


@pytest.mark.parametrize("is_written", [True, False])
@pytest.mark.parametrize("delay_s", [0.0, 60.0])
async def test_whoever_takes_up_a_run_calls_what_is_left_and_no_more(
    is_written: bool, delay_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`delay_s`: the longest that a branch is not written while calls start."""
    monkeypatch.setattr(journal, "SOFT_DELAY_S", delay_s)
    last, had_gaps = 0, 0
    while True:
        last += 1
        disk = Disk(last=last, is_written=is_written)
        before = world_on(disk)
        try:
            await before.run()
            break
        except Died:
            pass
        had_gaps += len(disk.rows) <= max(disk.rows, default=-1)
        after = await taken_up(disk)
        assert after.state.counts[BranchStatus.SUCCEEDED] == CHILDREN
        assert {branch.index for branch in after.state.branches.values()} == set(range(CHILDREN))
        assert set(after.state.branches) == set(range(CHILDREN))
        assert after.state.root.outcome is not None
        assert after.state.root.outcome.value == "+".join(f"prompt {n}" for n in range(CHILDREN))
        called = Counter(after.client.ledger)
        assert not disk.finished & set(called)
        assert max(called.values(), default=1) == 1
        assert len(before.client.ledger) + len(called) <= CHILDREN + len(disk.open) + 7
    assert last > 10
    if delay_s:
        assert had_gaps
