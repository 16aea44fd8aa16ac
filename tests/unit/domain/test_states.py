"""The one table of allowed moves."""

import itertools

import pytest

from runs.domain.errors import IllegalTransition
from runs.domain.states import (
    ENDED_BRANCH,
    ENDED_JOIN,
    ENDED_RUN,
    OPEN_RUN,
    TRANSITIONS,
    AttemptStatus,
    BranchStatus,
    JoinStatus,
    RunStatus,
    move,
)

KINDS = (RunStatus, JoinStatus, BranchStatus, AttemptStatus)
BRANCHES, ATTEMPTS = TRANSITIONS[BranchStatus], TRANSITIONS[AttemptStatus]
RUNS = TRANSITIONS[RunStatus]
PAIRS = [pair for kind in KINDS for pair in itertools.product(kind, kind)]


def name(state):
    return f"{type(state).__name__}.{state}"


@pytest.mark.parametrize(("old", "new"), PAIRS, ids=name)
def test_a_move_is_made_or_refused_as_the_table_says(old, new):
    if new in TRANSITIONS[type(old)][old]:
        assert move(old, new) is new
    else:
        with pytest.raises(IllegalTransition, match=f"{old} may not become {new}"):
            move(old, new)


def test_every_state_has_its_line_and_leads_to_states_of_its_own_kind():
    assert set(TRANSITIONS) == set(KINDS)
    for kind, table in TRANSITIONS.items():
        assert list(table) == list(kind)
        for state, after in table.items():
            assert all(type(one) is kind for one in (state, *after))
            assert state not in after


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        (RunStatus, RunStatus.QUEUED),
        (JoinStatus, JoinStatus.WAITING),
        (BranchStatus, BranchStatus.PENDING),
        (AttemptStatus, AttemptStatus.SENT),
    ],
)
def test_every_state_can_be_reached_from_the_first(kind, start):
    reached, edge = {start}, [start]
    while edge:
        new = TRANSITIONS[kind][edge.pop()] - reached
        reached |= new
        edge += new
    assert reached == set(kind)


def test_what_has_been_paid_for_is_never_reopened():
    assert BRANCHES[BranchStatus.SUCCEEDED] == frozenset()
    assert ATTEMPTS[AttemptStatus.OK] == frozenset()
    assert ATTEMPTS[AttemptStatus.LATE_OK] == frozenset()


def test_only_a_pending_branch_is_spared():
    assert [s for s in BranchStatus if BranchStatus.SPARED in BRANCHES[s]] == ["pending"]


def test_every_open_run_can_be_cancelled_and_every_ended_one_only_queued_anew():
    for status in OPEN_RUN - {RunStatus.CANCELLING}:
        assert RunStatus.CANCELLING in RUNS[status]
    for status in ENDED_RUN:
        assert RUNS[status] == {RunStatus.QUEUED}


def test_a_run_is_open_or_ended():
    assert set(RunStatus) == OPEN_RUN | ENDED_RUN
    assert not OPEN_RUN & ENDED_RUN
    assert {JoinStatus.WAITING, JoinStatus.JOINING} == set(JoinStatus) - ENDED_JOIN
    assert {BranchStatus.PENDING, BranchStatus.RUNNING} == set(BranchStatus) - ENDED_BRANCH
