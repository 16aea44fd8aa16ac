"""States of runs, joins, branches and attempts, and the one table of allowed moves.

Knows nothing of storage or time.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from runs.domain.errors import IllegalTransition


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    HELD = "held"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JoinStatus(StrEnum):
    WAITING = "waiting"
    JOINING = "joining"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class BranchStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SPARED = "spared"


class AttemptStatus(StrEnum):
    SENT = "sent"
    OK = "ok"
    THROTTLED = "throttled"
    ERROR = "error"
    ABORTED = "aborted"
    LOST = "lost"
    LATE_OK = "late_ok"


R, J, B, A = RunStatus, JoinStatus, BranchStatus, AttemptStatus

# For each kind, from each state, the states it may move to. A new pass reopens an ended run
# (`queued`), its joins (`waiting`) and its failed or cancelled branches (`pending`). One table a
# kind: equal words of different enums are equal keys.
TRANSITIONS: Mapping[type[StrEnum], Mapping[StrEnum, frozenset[StrEnum]]] = {
    RunStatus: {
        R.QUEUED: frozenset({R.RUNNING, R.HELD, R.CANCELLING, R.CANCELLED}),
        R.RUNNING: frozenset(
            {R.HELD, R.QUEUED, R.SUCCEEDED, R.PARTIAL, R.FAILED, R.CANCELLING, R.CANCELLED}
        ),
        R.HELD: frozenset({R.RUNNING, R.QUEUED, R.CANCELLING, R.CANCELLED}),
        R.CANCELLING: frozenset({R.CANCELLED}),
        R.SUCCEEDED: frozenset({R.QUEUED}),
        R.PARTIAL: frozenset({R.QUEUED}),
        R.FAILED: frozenset({R.QUEUED}),
        R.CANCELLED: frozenset({R.QUEUED}),
    },
    JoinStatus: {
        J.WAITING: frozenset({J.JOINING, J.DONE, J.FAILED, J.CANCELLED}),
        J.JOINING: frozenset({J.DONE, J.FAILED, J.CANCELLED}),
        J.DONE: frozenset({J.WAITING}),
        J.FAILED: frozenset({J.WAITING}),
        J.CANCELLED: frozenset({J.WAITING}),
    },
    BranchStatus: {
        B.PENDING: frozenset({B.RUNNING, B.CANCELLED, B.SPARED, B.SUCCEEDED}),
        B.RUNNING: frozenset({B.SUCCEEDED, B.FAILED, B.PENDING, B.CANCELLED}),
        B.SUCCEEDED: frozenset(),
        B.FAILED: frozenset({B.PENDING, B.SUCCEEDED}),
        B.CANCELLED: frozenset({B.PENDING}),
        B.SPARED: frozenset(),
    },
    AttemptStatus: {
        A.SENT: frozenset({A.OK, A.THROTTLED, A.ERROR, A.ABORTED, A.LOST}),
        A.OK: frozenset(),
        A.THROTTLED: frozenset(),
        A.ERROR: frozenset(),
        A.ABORTED: frozenset({A.LATE_OK}),
        A.LOST: frozenset({A.LATE_OK}),
        A.LATE_OK: frozenset(),
    },
}

OPEN_RUN = frozenset({R.QUEUED, R.RUNNING, R.HELD, R.CANCELLING})
ENDED_RUN = frozenset({R.SUCCEEDED, R.PARTIAL, R.FAILED, R.CANCELLED})
ENDED_JOIN = frozenset({J.DONE, J.FAILED, J.CANCELLED})
ENDED_BRANCH = frozenset({B.SUCCEEDED, B.FAILED, B.CANCELLED, B.SPARED})

State = TypeVar("State", RunStatus, JoinStatus, BranchStatus, AttemptStatus)


def move(old: State, new: State) -> State:
    """Return `new`; raises `IllegalTransition` where the table has no such move."""
    if new not in TRANSITIONS[type(old)][old]:
        raise IllegalTransition(type(old).__name__, old, new)
    return new
