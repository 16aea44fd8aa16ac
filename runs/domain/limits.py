"""What a provider says of its own rate limits. Values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateHints:
    """From a reply's headers; None where it does not say. `*_left`: what may still be taken of
    the limit, as the provider counted when it took the call; of a limit an hour or a day, which is
    told as its part a minute, that may be more than `*_per_minute`."""

    calls_per_minute: float | None = None
    calls_left: float | None = None
    tokens_per_minute: float | None = None
    tokens_left: float | None = None
