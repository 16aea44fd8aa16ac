"""Votes on recorded answers in memory: a run of one vote, or of one vote for each question."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from runs.domain.errors import BadReply
from runs.domain.plan import BranchSpec, Item, PlannedJoin
from runs.domain.results import Completion
from runs.engine.coordinator import Coordinator
from runs.engine.protocols import ModelRequest
from runs.engine.state import JoinState
from runs.execution.limiter import Gate
from runs.execution.planner import RunPlanner
from runs.planning import build
from runs.planning.configuration import Configuration, parse
from tests.unit.engine.doubles import (
    ScriptedClient,
    Silent,
    StillClock,
    World,
    completion,
)

Answers = Sequence[str | None]
"""What each vote on a question answers; None: the call fails."""


def configuration(samples: int, **changes: object) -> Configuration:
    votes = {"samples": samples, "stop": "confident", **dict(changes.pop("votes", {}))}  # type: ignore[call-overload]
    return parse(
        {
            "name": "Votes",
            "pattern": "voting",
            "join": {"method": "majority", "ties": "first_seen"},
            "votes": votes,
            "prompts": [{"text": "{{ input }}"}],
            "call": {"connection": "c", "model": "m"},
            **changes,
        }
    )


class CountingPlanner(RunPlanner):
    """Notes each wave that is asked for, by join."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.waves: dict[int, list[int]] = {}

    def next_wave(self, join: JoinState, children: Sequence) -> int:  # type: ignore[type-arg]
        wave = super().next_wave(join, children)
        self.waves.setdefault(join.number, []).append(wave)
        return wave


@dataclass
class VotingWorld(World):
    """`questions[i][k]` is what vote k on question i answers. `seed` shuffles the order in which
    answers arrive; None: as they were asked."""

    questions: Sequence[Answers] = ()
    settings: Configuration | None = None
    seed: int | None = None
    specs: dict[str, BranchSpec] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        samples = max(map(len, self.questions))
        settings = self.settings or configuration(samples)
        self.client = self.client if self.client.ledger else ScriptedClient(self._answer)
        items = [Item(i, f"Row {i + 1}", {"input": str(i)}) for i in range(len(self.questions))]
        planned = build._joins(settings, items)
        self.state.joins = [join_state(join) for join in planned]
        self.planner = CountingPlanner(settings, planned, {item.index: item for item in items})
        self._random = random.Random(self.seed)

    async def _answer(self, request: ModelRequest, nth: int) -> Completion:
        wait = self._random.randint(1, 30) if self.seed is not None else 1
        for _ in range(wait):
            await asyncio.sleep(0)
        answer = self.questions[int(request.prompt)][request.sample]
        if answer is None:
            raise BadReply
        return completion(answer)

    def coordinator(self) -> Coordinator:
        self.gate = Gate(self.limit)
        return Coordinator(
            self.state,
            planner=self.planner,
            store=self.store,
            observer=Silent(),
            money=self.money,
            clock=StillClock(),
            figures=self.figures,
            gate=lambda connection, model: (self.gate, self.client),
        )

    def reopened(self) -> "VotingWorld":
        """The run as a new owner finds its rows: those that ended, and those that had not."""
        again = VotingWorld(
            questions=self.questions, settings=self.settings, limit=self.limit, tries=self.tries
        )
        again.state.branches = {n: replace(b) for n, b in self.state.branches.items()}
        for branch in again.state.branches.values():
            again.state.counts[branch.status] = again.state.counts.get(branch.status, 0) + 1
        again.state.attempts = list(self.state.attempts)
        again.state.calls = len(again.state.attempts)
        return again


def join_state(join: PlannedJoin) -> JoinState:
    return JoinState(
        join.index,
        join.parent,
        join.position,
        join.label,
        join.children,
        join.item,
        join.branches_are_children,
    )
