"""The failure policy: whether what came in may be joined at all. Knows no method."""

from collections.abc import Sequence

from runs.aggregation.entries import Entry, name_of
from runs.domain.policies import FailurePolicy, OnFailure
from runs.domain.results import ChildState, OutcomeKind

_LOST = frozenset({ChildState.FAILED, ChildState.CANCELLED})
_EVERY = frozenset({OnFailure.STOP, OnFailure.ALL})


def refusal(policy: FailurePolicy, entries: Sequence[Entry]) -> tuple[OutcomeKind, str] | None:
    """The outcome and its reason where nothing may be joined, else None.

    Usable is a child of which the method can use something: an unreadable vote is not.
    """
    if policy.on_failure in _EVERY:
        # What failed is the cause; what was cancelled for it only follows.
        lost = [entry for entry in entries if entry.child.state in _LOST]
        lost.sort(key=lambda entry: entry.child.state is not ChildState.FAILED)
        if lost:
            return OutcomeKind.FAILED, _why_failed(policy, lost)
    usable = sum(entry.is_usable for entry in entries)
    if policy.on_failure is OnFailure.AT_LEAST and usable < policy.least:
        return (
            OutcomeKind.NO_QUORUM,
            f"Usable answers: {usable} of {len(entries)}; at least {policy.least} are needed",
        )
    if not usable:
        return OutcomeKind.NO_QUORUM, "No branch gave a usable answer"
    return None


def _why_failed(policy: FailurePolicy, lost: Sequence[Entry]) -> str:
    failed = sum(entry.child.state is ChildState.FAILED for entry in lost)
    same = failed or len(lost)  # as the first of them: those that failed, or else did not end
    others = f" and {same - 1:,} more" if same > 1 else ""
    verb = "failed" if failed else "did not end"
    left = len(lost) - same
    cancelled = f" ({left:,} {'was' if left == 1 else 'were'} cancelled)" if left else ""
    rule = (
        "the run stops at the first failure"
        if policy.on_failure is OnFailure.STOP
        else "every branch is needed"
    )
    return f"{name_of(lost[0].child)}{others} {verb}{cancelled}, and {rule}"
