"""Which written answers are one answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.aggregation.normalize import LONGEST_KEY, key, normalized, trimmed


@pytest.mark.parametrize(
    "text",
    [
        "yes", "Yes", "YES", "Yes.", "yes\u200b", "\ufeffyes", "y\u00ades", "**Yes!**", "“Yes”",
        "‘yes’,", "- yes", "• yes", "  yes \n", "(yes)", "# Yes", "ｙｅｓ", "yes…", "`yes`",
        "yes\ud800", "yes\ufe0f",
    ],
)  # fmt: skip
def test_marks_case_and_invisible_characters_make_no_other_answer(text):
    assert normalized(text) == "yes"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-5", "5"), ("[1]", "1"), ("C", "C#"), ("C", "C++"), ("5%", "5"), ("5!", "5"), ("$5", "5"),
        ("<5", "5"), (">5", "5"), ("f(x)", "fx"), ("{1}", "(1)"), ("no", "not"), ("~5", "5"),
    ],
)  # fmt: skip
def test_signs_brackets_and_symbols_that_mean_something_stay(one, other):
    assert normalized(one) != normalized(other)


def test_dashes_and_quotes_inside_are_straightened():
    assert normalized("−5") == normalized("-5")
    assert normalized("it’s") == normalized("it's")


def test_case_is_kept_for_display():
    assert trimmed("**Paris.**") == "Paris"


@pytest.mark.parametrize("text", ["", " ", "...", "**", "\u200b", "“”", "# ", "()"])
def test_nothing_but_marks_is_no_answer(text):
    assert normalized(text) == ""


def test_a_long_text_is_told_apart_by_its_end():
    long = "the same beginning " * 50
    assert key(long + "a") != key(long + "b")
    assert len(key(long)) <= LONGEST_KEY
    assert key(long) == key(f"  {long.upper()}. ")


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    assert normalized(normalized(text)) == normalized(text)


@given(st.text(alphabet="abcßİſéﬁÅ \u200b\ufe0f.-()!*'"))
def test_normalising_awkward_letters_twice_changes_nothing(text):
    assert normalized(normalized(text)) == normalized(text)
    assert normalized(text.upper().lower()) == normalized(text.upper())


@given(st.text())
def test_a_key_is_short_and_made_of_the_normalised_text(text):
    assert len(key(text)) <= LONGEST_KEY
    assert bool(key(text)) == bool(normalized(text))
