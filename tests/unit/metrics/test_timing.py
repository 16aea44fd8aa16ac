"""Where the time went: each instant has one label."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.metrics.figures import AttemptFigures, RunFigures
from runs.metrics.timing import LABELS, where_the_time_went
from tests.unit.metrics.attempts import call


def where(attempts, wall, **others):
    timing = where_the_time_went(RunFigures(wall, attempts, **others))
    assert sum(timing.where_ms.values()) == timing.wall_ms
    return {label: ms for label, ms in timing.where_ms.items() if ms}


def test_calls_in_flight_with_nothing_waiting_are_full():
    assert where([call(0), call(1)], 1000) == {"full": 1000}


def test_less_than_half_the_peak_with_nothing_waiting_is_the_tail():
    attempts = [call(0), call(1), call(2), call(3, ended=3000)]
    assert where(attempts, 3000) == {"full": 1000, "tail": 2000}


def test_half_the_peak_is_no_tail():
    assert where([call(0), call(1, ended=2000)], 2000) == {"full": 2000}


def test_waiting_for_a_slot_is_the_limit():
    attempts = [call(0), call(1, sent=1000, ended=2000, ready=0)]
    assert where(attempts, 2000) == {"at_the_limit": 1000, "full": 1000}


def test_slots_that_nothing_waits_for_cost_nothing():
    attempts = [call(branch) for branch in range(4)]
    assert where(attempts, 1000, limit_in_flight=4) == {"full": 1000}
    assert where([*attempts, call(4, sent=1000, ended=2000, ready=600)], 2000,
                 limit_in_flight=4) == {"full": 600, "at_the_limit": 400, "tail": 1000}  # fmt: skip


def test_the_rate_limit_holds_the_last_part_of_a_wait():
    attempts = [call(0, ended=3000), call(1, sent=2000, ended=3000, ready=0, held=500)]
    assert where(attempts, 3000) == {"at_the_limit": 1500, "rate_limit": 500, "full": 1000}


def test_a_limit_that_held_the_queue_early_does_not_hold_who_comes_late():
    """Ten slots, the rate limit for half a second, then slots alone: the last one was admitted
    2.5 s after it was ready, and the rate limit held its queue for 0.5 s of them."""
    attempts = [
        call(0, ended=3000),
        call(1, sent=500, ended=3000, ready=0, held=500, limited_ms=500),
        call(2, sent=2500, ended=3000, ready=0, held=500, limited_ms=0),
    ]
    assert where(attempts, 3000) == {"rate_limit": 500, "at_the_limit": 2000, "full": 500}


def test_calls_that_the_gate_lets_in_one_after_the_other_wait_without_gaps():
    attempts = [
        call(n, sent=20 * n, ended=2000, ready=0, held=20 * n, limited_ms=17) for n in range(1, 51)
    ]
    assert where(attempts, 1000) == {"at_the_limit": 3, "rate_limit": 997}


def test_room_under_a_cap_is_waited_for_before_the_rate_limit():
    attempts = [
        call(0, ended=1500),
        call(1, sent=1000, ended=1500, ready=0, held=100, limited_ms=100, short_ms=600),
    ]
    assert where(attempts, 1500) == {
        "at_the_limit": 300, "budget": 600, "rate_limit": 100, "full": 500,
    }  # fmt: skip


def test_between_a_failed_try_and_the_next_lies_backoff():
    attempts = [
        call(0, status="error"),
        call(0, sent=1500, ended=2000),
        call(1, ended=2000),
    ]
    assert where(attempts, 2000) == {"full": 1500, "backoff": 500}


def test_backoff_costs_nothing_while_all_slots_are_taken():
    attempts = [
        call(0, status="error"),
        call(0, sent=1500, ended=2000),
        call(1, ended=1500),
        call(2, sent=1000, ended=1500),
    ]
    assert where(attempts, 2000, limit_in_flight=2) == {"full": 2000}
    assert where(attempts, 2000, limit_in_flight=3) == {"full": 1500, "backoff": 500}
    waiting = [*attempts, call(3, sent=1500, ended=2000, ready=1200)]
    assert where(waiting, 2000, limit_in_flight=2) == {"at_the_limit": 300, "full": 1700}


def test_an_outage_is_not_the_rate_limits_fault_and_costs_only_what_waits():
    attempts = [call(0, ended=4000), call(1, sent=3000, ended=4000, ready=1000, held=1600)]
    found = where(attempts, 4000, outage_spans_ms=[(500, 2500)])
    assert found == {"full": 2000, "outage": 1500, "at_the_limit": 400, "rate_limit": 100}


def test_after_a_throttled_try_the_rate_limit_waits():
    attempts = [call(0, status="throttled"), call(0, sent=1500, ended=2000)]
    assert where(attempts, 2000) == {"full": 1500, "rate_limit": 500}
    told = [call(0, status="lost"), call(0, sent=1500, ended=2000, is_backoff=True)]
    assert where(told, 2000) == {"full": 1500, "backoff": 500}


def test_only_merges_in_flight_is_the_join():
    attempts = [call(0), call(9, sent=1000, ended=2500, role="merge")]
    assert where(attempts, 2500) == {"full": 1000, "join": 1500}
    beside = [call(0), call(9, sent=500, ended=1000, role="merge")]
    assert where(beside, 1000) == {"full": 1000}


def test_the_first_label_that_fits_wins():
    attempts = [call(0, sent=0, ended=4000), call(1, sent=4000, ended=5000, ready=0, held=4000)]
    spans = {"down_spans_ms": [(0, 1000)], "quota_spans_ms": [(500, 2000)]}
    assert where(attempts, 5000, **spans) == {
        "down": 1000, "held": 1000, "rate_limit": 2000, "full": 1000,
    }  # fmt: skip


def test_until_a_process_takes_it_up_nobody_works_on_a_run():
    attempts = [call(0, sent=900, ended=2000), call(1, sent=1000, ended=2000, ready=900)]
    assert where(attempts, 2000) == {"down": 900, "at_the_limit": 100, "full": 1000}
    assert where(attempts, 2000, down_spans_ms=[(500, 950)]) == {
        "down": 950, "at_the_limit": 50, "full": 1000,
    }  # fmt: skip


def test_time_held_by_a_person_is_taken_off_the_wall():
    figures = RunFigures(5000, [call(0), call(1, sent=4000, ended=5000)],
                         held_spans_ms=[(1000, 3000), (2000, 4000)])  # fmt: skip
    timing = where_the_time_went(figures)
    assert timing.wall_ms == 2000
    assert timing.where_ms["full"] == 2000
    assert timing.busy_ms == 2000


def test_an_open_call_lasts_to_the_end_and_a_lost_one_has_no_length():
    assert where([call(0, ended=None, status="sent")], 500) == {"full": 500}
    assert where([call(0), call(1, ended=None, status="lost")], 1000) == {"full": 1000}


def test_what_lies_outside_the_wall_is_left_out():
    assert where([call(0, sent=-500, ended=5000)], 1000) == {"full": 1000}


def test_a_run_without_calls_or_time_has_labels_that_sum_all_the_same():
    assert where([], 700) == {"full": 700}
    assert where([], 0) == {}
    assert where([call(0)], 0) == {}


@pytest.mark.parametrize("ends", [(1000, 1400), (1400, 1000)])
def test_backoff_begins_when_both_of_two_attempts_have_ended(ends):
    attempts = [
        call(0, ended=ends[0], status="error"),
        call(0, sent=500, ended=ends[1], status="error", is_hedge=True),
        call(0, sent=1900, ended=2000, is_backoff=True),
    ]
    assert where(attempts, 2000)["backoff"] == 500


@st.composite
def any_attempt(draw):
    start, wait, held, length = (draw(st.integers(0, 400)) for _ in range(4))
    sent = draw(st.sampled_from([True, True, True, False]))
    return AttemptFigures(
        branch=draw(st.integers(0, 5)),
        role=draw(st.sampled_from(["section", "vote", "guard", "merge", "judge"])),
        status=draw(st.sampled_from(["sent", "ok", "throttled", "error", "aborted", "lost"])),
        ready_ms=start,
        admitted_ms=start + wait,
        sent_ms=start + wait if sent else None,
        first_token_ms=None,
        ended_ms=draw(st.sampled_from([None, start + wait + length])),
        held_ms=held,
        limited_ms=draw(st.sampled_from([None, 0, held])),
        short_ms=draw(st.integers(0, 400)),
        is_backoff=draw(st.booleans()),
        is_hedge=draw(st.booleans()),
    )


spans = st.lists(
    st.tuples(st.integers(-50, 900), st.integers(-50, 900)).map(lambda s: tuple(sorted(s))),
    max_size=3,
)


@given(
    st.lists(any_attempt(), max_size=30),
    st.integers(0, 1000),
    st.sampled_from([None, 1, 3]),
    spans, spans, spans,
)  # fmt: skip
def test_labels_sum_to_the_wall_exactly(attempts, wall, limit, down, quota, person):
    timing = where_the_time_went(
        RunFigures(
            wall, attempts, limit,
            down_spans_ms=down, quota_spans_ms=quota, held_spans_ms=person,
        )
    )  # fmt: skip
    assert set(timing.where_ms) == set(LABELS)
    assert sum(timing.where_ms.values()) == timing.wall_ms <= wall
    assert all(ms >= 0 for ms in timing.where_ms.values())


@given(st.lists(any_attempt(), max_size=30), st.integers(0, 1000))
def test_the_order_of_attempts_changes_nothing_and_busy_time_is_their_sum(attempts, wall):
    figures = RunFigures(wall, attempts)
    timing = where_the_time_went(figures)
    assert timing.peak <= len(attempts)
    assert timing.busy_ms == sum(
        max(min(end_of(a, wall), wall) - min(a.sent_ms, wall), 0)
        for a in attempts
        if a.sent_ms is not None
    )
    if len({(a.branch, a.ready_ms) for a in attempts}) == len(attempts):
        assert where_the_time_went(RunFigures(wall, attempts[::-1])) == timing


def end_of(attempt, wall):
    if attempt.ended_ms is not None:
        return attempt.ended_ms
    return wall if attempt.status == "sent" else 0


@pytest.mark.parametrize("label", LABELS)
def test_every_label_can_be_seen(label):
    attempts = [
        call(0, ended=2000),
        call(1, ended=1000, status="error"),
        call(1, sent=1500, ended=2000),
        call(2, sent=2000, ended=3000, ready=1600),
        call(3, sent=3000, ended=4000, ready=2500, held=500),
        call(4, sent=2000, ended=4000),
        call(5, sent=2000, ended=6000),
        call(6, sent=2000, ended=4000),
        call(7, sent=6000, ended=7000, role="merge"),
        call(8, sent=1400, ended=1500, ready=1200, short_ms=100),
    ]
    spans = {
        "down_spans_ms": [(100, 200)],
        "quota_spans_ms": [(300, 400)],
        "outage_spans_ms": [(2600, 2700)],
    }
    assert where(attempts, 7000, **spans).get(label, 0) > 0
