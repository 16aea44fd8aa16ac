"""What is read from a provider's rate limit headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.limits import RateHints
from runs.providers.rate_hints import rate_hints
from runs.providers.spans import span_s


def read(limit: object, left: object, reset: str) -> RateHints | None:
    return rate_hints(
        {
            "x-ratelimit-limit-requests": str(limit),
            "x-ratelimit-remaining-requests": str(left),
            "x-ratelimit-reset-requests": reset,
            "x-ratelimit-limit-tokens": "18000",
            "x-ratelimit-remaining-tokens": "17997",
            "x-ratelimit-reset-tokens": "7.66s",
        }
    )


@pytest.mark.parametrize(
    ("limit", "left", "reset", "a_minute"),
    [
        (14_400, 14_370, "2m59.56s", 10),  # Groq: a day's
        (1_000, 0, "23h59m0s", 1_000 / 1_440),
        (200, 199, "7m12s", 200 / 1_440),  # OpenAI, unpaid
        (3_600, 1_800, "30m0s", 60),  # an hour's
        (60, 59, "1s", 60),
        (10_000, 9_999, "6ms", 10_000),
        (3, 2, "20s", 3),
        (3_000, 49, "0.020s", 3_000),  # a burst of a second's worth
        (60, 0, "59s", 60),  # a window that begins anew each minute
        (14_400, 14_400, "0s", 14_400),  # nothing used: it may be either
        (14_400, 14_370, "soon", 14_400),
        (14_400, 14_370, "", 14_400),
        ("many", 5, "1h", None),
    ],
)
def test_the_reset_tells_whether_calls_are_counted_by_the_minute(
    limit: object, left: float, reset: str, a_minute: float | None
) -> None:
    hints = read(limit, left, reset)
    assert hints is not None
    assert hints.calls_per_minute == (a_minute and pytest.approx(a_minute))
    assert (hints.calls_left, hints.tokens_per_minute, hints.tokens_left) == (left, 18_000, 17_997)


def test_headers_without_limits_say_nothing() -> None:
    assert rate_hints({"content-type": "text/plain"}) is None


@given(st.text(), st.text(), st.text())
def test_whatever_the_headers_hold_is_read(limit: str, left: str, reset: str) -> None:
    assert read(limit, left, reset) is not None


@pytest.mark.parametrize(
    ("text", "seconds"), [("6m0s", 360), ("20ms", 0.02), ("1d2h", 93_600), ("12", None), ("", None)]
)
def test_spans_are_read(text: str, seconds: float | None) -> None:
    assert span_s(text) == seconds
