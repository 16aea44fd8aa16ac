"""Reading a number from an answer."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.aggregation.numbers import read_number, written
from tests.effort import Effort


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("18", "18"),
        ("0.50", "0.5"),
        (".5", "0.5"),
        ("1.", "1"),
        ("So the total is $1,234.50 dollars.", "1234.5"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1.234,56 €", "1234.56"),
        ("1,5", "1.5"),
        ("1'234", "1234"),
        ("1\u202f234", "1234"),
        ("1{,}234", "1234"),
        ("1,2,3", "3"),
        ("42 km", "42"),
        ("5km", "5"),
        ("50%", "50"),
        ("50 \\%", "50"),
        ("3/4", "0.75"),
        ("It is 3/4.", "0.75"),
        ("1/3", "1/3"),
        ("1 1/2 cups", "1.5"),
        ("1½ cups", "1.5"),
        ("½", "0.5"),
        ("\\frac{3}{4}", "0.75"),
        ("3/4/2024", "2024"),
        ("-5", "-5"),
        ("−5", "-5"),
        ("x = -3.5", "-3.5"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("10-5", "5"),
        ("5–10", "10"),
        ("- 5", "5"),
        ("5k", "5000"),
        ("3 million", "3000000"),
        ("1e5", "100000"),
        ("1.5E-3", "0.0015"),
        ("3 × 10^5", "300000"),
        ("3 \\times 10^{-2}", "0.03"),
        ("\\boxed{18} as 20 − 2", "18"),
        ("She had 20, gave 2.\n#### 18", "18"),
        ("**Answer:** 7 (of 9 apples)", "7"),
        ("The answer is 42, in 3 hours.", "42"),
        ("٣", "3"),
    ],
)
def test_a_number_is_read_as_people_write_it(text, number):
    value = read_number(text)
    assert value is not None
    assert written(value) == number


@pytest.mark.parametrize(
    "text", ["", "none", "a1", "Q3", "1/0", "1e999999999", "9" * 5000, "v2.5", "answer:"]
)
def test_what_is_no_number_is_unreadable(text):
    assert read_number(text) is None


def test_the_last_number_counts_unless_an_answer_is_marked():
    assert read_number("first 5, then 6") == 6
    assert read_number("answer: 5, checked 6 times") == 5
    assert read_number("answer: unknown, about 6") == 6


@given(st.integers(-(10**12), 10**12))
def test_every_whole_number_is_read_back(number):
    assert read_number(f"The result is {number:,} units.") == number


@given(st.decimals(-10_000, 10_000, places=4))
def test_every_decimal_is_read_back_in_one_spelling(number):
    assert read_number(written(Fraction(number))) == Fraction(number)


@given(st.text())
def test_any_text_is_read_or_not_but_never_raises(text):
    value = read_number(text)
    assert value is None or written(value)


@pytest.mark.parametrize(
    "piece", ["1,", "1", "- ", "1 ", "answer:", "1/", " ", "\\frac{", "$", "a", "#", ",", "1e", "*"]
)
def test_a_hostile_text_takes_no_long_time(piece):
    effort = Effort()
    read_number(piece * 50_000)
    assert effort.seconds() < 2
