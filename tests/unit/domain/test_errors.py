"""The tree of errors: every one carries its decision and says what to do."""

import inspect

import pytest

from runs.domain import errors
from runs.domain.errors import CallError, InvalidConfiguration, InvalidInput, ParwebError

EVERY = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, ParwebError)
]
CALL_ERRORS = [error for error in EVERY if issubclass(error, CallError) and error is not CallError]


def test_the_drawing_at_the_top_names_every_error():
    for error in EVERY:
        assert error.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("error", CALL_ERRORS)
def test_a_call_error_has_a_kind_of_its_own_and_advice(error):
    assert error.kind != CallError.kind
    assert len(error.kind) <= 20
    assert error.advice.endswith(".")
    assert str(error()) == error.advice
    assert str(error("503: Overloaded.")) == "503: Overloaded."


def test_kinds_are_unique():
    assert len({error.kind for error in CALL_ERRORS}) == len(CALL_ERRORS)


def test_only_what_may_pass_is_tried_again():
    retried = {error.kind for error in CALL_ERRORS if error.retryable}
    assert retried == {"throttled", "unavailable", "deadline", "bad_reply"}


def test_an_input_error_names_its_field():
    assert str(InvalidInput("at least 1", field="votes.samples")) == "votes.samples: at least 1"
    assert str(InvalidInput("at least 1")) == "at least 1"


def test_all_that_is_wrong_is_told_at_once():
    wrong = InvalidConfiguration([InvalidInput("a", field="x"), InvalidInput("b")])
    assert str(wrong) == "x: a\nb"
    assert len(wrong.errors) == 2
