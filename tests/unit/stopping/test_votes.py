"""How many votes come next, and how sure the leader is."""

import random
from collections import Counter
from fractions import Fraction
from itertools import count
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.stopping.votes import (
    THRESHOLDS,
    Rule,
    confidence,
    exact_confidence,
    least_lead,
    next_wave,
)

counts = st.integers(0, 60)
CONFIDENT, STRICT, DECIDED = Rule("confident"), Rule("strict"), Rule("decided")
LEADS = [("confident", [4, 6, 8, 9, 11, 12, 14]), ("strict", [6, 9, 11, 13, 14, 16, 18])]


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


@pytest.mark.parametrize(("stop", "least"), LEADS)
def test_the_least_lead_that_is_sure_enough(stop, least):
    wanted = THRESHOLDS[stop]
    found = [next(v1 for v1 in count(v2) if exact_confidence(v1, v2) >= wanted) for v2 in range(7)]
    assert found == least
    assert [least_lead(second, wanted) for second in range(7)] == least


@given(second=st.integers(0, 300), stop=st.sampled_from(["confident", "strict"]))
def test_the_table_of_leads_is_exact(second, stop):
    first, wanted = least_lead(second, THRESHOLDS[stop]), THRESHOLDS[stop]
    assert exact_confidence(first, second) >= wanted > exact_confidence(first - 1, second)


@pytest.mark.parametrize(("first", "second"), [(1, 2), (0, -1), (-1, -1)])
def test_the_leader_has_the_most_votes(first, second):
    with pytest.raises(ValueError, match="leader"):
        confidence(first, second)


def test_ten_thousand_votes_are_no_problem():
    assert confidence(5_050, 4_950) == pytest.approx(0.841, abs=0.001)
    assert next_wave(9_900, {"a": 4_950, "b": 4_949}, 10_000, STRICT) == 50


@pytest.mark.parametrize(
    ("ended", "tally", "rule", "wave"),
    [
        (0, {}, CONFIDENT, 4),
        (0, {}, STRICT, 6),
        (0, {}, DECIDED, 21),
        (4, {"a": 4}, CONFIDENT, 0),
        (4, {"a": 3, "b": 1}, CONFIDENT, 3),
        (4, {"a": 2, "b": 2}, CONFIDENT, 6),
        (4, {"a": 3}, CONFIDENT, 1),  # the fourth failed: it counts as launched, not as a vote
        (6, {"a": 6}, STRICT, 0),
        (39, {"a": 20, "b": 19}, STRICT, 1),
        (30, {"a": 21, "b": 9}, DECIDED, 0),
        (30, {"a": 20, "b": 10}, DECIDED, 1),
    ],
)
def test_a_wave_is_the_least_that_could_settle_forty_votes(ended, tally, rule, wave):
    assert next_wave(ended, tally, 40, rule) == wave


def test_a_wave_keeps_its_floor_its_ceiling_and_the_cap():
    assert next_wave(0, {}, 40, Rule("confident", wave_least=10)) == 10
    assert next_wave(0, {}, 40, Rule("confident", wave_most=2)) == 2
    assert next_wave(38, {"a": 19, "b": 19}, 40, Rule("confident", wave_least=10)) == 2


def replay(answers, rule, most):
    """Votes launched, the leader, and how many waves it took; `most` bounds a wave."""
    launched, waves, tally = 0, 0, Counter()
    while wave := min(next_wave(launched, tally, len(answers), rule), most):
        tally.update(answer for answer in answers[launched : launched + wave] if answer)
        launched, waves = launched + wave, waves + 1
    return launched, next(iter(tally.most_common(1)), None), waves


def drawn(generator):
    """Forty or fewer answers of a question of random hardness; a tenth of them failed."""
    values = "abcdefgh"[: generator.randint(1, 8)]
    weights = [generator.random() ** 3 + 0.01 for _ in values]
    answers = generator.choices(values, weights, k=generator.randint(1, 40))
    return [answer if generator.random() >= 0.1 else None for answer in answers]


SHARES = [Fraction(0), Fraction(1, 2), Fraction(2, 3), Fraction(9, 10), Fraction(1)]


def test_waves_give_the_answer_and_the_count_of_one_at_a_time_in_9000_replays():
    generator = random.Random(20_240_611)
    saved = 0
    for number in range(9_000):
        answers = drawn(generator)
        stop = ("confident", "strict", "decided")[number % 3]
        share = generator.choice(SHARES) if number % 2 else Fraction(0)
        quorum = generator.randint(1, len(answers)) if number % 5 == 0 else 0
        rule = Rule(stop, least_share=share, quorum=quorum)
        in_waves, singly = replay(answers, rule, 40), replay(answers, rule, 1)
        assert in_waves[:2] == singly[:2], (answers, rule)
        saved += singly[2] - in_waves[2]
    assert saved > 40_000  # rounds of waiting


def test_what_is_decided_is_the_full_votes_answer():
    generator = random.Random(7)
    for _ in range(3_000):
        answers = drawn(generator)
        launched, leader, _ = replay(answers, DECIDED, 40)
        if launched < len(answers):
            full = Counter(answer for answer in answers if answer).most_common(1)
            assert full[0][0] == leader[0]


def test_a_share_is_waited_for_until_it_holds_or_cannot():
    half = Rule("confident", least_share=Fraction(3, 4))
    assert next_wave(14, {"a": 10, "b": 4}, 40, half) == 2  # 12 of 16
    assert next_wave(16, {"a": 12, "b": 4}, 40, half) == 0
    assert next_wave(39, {"a": 28, "b": 11}, 40, half) == 0  # 29 of 40 at the most


def test_a_decided_share_can_no_longer_be_lost():
    rule = Rule("decided", least_share=Fraction(1, 2))
    assert next_wave(10, {"a": 9}, 20, rule) > 0
    assert next_wave(15, {"a": 10, "b": 4}, 20, rule) == 0  # one failed


def test_a_quorum_is_waited_for():
    assert next_wave(4, {"a": 4}, 40, Rule("confident", quorum=10)) == 6
    assert next_wave(4, {"a": 1}, 10, Rule("confident", quorum=9)) == 0  # it cannot be reached


def test_unequal_votes_are_settled_only_by_what_is_decided():
    weights = [Fraction(1)] * 6
    assert next_wave(4, {"a": Fraction(4)}, 10, CONFIDENT, weights, read=4) == 2
    assert next_wave(4, {"a": Fraction(9)}, 10, CONFIDENT, weights, read=4) == 0
    heavy = [Fraction(1), Fraction(5), Fraction(1)]
    assert next_wave(3, {"a": Fraction(3)}, 6, DECIDED, heavy, read=3) == 2
    with pytest.raises(ValueError, match="weights"):
        next_wave(3, {"a": Fraction(3)}, 10, DECIDED, heavy, read=3)


def test_weights_in_waves_are_weights_one_at_a_time():
    generator = random.Random(11)
    for _ in range(2_000):
        answers = drawn(generator)
        weights = [Fraction(generator.randint(1, 9), 2) for _ in answers]
        rule = Rule("decided", least_share=generator.choice(SHARES))
        assert weighted(answers, weights, rule, 40) == weighted(answers, weights, rule, 1)


def weighted(answers, weights, rule, most):
    launched, read, tally = 0, 0, Counter()
    while wave := min(
        next_wave(launched, tally, len(answers), rule, weights[launched:], read=read), most
    ):
        these = slice(launched, launched + wave)
        for answer, weight in zip(answers[these], weights[these], strict=True):
            if answer:
                tally[answer] += weight
                read += 1
        launched += wave
    return launched, tally
