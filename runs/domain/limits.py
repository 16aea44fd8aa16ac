"""What a provider says of its own rate limits. Values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateHints:
    """From a reply's headers; None where it does not say. `*_left`: what may still be taken of
    the limit a minute, as the provider counted when it took the call."""

    calls_per_minute: float | None = None
    calls_left: float | None = None
    tokens_per_minute: float | None = None
    tokens_left: float | None = None
