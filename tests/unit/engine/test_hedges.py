"""Two attempts of one branch: who wins, what the loser costs, and what happens when both fail."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.domain.errors import (
    BadRequest,
    CallError,
    Fenced,
    ProviderUnavailable,
    QuotaExhausted,
    Throttled,
)
from runs.domain.policies import Budget
from runs.domain.results import Completion
from runs.domain.states import AttemptStatus, BranchStatus, RunStatus
from runs.engine.coordinator import Coordinator
from runs.engine.protocols import Control, ModelRequest
from runs.engine.state import AttemptState, BranchState, RunState
from tests.unit.engine.doubles import (
    Counting,
    FlatPrice,
    HandClock,
    ScriptedClient,
    World,
    completion,
)

CHILDREN = 60
NUMBER = CHILDREN - 1
SLOW = f"prompt {NUMBER}"


@dataclass
class Straggling(ScriptedClient):
    """Every call answers at once but those of the slow branch: `script[n]` says what becomes of its
    n-th request, after `turns` of the loop or once `may_end[n]` is set."""

    script: tuple[Completion | CallError | None, ...] = (None, None)
    may_end: dict[int, asyncio.Event] = field(default_factory=dict)
    is_hedged: asyncio.Event = field(default_factory=asyncio.Event)
    aborted: int = 0

    def __post_init__(self) -> None:
        self.reply = self._reply

    async def _reply(self, request: ModelRequest, nth: int) -> Completion:
        await asyncio.sleep(0)
        if request.prompt != SLOW or nth > len(self.script):
            return completion()
        if nth == 2:
            self.is_hedged.set()
        try:
            await self.may_end.setdefault(nth, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.aborted += 1
            raise
        end = self.script[nth - 1]
        if isinstance(end, CallError):
            raise end
        return end or completion()

    def let_end(self, nth: int) -> None:
        self.may_end.setdefault(nth, asyncio.Event()).set()


class Told(Counting):
    """Says when all calls but the slow one have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.all_but_one = asyncio.Event()

    def ended(self, branch: BranchState, attempt: AttemptState) -> None:
        super().ended(branch, attempt)
        if len(self.attempts) == CHILDREN - 1:
            self.all_but_one.set()


def world_of(*script: Completion | CallError | None, **changes: object) -> World:
    client = Straggling(script=script or (None, None))
    given: dict[str, object] = {"children": CHILDREN, "limit": 100, "hedge": 0.1} | changes
    return World(client=client, figures=Told(), clock=HandClock(), **given)  # type: ignore[arg-type]


async def overdue(world: World, coordinator: Coordinator | None = None) -> "asyncio.Task[None]":
    """The run, when all but its slow call have ended at once and that one is long overdue."""
    working = asyncio.create_task((coordinator or world.coordinator()).work(Control()))
    assert isinstance(world.figures, Told)
    assert isinstance(world.clock, HandClock)
    await asyncio.wait_for(world.figures.all_but_one.wait(), 5)
    world.clock.ms = 1_000
    return working


async def hedged(world: World, coordinator: Coordinator | None = None) -> "asyncio.Task[None]":
    """The run, at the moment at which both attempts of its slow branch are open."""
    working = await overdue(world, coordinator)
    assert isinstance(world.client, Straggling)
    await asyncio.wait_for(world.client.is_hedged.wait(), 5)
    return working


def of_slow(run: RunState) -> list[AttemptState]:
    return [attempt for attempt in run.attempts if attempt.branch == NUMBER]


async def ended(world: World, working: "asyncio.Task[None]", *order: int) -> RunState:
    """The run after the slow branch's requests ended in this order."""
    assert isinstance(world.client, Straggling)
    for nth in order:
        world.client.let_end(nth)
        await asyncio.sleep(0.01)
    await asyncio.wait_for(working, 5)
    assert world.gate.in_flight == 0
    assert world.state.reserved_usd == pytest.approx(0)
    return world.state


@pytest.mark.asyncio
async def test_the_hedge_wins_and_the_first_attempt_is_aborted() -> None:
    world = world_of(None, completion("from the hedge"), money=FlatPrice(0.5, 0.1))
    run = await ended(world, await hedged(world), 2)
    first, hedge = of_slow(run)
    assert (first.status, first.error_kind) == (AttemptStatus.ABORTED, "hedge")
    assert (hedge.status, hedge.is_hedge) == (AttemptStatus.OK, True)
    assert world.client.aborted == 1  # type: ignore[attr-defined]
    branch = run.branches[NUMBER]
    assert branch.text == "from the hedge"
    assert branch.trail == f"{first.sent_ms}-{first.ended_ms}:hedge"
    assert (branch.sent_ms, branch.tries, branch.errors) == (hedge.sent_ms, 2, 0)
    assert run.status is RunStatus.SUCCEEDED


