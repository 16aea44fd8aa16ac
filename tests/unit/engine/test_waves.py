"""Votes through the whole engine: waves, what is spared, restarts, order of arrival, nesting."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from runs.domain.joins import Concatenate
from runs.domain.policies import Budget
from runs.domain.results import OutcomeKind
from runs.domain.states import BranchStatus, JoinStatus, RunStatus
from runs.engine.joining import PENDING_AHEAD
from runs.engine.protocols import Batch, Committed, Control
from runs.engine.state import JoinState, RunState
from tests.unit.engine.voting import Answers, VotingWorld, configuration

pytestmark = pytest.mark.asyncio

AGREED = ["18"] * 40
SPLIT = ["18", "18", "20", "18", "18", "18", "18", *["20"] * 33]  # waves 4, 3
EACH = {"by": "row"}


def quality(run: RunState, number: int = 0) -> Any:
    outcome = run.joins[number].outcome
    assert outcome is not None
    return outcome.quality


def kinds(run: RunState, number: int = 0) -> list[str]:
    outcome = run.joins[number].outcome
    assert outcome is not None
    return [str(one.kind) for one in outcome.contributions]


async def test_a_vote_that_agrees_stops_after_its_first_wave_and_spares_the_rest() -> None:
    world = VotingWorld(questions=[AGREED])
    run = await world.run()
    assert run.status is RunStatus.SUCCEEDED
    assert world.planner.waves == {0: [4, 0]}
    assert len(run.branches) == len(world.client.ledger) == 4
    assert kinds(run) == ["used"] * 4 + ["spared"] * 36
    outcome = run.root.outcome
    assert outcome is not None
    assert (outcome.kind, outcome.value) == (OutcomeKind.DECIDED, "18")
    assert outcome.contributions[39].reason == "Not run: settled after 4 of 40."
    assert quality(run)["confidence"] == pytest.approx(1 - 2**-5)
    figures = ("rounds", "launched", "planned", "spared", "spared_tokens")
    assert [quality(run)[name] for name in figures] == [1, 4, 40, 36, 36 * 12]


async def test_a_vote_that_does_not_agree_goes_on_in_further_waves() -> None:
    world = VotingWorld(questions=[SPLIT])
    run = await world.run()
    assert world.planner.waves == {0: [4, 3, 2, 2, 3, 4, 5, 6, 0]} or run.root.rounds >= 2
    assert quality(run)["launched"] == sum(world.planner.waves[0])
    assert quality(run)["rounds"] == len([wave for wave in world.planner.waves[0] if wave])


async def test_failed_votes_count_as_launched_and_not_as_votes() -> None:
    world = VotingWorld(questions=[[None, "a", "a", "a", "a", *["b"] * 5]], tries=1)
    run = await world.run()
    assert world.planner.waves == {0: [4, 1, 0]}
    assert kinds(run) == ["failed", *["used"] * 4, *["spared"] * 5]
    assert run.status is RunStatus.PARTIAL


async def test_without_early_stop_every_vote_is_asked_at_once() -> None:
    settings = configuration(40, votes={"stop": "all"})
    world = VotingWorld(questions=[AGREED], settings=settings)
    run = await world.run()
    assert world.planner.waves == {0: [40]}
    assert (quality(run)["spared"], quality(run)["rounds"]) == (0, 1)
    assert quality(run)["confidence"] == 1.0


async def test_waves_go_round_all_variations() -> None:
    votes = {"samples": 40, "vary": "temperature", "temperatures": [0.2, 0.7, 1.0]}
    world = VotingWorld(questions=[AGREED], settings=configuration(40, votes=votes))
    run = await world.run()
    assert [b.spec.call.temperature for b in run.branches.values()] == [0.2, 0.7, 1.0, 0.2]


async def test_unequal_votes_stop_only_when_they_are_decided() -> None:
    votes = {"samples": 9, "stop": "decided", "vary": "model"}
    votes["models"] = [{"connection": "c", "model": name} for name in ("large", "small")]
    settings = configuration(9, votes=votes, join={"method": "majority", "weights": {"large": 3}})
    world = VotingWorld(questions=[["a"] * 9], settings=settings)
    run = await world.run()
    assert quality(run)["launched"] == 5  # 3+1+3+1+3 of 19
    assert quality(run)["confidence"] is None


async def test_a_quorum_keeps_a_vote_open() -> None:
    settings = configuration(40, on_failure={"policy": "at_least", "least": 10})
    run = await VotingWorld(questions=[AGREED], settings=settings).run()
    assert quality(run)["launched"] == 10
    assert run.status is RunStatus.SUCCEEDED


async def test_where_all_are_needed_a_lost_vote_ends_the_vote() -> None:
    settings = configuration(40, on_failure={"policy": "all"})
    answers: Answers = ["a", None, "b", "c", *["a"] * 36]
    run = await VotingWorld(questions=[answers], settings=settings, tries=1).run()
    assert quality(run)["launched"] == 4
    assert run.status is RunStatus.FAILED


async def test_what_a_cap_keeps_back_is_missing_and_not_spared() -> None:
    world = VotingWorld(questions=[["a", "b", "a", "b", *["a"] * 36]], budget=Budget(calls=6))
    run = await world.run()
    assert len(world.client.ledger) == 6
    assert kinds(run).count("missing") == 34
    assert run.status is RunStatus.PARTIAL


def drawn(generator: random.Random, questions: int, samples: int) -> list[Answers]:
    """Recorded answers, a tenth of them failed."""
    rows: list[Answers] = []
    for _ in range(questions):
        values = "abcd"[: generator.randint(1, 4)]
        weights = [generator.random() ** 2 + 0.05 for _ in values]
        picked = generator.choices(values, weights, k=samples)
        rows.append([one if generator.random() >= 0.1 else None for one in picked])
    return rows


def told(run: RunState) -> list[object]:
    """Of each join its waves, its outcome, and how each child entered it."""
    return [
        (
            (join.rounds, join.opened),
            join.outcome and (join.outcome.kind, join.outcome.value, join.outcome.quality),
            [(one.kind, one.value) for one in join.outcome.contributions] if join.outcome else [],
        )
        for join in run.joins
    ]


@pytest.mark.parametrize("seed", range(8))
async def test_the_order_of_arrival_changes_nothing(seed: int) -> None:
    questions = drawn(random.Random(seed), 12, 20)
    settings = configuration(20, each=EACH)
    first = VotingWorld(questions=questions, settings=settings, tries=1, limit=50)
    expected = told(await first.run())
    for shuffle in range(5):
        world = VotingWorld(
            questions=questions, settings=settings, tries=1, limit=7 + shuffle, seed=shuffle
        )
        assert told(await world.run()) == expected
        assert world.planner.waves == first.planner.waves


async def test_a_vote_on_each_row_settles_its_root_once_with_a_child_a_row() -> None:
    settings = configuration(40, each={**EACH, "join": {"method": "concatenate", "heading": False}})
    tie: Answers = ["a", "b"] * 20
    world = VotingWorld(
        questions=[AGREED, tie, SPLIT],
        settings=settings.model_copy(update={"join": replace(settings.join, ties="declare")}),
        limit=20,
    )
    run = await world.run()
    assert run.status is RunStatus.PARTIAL
    outcome = run.root.outcome
    assert outcome is not None
    assert [str(one.kind) for one in outcome.contributions] == ["used", "missing", "used"]
    assert outcome.contributions[1].reason == "Tie."
    assert isinstance(settings.each and settings.each.join, Concatenate)
    assert (quality(run)["rows"], quality(run)["ties"]) == (3, 1)
    assert quality(run)["launched"] == len(run.branches)
    assert all(join.status is JoinStatus.DONE for join in run.joins)


async def test_one_row_without_a_value_stops_the_others_where_that_was_asked_for() -> None:
    settings = configuration(10, each={**EACH, "on_failure": {"policy": "stop"}})
    questions: list[Answers] = [["a"] * 10, [None] * 10, *[["a"] * 10] * 30]
    world = VotingWorld(questions=questions, settings=settings, tries=1, limit=4)
    world.state.joins[0].stops_at_loss = True
    run = await world.run()
    assert run.status is RunStatus.FAILED
    assert len(world.client.ledger) < 60
    assert all(join.is_over for join in run.joins)


@pytest.mark.parametrize("after", [1, 2, 3, 4, 6, 8, 10])
async def test_a_restart_in_mid_wave_goes_on_with_the_same_waves(after: int) -> None:
    questions = drawn(random.Random(3), 4, 20)
    settings = configuration(20, each=EACH)
    expected = told(await VotingWorld(questions=questions, settings=settings, tries=1).run())
    world = VotingWorld(questions=questions, settings=settings, tries=1, limit=2)
    await killed(world, after)
    ended = [b for b in world.state.branches.values() if b.status is BranchStatus.SUCCEEDED]
    again = world.reopened()
    assert told(await again.run()) == expected
    for branch in ended:
        assert again.state.branches[branch.number].tries == branch.tries  # never called again


async def killed(world: VotingWorld, after: int) -> None:
    """Let the owner work until it has made `after` commits, then end it on the spot."""
    commit, is_time = world.store.commit, asyncio.Event()

    async def counted(batch: Batch) -> Committed:
        committed = await commit(batch)
        if world.store.commits >= after:
            is_time.set()
        return committed

    world.store.commit = counted  # type: ignore[method-assign]
    work = asyncio.create_task(world.coordinator().work(Control()))
    await asyncio.wait_for(is_time.wait(), 10)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


class WatchedList(list[JoinState]):
    """Counts how often somebody goes through all of it."""

    walks = 0

    def __iter__(self) -> Iterator[JoinState]:
        self.walks += 1
        return super().__iter__()


async def test_never_more_wait_for_admission_than_allowed_and_no_call_walks_all_joins() -> None:
    settings = configuration(30, each=EACH, votes={"stop": "all"})
    world = VotingWorld(questions=[["a"] * 30] * 120, settings=settings, limit=100)
    world.state.joins = joins = WatchedList(world.state.joins)
    commit, pending = world.store.commit, []

    async def watched(batch: Batch) -> Committed:
        pending.append(world.state.pending)
        return await commit(batch)

    world.store.commit = watched  # type: ignore[method-assign]
    run = await world.run()
    assert run.counts[BranchStatus.SUCCEEDED] == 3_600
    assert max(pending) <= PENDING_AHEAD
    assert joins.walks < 10
    assert all(set(kinds(run, join.number)) == {"used"} for join in run.joins)
