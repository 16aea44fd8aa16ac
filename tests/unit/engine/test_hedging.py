"""When a call is overdue, by the calls that ended and those that did not."""

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from runs.domain.policies import HEDGES_AFTER
from runs.engine.hedging import Latencies, Threshold, may_hedge

SIGMA = math.log(10) / 2.326  # p99 = 10 × median


def test_without_open_calls_it_is_the_plain_quantile() -> None:
    latencies = Latencies()
    for ms in range(1, 1_001):
        latencies.answered(ms)
    p95 = latencies.quantile(0.95, [])
    assert p95 is not None
    assert abs(p95 - 950) <= 0.03 * 950


def test_calls_that_are_still_open_hold_it_back() -> None:
    """All were sent at once and the fastest tenth has ended: of the tail nothing is known."""
    latencies = Latencies()
    for ms in range(1, 101):
        latencies.answered(ms)
    assert latencies.quantile(0.95, [100] * 900) is None


def test_calls_that_were_cut_off_count_as_longer() -> None:
    """With its slowest calls aborted at 1 s the tail must not seem to shrink."""
    rng, latencies = random.Random(1), Latencies()
    for _ in range(4_000):
        ms = round(200 * math.exp(SIGMA * rng.gauss(0, 1)))
        (latencies.answered if ms < 1_000 else latencies.cut_off)(min(ms, 1_000))
    naive = 200 * math.exp(SIGMA * 1.27)  # what 95 % of the answered ones take
    p95 = latencies.quantile(0.95, [])
    assert p95 is None or p95 > 1.3 * naive


def test_a_tail_that_nobody_saw_is_not_known() -> None:
    latencies = Latencies()
    for _ in range(80):
        latencies.answered(10)
    for _ in range(20):
        latencies.cut_off(10)
    assert latencies.quantile(0.95, []) is None


def test_older_calls_fade() -> None:
    latencies = Latencies()
    for ms in [1_000] * 8_000 + [10] * 11_999:
        latencies.answered(ms)
    for _ in range(40_000):
        latencies.answered(10)
    p95 = latencies.quantile(0.95, [])
    assert p95 is not None
    assert p95 < 20


def test_nothing_is_said_of_the_tail_of_a_few_calls() -> None:
    threshold = Threshold()
    for _ in range(HEDGES_AFTER - 1):
        threshold.latencies.answered(5)
    assert not threshold.is_due
    threshold.latencies.answered(5)
    assert threshold.is_due
    threshold.renew([])
    assert threshold.ms is not None
    assert not threshold.is_due


@given(st.lists(st.integers(0, 100_000), max_size=60), st.lists(st.integers(0, 100_000)))
def test_it_lies_among_the_calls_that_ended(ended: list[int], opened: list[int]) -> None:
    latencies = Latencies()
    for ms in ended:
        latencies.answered(ms)
    p95 = latencies.quantile(0.95, opened)
    if p95 is not None:
        assert min(ended) <= p95 * 1.03
        assert p95 <= max(ended) * 1.03 + 2


@given(st.floats(0.01, 0.5), st.lists(st.booleans(), max_size=300))
def test_the_share_is_never_exceeded(share: float, wanted: list[bool]) -> None:
    ordinary = hedges = 0
    for is_hedge in wanted:
        if is_hedge and may_hedge(share, ordinary + hedges, hedges):
            hedges += 1
        else:
            ordinary += 1
        assert hedges <= share * ordinary + 1 + 1e-6