@pytest.mark.asyncio
async def test_the_loser_counts_at_its_reservation_unconfirmed() -> None:
    world = world_of(money=FlatPrice(0.5, 0.1))
    run = await ended(world, await hedged(world), 2)
    first, hedge = of_slow(run)
    assert (first.cost_usd, first.is_cost_confirmed) == (0.5, False)
    assert (hedge.cost_usd, hedge.is_cost_confirmed) == (0.1, True)
    assert run.branches[NUMBER].cost_usd == pytest.approx(0.6)
    assert run.root.cost_usd == pytest.approx(CHILDREN * 0.1 + 0.5)
    assert run.spent_usd == pytest.approx(CHILDREN * 0.1 + 0.5)
    assert run.calls == CHILDREN + 1


@pytest.mark.asyncio
async def test_the_first_attempt_may_still_win() -> None:
    world = world_of(completion("from the first"), None)
    run = await ended(world, await hedged(world), 1)
    first, hedge = of_slow(run)
    assert first.status is AttemptStatus.OK
    assert (hedge.status, hedge.error_kind) == (AttemptStatus.ABORTED, "hedge")
    assert run.branches[NUMBER].text == "from the first"
    assert run.branches[NUMBER].sent_ms == first.sent_ms
    assert world.store.attempts[hedge.uuid] is AttemptStatus.ABORTED


@pytest.mark.asyncio
@pytest.mark.parametrize(("fails", "wins"), [(1, 2), (2, 1)])
@pytest.mark.parametrize("error", [ProviderUnavailable(status_code=500), BadRequest(), Throttled()])
async def test_an_error_waits_for_the_other_attempt(
    fails: int, wins: int, error: CallError
) -> None:
    script: list[Completion | CallError | None] = [None, None]
    script[fails - 1] = error
    world = world_of(*script)
    working = await hedged(world)
    world.client.let_end(fails)  # type: ignore[attr-defined]
    await asyncio.sleep(0.01)
    branch = world.state.branches[NUMBER]
    assert branch.status is BranchStatus.RUNNING
    assert branch.errors == 0
    run = await ended(world, working, wins)
    assert len(of_slow(run)) == 2
    assert branch.status is BranchStatus.SUCCEEDED
    assert branch.trail.endswith(":hedge")
    assert world.client.ledger.count(SLOW) == 2
    assert sum(one.status is AttemptStatus.OK for one in of_slow(run)) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
async def test_both_failing_is_one_error_and_one_retry(order: tuple[int, int]) -> None:
    outage = ProviderUnavailable(status_code=500)
    world = world_of(outage, outage)
    run = await ended(world, await hedged(world), *order)
    assert [one.status for one in of_slow(run)] == [
        AttemptStatus.ERROR,
        AttemptStatus.ERROR,
        AttemptStatus.OK,
    ]
    assert run.branches[NUMBER].errors == 1
    assert run.branches[NUMBER].status is BranchStatus.SUCCEEDED


@pytest.mark.asyncio
async def test_a_throttled_hedge_does_not_hide_that_the_first_failed() -> None:
    world = world_of(BadRequest(), Throttled(retry_after_s=0.01))
    run = await ended(world, await hedged(world), 1, 2)
    assert run.branches[NUMBER].status is BranchStatus.FAILED
    assert run.branches[NUMBER].error_kind == BadRequest.kind


@pytest.mark.asyncio
async def test_both_throttled_uses_up_no_try() -> None:
    slow_down = Throttled(retry_after_s=0.01)
    world = world_of(slow_down, slow_down, tries=1)
    run = await ended(world, await hedged(world), 1, 2)
    assert run.branches[NUMBER].status is BranchStatus.SUCCEEDED
    assert run.branches[NUMBER].errors == 0


@pytest.mark.asyncio
async def test_both_are_closed_by_a_cancel() -> None:
    world = world_of()
    coordinator = world.coordinator()
    working = await hedged(world, coordinator)
    coordinator.control(Control(cancel=True))
    run = await ended(world, working)
    assert run.status is RunStatus.CANCELLED
    assert run.branches[NUMBER].status is BranchStatus.CANCELLED
    assert [one.status for one in of_slow(run)] == [AttemptStatus.ABORTED] * 2
    assert [one.error_kind for one in of_slow(run)] == ["", ""]
    assert world.client.aborted == 2  # type: ignore[attr-defined]


@pytest.mark.asyncio
@pytest.mark.parametrize("wins", [True, False])
async def test_a_quota_that_a_hedge_met_holds_the_run_if_the_first_meets_it_too(wins: bool) -> None:
    """Unless the first attempt answers: then nothing is missing."""
    first = completion("from the first") if wins else QuotaExhausted(status_code=429)
    world = world_of(first, QuotaExhausted(status_code=429))
    run = await ended(world, await hedged(world), 2, 1)
    branch = run.branches[NUMBER]
    assert run.status is (RunStatus.SUCCEEDED if wins else RunStatus.HELD)
    assert branch.status is (BranchStatus.SUCCEEDED if wins else BranchStatus.PENDING)
    assert branch.errors == 0


