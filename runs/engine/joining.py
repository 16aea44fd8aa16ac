"""Opening a join's children and settling it when they have ended.

The decision what the children give is the aggregator's (pure); this only feeds it.
"""

from collections.abc import Callable, Iterator
from itertools import count

from runs.domain.plan import CHILD_ROLES
from runs.domain.results import (
    FAILED_OUTCOMES,
    Ask,
    CallKey,
    Child,
    ChildState,
    Outcome,
)
from runs.domain.states import ENDED_BRANCH, JoinStatus
from runs.engine.journal import Journal
from runs.engine.protocols import Planner
from runs.engine.state import BranchState, JoinState, RunState

PENDING_AHEAD = 2_000  # branches with a row, waiting for admission
FIRST_AHEAD = 200  # of a run's first commit, which its first calls wait for


class Joining:
    """`on_open` is given each new branch; `on_root` is called once, when the root has ended."""

    def __init__(
        self,
        run: RunState,
        planner: Planner,
        journal: Journal,
        *,
        on_open: Callable[[BranchState], None],
        on_root: Callable[[], None],
    ) -> None:
        self._run = run
        self._planner = planner
        self._journal = journal
        self._on_open = on_open
        self._on_root = on_root
        self._numbers = count(max(run.branches, default=-1) + 1)
        self.prompts: dict[int, str] = {}  # of the calls that joins asked for
        self.is_shut = False

    # -- opening ---------------------------------------------------------------------------

    def open_waves(self, ahead: int = PENDING_AHEAD) -> None:
        """Open children, join by join, until `ahead` wait for admission."""
        for join in self._run.joins:
            if self._run.pending >= ahead or self.is_shut:
                return
            if join.branches_are_children and not join.is_over and not join.is_stopped:
                self._open_wave(join, ahead)

    def _open_wave(self, join: JoinState, ahead: int) -> None:
        room = ahead - self._run.pending
        for index in range(join.opened, join.opened + min(room, self._planner.next_wave(join))):
            spec = self._planner.spec(join, index)
            self._open(BranchState(next(self._numbers), join.number, spec.role, index, spec))

    def _open(self, branch: BranchState) -> None:
        join = self._run.joins[branch.join]
        self.place(join, branch)
        self._run.add(branch)
        self._journal.branch(branch)
        self._on_open(branch)

    def place(self, join: JoinState, branch: BranchState) -> None:
        """Make the branch known to its join; an ended child counts as ended."""
        if branch.role not in CHILD_ROLES:
            join.asked[branch.key] = branch.number
            return
        join.branches[branch.index] = branch.number
        join.opened = max(join.opened, branch.index + 1)
        if branch.status in ENDED_BRANCH:
            join.ended += 1

    def admitted(self) -> None:
        """Room was made ahead of admission."""
        if self._run.pending < PENDING_AHEAD // 2:
            self.open_waves()

    # -- settling --------------------------------------------------------------------------

    def branch_ended(self, branch: BranchState) -> None:
        join = self._run.joins[branch.join]
        if branch.role in CHILD_ROLES:
            join.ended += 1
        self.settle(join)

    def settle_all(self) -> None:
        """Look at every open join once, deepest first: after a restart or a stop."""
        for join in reversed(self._run.joins):
            if not join.is_over:
                self.settle(join)

    def settle(self, join: JoinState) -> None:
        if join.is_over or self.is_shut or not self._children_ended(join):
            return
        result = self._planner.aggregate(join, list(self._children(join)), self._answers(join))
        if isinstance(result, Outcome):
            self._conclude(join, result)
        else:
            self._ask(join, result)

    def _children_ended(self, join: JoinState) -> bool:
        if not join.branches_are_children:
            return join.ended == join.children
        return join.ended == join.opened and (join.is_stopped or join.opened == join.children)

    def _children(self, join: JoinState) -> Iterator[Child]:
        if join.branches_are_children:
            yield from (self._child(join, index) for index in range(join.children))
            return
        for child in self._run.joins:
            if child.parent == join.number and child.outcome is not None:
                yield _joined_child(child, child.outcome)

    def _child(self, join: JoinState, index: int) -> Child:
        number = join.branches.get(index)
        if number is not None:
            return self._run.branches[number].as_child()
        spec = self._planner.spec(join, index)
        return Child(
            index, spec.label, ChildState.CANCELLED, reason=join.stop_reason, role=spec.role
        )

    def _answers(self, join: JoinState) -> dict[CallKey, Child]:
        answered = {}
        for key, number in join.asked.items():
            branch = self._run.branches[number]
            if branch.status in ENDED_BRANCH:
                answered[key] = branch.as_child()
        return answered

    def _ask(self, join: JoinState, ask: Ask) -> None:
        if join.status is JoinStatus.WAITING:
            join.become(JoinStatus.JOINING)
            self._journal.join(join)
        for call in ask.calls:
            if call.key in join.asked:
                self.prompts[join.asked[call.key]] = call.prompt
                continue
            spec = self._planner.asked(join, call)
            branch = BranchState(
                next(self._numbers),
                join.number,
                call.key.role,
                call.key.index,
                spec,
                level=call.key.level,
            )
            self.prompts[branch.number] = call.prompt
            self._open(branch)

    def _conclude(self, join: JoinState, outcome: Outcome) -> None:
        join.outcome = outcome
        is_failed = outcome.kind in FAILED_OUTCOMES
        join.become(JoinStatus.FAILED if is_failed else JoinStatus.DONE)
        self._journal.join(join)
        if join.parent is None:
            self._on_root()
            return
        parent = self._run.joins[join.parent]
        parent.ended += 1
        self.settle(parent)


def _joined_child(join: JoinState, outcome: Outcome) -> Child:
    """A child join as its parent's aggregator sees it; without a value it is missing."""
    if outcome.value is None:
        return Child(join.position, join.label, ChildState.FAILED, reason=str(outcome.kind))
    return Child(join.position, join.label, ChildState.ANSWERED, text=outcome.value)
