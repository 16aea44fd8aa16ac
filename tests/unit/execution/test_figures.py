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
ENDS = tuple(AttemptStatus(end) for end in ("ok", "error", "throttled", "aborted", "lost"))
COSTS = st.sampled_from([0.0, 0.1, 0.25])


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


def ended(attempt: AttemptState, status: AttemptStatus, took_ms: int, cost_usd: float) -> None:
    attempt.sent_ms = attempt.admitted_ms + 1
    attempt.ended_ms = attempt.sent_ms + took_ms
    attempt.status = status
    attempt.error_kind = "" if status is AttemptStatus.OK else "bad_reply"
    attempt.input_tokens, attempt.output_tokens, attempt.cost_usd = 7, 5, cost_usd
    attempt.is_cost_confirmed = cost_usd < 0.2


def dropped(attempt: AttemptState, at_ms: int) -> None:
    """Never sent."""
    attempt.status, attempt.ended_ms = AttemptStatus.ABORTED, at_ms
    attempt.cost_usd, attempt.is_cost_confirmed = 0.0, True


@st.composite
def histories(draw: st.DrawFn) -> list[AttemptState]:
    """Attempts of each branch, none after its success: one after the other, or two at a time of
    which at most one succeeds and the other is closed."""
    attempts: list[AttemptState] = []
    for branch in range(BRANCHES):
        now, number, is_answered = 0, 0, False
        for _ in range(draw(st.integers(0, 3))):
            if is_answered:
                break
            now, number = now + draw(st.integers(1, 900)), number + 1
            one = AttemptState(branch, number, f"{branch}/{number}", now - 1, now)
            one.held_ms = draw(st.integers(0, 1))
            attempts.append(one)
            if draw(st.integers(0, 5)) == 0:
                dropped(one, now)
                continue
            status = draw(st.sampled_from(ENDS))
            ended(one, status, draw(st.integers(1, 900)), draw(COSTS))
            pair = [one]
            if draw(st.booleans()):
                number += 1
                hedge = AttemptState(branch, number, f"{branch}/{number}", now, now, is_hedge=True)
                ended(hedge, draw(st.sampled_from(ENDS)), draw(st.integers(1, 900)), draw(COSTS))
                attempts.append(hedge)
                pair.append(hedge)
            is_answered = _closed_beside_a_success(pair)
            now = max(each.ended_ms or 0 for each in pair)
    return attempts


def _closed_beside_a_success(pair: list[AttemptState]) -> bool:
    """Make the other's end that of a call whose twin was quicker; whether there is a success."""
    answered = [one for one in pair if one.status is AttemptStatus.OK]
    if not answered:
        return False
    winner = min(answered, key=lambda one: one.ended_ms or 0)
    for other in pair:
        if other is not winner and (other.ended_ms or 0) >= (winner.ended_ms or 0):
            other.status, other.error_kind = AttemptStatus.ABORTED, "hedge"
            other.ended_ms = winner.ended_ms
    return True


def _by_end(attempt: AttemptState) -> tuple[int, bool]:
    """A loser is told before the winner that closed it."""
    return attempt.ended_ms or 0, attempt.status is AttemptStatus.OK


@given(histories(), st.integers(0, 12))
def test_the_order_of_ends_and_a_restart_change_nothing(
    attempts: list[AttemptState], before: int
) -> None:
    """`before`: so many had ended when the run was taken up."""
    by_end = sorted(attempts, key=_by_end)
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
    ended(lost, AttemptStatus.LOST, 500, 0.25)
    run = run_of([lost])
    running = figures_of(run)
    assert running.live()["wasted_usd"] == pytest.approx(0.25)
    lost.status, lost.error_kind = AttemptStatus.LATE_OK, ""
    assert running.final()["wasted_usd"] == 0
    assert running.final()["useful_usd"] == pytest.approx(0.25)
