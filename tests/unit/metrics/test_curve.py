"""The vote curve."""

import random
from collections import Counter

import pytest

from runs.metrics.curve import Question, vote_curve, wilson
from runs.metrics.gold import is_hit
from tests.effort import Effort


def test_accuracy_of_the_first_k_votes_with_what_they_cost() -> None:
    curve = vote_curve(
        [
            Question(["b", "a", "a"], ["a"], [1.0, 2.0, 3.0], [10, 20, 30]),
            Question(["a", "a", "b"], ["a"], [1.0, 1.0, 1.0], [10, 10, 10]),
        ],
        is_hit,
    )
    assert curve is not None
    assert (curve.of, curve.questions, curve.left_out, curve.stopped) == ("accuracy", 2, 0, 0)
    assert [point.share for point in curve.points] == [0.5, 0.5, 1.0]
    assert [point.cost_usd for point in curve.points] == [1.0, 2.5, 4.5]
    assert [point.tokens for point in curve.points] == [10, 25, 45]
    assert [point.launched for point in curve.points] == [1, 2, 3]


def test_without_gold_it_is_agreement_with_the_full_vote() -> None:
    curve = vote_curve([Question(["b", "a", "a"]), Question([None, None])], is_hit)
    assert curve is not None
    assert (curve.of, curve.questions, curve.left_out) == ("agreement", 1, 1)
    assert [point.share for point in curve.points] == [0.0, 0.0, 1.0]
    assert curve.points[0].cost_usd is None


def test_a_declared_tie_is_no_answer() -> None:
    question = Question(["a", "b"], ["a"])
    declared, first_seen = (
        vote_curve([question], is_hit, ties=ties) for ties in ("declare", "first_seen")
    )
    assert declared is not None
    assert first_seen is not None
    assert [point.share for point in declared.points] == [1.0, 0.0]
    assert [point.share for point in first_seen.points] == [1.0, 1.0]


def test_a_vote_that_stopped_early_keeps_its_answer() -> None:
    curve = vote_curve([Question(["a"], ["a"]), Question(["b", "a", "a"], ["a"])], is_hit)
    assert curve is not None
    assert [point.share for point in curve.points] == [0.5, 0.5, 1.0]
    assert [point.launched for point in curve.points] == [1.0, 1.5, 2.0]
    assert curve.stopped == 1


def test_nothing_to_compare_gives_no_curve() -> None:
    assert vote_curve([], is_hit) is None
    assert vote_curve([Question([])], is_hit) is None
    assert vote_curve([Question([None])], is_hit) is None


@pytest.mark.parametrize("ties", ["declare", "first_seen"])
def test_it_counts_as_counting_anew_for_each_k_would(ties: str) -> None:
    generator = random.Random(5)
    for _ in range(300):
        readings = [generator.choice(["a", "b", "c", None]) for _ in range(12)]
        curve = vote_curve([Question(readings, ["a"])], is_hit, ties=ties)  # type: ignore[arg-type]
        assert curve is not None
        for point in curve.points:
            ranked = Counter(r for r in readings[: point.votes] if r).most_common()
            is_tie = len(ranked) > 1 and ranked[0][1] == ranked[1][1]
            leader = ranked[0][0] if ranked and not (is_tie and ties == "declare") else None
            assert point.share == (leader == "a")


def test_the_interval_is_wilsons() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(94, 100)
    assert (round(low, 4), round(high, 4)) == (0.8752, 0.9722)
    assert wilson(10, 10)[1] == pytest.approx(1)


def test_thirteen_hundred_questions_of_forty_votes_take_half_a_second() -> None:
    generator = random.Random(1)
    questions = [
        Question([str(generator.randint(1, 6)) for _ in range(40)], ["3"], [0.1] * 40, [100] * 40)
        for _ in range(1_318)
    ]
    effort = Effort()
    assert vote_curve(questions, is_hit) is not None
    assert effort.seconds() < 0.5
