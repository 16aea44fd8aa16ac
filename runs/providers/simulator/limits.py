"""The simulator's own rate limits: buckets a minute, told in the headers that OpenAI uses."""

import math
from dataclasses import dataclass

from runs.providers.simulator.settings import Settings


class Bucket:
    """Refills by `per_minute`, holds at most `burst_s` seconds' worth, at least one."""

    def __init__(self, per_minute: float, burst_s: float, now: float) -> None:
        self.per_minute = per_minute
        self._rate = per_minute / 60
        self._most = max(self._rate * burst_s, 1.0)
        self._level = self._most
        self._at = now

    def level(self, now: float) -> float:
        self._level = min(self._most, self._level + (now - self._at) * self._rate)
        self._at = now
        return self._level

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until the amount is there; a larger one than it can hold needs it full."""
        lacking = min(amount, self._most) - self.level(now)
        return max(lacking / self._rate, 0.0)

    def take(self, amount: float) -> None:
        self._level -= min(amount, self._most)

    def full_in_s(self, now: float) -> float:
        return (self._most - self.level(now)) / self._rate


@dataclass(frozen=True, slots=True)
class Verdict:
    wait_s: float
    headers: dict[str, str]


class Limits:
    def __init__(self, settings: Settings, now: float) -> None:
        self._buckets = {
            name: Bucket(limit, settings.burst, now)
            for name, limit in (("requests", settings.limit_rpm), ("tokens", settings.limit_tpm))
            if limit
        }

    def ask(self, tokens: int, now: float) -> Verdict:
        """Take one request and its tokens, or say how long to wait: then nothing is taken."""
        if not self._buckets:
            return _NO_LIMITS
        amounts = {"requests": 1.0, "tokens": float(tokens)}
        wait_s = max(bucket.wait_s(amounts[name], now) for name, bucket in self._buckets.items())
        if wait_s <= 0:
            for name, bucket in self._buckets.items():
                bucket.take(amounts[name])
        return Verdict(wait_s, self._headers(wait_s, now))

    def _headers(self, wait_s: float, now: float) -> dict[str, str]:
        headers = {}
        for name, bucket in self._buckets.items():
            headers[f"x-ratelimit-limit-{name}"] = f"{bucket.per_minute:g}"
            headers[f"x-ratelimit-remaining-{name}"] = str(int(bucket.level(now)))
            headers[f"x-ratelimit-reset-{name}"] = f"{bucket.full_in_s(now):.3f}s"
        return headers | (retry_headers(wait_s) if wait_s > 0 else {})


_NO_LIMITS = Verdict(0.0, {})


def retry_headers(wait_s: float) -> dict[str, str]:
    return {
        "Retry-After": str(math.ceil(wait_s)),
        "retry-after-ms": str(math.ceil(wait_s * 1000)),
    }
