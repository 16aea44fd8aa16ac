"""Opening a join's children and settling it when they have ended.

The decision what the children give is the aggregator's (pure); this only feeds it.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain, count

from runs.domain.plan import CHILD_ROLES
from runs.domain.results import (
    FAILED_OUTCOMES,
    Ask,
    CallKey,
    Child,
    ChildState,
    Outcome,
)
from runs.domain.states import ENDED_BRANCH, BranchStatus, JoinStatus
from runs.engine.journal import Journal
from runs.engine.protocols import Planner
from runs.engine.state import BranchState, JoinState, RunState

PENDING_AHEAD = 2_000  # opened branches that wait for admission
FIRST_WAVES_AHEAD = 1_500  # of them, so that votes under way find room
ANSWERS_A_LOOK = 1 / 8  # of the calls a join has open: it is not looked at after each of many
FIRST_AHEAD = 100  # before a run's first commit, which its first calls wait for
MORE_AHEAD = 32  # with each commit, so that no call waits for a large one


class Joining:
    """`on_open` is given each new branch; `on_loss` a join of joins that stops at a loss, and the
    reason; `on_over` a join that ended while calls it asked for are open; `on_root` is called once,
    when the root has ended."""

    def __init__(
        self,
        run: RunState,
        planner: Planner,
        journal: Journal,
        *,
        on_open: Callable[[BranchState], None],
        on_loss: Callable[[JoinState, str], None],
        on_over: Callable[[JoinState], None],
        on_root: Callable[[], None],
    ) -> None:
        self._run = run
        self._planner = planner
        self._journal = journal
        self._on_open = on_open
        self._on_loss = on_loss
        self._on_over = on_over
        self._on_root = on_root
        self._numbers = _unused(run.branches)
        self.prompts: dict[int, str] = {}  # of the calls that joins asked for
        self.is_shut = False
        self._ahead = FIRST_AHEAD
        self._is_begun = False
        # Joins with children to open, so that no call looks at all joins of the run.
        self._to_open = deque(join for join in run.joins if join.branches_are_children)
        self._below: dict[int, list[int]] = defaultdict(list)
        for join in run.joins:
            if join.parent is not None:
                self._below[join.parent].append(join.number)
        self._looks_in: dict[int, int] = {}  # answers to its calls, until a join is looked at
        self._gathered: dict[int, list[Child]] = {}  # children of joins that have asked for calls

    # -- opening ---------------------------------------------------------------------------

    def committed(self) -> None:
        """Calls are on their way: open some more."""
        self._is_begun = True
        self._ahead = min(self._ahead + MORE_AHEAD, FIRST_WAVES_AHEAD)
        self.open_waves()

    def open_waves(self) -> None:
        """Open children, join by join, until enough wait for admission."""
        while self._to_open and not self.is_shut:
            join = self._to_open[0]
            most = PENDING_AHEAD if join.rounds > 1 else self._ahead
            if self._run.pending >= most:
                return
            if not join.wanted and not join.is_over and not join.is_stopped:
                self._want(join)
            if join.is_over or join.is_stopped or join.opened >= join.wanted:
                self._to_open.popleft()
                if join.is_settled:
                    self.settle(join)
            else:
                self._open_some(join, most - self._run.pending)

    def _want(self, join: JoinState) -> None:
        """Look whether more children are needed; only ever when all opened ones have ended."""
        more = 0
        if join.wanted < join.children:
            ended = [self._child(join, index) for index in range(join.wanted)]
            more = self._planner.next_wave(join, ended)
        if more > 0:
            join.wanted = min(join.wanted + more, join.children)
            join.rounds += 1
        else:
            join.is_settled = True

    def _open_some(self, join: JoinState, room: int) -> None:
        self._open_children(join, range(join.opened, min(join.wanted, join.opened + room)))

    def _open_children(self, join: JoinState, indexes: Iterable[int]) -> None:
        for index in indexes:
            spec = self._planner.spec(join, index)
            self._open(BranchState(next(self._numbers), join.number, spec.role, index, spec))

    def _open(self, branch: BranchState) -> None:
        join = self._run.joins[branch.join]
        self.place(join, branch)
        self._run.add(branch)
        self._journal.opened(branch)
        self._on_open(branch)

    def place(self, join: JoinState, branch: BranchState) -> None:
        """Make the branch known to its join; an ended child counts as ended."""
        if branch.role not in CHILD_ROLES:
            if branch.pass_n == self._run.pass_n:  # what another pass asked is no answer to this
                join.asked[branch.key] = branch.number
            return
        join.branches[branch.index] = branch.number
        join.opened = max(join.opened, branch.index + 1)
        if branch.status in ENDED_BRANCH:
            join.count_ended(branch)

    def open_missing(self) -> None:
        """After a crash: children that were not written, as others opened after them were."""
        for join in self._run.joins:
            if not (join.is_over or join.is_settled or join.is_stopped):
                self._open_children(join, sorted(set(range(join.opened)) - set(join.branches)))

    def recall_waves(self) -> None:
        """After a restart: find again which waves the opened children were opened in."""
        for join in self._run.joins:
            while join.wanted < join.opened and not join.is_over:
                if not all(self._is_ended(join, index) for index in range(join.wanted)):
                    join.wanted = join.opened
                else:
                    self._want(join)
                    join.wanted = join.opened if join.is_settled else join.wanted
                    join.is_settled = False

    def _is_ended(self, join: JoinState, index: int) -> bool:
        return self._run.branches[join.branches[index]].status in ENDED_BRANCH

    def admitted(self) -> None:
        """Room was made ahead of admission."""
        if self._is_begun and self._run.pending < FIRST_AHEAD // 2:
            self.open_waves()

    # -- settling --------------------------------------------------------------------------

    def branch_ended(self, branch: BranchState) -> None:
        join = self._run.joins[branch.join]
        if branch.role in CHILD_ROLES:
            join.count_ended(branch)
        elif branch.status is BranchStatus.SUCCEEDED:  # what failed is heeded at once
            self._looks_in[join.number] = self._looks_in.get(join.number, 0) - 1
            if self._looks_in[join.number] > 0:
                return
        self.settle(join)

    def settle_all(self) -> None:
        """Look at every open join once, deepest first: after a restart or a stop."""
        for join in reversed(self._run.joins):
            if not join.is_over:
                self.settle(join)

    def settle(self, join: JoinState) -> None:
        if join.is_over or self.is_shut or not self._children_ended(join):
            return
        if join.number not in self._gathered:
            self._gathered[join.number] = list(self._children(join))
        children = self._gathered[join.number]
        result = self._planner.aggregate(join, children, self._answers(join))
        if isinstance(result, Outcome):
            self._conclude(join, result)
        else:
            self._ask(join, result)

    def _children_ended(self, join: JoinState) -> bool:
        """Whether nothing is awaited any more; where a wave has ended, the next may be opened."""
        if not join.branches_are_children:
            return join.ended == join.children
        if join.is_stopped or join.is_settled:
            return join.ended == len(join.branches)
        if not join.is_wave_over:
            return False
        self._want(join)
        if not join.is_settled:
            self._to_open.appendleft(join)  # a vote that is under way comes before new ones
            self.open_waves()
        return join.is_settled

    def _children(self, join: JoinState) -> Iterator[Child]:
        if join.branches_are_children:
            yield from (self._child(join, index) for index in range(join.children))
            return
        for number in self._below[join.number]:
            child = self._run.joins[number]
            if child.outcome is not None:
                yield _joined_child(child, child.outcome)

    def _child(self, join: JoinState, index: int) -> Child:
        number = join.branches.get(index)
        if number is not None:
            return self._run.branches[number].as_child()
        spec = self._planner.spec(join, index)
        state, reason = ChildState.CANCELLED, join.stop_reason
        if join.is_settled:
            state = ChildState.SPARED
            reason = f"not run: settled after {join.opened:,} of {join.children:,}"
        return Child(index, spec.label, state, reason=reason, role=spec.role, voter=spec.voter)

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
                number = join.asked[call.key]
                if number not in self.prompts:  # after a restart: rows keep no prompt and schema
                    self.prompts[number] = call.prompt
                    self._run.branches[number].spec = self._planner.asked(join, call)
                continue
            spec = self._planner.asked(join, call)
            branch = BranchState(
                next(self._numbers),
                join.number,
                call.key.role,
                call.key.index,
                spec,
                level=call.key.level,
                pass_n=self._run.pass_n,
            )
            self.prompts[branch.number] = call.prompt
            self._open(branch)
        is_open = [self._run.branches[n].status not in ENDED_BRANCH for n in join.asked.values()]
        self._looks_in[join.number] = int(sum(is_open) * ANSWERS_A_LOOK)

    def _conclude(self, join: JoinState, outcome: Outcome) -> None:
        join.outcome = outcome
        self._gathered.pop(join.number, None)
        is_failed = outcome.kind in FAILED_OUTCOMES
        join.become(JoinStatus.FAILED if is_failed else JoinStatus.DONE)
        self._journal.join(join)
        if any(self._run.branches[n].status not in ENDED_BRANCH for n in join.asked.values()):
            self._on_over(join)
        if join.parent is None:
            self._on_root()
            return
        parent = self._run.joins[join.parent]
        parent.ended += 1
        if outcome.value is None and parent.stops_at_loss and not parent.is_stopped:
            self._on_loss(parent, f"stopped: {join.label or 'a part'} gave no value")
        self.settle(parent)


def _unused(numbers: Collection[int]) -> Iterator[int]:
    """The numbers that no branch has, in their order."""
    after_last = max(numbers, default=-1) + 1
    return chain(sorted(set(range(after_last)).difference(numbers)), count(after_last))


def _joined_child(join: JoinState, outcome: Outcome) -> Child:
    """A child join as its parent's aggregator sees it; without a value it is missing."""
    if outcome.value is None:
        reason = join.stop_reason or str(outcome.kind)
        return Child(join.position, join.label, ChildState.CANCELLED, reason=reason)
    return Child(join.position, join.label, ChildState.ANSWERED, text=outcome.value)
