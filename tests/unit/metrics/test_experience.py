"""What an ended run's calls show of others like them."""

import pytest

from runs.metrics.experience import Call, experiences


def call(asks: str = "a", start_s: float = 0.0, **changes: object) -> Call:
    values = {
        "stage": "branch",
        "connection": "c",
        "model": "m",
        "input_tokens": 100,
        "output_tokens": 20,
        "sent_ms": round(start_s * 1000),
        "first_token_ms": round(start_s * 1000) + 500,
        "ended_ms": round(start_s * 1000) + 2_000,
    }
    return Call(asks, **{**values, **changes})  # type: ignore[arg-type]


def test_calls_that_ask_the_same_of_the_same_model_are_one_lesson() -> None:
    found = experiences([call(), call(), call("b"), call(model="large")])
    assert [(one.asks, one.model, one.calls) for one in found] == [
        ("a", "m", 2),
        ("b", "m", 1),
        ("a", "large", 1),
    ]


def test_medians_and_the_ends_of_their_ranges() -> None:
    (found,) = experiences(
        call(output_tokens=tokens, ended_ms=tokens * 100) for tokens in range(1, 12)
    )
    assert (found.output_least, found.output_tokens, found.output_most) == (1, 6, 11)
    assert (found.seconds_quick, found.seconds_slow) == (0.2, 1.0)
    assert found.seconds == pytest.approx(0.6), "their mean"


def test_the_first_token_and_those_after_it_are_timed_apart() -> None:
    (found,) = experiences([call()])
    assert found.first_token_s == 0.5
    assert found.token_s == pytest.approx(1.5 / 20)


def test_an_answer_that_came_whole_says_nothing_of_tokens_a_second() -> None:
    (found,) = experiences([call(first_token_ms=None)])
    assert found.first_token_s is None
    assert found.token_s is None


def test_calls_without_usage_are_no_lesson_but_were_in_flight() -> None:
    (found,) = experiences([call(), call(output_tokens=None)])
    assert found.calls == 1
    assert found.at_once == pytest.approx(2)


def test_calls_at_once_are_counted_over_all_kinds_on_a_connection() -> None:
    found = experiences([call(), call("b"), call("c", 2.0), call("d", stage="join 1")])
    assert [one.at_once for one in found] == [1.5, 1.5, 1.5, 1.0]
