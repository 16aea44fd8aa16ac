"""What a failure policy says where it lets nothing be joined."""

import pytest

from runs.aggregation.registry import aggregate
from runs.domain.joins import Concatenate
from runs.domain.policies import FailurePolicy, OnFailure
from runs.domain.results import Child, ChildState, Outcome

ANSWERED, FAILED, CANCELLED = ChildState.ANSWERED, ChildState.FAILED, ChildState.CANCELLED


def detail(rule: OnFailure, *states: ChildState) -> str:
    children = [Child(i, f"part {i}", state, text="text") for i, state in enumerate(states)]
    outcome = aggregate(Concatenate(), FailurePolicy(rule), children, {})
    assert isinstance(outcome, Outcome)
    return outcome.detail


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ((ANSWERED, FAILED), "part 1 failed, and"),
        ((FAILED, FAILED, FAILED), "part 0 and 2 more failed, and"),
        ((CANCELLED, FAILED, CANCELLED), "part 1 failed (2 were cancelled), and"),
        ((CANCELLED, FAILED, FAILED), "part 1 and 1 more failed (1 was cancelled), and"),
        ((ANSWERED, CANCELLED, CANCELLED), "part 1 and 1 more did not end, and"),
    ],
)
def test_what_failed_is_told_apart_from_what_was_cancelled_for_it(
    states: tuple[ChildState, ...], said: str
) -> None:
    told = f"{said} the run stops at the first failure."
    assert detail(OnFailure.STOP, *states).lower() == told.lower()
