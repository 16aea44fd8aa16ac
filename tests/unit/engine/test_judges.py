"""Judges through the whole engine: their calls are visible branches, and outlast a restart."""

import asyncio
import json
import re
from dataclasses import dataclass, field, replace

import pytest

from runs.domain.errors import BadReply
from runs.domain.plan import Role
from runs.domain.results import Completion, OutcomeKind
from runs.domain.states import AttemptStatus, BranchStatus, RunStatus
from runs.engine.protocols import Control, ModelRequest
from runs.planning.configuration import Configuration
from tests.unit.engine.doubles import ScriptedClient, completion
from tests.unit.engine.voting import VotingWorld, configuration

pytestmark = pytest.mark.asyncio

ANSWER = re.compile(r'letter="(\w)">\n(.*)\n')


def judged(join: dict[str, object], samples: int = 4) -> Configuration:
    return configuration(samples, join=join, votes={"stop": "all"})


@dataclass
class JudgedWorld(VotingWorld):
    """A judge that picks the answer that sorts last; with `is_down` it never answers, and from
    verdict number `sticks_at` on it hangs."""

    is_down: bool = False
    sticks_at: int | None = None
    is_stuck: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[ModelRequest] = field(default_factory=list)

    async def _answer(self, request: ModelRequest, nth: int) -> Completion:
        if "<answer-" not in request.prompt:
            return await super()._answer(request, nth)
        self.asked.append(request)
        await asyncio.sleep(0)
        if self.is_down:
            raise BadReply
        if len(self.asked) == self.sticks_at:
            self.is_stuck.set()
            await asyncio.Event().wait()
        shown = {text: letter for letter, text in ANSWER.findall(request.prompt)}
        return completion(json.dumps({"answer": shown[max(shown)]}))

    def restarted(self) -> "JudgedWorld":
        """What rows keep of an asked call is no prompt and no schema."""
        again = JudgedWorld(questions=self.questions, settings=self.settings, limit=self.limit)
        for branch in self.state.branches.values():
            spec = branch.spec
            if branch.role is Role.JUDGE:
                join = again.state.joins[branch.join]
                spec = again.planner.asked_spec(join, branch.role, branch.index, spec.label)
            again.state.add(replace(branch, spec=spec))
        again.state.attempts = [replace(attempt) for attempt in self.state.attempts]
        for attempt in again.state.attempts:
            if attempt.status is AttemptStatus.SENT:
                attempt.become(AttemptStatus.LOST)
        again.state.calls = len(again.state.attempts)
        return again


JUDGE = judged({"method": "judge", "judge": {"model": "big"}})
TIE = judged({"method": "majority", "ties": "judge", "judge": {"model": "big"}})


@pytest.mark.parametrize(
    ("settings", "answers", "value"),
    [(JUDGE, ["a", "c", "b", "c"], "c"), (TIE, ["a", "b", "b", "a"], "b")],
)
async def test_a_judge_is_asked_in_both_orders_as_branches_of_the_join(
    settings: Configuration, answers: list[str], value: str
) -> None:
    world = JudgedWorld(questions=[answers], settings=settings)
    run = await world.run()
    outcome = run.root.outcome
    assert run.status is RunStatus.SUCCEEDED
    assert outcome is not None
    assert (outcome.kind, outcome.value) == (OutcomeKind.DECIDED, value)
    assert len(outcome.contributions) == 4, "judges are branches but no children"
    judges = [branch for branch in run.branches.values() if branch.role is Role.JUDGE]
    assert [(b.level, b.index, b.spec.call.model) for b in judges] == [(0, 0, "big"), (0, 1, "big")]
    assert all("<task-" in request.prompt for request in world.asked)
    assert all(
        request.call.json_schema and request.call.temperature == 0 for request in world.asked
    )


@pytest.mark.parametrize("settings", [JUDGE, TIE])
async def test_a_judge_that_is_down_fails_the_run_and_keeps_every_answer(
    settings: Configuration,
) -> None:
    world = JudgedWorld(questions=[["a", "b", "b", "a"]], settings=settings, tries=2, is_down=True)
    run = await world.run()
    outcome = run.root.outcome
    assert run.status is RunStatus.FAILED
    assert outcome is not None
    assert (outcome.kind, outcome.value) == (OutcomeKind.JUDGE_FAILED, None)
    assert "no verdict in the first order: Failed after 2 tries" in outcome.detail
    votes = [branch for branch in run.branches.values() if branch.role is Role.VOTE]
    assert [branch.text for branch in votes] == ["a", "b", "b", "a"]
    assert {branch.status for branch in votes} == {BranchStatus.SUCCEEDED}


@pytest.mark.parametrize("settings", [JUDGE, TIE])
async def test_a_restart_asks_an_open_verdict_again_in_the_same_words_and_form(
    settings: Configuration,
) -> None:
    world = JudgedWorld(questions=[["a", "b", "b", "a"]], settings=settings, sticks_at=2)
    work = asyncio.create_task(world.coordinator().work(Control()))
    await asyncio.wait_for(world.is_stuck.wait(), 10)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    again = world.restarted()
    run = await again.run()
    outcome = run.root.outcome
    assert outcome is not None
    assert (outcome.kind, outcome.value) == (OutcomeKind.DECIDED, "b")
    assert again.asked, "a verdict was still open"
    for request in again.asked:
        assert request.call.json_schema == world.asked[0].call.json_schema
        assert request.call == world.asked[0].call
    assert len({request.prompt for request in [*world.asked, *again.asked]}) == 2
    assert isinstance(again.client, ScriptedClient)
    assert all("<answer-" in prompt for prompt in again.client.ledger), "no vote is called again"
