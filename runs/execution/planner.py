"""The pure rooms (planning, aggregation, stopping) as the engine's planner of one run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from runs.aggregation import registry
from runs.domain.joins import Merge
from runs.domain.plan import BranchSpec, Item, PlannedJoin, Role
from runs.domain.policies import FailurePolicy
from runs.domain.results import Ask, CallsSoFar, Child, JoinCall, Outcome
from runs.engine.state import JoinState
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
        return self.asked_spec(join, call.key.role, call.key.index, call.label)

    def asked_spec(self, join: JoinState, role: Role, index: int, label: str) -> BranchSpec:
        """The call a join asks for: the configuration's call, as the join's settings change it."""
        call = build.call_settings(self._configuration)
        settings = self._settings
        if isinstance(settings, Merge):
            call = replace(
                call,
                connection=settings.connection or call.connection,
                model=settings.model or call.model,
                max_tokens=settings.max_tokens,
                json_schema=None,
                stop=(),
                system="",
            )
        return BranchSpec(index, role, label, join.item, "", call)

    def next_wave(self, join: JoinState) -> int:
        return join.children - join.opened

    def aggregate(
        self, join: JoinState, children: Sequence[Child], calls: CallsSoFar
    ) -> Outcome | Ask:
        return registry.aggregate(self._settings, self._policy, children, calls)

    def read(self, join: JoinState, role: Role, text: str) -> str:
        return registry.read(self._settings, text, role) or ""
