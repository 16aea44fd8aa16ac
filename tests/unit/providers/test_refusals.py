"""Statuses, headers and error bodies as typed errors."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.domain.errors import (
    BadReply,
    BadRequest,
    CallError,
    ContentFiltered,
    ProviderUnavailable,
    QuotaExhausted,
    Throttled,
    UnknownModel,
    WrongKey,
)
from runs.providers.refusals import refusal, retry_after_s

NOW = 1_700_000_000.0
KEY = "sk-canary-5f2c91d07be84a"


def refused(status: int, body: object = None, **headers: str) -> CallError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(status, named, content, model="gpt-x", secret=KEY, now=NOW)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, WrongKey),
        (402, QuotaExhausted),
        (403, WrongKey),
        (404, UnknownModel),
        (408, ProviderUnavailable),
        (409, BadRequest),
        (413, BadRequest),
        (422, BadRequest),
        (429, Throttled),
        (500, ProviderUnavailable),
        (502, ProviderUnavailable),
        (503, ProviderUnavailable),
        (529, Throttled),
        (599, ProviderUnavailable),
        (301, BadRequest),
        (307, BadRequest),
        (204, BadReply),
    ],
)
def test_each_status_has_its_kind(status: int, kind: type[CallError]) -> None:
    error = refused(status)
    assert type(error) is kind
    assert error.status_code == status


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"code": "insufficient_quota", "message": "You exceeded"}}, QuotaExhausted),
        ({"error": {"type": "insufficient_quota"}}, QuotaExhausted),
        ({"error": {"code": "rate_limit_exceeded"}}, Throttled),
        ({"error": "slow down"}, Throttled),
        ([], Throttled),
        (b"<html>", Throttled),
    ],
)
def test_a_429_says_in_its_body_whether_the_account_is_empty(
    body: object, kind: type[CallError]
) -> None:
    assert type(refused(429, body)) is kind


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"code": "content_filter", "message": "The response was filtered"}),
        (400, {"code": "content_policy_violation"}),
        (400, {"message": "Output blocked by content filtering policy"}),
        (403, {"code": 403, "message": "flagged", "metadata": {"flagged_input": "…"}}),
    ],
)
def test_a_refused_status_can_mean_a_filter(status: int, error: object) -> None:
    assert type(refused(status, {"error": error})) is ContentFiltered


def test_a_key_quoted_in_part_is_not_passed_on() -> None:
    message = refused(400, {"error": {"message": f"Key {KEY[:14]}*** is unknown."}}).message
    assert "Key [key] is unknown." in message


def test_a_400_can_mean_an_unknown_model() -> None:
    assert type(refused(400, {"error": {"code": "model_not_found"}})) is UnknownModel


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "context too long"}},
        {"error": "context too long"},
        {"message": "context too long"},
        {"detail": "context too long"},
    ],
)
def test_the_providers_reason_is_passed_on(body: object) -> None:
    assert "context too long" in refused(400, body).message


@pytest.mark.parametrize(
    ("error", "setting"),
    [
        ({"error": {"message": "Not supported.", "param": "temperature"}}, "Temperature"),
        ({"error": {"message": "temperature: range: 0..1"}}, "Temperature"),  # Anthropic
        ({"error": {"message": "stop_sequences: each must contain a letter"}}, "Stop at"),
        ({"error": {"message": "Invalid value at 'generation_config.seed' (INT32), 9"}}, "Seed"),
        ({"detail": [{"loc": ["body", "top_p"], "msg": "less than or equal to 1"}]}, "Top p"),
    ],
)
def test_a_setting_that_is_refused_is_named_as_the_editor_calls_it(
    error: object, setting: str
) -> None:
    message = refused(400, error).message
    assert message.startswith(f"The model refuses the setting “{setting}” (400).")


@pytest.mark.parametrize("said", ["messages: at least one is required", "The seed: is odd", "seed"])
def test_what_names_no_setting_is_passed_on_as_it_is(said: str) -> None:
    message = refused(400, {"error": {"message": said}}).message
    assert message.startswith("The provider refused the request (400).")
    assert message.endswith(said)


def test_a_long_or_odd_reason_is_one_short_line() -> None:
    message = refused(400, {"error": {"message": "a\x00\u2028\nb\ud800" + "x" * 5000}}).message
    assert len(message) < 300
    assert message.isprintable()
    message.encode()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_the_key_is_in_no_message(status: int) -> None:
    body = {"error": {"message": f"Key {KEY} is wrong, {'x' * 150} {KEY}"}}
    error = refused(status, body)
    assert KEY[:10] not in error.message
    assert KEY[:10] not in str(error)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1e12"}, 86_400.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:30 GMT"}, 10.0),
        (
            {
                "retry-after": "Tue, 14 Nov 2023 23:00:10 GMT",
                "date": "Tue, 14 Nov 2023 23:00:00 GMT",
            },
            10.0,
        ),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-reset-requests": "1.5s", "x-ratelimit-reset-tokens": "9s"}, 1.5),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-reset-tokens": "9s",
                "x-ratelimit-remaining-requests": "5",
                "x-ratelimit-remaining-tokens": "0",
            },
            9.0,
        ),
        ({"x-ratelimit-reset": "1700000007"}, 7.0),
        ({"x-ratelimit-reset": "1700000007000"}, 7.0),
        ({"x-ratelimit-reset-requests": "2023-11-14T22:13:25Z"}, 5.0),
        ({"x-ratelimit-reset-requests": "12"}, 12.0),
        ({"x-ratelimit-reset-requests": "later"}, None),
    ],
)
def test_reads_how_long_to_wait(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers, NOW) == pytest.approx(expected)


def test_waits_are_read_where_a_retry_makes_sense() -> None:
    assert refused(503, retry_after="7").retry_after_s == 7
    assert refused(529, retry_after="7").retry_after_s == 7
    assert refused(400, retry_after="7").retry_after_s is None


NAMES = [
    *("retry-after", "retry-after-ms", "date", "x-ratelimit-reset", "x-ratelimit-reset-tokens"),
    *("anthropic-ratelimit-requests-reset", "x-ratelimit-limit-requests", "x-ratelimit-reset-a"),
    *("x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-limit"),
]
ODD_VALUES = st.sampled_from(
    [
        *("", " ", "0", "-1", "1e999", "nan", "9" * 400, "6m0s", "1d" * 200, "0 0", "٣", "1_000"),
        *("Tue, 99 Foo 2023", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
        *("Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359", "20231114T221325Z"),
    ]
)
FIELDS = st.sampled_from(
    [
        *("error", "message", "code", "type", "status", "details", "detail", "metadata", "param"),
        *("retryDelay", "violations", "quotaId", "reason", "msg", "loc"),
    ]
)
values = ODD_VALUES | st.text(st.characters(codec="latin-1"), max_size=40)
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=20,
)
bodies = json_like.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)


@given(st.integers(100, 999), st.dictionaries(st.sampled_from(NAMES), values, max_size=4), bodies)
@settings(max_examples=400, deadline=None)
def test_whatever_a_refusal_says_it_is_a_typed_error(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    error = refusal(status, headers, body, model="m", secret=KEY, now=NOW)
    assert isinstance(error, CallError)
    error.message.encode()
    assert error.retry_after_s is None or 0 <= error.retry_after_s <= 86_400
