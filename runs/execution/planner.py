"""The pure rooms (planning, aggregation, stopping) as the engine's planner of one run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from runs.aggregation import registry
from runs.domain.errors import InvalidInput
from runs.domain.plan import BranchSpec, Item, PlannedJoin, Role
from runs.domain.policies import FailurePolicy
from runs.domain.results import Ask, CallsSoFar, Child, JoinCall, Outcome
from runs.engine.state import JoinState
from runs.execution import asking
from runs.planning import build, rendering
from runs.planning.configuration import Configuration


class RunPlanner:
    def __init__(
        self,
        configuration: Configuration,
        joins: Sequence[PlannedJoin],
        items: Mapping[int, Item],
    ) -> None:
        self._configuration = configuration
        self._joins = joins
        self._items = items
        self._settings = configuration.join
        self._policy = FailurePolicy(
            configuration.on_failure.policy, configuration.on_failure.least
        )

    def spec(self, join: JoinState, index: int) -> BranchSpec:
        planned = self._joins[join.number]
        spec = build.branch_spec(self._configuration, planned, index)
        item = self._items.get(spec.item)
        if item is None or spec.label:
            return spec
        return replace(spec, label=item.label)

    def prompt(self, spec: BranchSpec) -> str:
        return rendering.render(spec.prompt, self._items[spec.item].fields)

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
        call = asking.asked_call(self._settings, own, role, schema)
        return BranchSpec(index, role, label, join.item, "", call)

    def next_wave(self, join: JoinState) -> int:
        return join.children - join.opened

    def aggregate(
        self, join: JoinState, children: Sequence[Child], calls: CallsSoFar
    ) -> Outcome | Ask:
        settings = asking.with_task(self._settings, lambda: self._task(join))
        return registry.aggregate(settings, self._policy, children, calls)

    def _task(self, join: JoinState) -> str:
        """What all children of a vote were asked, as the first of them was; else nothing."""
        if self._configuration.pattern != "voting" or not join.branches_are_children:
            return ""
        spec = self.spec(join, 0)
        try:
            return f"{spec.call.system}\n\n{self.prompt(spec)}".strip()
        except InvalidInput:
            return ""

    def read(self, join: JoinState, role: Role, text: str) -> str:
        return registry.read(self._settings, text, role) or ""
