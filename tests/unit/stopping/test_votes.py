"""How many votes come next, and how sure the leader is."""

from fractions import Fraction
from itertools import count
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.stopping.votes import confidence, exact_confidence, next_wave

counts = st.integers(0, 60)


def test_a_fixed_number_is_launched_at_once_and_then_no_more():
    assert next_wave(0, {}, 24) == 24
    assert next_wave(24, {"a": 20, "b": 3}, 24) == 0


def test_what_is_still_to_come_is_launched_whatever_the_tally():
    assert next_wave(10, {"a": 10}, 24) == 14
    assert next_wave(30, {}, 24) == 0
    assert next_wave(0, {}, 0) == 0


@pytest.mark.parametrize(("ended", "tally", "cap"), [(-1, {}, 5), (0, {}, -1), (2, {"a": 3}, 5)])
def test_impossible_counts_are_refused(ended, tally, cap):
    with pytest.raises(ValueError, match="impossible"):
        next_wave(ended, tally, cap)


@given(v1=counts, v2=counts)
def test_confidence_is_the_binomial_sum_exactly(v1, v2):
    first, second = max(v1, v2), min(v1, v2)
    draws = first + second + 1
    exact = Fraction(sum(comb(draws, j) for j in range(first + 1)), 2**draws)
    assert exact_confidence(first, second) == exact
    assert confidence(first, second) == float(exact)


def test_level_votes_leave_it_open():
    assert confidence(0, 0) == confidence(7, 7) == 0.5


def test_seven_to_four_is_four_fifths():
    assert round(confidence(7, 4), 2) == 0.81


@given(v1=counts, v2=counts)
def test_a_vote_for_the_leader_makes_surer_and_one_against_less_sure(v1, v2):
    first, second = max(v1, v2), min(v1, v2)
    now = exact_confidence(first, second)
    assert Fraction(1, 2) <= now < 1
    assert exact_confidence(first + 1, second) > now
    if first > second:
        assert exact_confidence(first, second + 1) < now


@pytest.mark.parametrize(
    ("threshold", "least"),
    [("0.95", [4, 6, 8, 9, 11, 12, 14]), ("0.99", [6, 9, 11, 13, 14, 16, 18])],
)
def test_the_least_lead_that_is_sure_enough(threshold, least):
    wanted = Fraction(threshold)
    found = [next(v1 for v1 in count(v2) if exact_confidence(v1, v2) >= wanted) for v2 in range(7)]
    assert found == least


@pytest.mark.parametrize(("first", "second"), [(1, 2), (0, -1), (-1, -1)])
def test_the_leader_has_the_most_votes(first, second):
    with pytest.raises(ValueError, match="leader"):
        confidence(first, second)


def test_ten_thousand_votes_are_no_problem():
    assert confidence(5_050, 4_950) == pytest.approx(0.841, abs=0.001)
