"""What a reply's headers say of the provider's rate limits. Pure."""

from collections.abc import Mapping

from runs.domain.limits import RateHints

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
            return RateHints(*(_amount(headers.get(name)) for name in names))
    return None


def _amount(text: str | None) -> float | None:
    """A number of calls or tokens; what is no plausible one says nothing."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 1e12 else None
