"""The caps of a run: what is spent and reserved never passes them, whatever comes in what order."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.domain.errors import (
    AnswerCut,
    BadReply,
    CallError,
    ContentFiltered,
    ProviderUnavailable,
    Throttled,
)
from runs.domain.limits import RateHints
from runs.domain.plan import CallSettings
from runs.domain.policies import Budget, OnFailure
from runs.domain.results import Completion
from runs.domain.states import ENDED_RUN, AttemptStatus, RunStatus
from runs.domain.usage import Price, Reservation, Usage, cost_of
from runs.engine.account import is_charged
from runs.engine.protocols import Batch, Committed, Control, ModelRequest, Permit
from runs.engine.state import RunState
from runs.execution.limiter import Gate
from tests.unit.engine.doubles import FlatPrice, MemoryStore, ScriptedClient, World

PRICE = Price(0.1, 0.3, 0.02)  # dollars a million tokens: sums that floats do not hold
MOST_OUTPUT = 50
HAIR = 1e-9  # of a dollar: two floats may add up to a last digit more


@dataclass
class Tokens:
    """A price, and a bound for each prompt."""

    most_input: Mapping[str, int]

    def reservation(self, call: CallSettings, prompt: str) -> Reservation:
        read = self.most_input[prompt]
        return Reservation(PRICE.most(read, MOST_OUTPUT), read + MOST_OUTPUT)

    def cost(self, call: CallSettings, usage: Usage) -> float | None:
        return cost_of(usage, PRICE)

    def is_priced(self, call: CallSettings) -> bool:
        return True


@dataclass
class CheckingStore(MemoryStore):
    """Looks at every commit as a reader of the database would."""

    async def commit(self, batch: Batch) -> Committed:
        run, cap = batch.run, batch.run.budget
        if cap.cost_usd is not None:
            assert run.spent_usd + run.reserved_usd <= cap.cost_usd + HAIR
        if cap.tokens is not None:
            assert run.spent_tokens + run.reserved_tokens <= cap.tokens
        if cap.calls is not None:
            assert run.calls <= cap.calls
        assert run.reserved_usd >= 0
        return await super().commit(batch)


ENDS = (None, BadReply, ProviderUnavailable, Throttled, ContentFiltered, AnswerCut, "unsent")


class Provider(ScriptedClient):
    """Takes some turns and tokens for each call, and does whatever may be done with it; `charged`
    are tokens that it asks money for."""

    def __init__(self, seed: int, most_input: Mapping[str, int]) -> None:
        super().__init__(self._answer)
        self._random, self._most_input = random.Random(seed), most_input
        self.charged = 0
        self.charged_usd = 0.0

    async def _answer(self, request: ModelRequest, nth: int) -> Completion:
        dice = self._random
        for _ in range(dice.randrange(6)):
            await asyncio.sleep(0)
        read = dice.randint(1, self._most_input[request.prompt])
        usage = Usage(read, dice.randint(0, MOST_OUTPUT), dice.randint(0, read))
        end = dice.choice((None, None, None, *ENDS))
        error = self._error(end, usage) if end is not None else None
        if error is None or is_charged(error):
            self.charged += (usage.input_tokens or 0) + (usage.output_tokens or 0)
            self.charged_usd += cost_of(usage, PRICE) or 0.0
        if error is not None:
            raise error
        return Completion("yes", "stop", usage)

    def _error(self, end: type[CallError] | str, usage: Usage) -> CallError:
        if isinstance(end, str):
            return ProviderUnavailable(was_sent=False)
        if end is Throttled:
            return Throttled(status_code=429, retry_after_s=0.0)
        says_usage = self._random.random() < 0.5
        return end(usage=usage if says_usage else None)


class PatientGate(Gate):
    """Slots and turns of the loop, but no pauses: the clock is not what is tried here."""

    def throttled(
        self, permit: Permit, retry_after_s: float | None, hints: RateHints | None
    ) -> float:
        return 0.0

    def failed(self, permit: Permit) -> bool:
        return True


@st.composite
def worlds(draw: st.DrawFn) -> tuple[World, Provider]:
    children = draw(st.integers(1, 30))
    most_input = {f"prompt {n}": draw(st.integers(1, 400)) for n in range(children)}
    most_input["merge them"] = 200
    provider = Provider(draw(st.integers(0, 2**32)), most_input)
    budget = Budget(
        draw(st.none() | st.integers(0, 3_000).map(lambda n: n / 1e6)),
        draw(st.none() | st.integers(1, 60)),
        draw(st.none() | st.integers(1, 8_000)),
    )
    world = World(
        children=children,
        on_failure=draw(st.sampled_from(OnFailure)),
        limit=draw(st.integers(1, 25)),
        budget=budget,
        merges=draw(st.booleans()),
        client=provider,
        store=CheckingStore(),
        money=Tokens(most_input),  # type: ignore[arg-type]
        make_gate=PatientGate,
    )
    return world, provider


async def worked(world: World, cut_after: int | None) -> RunState:
    """Until it ends; `cut_after` turns of the loop it is handed back, and taken up again."""
    work = asyncio.create_task(asyncio.sleep(0))
    if cut_after is not None:
        coordinator = world.coordinator()
        work = asyncio.create_task(coordinator.work(Control()))
        for _ in range(cut_after):
            await asyncio.sleep(0)
        await coordinator.hand_back(0)
    await work
    if world.state.status not in ENDED_RUN:
        world.take_up()
        await world.run()
    return world.state


@settings(max_examples=150, deadline=None)
@given(worlds(), st.none() | st.integers(0, 60))
def test_spent_and_reserved_stay_under_every_cap_at_every_commit(
    made: tuple[World, Provider], cut_after: int | None
) -> None:
    world, provider = made
    run = asyncio.run(asyncio.wait_for(worked(world, cut_after), 10))
    assert run.status in ENDED_RUN
    assert run.reserved_usd == run.reserved_tokens == 0
    assert run.spent_tokens >= provider.charged
    assert run.spent_usd >= provider.charged_usd - HAIR
    assert run.spent_tokens == sum(attempt.tokens for attempt in run.attempts)
    assert run.spent_usd == pytest.approx(sum(a.cost_usd or 0.0 for a in run.attempts))


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (Budget(calls=4), "The run's cap of 4 calls was reached; what is missing was not called."),
        (Budget(tokens=88), "The run's cap of 88 tokens was reached"),
        (Budget(cost_usd=0.4), "The run's cap of $0.4 was reached"),
    ],
)
async def test_a_cap_for_some_calls_lets_exactly_those_through_and_says_which_it_was(
    budget: Budget, told: str
) -> None:
    money = FlatPrice(reserve=0.1, cost_usd=0.1, tokens=22)
    world = World(children=10, budget=budget, money=money, limit=20)
    world.client.reply = whole_reservation
    run = await world.run()
    assert len(world.client.ledger) == 4
    assert run.status is RunStatus.PARTIAL
    assert run.reason.startswith(told)
    missing = [branch.reason for branch in run.branches.values() if branch.reason]
    assert len(missing) == 6
    assert all(reason.startswith("budget: the cap of ") for reason in missing)


async def whole_reservation(request: ModelRequest, nth: int) -> Completion:
    return Completion("yes", "stop", Usage(10, 12))


async def test_thirds_of_a_dollar_fit_into_their_sum() -> None:
    world = World(
        children=5, budget=Budget(cost_usd=0.3), money=FlatPrice(reserve=0.1, cost_usd=0.1)
    )
    await world.run()
    assert len(world.client.ledger) == 3  # though 0.1 + 0.1 + 0.1 > 0.3


async def test_unknown_usage_counts_as_many_tokens_as_were_reserved() -> None:
    async def cut(request: ModelRequest, nth: int) -> Completion:
        raise BadReply

    world = World(children=1, tries=1, client=ScriptedClient(cut), money=FlatPrice(tokens=30))
    run = await world.run()
    assert (run.spent_tokens, run.attempts[0].is_cost_confirmed) == (30, False)


async def test_a_refusal_counts_no_tokens() -> None:
    async def refused(request: ModelRequest, nth: int) -> Completion:
        raise ContentFiltered(status_code=400)

    world = World(children=1, client=ScriptedClient(refused), money=FlatPrice(tokens=30))
    run = await world.run()
    assert run.spent_tokens == 0


async def test_an_unknown_price_stays_unknown() -> None:
    world = World(children=2, money=FlatPrice(cost_usd=None))
    run = await world.run()
    assert {attempt.cost_usd for attempt in run.attempts} == {None}
    assert {branch.cost_usd for branch in run.branches.values()} == {None}
    assert run.spent_tokens == 24


async def test_cached_input_is_kept_of_answers_and_of_errors() -> None:
    async def answer(request: ModelRequest, nth: int) -> Completion:
        usage = Usage(100, 10, 60)
        if nth == 1:
            raise BadReply(usage=usage)
        return Completion("yes", "stop", usage)

    world = World(children=1, client=ScriptedClient(answer))
    world.money = Tokens({"prompt 0": 100})  # type: ignore[assignment]
    run = await world.run()
    once = (40 * 0.1 + 60 * 0.02 + 10 * 0.3) / 1e6
    assert [attempt.cached_tokens for attempt in run.attempts] == [60, 60]
    assert run.spent_usd == pytest.approx(2 * once)
    assert run.branches[0].cost_usd == pytest.approx(2 * once)


async def test_open_calls_end_before_the_cap_ends_the_run() -> None:
    """The cap is reached while calls are open that cost less than they reserve."""
    world = World(
        children=9, limit=5, budget=Budget(tokens=60), money=FlatPrice(tokens=20), merges=True
    )
    run = await world.run()
    assert len(world.client.ledger) == 4  # 3 × 20 at first; 36 of them spent, and one more
    statuses = [attempt.status for attempt in run.attempts]
    assert statuses == [AttemptStatus.OK] * len(statuses)