@pytest.mark.asyncio
async def test_a_run_handed_back_keeps_what_ends_in_its_grace_time() -> None:
    world = world_of()
    coordinator = world.coordinator()
    working = await hedged(world, coordinator)
    giving = asyncio.create_task(coordinator.hand_back(2))
    run = await ended(world, working, 2)
    await giving
    assert run.branches[NUMBER].status is BranchStatus.SUCCEEDED


@pytest.mark.asyncio
@pytest.mark.parametrize("both", [False, True])
async def test_a_fenced_run_keeps_one_late_answer(both: bool) -> None:
    world = world_of(completion("first"), completion("hedge"))
    coordinator = world.coordinator()
    working = await hedged(world, coordinator)
    client = world.client
    assert isinstance(client, Straggling)
    coordinator.fenced()
    await asyncio.sleep(0.01)
    client.let_end(2)
    if both:
        client.let_end(1)
    with pytest.raises(Fenced):
        await asyncio.wait_for(working, 5)
    assert len(world.store.late) == 1
    assert world.gate.in_flight == 0


@pytest.mark.asyncio
async def test_a_hedge_that_is_not_sent_yet_costs_nothing() -> None:
    """The first attempt answers while the hedge's intent waits for its commit."""
    world = world_of(money=FlatPrice(0.5, 0.1))
    client = world.client
    assert isinstance(client, Straggling)
    is_noted, may_commit = asyncio.Event(), asyncio.Event()

    async def commit(batch: object, write: Callable = world.store.commit) -> object:  # type: ignore[type-arg]
        if any(one.is_hedge for one in batch.attempts):  # type: ignore[attr-defined]
            is_noted.set()
            await may_commit.wait()
        return await write(batch)

    world.store.commit = commit  # type: ignore[method-assign,assignment]
    working = await overdue(world)
    await asyncio.wait_for(is_noted.wait(), 5)
    client.let_end(1)
    await asyncio.sleep(0.01)
    may_commit.set()
    run = await ended(world, working)
    first, hedge = of_slow(run)
    assert first.status is AttemptStatus.OK
    assert (hedge.status, hedge.sent_ms, hedge.cost_usd) == (AttemptStatus.ABORTED, None, 0.0)
    assert client.ledger.count(SLOW) == 1
    assert world.store.attempts[hedge.uuid] is AttemptStatus.ABORTED


def is_hedged(run: RunState) -> bool:
    return any(attempt.is_hedge for attempt in run.attempts)


async def settled(world: World) -> RunState:
    """The run a good while after its slow call was overdue."""
    working = await overdue(world)
    await asyncio.sleep(0.1)
    return await ended(world, working, 1)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "changes",
    [
        {"hedge": None},
        {"budget": Budget(calls=CHILDREN)},
        {"budget": Budget(calls=CHILDREN + 1)},  # kept for what the join may ask
        {"budget": Budget(cost_usd=0.1 * CHILDREN), "money": FlatPrice(0.1, 0.1)},
    ],
)
async def test_no_hedge_without_a_share_or_money_to_spare(changes: dict[str, object]) -> None:
    assert not is_hedged(await settled(world_of(**changes)))


@pytest.mark.asyncio
async def test_no_hedge_while_the_run_is_at_its_own_cap() -> None:
    world = world_of()
    world.state.in_flight_cap = 1
    assert not is_hedged(await settled(world))


@pytest.mark.asyncio
async def test_no_hedge_where_the_gate_has_no_slot() -> None:
    assert not is_hedged(await settled(world_of(limit=1)))


@settings(max_examples=15, deadline=None)
@given(
    st.floats(0.01, 0.5),
    st.lists(st.integers(0, 60), min_size=25, max_size=120),
    st.integers(2, 60),
    st.none() | st.integers(0, 12),
)
def test_hedges_stay_within_their_share_and_leave_every_branch_its_call(
    share: float, turns: list[int], limit: int, spare: int | None
) -> None:
    """Whatever the calls take, and whatever the hedges; `spare` calls are left by a cap."""

    async def reply(request: ModelRequest, nth: int) -> Completion:
        number = int(request.prompt.split()[1])
        for _ in range(turns[(number * nth) % len(turns)] * 20):
            await asyncio.sleep(0)
        return completion()

    async def work() -> World:
        world = World(
            children=len(turns),
            limit=limit,
            hedge=share,
            client=ScriptedClient(reply),
            budget=Budget(calls=None if spare is None else len(turns) + spare),
        )
        await world.run()
        return world

    world = asyncio.run(work())
    run = world.state
    hedges = sum(attempt.is_hedge for attempt in run.attempts)
    assert hedges <= share * len(turns) + 1
    assert spare is None or hedges <= spare
    assert run.counts[BranchStatus.SUCCEEDED] == len(turns)
    assert run.calls == len(run.attempts)
    assert world.gate.in_flight == 0
    assert set(world.store.attempts.values()) <= {AttemptStatus.OK, AttemptStatus.ABORTED}
    assert world.client.peak <= limit
