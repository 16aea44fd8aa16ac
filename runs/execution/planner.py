"""The pure rooms (planning, aggregation, stopping) as the engine's planner of one run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from runs.aggregation import majority, registry
from runs.domain.errors import InvalidInput
from runs.domain.joins import JoinSettings, Majority
from runs.domain.plan import BranchSpec, Item, PlannedJoin, Role
from runs.domain.policies import FailurePolicy, OnFailure
from runs.domain.results import Ask, CallsSoFar, Child, ChildState, JoinCall, Outcome
from runs.engine.state import JoinState
from runs.execution import asking
from runs.execution.scoring import Scoring
from runs.planning import build, rendering
from runs.planning.configuration import Configuration
from runs.planning.shape import FailureSettings
from runs.stopping import votes

MOST_KEPT = 64  # prompts: the votes on one item often ask the same
LONGEST_KEPT = 20_000  # characters of one


class RunPlanner:
    """`is_priced`: the price of every branch's call is known."""

    def __init__(
        self,
        configuration: Configuration,
        joins: Sequence[PlannedJoin],
        items: Mapping[int, Item],
        *,
        is_priced: bool = True,
    ) -> None:
        self._configuration = configuration
        self._joins = joins
        self._items = items
        self._branches = build.Branches(configuration)
        self._prompts: dict[tuple[int, str], str] = {}
        self._rule = _rule(configuration)
        self._scoring = Scoring(configuration.join, self._branches.voters, is_priced=is_priced)

    def settings(self, join: JoinState) -> JoinSettings:
        """How this join joins: the root of votes on each piece has settings of its own."""
        each = self._configuration.each
        return self._configuration.join if each is None or join.parent is not None else each.join

    def policy(self, join: JoinState) -> FailurePolicy:
        each = self._configuration.each
        if each is None or join.parent is not None:
            return _policy(self._configuration.on_failure)
        return _policy(each.on_failure)

    def spec(self, join: JoinState, index: int) -> BranchSpec:
        spec = self._branches.spec(join.item, index)
        item = self._items.get(spec.item)
        if item is None or spec.label:
            return spec
        return replace(spec, label=item.label)

    def prompt(self, spec: BranchSpec) -> str:
        key = (spec.item, spec.prompt)
        kept = self._prompts.get(key)
        if kept is not None:
            return kept
        prompt = rendering.render(spec.prompt, self._items[spec.item].fields)
        if len(prompt) <= LONGEST_KEPT:
            if len(self._prompts) >= MOST_KEPT:
                del self._prompts[next(iter(self._prompts))]
            self._prompts[key] = prompt
        return prompt

    def asked(self, join: JoinState, call: JoinCall) -> BranchSpec:
        return self.asked_spec(join, call.key.role, call.key.index, call.label, call.schema)

    def asked_spec(
        self,
        join: JoinState,
        role: Role,
        index: int,
        label: str,
        schema: Mapping[str, Any] | None = None,
    ) -> BranchSpec:
        """The call a join asks for: the configuration's call, as the join's settings change it."""
        own = build.call_settings(self._configuration)
        call = asking.asked_call(self.settings(join), own, role, schema)
        return BranchSpec(index, role, label, join.item, "", call)

    def next_wave(self, join: JoinState, children: Sequence[Child]) -> int:
        settings, left = self.settings(join), join.children - len(children)
        if self._rule.stop == "all" or not isinstance(settings, Majority):
            return left
        if self._is_doomed(join, children):
            return 0
        tally = majority.tallied(settings, children)
        weights = None
        if settings.weights:
            weights = [
                majority.weight_of(settings, index, self.spec(join, index).voter)
                for index in range(len(children), join.children)
            ]
        return votes.next_wave(
            len(children), tally.weights, join.children, self._rule, weights, read=tally.total
        )

    def _is_doomed(self, join: JoinState, children: Sequence[Child]) -> bool:
        """All answers are needed, and one is lost: no further vote can change that."""
        if self.policy(join).on_failure is not OnFailure.ALL:
            return False
        return any(child.state is not ChildState.ANSWERED for child in children)

    def aggregate(
        self, join: JoinState, children: Sequence[Child], calls: CallsSoFar
    ) -> Outcome | Ask:
        settings = asking.with_task(self.settings(join), lambda: self._task(join))
        result = registry.aggregate(settings, self.policy(join), children, calls)
        if isinstance(result, Ask) or self._configuration.pattern != "voting":
            return result
        if not join.branches_are_children:
            return replace(result, quality={**result.quality, **self._scoring.of_rows()})
        figures = self._scoring.of_vote(join, children, result, self._gold(join))
        outcome = replace(result, quality={**result.quality, **figures})
        self.remember(join, outcome)
        return outcome

    def _task(self, join: JoinState) -> str:
        """What all children of a vote were asked, as the first of them was; else nothing."""
        if self._configuration.pattern != "voting" or not join.branches_are_children:
            return ""
        spec = self.spec(join, 0)
        try:
            return f"{spec.call.system}\n\n{self.prompt(spec)}".strip()
        except InvalidInput:
            return ""

    def remember(self, join: JoinState, outcome: Outcome) -> None:
        """A vote that ended: the root over many is told of it, after a restart too."""
        if join.branches_are_children and join.parent is not None:
            self._scoring.remember(join.number, outcome, self._gold(join))

    def _gold(self, join: JoinState) -> str | None:
        item = self._items.get(join.item)
        return item.gold if item is not None else None

    def read(self, join: JoinState, role: Role, text: str) -> str:
        return registry.read(self.settings(join), text, role) or ""


def _policy(settings: FailureSettings) -> FailurePolicy:
    return FailurePolicy(settings.policy, settings.least)


def _rule(configuration: Configuration) -> votes.Rule:
    """When the votes on an item are settled."""
    join, failure, asked = configuration.join, configuration.on_failure, configuration.votes
    if configuration.pattern != "voting" or not isinstance(join, Majority):
        return votes.ALL
    return votes.Rule(
        stop=asked.stop,
        least_share=Fraction(str(join.least_share)),
        quorum=failure.least if failure.policy is OnFailure.AT_LEAST else 0,
        wave_least=asked.wave_least,
        wave_most=asked.wave_most,
    )
