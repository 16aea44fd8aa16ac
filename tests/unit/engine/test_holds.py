"""Holds that nobody asked for: a used-up quota, a reply dearer than its reservation."""

import asyncio

import pytest

from runs.domain.errors import QuotaExhausted
from runs.domain.policies import Budget, OnFailure
from runs.domain.results import Completion
from runs.domain.states import AttemptStatus, BranchStatus, RunStatus
from runs.domain.usage import Usage
from runs.engine.protocols import Control, ModelRequest
from runs.engine.state import HELD_BY_PERSON, HELD_BY_PROVIDER, RunState
from tests.unit.engine.doubles import FlatPrice, ScriptedClient, World, completion

NO_QUOTA = (
    "The provider account behind “c” has no quota left. Add credit there, then go on."
)  # fmt: skip


class Quota:
    """Answers until the quota is used up; what was open by then still ends well, last of all."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    async def reply(self, request: ModelRequest, nth: int) -> Completion:
        if self.left <= 0:
            raise QuotaExhausted(status_code=429)
        self.left -= 1
        for _ in range(20):
            await asyncio.sleep(0)
        return completion()


async def go_on(world: World) -> RunState:
    """As a worker does after a person's “go on”."""
    world.take_up()
    return await world.run()


async def test_a_used_up_quota_holds_the_run_and_fails_no_branch() -> None:
    quota = Quota(4)
    world = World(
        children=10, on_failure=OnFailure.STOP, limit=5, client=ScriptedClient(quota.reply)
    )
    run = await world.run()
    assert run.status is RunStatus.HELD
    assert run.is_released
    assert (run.reason, run.held_by) == (NO_QUOTA, HELD_BY_PROVIDER)
    assert run.held_since_ms is not None
    assert run.counts == {BranchStatus.PENDING: 6, BranchStatus.RUNNING: 0, "succeeded": 4}
    refused = [a for a in run.attempts if a.status is AttemptStatus.ERROR]
    assert {a.error_kind for a in refused} == {"quota"}
    assert {branch.errors for branch in run.branches.values()} == {0}
    assert world.gate.in_flight == 0
    assert world.store.statuses[-1] is RunStatus.HELD


async def test_going_on_calls_what_is_missing_and_a_second_time_holds_again() -> None:
    quota = Quota(3)
    world = World(children=6, limit=1, tries=1, client=ScriptedClient(quota.reply))
    await world.run()
    quota.left = 2
    run = await go_on(world)
    assert (run.status, run.reason) == (RunStatus.HELD, NO_QUOTA)
    assert run.counts[BranchStatus.SUCCEEDED] == 5
    quota.left = 9
    run = await go_on(world)
    assert (run.status, run.reason) == (RunStatus.SUCCEEDED, "")
    answered = [branch for branch in run.branches.values() if branch.text == "yes"]
    assert len(answered) == 6
    assert len(world.client.ledger) == 6 + 2  # one refused call a hold


async def test_a_cancel_while_open_calls_are_awaited_is_left_to_the_next_owner() -> None:
    arrived = asyncio.Event()

    async def reply(request: ModelRequest, nth: int) -> Completion:
        if request.prompt == "prompt 0":
            await asyncio.sleep(3600)
        arrived.set()
        raise QuotaExhausted

    world = World(children=2, limit=2, client=ScriptedClient(reply))
    coordinator = world.coordinator()
    work = asyncio.create_task(coordinator.work(Control()))
    await arrived.wait()
    await asyncio.sleep(0)
    coordinator.control(Control(cancel=True))
    await asyncio.wait_for(work, 2)
    assert world.state.status is RunStatus.HELD
    world.take_up()
    await world.coordinator().work(Control(cancel=True))
    assert world.state.status is RunStatus.CANCELLED


async def test_a_later_pass_without_quota_calls_nothing_more_and_says_so() -> None:
    world = World(children=6, limit=1, client=ScriptedClient(Quota(2).reply))
    world.state.pass_n = 2
    run = await world.run()
    why = NO_QUOTA.replace("go on", "join again")
    assert run.status is RunStatus.PARTIAL
    assert run.reason == why
    assert len(world.client.ledger) == 2 + 1, "one was refused, and no other sent"
    assert run.counts[BranchStatus.CANCELLED] == 3
    assert {run.branches[number].reason for number in (3, 4, 5)} == {why}


