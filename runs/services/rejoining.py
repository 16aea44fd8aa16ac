"""What a run's stored answers would give under other join settings, or what that would ask.

Works through the same rooms as the engine; asks nobody and writes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from runs.domain.plan import Item, PlannedJoin, Role
from runs.domain.results import Ask, Child, ChildState, ContributionKind, Outcome
from runs.domain.states import BranchStatus
from runs.engine.state import JoinState
from runs.execution.planner import RunPlanner
from runs.models import Branch, Join, Run
from runs.models import Item as ItemRow
from runs.models import Outcome as OutcomeRow
from runs.planning.configuration import Configuration
from runs.queries import passes as queries
from runs.services.trying import Trial, Tried, Wish, wish_of

MOST_JOINS = 200
MOST_CHARACTERS = 4_000_000  # of answers worked through for a preview
_STATES = {
    BranchStatus.SUCCEEDED: ChildState.ANSWERED,
    BranchStatus.FAILED: ChildState.FAILED,
    BranchStatus.SPARED: ChildState.SPARED,
}


@dataclass(frozen=True, slots=True)
class Preview:
    """`tried` is None where there is too much to work through at once: `joins` says how much."""

    joins: int
    tried: Tried | None = None


def preview(run: Run, configuration: Configuration) -> Preview:
    """The root's outcome under the changed `configuration`, or all calls that it would take."""
    joins = list(Join.objects.filter(run=run).order_by("number"))
    if len(joins) - 1 > MOST_JOINS:
        return Preview(len(joins) - 1)
    texts = queries.child_texts(run, [join.number for join in joins])
    if sum(map(len, texts.values())) > MOST_CHARACTERS:
        return Preview(len(joins) - 1)
    return Preview(len(joins) - 1, _Bench(run, configuration, joins, texts).tried())


class _Bench:
    """One working-through of a run's joins, from the leaves to the root."""

    def __init__(
        self,
        run: Run,
        configuration: Configuration,
        joins: Sequence[Join],
        texts: Mapping[int, str],
    ) -> None:
        planned = [join.planned() for join in joins]
        self._run = run
        self._joins = joins
        self._texts = texts
        self._configuration = configuration
        self._planner = RunPlanner(configuration, planned, _items(run), is_priced=False)
        self._states = [_state(join) for join in planned]
        self._branches: dict[int, dict[int, Branch]] = {}
        for branch in queries.child_branches(run, [join.number for join in joins]):
            self._branches.setdefault(branch.join_number, {})[branch.index] = branch

    def tried(self) -> Tried:
        root = self._states[0]
        if root.branches_are_children:
            children = tuple(self._children(root))
            return Tried(children, self._result(root, children))
        results = [self._of_piece(state) for state in self._states[1:]]
        wishes = [one for one in results if isinstance(one, Wish)]
        below = tuple(map(self._above, self._states[1:], results))
        result = self._result(root, below)
        if not wishes:
            return Tried(below, result)
        return Tried(below, _sum([*wishes, *([result] if isinstance(result, Wish) else [])]))

    def _of_piece(self, state: JoinState) -> Outcome | Wish:
        return self._result(state, tuple(self._children(state)))

    def _result(self, state: JoinState, children: tuple[Child, ...]) -> Outcome | Wish:
        found = self._planner.aggregate(state, children, {})
        if isinstance(found, Ask):
            return wish_of(self._run.owner, self._trial(state), children, found)
        return found

    def _trial(self, state: JoinState) -> Trial:
        call = self._configuration.call
        return Trial(
            join=self._planner.settings(state),
            policy=self._planner.policy(state),
            connection=call.connection,
            model=call.model,
        )

    def _above(self, state: JoinState, result: Outcome | Wish) -> Child:
        """A piece as the root sees it; what a model will say of it is taken to be like what the
        piece gave before."""
        join = self._joins[state.number]
        value = join.value or None if isinstance(result, Wish) else result.value
        if value is None:
            reason = join.outcome if isinstance(result, Wish) else str(result.kind)
            return Child(state.position, state.label, ChildState.CANCELLED, reason=reason)
        return Child(state.position, state.label, ChildState.ANSWERED, text=value)

    def _children(self, state: JoinState) -> Iterator[Child]:
        opened = self._branches.get(state.number, {})
        unopened = self._unopened(state, opened) if len(opened) < state.children else {}
        state.opened, state.is_settled = len(opened), bool(unopened)
        for index in range(state.children):
            spec = self._planner.spec(state, index)
            voter = spec.voter or spec.call.model
            child = Child(index, spec.label, ChildState.CANCELLED, role=spec.role, voter=voter)
            branch = opened.get(index)
            if branch is not None:
                yield self._answered(child, branch)
            elif index in unopened:
                yield replace(child, state=ChildState.SPARED, reason=unopened[index])
            else:
                yield replace(child, reason=self._run.reason or "never started")

    def _answered(self, child: Child, branch: Branch) -> Child:
        return replace(
            child,
            state=_STATES.get(BranchStatus(branch.status), ChildState.CANCELLED),
            text=self._texts.get(branch.number, ""),
            reason=branch.reason,
            is_cut=branch.is_cut,
            role=Role(branch.role),
        )

    def _unopened(self, state: JoinState, opened: Mapping[int, Branch]) -> dict[int, str]:
        """Votes that were spared when the run was made, by index, with the reason."""
        first = OutcomeRow.objects.filter(
            run=self._run, join_id=self._joins[state.number].pk, pass_n=queries.FIRST
        ).first()
        entries = first.contributions if first else []
        return {
            index: reason
            for index, kind, reason, _ in entries
            if kind == ContributionKind.SPARED and index not in opened
        }


def _state(join: PlannedJoin) -> JoinState:
    return JoinState(
        number=join.index,
        parent=join.parent,
        position=join.position,
        label=join.label,
        children=join.children,
        item=join.item,
        branches_are_children=join.branches_are_children,
    )


def _items(run: Run) -> dict[int, Item]:
    rows = ItemRow.objects.filter(run=run).values_list("number", "label", "fields", "gold")
    return {number: Item(number, label, fields, gold) for number, label, fields, gold in rows}


def _sum(wishes: Sequence[Wish]) -> Wish:
    """All calls together; they are told by the first of them."""
    first = wishes[0]
    return replace(
        first,
        calls_least=sum(one.calls_least for one in wishes),
        calls_most=sum(one.calls_most for one in wishes),
        input_tokens=sum(one.input_tokens for one in wishes),
        output_tokens_most=sum(one.output_tokens_most for one in wishes),
        cost_expected_usd=_total([one.cost_expected_usd for one in wishes]),
        cost_most_usd=_total([one.cost_most_usd for one in wishes]),
    )


def _total(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
