"""Starting nothing more under a join: what waits is called off, what is open is closed.

Knows neither why nor what a call is.
"""

from runs.domain.plan import CHILD_ROLES
from runs.domain.states import BranchStatus
from runs.engine.calls import Calls
from runs.engine.joining import Joining
from runs.engine.journal import Journal
from runs.engine.protocols import Clock
from runs.engine.state import BranchState, JoinState, RunState


class Stops:
    def __init__(
        self, run: RunState, *, journal: Journal, calls: Calls, joining: Joining, clock: Clock
    ) -> None:
        self._run = run
        self._journal = journal
        self._calls = calls
        self._joining = joining
        self._clock = clock

    def stop(self, join: JoinState, reason: str) -> None:
        """Start nothing more under this join, and close what is open."""
        if join.is_given_up:
            return
        join.is_given_up = join.is_stopped = True
        join.stop_reason = reason
        numbers = [*join.branches.values(), *join.asked.values()]
        for branch in [self._run.branches[number] for number in numbers]:
            if branch.status is BranchStatus.PENDING:
                self.call_off(branch)
        self._calls.abort(numbers)

    def stop_below(self, parent: JoinState, reason: str) -> None:
        """Start nothing more under a join of joins."""
        parent.is_stopped, parent.stop_reason = True, reason
        below = [j for j in self._run.joins if j.parent == parent.number and not j.is_over]
        for join in below:
            self.stop(join, reason)
        for join in below:
            self._joining.settle(join)

    def stop_all(self, reason: str) -> None:
        """Join what there is."""
        for join in self._run.joins:
            if not join.is_over:
                self.stop(join, reason)
        self._joining.settle_all()

    def call_off(self, branch: BranchState) -> None:
        join = self._run.joins[branch.join]
        branch.reason = join.stop_reason or "cancelled"
        branch.ended_ms = branch.ended_ms or self._clock.now_ms()
        self._run.move(branch, BranchStatus.CANCELLED)
        self._journal.branch(branch)
        if branch.role in CHILD_ROLES:
            join.count_ended(branch)
