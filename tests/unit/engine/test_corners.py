"""Where a run could hang, lose a slot or forget a wish: stops, refusals, fences, caps."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from runs.domain.errors import BadRequest, Fenced, InvalidInput
from runs.domain.plan import BranchSpec, Role
from runs.domain.policies import Budget, OnFailure
from runs.domain.results import (
    Ask,
    CallKey,
    CallsSoFar,
    Child,
    ChildState,
    Completion,
    ContributionKind,
    JoinCall,
    Outcome,
    OutcomeKind,
)
from runs.domain.states import AttemptStatus, BranchStatus, RunStatus
from runs.engine.coordinator import Coordinator
from runs.engine.protocols import Batch, Committed, Control, LateAnswer, ModelRequest
from runs.engine.state import AttemptState, BranchState, JoinState
from runs.execution import again
from tests.unit.engine.doubles import (
    FlatPrice,
    ListPlanner,
    MemoryStore,
    Patient,
    ScriptedClient,
    StillClock,
    TwoModels,
    World,
    completion,
)

pytestmark = pytest.mark.asyncio


@dataclass
class Refusing(ListPlanner):
    """No prompt can be written."""

    def prompt(self, spec: BranchSpec) -> str:
        raise InvalidInput("{{ name }} is not known here.")


@dataclass
class Broken(ListPlanner):
    """A bug in the planner."""

    def prompt(self, spec: BranchSpec) -> str:
        raise KeyError(spec.item)


@dataclass
class TreeMerging(ListPlanner):
    """Asks for many merges at once, then for one over them; counts how often it is looked at."""

    merges: bool = True
    looks: int = 0

    def aggregate(
        self, join: JoinState, children: Sequence[Child], calls: CallsSoFar
    ) -> Outcome | Ask:
        self.looks += 1
        parts = [CallKey(Role.MERGE, 1, index) for index in range(400)]
        if any(key not in calls for key in parts):
            if any(calls[key].state is ChildState.FAILED for key in parts if key in calls):
                return Outcome(OutcomeKind.MERGE_FAILED, None, ())
            return Ask(tuple(JoinCall(key, f"merge {key.index}") for key in parts))
        top = CallKey(Role.MERGE, 2, 0)
        if top not in calls:
            return Ask((JoinCall(top, "merge all"),))
        return Outcome(OutcomeKind.JOINED, calls[top].text, ())


@pytest.mark.parametrize(
    ("budget", "money"),
    [
        (Budget(calls=2), FlatPrice()),
        (Budget(cost_usd=0.25), FlatPrice(reserve=0.1, cost_usd=0.1)),
    ],
)
async def test_a_merge_that_the_cap_leaves_no_room_for_ends_the_run(
    budget: Budget, money: FlatPrice
) -> None:
    world = World(children=4, merges=True, budget=budget, money=money)
    run = await world.run()
    assert len(world.client.ledger) == 2
    assert run.status is RunStatus.PARTIAL
    assert run.branches[4].status is BranchStatus.CANCELLED
    assert run.branches[4].reason.startswith("budget: the cap of ")
    assert world.gate.in_flight == 0


async def test_a_fence_met_by_an_intent_keeps_no_slot() -> None:
    world = World(children=5)
    world.store.fence = 2
    with pytest.raises(Fenced):
        await world.run()
    assert world.client.ledger == []
    assert world.gate.in_flight == 0
    assert world.state.reserved_usd == 0


async def test_a_stop_reaches_the_calls_whose_sockets_are_about_to_open() -> None:
    coordinators: list[Coordinator] = []

    async def reply(request: ModelRequest, nth: int) -> Completion:
        coordinators[0].control(Control(cancel=True))
        await asyncio.sleep(3600)
        return completion()

    world = World(children=60, limit=60, client=ScriptedClient(reply))
    coordinators.append(world.coordinator())
    await asyncio.wait_for(coordinators[0].work(Control()), 2)
    assert len(world.client.ledger) < world.state.calls  # whose intents were written
    assert 0 < len(world.client.ledger) < 60
    assert world.state.counts[BranchStatus.CANCELLED] == 60
    assert (world.gate.in_flight, world.state.reserved_usd) == (0, 0)


async def test_a_fence_reaches_the_calls_whose_sockets_are_about_to_open() -> None:
    async def reply(request: ModelRequest, nth: int) -> Completion:
        world.store.fence = 2
        return completion()

    world = World(children=60, limit=60, client=ScriptedClient(reply))
    with pytest.raises(Fenced):
        await asyncio.wait_for(world.run(), 2)
    assert 0 < len(world.client.ledger) < 60
    assert world.gate.in_flight == 0


async def test_a_run_broken_off_in_mid_commit_keeps_no_slot() -> None:
    is_away, never = asyncio.Event(), asyncio.Event()

    class Stuck(MemoryStore):
        async def commit(self, batch: Batch) -> Committed:
            is_away.set()
            await never.wait()
            return await super().commit(batch)

    world = World(children=5, store=Stuck())
    coordinator = world.coordinator()
    working = asyncio.create_task(coordinator.work(Control()))
    await is_away.wait()
    assert world.gate.in_flight == 3
    coordinator._fail(RuntimeError("a bug"))
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(working, 2)
    assert world.gate.in_flight == 0


async def test_a_bug_in_the_planner_keeps_no_slot() -> None:
    world = World(children=5, planner=Broken())
    with pytest.raises(KeyError):
        await world.run()
    await asyncio.sleep(0)
    assert world.gate.in_flight == 0


async def test_refused_branches_make_room_for_further_ones() -> None:
    world = World(children=3_000, planner=Refusing())
    run = await world.run()
    assert run.counts[BranchStatus.FAILED] == 3_000


async def test_a_join_that_is_stopped_makes_room_for_the_next() -> None:
    async def reply(request: ModelRequest, nth: int) -> Completion:
        await asyncio.sleep(0)
        if request.prompt == "prompt 0":
            raise BadRequest
        return completion()

    @dataclass
    class Numbered(ListPlanner):
        def spec(self, join: JoinState, index: int) -> BranchSpec:
            number = index + 10_000 * (join.number - 1)
            return BranchSpec(
                index, Role.SECTION, "", 0, f"prompt {number}", super().spec(join, 0).call
            )

    world = World(
        on_failure=OnFailure.STOP, limit=1, client=ScriptedClient(reply), planner=Numbered()
    )
    world.state.joins = [
        JoinState(0, None, 0, "", 2, 0, False),
        JoinState(1, 0, 0, "first", 1_600, 0, True),
        JoinState(2, 0, 1, "second", 5, 0, True),
    ]
    run = await world.run()
    assert run.joins[1].opened < 1_600 or run.counts[BranchStatus.CANCELLED] == 1_599
    assert run.counts[BranchStatus.SUCCEEDED] == 5


async def test_a_cap_on_calls_in_flight_holds_over_all_models() -> None:
    world = World(children=10, limit=5, planner=TwoModels())
    world.state.in_flight_cap = 1
    coordinator = world.coordinator()
    world.gate.restore(world.gate.wall() + 0.02)  # both lanes wait at the gate
    await asyncio.wait_for(coordinator.work(Control()), 2)
    assert len(world.client.ledger) == 10
    assert world.client.peak == 1


async def test_a_cancel_asked_for_while_a_hold_waits_closes_the_open_calls() -> None:
    client = Patient(2)
    world = World(children=2, client=client)
    coordinator = world.coordinator()
    working = asyncio.create_task(coordinator.work(Control()))
    await client.are_open.wait()
    world.store.control = Control(hold=True)
    coordinator.control(world.store.control)
    await asyncio.sleep(0.01)
    world.store.control = Control(hold=True, cancel=True)
    coordinator.control(world.store.control)
    await asyncio.wait_for(working, 2)
    assert world.state.status is RunStatus.HELD  # whoever claims it next cancels it
    assert set(world.store.attempts.values()) == {AttemptStatus.ABORTED}


async def test_a_hold_taken_back_while_calls_end_leaves_the_run_queued() -> None:
    client = Patient(2)
    world = World(children=2, client=client)
    coordinator = world.coordinator()
    working = asyncio.create_task(coordinator.work(Control()))
    await client.are_open.wait()
    coordinator.control(Control(hold=True))
    await asyncio.sleep(0.01)
    coordinator.control(Control(hold=False))
    client.may_answer.set()
    await asyncio.wait_for(working, 2)
    assert world.state.status is RunStatus.QUEUED
    assert world.state.held_since_ms is None


@pytest.mark.parametrize("answered", [[0, 1], [0, 3], [2, 3]])
async def test_a_pass_over_children_that_were_never_opened_may_ask(answered: list[int]) -> None:
    """Nor need those that were be the first ones, in a run that was broken off."""
    world = World(children=4, merges=True)
    world.state.pass_n = 2
    for number, index in enumerate(answered):
        spec = ListPlanner().spec(world.state.root, index)
        done = BranchState(number, 0, Role.SECTION, index, spec, status=BranchStatus.SUCCEEDED)
        world.state.add(done)
    again.settle(world.state, {})
    run = await world.run()
    assert world.client.ledger == ["merge them"]
    assert run.branches[2].status is BranchStatus.SUCCEEDED
    assert run.root.outcome is not None
    missing = [c for c in run.root.outcome.contributions if c.kind is ContributionKind.MISSING]
    assert [c.child for c in missing] == sorted(set(range(4)) - set(answered))
    assert {c.reason for c in missing} == {again.NOT_OPENED}


async def test_a_late_answer_is_not_overwritten_as_lost() -> None:
    world = World(children=1)
    spec = ListPlanner().spec(world.state.root, 0)
    waits_until = StillClock().now_ms() + 60_000
    waiting = BranchState(0, 0, Role.SECTION, 0, spec, tries=1, backoff_until_ms=waits_until)
    world.state.add(waiting)
    lost = AttemptState(0, 1, "late", 0, 0, status=AttemptStatus.LOST)
    world.state.lost.append(lost)
    world.store.offered = [LateAnswer(0, 1, "paid for", 3, 4, 0.5, 1, 9)]
    run = await world.run()
    assert run.branches[0].text == "paid for"
    assert "late" not in world.store.attempts


async def test_a_join_is_not_looked_at_after_each_of_many_answers() -> None:
    planner = TreeMerging()
    world = World(children=1, planner=planner)
    run = await world.run()
    assert run.outcome is OutcomeKind.JOINED
    assert len(world.client.ledger) == 1 + 400 + 1
    assert planner.looks < 60


async def test_a_merge_that_failed_is_heeded_at_once() -> None:
    async def reply(request: ModelRequest, nth: int) -> Completion:
        await asyncio.sleep(0)
        if request.prompt == "merge 3":
            raise BadRequest
        return completion()

    world = World(children=1, client=ScriptedClient(reply), planner=TreeMerging())
    run = await world.run()
    assert run.outcome is OutcomeKind.MERGE_FAILED
    assert len(world.client.ledger) < 20