async def test_a_later_pass_whose_only_call_met_no_quota_says_so() -> None:
    world = World(children=1, client=ScriptedClient(Quota(0).reply))
    world.state.pass_n = 2
    run = await world.run()
    assert run.branches[0].status is BranchStatus.FAILED
    assert "no quota left" in run.branches[0].reason
    assert "no quota left" in run.reason


async def test_a_persons_hold_is_the_persons() -> None:
    world = World(children=1)
    await world.coordinator().work(Control(hold=True))
    assert (world.state.held_by, world.state.reason) == (HELD_BY_PERSON, "")


def dear(output_tokens: int) -> ScriptedClient:
    async def reply(request: ModelRequest, nth: int) -> Completion:
        for _ in range(3):
            await asyncio.sleep(0)
        written = output_tokens if request.prompt == "prompt 1" else 7
        return Completion("yes", "stop", Usage(5, written))

    return ScriptedClient(reply)


class AToken(FlatPrice):
    """A cent a token read or written."""

    def cost(self, call: object, usage: Usage) -> float | None:
        return 0.01 * ((usage.input_tokens or 0) + (usage.output_tokens or 0))


@pytest.mark.parametrize("budget", [Budget(), Budget(cost_usd=9.0)])
async def test_a_reply_dearer_than_its_reservation_counts_whole_and_holds_the_run(
    budget: Budget,
) -> None:
    money = AToken(reserve=0.2, tokens=20)
    world = World(children=6, limit=2, budget=budget, money=money, client=dear(55))
    run = await world.run()
    assert run.status is RunStatus.HELD
    assert run.branches[1].status is BranchStatus.SUCCEEDED
    assert run.branches[1].cost_usd == pytest.approx(0.6)
    assert run.spent_usd == pytest.approx(0.6 + 0.12 * (run.calls - 1))
    assert run.held_by == HELD_BY_PROVIDER
    assert run.reason.startswith("A call on “c” cost $0.6, and could cost $0.2 at most")
    assert run.reserved_usd == 0
    world.client.reply = dear(7).reply
    run = await go_on(world)
    assert run.status is RunStatus.SUCCEEDED
    assert len(world.client.ledger) == 6
    assert run.attempts[-1].reserved_usd == pytest.approx(0.6)  # three times the bound


async def test_a_later_pass_calls_nothing_more_after_a_reply_dearer_than_its_reservation() -> None:
    money = AToken(reserve=0.2, tokens=20)
    world = World(children=6, limit=1, budget=Budget(cost_usd=9.0), money=money, client=dear(55))
    world.state.pass_n = 2
    run = await world.run()
    assert run.status is RunStatus.PARTIAL
    assert len(world.client.ledger) == 2
    assert run.spent_usd == pytest.approx(0.12 + 0.6)
    assert run.reserved_usd == 0
    assert run.reason.startswith("A call on “c” cost $0.6, and could cost $0.2 at most")
    assert run.reason.endswith("Check both, then join again.")


async def test_more_tokens_than_reserved_matter_only_under_a_cap_on_tokens() -> None:
    free = World(children=3, money=FlatPrice(tokens=20), client=dear(55))
    assert (await free.run()).status is RunStatus.SUCCEEDED
    capped = World(
        children=6, limit=1, budget=Budget(tokens=500), money=FlatPrice(tokens=20), client=dear(55)
    )
    run = await capped.run()
    assert run.status is RunStatus.HELD
    assert run.reason.startswith("A call on “c” took 60 tokens, and could take 20 at most")
    assert run.spent_tokens == 12 + 60


async def test_the_last_reply_holds_nothing_for_nothing_is_left_to_call() -> None:
    world = World(children=2, limit=1, money=AToken(reserve=0.2), client=dear(55))
    run = await world.run()
    assert run.status is RunStatus.SUCCEEDED
    assert run.spent_usd == pytest.approx(0.72)
