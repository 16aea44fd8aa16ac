"""Numeric: exact statistics, honest spread, no noise of floats."""

import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.aggregation.registry import aggregate, read
from runs.domain.joins import Numeric, Reader, ReaderKind
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy
from runs.domain.results import OutcomeKind
from tests.effort import Effort
from tests.unit.aggregation.children import answered, failed, votes


def numeric(children, **settings):
    return aggregate(Numeric(**settings), FailurePolicy(), children, {})


@pytest.mark.parametrize(
    ("statistic", "answers", "value"),
    [
        ("median", ["5", "about 7", "$6"], "6"),
        ("median", ["5", "6"], "5.5"),
        ("median", ["1/3", "1/3", "5"], "1/3"),
        ("median", ["1,200.50", "1.2e3", "1300"], "1200.5"),
        ("mean", ["0.1", "0.2"], "0.15"),
        ("mean", ["0.1", "0.2", "0.3"], "0.2"),
        ("mean", ["1", "2", "2"], "1.66666666667"),
        ("mean", ["123456789012345", "123456789012346"], "123456789012345.5"),
        ("mean", ["123456789012345"] * 2 + ["123456789012346"], "123456789012345.33"),
        ("mean", ["-1", "1"], "0"),
        ("trimmed_mean", ["1", "2", "3", "4", "1000"], "3"),
        ("trimmed_mean", ["7"], "7"),
    ],
)
def test_value(statistic, answers, value):
    outcome = numeric(votes(*answers), statistic=statistic, trim=0.2)
    assert (outcome.kind, outcome.value) == (OutcomeKind.DECIDED, value)


def test_spread():
    quality = numeric(votes("1", "2", "3", "4")).quality
    assert quality["numbers"] == 4
    assert (quality["min"], quality["q1"], quality["q3"], quality["max"]) == (1, 1.75, 3.25, 4)
    assert (quality["mean"], quality["median"]) == (2.5, 2.5)
    assert quality["stdev"] == pytest.approx(statistics.stdev([1, 2, 3, 4]))
    assert numeric(votes("5")).quality["stdev"] is None
    assert numeric(votes("5", "5")).quality["stdev"] == 0


def test_what_is_trimmed_is_outvoted_and_said():
    outcome = numeric(votes("1", "5", "6", "7", "900"), statistic="trimmed_mean", trim=0.2)
    assert [c.kind for c in outcome.contributions] == [
        "outvoted", "used", "used", "used", "outvoted",
    ]  # fmt: skip
    assert outcome.contributions[4].reason == "Gave 900, left out as one of the outermost."
    assert outcome.detail == (
        "The trimmed mean of 5 numbers is 6. They lie from 1 to 900. 1 left out at either end."
    )
    assert (outcome.quality["trimmed"], outcome.quality["outvoted"]) == (2, 2)


def test_the_trim_is_the_share_a_person_wrote():
    """0.3 of 10 is 3, though the float is below it."""
    children = votes(*map(str, range(10)))
    assert numeric(children, statistic="trimmed_mean", trim=0.3).quality["trimmed"] == 6


def test_an_answer_without_a_number_is_unreadable_and_counts_for_nothing():
    outcome = numeric([answered(0, "4"), answered(1, "many"), failed(2), answered(3, "6")])
    assert outcome.value == "5"
    assert [c.kind for c in outcome.contributions] == ["used", "unreadable", "failed", "used"]
    assert "Unreadable: Document 2." in outcome.detail


def test_numbers_are_read_by_any_reader():
    reader = Reader(ReaderKind.JSON_FIELD, field="score")
    outcome = numeric(
        votes('{"score": 0.1, "n": 9}', '{"score": "0.2"}', '{"score": "high"}'), reader=reader
    )
    assert outcome.value == "0.15"
    assert outcome.contributions[2].reason == "What was read from it is no number."
    assert read(Numeric(reader=reader), '{"score": 0.1, "n": 9}', Role.VOTE) == "0.1"


numbers = st.fractions(max_denominator=1000).map(lambda f: round(f, 3))


@given(st.lists(numbers, min_size=1, max_size=20))
def test_statistics_agree_with_the_standard_library(values):
    children = votes(*(f"{float(value):f}" for value in values))
    exact = [Fraction(f"{float(value):f}") for value in values]
    assert Fraction(numeric(children).value) == statistics.median(exact)
    mean = Fraction(numeric(children, statistic="mean").value)
    assert abs(mean - statistics.mean(exact)) <= abs(statistics.mean(exact)) * Fraction(1, 10**11)


def test_hostile_numbers_take_no_long_time_and_fit_into_figures():
    effort = Effort()
    texts = [f"1/{10**149 + 2 * n + 1}" for n in range(2_000)] + ["1e300 trillion", "-1e-300"]
    outcome = numeric(votes(*texts), statistic="mean")
    assert outcome.quality["max"] is None
    assert len(outcome.value) < 700
    assert all(len(c.reason) < 100 for c in outcome.contributions)
    assert effort.seconds() < 5
