"""A run from its first wave to its end, in memory."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from runs.domain.errors import (
    BadReply,
    CallError,
    ContentFiltered,
    Fenced,
    ProviderUnavailable,
    Throttled,
    WrongKey,
)
from runs.domain.plan import Role
from runs.domain.policies import Budget, OnFailure
from runs.domain.results import (
    Ask,
    CallKey,
    CallsSoFar,
    Child,
    Completion,
    JoinCall,
    Outcome,
    OutcomeKind,
)
from runs.domain.states import AttemptStatus, BranchStatus, RunStatus
from runs.engine.protocols import Control, LateAnswer, ModelRequest
from runs.engine.state import BranchState, JoinState
from tests.unit.engine.doubles import (
    FlatPrice,
    ListPlanner,
    ScriptedClient,
    StillClock,
    World,
    completion,
)

pytestmark = pytest.mark.asyncio


def failing(error: CallError, *, prompt: str = "", times: int = 10**9) -> ScriptedClient:
    """Fails calls whose prompt is `prompt` (all, if empty) the first `times` times."""

    async def reply(request: ModelRequest, nth: int) -> Completion:
        await asyncio.sleep(0)
        if request.prompt.startswith(prompt) and nth <= times:
            raise error
        return completion()

    return ScriptedClient(reply)


async def test_a_run_calls_every_branch_once_and_joins_in_order() -> None:
    async def take_some_turns(request: ModelRequest, nth: int) -> Completion:
        for _ in range(20):
            await asyncio.sleep(0)
        return completion()

    world = World(children=20, client=ScriptedClient(take_some_turns))
    run = await world.run()
    assert run.status is RunStatus.SUCCEEDED
    assert sorted(world.client.ledger) == sorted(f"prompt {i}" for i in range(20))
    assert world.client.peak == 3
    assert world.store.statuses == [RunStatus.RUNNING, RunStatus.SUCCEEDED]
    assert set(world.store.attempts.values()) == {AttemptStatus.OK}
    assert len(world.store.answers) == 20


async def test_a_join_may_ask_for_a_call_of_its_own() -> None:
    world = World(children=4, merges=True)
    run = await world.run()
    assert world.client.ledger[-1] == "merge them"
    assert run.root.outcome is not None
    assert len(run.root.outcome.contributions) == 4
    assert run.calls == 5


async def test_more_branches_than_may_wait_are_opened_as_room_comes() -> None:
    world = World(children=4_500, limit=100)
    run = await world.run()
    assert len(world.client.ledger) == 4_500
    assert run.counts[BranchStatus.SUCCEEDED] == 4_500


async def test_a_retryable_error_is_tried_again_and_counted() -> None:
    world = World(client=failing(ProviderUnavailable(status_code=500), times=2))
    run = await world.run()
    assert run.status is RunStatus.SUCCEEDED
    assert world.figures.attempts.count(AttemptStatus.ERROR) == 10
    assert all(b.tries == 3 and len(b.trail.split()) == 2 for b in run.branches.values())


async def test_a_branch_fails_after_its_last_try_and_the_run_is_partial() -> None:
    world = World(client=failing(BadReply(), prompt="prompt 2"))
    run = await world.run()
    assert run.status is RunStatus.PARTIAL
    assert run.branches[2].status is BranchStatus.FAILED
    assert run.branches[2].error_kind == "bad_reply"
    assert "after 3 tries" in run.branches[2].reason
    assert world.client.ledger.count("prompt 2") == 3


@pytest.mark.parametrize("error", [WrongKey(status_code=401), ContentFiltered()])
async def test_what_a_retry_cannot_mend_is_not_retried(error: CallError) -> None:
    world = World(client=failing(error, prompt="prompt 1"))
    await world.run()
    assert world.client.ledger.count("prompt 1") == 1


async def test_throttling_uses_up_no_try() -> None:
    world = World(children=3, tries=1, client=failing(Throttled(retry_after_s=0.01), times=4))
    run = await world.run()
    assert run.status is RunStatus.SUCCEEDED
    assert world.figures.attempts.count(AttemptStatus.THROTTLED) == 12


async def test_an_empty_answer_is_no_success() -> None:
    async def reply(request: ModelRequest, nth: int) -> Completion:
        return completion(" \n")

    world = World(children=1, tries=1, client=ScriptedClient(reply))
    run = await world.run()
    assert run.branches[0].status is BranchStatus.FAILED


@pytest.mark.parametrize(
    ("accept_cut", "status"), [(False, BranchStatus.FAILED), (True, BranchStatus.SUCCEEDED)]
)
async def test_a_cut_answer_passes_only_where_asked_for(
    accept_cut: bool, status: BranchStatus
) -> None:
    async def reply(request: ModelRequest, nth: int) -> Completion:
        return completion("half an ans", finish="length")

    world = World(children=1, accept_cut=accept_cut, client=ScriptedClient(reply))
    run = await world.run()
    assert run.branches[0].status is status
    assert run.branches[0].text == "half an ans"
    assert run.branches[0].is_cut is accept_cut


async def test_stop_at_the_first_failure_starts_nothing_more() -> None:
    world = World(
        children=50,
        limit=2,
        on_failure=OnFailure.STOP,
        client=failing(WrongKey(), prompt="prompt 3"),
    )
    run = await world.run()
    assert len(world.client.ledger) <= 6
    assert run.counts[BranchStatus.FAILED] == 1
    assert run.counts.get(BranchStatus.PENDING, 0) == 0
    assert run.root.outcome is not None
    assert len(run.root.outcome.contributions) == 50


async def test_stopping_aborts_the_open_calls_and_frees_each_slot_once() -> None:
    async def reply(request: ModelRequest, nth: int) -> Completion:
        if request.prompt == "prompt 7":
            raise WrongKey(status_code=401)
        if int(request.prompt.split()[1]) > 7:
            await asyncio.sleep(3600)
        return completion()

    world = World(children=30, limit=8, on_failure=OnFailure.STOP, client=ScriptedClient(reply))
    run = await world.run()
    assert run.status is RunStatus.PARTIAL
    assert (run.in_flight, world.gate.in_flight, world.client.open) == (0, 0, 0)


async def test_a_call_cancelled_before_its_first_step_frees_its_slot_and_ends_its_branch() -> None:
    world = World(children=3, limit=3)
    coordinator = world.coordinator()
    open_sockets = coordinator._calls._call

    async def stop_then_call(*args: Any) -> None:
        coordinator._stops.stop(world.state.root, "stopped")
        await open_sockets(*args)

    coordinator._calls._call = stop_then_call  # type: ignore[method-assign]
    await asyncio.wait_for(coordinator.work(Control()), 2)
    assert world.gate.in_flight == 0
    assert world.state.counts[BranchStatus.RUNNING] == 0


async def test_the_cap_on_calls_is_never_passed() -> None:
    world = World(children=10, budget=Budget(calls=4))
    run = await world.run()
    assert len(world.client.ledger) == 4
    assert run.status is RunStatus.PARTIAL
    assert "cap" in run.reason
    assert run.branches[9].reason == "budget: the cap of 4 calls was reached"


async def test_spent_and_reserved_stay_under_the_cap() -> None:
    world = World(
        children=10, budget=Budget(cost_usd=0.5), money=FlatPrice(reserve=0.1, cost_usd=0.06)
    )
    run = await world.run()
    assert len(world.client.ledger) == 7  # 7 × 0.06 + 0.1 would pass the cap
    assert run.spent_usd == pytest.approx(0.42)
    assert run.reserved_usd == pytest.approx(0)


async def test_a_call_with_unknown_usage_counts_at_its_reservation() -> None:
    world = World(
        children=1, tries=1, money=FlatPrice(reserve=0.1, cost_usd=0.01), client=failing(BadReply())
    )
    run = await world.run()
    assert run.spent_usd == pytest.approx(0.1)
    assert run.attempts[0].is_cost_confirmed is False


async def test_cancel_is_acknowledged_and_nothing_starts_after_it() -> None:
    started = asyncio.Event()

    async def hang(request: ModelRequest, nth: int) -> Completion:
        if world.client.open == world.gate.limit:
            started.set()
        await asyncio.sleep(3600)
        return completion()

    world = World(children=10, client=ScriptedClient(hang))
    coordinator = world.coordinator()
    work = asyncio.create_task(coordinator.work(Control()))
    await started.wait()
    calls = len(world.client.ledger)
    coordinator.control(Control(cancel=True))
    await asyncio.wait_for(work, 2)
    assert world.store.statuses[-2:] == [RunStatus.CANCELLING, RunStatus.CANCELLED]
    assert len(world.client.ledger) == calls
    assert set(world.store.branches.values()) == {"cancelled"}
    assert world.gate.in_flight == 0
    assert world.client.open == 0


async def test_a_wish_to_cancel_found_at_the_claim_starts_nothing() -> None:
    world = World()
    await world.coordinator().work(Control(cancel=True))
    assert world.client.ledger == []
    assert world.state.status is RunStatus.CANCELLED


async def test_handing_back_leaves_the_run_as_another_can_take_it_up() -> None:
    arrived = asyncio.Event()

    async def hang_on_the_third(request: ModelRequest, nth: int) -> Completion:
        if request.prompt == "prompt 2":
            arrived.set()
            await asyncio.sleep(3600)
        return completion()

    world = World(children=3, limit=1, client=ScriptedClient(hang_on_the_third))
    coordinator = world.coordinator()
    work = asyncio.create_task(coordinator.work(Control()))
    await arrived.wait()
    await coordinator.hand_back(0.01)
    await work
    assert world.state.status is RunStatus.QUEUED
    assert world.state.is_released
    assert world.state.branches[2].status is BranchStatus.PENDING
    assert world.figures.attempts.count(AttemptStatus.ABORTED) == 1


async def test_a_fenced_owner_keeps_the_answers_that_still_arrive() -> None:
    arrived, answer = asyncio.Event(), asyncio.Event()

    async def wait(request: ModelRequest, nth: int) -> Completion:
        arrived.set()
        await answer.wait()
        return completion("late")

    world = World(children=1, client=ScriptedClient(wait))
    coordinator = world.coordinator()
    work = asyncio.create_task(coordinator.work(Control()))
    await arrived.wait()
    world.store.fence = 2
    coordinator.fenced()
    await asyncio.sleep(0)
    answer.set()
    with pytest.raises(Fenced):
        await work
    assert [late.text for late in world.store.late] == ["late"]


async def test_a_late_answer_of_an_earlier_owner_is_adopted_and_not_called_again() -> None:
    world = World(children=3, limit=1)
    late = LateAnswer(2, 1, "late", 1, 1, 0.0, 0, 1)
    world.store.offered = [late]
    run = await world.run()
    assert run.branches[2].text == "late"
    assert "prompt 2" not in world.client.ledger


async def test_a_bug_in_a_client_ends_the_run_with_that_error() -> None:
    async def broken(request: ModelRequest, nth: int) -> Completion:
        raise ZeroDivisionError

    world = World(client=ScriptedClient(broken))
    with pytest.raises(ZeroDivisionError):
        await world.run()


async def test_a_backoff_that_was_begun_is_waited_out_after_a_restart() -> None:
    world = World(children=1)
    coordinator = world.coordinator()
    due_ms = StillClock().now_ms() + 60
    spec = ListPlanner().spec(world.state.root, 0)
    branch = BranchState(0, 0, spec.role, 0, spec, tries=1, errors=1, backoff_until_ms=due_ms)
    world.state.add(branch)
    await coordinator.work(Control())
    assert branch.status is BranchStatus.SUCCEEDED
    assert branch.sent_ms is not None
    assert branch.sent_ms >= due_ms - 1


async def test_a_hold_is_remembered_from_its_beginning() -> None:
    world = World(children=1)
    await world.coordinator().work(Control(hold=True))
    assert world.state.status is RunStatus.HELD
    assert world.state.held_since_ms is not None


class TwoMerges(ListPlanner):
    """Asks for two calls at once, and ends as soon as one of them has."""

    def aggregate(
        self, join: JoinState, children: Sequence[Child], calls: CallsSoFar
    ) -> Outcome | Ask:
        keys = [CallKey(Role.MERGE, 1, index) for index in range(2)]
        if not calls:
            return Ask(tuple(JoinCall(key, f"merge {key.index}", "merge") for key in keys))
        return Outcome(OutcomeKind.MERGE_FAILED, None, ())


async def test_a_join_that_failed_leaves_no_call_open() -> None:
    async def reply(request: ModelRequest, nth: int) -> Completion:
        if request.prompt == "merge 0":
            raise WrongKey
        if request.prompt == "merge 1":
            await asyncio.get_running_loop().create_future()
        return completion()

    world = World(children=2, client=ScriptedClient(reply), planner=TwoMerges())
    run = await world.run()
    assert run.status is RunStatus.FAILED
    merges = [branch for branch in run.branches.values() if branch.role is Role.MERGE]
    assert [str(branch.status) for branch in merges] == ["failed", "cancelled"]
    assert merges[1].reason == "not needed: its join had ended"
    assert set(world.store.branches.values()) == {"succeeded", "failed", "cancelled"}
    assert AttemptStatus.SENT not in world.store.attempts.values()
    assert run.in_flight == 0
