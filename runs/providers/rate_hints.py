"""What a reply's headers say of the provider's rate limits. Pure."""

from collections.abc import Mapping

from runs.domain.limits import RateHints
from runs.providers.spans import span_s

HOUR_S, DAY_S = 3_600.0, 86_400.0
LONGEST_MINUTE_S = 600.0  # what is full again at such a pace, counts by the minute
LONGEST_HOUR_S = 4 * HOUR_S

# (calls a minute, calls left, tokens a minute, tokens left), by dialect; names in lower case.
_DIALECTS = tuple(
    tuple(f"{prefix}-{of}" for of in order)
    for prefix, order in (
        (
            "x-ratelimit",
            ("limit-requests", "remaining-requests", "limit-tokens", "remaining-tokens"),
        ),
        (
            "anthropic-ratelimit",
            ("requests-limit", "requests-remaining", "tokens-limit", "tokens-remaining"),
        ),
    )
)


def rate_hints(headers: Mapping[str, str]) -> RateHints | None:
    """The hints, or None where the headers hold none."""
    for names in _DIALECTS:
        if any(name in headers for name in names):
            calls, left, *tokens = (_amount(headers.get(name)) for name in names)
            reset = headers.get("x-ratelimit-reset-requests", "")
            return RateHints(_a_minute(calls, left, reset), left, *tokens)
    return None


def _a_minute(limit: float | None, left: float | None, reset: str) -> float | None:
    """Calls a minute. Some providers count calls by the day under the same name (Groq, OpenAI
    without payment): there what was used takes as long to come back as only a day's limit can."""
    wait_s = span_s(reset)
    if not limit or left is None or wait_s is None or left >= limit:
        return limit
    window_s = wait_s * limit / (limit - left)
    if window_s <= LONGEST_MINUTE_S:
        return limit
    return limit * 60.0 / (HOUR_S if window_s <= LONGEST_HOUR_S else DAY_S)


def _amount(text: str | None) -> float | None:
    """A number of calls or tokens; what is no plausible one says nothing."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 1e12 else None
