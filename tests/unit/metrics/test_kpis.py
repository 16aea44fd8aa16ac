"""The KPIs of a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.metrics import baseline
from runs.metrics.figures import AttemptFigures, RunFigures
from runs.metrics.kpis import Running, compute, numbers
from tests.effort import Effort
from tests.unit.metrics.attempts import call
from tests.unit.metrics.test_timing import any_attempt


def kpis(attempts, wall=2000, **others):
    return compute(RunFigures(wall, attempts, **others))


def test_one_by_one_is_the_sum_of_the_successful_calls_joins_included():
    attempts = [
        call(0),
        call(1, ended=700, status="error"),
        call(1, sent=800, ended=1500),
        call(2, sent=1500, ended=2000, role="merge"),
        call(3, ended=300, status="throttled"),
    ]
    found = kpis(attempts)
    assert found["wall_s"] == 2.0
    assert found["one_by_one_s"] == 2.2
    assert found["speed_up"] == pytest.approx(1.1)
    assert found["latency_reduction"] == pytest.approx(1 - 2 / 2.2)
    assert found["speed_up_is"] == "estimated"


def test_a_speed_up_is_measured_only_with_a_baseline():
    attempts = [call(branch) for branch in range(4)]
    sample = baseline.measured([(250, 1000), (250, 1000), (250, 1000)])
    found = kpis(attempts, 1000, baseline=sample, is_private=True)
    assert (found["speed_up_is"], found["speed_up"], found["one_by_one_s"]) == ("measured", 1, 1)
    unmeasured = kpis(attempts, 1000, is_private=True, baseline={})
    assert (unmeasured["speed_up_is"], unmeasured["speed_up"]) == ("estimated", 4)
    assert unmeasured["is_private"] is True


@pytest.mark.parametrize("sample", [[], [(1, 1)] * 2, [(0, 5)] * 3])
def test_a_baseline_needs_three_calls_that_took_time(sample):
    with pytest.raises(ValueError, match="baseline"):
        baseline.measured(sample)


def test_too_small_a_sample_is_no_baseline():
    assert baseline.ratio({"calls": 2, "alone_ms": 1, "in_run_ms": 1}) is None
    assert baseline.ratio(None) is None


def test_concurrency_is_the_calls_durations_over_the_wall():
    found = kpis([call(0), call(1), call(2, sent=1000, ended=2000, status="error")])
    assert found["achieved_concurrency"] == 1.5
    assert found["peak_in_flight"] == 2


def test_money_is_useful_or_wasted_and_outvoted_is_no_waste():
    attempts = [
        call(0, cost=0.02, role="vote"),
        call(1, cost=0.01, status="error", role="vote"),
        call(1, cost=0.02, role="vote", sent=1000, ended=1500),
        call(2, cost=0.005, status="aborted", role="vote"),
    ]
    found = kpis(attempts)
    assert found["cost_usd"] == 0.055
    assert found["useful_usd"] == 0.04
    assert found["wasted_usd"] == 0.015
    assert found["multiplier"] == pytest.approx(0.055 / 0.02)
    assert found["input_tokens"] == 400
    assert found["output_tokens"] == 200


def test_a_second_success_of_a_branch_is_superseded():
    found = kpis([call(0, cost=0.02), call(0, cost=0.02, status="late_ok", sent=1000, ended=1800)])
    assert (found["useful_usd"], found["wasted_usd"]) == (0.02, 0.02)
    assert found["one_by_one_s"] == 1


def test_the_multiplier_compares_with_a_section_or_vote_not_with_a_merge():
    found = kpis([call(0, cost=0.01), call(1, cost=0.03), call(2, role="merge", cost=0.06)])
    assert found["multiplier"] == pytest.approx(0.10 / 0.02)


def test_where_calls_cost_nothing_the_multiplier_goes_by_tokens():
    found = kpis([call(0, cost=0.0), call(1, cost=0.0), call(2, cost=0.0, role="merge")])
    assert (found["cost_usd"], found["multiplier"]) == (0.0, 3)


def test_unknown_usage_counts_at_its_reservation_and_is_marked():
    attempts = [
        call(0, cost=0.01),
        call(1, cost=None, reserved_usd=0.05, status="lost", tokens=(None, None)),
        call(2, cost=0.03, is_confirmed=False, status="aborted"),
        call(3, cost=None, reserved_usd=0.05, status="throttled"),
    ]
    found = kpis(attempts)
    assert found["cost_usd"] == 0.09
    assert found["unconfirmed_usd"] == 0.08


@pytest.mark.parametrize(
    "unknown",
    [
        call(1, cost=None),
        call(1, cost=0.0, is_confirmed=False),
        call(1, cost=None, is_confirmed=False, status="lost"),
    ],
)
def test_an_unknown_price_is_unknown_and_never_free(unknown):
    found = kpis([call(0), unknown])
    assert found["cost_usd"] is found["useful_usd"] is found["wasted_usd"] is None
    assert found["multiplier"] == 2


def test_throttling_is_counted_over_requests_and_held_time_beside_it():
    never_sent = call(3, status="aborted", held=50)._replace(sent_ms=None)
    attempts = [call(0, held=300), call(1, status="throttled"), call(2, held=200), never_sent]
    found = kpis(attempts)
    assert (found["attempts"], found["throttled"]) == (3, 1)
    assert found["throttle_rate"] == pytest.approx(1 / 3)
    assert found["held_s"] == 0.55


def test_hedges_are_counted_and_only_the_answer_that_counted_makes_one_by_one():
    lost = {"status": "aborted", "error_kind": "hedge", "cost": 0.02, "is_confirmed": False}
    attempts = [
        call(0, ended=4000, **lost),
        call(0, sent=2000, ended=4000, is_hedge=True),
        call(1, ended=3000),
        call(1, sent=2000, ended=3000, is_hedge=True, **lost),
        call(2, is_hedge=True, status="aborted")._replace(sent_ms=None),
    ]
    found = compute(RunFigures(4000, attempts))
    assert (found["attempts"], found["hedges"], found["hedges_won"]) == (4, 2, 1)
    assert found["one_by_one_s"] == 5
    assert found["achieved_concurrency"] == pytest.approx(10 / 4)
    assert found["wasted_by"]["hedge"]["usd"] == pytest.approx(0.04)


def test_a_provider_that_lets_one_call_through_at_a_time_serialises():
    attempts = [
        call(n, sent=n * 1000, ended=n * 1000 + 900, ready=0, held=n * 1000) for n in range(9)
    ]
    assert kpis(attempts, 9000)["is_serialised"] is True
    assert kpis([call(n) for n in range(9)], 1000)["is_serialised"] is False


def test_quality_comes_from_the_outcome():
    found = kpis([call(0)], quality={"coverage": 0.5, "agreement": 0.75, "margin": 2, "tally": {}})
    assert (found["coverage"], found["agreement"], found["margin"]) == (0.5, 0.75, 2)
    assert kpis([call(0)])["agreement"] is None


def test_a_run_without_a_call_has_figures_too():
    found = kpis([], 0)
    assert (found["wall_s"], found["attempts"], found["throttle_rate"]) == (0, 0, 0)
    assert found["speed_up"] is found["achieved_concurrency"] is found["multiplier"] is None
    failed = kpis([call(0, status="error")])
    assert failed["one_by_one_s"] is failed["speed_up"] is failed["latency_reduction"] is None


@given(st.lists(any_attempt(), max_size=30), st.integers(1, 3000))
def test_one_by_one_is_never_less_than_any_of_its_calls(attempts, wall):
    found = kpis(attempts, wall)
    firsts: dict[int, int] = {}
    for attempt in attempts:
        if attempt.status == "ok" and attempt.was_sent:
            firsts.setdefault(attempt.branch, attempt.duration_ms)
    assert (found["one_by_one_s"] or 0) >= max(firsts.values(), default=0) / 1000
    assert 0 <= found["throttle_rate"] <= 1
    assert sum(found["where"].values()) == pytest.approx(found["wall_s"])
    if found["speed_up"]:
        assert found["latency_reduction"] == pytest.approx(1 - 1 / found["speed_up"])


@given(st.lists(any_attempt(), max_size=30), st.integers(1, 3000))
def test_the_running_totals_say_what_the_end_will_say(attempts, wall):
    running = Running()
    for attempt in attempts:
        running.add(attempt)
    live, final = running.as_kpis(wall), kpis(attempts, wall)
    assert set(live) <= set(final)
    same = set(live) - {"achieved_concurrency"}
    assert {name: live[name] for name in same} == {name: final[name] for name in same}


def test_the_plain_figures_are_those_that_can_be_compared():
    plain = numbers(kpis([call(0)]))
    assert plain["wall_s"] == 2.0
    assert not {"where", "speed_up_is", "is_private", "agreement"} & set(plain)


def test_fifty_thousand_attempts_take_well_under_a_second():
    attempts = [
        AttemptFigures(n, "vote", "ok", max(n // 50 * 200 - 4000, 0), n // 50 * 200 + n % 37,
                       n // 50 * 200 + n % 37, None, n // 50 * 200 + 150 + n % 61, n % 3, False,
                       100, 50, 0.001, 0.002)
        for n in range(52_720)
    ]  # fmt: skip
    figures = RunFigures(52_720 // 50 * 200 + 300, attempts, 50)
    effort = Effort()
    found = compute(figures)
    assert effort.seconds() < 0.9
    assert found["attempts"] == 52_720
