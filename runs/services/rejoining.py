"""What a run's stored answers would give under other join settings, or what that would ask.

Works through the same rooms as the engine; asks nobody and writes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from runs.domain.plan import Item, PlannedJoin, Role
from runs.domain.results import Ask, Child, ChildState, ContributionKind, Outcome
from runs.domain.states import BranchStatus
from runs.engine.state import JoinState
from runs.execution import again
from runs.execution.planner import RunPlanner
from runs.models import Branch, Join, Run
from runs.models import Item as ItemRow
from runs.models import Outcome as OutcomeRow
from runs.planning.callers import asked_by
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
    """`joins` there are below the root, of which `looked_at` were worked through: not all, where
    that is too much at once. Calls are reckoned from those then; an outcome is not told."""

    joins: int
    looked_at: int
    tried: Tried | None = None


def preview(run: Run, configuration: Configuration) -> Preview:
    """The root's outcome under the changed `configuration`, or all calls that it would take."""
    joins = list(Join.objects.filter(run=run).order_by("number"))
    sample = joins[: MOST_JOINS + 1]
    if len(sample) < len(joins) and not any(asked_by(configuration)):
        return Preview(len(joins) - 1, 0)  # a part of the rows tells no outcome
    texts = queries.child_texts(run, [join.number for join in sample])
    below, looked_at = len(joins) - 1, len(sample) - 1
    if sum(map(len, texts.values())) > MOST_CHARACTERS:
        return Preview(below, 0)
    tried = _Bench(run, configuration, joins, sample, texts).tried()
    if looked_at < below and not isinstance(tried.result, Wish):
        return Preview(below, looked_at)
    return Preview(below, looked_at, tried)


class _Bench:
    """One working-through of a run's joins, from the leaves to the root; of those below the root
    only the ones in the `sample`, the others as they are."""

    def __init__(
        self,
        run: Run,
        configuration: Configuration,
        joins: Sequence[Join],
        sample: Sequence[Join],
        texts: Mapping[int, str],
    ) -> None:
        planned = [join.planned() for join in joins]
        self._run = run
        self._joins = joins
        self._sample = sample
        self._texts = texts
        self._configuration = configuration
        self._planner = RunPlanner(configuration, planned, _items(run), is_priced=False)
        self._states = [_state(join) for join in planned]
        self._branches: dict[int, dict[int, Branch]] = {}
        for branch in queries.child_branches(run, [join.number for join in sample]):
            self._branches.setdefault(branch.join_number, {})[branch.index] = branch

    def tried(self) -> Tried:
        """What the root gives, or all that would be asked."""
        root = self._states[0]
        if root.branches_are_children:
            children = tuple(self._children(root))
            return Tried(children, self._result(root, children))
        results = [self._of_piece(self._states[join.number]) for join in self._sample[1:]]
        known = [self._above(*pair) for pair in zip(self._states[1:], results, strict=False)]
        rest = [self._before(state) for state in self._states[len(self._sample) :]]
        below = (*known, *rest)
        result = self._result(root, below)
        wishes = [one for one in results if isinstance(one, Wish)]
        if not wishes:
            return Tried(below, result)
        scaled = _times(_sum(wishes), len(below) / len(known))
        return Tried(below, _sum([scaled, result]) if isinstance(result, Wish) else scaled)

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
        if isinstance(result, Wish):
            return self._before(state)
        return _child(state, result.value, str(result.kind))

    def _before(self, state: JoinState) -> Child:
        """What the piece gives in the pass that counts."""
        join = self._joins[state.number]
        return _child(state, join.value or None, join.outcome)

    def _children(self, state: JoinState) -> Iterator[Child]:
        opened = self._branches.get(state.number, {})
        kind, reason = self._unopened(state) if len(opened) < state.children else ("", "")
        is_spared = kind == ContributionKind.SPARED
        state.opened, state.is_settled = len(opened), is_spared
        left = ChildState.SPARED if is_spared else ChildState.CANCELLED
        for index in range(state.children):
            spec = self._planner.spec(state, index)
            voter = spec.voter or spec.call.model
            child = Child(index, spec.label, left, reason=reason, role=spec.role, voter=voter)
            branch = opened.get(index)
            yield child if branch is None else self._answered(child, branch)

    def _answered(self, child: Child, branch: Branch) -> Child:
        return replace(
            child,
            state=_STATES.get(BranchStatus(branch.status), ChildState.CANCELLED),
            text=self._texts.get(branch.number, ""),
            reason=branch.reason,
            is_cut=branch.is_cut,
            role=Role(branch.role),
        )

    def _unopened(self, state: JoinState) -> tuple[str, str]:
        """What became of votes without a row when the run was made, and why."""
        rows = OutcomeRow.objects.filter(
            join_id=self._joins[state.number].pk, pass_n=queries.FIRST
        ).values_list("contributions", flat=True)
        entries = rows.first()
        if not entries:
            return "", again.NOT_OPENED
        _, kind, reason, _ = entries[-1]
        return kind, reason or again.NOT_OPENED


def _child(state: JoinState, value: str | None, outcome: str) -> Child:
    if value is None:
        return Child(state.position, state.label, ChildState.CANCELLED, reason=outcome)
    return Child(state.position, state.label, ChildState.ANSWERED, text=value)


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


def _times(wish: Wish, factor: float) -> Wish:
    expected, most = wish.cost_expected_usd, wish.cost_most_usd
    return replace(
        wish,
        calls_least=round(wish.calls_least * factor),
        calls_most=round(wish.calls_most * factor),
        input_tokens=round(wish.input_tokens * factor),
        output_tokens_most=round(wish.output_tokens_most * factor),
        cost_expected_usd=None if expected is None else expected * factor,
        cost_most_usd=None if most is None else most * factor,
    )


def _total(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
