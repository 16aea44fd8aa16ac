"""Waste by its cause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.metrics.figures import RunFigures
from runs.metrics.kpis import Running, compute
from tests.unit.metrics.attempts import call
from tests.unit.metrics.test_timing import any_attempt


def wasted(*attempts):
    return compute(RunFigures(2000, attempts))["wasted_by"]


def spent(calls, usd, tokens=150):
    return {"calls": calls, "tokens": tokens * calls, "usd": usd}


def test_the_errors_of_a_branch_without_an_answer_are_failed():
    assert wasted(call(0, status="error"), call(0, status="error"), call(1)) == {
        "failed": spent(2, 0.02)
    }


def test_an_error_before_a_later_try_succeeds_is_superseded():
    assert wasted(call(0, status="error"), call(1, status="error"), call(0)) == {
        "failed": spent(1, 0.01),
        "superseded": spent(1, 0.01),
    }


def test_an_answer_that_came_twice_is_superseded():
    assert wasted(call(0), call(0, status="late_ok")) == {"superseded": spent(1, 0.01)}


@pytest.mark.parametrize(
    ("status", "kind", "cause"),
    [("aborted", "", "aborted"), ("aborted", "hedge", "hedge"), ("lost", "", "lost")],
)
def test_what_was_broken_off_keeps_its_cause_whatever_became_of_the_branch(status, kind, cause):
    attempt = call(0, status=status, error_kind=kind)
    assert wasted(attempt) == wasted(attempt, call(0)) == wasted(call(0), attempt)
    assert wasted(attempt) == {cause: spent(1, 0.01)}


def test_a_refusal_that_cost_nothing_is_no_waste():
    assert wasted(call(0, status="throttled", cost=None), call(0)) == {}


def test_unknown_prices_leave_the_tokens():
    found = wasted(call(0, cost=None), call(1, status="error", cost=None))
    assert found == {"failed": {"calls": 1, "tokens": 150, "usd": None}}


@given(st.lists(any_attempt(), max_size=30))
def test_the_causes_sum_to_the_waste(attempts):
    running = Running()
    for attempt in attempts:
        running.add(attempt)
    found = running.as_kpis(3000)
    if found["wasted_usd"] is not None:
        total = sum(one["usd"] for one in found["wasted_by"].values())
        assert total == pytest.approx(found["wasted_usd"], abs=1e-9)
    assert all(one["calls"] > 0 for one in found["wasted_by"].values())
