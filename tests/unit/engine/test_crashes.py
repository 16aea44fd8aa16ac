"""A process that dies at any commit: the next owner, who has the rows alone, calls what is left."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from copy import copy
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from runs.domain.errors import BadRequest
from runs.domain.policies import OnFailure
from runs.domain.results import Completion
from runs.domain.states import ENDED_RUN, AttemptStatus, BranchStatus
from runs.engine import journal
from runs.engine.coordinator import Coordinator
from runs.engine.protocols import Batch, Committed, ModelRequest, Permit
from runs.engine.state import AttemptState, BranchState
from runs.execution.limiter import Gate
from tests.unit.engine.doubles import MemoryStore, ScriptedClient, TwoModels, World, completion
from tests.unit.engine.voting import VotingWorld

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
        for _ in range(10):  # meanwhile calls end
            await asyncio.sleep(0)
        committed = await super().commit(batch)
        is_last = self.commits == self.last
        if self.is_written or not is_last:
            self.rows |= {branch.number: copy(branch) for branch in batch.branches}
            self.tries |= {(one.branch, one.number): copy(one) for one in batch.attempts}
        if is_last:
            raise Died
        return committed

    def load_into(self, world: World) -> None:
        """The state as another owner reads it."""
        for row in self.rows.values():
            world.state.add(copy(row))
        for one in self.tries.values():
            read = copy(one)
            if read.status is AttemptStatus.SENT:
                read.become(AttemptStatus.LOST)
                world.state.lost.append(read)
            world.state.attempts.append(read)

    @property
    def finished(self) -> set[str]:
        ended = [row for row in self.rows.values() if row.status is BranchStatus.SUCCEEDED]
        return {f"prompt {row.index}" for row in ended}

    @property
    def open(self) -> set[int]:
        return {one.branch for one in self.tries.values() if one.status is AttemptStatus.SENT}


class SlowGate(Gate):
    """Commits go on while a call waits for it."""

    async def acquire(self) -> Permit:
        for _ in range(60):
            await asyncio.sleep(0)
        return await super().acquire()


@dataclass
class TwoGates(World):
    """One model serves one call at a time; another, for merges, is slow before the crash.
    `fails`: the prompt that a provider refuses."""

    fails: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.client = ScriptedClient(self._answer)

    def coordinator(self) -> Coordinator:
        coordinator = super().coordinator()
        merging = SlowGate(1) if isinstance(self.store, Disk) and self.store.last else Gate(1)
        gates = {"m0": Gate(1), "m1": Gate(12), "m": merging}
        coordinator._gate = lambda connection, model: (gates[model], self.client)
        return coordinator

    async def _answer(self, request: ModelRequest, nth: int) -> Completion:
        await asyncio.sleep(0)
        if request.prompt == self.fails:
            raise BadRequest("no")
        return completion(request.prompt)


@dataclass
class Crash:
    """What was there before it, on disk, and after another owner had worked on that."""

    before: World
    disk: Disk
    after: World

    @property
    def has_gaps(self) -> bool:
        return len(self.disk.rows) <= max(self.disk.rows, default=-1)


async def crashes(make: Callable[[Disk], World], *, is_written: bool) -> AsyncIterator[Crash]:
    """One at each commit of the run, in turn."""
    for last in count(1):
        disk = Disk(last=last, is_written=is_written)
        before = make(disk)
        try:
            await before.run()
        except Died:
            after = make(Disk())
            disk.load_into(after)
            await after.run()
            yield Crash(before, disk, after)
        else:
            assert last > 3
            return


def sections(planner: TwoModels, **changes: Any) -> Callable[[Disk], World]:
    return lambda disk: TwoGates(children=CHILDREN, store=disk, planner=planner, **changes)


@pytest.fixture(params=[(64, 128), (3, 6)], ids=["large commits", "small commits"], autouse=True)
def _size_of_commits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones leave to the next much of what is to be written, the more so where many calls
    are sent at once and so end at once."""
    some, most = request.param
    monkeypatch.setattr(journal, "OPENED_A_TURN", 100)
    monkeypatch.setattr(journal, "SOME_ROWS", some)
    monkeypatch.setattr(journal, "MOST_ROWS", most)


@pytest.mark.parametrize("is_written", [True, False])
@pytest.mark.parametrize("delay_s", [0.0, 60.0])
@pytest.mark.parametrize(
    ("planner", "merged"),
    [
        (TwoModels(), ""),
        (TwoModels(merges=True), "merge them"),
        (TwoModels(merges=True, models=("m1",)), "merge them"),  # many end together before it
    ],
    ids=["two models", "merged", "one model, merged"],
)
async def test_whoever_takes_up_a_run_calls_what_is_left_and_no_more(
    planner: TwoModels,
    merged: str,
    is_written: bool,
    delay_s: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`delay_s`: the longest that a branch is not written while calls start."""
    monkeypatch.setattr(journal, "SOFT_DELAY_S", delay_s)
    prompts = [f"prompt {number}" for number in range(CHILDREN)]
    wanted = {*prompts, *filter(None, [merged])}
    had_gaps = 0
    async for crash in crashes(sections(planner), is_written=is_written):
        had_gaps += crash.has_gaps
        run, called = crash.after.state, Counter(crash.after.client.ledger)
        assert run.counts[BranchStatus.SUCCEEDED] == len(wanted)
        assert set(run.branches) == set(range(len(wanted)))
        assert run.root.outcome is not None
        assert run.root.outcome.value == (merged or "+".join(prompts))
        assert set(called) <= wanted
        assert not crash.disk.finished & set(called)
        assert max(called.values(), default=1) == 1
        assert len(crash.before.client.ledger) + len(called) <= len(wanted) + len(crash.disk.open)
    assert had_gaps or not delay_s or len(planner.models) == 1


@pytest.mark.parametrize("is_written", [True, False])
async def test_a_run_that_stops_at_a_failure_ends_whoever_takes_it_up(is_written: bool) -> None:
    stopping = sections(TwoModels(), on_failure=OnFailure.STOP, fails="prompt 15")
    async for crash in crashes(stopping, is_written=is_written):
        run, called = crash.after.state, set(crash.after.client.ledger)
        assert run.status in ENDED_RUN
        assert not crash.disk.finished & called
        ended = BranchStatus.SUCCEEDED, BranchStatus.FAILED, BranchStatus.CANCELLED
        assert sum(run.counts.get(status, 0) for status in ended) == len(run.branches)
        assert run.root.outcome is not None
        assert len(run.root.outcome.contributions) == CHILDREN


@pytest.mark.parametrize("is_written", [True, False])
async def test_votes_are_asked_in_the_same_waves_whoever_takes_them_up(is_written: bool) -> None:
    questions = [["a", "b", "a", "a", "b", "a", "a", "a", "b"] for _ in range(6)]
    whole = VotingWorld(questions=questions, limit=5)
    await whole.run()
    wanted = [join.outcome for join in whole.state.joins]

    def votes(disk: Disk) -> World:
        return VotingWorld(questions=questions, limit=5, store=disk)

    async for crash in crashes(votes, is_written=is_written):
        assert [join.outcome for join in crash.after.state.joins] == wanted
        calls = len(crash.before.client.ledger) + len(crash.after.client.ledger)
        assert calls <= len(whole.client.ledger) + len(crash.disk.open)
