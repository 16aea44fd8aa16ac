"""A run's figures, added up as its attempts end, are those of all attempts together."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.plan import BranchSpec, CallSettings, Role
from runs.domain.policies import Budget, CallLimits, FailurePolicy, RetryPolicy
from runs.domain.states import AttemptStatus, RunStatus
from runs.engine.state import AttemptState, BranchState, JoinState, RunState
from runs.execution.figures import RunningFigures, attempt_figures
from runs.metrics.figures import RunFigures
from runs.metrics.kpis import compute

BRANCHES = 3
CALL = CallSettings(connection="c", model="m", max_tokens=5)
ENDS = (AttemptStatus.OK, AttemptStatus.ERROR, AttemptStatus.THROTTLED, AttemptStatus.ABORTED)


class Clock:
    def now_ms(self) -> int:
        return 9_000


def run_of(attempts: list[AttemptState]) -> RunState:
    run = RunState(
        id=1, fence=1, seq=0, status=RunStatus.RUNNING, policy=FailurePolicy(),
        retry=RetryPolicy(), limits=CallLimits(), budget=Budget(),
        joins=[JoinState(0, None, 0, "", BRANCHES, 0, True)], attempts=attempts,
    )  # fmt: skip
    for number in range(BRANCHES):
        spec = BranchSpec(number, Role.SECTION, "", 0, "p", CALL)
        run.add(BranchState(number, 0, Role.SECTION, number, spec))
    return run


def figures_of(run: RunState) -> RunningFigures:
    return RunningFigures(
        run, Clock(), is_private=False, limit=4, baseline={}, on_call=lambda seconds: None
    )


def expected(run: RunState) -> dict[str, Any]:
    attempts = [attempt_figures(run.branches[a.branch], a) for a in run.attempts]
    return compute(RunFigures(wall_ms=9_000, attempts=attempts, limit_in_flight=4))


def ended(attempt: AttemptState, status: AttemptStatus, took_ms: int) -> None:
    attempt.sent_ms = attempt.admitted_ms + 1
    attempt.ended_ms = attempt.sent_ms + took_ms
    attempt.status = status
    attempt.error_kind = "" if status is AttemptStatus.OK else "bad_reply"
    attempt.input_tokens, attempt.output_tokens, attempt.cost_usd = 7, 5, 0.25
    attempt.is_cost_confirmed = True


@st.composite
def histories(draw: st.DrawFn) -> list[AttemptState]:
    """Attempts, one after the other in each branch, none after its success."""
    attempts = []
    for branch in range(BRANCHES):
        now = 0
        for number in range(1, draw(st.integers(1, 4))):
            now += draw(st.integers(1, 900))
            one = AttemptState(branch, number, f"{branch}/{number}", now - 1, now)
            one.held_ms = draw(st.integers(0, 1))
            ended(one, draw(st.sampled_from(ENDS)), draw(st.integers(0, 900)))
            now = one.ended_ms or now
            attempts.append(one)
            if one.status is AttemptStatus.OK:
                break
    return attempts


@given(histories(), st.integers(0, 12))
def test_the_order_of_ends_and_a_restart_change_nothing(
    attempts: list[AttemptState], before: int
) -> None:
    """`before`: so many had ended when the run was taken up."""
    by_end = sorted(attempts, key=lambda one: one.ended_ms or 0)
    run = run_of(by_end[:before])
    running = figures_of(run)
    for one in by_end[before:]:
        run.attempts.append(one)
        running.ended(run.branches[one.branch], one)
    run.attempts.sort(key=lambda one: one.admitted_ms)
    final = running.final()
    for name, value in expected(run).items():
        assert final[name] == (pytest.approx(value) if isinstance(value, float) else value), name


def test_an_answer_that_came_late_counts_as_one() -> None:
    lost = AttemptState(0, 1, "u", 0, 0)
    ended(lost, AttemptStatus.LOST, 500)
    run = run_of([lost])
    running = figures_of(run)
    assert running.live()["wasted_usd"] == pytest.approx(0.25)
    lost.status, lost.error_kind = AttemptStatus.LATE_OK, ""
    assert running.final()["wasted_usd"] == 0
    assert running.final()["useful_usd"] == pytest.approx(0.25)
